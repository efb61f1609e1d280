"""What every command about jobs begins with: settings, a provider, the ledger, and which job."""

from __future__ import annotations

import argparse
import os
import re
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tui.cli.output import note
from tui.config import (
    LOCAL,
    Paths,
    ProviderConfig,
    Settings,
    load_settings,
    resolve_provider,
)
from tui.credentials import foreign_host, needs_consent, trusting
from tui.errors import FileError, ProviderError, TunedeckError, UsageError

if TYPE_CHECKING:
    from tui.jobs import Job, Ledger, Provider

_Result = TypeVar("_Result")
_PAGES = 5
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(slots=True)
class Session:
    """What a command works with.

    Attributes:
        paths: The folders.
        config: The provider's configuration.
        provider: The provider.
        ledger: The ledger; one that keeps nothing where the real one cannot be used.
    """

    paths: Paths
    config: ProviderConfig
    provider: Provider
    ledger: Ledger


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end."""
    import asyncio

    return asyncio.run(work)


@asynccontextmanager
async def session(
    args: argparse.Namespace, *, job: str | None = None, strict: bool = False
) -> AsyncIterator[Session]:
    """Open what a command about jobs works with.

    Args:
        args: Its ``provider`` is used.
        job: When the job is known to run at another provider than the default, that one is used.
        strict: Fail when the ledger cannot be used, as a launch must; others go on without.

    Raises:
        TunedeckError: Settings, key or ledger are not usable.
    """
    from tui.jobs import open_provider

    if job == "":
        raise UsageError("the job's id is empty", "give it, the beginning of it, or 'last'")
    paths = Paths.resolve()
    settings = load_settings(paths)
    ledger, trouble = _ledger(paths)
    try:
        config = _choose(settings, ledger, args.provider, job)
        if trouble is not None:
            # The embedded service keeps its things in the same place.
            if strict or config.kind == LOCAL:
                raise trouble
            note(f"{trouble}; going on without it")
        config = trusting(config, getattr(args, "send_key_to", None))
        host = foreign_host(config)
        if host is not None and needs_consent(config, paths) is None:
            note(f"{config.api_key_env} goes to {host}, which is not OpenAI's")
        provider = open_provider(config, paths)
        try:
            yield Session(paths, config, provider, ledger)
        finally:
            await provider.aclose()
    finally:
        ledger.close()


def _ledger(paths: Paths) -> tuple[Ledger, FileError | None]:
    """Return the ledger, or one that keeps nothing and why the real one cannot be used."""
    from tui.jobs import Ledger, open_ledger

    try:
        return open_ledger(paths.state), None
    except FileError as error:
        return Ledger(":memory:"), error


def _choose(
    settings: Settings, ledger: Ledger, name: str | None, job: str | None
) -> ProviderConfig:
    """Return the provider named, else the one that a job is known to run at, else the default."""
    if name is None and job and not os.environ.get("TUNEDECK_PROVIDER"):
        home = _home_of(ledger, job)
        # The settings may have lost it since.
        if home is not None:
            with suppress(UsageError):
                return resolve_provider(settings, home)
    return resolve_provider(settings, name)


def _home_of(ledger: Ledger, job: str) -> str | None:
    """Return the provider that the ledger knows a job of, when there is exactly one."""
    if job == "last":
        launched = [row for row in ledger.launches(limit=20) if row.job_id]
        return launched[0].provider if launched else None
    from tui.jobs.rows import provider_of

    names = {provider_of(endpoint) for endpoint, _ in ledger.find_jobs(job)}
    return names.pop() if len(names) == 1 else None


async def find_job(opened: Session, text: str) -> str:
    """Return the full id of a job named by its id, an unambiguous beginning of it, or ``last``.

    Raises:
        UsageError: More than one job begins so.
        ProviderError: There is no such job, or the provider cannot be asked.
    """
    if text == "last":
        return await _last(opened)
    known = [
        job_id
        for endpoint, job_id in opened.ledger.find_jobs(text)
        if endpoint == opened.provider.endpoint
    ]
    if text in known:
        return text
    if len(known) == 1 and known[0].startswith(text):
        return known[0]
    if known:
        raise _ambiguous(text, known)
    try:
        return (await opened.provider.retrieve(text)).id
    except ProviderError as error:
        if error.status not in (400, 404):
            raise
        return await _by_prefix(opened, text, error)


async def _by_prefix(opened: Session, text: str, missing: ProviderError) -> str:
    import difflib

    ids = [job.id for job in await list_all(opened.provider, _PAGES)]
    found = [
        job_id
        for job_id in ids
        if job_id.startswith(text) or job_id.partition("-")[2].startswith(text)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(text, found)
    close = difflib.get_close_matches(text, ["last", *ids], 1, 0.7)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise ProviderError(
        f"{opened.provider.name} has no job {text!r}",
        f"{meant}see 'tunedeck jobs'; --provider NAME asks another one",
        code="not_found",
        status=404,
    ) from missing


def _ambiguous(text: str, found: list[str]) -> UsageError:
    return UsageError(f"{text!r} is the beginning of {len(found)} jobs", "give more of the id")


async def _last(opened: Session) -> str:
    for row in opened.ledger.launches(opened.provider.endpoint, limit=20):
        if row.job_id:
            return row.job_id
    page = await opened.provider.list_jobs(1)
    if page.jobs:
        return page.jobs[0].id
    raise ProviderError(
        f"{opened.provider.name} has no jobs yet", "launch one: tunedeck launch FILE --model M"
    )


async def list_all(provider: Provider, pages: int) -> list[Job]:
    """Return the jobs of up to ``pages`` pages of 100, each once."""
    found: dict[str, Job] = {}
    after: str | None = None
    for _ in range(pages):
        page = await provider.list_jobs(100, after)
        before = len(found)
        for job in page.jobs:
            found.setdefault(job.id, job)
        if not page.has_more or page.last_id is None or len(found) == before:
            break
        after = page.last_id
    return list(found.values())


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl+C end blocking work at once.

    Inside ``asyncio.run`` it only marks the task, which does not look before the work is done.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def duration(text: str) -> float:
    """Read a length of time such as ``90``, ``30s``, ``10m`` or ``2h`` into seconds.

    Raises:
        argparse.ArgumentTypeError: It is not one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30s, 10m or 2h")
    return float(found.group(1)) * _UNITS[found.group(2) or ""]


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the OpenAI key may go."""
    parser.add_argument(
        "--send-key-to",
        action="append",
        metavar="HOST",
        help="let the OpenAI key go to this host, which is not OpenAI's",
    )


def add_common(parser: argparse.ArgumentParser, *, json: bool = True) -> None:
    """Add the options that every command about jobs has."""
    parser.add_argument("--provider", metavar="NAME", help="which provider is asked")
    add_trust(parser)
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON")


async def settle_leftovers(opened: Session) -> None:
    """Settle launches that were left open, and tell of those that turned out to have made a job."""
    from tui.jobs import reconcile

    try:
        for done in await reconcile(opened.ledger, opened.provider):
            if done.job is not None:
                note(f"an interrupted launch of {done.launch.file} had made job {done.job.id}")
            tell_duplicates(done.duplicates)
    except TunedeckError as error:
        note(str(error))


def tell_duplicates(duplicates: Sequence[str]) -> None:
    """Tell of further jobs that a provider made of one create."""
    for job_id in duplicates:
        note(f"the provider made a second job of it: cancel it with 'tunedeck cancel {job_id}'")
