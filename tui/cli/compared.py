"""Which runs ``tunedeck compare`` is asked about, and reading each of them once."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tui.cli.output import note
from tui.cli.session import Session, find_job, list_all, session
from tui.errors import ProviderError, TunedeckError, UsageError

if TYPE_CHECKING:
    from tui.run.compare import Compared
    from tui.run.runlist import RunKey

_T = TypeVar("_T")
_AT_ONCE = 6
_PAGES = 10


async def keys_of(args: argparse.Namespace) -> tuple[RunKey, ...]:
    """Return the runs that are asked for, each once, in the order they were named.

    Raises:
        TunedeckError: One of them cannot be found.
    """
    found = await _together(_named(args, text) for text in args.runs)
    if args.last:
        found.append(await _newest(args))
    return tuple(dict.fromkeys(key for keys in found for key in keys))


async def load(args: argparse.Namespace, keys: Iterable[RunKey]) -> list[Compared]:
    """Read what is known of some runs now; of one that cannot be read, why."""
    from tui.run.compare import name_apart

    runs = await _together(_load(args, key) for key in keys)
    name_apart(runs)
    return runs


async def _together(work: Iterable[Awaitable[_T]]) -> list[_T]:
    """Await some things side by side, but not all of them at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Awaitable[_T]) -> _T:
        async with room:
            return await each

    return list(await asyncio.gather(*(one(each) for each in work)))


async def _named(args: argparse.Namespace, text: str) -> list[RunKey]:
    if Path(text).exists():
        return await asyncio.to_thread(_at_path, text)
    if "/" in text and Path(text).parent.is_dir():
        raise UsageError(f"{text} is not there", "check the path")
    where, job = _at_provider(args, text)
    try:
        async with session(where, job=job) as opened:
            return [(opened.config.name, await find_job(opened, job))]
    except TunedeckError:
        # Its provider cannot be used now: the others are compared all the same.
        known = await asyncio.to_thread(_known, job) if len(args.runs) > 1 else None
        if known is None:
            raise
        return [known]


def _at_path(text: str) -> list[RunKey]:
    """The logs in a folder or a file; of a dataset, the runs that were trained on it."""
    from tui.logs import find_logs
    from tui.run.compare import LOG

    try:
        found = find_logs(text)
    except TunedeckError:
        keys = _trained_on(text)
        if keys:
            return keys
        raise
    if not found:
        raise UsageError(f"no training log in {text}", "give the folder a trainer writes to")
    return [(LOG, log.path) for log in found]


def _trained_on(path: str) -> list[RunKey]:
    from tui.config import Paths
    from tui.jobs import open_ledger
    from tui.run.dataset import runs_of_file

    with suppress(TunedeckError):
        ledger = open_ledger(Paths.resolve().state)
        try:
            return runs_of_file(ledger, path)
        finally:
            ledger.close()
    return []


def _known(job: str) -> RunKey | None:
    """The run that the ledger knows by an id, where it knows exactly one."""
    from tui.config import Paths
    from tui.jobs import open_ledger
    from tui.jobs.rows import provider_of

    with suppress(TunedeckError):
        ledger = open_ledger(Paths.resolve().state)
        try:
            found = ledger.find_jobs(job)
        finally:
            ledger.close()
        if len(found) == 1:
            return provider_of(found[0][0]), found[0][1]
    return None


def _at_provider(args: argparse.Namespace, text: str) -> tuple[argparse.Namespace, str]:
    """Take the provider out of ``PROVIDER/ID``, where there is one of that name."""
    from tui.config import Paths, load_settings

    name, slash, job = text.partition("/")
    if slash and name in load_settings(Paths.resolve()).providers:
        return _for(args, name), job
    return args, text


def _for(args: argparse.Namespace, provider: str) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), "provider": provider})


async def _newest(args: argparse.Namespace) -> list[RunKey]:
    async with session(args) as opened:
        jobs = await list_all(opened.provider, min(_PAGES, 1 + args.last // 100))
        jobs.sort(key=lambda job: -(job.created_at or 0))
        return [(opened.config.name, job.id) for job in jobs[: args.last]]


async def _load(args: argparse.Namespace, key: RunKey) -> Compared:
    from tui.run.compare import LOG, Compared
    from tui.run.state import RunState

    run = Compared(key, key[1], RunState(key[1]))
    try:
        if key[0] == LOG:
            await asyncio.to_thread(_load_log, run)
        else:
            async with session(_for(args, key[0]), job=key[1]) as opened:
                await _load_job(opened, run)
    except TunedeckError as error:
        run.trouble = str(error)
        if run.state.job is None and key[0] != LOG:
            await asyncio.to_thread(_last_known, run)
    if run.trouble:
        note(f"{key[1]}: {run.trouble}")
    return run


def _last_known(run: Compared) -> None:
    from tui.config import Paths
    from tui.jobs import open_ledger
    from tui.run.lastknown import fill_from_ledger

    with suppress(TunedeckError):
        ledger = open_ledger(Paths.resolve().state)
        try:
            fill_from_ledger(run, ledger)
        finally:
            ledger.close()


def _load_log(run: Compared) -> None:
    from tui.logs import read_log

    for update in read_log(run.key[1]):
        run.state.apply(update)


async def _load_job(opened: Session, run: Compared) -> None:
    from tui.jobs import Watcher
    from tui.run.runlist import price_of

    job_id, endpoint = run.key[1], opened.provider.endpoint
    row = await asyncio.to_thread(opened.ledger.job, endpoint, job_id)
    launch = await asyncio.to_thread(opened.ledger.launch_of, endpoint, job_id)
    if row is not None:
        run.file, run.state.price = row.file, price_of(row.estimate)
    if launch is not None:
        run.sha256, run.validation = launch.sha256, str(launch.recipe.get("validation") or "")
    watcher = Watcher(job_id, opened.provider, opened.ledger, patience=0.0)
    async with aclosing(watcher.updates()) as updates:
        async for update in updates:
            run.state.apply(update)
            run.trouble = update.trouble or ""
            if update.ended or update.trouble or watcher.polled:
                break
    # Not every provider has them.
    with suppress(ProviderError):
        if not run.trouble:
            run.state.checkpoints = tuple(await opened.provider.checkpoints(job_id))
