"""``tunedeck compare``: runs side by side, hosted and local."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output import emit_json, note, say
from tui.cli.session import Session, add_common, find_job, run, session
from tui.errors import ProviderError, TunedeckError, UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.run.compare import Compared

_PLOT_WIDTH = 120
_PLOT_HEIGHT = 17
# What the plain plot can draw so that it is told apart.
_DRAWN = 4


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compare``."""
    parser = sub.add_parser("compare", help="runs side by side: jobs, training logs, folders")
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a job's id, PROVIDER/ID, a training log, or a folder of them",
    )
    parser.add_argument("--plain", action="store_true", help="print, also on a terminal")
    parser.add_argument("--no-plot", action="store_true", help="words only, for screen readers")
    parser.set_defaults(handler=compare)
    add_common(parser)


def compare(args: argparse.Namespace) -> int:
    """Compare runs: in the application on a terminal, otherwise as a table."""
    if args.json or args.plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        runs = run(_load(args))
        _print(args, runs)
        return 0
    keys = run(_keys(args))
    from tui.app import run_app

    return run_app([], provider=args.provider, compare=keys)


def _logs(text: str) -> list[tuple[str, str]] | None:
    """Return path and title of the logs that a text names; ``None`` when it names no path."""
    from tui.logs import find_logs

    if not Path(text).exists():
        if "/" in text and Path(text).parent.is_dir():
            raise UsageError(f"{text} is not there", "check the path")
        return None
    found = find_logs(text)
    if not found:
        raise UsageError(f"no training log in {text}", "give the folder a trainer writes to")
    return [(log.path, log.title) for log in found]


def _at_provider(args: argparse.Namespace, text: str) -> tuple[argparse.Namespace, str]:
    """Take the provider out of ``PROVIDER/ID``, where there is one of that name."""
    from tui.config import Paths, load_settings

    name, slash, job = text.partition("/")
    if slash and name in load_settings(Paths.resolve()).providers:
        return argparse.Namespace(**{**vars(args), "provider": name}), job
    return args, text


async def _keys(args: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    from tui.run.compare import LOG

    keys: dict[tuple[str, str], None] = {}
    for text in args.runs:
        logs = _logs(text)
        if logs is not None:
            keys.update({(LOG, path): None for path, _ in logs})
            continue
        where, job = _at_provider(args, text)
        async with session(where, job=job) as opened:
            keys[opened.config.name, await find_job(opened, job)] = None
    return tuple(keys)


async def _load(args: argparse.Namespace) -> list[Compared]:
    import asyncio

    runs: dict[tuple[str, str], Compared] = {}
    for text in args.runs:
        logs = _logs(text)
        if logs is None:
            where, job = _at_provider(args, text)
            async with session(where, job=job) as opened:
                found = await _load_job(opened, job)
            runs[found.key] = found
            continue
        for path, title in logs:
            found = await asyncio.to_thread(_load_log, path, title)
            runs.setdefault(found.key, found)
    return list(runs.values())


def _load_log(path: str, title: str) -> Compared:
    from tui.logs import read_log
    from tui.run.compare import LOG, Compared
    from tui.run.state import RunState

    state = RunState(path)
    for update in read_log(path):
        state.apply(update)
    return Compared((LOG, path), title, state)


async def _load_job(opened: Session, text: str) -> Compared:
    import asyncio

    from tui.jobs import Watcher
    from tui.run.compare import Compared
    from tui.run.runlist import price_of
    from tui.run.state import RunState

    job_id = await find_job(opened, text)
    row = await asyncio.to_thread(opened.ledger.job, opened.provider.endpoint, job_id)
    state = RunState(job_id, price_of(row.estimate) if row else None)
    watcher = Watcher(job_id, opened.provider, opened.ledger, patience=0.0)
    async with aclosing(watcher.updates()) as updates:
        async for update in updates:
            state.apply(update)
            if update.trouble:
                note(f"{job_id}: {update.trouble}")
            if update.ended or update.trouble or watcher.polled:
                break
    # Not every provider has them.
    with suppress(ProviderError):
        state.checkpoints = tuple(await opened.provider.checkpoints(job_id))
    if state.job is None:
        raise TunedeckError(f"nothing is known of {job_id}", "try again when the provider answers")
    file = row.file if row else ""
    return Compared((opened.config.name, job_id), state.job.suffix or job_id, state, file)


def _print(args: argparse.Namespace, runs: Sequence[Compared]) -> None:
    from tui.run import compare as sides

    now = time.time()
    if args.json:
        emit_json(sides.as_json(runs, now))
        return
    from widgets.plain import table

    columns = sides.columns(runs, now)
    rows = [
        [run.title, *(column.cells[place] for column in columns)] for place, run in enumerate(runs)
    ]
    align = "l" + "".join("r" if column.right else "l" for column in columns)
    width = max(60, shutil.get_terminal_size((160, 24)).columns)
    for line in table(
        ["Run", *(column.label for column in columns)], rows, align=align, width=width
    ):
        say(line)
    best = sides.verdict(runs)
    if best:
        say(clean(best))
    if args.no_plot or args.plain:
        from tui.run.trend import trend

        for one in runs:
            say(f"{clean(one.title)}: {clean(trend(one.state))}")
    if not args.no_plot:
        _plot(runs)


def _plot(runs: Sequence[Compared]) -> None:
    from widgets.plain import plot

    drawn = {
        run.title: (run.state.train.steps, run.state.train.values)
        for run in runs
        if run.state.train.last_finite is not None
    }
    if not drawn:
        return
    width = min(_PLOT_WIDTH, shutil.get_terminal_size().columns)
    total = max(run.state.total_steps or run.state.step for run in runs) or None
    for line in plot(
        dict(list(drawn.items())[:_DRAWN]), width=width, height=_PLOT_HEIGHT, total=total
    ):
        say(line)
    if len(drawn) > _DRAWN:
        say(f"The plot shows the first {_DRAWN} of {len(drawn)} runs; the application shows more.")
