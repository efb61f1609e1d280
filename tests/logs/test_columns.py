"""Many rows read at once are the rows that are read one after the other."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logs.reading import events_of, rows_in
from tui.jobs import NONE, Update
from tui.logs import Batch
from tui.logs.assemble import Assembler
from tui.logs.columns import rows_of
from tui.logs.detect import reader_of
from tui.logs.literal import dictionary_in
from tui.logs.rows import STEPS, TIMES, TOTALS, kept_name, metric_names, moment, whole
from tui.logs.text import JsonLines
from tui.loose import number_of
from tui.run.state import RunState

NUMBERS = st.floats(-9, 9) | st.sampled_from([math.nan, math.inf, -math.inf]) | st.integers(-3, 9)
CELLS = (
    NUMBERS
    | st.sampled_from(["0.5", "nan", " 2 ", "1_0", "abc", "", None, True, [1], 10**400, 2**70])
    | st.dictionaries(st.sampled_from(["acc", "loss"]), NUMBERS | st.none() | st.just({"a": 1}))
)
NAMES = [
    "loss",
    "eval_loss",
    "lr",
    "learning_rate",
    "eval/loss",
    "train_runtime",
    "odd name",
    "a.b",
]
STEP = st.integers(0, 6) | st.sampled_from(["3", 2.0, 2.5, -1, None, 2**60, math.nan])
TIME = st.sampled_from([1.7e9, 1.7e12, "2025-01-01T00:00:00", 12, "soon", None])


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {name: draw(CELLS) for name in draw(st.sets(st.sampled_from(NAMES)))}
    for names, values in ((STEPS, STEP), (TOTALS, st.just(90)), (TIMES, TIME)):
        found.update((name, draw(values)) for name in draw(st.sets(st.sampled_from(names[:3]))))
    if draw(st.booleans()):
        found["epoch"] = draw(st.sampled_from([0.5, 1, "1.5", None, 2.0]))
    return dict(draw(st.permutations(list(found.items()))))


def leaves(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        yield name, value
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in leaves(value))


def told_plainly(record: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a record, one asked after the other."""
    told: dict[str, float] = {}
    for name, value in leaves(record):
        known, found = kept_name(name), number_of(value)
        if known is not None and found is not None:
            told[known] = found
    return told


def first(record: dict[str, Any], names: tuple[str, ...], read: Any) -> Any:
    found = (read(record[name]) for name in names if name in record)
    return next((value for value in found if value is not None), None)


@settings(max_examples=150, deadline=None)
@given(found=st.lists(records(), max_size=12))
def test_columns_say_what_each_record_says(found: list[dict[str, Any]]) -> None:
    rows, told = rows_of(found)
    assert told.tolist() == [bool(metric_names(record)) for record in found]
    kept = [record for record in found if metric_names(record)]
    assert rows_in([Batch(rows=rows)]) == [
        (first(record, STEPS, whole), str(dict(sorted(told_plainly(record).items()))))
        for record in kept
    ]
    ats = [first(record, TIMES, moment) for record in kept]
    assert [None if math.isnan(at) else at for at in rows.ats.tolist()] == ats
    totals = [first(record, TOTALS, whole) for record in kept]
    assert [None if total == NONE else total for total in rows.totals.tolist()] == totals


def state_of(updates: list[Update]) -> dict[str, Any]:
    """Return what a panel knows after some updates, as text because NaN is not equal to itself."""
    state = RunState("x")
    for update in updates:
        state.apply(update)
    return {
        "tracks": {
            name: str([list(track.steps), list(track.values), list(track.times)])
            for name, track in sorted(state.metrics.items())
        },
        "step": state.step,
        "total": state.total_steps,
        "events": [(event.message, event.type) for event in events_of(updates)],
        "status": state.status,
    }


def taken(batches: list[Batch]) -> dict[str, Any]:
    assembler = Assembler("/log", "log")
    found = [assembler.take(batch, modified=0, live=False) for batch in batches]
    return state_of([update for updates in found for update in updates])


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A run with restarts, epochs that count steps anew, and rows of several kinds."""
    step, epoch, found = 0, 0.0, []
    for _ in range(draw(st.integers(0, 40))):
        turn = draw(st.integers(0, 12))
        step = 0 if turn == 0 else max(0, step - 3) if turn == 1 else step + draw(st.integers(0, 2))
        epoch = epoch + 1 if turn == 0 and draw(st.booleans()) else epoch
        names = draw(st.sampled_from([("loss", "lr"), ("loss",), ("eval_loss",), ("loss", "acc")]))
        record: dict[str, Any] = {name: draw(NUMBERS) for name in names}
        if turn != 2:
            record["step"] = step
        found.append(record | ({"epoch": epoch} if turn % 2 else {}))
    return found


@settings(max_examples=120, deadline=None)
@given(run=logs(), broken=st.sets(st.integers(0, 39)))
def test_json_lines_at_once_and_one_by_one_are_the_same_run(
    run: list[dict[str, Any]], broken: set[int]
) -> None:
    texts = [json.dumps(record) for record in run]
    lines = [
        text[: len(text) // 2] if at in broken else text + "\n" for at, text in enumerate(texts)
    ]
    data = "".join(lines).encode()
    reader = JsonLines()
    one_by_one = [reader.feed(line + b"\n") for line in data.split(b"\n")]
    whole_reader = JsonLines()
    at_once = [whole_reader.feed(data), whole_reader.settle(final=True)]
    assert taken(at_once) == taken(one_by_one)


@settings(max_examples=120, deadline=None)
@given(run=logs(), quoted=st.sets(st.integers(0, 39)), end=st.sampled_from(["\n", "\r\n"]))
def test_a_table_at_once_and_one_by_one_is_the_same_run(
    run: list[dict[str, Any]], quoted: set[int], end: str
) -> None:
    names = ["epoch", "step", "loss", "eval_loss", "lr", "acc"]
    lines = [",".join(names)]
    for at, record in enumerate(run):
        cells = [str(record.get(name, "")) for name in names]
        lines.append(",".join(f'"{cell}"' if at in quoted else cell for cell in cells))
        lines += [lines[0]] * (at in quoted) + ["1,2,broken"] * (at in quoted)
    reader = reader_of("csv")
    one_by_one = [reader.feed(f"{line}{end}".encode()) for line in lines]
    at_once = reader_of("csv").feed("".join(f"{line}{end}" for line in lines).encode())
    assert taken([at_once]) == taken(one_by_one)


ODD = ("nan", "inf", "[1", "2]", "[]", "true", "null", "1_0", "1e400", "007", ".5", "x", "")
CELL = st.sampled_from(["1", "2.5", "-3e-2", *ODD])
ENDS = st.sampled_from(["\n", "\r\n"])


@given(lines=st.lists(st.tuples(CELL, CELL, CELL), max_size=30), end=ENDS)
def test_every_cell_of_a_table_is_read_as_the_number_it_is(
    lines: list[tuple[str, str, str]], end: str
) -> None:
    names = ("loss", "acc", "score")
    text = end.join([",".join(names), *(",".join(line) for line in lines), ""])
    told = [dict(zip(names, map(number_of, line), strict=True)) for line in lines]
    kept = [{name: amount for name, amount in row.items() if amount is not None} for row in told]
    expected = [(None, str(dict(sorted(row.items())))) for row in kept if row]
    assert rows_in([reader_of("csv").feed(text.encode())]) == expected


def test_a_restart_among_many_rows() -> None:
    steps = [*range(600), *range(300, 900)]
    text = "".join(json.dumps({"step": s, "loss": i}) + "\n" for i, s in enumerate(steps))
    found = taken([JsonLines().feed(text.encode())])
    assert found["step"] == 899
    assert found["events"] == [("Training goes on from step 300: it was restarted.", "restart")]
    kept = [float(at) for at in (*range(300), *range(600, 1200))]
    assert found["tracks"]["loss"].startswith(str([[float(s) for s in range(900)], kept])[:-1])


@given(
    found=st.dictionaries(
        st.text("abc_/", min_size=1),
        st.floats() | st.integers(-9, 9) | st.sampled_from(["2e-05", "x y", "it's", 'a "b"', None]),
        min_size=1,
    )
)
def test_a_printed_dictionary_reads_as_it_was(found: dict[str, Any]) -> None:
    read = dictionary_in(f"[rank0] {found}\n")
    assert read is not None
    assert {name: str(number_of(value)) for name, value in read.items()} == {
        name: str(number_of(value)) for name, value in found.items()
    }
