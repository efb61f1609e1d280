"""``tunedeck jobs``: what runs where, with what this machine knows of it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_json, note, say
from tui.cli.places import every_job, sessions
from tui.cli.session import Session, add_common, run, session, settle_leftovers
from tui.cli.table import print_table
from tui.config import LOCAL
from tui.errors import ProviderError, TunedeckError, UsageError
from widgets.numbers import compact, usd
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Job, JobRow, Standing

# One of several providers that is away must not keep the others' answer back for long.
_TRIES, _SECONDS = 2, 10.0
STATUSES = ("validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled")


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``jobs``."""
    parser = sub.add_parser("jobs", help="the provider's jobs, and what this machine knows of them")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="the newest N (20)")
    parser.add_argument("--status", metavar="S", help="only jobs with this status")
    parser.add_argument(
        "--all-providers", action="store_true", help="of every provider that is configured"
    )
    parser.set_defaults(handler=jobs)
    add_common(parser)


def jobs(args: argparse.Namespace) -> int:
    """List jobs with what this machine knows of them."""
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} is less than 1", "use 1 or more")
    if args.all_providers and args.provider:
        raise UsageError("--all-providers and --provider exclude each other", "use one of them")
    return run(_everywhere(args) if args.all_providers else _jobs(args))


async def _jobs(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        rows, launches = await _ask(opened, args)
    _refuse_unknown_status(args.status, rows)
    if args.json:
        emit_json(
            {
                "provider": opened.config.name,
                "jobs": [_job_json(row) for row in rows],
                "launches": [_launch_json(one) for one in launches],
            }
        )
        return 0
    _print_jobs(rows, args.status, several=False)
    _tell_launches(launches)
    return 0


def _refuse_unknown_status(status: str | None, rows: Sequence[JobRow]) -> None:
    """Say which statuses there are, unless a provider has one of its own that is asked for."""
    if status and not rows and status not in STATUSES:
        raise UsageError(f"no job is {status!r}", f"a status is one of {', '.join(STATUSES)}")


async def _ask(
    opened: Session, args: argparse.Namespace, attempts: int | None = None
) -> tuple[list[JobRow], tuple[Standing, ...]]:
    """Return a provider's jobs, as asked for, and the launches that were left open there."""
    await settle_leftovers(opened)
    wanted = _wanted(args)
    found, whole = await every_job(opened.provider, wanted, args.limit, attempts)
    if not whole:
        note(f"{opened.config.name} has more jobs than were looked through; use --limit")
    endpoint = opened.provider.endpoint
    opened.ledger.keep_jobs(endpoint, found)
    opened.ledger.keep_heard(endpoint)
    rows = [row for job in found if (row := opened.ledger.job(endpoint, job.id))]
    # Newest first, also where the provider has another order.
    rows.sort(key=lambda row: -(row.job.created_at or 0))
    return rows, _launches(opened)


def _wanted(args: argparse.Namespace) -> Any:
    status = args.status
    return lambda job: not status or job.status == status


def _launches(opened: Session) -> tuple[Standing, ...]:
    from tui.jobs import leftovers

    return leftovers(opened.ledger, opened.provider.endpoint)


# --- every provider ---------------------------------------------------------------------------


async def _everywhere(args: argparse.Namespace) -> int:
    """List the jobs of every provider; one that is away is told of and delays no other."""
    import asyncio

    from tui.config import Paths, load_settings, provider_names

    names = provider_names(load_settings(Paths.resolve()))
    async with sessions(args, names) as places:
        answers = await asyncio.gather(*[_answer(places[name], args, names) for name in names])
    told = dict(zip(names, answers, strict=True))
    rows = sorted(
        (row for found, _, _ in answers for row in found),
        key=lambda row: -(row.job.created_at or 0),
    )[: args.limit]
    _refuse_unknown_status(args.status, rows)
    launches = [one for _, found, _ in answers for one in found]
    errors = {name: error for name, (_, _, error) in told.items() if error is not None}
    if args.json:
        emit_json(
            {
                "providers": [_provider_json(name, errors.get(name)) for name in names],
                "jobs": [_job_json(row) for row in rows],
                "launches": [_launch_json(one) for one in launches],
            }
        )
    else:
        _print_jobs(rows, args.status, several=True)
        _tell_launches(launches)
    for name, error in errors.items():
        known = any(row.job.provider == name for row in rows)
        note(f"{name}: {error}{'; shown is what this machine knows' if known else ''}")
    return next(iter(errors.values())).exit_code if len(errors) == len(names) else 0


async def _answer(
    place: Session | TunedeckError, args: argparse.Namespace, names: Sequence[str]
) -> tuple[list[JobRow], tuple[Standing, ...], TunedeckError | None]:
    """Ask one provider; when it does not answer, return what the ledger knows, and why."""
    import asyncio

    if isinstance(place, TunedeckError):
        return [], (), place
    if await _is_asleep(place, names):
        return _known(place, args), _launches(place), None
    try:
        async with asyncio.timeout(_SECONDS):
            return (*await _ask(place, args, _TRIES), None)
    except TimeoutError:
        late = ProviderError("it did not answer in time", "ask it alone: --provider NAME")
        return _known(place, args), _launches(place), late
    except TunedeckError as error:
        return _known(place, args), _launches(place), error


async def _is_asleep(place: Session, names: Sequence[str]) -> bool:
    """Whether this is the embedded service, not the default and not running: it is left alone."""
    import asyncio

    if place.config.kind != LOCAL or names[0] == place.config.name:
        return False
    from tui.service import find_running

    return await asyncio.to_thread(find_running, place.paths) is None


def _known(place: Session, args: argparse.Namespace) -> list[JobRow]:
    wanted = _wanted(args)
    rows = place.ledger.jobs(place.provider.endpoint, args.limit if not args.status else 10_000)
    return [row for row in rows if wanted(row.job)][: args.limit]


def _provider_json(name: str, error: TunedeckError | None) -> dict[str, Any]:
    if error is None:
        return {"provider": name, "error": None}
    code = error.code if isinstance(error, ProviderError) else None
    return {
        "provider": name,
        "error": {"code": code, "message": error.message, "hint": error.hint},
    }


# --- words ------------------------------------------------------------------------------------


def _job_json(row: JobRow) -> dict[str, Any]:
    job, progress = row.job, row.progress
    return {
        "id": job.id,
        "provider": job.provider,
        "status": job.status,
        "model": job.model,
        "method": job.method,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "estimated_finish": job.estimated_finish,
        "fine_tuned_model": job.fine_tuned_model,
        "trained_tokens": job.trained_tokens,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "suffix": job.suffix,
        "metadata": dict(job.metadata),
        "error": _error_json(job),
        "step": progress.step if progress else None,
        "total_steps": progress.total_steps if progress else None,
        "values": dict(progress.values) if progress else {},
        "file": row.file or None,
        "estimate": dict(row.estimate) or None,
        "launch": row.launch or None,
        "cancel_asked_at": row.cancel_asked,
        "gone": row.gone,
    }


def _error_json(job: Job) -> dict[str, str | None] | None:
    if not (job.error_code or job.error_message):
        return None
    return {"code": job.error_code, "message": job.error_message}


def _launch_json(one: Standing) -> dict[str, Any]:
    row = one.launch
    return {
        "id": row.id,
        "state": row.state.value,
        "file": row.file,
        "model": row.model,
        "planned_at": row.planned_at,
        "reason": row.reason,
        "stands": one.words,
        "next": one.next_step,
    }


def _tell_launches(launches: Sequence[Standing]) -> None:
    for one in launches:
        note(f"{one.words}: {one.next_step}")


def _print_jobs(rows: list[JobRow], status: str | None, *, several: bool) -> None:
    if not rows:
        none = "No jobs yet. Launch one: tunedeck launch FILE --model M"
        say(none if status is None else f"No job is {clean(status)}.")
        return
    heads = ("STATUS", "JOB", "PROVIDER", "CREATED", "STEP", "LOSS", "COST", "FILE", "MODEL")
    table = [heads, *(_cells(row) for row in rows)]
    # A column that says nothing, or the same everywhere, is left out.
    kept = [
        at
        for at, head in enumerate(heads)
        if (head != "PROVIDER" or several)
        and (head not in ("COST", "FILE") or any(row[at] for row in table[1:]))
    ]
    print_table([tuple(row[at] for at in kept) for row in table])


def _cells(row: JobRow) -> tuple[str, ...]:
    job, progress = row.job, row.progress
    step, loss = "", ""
    if progress is not None:
        total = f"/{progress.total_steps}" if progress.total_steps else ""
        step = f"{progress.step}{total}"
        value = progress.values.get("train_loss")
        loss = f"{value:.4g}" if value is not None else ""
    asked = row.cancel_asked is not None and row.cancel_heard
    status = "gone" if row.gone else "cancelling" if asked else job.status
    return (
        clean(status),
        clean(job.id),
        clean(job.provider),
        _when(job.created_at),
        step,
        loss,
        _cost(row),
        clean(os.path.basename(row.file)),
        clean(job.fine_tuned_model or job.model),
    )


def _cost(row: JobRow) -> str:
    """The price by the estimate: of the whole run with ``~``, of the tokens trained without."""
    job = row.job
    price, tokens = row.estimate.get("usd"), row.estimate.get("tokens_billed")
    if isinstance(price, (int, float)) and price > 0:
        if job.trained_tokens and tokens:
            return usd(price * job.trained_tokens / tokens)
        if not job.terminal:
            return f"~{usd(price)}"
    return f"{compact(job.trained_tokens)} tok" if job.trained_tokens else ""


def _when(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
