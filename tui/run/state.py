"""What is known of one run while it is followed: a fold over the watcher's updates, then facts.

No Textual and no provider in here. ``RunState.apply`` takes each update once; everything that a
panel shows is computed from the state and the time it is given, so a test can ask for any moment.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.run import words
from widgets.numbers import compact, integer, usd

if TYPE_CHECKING:
    from tui.jobs import Job, MetricPoint, Update

# What to draw, first match wins: the training series, validation on a batch, validation on the
# whole file (some providers measure that at the end of each epoch).
# The spellings differ between providers and methods.
_SERIES = (
    (
        "loss",
        ("train_loss", "training_loss", "loss"),
        ("valid_loss", "validation_loss", "eval_loss"),
        ("full_valid_loss",),
    ),
    (
        "reward",
        ("train_mean_reward", "train_reward_mean", "reward"),
        ("valid_reward_mean", "valid_mean_reward"),
        ("full_valid_mean_reward",),
    ),
)
_ACCURACY = ("train_mean_token_accuracy", "train_accuracy", "mean_token_accuracy", "accuracy")
_VALID_ACCURACY = (
    "full_valid_mean_token_accuracy",
    "valid_mean_token_accuracy",
    "validation_mean_token_accuracy",
    "valid_accuracy",
)
# Steps a second are taken over this many recent points: event times have a grain of one second.
_SPEED_WINDOW = 24


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts column.

    Attributes:
        key: Its stable name.
        label: What people read before the value.
        value: The value in words; not cleaned.
        tone: ``""``, ``accent``, ``success``, ``warning``, ``error`` or ``muted``.
    """

    key: str
    label: str
    value: str
    tone: str = ""


@dataclass(slots=True)
class Series:
    """A line of the chart: steps and values, NaN where there was no number."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def last(self) -> float | None:
        """The newest finite value."""
        return next((v for v in reversed(self.values) if math.isfinite(v)), None)


@dataclass(frozen=True, slots=True)
class Price:
    """What the run was estimated to cost when it was launched from this machine.

    Attributes:
        tokens: Billed tokens of the whole run.
        usd: Price of the whole run in US dollars; ``None`` when not known.
    """

    tokens: int
    usd: float | None


class RunState:
    """A run as far as it is known.

    Args:
        job_id: The run.
        price: The estimate made at its launch, when this machine launched it.
    """

    def __init__(self, job_id: str, price: Price | None = None) -> None:
        self.job_id = job_id
        self.price = price
        self.job: Job | None = None
        self.step = 0
        self.total_steps = 0
        self.latest: dict[str, float] = {}
        self.trouble: str | None = None
        self.ended = False
        self.cancel_asked = False
        self.train = Series()
        self.valid = Series()
        self.full_valid = Series()
        self.measure = "loss"
        self._recent: deque[tuple[float, int]] = deque(maxlen=_SPEED_WINDOW)
        self._points_seen: set[str] = set()
        self._fresh: list[tuple[int, dict[str, float]]] = []

    @property
    def status(self) -> str:
        """The status to show: the provider's, or ``cancelling`` between the wish and the deed."""
        status = self.job.status if self.job else ""
        if self.cancel_asked and status not in words.TERMINAL:
            return "cancelling"
        return status

    @property
    def terminal(self) -> bool:
        """Whether the provider said that the run is over."""
        return self.job is not None and self.job.status in words.TERMINAL

    def apply(self, update: Update) -> None:
        """Take in what is new."""
        if update.job is not None:
            self.job = update.job
        self.trouble = update.trouble
        self.ended = self.ended or update.ended
        for point in (*update.points, *update.amended):
            self._take(point)

    def _take(self, point: MetricPoint) -> None:
        if point.id in self._points_seen:
            return
        self._points_seen.add(point.id)
        if point.step >= self.step:
            self.step = point.step
            self.latest.update(point.values)
        self.total_steps = max(self.total_steps, point.total_steps or 0)
        if point.created_at:
            self._note_time(float(point.created_at), point.step)
        if not self.train.values and not self.valid.values and not self.full_valid.values:
            self.measure = _measure(point.values)
        keys = next(row[1:] for row in _SERIES if row[0] == self.measure)
        all_series = {"train": self.train, "valid": self.valid, "full_valid": self.full_valid}
        drawn = {}
        for (name, series), names in zip(all_series.items(), keys, strict=True):
            value = words.pick(point.values, names)
            if value is not None:
                _extend(series, point.step, value)
                drawn[name] = value
        if drawn:
            self._fresh.append((point.step, drawn))

    def _note_time(self, at: float, step: int) -> None:
        if not self._recent or step > self._recent[-1][1]:
            self._recent.append((at, step))

    def take_fresh(self) -> list[tuple[int, dict[str, float]]]:
        """Hand over, once, the new steps for the chart, by the names of the series."""
        fresh, self._fresh = self._fresh, []
        return fresh

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1."""
        if self.job is not None and self.job.status == "succeeded":
            return 1.0
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    def speed(self) -> float | None:
        """Steps a second over the recent points; ``None`` until two seconds are between them."""
        if len(self._recent) < 2:
            return None
        (first_time, first_step), (last_time, last_step) = self._recent[0], self._recent[-1]
        if last_time <= first_time or last_step <= first_step:
            return None
        return (last_step - first_step) / (last_time - first_time)

    def time_left(self, now: float) -> float | None:
        """Seconds to go by our own reckoning, or the provider's where there is none."""
        if self.job is None or self.terminal:
            return None
        speed = self.speed()
        if speed and self.total_steps:
            return (self.total_steps - self.step) / speed
        finish = self.job.estimated_finish
        return finish - now if finish and finish > now else None

    def elapsed(self, now: float) -> float | None:
        """Seconds since the run was created, or the whole of it once it is over."""
        if self.job is None or not self.job.created_at:
            return None
        end = self.job.finished_at if self.job.finished_at else now
        return max(0.0, end - self.job.created_at)

    def tokens_so_far(self) -> float | None:
        """Tokens trained so far: the provider's number at the end, the estimate's share before."""
        if self.job is not None and self.job.trained_tokens:
            return float(self.job.trained_tokens)
        return self.price.tokens * self.fraction if self.price else None

    def usd_so_far(self) -> float | None:
        """Money spent so far by the estimate made at launch; ``None`` when there is none."""
        if self.price is None or self.price.usd is None:
            return None
        if self.job is not None and self.job.trained_tokens and self.price.tokens:
            return self.price.usd * self.job.trained_tokens / self.price.tokens
        return self.price.usd * self.fraction

    def epochs(self) -> tuple[float | None, int | None]:
        """Return the epoch that is being trained and how many there are."""
        total = _whole(self._hyperparameter("n_epochs"))
        if "epoch" in self.latest:
            return self.latest["epoch"], total
        if total and self.total_steps:
            return min(total, math.floor(self.fraction * total) + 1), total
        return None, total

    def _hyperparameter(self, name: str) -> object:
        return (self.job.hyperparameters or {}).get(name) if self.job else None

    def accuracy(self) -> float | None:
        """The newest token accuracy on training data, 0 to 1."""
        return words.pick(self.latest, _ACCURACY)

    def valid_accuracy(self) -> float | None:
        """The newest token accuracy on validation data, 0 to 1."""
        return words.pick(self.latest, _VALID_ACCURACY)

    def so_far(self) -> str:
        """Say in one line what the run has done: for the question before a cancel."""
        if not self.step:
            return "No step has been trained yet."
        total = f" of {integer(self.total_steps)}" if self.total_steps else ""
        parts = [f"{integer(self.step)}{total} steps"]
        tokens = self.tokens_so_far()
        if tokens:
            parts.append(f"about {compact(tokens)} tokens")
        spent = self.usd_so_far()
        if spent:
            parts.append(f"about {usd(spent)}")
        return f"So far: {', '.join(parts)}."


def _measure(values: Mapping[str, float]) -> str:
    for name, *keys in _SERIES:
        if any(key in values for names in keys for key in names):
            return name
    return "loss"


def _extend(series: Series, step: int, value: float) -> None:
    """Put a value where it belongs: pages come late, and a step may be told again."""
    at = bisect_left(series.steps, step)
    if at < len(series.steps) and series.steps[at] == step:
        series.values[at] = value
    else:
        series.steps.insert(at, step)
        series.values.insert(at, value)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
