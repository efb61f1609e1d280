"""The comparison of runs for other programs: JSON, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.run.compare import Compared, differing, usual_measure
from tui.run.points import spreadsheet_safe
from tui.run.sidebyside import best_of, taken
from tui.run.trend import trend

if TYPE_CHECKING:
    from widgets.track import Track


def as_json(runs: Sequence[Compared], now: float, measure: str = "") -> dict[str, Any]:
    """Return the comparison for programs.

    Args:
        runs: The runs.
        now: Seconds since 1970.
        measure: By what they are compared; by the usual unless given.
    """
    measure = measure or usual_measure(runs)
    return {
        "measure": measure,
        "runs": [_run_json(run, now, measure) for run in runs],
        "differ": differing(runs),
    }


def _run_json(run: Compared, now: float, measure: str) -> dict[str, Any]:
    state, job = run.state, run.state.job
    provider, run_id = run.key
    reading = run.reading(measure)
    return {
        "id": run_id,
        "provider": provider,
        "title": run.title,
        "status": run.status,
        "trouble": run.trouble or None,
        "model": job.model if job else "",
        "fine_tuned_model": job.fine_tuned_model if job else None,
        "hyperparameters": {name: _plain(v) for name, v in run.hyperparameters.items()},
        "data": {
            "file": run.file or None,
            "id": job.training_file if job else None,
            "sha256": run.sha256 or None,
        },
        "validation": {
            "file": run.validation or None,
            "id": job.validation_file if job else None,
        },
        "created_at": job.created_at if job else None,
        "step": state.step,
        "total_steps": state.total_steps or None,
        "tokens": state.tokens_so_far(),
        "usd": state.usd_so_far(),
        "seconds": taken(state, now),
        "checkpoints": len(state.checkpoints),
        "measure": measure if len(reading.train) or len(reading.valid) else None,
        "train": _track_json(reading.train, highest=reading.highest),
        "valid": _track_json(reading.valid, highest=reading.highest),
        "trend": trend(state),
    }


def _plain(value: Any) -> Any:
    """A setting as JSON knows it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str, list, dict)) else str(value)


def _track_json(track: Track, *, highest: bool) -> dict[str, Any] | None:
    best = best_of(track, highest=highest)
    if best is None:
        return None
    last = track.last
    return {
        "last": last if last is not None and math.isfinite(last) else None,
        "best": best[0],
        "best_step": best[1],
        "count": len(track),
    }


def as_csv(runs: Sequence[Compared], now: float, measure: str = "") -> str:
    """Return the comparison as a table for spreadsheets: a row a run, every setting a column.

    Args:
        runs: The runs.
        now: Seconds since 1970.
        measure: By what they are compared; by the usual unless given.
    """
    found = as_json(runs, now, measure)
    settings = list(dict.fromkeys(name for run in runs for name in run.hyperparameters))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    # A setting of the same name as another column would hide it.
    writer.writerow([*_CELLS, *(spreadsheet_safe(f"hyper.{name}") for name in settings)])
    for row in found["runs"]:
        cells = [_cell_at(row, path) for path in _CELLS.values()]
        cells += [row["hyperparameters"].get(name) for name in settings]
        writer.writerow(["" if cell is None else spreadsheet_safe(cell) for cell in cells])
    return out.getvalue()


_CELLS = {
    "run": "title",
    "provider": "provider",
    "id": "id",
    "status": "status",
    "measure": "measure",
    "best_valid": "valid.best",
    "best_valid_step": "valid.best_step",
    "last_valid": "valid.last",
    "best_train": "train.best",
    "best_train_step": "train.best_step",
    "last_train": "train.last",
    "step": "step",
    "total_steps": "total_steps",
    "tokens": "tokens",
    "usd": "usd",
    "seconds": "seconds",
    "checkpoints": "checkpoints",
    "model": "model",
    "fine_tuned_model": "fine_tuned_model",
    "data": "data.file",
    "data_id": "data.id",
    "data_sha256": "data.sha256",
    "validation": "validation.file",
    "validation_id": "validation.id",
}
"""The columns of the CSV file, and where each is found in the JSON of a run."""


def _cell_at(row: dict[str, Any], path: str) -> Any:
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found
