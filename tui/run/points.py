"""The numbers of runs as CSV or JSON, as they arrived: nothing smoothed, nothing thinned."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from tui.run.state import RunState
from widgets.text import clean

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_safe(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: names of runs are foreign.

    Text that begins like one gets an apostrophe before it, which spreadsheets do not show; numbers
    stay as they are.
    """
    if not isinstance(cell, str):
        return cell
    # The table may be looked at in a terminal first; names in any script stay as they are.
    text = cell if cell.isprintable() else clean(cell)
    return f"'{text}" if cell.startswith(_FORMULA) else text


def as_csv(runs: Sequence[tuple[str, RunState]]) -> str:
    """One row a step and run, one column a metric.

    Times are seconds since 1970. An empty cell is a metric that was not told at that step; ``nan``
    is one that was no number.

    Args:
        runs: The name and the state of each; with several, the first column names the run.
    """
    names = list(dict.fromkeys(name for _, state in runs for name in state.metrics))
    several = len(runs) > 1
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = [*(["run"] if several else []), "step", "time", *names]
    writer.writerow([spreadsheet_safe(name) for name in head])
    for run, state in runs:
        rows: dict[float, dict[str, float]] = {}
        times: dict[float, float] = {}
        for name, track in state.metrics.items():
            for step, value, at in zip(track.steps, track.values, track.times, strict=True):
                rows.setdefault(step, {})[name] = value
                if at == at:
                    times[step] = at
        for step in sorted(rows):
            cells = [_cell(rows[step].get(name)) for name in names]
            when = f"{times[step]:.0f}" if step in times else ""
            writer.writerow(
                [*([spreadsheet_safe(run)] if several else []), _cell(step), when, *cells]
            )
    return out.getvalue()


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    if math.isfinite(value) and value == int(value):
        return str(int(value))
    return repr(value)


def as_json(runs: Sequence[tuple[str, RunState]]) -> str:
    """Each run with its metrics, each metric as lists of steps, times and values.

    NaN, infinities and unknown times are null.

    Args:
        runs: The name and the state of each.
    """
    document = {"runs": [_run(name, state) for name, state in runs]}
    return json.dumps(document, indent=None, allow_nan=False) + "\n"


def _run(name: str, state: RunState) -> dict[str, Any]:
    job = state.job
    return {
        "name": name,
        "id": job.id if job else state.job_id,
        "provider": job.provider if job else None,
        "model": job.model if job else None,
        "status": state.status or None,
        "total_steps": state.total_steps or None,
        "metrics": metrics_json(state),
    }


def metrics_json(state: RunState) -> dict[str, Any]:
    """Each metric of a run as lists of steps, times and values; NaN and infinities are null."""
    return {
        metric: {
            "steps": [int(step) if step == int(step) else step for step in track.steps],
            "times": [_number(at) for at in track.times],
            "values": [_number(value) for value in track.values],
        }
        for metric, track in state.metrics.items()
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
