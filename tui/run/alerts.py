"""What is done when a stop rule fires: a sound, a notification, a command; kept in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Ledger
    from tui.run.stops import Verdict

BELL = "\a"
_MOST = 200
_COMMAND_SECONDS = 600.0


def notification(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what rings a terminal's bell and asks it for a desktop notification (OSC 9).

    Terminals that do not know the second ignore it. tmux hands it on only when it is wrapped.

    Args:
        text: What to say; cleaned here, because it goes to the terminal as it is.
        environ: The environment; the process's own unless given.
    """
    environ = os.environ if environ is None else environ
    if environ.get("TERM", "") in ("", "dumb", "linux"):
        return BELL
    # A text that begins with a digit would be another command to some terminals.
    said = f"\x1b]9;tunedeck: {clean(text, _MOST)}\x1b\\"
    if environ.get("TMUX"):
        said = "\x1bPtmux;" + said.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return BELL + said


async def run_command(verdict: Verdict, run_id: str) -> str:
    """Run the command of a rule and return how it went, in words; not cleaned.

    It gets the rule, the run and what was seen as ``TUNEDECK_RULE``, ``TUNEDECK_RUN`` and
    ``TUNEDECK_MESSAGE``; its output goes nowhere, because the screen is not its own. One that takes
    longer than ten minutes is left alone.
    """
    rule = verdict.rule
    environ = {
        **os.environ,
        "TUNEDECK_RULE": rule.condition,
        "TUNEDECK_RUN": run_id,
        "TUNEDECK_MESSAGE": verdict.message,
    }
    words = ("/bin/sh", "-c", rule.command[0]) if rule.shell else rule.command
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=null, stdout=null, stderr=null, env=environ, start_new_session=True
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"the command {words[0]!r} could not be started ({reason})"
    with contextlib.suppress(TimeoutError):
        code = await asyncio.wait_for(process.wait(), _COMMAND_SECONDS)
        return f"the command {words[0]!r} ended with {code}"
    return f"the command {words[0]!r} still runs"


def event_of(verdict: Verdict, deed: str, now: float) -> Event:
    """Return the event that tells of a rule that fired, for the log of the run.

    Args:
        verdict: What was seen.
        deed: What was done about it, in words.
        now: Seconds since 1970.
    """
    from tui.jobs import Event

    message = f"Stop rule '{verdict.rule.condition}': {verdict.message}; {deed}"
    mark = hashlib.sha256(f"{verdict.rule}{now}".encode("utf-8", "replace")).hexdigest()[:16]
    return Event(f"stop-rule-{mark}", int(now), "warn", message, "stop_rule", None)


def keep(ledger: Ledger, endpoint: str, job_id: str, event: Event) -> None:
    """Write into the ledger that a rule fired; the next look at the run shows it.

    Raises:
        FileError: The ledger cannot be written.
    """
    complete = not ledger.has_gap(endpoint, job_id)
    ledger.keep_events(endpoint, job_id, [event], None, complete=complete)
