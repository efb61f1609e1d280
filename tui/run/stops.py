"""Stop rules: what a run must not do, in a line a person can type, and what then happens.

A rule is a condition and an action. The condition looks at what is known of a run::

    METRIC > NUMBER        also >= < <= == !=, such as train_loss > 5 or valid_accuracy < 0.3
    METRIC rises N         the last N measurements each went up; falls N: each went down
    METRIC is nan          the value is no finite number
    cost > 20              dollars so far; also step, epoch, tokens, and time > 2h
    no event for 30m       nothing was heard while the run was running

The action is ``then alert`` (the default), ``then cancel``, ``then run COMMAND…`` (without a
shell), or ``then shell LINE``. A run is never cancelled by a rule that does not say so. Each rule
fires once. Here nothing is done about it: the caller acts on a :class:`Verdict`.
"""

from __future__ import annotations

import difflib
import enum
import math
import operator
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from tui.errors import UsageError
from widgets.numbers import duration, integer, metric, usd

if TYPE_CHECKING:
    from tui.jobs import MetricPoint, Update
    from tui.run.state import RunState

GRAMMAR = (
    "'valid_loss rises 3', 'train_loss is nan', 'cost > 20', 'step > 500', 'time > 2h' or "
    "'no event for 30m', with 'then cancel' or 'then run COMMAND' after it"
)
_OF_THE_RUN = ("cost", "tokens", "epoch", "step")
_MOST = 1000
_SLACK = 60.0
_OPS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_SAID = {">": "over", "<": "under", ">=": "at least", "<=": "at most", "==": "exactly", "!=": "not"}
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
# Compiled when a rule is read: most panels have none.
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_TIME = r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?"
_SILENCE = rf"no\s+events?\s+for\s+{_TIME}"
_CLOCK = rf"time\s*(>=|>)\s*{_TIME}"
_COMPARE = rf"([\w./-]+)\s*(>=|<=|==|!=|>|<)\s*(\$?)\s*({_NUMBER})"
_TREND = r"([\w./-]+)\s+(rises|falls)\s+(\d+)(?:\s+times)?"
_NAN = r"([\w./-]+)\s+is\s+nan"
_THEN = r"\bthen\s+(alert|cancel|run|shell)\b\s*"
# The same measure under the names that providers and trainers give it.
_SAME = (
    ("train_loss", "training_loss", "loss", "train/loss"),
    ("valid_loss", "validation_loss", "eval_loss", "val_loss", "eval/loss", "full_valid_loss"),
)


class Action(enum.StrEnum):
    """What is done when a rule fires."""

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
        condition: As typed, white space made even.
        subject: The metric, or ``cost``, ``step``, ``tokens``, ``time``; empty for silence.
        test: What is looked at.
        number: The limit, a count of measurements, or seconds.
        op: Of a comparison.
        action: What to do when it comes true.
        command: The words of the command to run; one word, a line, when ``shell``.
        shell: Whether the command is a line for the shell.
    """

    condition: str
    subject: str
    test: Test
    number: float = 0.0
    op: str = ""
    action: Action = Action.ALERT
    command: tuple[str, ...] = ()
    shell: bool = False

    def __str__(self) -> str:
        """Return a text that :func:`parse` reads back to the same rule."""
        if self.action is Action.RUN:
            words = self.command[0] if self.shell else shlex.join(self.command)
            return f"{self.condition} then {'shell' if self.shell else 'run'} {words}"
        return self.condition + (" then cancel" if self.action is Action.CANCEL else "")

    def promise(self) -> str:
        """Say, before anything happens, what will happen and when."""
        deed = {
            Action.ALERT: "you are told",
            Action.CANCEL: "the run is cancelled",
            Action.RUN: f"this is run: {' '.join(self.command)}",
        }[self.action]
        return f"{self._when()}, {deed}."

    def _when(self) -> str:
        if self.test is Test.SILENCE:
            return f"If nothing is heard for {duration(self.number)} while the run is running"
        if self.test is Test.TIME:
            return f"Once the run has taken {_SAID[self.op]} {duration(self.number)}"
        if self.test in (Test.RISES, Test.FALLS):
            return f"Once {self.subject} {self.test.value} {_times(int(self.number))}"
        if self.test is Test.NAN:
            return f"Once {self.subject} is no finite number"
        return f"Once {self.subject} is {_SAID[self.op]} {self._limit(self.number)}"

    def check(
        self, state: RunState, now: float, *, since: int | None = None, heard: float | None = None
    ) -> Verdict | None:
        """Look at a run.

        Args:
            state: What is known of it; a run that is over is left in peace.
            now: Seconds since 1970.
            since: How many measurements of the metric were looked at before; only the newest
                counts when not given.
            heard: When something was last heard of the run; silence is not judged without it.

        Returns:
            What was seen when the rule is true, else ``None``. The rule itself remembers nothing:
            see :class:`StopWatch`.
        """
        if state.terminal:
            return None
        if self.test is Test.SILENCE:
            return self._silence(state, now, heard)
        if self.test is Test.TIME:
            taken = state.elapsed(now)
            if taken is not None and _OPS[self.op](taken, self.number):
                return Verdict(self, f"the run has taken {duration(taken)}")
            return None
        whole = self._whole_run(state)
        if whole is not None:
            return self._compared(whole)
        return self._measured(state, since)

    def _silence(self, state: RunState, now: float, heard: float | None) -> Verdict | None:
        if heard is None or state.status != "running" or now - heard < self.number:
            return None
        return Verdict(self, f"nothing was heard for {duration(now - heard)}")

    def _whole_run(self, state: RunState) -> float | None:
        """Return the number that belongs to the run rather than to a measurement."""
        if self.test is not Test.COMPARE or self.subject in state.metrics:
            return None
        if self.subject == "cost":
            return _or_nan(state.usd_so_far())
        if self.subject == "tokens":
            return _or_nan(state.tokens_so_far())
        if self.subject == "epoch":
            return _or_nan(state.epochs()[0])
        return float(state.step) if self.subject == "step" else None

    def _compared(self, value: float) -> Verdict | None:
        if math.isnan(value) or not _OPS[self.op](value, self.number):
            return None
        return Verdict(
            self, f"{self.subject} is {self._limit(value)} ({self.op} {self._limit(self.number)})"
        )

    def _limit(self, value: float) -> str:
        if self.subject == "cost":
            return usd(value)
        if self.subject in ("step", "tokens") and value == int(value):
            return integer(int(value))
        return metric(value)

    def _measured(self, state: RunState, since: int | None) -> Verdict | None:
        name = metric_named(state.metrics, self.subject)
        if name is None:
            return None
        track = state.metrics[name]
        count = len(track.values)
        for at in range(count - 1 if since is None else min(since, count), count):
            if at >= 0 and (seen := self._at(name, track.values, at)):
                return Verdict(self, f"{seen} at step {track.steps[at]:g}")
        return None

    def _at(self, name: str, values: Sequence[float], at: int) -> str:
        """Say what is seen at one measurement; nothing when the rule is not true there."""
        value = values[at]
        if self.test is Test.NAN:
            return "" if math.isfinite(value) else f"{name} is {value}"
        if math.isnan(value):
            return ""
        if self.test is Test.COMPARE:
            true = _OPS[self.op](value, self.number)
            limit = f"({self.op} {metric(self.number)})"
            return f"{name} is {metric(value)} {limit}" if true else ""
        return self._run_of(name, values, at)

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


def _measured_at(points: Sequence[MetricPoint]) -> list[int]:
    """Return when points were measured; of a long history, when the last was."""
    if hasattr(points, "latest_at"):
        return [points.latest_at] if points.latest_at else []
    return [point.created_at for point in points if point.created_at]


class StopWatch:
    """Holds rules against a run as it goes on; each fires once.

    A rule judges the newest measurement at each look, and all others that were measured since the
    rules were set: what happened long before is no reason to act, unless it is still so.

    Args:
        rules: The rules.
        now: Seconds since 1970: when the rules were set.
    """

    def __init__(self, rules: Sequence[StopRule], now: float) -> None:
        self.rules = tuple(rules)
        self.fired: dict[StopRule, Verdict] = {}
        self._set_at = now
        self._heard = now
        self._told = False
        self._seen: dict[tuple[StopRule, str], int] = {}

    def see(self, update: Update, now: float) -> None:
        """Note that something was heard: events and points count, asking in vain does not.

        What was told before is as old as it says, what comes later is new when it comes.
        """
        times = [event.created_at for event in update.told if event.created_at]
        times += _measured_at(update.points)
        if not self._told and times:
            self._heard = min(now, max(times))
        elif update.events or update.points or update.amended:
            self._heard = now
        self._told = self._told or bool(times)

    def check(self, state: RunState, now: float) -> list[Verdict]:
        """Return the rules that have just come true, each once in the life of this object."""
        found = []
        for rule in self.rules:
            if rule in self.fired:
                continue
            name = metric_named(state.metrics, rule.subject)
            since = self._since(state, rule, name) if name is not None else None
            verdict = rule.check(state, now, since=since, heard=self._heard)
            if name is not None:
                self._seen[rule, name] = len(state.metrics[name].values)
            if verdict is not None:
                self.fired[rule] = verdict
                found.append(verdict)
        return found

    def _since(self, state: RunState, rule: StopRule, name: str) -> int:
        """Return the place of the first measurement of a metric that is to be judged."""
        times = state.metrics[name].times
        last = len(times) - 1
        first = min(self._seen.get((rule, name), 0), last)
        # The other clock may be wrong a little.
        return next((at for at in range(first, last) if times[at] >= self._set_at - _SLACK), last)


def metric_named(metrics: Mapping[str, object], name: str) -> str | None:
    """Return the metric of a run that is meant by a name; other trainers' names are understood."""
    if name in metrics:
        return name
    for group in _SAME:
        if name in group:
            return next((other for other in group if other in metrics), None)
    return None


def unheard(rule: StopRule, metrics: Mapping[str, object]) -> tuple[str, str]:
    """Return the name a rule looks at and has not found, and what may be meant by it.

    Both are empty where the rule has what it looks at; the second where nothing reads alike.
    """
    if rule.test in (Test.TIME, Test.SILENCE) or rule.subject in _OF_THE_RUN:
        return "", ""
    if not metrics or metric_named(metrics, rule.subject) is not None:
        return "", ""
    # The first letter tells train from valid, which read alike otherwise.
    alike = [name for name in metrics if name[:1] == rule.subject[:1]]
    return rule.subject, next(iter(difflib.get_close_matches(rule.subject, alike, 1, 0.8)), "")


def parse(text: str, default: str = "alert") -> StopRule:
    """Read one rule.

    Args:
        text: As in the description of this module.
        default: What follows ``then`` when the text does not say it.

    Raises:
        UsageError: It is not a rule; the hint shows what is.
    """
    then = re.search(_THEN, text, re.IGNORECASE)
    condition = " ".join((text[: then.start()] if then else text).split())
    rule = _condition(condition, text)
    return _with_action(rule, text[then.start() :] if then else f"then {default}", text)


def parse_all(texts: Sequence[str], default: str = "alert") -> tuple[StopRule, ...]:
    """Read the rules of several texts; a text may hold several, with ``;`` between them.

    A command takes the rest of its text, semicolons too. Rules given twice count once.

    Raises:
        UsageError: One of them is not a rule.
    """
    rules: dict[StopRule, None] = {}
    for text in texts:
        for part in _parts(text):
            rules[parse(part, default)] = None
    if not rules:
        _refuse("")
    return tuple(rules)


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    rest = text
    while rest.strip():
        head, _, tail = rest.partition(";")
        command = re.search(r"\bthen\s+(run|shell)\b", head, re.IGNORECASE)
        if command is not None:
            return [*parts, rest]
        parts.append(head)
        rest = tail
    return [part for part in parts if part.strip()]


def _condition(text: str, whole: str) -> StopRule:
    if found := re.fullmatch(_SILENCE, text, re.IGNORECASE):
        return StopRule(text, "", Test.SILENCE, _seconds(found, 1, whole))
    if found := re.fullmatch(_CLOCK, text, re.IGNORECASE):
        return StopRule(text, "time", Test.TIME, _seconds(found, 2, whole), found[1])
    if found := re.fullmatch(_NAN, text, re.IGNORECASE):
        return StopRule(text, found[1], Test.NAN)
    if found := re.fullmatch(_TREND, text, re.IGNORECASE):
        times = int(found[3])
        if not 1 <= times <= _MOST:
            _refuse(whole)
        return StopRule(text, found[1], Test(found[2].lower()), float(times))
    found = re.fullmatch(_COMPARE, text, re.IGNORECASE)
    if found is None or not math.isfinite(float(found[4])) or (found[3] and found[1] != "cost"):
        _refuse(whole)
    return StopRule(text, found[1], Test.COMPARE, float(found[4]), found[2])


def _seconds(found: re.Match[str], at: int, whole: str) -> float:
    seconds = float(found[at]) * _UNITS[(found[at + 1] or "").lower()]
    if not 0 < seconds < math.inf:
        _refuse(whole)
    return seconds


def _with_action(rule: StopRule, text: str, whole: str) -> StopRule:
    found = re.match(_THEN, text, re.IGNORECASE)
    if found is None:
        _refuse(whole)
    kind, rest = found[1].lower(), text[found.end() :].strip()
    if kind in ("alert", "cancel"):
        if rest:
            _refuse(whole)
        return rule._replace(action=Action(kind))
    try:
        words = (rest,) if kind == "shell" else tuple(shlex.split(rest))
    except ValueError:
        words = ()
    if not words or not words[0]:
        raise UsageError(f"{whole!r} names no command to run", "such as: then run notify-send done")
    return rule._replace(action=Action.RUN, command=words, shell=kind == "shell")


def _refuse(text: str) -> NoReturn:
    raise UsageError(f"{text!r} is not a stop rule", f"write {GRAMMAR}")


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"
