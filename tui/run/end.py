"""How a run ended, in words, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.run.state import RunState
from widgets.numbers import duration, integer, metric, usd

# "Example 12", "line 12", "Flagged lines: 4, 13": the record a provider complains of.
_LINE = re.compile(r"\b(?:examples?|lines?|rows?|records?)\b:?\s+#?(\d{1,12})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run.

    Attributes:
        status: ``succeeded``, ``failed`` or ``cancelled``.
        happened: What happened; holds the provider's words, not cleaned.
        next_step: What to do now.
        line: The line of the training file the provider complains of, from 1; ``None`` if none.
    """

    status: str
    happened: str
    next_step: str
    line: int | None = None


def line_named(message: str) -> int | None:
    """Return the line or example number that an error message names, if it does."""
    found = _LINE.search(message)
    return int(found.group(1)) if found and int(found.group(1)) > 0 else None


def ending_of(state: RunState, now: float) -> Ending | None:
    """Say how a run ended; ``None`` while it goes on."""
    job = state.job
    if job is None or not state.terminal:
        return None
    if job.provider == "log":
        return _end_of_log(state, now)
    if job.status == "succeeded":
        model = job.fine_tuned_model or "the model, which the provider has not named yet"
        return Ending(
            "succeeded",
            f"Done{_after(state, now)}: {model}. {_losses(state)}".rstrip(),
            f"Next: tunedeck results {job.id}",
        )
    if job.status == "failed":
        words = job.error_message or "the provider gave no reason"
        line = line_named(words)
        where = f"Line {line} of the training file: e shows it where it is here. " if line else ""
        return Ending(
            "failed",
            f"Failed{_after(state, now)}: {words}",
            f"{where}Next: mend the file, then launch again with l",
            line,
        )
    return Ending(
        "cancelled",
        f"Cancelled{_after(state, now)}. {_spent(state)}".rstrip(),
        f"Next: l launches again · tunedeck results {job.id} has what was measured",
    )


def _end_of_log(state: RunState, now: float) -> Ending:
    """A training on this machine has neither a provider nor a model that one could name."""
    job = state.job
    if job is not None and job.status == "failed":
        words = job.error_message or "its log does not say why"
        return Ending("failed", f"Failed{_after(state, now)}: {words}", "Next: its log has more")
    done = f"Done{_after(state, now)}. {_losses(state)}".rstrip()
    return Ending("succeeded", done, "Next: c lays other runs over this one")


def _after(state: RunState, now: float) -> str:
    parts = []
    if state.step:
        short = state.step < state.total_steps
        of = f" of {integer(state.total_steps)}" if short else ""
        parts.append(f"{integer(state.step)}{of} steps")
    elapsed = state.elapsed(now)
    if elapsed:
        parts.append(duration(elapsed))
    return f" after {' and '.join(parts)}" if parts else ""


def _losses(state: RunState) -> str:
    said = []
    train = [value for value in state.train.values if value == value]
    if len(train) > 1:
        said.append(f"train {state.measure} {metric(train[0])} to {metric(train[-1])}")
    measured = state.full_valid if state.full_valid.values else state.valid
    valid = [
        (value, step)
        for value, step in zip(measured.values, measured.steps, strict=True)
        if value == value
    ]
    if valid:
        best = min(valid) if state.measure == "loss" else max(valid)
        said.append(f"best validation {metric(best[0])} at step {integer(best[1])}")
    return f"{', '.join(said).capitalize()}." if said else ""


def _spent(state: RunState) -> str:
    spent = state.usd_so_far()
    return f"About {usd(spent)} by the estimate at launch." if spent else ""
