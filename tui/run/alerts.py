"""What is done when a stop rule fires: a sound, a notification, a command; kept in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
import time
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Event, Ledger
    from tui.run.stops import Verdict

BELL = "\a"
_MOST = 200
_MOST_SHOWN = 80
_COMMAND_SECONDS = 600.0
_LOOK_SECONDS = 0.1
_TAIL = 4096


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
    ``TUNEDECK_MESSAGE``. The screen is not its own, so that of its output only the last line is
    told, and only when it fails. One that takes longer than ten minutes is left alone; it also
    goes on when this program ends before it.
    """
    rule = verdict.rule
    environ = {
        **os.environ,
        "TUNEDECK_RULE": clean(rule.condition),
        "TUNEDECK_RUN": run_id,
        "TUNEDECK_MESSAGE": clean(verdict.message),
    }
    words = ("/bin/sh", "-c", rule.command[0]) if rule.shell else rule.command
    name = clean(rule.command_words, _MOST_SHOWN)
    with contextlib.ExitStack() as files:
        output: BinaryIO | None = None
        with contextlib.suppress(OSError):
            output = files.enter_context(TemporaryFile())
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return f"the command could not be started ({reason}): {name}"
        end = time.monotonic() + _COMMAND_SECONDS
        while process.poll() is None:
            if time.monotonic() > end:
                return f"the command still runs and is left alone: {name}"
            await asyncio.sleep(_LOOK_SECONDS)
        return _ended(process.returncode, name, output)


def _ended(code: int, name: str, output: BinaryIO | None) -> str:
    if code == 0:
        return f"the command was run: {name}"
    how = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
    said = ""
    if output is not None:
        output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL))
        lines = output.read().decode("utf-8", "replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "")
    return f"the command {how}: {name}" + (f": {said.strip()}" if said else "")


def event_of(verdict: Verdict, deed: str, now: float) -> Event:
    """Return the event that tells of a rule that came true, for the log of the run.

    Several processes that see the same and do the same tell of it once.

    Args:
        verdict: What was seen.
        deed: What was done about it, in words.
        now: Seconds since 1970.
    """
    from tui.jobs import Event

    message = f"Stop rule '{verdict.rule.condition}': {verdict.message}; {deed}"
    mark = hashlib.sha256(f"{verdict.rule}{message}".encode("utf-8", "replace")).hexdigest()[:16]
    return Event(f"stop-rule-{mark}", int(now), "warn", message, "stop_rule", None)


def keep(ledger: Ledger, endpoint: str, job_id: str, event: Event) -> None:
    """Write into the ledger that a rule fired; the next look at the run shows it.

    Raises:
        FileError: The ledger cannot be written.
    """
    complete = not ledger.has_gap(endpoint, job_id)
    ledger.keep_events(endpoint, job_id, [event], None, complete=complete)
