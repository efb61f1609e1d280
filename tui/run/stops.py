"""Stop rules: what a run must not do, and what then happens.

A rule is one or more conditions, all of which must be true at the same time, and an action; how it
is written stands in :mod:`tui.run.stop_words`. A run is never cancelled by a rule that does not say
so. Each rule acts once. Here nothing is done about it: the caller acts on a :class:`Verdict`.
"""

from __future__ import annotations

import enum
import math
import operator
import shlex
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from widgets.numbers import duration, integer, metric, usd

if TYPE_CHECKING:
    from tui.jobs import MetricPoint, Update
    from tui.run.state import RunState
    from widgets.track import Track

OF_THE_RUN = ("cost", "tokens", "epoch", "step")
"""Subjects that belong to a run and not to one of its measurements."""
Bests = dict[tuple[str, bool], tuple[int, int, float]]
_SLACK = 60.0
# Rules are looked at every second or two: after a longer pause the machine slept.
_SLEPT = 60.0
_OPS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_SAID = {">": "over", "<": "under", ">=": "at least", "<=": "at most", "==": "exactly", "!=": "not"}
SAME = (
    ("train_loss", "training_loss", "loss", "train/loss"),
    ("valid_loss", "validation_loss", "eval_loss", "val_loss", "eval/loss", "full_valid_loss"),
)
"""The same measure under the names that providers and trainers give it: training, validation."""


class Action(enum.StrEnum):
    """What is done when a rule comes true."""

    ALERT = "alert"
    CANCEL = "cancel"
    RUN = "run"


class Test(enum.Enum):
    """What a condition looks at."""

    COMPARE = "compare"
    RISES = "rises"
    FALLS = "falls"
    NAN = "is nan"
    TIME = "time"
    SILENCE = "no event for"


class Look(NamedTuple):
    """What a condition is held against.

    Attributes:
        state: What is known of the run.
        now: Seconds since 1970.
        step: The step whose measurements are judged; ``None`` for the newest.
        heard: When something was last heard of the run; silence is not judged without it.
        bests: The best of each metric before the places looked at so far, so that a long history
            is not searched again for every new measurement.
    """

    state: RunState
    now: float
    step: float | None
    heard: float | None
    bests: Bests


class Condition(NamedTuple):
    """One condition of a rule.

    Attributes:
        text: As typed, white space made even.
        subject: The metric, or ``cost``, ``step``, ``tokens``, ``time``; empty for silence.
        test: What is looked at.
        number: The limit, a count of measurements, per cent, or seconds.
        op: Of a comparison.
        percent: Whether the number was written in per cent.
    """

    text: str
    subject: str
    test: Test
    number: float = 0.0
    op: str = ""
    percent: bool = False

    def when(self) -> str:
        """Say when it is true, as the end of a sentence that begins with ``once``."""
        if self.test is Test.SILENCE:
            return f"nothing is heard for {duration(self.number)} while the run is running"
        if self.test is Test.TIME:
            return f"the run has taken {_SAID[self.op]} {duration(self.number)}"
        if self.test in (Test.RISES, Test.FALLS):
            if self.percent:
                side = "over its lowest" if self.test is Test.RISES else "under its highest"
                return f"{self.subject} is more than {self.number:g}% {side} so far"
            return f"{self.subject} {self.test.value} {_times(int(self.number))}"
        if self.test is Test.NAN:
            return f"{self.subject} is no finite number"
        return f"{self.subject} is {_SAID[self.op]} {self._limit(self.number)}"

    def measured(self, metrics: Mapping[str, object]) -> bool:
        """Whether it judges measurements, rather than the run as a whole."""
        if self.test in (Test.TIME, Test.SILENCE):
            return False
        whole = self.test is Test.COMPARE and self.subject in OF_THE_RUN
        return not whole or self.subject in metrics

    def seen(self, look: Look) -> str:
        """Say what is seen when it is true; nothing when it is not."""
        if self.test is Test.SILENCE:
            return self._silence(look)
        if self.test is Test.TIME:
            taken = look.state.elapsed(look.now)
            true = taken is not None and _OPS[self.op](taken, self.number)
            return f"the run has taken {duration(taken)}" if true else ""
        if not self.measured(look.state.metrics):
            return self._compared(self.of_the_run(look.state, look.step))
        name = metric_named(look.state.metrics, self.subject)
        if name is None:
            return ""
        track = look.state.metrics[name]
        at = len(track) if look.step is None else bisect_right(track.steps, look.step)
        said = self._at(name, track, at - 1, look.bests) if at else ""
        return f"{said} at step {track.steps[at - 1]:g}" if said else ""

    def _silence(self, look: Look) -> str:
        running = look.state.status == "running"
        if look.heard is None or not running or look.now - look.heard < self.number:
            return ""
        deaf = " (and the provider does not answer)" if look.state.trouble else ""
        return f"nothing was heard for {duration(look.now - look.heard)}{deaf}"

    def of_the_run(self, state: RunState, step: float | None = None) -> float:
        """Return the number that belongs to the run as a whole; NaN where it is not known."""
        value: float | None = state.step if step is None else step
        if self.subject == "cost":
            value = state.usd_so_far()
        elif self.subject == "tokens":
            value = state.tokens_so_far()
        elif self.subject == "epoch":
            value = state.epochs()[0]
        return math.nan if value is None else float(value)

    def _compared(self, value: float) -> str:
        if math.isnan(value) or not _OPS[self.op](value, self.number):
            return ""
        return f"{self.subject} is {self._limit(value)} ({self.op} {self._limit(self.number)})"

    def _limit(self, value: float) -> str:
        if self.subject == "cost":
            return usd(value)
        if self.subject in ("step", "tokens", "epoch") and value == int(value):
            return integer(int(value))
        return f"{value * 100:.4g}%" if self.percent else metric(value)

    def _at(self, name: str, track: Track, at: int, bests: Bests) -> str:
        """Say what is seen at one measurement; nothing when the condition is not true there."""
        value = track.values[at]
        if self.test is Test.NAN:
            return "" if math.isfinite(value) else f"{name} is {value}"
        if math.isnan(value):
            return ""
        if self.test is Test.COMPARE:
            true = _OPS[self.op](value, self.number)
            limit = f"({self.op} {self._limit(self.number)})"
            return f"{name} is {self._limit(value)} {limit}" if true else ""
        if self.percent:
            return self._far_from(name, track, at, bests)
        return self._run_of(name, track.values, at)

    def _far_from(self, name: str, track: Track, at: int, bests: Bests) -> str:
        """See whether a measurement is far from the best of those before it."""
        rises, value = self.test is Test.RISES, track.values[at]
        rewrites, upto, best = bests.get((name, rises), (-1, 0, math.nan))
        if rewrites != track.rewrites or upto > at:
            upto, best = 0, math.nan
        before = [one for one in (best, *track.values[upto:at]) if math.isfinite(one)]
        if not before:
            return ""
        best = min(before) if rises else max(before)
        bests[name, rises] = track.rewrites, at, best
        far = value - best if rises else best - value
        if far <= abs(best) * self.number / 100:
            return ""
        side = "over its lowest" if rises else "under its highest"
        share = f"{far / abs(best):.0%}" if best else metric(far)
        return f"{name} is {metric(value)}, {share} {side}, {metric(best)},"

    def _run_of(self, name: str, values: Sequence[float], at: int) -> str:
        """See whether the measurements up to one went only up, or only down.

        What is no number neither counts nor breaks the row.
        """
        wanted, found = int(self.number), [values[at]]
        while at > 0 and len(found) <= wanted:
            at -= 1
            if not math.isnan(values[at]):
                goes = found[-1] > values[at] if self.test is Test.RISES else found[-1] < values[at]
                if not goes:
                    return ""
                found.append(values[at])
        if len(found) <= wanted:
            return ""
        way = "rose" if self.test is Test.RISES else "fell"
        return f"{name} {way} {_times(wanted)}, {metric(found[-1])} to {metric(found[0])},"


class Verdict(NamedTuple):
    """A rule that has come true.

    Attributes:
        rule: Which.
        message: What was seen, in one sentence without a full stop; not cleaned.
    """

    rule: StopRule
    message: str

    @property
    def action(self) -> Action:
        """What the rule asks for."""
        return self.rule.action


class StopRule(NamedTuple):
    """One rule.

    Attributes:
        conditions: What must be true, all at the same time.
        action: What to do when it comes true.
        command: The words of the command to run; one word, a line, when ``shell``.
        shell: Whether the command is a line for the shell.
    """

    conditions: tuple[Condition, ...]
    action: Action = Action.ALERT
    command: tuple[str, ...] = ()
    shell: bool = False

    @property
    def condition(self) -> str:
        """Its conditions as they were written."""
        return " and ".join(one.text for one in self.conditions)

    @property
    def command_words(self) -> str:
        """The command as it would be typed."""
        return self.command[0] if self.shell else shlex.join(self.command)

    def __str__(self) -> str:
        """Return a text that reads back to the same rule."""
        if self.action is Action.RUN:
            return f"{self.condition} then {'shell' if self.shell else 'run'} {self.command_words}"
        return self.condition + (" then cancel" if self.action is Action.CANCEL else "")

    def promise(self) -> str:
        """Say, before anything happens, what will happen and when."""
        deed = {
            Action.ALERT: "you are told",
            Action.CANCEL: "the run is cancelled",
            Action.RUN: f"this is run: {self.command_words}",
        }[self.action]
        return f"Once {' and '.join(one.when() for one in self.conditions)}, {deed}."

    def check(
        self,
        state: RunState,
        now: float,
        *,
        since: Mapping[str, int] | None = None,
        heard: float | None = None,
        bests: Bests | None = None,
    ) -> Verdict | None:
        """Look at a run.

        Args:
            state: What is known of it; a run that is over is left in peace.
            now: Seconds since 1970.
            since: How many measurements of each metric were looked at before; only the newest
                counts when not given.
            heard: When something was last heard of the run; silence is not judged without it.
            bests: What earlier looks found; see :class:`Look`.

        Returns:
            What was seen when the rule is true, else ``None``. The rule itself remembers nothing:
            see :class:`StopWatch`.
        """
        if state.terminal:
            return None
        bests = {} if bests is None else bests
        for step in self._steps(state, since or {}):
            said: list[str] = []
            for one in self.conditions:
                if not (seen := one.seen(Look(state, now, step, heard, bests))):
                    break
                said.append(seen)
            else:
                return Verdict(self, " and ".join(said))
        return None

    def metrics_of(self, state: RunState) -> list[str | None]:
        """Return the metrics it judges, by their names in this run; ``None`` for each not told."""
        measured = [one for one in self.conditions if one.measured(state.metrics)]
        return [metric_named(state.metrics, one.subject) for one in measured]

    def _steps(self, state: RunState, since: Mapping[str, int]) -> Sequence[float | None]:
        """Return the steps at which something was measured that was not looked at before."""
        names = self.metrics_of(state)
        if not names:
            return (None,)
        steps: set[float] = set()
        for name in names:
            if name is None:
                return ()
            track = state.metrics[name]
            last = len(track) - 1
            steps.update(track.steps[max(0, min(since.get(name, last), last)) :])
        return sorted(steps)


def _measured_at(points: Sequence[MetricPoint]) -> list[int]:
    """Return when points were measured; of a long history, when the last was."""
    if hasattr(points, "latest_at"):
        return [points.latest_at] if points.latest_at else []
    return [point.created_at for point in points if point.created_at]


class StopWatch:
    """Holds rules against a run as it goes on; each comes true once.

    A rule judges the newest measurement at each look, and all others that were measured since the
    rules were set: what happened long before is no reason to act, unless it is still so. What only
    the ledger told is not judged, as it may be long past: the provider must have answered. Time
    that the machine slept is no silence, and no run is cancelled for a silence during which its
    provider could not be asked.

    Args:
        rules: The rules.
        now: Seconds since 1970: when the rules were set.
        waits: Whether the provider has not answered yet.
    """

    def __init__(self, rules: Sequence[StopRule], now: float, *, waits: bool = False) -> None:
        self.rules = tuple(rules)
        self.fired: dict[StopRule, Verdict] = {}
        self._set_at = now
        self._heard = now
        self._looked_at = now
        self._deaf_until = -math.inf
        self._told = False
        self._waits = waits
        self._seen: dict[tuple[StopRule, str], int] = {}
        self._bests: Bests = {}

    def see(self, update: Update, now: float) -> None:
        """Note that something was heard: events and points count, asking in vain does not.

        What was told before is as old as it says, what comes later is new when it comes. That a
        stop rule came true is no sign of life.
        """
        self._waits = update.kept
        told = [event for event in update.told if event.type != "stop_rule"]
        times = [event.created_at for event in told if event.created_at]
        times += _measured_at(update.points)
        if not self._told and times:
            self._heard = min(now, max(times))
        elif told or update.points or update.amended:
            self._heard = now
        self._told = self._told or bool(times)

    def check(self, state: RunState, now: float) -> list[Verdict]:
        """Return the rules that have just come true, each once in the life of this object."""
        if now - self._looked_at > _SLEPT:
            self._deaf_until = now + _SLEPT
        self._looked_at = now
        if self._waits:
            return []
        found = []
        for rule in self.rules:
            if rule in self.fired:
                continue
            names = [name for name in rule.metrics_of(state) if name is not None]
            since = {name: self._since(state.metrics[name], rule, name) for name in names}
            deaf = now < self._deaf_until or (state.trouble and rule.action is Action.CANCEL)
            heard = None if deaf else self._heard
            verdict = rule.check(state, now, since=since, heard=heard, bests=self._bests)
            for name in names:
                self._seen[rule, name] = len(state.metrics[name])
            if verdict is not None:
                self.fired[rule] = verdict
                found.append(verdict)
        return found

    def _since(self, track: Track, rule: StopRule, name: str) -> int:
        """Return the place of the first measurement of a metric that is to be judged."""
        last = len(track) - 1
        seen = self._seen.get((rule, name))
        first = min(seen or 0, last)
        # The other clock may be wrong a little; where none tells the time, what is new is new.
        return next(
            (
                at
                for at in range(first, last)
                if track.times[at] >= self._set_at - _SLACK
                or (seen is not None and math.isnan(track.times[at]))
            ),
            last,
        )


def plain_name(name: str) -> str:
    """Return a name as it is compared: in any case, with any sign between its words."""
    return name.casefold().translate(str.maketrans("-/. ", "____"))


def metric_named(metrics: Iterable[str], name: str) -> str | None:
    """Return the metric of a run that is meant by a name; other trainers' names are understood."""
    metrics = metrics if isinstance(metrics, Mapping) else list(metrics)
    if name in metrics:
        return name
    for group in SAME:
        if name in group:
            return next((other for other in group if other in metrics), None)
    plain = plain_name(name)
    return next((other for other in metrics if plain_name(other) == plain), None)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"
