"""The table of runs that are compared: its columns, their order, and the same for programs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.run import words
from tui.run.compare import LOG, Compared, differing, said, usual_measure
from widgets.numbers import compact, counted, duration, integer, metric, usd
from widgets.text import cell_width, clean, fit

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from tui.run.state import RunState
    from widgets.track import Track

NAME = "name"
"""The key by which runs are sorted by their names."""

LABELS = {
    "n_epochs": "epochs",
    "learning_rate_multiplier": "lr x",
    "learning_rate": "lr",
    "batch_size": "batch",
}
"""Short headings of settings."""

_NONE = "-"
# The time of a run that goes on moves in jumps, so that it does not cost the line a row a second.
_GRAIN = 10.0
_MOST_CELL = 28

Value = float | str | None
"""What a cell is sorted by."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison.

    Attributes:
        key: Its stable name.
        label: Its heading.
        cells: What stands there, a run each; not cleaned.
        values: What they are sorted by, a run each; ``None`` where nothing is known.
        right: Whether it is set to the right.
        highest: Whether the largest come first, as they are the best.
    """

    key: str
    label: str
    cells: tuple[str, ...]
    values: tuple[Value, ...]
    right: bool = True
    highest: bool = False


def columns(
    runs: Sequence[Compared], now: float, measure: str = "", at: Column | None = None
) -> list[Column]:
    """Return the table: a row a run, the most telling columns first; empty ones are left out.

    Args:
        runs: The runs.
        now: Seconds since 1970.
        measure: By what they are compared; by the usual unless given.
        at: A column that is shown first of the numbers, such as the values at a cursor.
    """
    readings = [run.reading(measure or usual_measure(runs)) for run in runs]
    best_valid = [best_of(each.valid, highest=each.highest) for each in readings]
    best_train = [best_of(each.train, highest=each.highest) for each in readings]
    last_valid = [each.valid.last for each in readings]
    last_train = [each.train.last for each in readings]
    highest = bool(readings) and readings[0].highest
    states = [run.state for run in runs]
    # Of a run that nobody answers for, what is shown is what was known last.
    status = [
        words.status_word(run.status) + ("?" if run.trouble and not run.state.terminal else "")
        for run in runs
    ]
    found = [Column("status", "Status", tuple(status), tuple(status), right=False)]
    found += [at] if at is not None else []
    found += [
        _numbers("best", "Best valid", [b and b[0] for b in best_valid], _places(best_valid)),
        _numbers("valid", "Valid", last_valid, [_metric(value) for value in last_valid]),
        _numbers("train", "Train", last_train, [_metric(value) for value in last_train]),
        _numbers("best_train", "Best train", [b and b[0] for b in best_train], _places(best_train)),
    ]
    if highest:
        found[-4:] = [_best_first(column) for column in found[-4:]]
    found.append(_numbers("step", "Step", [s.step or None for s in states], map(_steps, states)))
    found += _settings(runs)
    tokens = [state.tokens_so_far() for state in states]
    spent = [state.usd_so_far() for state in states]
    times = [taken(state, now) for state in states]
    kept = [len(state.checkpoints) or None for state in states]
    found += [
        _numbers("tokens", "Tokens", tokens, map(compact, tokens)),
        _numbers("cost", "Cost", spent, map(usd, spent)),
        _numbers("time", "Time", times, map(_time, states, times)),
        _numbers("kept", "Kept", kept, [_NONE if each is None else str(each) for each in kept]),
        _texts("data", "Data", _data(runs)),
    ]
    if len({run.valid_id for run in runs if run.state.job}) > 1:
        found.append(_texts("valid_data", "Valid data", [run.valid_data for run in runs]))
    return [column for column in found if any(cell != _NONE for cell in column.cells)]


def _numbers(key: str, label: str, values: Sequence[float | None], cells: Any) -> Column:
    sorted_by = [None if value is None or math.isnan(value) else value for value in values]
    return Column(key, label, tuple(cells), tuple(sorted_by))


def _best_first(column: Column) -> Column:
    return Column(column.key, column.label, column.cells, column.values, highest=True)


def _texts(key: str, label: str, cells: Sequence[str]) -> Column:
    values = tuple(cell or None for cell in cells)
    return Column(key, label, tuple(cell or _NONE for cell in cells), values, right=False)


def _settings(runs: Sequence[Compared]) -> list[Column]:
    found = []
    for name in differing(runs):
        told = [run.hyperparameters.get(name) for run in runs]
        values = tuple(
            float(v) if isinstance(v, (int, float)) else None if v is None else said(v)
            for v in told
        )
        cells = tuple(said(value) for value in told)
        found.append(Column(f"hyper.{name}", LABELS.get(name, name), cells, values))
    return found


def _data(runs: Sequence[Compared]) -> list[str]:
    """Name what each run was trained on, marked where names alone would mislead."""
    pairs = {(run.data, run.data_id) for run in runs if run.data_id}
    names, ids = {name for name, _ in pairs}, {each for _, each in pairs}
    if len(pairs) == len(names) == len(ids):
        return [run.data for run in runs]
    return [f"{run.data} #{run.sha256[:6]}" if run.sha256 else run.data for run in runs]


def _metric(value: float | None) -> str:
    if value is None:
        return _NONE
    return metric(value) if math.isfinite(value) else "NaN"


def best_of(track: Track, *, highest: bool) -> tuple[float, float] | None:
    """Return the best value and its step; ``None`` where there is none."""
    return track.best(highest=highest) if len(track) else None


def _places(best: Sequence[tuple[float, float] | None]) -> list[str]:
    return [f"{metric(each[0])} @{integer(each[1])}" if each else _NONE for each in best]


def _steps(state: RunState) -> str:
    if not state.step:
        return _NONE
    return integer(state.step) + (f"/{integer(state.total_steps)}" if state.total_steps else "")


def _time(state: RunState, taken: float | None) -> str:
    if taken is not None and not state.terminal and not state.ended:
        taken -= taken % _GRAIN
    return duration(taken)


def taken(state: RunState, now: float) -> float | None:
    """How long the run took, by its measurements where the times of the job say nothing."""
    taken = state.elapsed(now)
    # A log tells when its rows were measured, not when the training began and ended.
    if taken and (state.job is None or state.job.provider != LOG):
        return taken
    longest = max(state.metrics.values(), key=len, default=None)
    if longest is None or state.began_at is None or not math.isfinite(longest.times[-1]):
        return None
    return max(0.0, longest.times[-1] - state.began_at)


def ordered(
    runs: Sequence[Compared], table: Sequence[Column], key: str, *, backwards: bool = False
) -> list[Compared]:
    """Return the runs sorted by a column, the best or smallest first; the unknown stay last.

    Args:
        runs: The runs, in the order of the table's rows.
        table: The columns.
        key: Of a column, or :data:`NAME`; one that is not there leaves the order as it is.
        backwards: The other way round, the unknown last all the same.
    """
    column = next((column for column in table if column.key == key), None)
    if column is None and key != NAME:
        return list(runs)
    values = column.values if column else tuple(clean(run.title).casefold() for run in runs)
    down = (column.highest if column else False) != backwards
    known = [place for place, value in enumerate(values) if value is not None]
    # Words such as "auto" stand after numbers.
    known.sort(key=lambda place: _rank(values[place]), reverse=down)
    unknown = [place for place, value in enumerate(values) if value is None]
    return [runs[place] for place in (*known, *unknown)]


def _rank(value: Value) -> tuple[bool, float, str]:
    return (True, 0.0, value.casefold()) if isinstance(value, str) else (False, value or 0.0, "")


def as_text(
    runs: Sequence[Compared],
    table: Sequence[Column],
    letters: Mapping[RunKey, str] | None = None,
    width: int | None = None,
) -> list[str]:
    """Return the table as lines of cleaned text.

    Args:
        runs: The runs.
        table: The columns.
        letters: What drawn runs are called on the chart.
        width: Cells of a line; ``None`` for as many as are needed.
    """
    from widgets.plain import table as lines

    first = [Column("", "Run", tuple(run.title for run in runs), (), right=False)]
    if letters:
        signs = tuple(letters.get(run.key, "") for run in runs)
        first.insert(0, Column("", "", signs, (), right=False))
    shown = [*first, *table]
    if width is not None:
        fitting = _fitting([_cut(column) for column in shown], width)
        shown = fitting[: max(len(fitting), len(first) + 1)]
    rows = [[column.cells[place] for column in shown] for place in range(len(runs))]
    found = lines(
        [column.label for column in shown],
        rows,
        align="".join("r" if column.right else "l" for column in shown),
        width=width,
    )
    left_out = len(first) + len(table) - len(shown)
    if left_out:
        found.append(f"{counted(left_out, 'column')} left out for want of room: --csv has all")
    return found


def _cut(column: Column) -> Column:
    cells = tuple(fit(clean(cell), _MOST_CELL) for cell in column.cells)
    return replace(column, cells=cells)


def _fitting(table: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit side by side, the first ones."""
    room = width
    for place, column in enumerate(table):
        room -= max(map(cell_width, (column.label, *column.cells))) + 2
        if room < -2:
            return list(table[:place])
    return list(table)


def file_name(runs: Sequence[Compared]) -> str:
    """Propose a name for what is exported, without an ending."""
    if len(runs) == 1:
        return os.path.basename(runs[0].title) or "run"
    return f"compare-{len(runs)}-runs"
