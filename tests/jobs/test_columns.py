"""A history read as columns is the history that its events tell, in the same order."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs import test_watcher
from tests.jobs.faultserver import message, metrics
from tests.jobs.test_watcher import (
    test_any_order_and_page_size,
    test_every_kind_of_trouble_at_once,
    test_follows_a_job_to_its_end,
)
from tui.jobs import Event, Ledger, MetricPoint
from tui.jobs.columns import columns_of, from_bytes, joined, to_bytes
from tui.jobs.timeline import Timeline

ENDPOINT, JOB = "lab http://x/v1", "ftjob-1"
_ = (
    test_any_order_and_page_size,
    test_every_kind_of_trouble_at_once,
    test_follows_a_job_to_its_end,
)
watcher = test_watcher.watcher
pytestmark = pytest.mark.usefixtures("hurried", "small_parts")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every history is kept as columns, a few events a part."""
    for module in ("tui.jobs.history", "tui.jobs.watcher"):
        monkeypatch.setattr(f"{module}.PART_LEAST", 1)
    monkeypatch.setattr("tui.jobs.history.PART_MOST", 7)


values = st.dictionaries(
    st.sampled_from(["train_loss", "valid_loss", "a.b"]),
    st.floats(allow_nan=True, allow_infinity=True) | st.integers(-3, 3),
    max_size=3,
)
events = st.builds(
    lambda number, step, total, at, told, level, data: Event(
        f"e-{number}",
        at,
        level,
        told,
        "metrics" if data and step is not None else "message",
        {"step": step, "total_steps": total, **data} if data else None,
    ),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 12) | st.sampled_from([50, 60]),
    st.none() | st.just(60),
    st.none() | st.integers(1, 9),
    st.sampled_from(["", "Hello", "Step 3/10: training loss=0.5, validation loss=nan"]),
    st.sampled_from(["info", "info", "info", "warn"]),
    values,
)
histories = st.lists(events, max_size=40, unique_by=lambda event: event.id)


def bodies(history: list[Event]) -> list[tuple[int, str, str]]:
    return [(2 * n + 5, e.id, json.dumps(e.to_wire())) for n, e in enumerate(history)]


def plain(point: MetricPoint) -> tuple[object, ...]:
    # NaN is not equal to itself, and the order of names says nothing.
    said = sorted((name, repr(value)) for name, value in point.values.items())
    return (point.id, point.created_at, point.step, point.total_steps, tuple(said))


@settings(deadline=None, max_examples=300)
@given(histories, st.booleans(), st.integers(0, 40))
def test_the_same_as_one_event_after_the_other(
    history: list[Event], everything: bool, cut: int
) -> None:
    rows = bodies(history)
    parts = [columns_of(rows[:cut]), columns_of(rows[cut:])]
    kept = [from_bytes(to_bytes(part)) for part in parts if part is not None]
    columns = joined([part for part in kept if part is not None])
    by_number = {number: event for (number, _, _), event in zip(rows, history, strict=True)}

    one, other = Timeline(), Timeline()
    one.take(history, 0.0)
    one.learn()
    wanted = one.release(0.0, everything=everything)
    found = other.restore(columns, lambda: by_number, 0.0, everything=everything)

    assert [e.id for e in found.events] == [e.id for e in wanted.events]
    assert [plain(p) for p in found.points] == [plain(p) for p in wanted.points]
    assert [plain(found.points[i]) for i in range(len(found.points))] == [
        plain(p) for p in wanted.points
    ]
    assert {e.id for e in wanted.events if e.level != "info"} <= {e.id for e in found.events.told}
    assert one.holding == other.holding
    # What comes later is taken in alike.
    later = [
        Event(
            f"later-{n}", 20, "info", "", "metrics", {"step": step, "train_loss": 0.5, "new": 1.0}
        )
        for n, step in enumerate([0, 3, 7, 12, 13, 60, 61])
    ]
    assert [e.id for e in one.take([*history, *later], 1.0)] == [
        e.id for e in other.take([*history, *later], 1.0)
    ]
    assert one.newest is not None
    assert other.newest is not None
    assert plain(one.newest) == plain(other.newest)
    wanted, found = one.release(99.0, everything=True), other.release(99.0, everything=True)
    assert [e.id for e in found.events] == [e.id for e in wanted.events]
    assert [plain(p) for p in found.points] == [plain(p) for p in wanted.points]
    assert [plain(p) for p in found.amended] == [plain(p) for p in wanted.amended]


@given(histories)
@settings(deadline=None)
def test_whole_tracks_are_the_points(history: list[Event]) -> None:
    columns = columns_of(bodies(history))
    assert columns is not None
    points = Timeline().restore(columns, dict, 0.0, everything=True).points
    found = {
        name: [(s, repr(v), repr(t)) for s, v, t in zip(*(a.tolist() for a in arrays), strict=True)]
        for name, *arrays in points.columns()
    }
    wanted: dict[str, list[tuple[float, str, str]]] = {}
    for point in points:
        at = float(point.created_at) if point.created_at else math.nan
        for name, value in point.values.items():
            wanted.setdefault(name, []).append((point.step, repr(value), repr(at)))
    assert found == wanted


def keep(ledger: Ledger, history: list[Event]) -> None:
    ledger.keep_events(ENDPOINT, JOB, history, None, complete=True)


def told(steps: range) -> list[Event]:
    rows = [message(900, "Created"), *[metrics(n, n) for n in steps]]
    return [event for row in rows if (event := Event.from_wire(row))]


def test_two_processes_keep_columns_of_one_history(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path / "ledger.db"), Ledger(tmp_path / "ledger.db")
    keep(one, told(range(1, 12)))
    assert one.keep_columns(ENDPOINT, JOB) == 7
    keep(other, told(range(8, 20)))
    while other.keep_columns(ENDPOINT, JOB) or one.keep_columns(ENDPOINT, JOB):
        keep(one, told(range(20, 22)))
    columns, gap, loose = one.columns(ENDPOINT, JOB)
    assert columns is not None
    assert (gap, loose) == (0, 0)
    assert columns.ids == [event.id for event in one.events(ENDPOINT, JOB)]
    assert len(columns.bodies) == 1


@pytest.mark.parametrize("body", [b"", b"TDC1", b"TDC1\xff\xff\xff\xff", b"TDC1\x02\0\0\0{}"])
def test_damaged_columns_are_left_alone(tmp_path: Path, body: bytes) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    keep(ledger, told(range(1, 5)))
    ledger.keep_columns(ENDPOINT, JOB)
    with ledger._write() as db:
        db.execute("UPDATE columns SET body=?", (body,))
    assert ledger.columns(ENDPOINT, JOB)[0] is None
    assert len(ledger.events(ENDPOINT, JOB)) == 5


def test_numbers_too_large_for_a_column(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    keep(ledger, [Event("e", None, "info", "", "metrics", {"step": 10**30, "loss": 1.0})])
    assert ledger.keep_columns(ENDPOINT, JOB) == 0
    assert ledger.columns(ENDPOINT, JOB)[0] is None


def test_steps_ten_apart_do_not_wait_when_a_history_is_opened() -> None:
    timeline = Timeline(patience=1e9)
    timeline.take(told(range(10, 101, 10)), 0.0)
    timeline.learn()
    assert len(timeline.release(0.0).points) == 10
