"""The facts column of the live panel: a run's state as short lines, the most needed first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tui.run import words
from tui.run.state import Fact, RunState
from widgets.numbers import compact, duration, integer, metric, percent, usd

# Elapsed and remaining time move in jumps, so that they do not tick and cost the line nothing.
_TIME_GRAIN = 5.0
BAR_WIDTH = 16
GAP = Fact("gap", "", "")
"""An empty line between groups of facts; dropped where there is no room."""


def facts(state: RunState, now: float) -> tuple[Fact, ...]:
    """Return what there is to say about a run, one fact a line; unknown things are left out.

    Args:
        state: The run.
        now: The time, in seconds since 1970.
    """
    status = state.status
    sign = words.status_sign(status)
    head = [
        Fact("status", "Status", f"{sign} {words.status_word(status)}", words.status_tone(status))
    ]
    head += _progress(state)
    said = {line.key for line in head}
    groups = (head, _measures(state), _times(state, now), _spent(state), _made_of(state, said))
    lines: list[Fact] = []
    for group in filter(None, groups):
        lines += [GAP, *group] if lines else group
    return tuple(lines)


def _progress(state: RunState) -> list[Fact]:
    found = []
    if state.total_steps:
        share = percent(state.fraction, 1)
        steps = f"{integer(state.step)} / {integer(state.total_steps)}"
        found = [
            Fact("step", "Step", f"{steps}  {share}"),
            Fact("bar", "", words.progress_bar(state.fraction, BAR_WIDTH), "accent"),
        ]
    elif state.step:
        found = [Fact("step", "Step", integer(state.step))]
    epoch, epochs = state.epochs()
    if epoch is not None and not state.terminal:
        of = f" / {epochs}" if epochs else ""
        found.append(Fact("epoch", "Epoch", f"{math.floor(epoch)}{of}"))
    return found


def _measures(state: RunState) -> list[Fact]:
    found = []
    if state.train.values:
        found.append(Fact("train", f"Train {state.measure}", metric(state.train.values[-1])))
    if state.valid.values:
        found.append(Fact("valid", f"Valid {state.measure}", metric(state.valid.values[-1])))
    if state.full_valid.values:
        found.append(Fact("full_valid", "Full valid", metric(state.full_valid.values[-1])))
    best = state.best
    if best is not None and math.isfinite(best[2]):
        found.append(Fact("best", "Best valid", f"{metric(best[2])} at {integer(int(best[1]))}"))
    accuracy, valid_accuracy = state.accuracy(), state.valid_accuracy()
    if accuracy is not None:
        found.append(Fact("accuracy", "Accuracy", metric(accuracy)))
    if valid_accuracy is not None:
        found.append(Fact("valid_accuracy", "Valid acc.", metric(valid_accuracy)))
    return found


def _times(state: RunState, now: float) -> list[Fact]:
    found = []
    speed = state.speed()
    if speed is not None and not state.terminal:
        found.append(Fact("speed", "Speed", _pace(speed)))
    left = state.time_left(now)
    if left is not None:
        found.append(Fact("left", "Time left", f"about {duration(_coarse(left))}"))
    elapsed = state.elapsed(now)
    if elapsed is not None:
        exact = state.terminal or elapsed < _TIME_GRAIN
        found.append(Fact("elapsed", "Elapsed", duration(elapsed if exact else _coarse(elapsed))))
    return found


def _pace(value: float) -> str:
    """Write a speed coarsely: it is measured from times in whole seconds."""
    if value < 0.1:
        return f"{1 / value:.0f} s/step"
    return f"{value:.1f} steps/s" if value < 9.95 else f"{value:.0f} steps/s"


def _coarse(seconds: float) -> float:
    """Round to a step that grows with the time, so that the shown value seldom changes."""
    grain = _TIME_GRAIN if seconds < 300 else 15.0 if seconds < 1800 else 60.0
    return max(grain, round(seconds / grain) * grain)


def _spent(state: RunState) -> list[Fact]:
    found = []
    tokens = state.tokens_so_far()
    if tokens:
        exact = state.job is not None and bool(state.job.trained_tokens)
        said = integer(int(tokens)) if exact else f"about {compact(_two_digits(tokens))}"
        found.append(Fact("tokens", "Tokens", said))
    spent = state.usd_so_far()
    if spent is not None:
        whole = state.price.usd if state.price else None
        of = f" of {usd(whole)}" if whole and not state.terminal else ""
        found.append(Fact("money", "Cost", ("about " if spent else "") + usd(spent) + of))
    return found


def _two_digits(value: float) -> float:
    """Keep two significant digits of a number that is an estimate anyway."""
    if value < 10:
        return value
    size = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.floor(value / size) * size


def _made_of(state: RunState, said: set[str]) -> list[Fact]:
    job = state.job
    if job is None:
        return []
    found = []
    steps = [integer(kept.step) for kept in state.checkpoints if kept.step is not None]
    if steps:
        found.append(
            Fact("checkpoints", "Checkpoints", f"{len(steps)}, at {', '.join(steps[-3:])}")
        )
    if job.model:
        found.append(Fact("model", "Model", job.model, "muted"))
    if job.fine_tuned_model:
        found.append(Fact("result", "Result", job.fine_tuned_model, "success"))
    if job.method and job.method != "supervised":
        found.append(Fact("method", "Method", str(job.method), "muted"))
    shown: Mapping[str, object] = job.hyperparameters or {}
    for key, label in (
        ("n_epochs", "Epochs"),
        ("batch_size", "Batch"),
        ("learning_rate_multiplier", "Learning ×"),
        ("beta", "Beta"),
    ):
        value = shown.get(key)
        if value is not None and not (key == "n_epochs" and "epoch" in said):
            found.append(Fact(key, label, str(value), "muted"))
    if job.seed is not None:
        found.append(Fact("seed", "Seed", str(job.seed), "muted"))
    if job.suffix:
        found.append(Fact("suffix", "Suffix", job.suffix, "muted"))
    return found
