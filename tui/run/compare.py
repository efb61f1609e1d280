"""Runs side by side: what they share is left out, what differs is shown, and what came of them.

Hosted jobs and local logs are the same here: a :class:`Compared` is a run's state and its name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.run import words
from widgets.numbers import compact, duration, integer, metric, usd

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from tui.run.state import RunState
    from widgets.track import Track

LOG = "log"
"""The name of the provider of local logs in a :data:`tui.run.runlist.RunKey`."""

LETTERS = "abcdefgh"
"""What runs are called on the chart; it shows so many at most."""

_LABELS = {
    "n_epochs": "epochs",
    "learning_rate_multiplier": "lr x",
    "learning_rate": "lr",
    "batch_size": "batch",
}
_NONE = "-"


@dataclass(slots=True)
class Compared:
    """One of the runs.

    Attributes:
        key: Its provider and its id there; the path of a log.
        title: Its name for people; not cleaned.
        state: What is known of it.
        file: Path of its training file, where this machine knows it.
        trouble: Why nothing is known of it; not cleaned.
    """

    key: RunKey
    title: str
    state: RunState
    file: str = ""
    trouble: str = ""

    @property
    def status(self) -> str:
        """Its status; ``unknown`` while nothing is known."""
        return self.state.status or "unknown"

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """What it was told to train with, method and model among it."""
        job = self.state.job
        if job is None:
            return {}
        found = {name: value for name, value in job.hyperparameters.items() if value is not None}
        if job.model:
            found["model"] = job.model
        if job.method != "supervised":
            found["method"] = job.method
        if job.seed is not None:
            found["seed"] = job.seed
        return found

    @property
    def data(self) -> str:
        """What it was trained on: the file's name here, else the provider's id of it."""
        if self.file:
            return os.path.basename(self.file)
        return (self.state.job.training_file or "") if self.state.job else ""

    @property
    def valid(self) -> Track:
        """The measure on validation data, all of it where that is told."""
        state = self.state
        return state.full_valid if len(state.full_valid) else state.valid


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison.

    Attributes:
        key: Its stable name.
        label: Its heading.
        cells: What stands there, a run each; not cleaned.
        right: Whether it is set to the right.
    """

    key: str
    label: str
    cells: tuple[str, ...]
    right: bool = True


def differing(runs: Sequence[Compared]) -> list[str]:
    """Return the hyperparameters in which the runs differ, in the order they are first told.

    One that only some of the runs tell of differs too, but not where just one run tells anything.
    """
    telling = [run.hyperparameters for run in runs if run.hyperparameters]
    names = dict.fromkeys(name for found in telling for name in found)
    if len(telling) < 2:
        return []
    return [name for name in names if len({_said(found.get(name)) for found in telling}) > 1]


def columns(runs: Sequence[Compared], now: float) -> list[Column]:
    """Return the table: a row a run, the most telling columns first; empty ones are left out.

    Args:
        runs: The runs.
        now: Seconds since 1970.
    """
    found = [
        _column("status", "Status", [words.status_word(run.status) for run in runs], right=False),
        _column("step", "Step", [_steps(run.state) for run in runs]),
        _column("train", "Train", [_last(run.state.train) for run in runs]),
        _column("valid", "Valid", [_last(run.valid) for run in runs]),
        _column("best", "Best valid", [_best(run.state) for run in runs]),
    ]
    for name in differing(runs):
        cells = [_said(run.hyperparameters.get(name)) for run in runs]
        found.append(_column(f"hyper.{name}", _LABELS.get(name, name), cells))
    found += [
        _column("tokens", "Tokens", [compact(run.state.tokens_so_far()) for run in runs]),
        _column("cost", "Cost", [usd(run.state.usd_so_far()) for run in runs]),
        _column("time", "Time", [duration(_taken(run.state, now)) for run in runs]),
        _column("kept", "Kept", [_count(len(run.state.checkpoints)) for run in runs]),
        _column("data", "Data", [run.data or _NONE for run in runs], right=False),
    ]
    return [column for column in found if any(cell != _NONE for cell in column.cells)]


def _column(key: str, label: str, cells: Sequence[str], *, right: bool = True) -> Column:
    return Column(key, label, tuple(cells), right)


def _said(value: object) -> str:
    if value is None:
        return _NONE
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _count(value: int) -> str:
    return str(value) if value else _NONE


def _steps(state: RunState) -> str:
    if not state.step:
        return _NONE
    return integer(state.step) + (f"/{integer(state.total_steps)}" if state.total_steps else "")


def _last(track: Track) -> str:
    if track.last is None:
        return _NONE
    return metric(track.last) if math.isfinite(track.last) else "NaN"


def _best(state: RunState) -> str:
    best = state.best
    return f"{metric(best[2])} @{integer(best[1])}" if best else _NONE


def _taken(state: RunState, now: float) -> float | None:
    """How long the run took, by its measurements where the times of the job say nothing."""
    taken = state.elapsed(now)
    # A log tells when its rows were measured, not when the training began and ended.
    if taken and (state.job is None or state.job.provider != LOG):
        return taken
    longest = max(state.metrics.values(), key=len, default=None)
    if longest is None or state.began_at is None or not math.isfinite(longest.times[-1]):
        return None
    return max(0.0, longest.times[-1] - state.began_at)


def as_json(runs: Sequence[Compared], now: float) -> dict[str, Any]:
    """Return the comparison for programs.

    Args:
        runs: The runs.
        now: Seconds since 1970.
    """
    return {
        "runs": [_run_json(run, now) for run in runs],
        "differ": differing(runs),
    }


def _run_json(run: Compared, now: float) -> dict[str, Any]:
    from tui.run.trend import trend

    state = run.state
    provider, run_id = run.key
    return {
        "id": run_id,
        "provider": provider,
        "title": run.title,
        "status": run.status,
        "model": state.job.model if state.job else "",
        "fine_tuned_model": state.job.fine_tuned_model if state.job else None,
        "hyperparameters": dict(run.hyperparameters),
        "data": {"file": run.file or None, "id": state.job.training_file if state.job else None},
        "step": state.step,
        "total_steps": state.total_steps or None,
        "tokens": state.tokens_so_far(),
        "usd": state.usd_so_far(),
        "seconds": _taken(state, now),
        "checkpoints": len(state.checkpoints),
        "measure": state.measure,
        "train": _track_json(state, state.train),
        "valid": _track_json(state, run.valid),
        "trend": trend(state),
    }


def _track_json(state: RunState, track: Track) -> dict[str, Any] | None:
    best = track.best(highest=state.higher_is_better)
    if not len(track) or best is None:
        return None
    return {"last": track.last, "best": best[0], "best_step": best[1], "count": len(track)}


def verdict(runs: Sequence[Compared]) -> str:
    """Say which run did best, in one line; empty where there is nothing to judge by.

    Names are not cleaned.
    """
    judged = [(run, best) for run in runs if (best := run.state.best)]
    if len(judged) < 2 or len({run.state.measure for run, _ in judged}) > 1:
        return ""
    ways = judged[0][0].state.higher_is_better
    (first, best), (second, next_best) = sorted(
        judged, key=lambda pair: -pair[1][2] if ways else pair[1][2]
    )[:2]
    if best[2] == next_best[2]:
        return f"{first.title} and {second.title} are level: {metric(best[2])}"
    word = "highest" if ways else "lowest"
    return (
        f"{first.title} has the {word} validation {first.state.measure}, {metric(best[2])} at step "
        f"{integer(best[1])}; {second.title} has {metric(next_best[2])}"
    )
