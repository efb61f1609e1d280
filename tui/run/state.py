"""What is known of one run while it is followed: a fold over updates, then arithmetic on it.

No Textual and no provider in here. ``RunState.apply`` takes each update once; everything that a
panel shows is computed from the state and the time it is given, so a test can ask for any moment.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, cast

from tui.run import words
from widgets.numbers import compact, integer, usd
from widgets.track import Track

if TYPE_CHECKING:
    from tui.jobs import Checkpoint, Job, MetricPoint, Update
    from tui.jobs.columns import PointColumns

# The names of what is judged first, first match wins: the training series, validation on a batch,
# validation on the whole file (some providers measure that at the end of each epoch).
# The spellings differ between providers and methods.
_SERIES = (
    (
        "loss",
        ("train_loss", "training_loss", "loss", "train/loss"),
        ("valid_loss", "validation_loss", "eval_loss", "eval/loss", "val_loss"),
        ("full_valid_loss",),
    ),
    (
        "reward",
        ("train_mean_reward", "train_reward_mean", "reward", "train/reward"),
        ("valid_reward_mean", "valid_mean_reward", "eval_reward"),
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
TOKENS = ("num_input_tokens_seen", "num_tokens", "tokens_seen", "trained_tokens", "tokens_so_far")
"""Names under which runs tell how many tokens were trained so far."""
_EPOCH = ("epoch", "current_epoch")
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

    Attributes:
        metrics: Every number that arrived, by its name as sent.
        step: The highest step seen.
        total_steps: Steps of the whole run; 0 when not told.
        checkpoints: What the provider kept, by step; set by whoever asked for them.
        version: Grows whenever a number arrives.
    """

    def __init__(self, job_id: str, price: Price | None = None) -> None:
        self.job_id = job_id
        self.price = price
        self.job: Job | None = None
        self.step = 0
        self.total_steps = 0
        self.trouble: str | None = None
        self.ended = False
        self.cancel_asked = False
        self.metrics: dict[str, Track] = {}
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.version = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=_SPEED_WINDOW)

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
        for event in update.told:
            if event.type == "restart" and event.data:
                self._begin_again(event.data.get("step"))
        if update.points:
            self.take(update.points)
        if update.amended:
            self.take(update.amended)

    def _begin_again(self, step: object) -> None:
        """Forget what a restarted training measures again, from this step on."""
        if not isinstance(step, int):
            return
        self.version += 1
        for name, track in list(self.metrics.items()):
            track.cut(step)
            if not len(track):
                del self.metrics[name]
        self.step = int(max((track.steps[-1] for track in self.metrics.values()), default=0))
        self.total_steps = 0  # the points that follow tell it, and it may be another
        self._recent.clear()

    def take(self, points: Sequence[MetricPoint]) -> None:
        """Take in metric points; of a step that is told again the last value counts."""
        self.version += 1
        # Told apart by what they have, as their module loads numpy.
        if hasattr(points, "columns"):
            self._take_columns(cast("PointColumns", points))
        else:
            self._take_each(points)
        for point in points[-_SPEED_WINDOW:]:
            if point.created_at and (not self._recent or point.step > self._recent[-1][1]):
                self._recent.append((float(point.created_at), point.step))

    def _take_columns(self, points: PointColumns) -> None:
        """Take in a long history: whole tracks at once."""
        for name, steps, values, times in points.columns():
            self.metrics.setdefault(name, Track()).extend(steps, values, times)
        self.step = max(self.step, int(points.steps.max()))
        self.total_steps = max(self.total_steps, points.total_steps)

    def _take_each(self, points: Sequence[MetricPoint]) -> None:
        columns: dict[str, tuple[list[float], list[float], list[float]]] = {}
        for point in points:
            at = float(point.created_at) if point.created_at else math.nan
            for name, value in point.values.items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = ([], [], [])
                column[0].append(point.step)
                column[1].append(value)
                column[2].append(at)
        for name, (steps, values, times) in columns.items():
            track = self.metrics.get(name)
            if track is None:
                track = self.metrics[name] = Track()
            track.extend(steps, values, times)
        self.step = max(self.step, *(point.step for point in points))
        self.total_steps = max(self.total_steps, *(point.total_steps or 0 for point in points))

    # The series that are judged first.

    def track(self, names: Sequence[str]) -> Track | None:
        """The first of these metrics that has arrived."""
        return next((self.metrics[name] for name in names if name in self.metrics), None)

    def name_of(self, names: Sequence[str]) -> str | None:
        """The first of these names that has arrived."""
        return next((name for name in names if name in self.metrics), None)

    @property
    def measure(self) -> str:
        """What the run is judged by: ``loss``, or ``reward`` where no loss is told."""
        for name, *keys in _SERIES:
            if any(key in self.metrics for key in chain.from_iterable(keys)):
                return name
        return "loss"

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the measure is better."""
        return self.measure == "reward"

    def _names(self, place: int) -> tuple[str, ...]:
        return next(row[1:] for row in _SERIES if row[0] == self.measure)[place]

    @property
    def train(self) -> Track:
        """The measure on training data; empty when not told."""
        return self.track(self._names(0)) or Track()

    @property
    def valid(self) -> Track:
        """The measure on a batch of the validation data; empty when not told."""
        return self.track(self._names(1)) or Track()

    @property
    def full_valid(self) -> Track:
        """The measure on all of the validation data; empty when not told."""
        return self.track(self._names(2)) or Track()

    @property
    def best(self) -> tuple[str, float, float] | None:
        """Name, step and value of the best validation, on the whole file where that is told."""
        for place in (2, 1):
            name = self.name_of(self._names(place))
            found = self.metrics[name].best(highest=self.higher_is_better) if name else None
            if name and found:
                return name, found[1], found[0]
        return None

    @property
    def latest(self) -> dict[str, float]:
        """The newest value of each metric."""
        return {name: track.values[-1] for name, track in self.metrics.items()}

    # Progress, time, tokens, money.

    @property
    def last_step(self) -> int:
        """The step a run ends at, or ended at without having told before; 0 while unknown."""
        over = self.terminal or self.ended
        return self.total_steps or (self.step if over else 0)

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
        """Seconds to go as reckoned here, or the provider's where there is none."""
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

    @property
    def began_at(self) -> float | None:
        """When the first number was measured, in seconds since 1970; ``None`` when not told."""
        return min(
            (track.times[0] for track in self.metrics.values() if track.times[0] > 0),
            default=None,
        )

    def tokens_so_far(self) -> float | None:
        """Tokens trained so far: the provider's number at the end, the estimate's share before."""
        if self.job is not None and self.job.trained_tokens:
            return float(self.job.trained_tokens)
        told = self.track(TOKENS)
        if told is not None and told.last_finite is not None:
            return told.last_finite
        return self.price.tokens * self.fraction if self.price else None

    def tokens_a_step(self) -> float | None:
        """Tokens that a step trains on average; ``None`` when neither told nor estimated."""
        told = self.track(TOKENS)
        if told is not None and told.last_finite and told.steps[-1] > 0:
            return told.last_finite / told.steps[-1]
        steps = self.total_steps or self.step
        if self.job is not None and self.job.trained_tokens and steps:
            done = self.step if self.job.status == "cancelled" else steps
            return self.job.trained_tokens / done if done else None
        return self.price.tokens / self.total_steps if self.price and self.total_steps else None

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
        told = self.track(_EPOCH)
        if told is not None and told.last is not None and math.isfinite(told.last):
            return told.last, total
        if total and self.total_steps:
            return min(total, math.floor(self.fraction * total) + 1), total
        return None, total

    def epoch_ends(self) -> tuple[float, ...]:
        """The steps after which an epoch ends, as far as they are told or follow from the total."""
        total = _whole(self._hyperparameter("n_epochs"))
        if total and self.total_steps:
            return tuple(
                float(math.ceil(self.total_steps * k / total)) for k in range(1, min(total, 1000))
            )
        told = self.track(_EPOCH)
        if told is None or told.last is None or not math.isfinite(told.last):
            return ()
        ends = []
        for epoch in range(1, min(1000, math.ceil(told.last))):
            place = bisect_left(told.values, epoch)
            if place < len(told.steps):
                ends.append(told.steps[place])
        return tuple(ends)

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
            return "No step has been heard of yet."
        total = f" of {integer(self.total_steps)}" if self.total_steps else ""
        parts = [f"{integer(self.step)}{total} steps"]
        tokens = self.tokens_so_far()
        if tokens:
            parts.append(f"about {compact(tokens)} tokens")
        spent = self.usd_so_far()
        if spent:
            parts.append(f"about {usd(spent)}")
        return f"So far: {', '.join(parts)}."


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if math.isfinite(value) else None
