"""What a reader finds in a log, and how names and numbers in logs are understood."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
_TOTALS = ("total_steps", "max_steps", "total_iters")
_TIMES = ("created_at", "timestamp", "_timestamp", "wall_time", "time", "ts", "date")
# Numbers about the machine's clock and not about the run, and what is told elsewhere.
_SILENT = frozenset({*STEPS, *_TOTALS, *_TIMES, "percentage", "elapsed_time", "remaining_time"})
SILENT_ENDS = ("runtime", "samples_per_second", "steps_per_second", "total_flos")
# A row with one of these is the summary at the end; its train_loss is a mean over the run.
_SUMMARY = ("train_runtime", "train/train_runtime")
# Names with the kind of data in front or behind, such as TensorBoard's.
_SPLITS = {
    "train": "train",
    "training": "train",
    "eval": "valid",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}
_PAIR = re.compile(r"^([A-Za-z]+)/([A-Za-z_]+)$")
_CLOCK = re.compile(r"^(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)$")
_LONGEST_NAME = 200
_MOST_NAMES = 500
_FARTHEST = 2**53


@dataclass(slots=True)
class Row:
    """The numbers of one moment.

    Attributes:
        step: The step; ``None`` where the log does not say it.
        values: Metric name to value; NaN and infinities occur.
        at: Seconds since 1970; ``None`` where the log does not say it.
        total: All steps of the run, where told.
        epoch: The epoch, where told.
    """

    step: int | None
    values: dict[str, float]
    at: float | None = None
    total: int | None = None
    epoch: float | None = None


@dataclass(slots=True)
class Note:
    """A line of the log that is no row of numbers; not cleaned."""

    message: str
    level: str = "info"


@dataclass(slots=True)
class Batch:
    """What one look at a log found.

    Attributes:
        rows: Rows and notes in the order of the log.
        total: All steps of the run, where told.
        status: ``succeeded`` or ``failed`` where the log says that the run is over, else empty.
        error: The trainer's words when it failed.
        facts: What else is known of the run: model, hyperparameters.
        restart: Why the log begins anew with this batch; empty when it goes on.
        more: Whether there is more to read at once.
        trouble: Why the log cannot be read now; empty when it can.
    """

    rows: list[Row | Note] = field(default_factory=list)
    total: int | None = None
    status: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    restart: str = ""
    more: bool = False
    trouble: str = ""


def number(value: object) -> float | None:
    """Return a number as float, also from text such as ``"0.5"`` or ``"nan"``."""
    if type(value) is float:
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and 0 < len(value) < 40 and "_" not in value:
        try:
            return float(value)
        except ValueError:
            return None
    return None


def whole(value: object) -> int | None:
    """Return a whole number of a sane size, else ``None``."""
    if type(value) is int:
        return value if 0 <= value < _FARTHEST else None
    found = number(value)
    if found is None or not math.isfinite(found) or found != int(found):
        return None
    return int(found) if 0 <= found < _FARTHEST else None


def moment(value: object) -> float | None:
    """Return seconds since 1970 from seconds, milliseconds or an ISO date, else ``None``."""
    found = number(value)
    if found is None and isinstance(value, str):
        try:
            found = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            return None
    if found is None or not math.isfinite(found):
        return None
    found = found / 1000 if found > 1e11 else found
    # A smaller number is a count of seconds since something else.
    return found if 1e9 < found < 1e11 else None


def clock(value: object) -> float | None:
    """Return the seconds of a span such as ``0:01:30`` or ``1 day, 2:00:00``."""
    found = _CLOCK.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def metric_name(name: str) -> str:
    """Return the name a metric goes by here: ``eval/loss`` and ``Loss/val`` are ``valid_loss``.

    Names that say nothing of a split stay as they are.
    """
    name = name[:_LONGEST_NAME]
    pair = _PAIR.match(name)
    if pair is None:
        return {"val_loss": "valid_loss", "lr": "learning_rate"}.get(name, name)
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


def row_of(found: Mapping[str, Any]) -> Row | None:
    """Return the row that a mapping is; ``None`` when no number of it is a metric."""
    values: dict[str, float] = {}
    for name, value in _leaves(found):
        known = _kept_name(name)
        if known is None or len(values) >= _MOST_NAMES:
            continue
        amount = value if type(value) is float else number(value)
        if amount is not None:
            values[known] = amount
    if values.keys() <= {"epoch"} or is_summary(found):
        return None
    return Row(
        step=_first(found, STEPS, whole),
        values=values,
        at=_first(found, _TIMES, moment),
        total=_first(found, _TOTALS, whole),
        epoch=number(found.get("epoch")),
    )


@functools.lru_cache(maxsize=4096)
def _kept_name(name: str) -> str | None:
    """Return the name a number goes by here; ``None`` where it is no metric of the run."""
    if name in _SILENT or name.endswith(SILENT_ENDS):
        return None
    return metric_name(name)


def _leaves(found: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in found.items():
        if type(value) is float:  # nearly all are: this is asked for every number of a log
            yield str(name), value
        elif isinstance(value, Mapping):
            for inner, leaf in value.items():
                yield f"{name}.{inner}", leaf
        else:
            yield str(name), value


def _first(found: Mapping[str, Any], names: Iterable[str], read: Any) -> Any:
    for name in names:
        given = found.get(name)
        if given is not None and (value := read(given)) is not None:
            return value
    return None


def is_summary(found: Mapping[str, Any]) -> bool:
    """Whether a row is what a trainer prints once, when training is done."""
    return not found.keys().isdisjoint(_SUMMARY)
