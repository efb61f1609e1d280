"""What a reader finds in a log, and how names and numbers in logs are understood."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.loose import moment_of, number_of

if TYPE_CHECKING:
    from tui.logs.columns import Rows

# Where trainers put the step, the length of the run and the time, in order of preference.
STEPS = (
    "step",
    "global_step",
    "current_steps",
    "_step",
    "trainer/global_step",
    "iter",
    "iteration",
)
TOTALS = ("total_steps", "max_steps", "total_iters")
TIMES = ("created_at", "timestamp", "_timestamp", "wall_time", "time", "ts", "date")
# Numbers about the machine's clock and not about the run, and what is told elsewhere.
_SILENT = frozenset({*STEPS, *TOTALS, *TIMES, "percentage", "elapsed_time", "remaining_time"})
# W&B writes the least and the most of each column of a table beside it.
SILENT_ENDS = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "total_flos",
    "__MIN",
    "__MAX",
)
# A row with one of these is the summary at the end; its train_loss is a mean over the run.
SUMMARY = ("train_runtime", "train/train_runtime")
# Names with the kind of data in front or behind, such as TensorBoard's.
_SPLITS = {
    "train": "train",
    "training": "train",
    "eval": "valid",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "evaluation": "valid",
    "test": "test",
}
# Other trainers' names of what is judged first.
_KNOWN_AS = {
    "val_loss": "valid_loss",
    "lr": "learning_rate",
    "lm_loss": "loss",
    "gpt_loss": "loss",
    "reduced_train_loss": "train_loss",
    "train_loss_step": "train_loss",
}
_PAIR = re.compile(r"^([A-Za-z]+)/([A-Za-z_]+)$")
_LONGEST_NAME = 200
MOST_NAMES = 500
# Objects in objects are looked into so far.
DEEPEST = 8
FARTHEST = 2**53
# Seconds since 1970: a smaller number counts from something else, a larger one is in milliseconds.
EARLIEST = 1e9


@dataclass(slots=True)
class Note:
    """A line of the log that is no row of numbers; not cleaned."""

    message: str
    level: str = "info"


@dataclass(slots=True)
class Batch:
    """What one look at a log found.

    Attributes:
        rows: The numbers it found, in the order of the log; ``None`` when there are none.
        notes: What is no row of numbers, each with the number of rows before it.
        total: All steps of the run, where told.
        status: ``succeeded`` or ``failed`` where the log says that the run is over, else empty.
        error: The trainer's words when it failed.
        facts: What else is known of the run: model, hyperparameters.
        restart: Why the log begins anew with this batch; empty when it goes on.
        more: Whether there is more to read at once.
        trouble: Why the log cannot be read now; empty when it can.
    """

    rows: Rows | None = None
    notes: list[tuple[int, Note]] = field(default_factory=list)
    total: int | None = None
    status: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    restart: str = ""
    more: bool = False
    trouble: str = ""


def whole(value: object) -> int | None:
    """Return a whole number of a sane size, else ``None``."""
    if type(value) is int:
        return value if 0 <= value < FARTHEST else None
    found = number_of(value)
    if found is None or not math.isfinite(found) or found != int(found):
        return None
    return int(found) if 0 <= found < FARTHEST else None


def moment(value: object) -> float | None:
    """Return seconds since 1970 (see `moment_of`), else ``None``; early ones count something."""
    found = moment_of(value)
    return found if found is not None and found > EARLIEST else None


def named(words: str) -> str:
    """Return a name made of words as one: ``Train Loss`` and ``loss train`` are ``train_loss``.

    One word stays as it is, unless only its first letter is large.
    """
    parts = words.split()
    if " - " in words or (len(parts) < 2 and not words.istitle()):
        return words
    parts = [part.lower() for part in parts if not part.startswith("(")]
    for place in (0, len(parts) - 1) if len(parts) > 1 else ():
        if parts[place] in _SPLITS:
            return "_".join([_SPLITS[parts.pop(place)], *parts])
    return "_".join(parts)


def metric_name(name: str) -> str:
    """Return the name a metric goes by here: ``eval/loss`` and ``Loss/val`` are ``valid_loss``.

    Names that say nothing of a split stay as they are, but for words: see :func:`named`.
    """
    name = named(name[:_LONGEST_NAME])
    pair = _PAIR.match(name)
    if pair is None:
        return _KNOWN_AS.get(name, name)
    first, second = pair[1], pair[2]
    if first.lower() in _SPLITS:
        return _in_split(first, second)
    return _in_split(second, first) if second.lower() in _SPLITS else name


def _in_split(split: str, name: str) -> str:
    split, name = _SPLITS[split.lower()], name.lower()
    # Hugging Face puts everything that is not of validation below train/.
    if split == "train" and name not in ("loss", "accuracy", "reward"):
        return "learning_rate" if name == "lr" else name
    return name if name.startswith(f"{split}_") else f"{split}_{name}"


def metric_names(found: Mapping[str, Any]) -> set[str]:
    """Return the names of the metrics in a record; none when it is no row of numbers."""
    return set(_metrics(found)) if is_row(found) else set()


def is_row(found: Mapping[str, Any]) -> bool:
    """Whether a record has a number besides its epoch, and is not the summary at the end."""
    return not is_summary(found) and any(name != "epoch" for name in _metrics(found))


def _metrics(found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in _leaves(found):
        known = kept_name(name)
        if known is not None and number_of(value) is not None:
            yield known


def step_of(found: Mapping[str, Any]) -> int | None:
    """Return the step that a record tells; ``None`` where it tells none."""
    steps = (whole(found.get(name)) for name in STEPS)
    return next((step for step in steps if step is not None), None)


@functools.lru_cache(maxsize=4096)
def kept_name(name: str) -> str | None:
    """Return the name a number goes by here; ``None`` where it is no metric of the run."""
    if named(name) in _SILENT or name.endswith(SILENT_ENDS):
        return None
    return metric_name(name)


def _leaves(found: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in _leaves(value, depth + 1))
        else:
            yield name, value


def is_summary(found: Mapping[str, Any]) -> bool:
    """Whether a row is what a trainer prints once, when training is done."""
    return not found.keys().isdisjoint(SUMMARY)
