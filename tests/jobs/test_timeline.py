"""Whatever the order events come in, they go out once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.faultserver import message, metrics
from tui.jobs import Event
from tui.jobs.timeline import Timeline, is_newest_first, oldest_first


def events_of(rows: list[dict[str, object]]) -> list[Event]:
    return [event for row in rows if (event := Event.from_wire(row))]


def history(steps: int, stride: int) -> list[Event]:
    rows = [message(0, "Created", 1_700_000_000)]
    rows += [metrics(n, n * stride, created_at=1_700_000_000 + n // 3) for n in range(1, steps + 1)]
    rows.append(message(steps + 1, "Done", 1_700_000_001 + steps))
    return events_of(rows)


@given(st.integers(1, 25), st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_arrival(steps: int, random, chunk: int) -> None:  # type: ignore[no-untyped-def]
    events = history(steps, 1)
    arriving = [*events, *random.sample(events, len(events) // 2)]
    random.shuffle(arriving)
    timeline = Timeline(patience=1e9)
    shown, points = [], []
    while arriving:
        timeline.take(arriving[:chunk], 0.0)
        del arriving[:chunk]
        released = timeline.release(0.0, everything=not arriving)
        shown += [event.id for event in released.events]
        points += [point.step for point in released.points]
        assert not released.amended
    assert points == list(range(1, steps + 1))
    assert sorted(shown) == sorted({event.id for event in events})
    assert not timeline.holding


@given(st.integers(2, 20), st.sampled_from([5, 10, 100]))
def test_regular_strides_wait_only_once(steps: int, stride: int) -> None:
    events = history(steps, stride)
    timeline = Timeline(patience=1.0)
    timeline.take(events[:2], 0.0)
    assert timeline.release(0.0).points == ()
    assert [point.step for point in timeline.release(1.0).points] == [stride]
    timeline.take(events[2:], 1.0)
    assert [point.step for point in timeline.release(1.0).points] == [
        n * stride for n in range(2, steps + 1)
    ]


def test_what_happened_after_a_missing_step_waits_with_it() -> None:
    timeline = Timeline(patience=10.0)
    timeline.take(events_of([metrics(1, 1), metrics(3, 3), message(4, "later")]), 0.0)
    released = timeline.release(0.0)
    assert [event.id for event in released.events] == ["ftevent-1"]
    timeline.take(events_of([metrics(2, 2)]), 1.0)
    released = timeline.release(1.0)
    assert [event.id for event in released.events] == ["ftevent-2", "ftevent-3", "ftevent-4"]


def test_a_step_that_comes_too_late_is_not_lost() -> None:
    timeline = Timeline(patience=1.0)
    timeline.take(events_of([metrics(1, 1), metrics(3, 3)]), 0.0)
    timeline.release(5.0)
    timeline.take(events_of([metrics(2, 2)]), 6.0)
    assert [point.step for point in timeline.release(6.0).points] == [2]


def test_the_order_of_a_page_is_recognised() -> None:
    new = list(reversed(history(5, 1)))
    old = history(5, 1)
    assert is_newest_first(new)
    assert not is_newest_first(old)
    assert oldest_first(new) == oldest_first(old) == old
    assert oldest_first([]) == []
