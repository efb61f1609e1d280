"""``tunedeck watch``: follow a job, or a training log of this machine, to its end."""

from __future__ import annotations

import argparse
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from tui.cli import waiting
from tui.cli.following import Trouble
from tui.cli.printed import Frame, is_plain, print_all, printer_of
from tui.cli.session import add_common, duration, find_job, run, session
from tui.cli.stopping import add_rules, check_allowed, rules_held, rules_of, takes_away
from tui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.cli.following import Printer
    from tui.cli.guard import Guard
    from tui.cli.session import Session
    from tui.jobs import Job
    from tui.run.state import RunState
    from tui.run.stops import StopRule

# Scripts care for order more than for the last second.
_PATIENCE = 8.0


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch``."""
    parser = sub.add_parser("watch", help="follow a job, or a local training log, to its end")
    parser.add_argument(
        "jobs",
        nargs="*",
        metavar="JOB",
        help="its id, the beginning of it, or 'last'; of several every line names its job",
    )
    parser.add_argument(
        "--log",
        metavar="PATH",
        help="follow what a trainer writes on this machine: its output, trainer_log.jsonl, "
        "trainer_state.json, TensorBoard files, CSV; a folder of runs; '-' for standard input",
    )
    parser.add_argument("--plain", action="store_true", help="a line an event, also on a terminal")
    parser.add_argument(
        "--once",
        action="store_true",
        help="one picture, then exit: 1 when the run failed or a rule is true, such as for cron",
    )
    parser.add_argument(
        "--words",
        "--no-plot",
        action="store_true",
        dest="no_plot",
        help="no plot, words only, for screen readers",
    )
    parser.add_argument(
        "--timeout",
        type=duration,
        default=waiting.UNREACHABLE,
        metavar="D",
        help="stop when the provider cannot be reached, or the log stands still, for so long (10m)",
    )
    add_rules(parser)
    parser.set_defaults(handler=watch)
    add_common(parser)


def watch(args: argparse.Namespace) -> int:
    """Follow runs: in the application on a terminal, otherwise a line an event."""
    rules = rules_of(args)
    jobs = list(dict.fromkeys(args.jobs))
    if args.log is not None:
        if jobs:
            raise UsageError("both a job and a log are named", "watch one of them")
        from tui.cli.logs import watch_log

        return watch_log(args, rules)
    if not jobs:
        raise UsageError("no job is named", "give its id, 'last', or --log FILE")
    if args.once:
        return max([run(_once(args, job, rules, _name(job, jobs))) for job in jobs])
    if len(jobs) == 1:
        return follow(args, jobs[0])
    if is_plain(args):
        return run(_streams(args, jobs, rules))
    if rules:
        raise UsageError("several jobs are named", "watch one of them with stop rules, or --plain")
    from tui.app import run_app

    return run_app([], compare=[run(_resolved(args, job, rules)) for job in jobs])


def _name(job: str, jobs: Sequence[str]) -> str | None:
    return job if len(jobs) > 1 else None


def follow(args: argparse.Namespace, job: str) -> int:
    """Follow a job in the way that fits where the output goes; return its exit code."""
    rules = rules_of(args)
    if is_plain(args):
        return run(_stream(args, job, rules))
    provider, job_id = run(_resolved(args, job, rules))
    from tui.app import run_app

    return run_app([], provider=provider, open_job=job_id, stop_rules=rules)


async def _streams(args: argparse.Namespace, jobs: Sequence[str], rules: Sequence[StopRule]) -> int:
    import asyncio

    follows = [_stream(args, job, rules, job) for job in jobs]
    return max(await asyncio.gather(*follows))


async def _resolved(
    args: argparse.Namespace, job: str, rules: Sequence[StopRule]
) -> tuple[str, str]:
    async with session(args, job=job) as opened:
        check_allowed(opened, rules)
        job_id = await find_job(opened, job)
        if takes_away(args):
            opened.ledger.keep_rules(opened.provider.endpoint, job_id, ())
        return opened.config.name, job_id


async def _stream(
    args: argparse.Namespace, job: str, rules: Sequence[StopRule], name: str | None = None
) -> int:
    from tui.jobs import Watcher

    timeout = getattr(args, "timeout", waiting.UNREACHABLE)
    async with session(args, job=job) as opened:
        check_allowed(opened, rules)
        job_id = await waiting.patiently(lambda: find_job(opened, job), timeout)
        state = await _state(opened, job_id)
        printer = printer_of(args, name)
        rules = rules_held(args, opened, job_id, rules)
        guard = _guard(opened, rules, state, printer) if rules else None
        watcher = Watcher(job_id, opened.provider, opened.ledger, patience=_PATIENCE)
        trouble = Trouble(timeout)
        async with aclosing(watcher.updates()) as updates:
            return await print_all(updates, state, printer, trouble, guard)


async def _state(opened: Session, job_id: str) -> RunState:
    import asyncio

    from tui.run.runlist import price_of
    from tui.run.state import RunState

    row = await asyncio.to_thread(opened.ledger.job, opened.provider.endpoint, job_id)
    return RunState(job_id, price_of(row.estimate) if row else None)


def _guard(opened: Session, rules: Sequence[StopRule], state: RunState, printer: Printer) -> Guard:
    from tui.cli.guard import Guard
    from tui.jobs import cancel_job

    async def cancel() -> Job:
        job_id = state.job_id
        return (await cancel_job(opened.provider, opened.ledger, job_id, timeout=None)).job

    return Guard(rules, state, printer, cancel=cancel, opened=opened)


async def _once(
    args: argparse.Namespace, text: str, rules: Sequence[StopRule], name: str | None
) -> int:
    from tui.jobs import Watcher

    async with session(args, job=text) as opened:
        check_allowed(opened, rules)
        job_id = await find_job(opened, text)
        job = await opened.provider.retrieve(job_id)
        watcher = Watcher(job_id, opened.provider, opened.ledger, patience=0.0)
        frame = Frame(await _state(opened, job_id), name)
        guard = _guard(opened, rules, frame.state, printer_of(args, name)) if rules else None
        asked = time.monotonic()
        async with aclosing(watcher.updates()) as updates:
            async for update in updates:
                frame.take(update)
                # The first update may come from the ledger alone; one poll must have followed.
                if update.ended or update.trouble or watcher.polled:
                    break
                if time.monotonic() - asked > args.timeout:
                    break
        return await frame.close(args, frame.state.job or job, guard)
