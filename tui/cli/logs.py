"""``tunedeck watch --log``: training logs of this machine, one or a folder of them."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from tui.cli.following import Printer, Trouble
from tui.cli.guard import Guard
from tui.cli.printed import Frame, is_plain, print_all, printer_of
from tui.cli.session import run
from tui.errors import FileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.logs import FoundLog
    from tui.run.stops import StopRule


def watch_log(args: argparse.Namespace, rules: Sequence[StopRule]) -> int:
    """Follow a log, or every log of a folder; return the exit code.

    On a terminal one opens in the live panel, several side by side. Following plainly ends when
    the log says that training is over, or when it stands still for the time given.

    Raises:
        FileError: There is no log there.
    """
    from tui.logs import find_logs

    logs = find_logs(args.log)
    if not logs:
        raise FileError(f"no training log in {args.log}", "give the folder a trainer writes to")
    if rules:
        _check_rules(args, logs, rules)
    if args.once:
        return run(_once(args, logs, rules))
    if is_plain(args):
        return run(_follow(args, logs, rules))
    from tui.app import run_app

    return run_app([], open_logs=[log.path for log in logs], stop_rules=rules)


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
        frame = Frame(RunState(log.path))
        guard = Guard(rules, frame.state, printer_of(args)) if rules else None
        for update in await asyncio.to_thread(read_log, log.path):
            frame.take(update)
        job = frame.state.job
        assert job is not None
        code = max(code, await frame.close(args, job, guard))
    return code


async def _follow(
    args: argparse.Namespace, logs: Sequence[FoundLog], rules: Sequence[StopRule]
) -> int:
    several = len(logs) > 1
    printers = [printer_of(args, log.title if several else None) for log in logs]
    codes = await asyncio.gather(
        *[
            _follow_one(args, log, printer, rules)
            for log, printer in zip(logs, printers, strict=True)
        ]
    )
    return max(codes)


async def _follow_one(
    args: argparse.Namespace, log: FoundLog, printer: Printer, rules: Sequence[StopRule]
) -> int:
    from tui.logs import LogSource
    from tui.run.state import RunState

    source = LogSource(log.path, log.title, idle=args.timeout)
    state = RunState(source.id)
    guard = Guard(rules, state, printer) if rules else None
    async with aclosing(source.updates()) as updates:
        return await print_all(updates, state, printer, Trouble(args.timeout), guard)
