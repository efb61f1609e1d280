"""How a run that is followed is printed: objects for programs, lines for people."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tui.cli.output import emit_line, note, say
from tui.errors import ProviderError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Job, MetricPoint, Update
    from tui.run.state import RunState
    from tui.run.stops import Verdict

_PLOT_WIDTH = 120
_PLOT_HEIGHT = 17


class Printer(Protocol):
    """Prints what happens to a run."""

    def status(self, job: Job) -> None:
        """Tell a status that is new."""

    def item(self, event: Event | None, point: MetricPoint | None) -> None:
        """Tell an event or the numbers of a step."""

    def fired(self, verdict: Verdict, deed: str, *, done: bool = True) -> None:
        """Tell that a stop rule came true and what is done about it, later what came of that."""

    def end(self, job: Job, state: RunState) -> None:
        """Tell how it ended."""


class Trouble:
    """Says once what is wrong, once that it is over, and stops after a long time without word.

    Args:
        patience: Seconds without word after which to stop.

    Attributes:
        again: What is said when it is over.
        trying: What is said behind the trouble.
    """

    trying = " (trying again)"
    again = "the provider answers again"

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._said: str | None = None

    def see(self, update: Update) -> None:
        """Take in an update.

        Raises:
            ProviderError: There was only trouble for too long.
        """
        if update.trouble is None or update.ended:
            if self._said is not None and not update.ended:
                note(self.again)
            self._since = self._said = None
            return
        if update.trouble != self._said:
            note(f"{update.trouble}{self.trying}")
            self._said = update.trouble
        self._since = self._since if self._since is not None else time.monotonic()
        if time.monotonic() - self._since >= self._patience:
            raise ProviderError(
                f"gave up after {self._patience:.0f} s: {update.trouble}",
                "the job goes on at the provider; watch it again later",
                code="unreachable",
            )


def interleaved(update: Update) -> Iterator[tuple[Event | None, MetricPoint | None]]:
    """Yield events without metrics, and metric points, oldest first, each once."""
    from tui.jobs import point_of

    added = {point.id for point in update.amended}
    events = [e for e in update.events if e.id in added or point_of(e) is None]
    at = 0
    for point in update.points:
        while at < len(events) and (events[at].created_at or 0) < (point.created_at or 0):
            yield events[at], None
            at += 1
        # Of the same second, what came before the point in the provider's order goes first.
        while at < len(events) and _stands_before(update, events[at], point):
            yield events[at], None
            at += 1
        yield None, point
    for event in events[at:]:
        yield event, None


def _stands_before(update: Update, event: Event, point: MetricPoint) -> bool:
    if (event.created_at or 0) != (point.created_at or 0):
        return False
    for one in update.events:
        if one.id == event.id:
            return True
        if one.id == point.id:
            return False
    return False


class JsonPrinter:
    """One JSON object a line, as the command line's contract says.

    Args:
        run: The name of the run, put into every object where several are followed at once.
    """

    def __init__(self, run: str | None = None) -> None:
        self._more: dict[str, Any] = {} if run is None else {"run": run}

    def status(self, job: Job) -> None:
        """Tell a status that is new."""
        emit_line({"kind": "status", "status": job.status, **self._more})

    def item(self, event: Event | None, point: MetricPoint | None) -> None:
        """Tell an event or the numbers of a step."""
        if event is not None:
            emit_line(
                {
                    "kind": "event",
                    "id": event.id,
                    "created_at": event.created_at,
                    "level": event.level,
                    "message": event.message,
                    **self._more,
                }
            )
        if point is not None:
            emit_line(
                {
                    "kind": "metrics",
                    "id": point.id,
                    "created_at": point.created_at,
                    "step": point.step,
                    "total_steps": point.total_steps,
                    "values": dict(point.values),
                    **self._more,
                }
            )

    def fired(self, verdict: Verdict, deed: str, *, done: bool = True) -> None:
        """Tell that a stop rule came true."""
        emit_line(
            {
                "kind": "stop_rule",
                "rule": verdict.rule.condition,
                "action": verdict.action.value,
                "message": f"{verdict.message}; {deed}",
                "done": done,
                **self._more,
            }
        )

    def end(self, job: Job, state: RunState) -> None:
        """Tell how it ended."""
        del state
        error: dict[str, Any] | None = None
        if job.error_code or job.error_message:
            error = {"code": job.error_code, "message": job.error_message}
        emit_line(
            {
                "kind": "end",
                "status": job.status,
                "fine_tuned_model": job.fine_tuned_model,
                "trained_tokens": job.trained_tokens,
                "error": error,
                **self._more,
            }
        )


class PlainPrinter:
    """A line an event, for people and screen readers; at the end the course in words and a plot.

    Args:
        run: The name of the run, put before every line where several are followed at once.
        plot: Whether to draw at the end; listeners need no dots.
    """

    def __init__(self, run: str | None = None, *, plot: bool = True) -> None:
        self._before = f"{clean(run)}  " if run else ""
        self._plot = plot

    def status(self, job: Job) -> None:
        """Tell a status that is new."""
        self._say(f"          status   {clean(job.status)}")

    def item(self, event: Event | None, point: MetricPoint | None) -> None:
        """Tell an event or the numbers of a step."""
        if event is not None:
            clock = _clock(event.created_at)
            self._say(f"{clock}  {clean(event.level):<7}  {clean(event.message)}")
        if point is not None:
            self._say(f"{_clock(point.created_at)}  {step_words(point):<7}  {values_words(point)}")

    def fired(self, verdict: Verdict, deed: str, *, done: bool = True) -> None:
        """Tell that a stop rule came true."""
        del done
        rule = clean(verdict.rule.condition)
        self._say(f"          rule     {rule}: {clean(verdict.message)}; {clean(deed)}")

    def end(self, job: Job, state: RunState) -> None:
        """Tell how it ended."""
        from tui.run.trend import trend

        told = [f"{'log' if job.provider == 'log' else 'job'} {clean(job.id)} {clean(job.status)}"]
        if job.fine_tuned_model:
            told.append(f"model {clean(job.fine_tuned_model)}")
        if job.trained_tokens is not None:
            told.append(f"{job.trained_tokens:,} tokens billed")
        if job.error_message or job.error_code:
            told.append(f"error: {clean(job.error_message or job.error_code or '')}")
        self._say(", ".join(told))
        if state.metrics:
            self._say(clean(trend(state)))
        if self._plot:
            for line in plot_of(state):
                self._say(line)

    def _say(self, text: str) -> None:
        say(self._before + text)


def plot_of(state: RunState) -> list[str]:
    """Return the plot of a run, as wide as the terminal; nothing when there is nothing to draw."""
    from widgets.plain import plot

    tracks = {id(track): name for name, track in state.metrics.items()}
    valid = state.full_valid if len(state.full_valid) else state.valid
    shown = {
        tracks[id(track)]: (track.steps, track.values)
        for track in (state.train, valid)
        if id(track) in tracks and track.last_finite is not None
    }
    if not shown:
        return []
    width = min(_PLOT_WIDTH, shutil.get_terminal_size().columns)
    return plot(shown, width=width, height=_PLOT_HEIGHT, total=state.total_steps or state.step)


def alert(text: str) -> None:
    """Ring the bell of the terminal and ask it for a notification, where there is one."""
    from tui.run.alerts import notification

    if sys.stderr.isatty():
        sys.stderr.write(notification(text))
        sys.stderr.flush()


def step_words(point: MetricPoint) -> str:
    """Return the step, and of how many where that is known."""
    return f"{point.step}/{point.total_steps}" if point.total_steps else str(point.step)


def values_words(point: MetricPoint) -> str:
    """Return the numbers of a step in one line."""
    return "  ".join(f"{clean(name)} {value:.4g}" for name, value in point.values.items())


def _clock(seconds: int | None) -> str:
    if seconds is None:
        return "--:--:--"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")
