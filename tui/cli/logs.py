"""``tunedeck watch --log``: training logs of this machine, one or a folder of them."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.following import Printer, Trouble
from tui.cli.guard import Guard
from tui.cli.output import note
from tui.cli.printed import Frame, is_plain, print_all, printer_of
from tui.cli.session import run
from tui.errors import FileError, TunedeckError, UsageError
from tui.logs.pipe import STANDARD_INPUT, is_pipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.logs import FoundLog
    from tui.run.state import RunState
    from tui.run.stops import StopRule


# A folder is searched for new logs that often, in seconds.
_LOOK = 5.0


def watch_log(args: argparse.Namespace, rules: Sequence[StopRule]) -> int:
    """Follow a log, or every log of a folder; return the exit code.

    On a terminal one opens in the live panel, several side by side. Following plainly ends when
    the log says that training is over, or when it stands still for the time given. One that is
    not there yet is waited for, unless just one picture is wanted.

    Raises:
        FileError: There is no log there.
    """
    logs = _logs(args)
    if rules:
        _check_rules(args, logs, rules)
    if args.once:
        return run(_once(args, logs, rules))
    piped = args.log == STANDARD_INPUT
    # What is piped in leaves the keys to the terminal itself.
    if args.json or args.plain or not sys.stdout.isatty() if piped else is_plain(args):
        return run(_follow(args, logs, rules))
    from tui.app import run_app

    paths = [_beside_the_keys()] if piped else [log.path for log in logs]
    return run_app([], open_logs=paths, stop_rules=rules)


def _logs(args: argparse.Namespace) -> Sequence[FoundLog]:
    from tui.logs import FoundLog, find_logs

    path = Path(args.log)
    if not args.once and not path.exists() and args.log != STANDARD_INPUT:
        if not path.absolute().parent.is_dir():
            raise FileError(f"there is no folder {path.parent}", "check the path")
        return [FoundLog(str(path.absolute()), path.name, "output")]
    logs = find_logs(args.log)
    if not logs:
        raise FileError(f"no training log in {args.log}", "give the folder a trainer writes to")
    return logs


def _beside_the_keys() -> str:
    """Return a path of standard input, which from now on is the keyboard."""
    from tui.terminal import keys_from_terminal

    path = f"/dev/fd/{os.dup(0)}"
    keys_from_terminal()
    return path


class _LogTrouble(Trouble):
    """Trouble with a log: it is not there, or cannot be read; it ends by standing still."""

    trying = ""
    again = "the log is there"


def _check_rules(
    args: argparse.Namespace, logs: Sequence[FoundLog], rules: Sequence[StopRule]
) -> None:
    from tui.run.stops import Action

    if len(logs) > 1:
        raise UsageError(f"{args.log} holds {len(logs)} runs", "watch one of them with stop rules")
    if any(rule.action is Action.CANCEL for rule in rules):
        raise UsageError(
            "a local training cannot be cancelled from here",
            "write 'then run kill PID' with the trainer's process id, or leave it at the alert",
        )


async def _once(
    args: argparse.Namespace, logs: Sequence[FoundLog], rules: Sequence[StopRule]
) -> int:
    from tui.logs import read_log
    from tui.run.state import RunState

    code = 0
    for log in logs:
        name = log.title if len(logs) > 1 else None
        try:
            updates = await asyncio.to_thread(read_log, log.path)
        except FileError as error:
            if name is None:
                raise
            note(str(error))
            code = max(code, error.exit_code)
            continue
        frame = Frame(RunState(log.path), name)
        guard = Guard(rules, frame.state, printer_of(args, name)) if rules else None
        for update in updates:
            frame.take(update)
        job = frame.state.job
        assert job is not None
        code = max(code, await frame.close(args, job, guard))
        if not frame.state.metrics:
            note(f"{log.title}: no numbers of a training were found in it")
    return code


async def _follow(
    args: argparse.Namespace, logs: Sequence[FoundLog], rules: Sequence[StopRule]
) -> int:
    """Follow logs to their ends; those that come into the folder meanwhile too."""
    if len(logs) == 1 and (rules or not os.path.isdir(args.log)):
        return await _follow_one(args, logs[0], printer_of(args), rules)
    known: set[str] = set()
    going: set[asyncio.Task[int]] = set()
    code = 0

    def begin(found: Sequence[FoundLog], *, named: bool) -> None:
        for log in found:
            if not _is_known(log, known):
                known.add(log.path)
                printer = printer_of(args, log.title if named else None)
                going.add(asyncio.create_task(_follow_one(args, log, printer, rules)))

    begin(logs, named=len(logs) > 1)
    while going:
        ended, _ = await asyncio.wait(going, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
        going -= ended
        for one in ended:
            code = max(code, _code_of(one, alone=len(known) == 1))
        begin(await asyncio.to_thread(_new_logs, args.log), named=True)
    return code


def _is_known(log: FoundLog, known: set[str]) -> bool:
    """Whether a log, or another of the same run, is followed: trainers begin to write them late."""
    if log.path in known:
        return True
    folder = log.path if os.path.isdir(log.path) else os.path.dirname(log.path)
    of_trainer = log.kind in ("events", "state") or log.path.endswith("trainer_log.jsonl")
    return of_trainer and any(path.startswith(folder + os.sep) for path in known)


def _code_of(ended: asyncio.Task[int], *, alone: bool) -> int:
    """Return the exit code of a log that was followed; of several one that is none stops no other.

    Raises:
        TunedeckError: It was followed alone, and could not be.
    """
    try:
        return ended.result()
    except TunedeckError as error:
        if alone:
            raise
        note(str(error))
        return error.exit_code


def _new_logs(path: str) -> Sequence[FoundLog]:
    from tui.logs import find_logs

    try:
        return find_logs(path)
    except FileError:
        return []


async def _follow_one(
    args: argparse.Namespace, log: FoundLog, printer: Printer, rules: Sequence[StopRule]
) -> int:
    from tui.logs import LogSource
    from tui.run.state import RunState

    source = LogSource(log.path, log.title, idle=args.timeout, wait=True)
    state = RunState(source.id)
    guard = Guard(rules, state, printer) if rules else None
    async with aclosing(source.updates()) as updates:
        code = await print_all(updates, state, printer, _LogTrouble(math.inf), guard)
    _explain(log, state, args.timeout)
    return code


def _explain(log: FoundLog, state: RunState, patience: float) -> None:
    """Say why following ended, where the log itself did not."""
    if not state.metrics:
        note(f"{log.title}: no numbers of a training were found in it")
    elif state.job is not None and not state.terminal and not is_pipe(log.path):
        note(f"{log.title}: nothing was written for {patience:.0f} s, so following ends")
