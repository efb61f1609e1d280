"""``tunedeck cancel``, ``pause`` and ``resume``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tui.cli.output import confirm, emit_json, is_interactive, note, say
from tui.cli.places import every_job, full_ids, homes
from tui.cli.session import Session, add_common, duration, find_job, interruptible, run, session
from tui.errors import ProviderError, SafetyError, UsageError
from tui.run import words
from widgets.numbers import counted, usd
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import CancelOutcome, Job, JobRow

_WAIT = 120.0
_NAMED = 10
Targets = list[tuple[Session, list[str]]]


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``cancel``, ``pause`` and ``resume``."""
    parser = sub.add_parser("cancel", help="cancel jobs, and confirm that the provider says so")
    parser.add_argument("jobs", nargs="*", metavar="JOB")
    parser.add_argument("--all", action="store_true", help="every job that has not ended")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--timeout", type=duration, default=_WAIT, metavar="D", help="wait so long (2m)"
    )
    parser.set_defaults(handler=cancel)
    add_common(parser)

    for name, help_words in (("pause", "pause a job"), ("resume", "let a paused job go on")):
        parser = sub.add_parser(name, help=f"{help_words}, where the provider can")
        parser.add_argument("job", metavar="JOB")
        parser.set_defaults(handler=pause_or_resume, action=name)
        add_common(parser)


def cancel(args: argparse.Namespace) -> int:
    """Cancel jobs and wait until the provider says so."""
    if bool(args.jobs) == args.all:
        raise UsageError("say which jobs to cancel", "name them, or use --all alone")
    return run(_cancel_all(args) if args.all else _cancel_named(args))


async def _cancel_named(args: argparse.Namespace) -> int:
    async with homes(args, args.jobs) as found:
        for opened, _ in found:
            _refuse_read_only(opened, "cancel a job")
        targets = [(opened, await full_ids(opened, texts)) for opened, texts in found]
        return await _cancel(args, targets)


async def _cancel_all(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        _refuse_read_only(opened, "cancel a job")
        jobs, whole = await every_job(opened.provider, lambda job: not job.terminal)
        if not whole:
            note(
                f"{opened.config.name} has more jobs than can be looked through: "
                "run the same command again for those that are left"
            )
        opened.ledger.keep_jobs(opened.provider.endpoint, jobs)
        return await _cancel(args, [(opened, [job.id for job in jobs])])


def _refuse_read_only(opened: Session, deed: str) -> None:
    """Refuse before anything is asked; the provider itself would refuse as well.

    Raises:
        SafetyError: Nothing may be changed there.
    """
    if opened.provider.read_only:
        raise SafetyError(
            f"read-only: tunedeck will not {deed} at {opened.config.name}",
            "start without --read-only; the settings read_only and TUNEDECK_READ_ONLY count",
            code="read_only",
        )


async def _cancel(args: argparse.Namespace, targets: Targets) -> int:
    import asyncio

    from tui.jobs import cancel_job

    if not args.yes and is_interactive():
        await asyncio.gather(*[_look(opened, ids) for opened, ids in targets])
    with interruptible():
        _agree(args, targets)
    # All at once, and one that fails keeps none of the others from being cancelled.
    ended = await asyncio.gather(
        *[
            cancel_job(
                opened.provider, opened.ledger, job_id, _teller(job_id), timeout=args.timeout
            )
            for opened, ids in targets
            for job_id in ids
        ],
        return_exceptions=True,
    )
    failed = [one for one in ended if isinstance(one, BaseException)]
    outcomes = [one for one in ended if not isinstance(one, BaseException)]
    if failed and not outcomes:
        raise failed[0]
    code = _report(args, outcomes)
    for one in failed[1:]:
        note(str(one))
    if failed:
        raise failed[0]
    return code


async def _look(opened: Session, ids: Sequence[str]) -> None:
    """Look at the jobs that the question is about; what is not answered is asked about as known."""
    from tui.jobs import point_of

    endpoint = opened.provider.endpoint
    for job_id in ids[:_NAMED]:
        with suppress(ProviderError):
            job = await opened.provider.retrieve(job_id, attempts=2)
            opened.ledger.keep_jobs(endpoint, [job])
            page = await opened.provider.events(job_id, limit=20, attempts=1)
            points = [point for event in page.events if (point := point_of(event))]
            if points:
                newest = max(points, key=lambda point: point.step)
                opened.ledger.keep_progress(endpoint, job_id, newest)


# --- the question -----------------------------------------------------------------------------


def _agree(args: argparse.Namespace, targets: Targets) -> None:
    """Ask, with what each run has cost so far and what the provider bills; default no."""
    ids = [job_id for _, found in targets for job_id in found]
    if args.yes or not ids:
        return
    what = ids[0] if len(ids) == 1 else counted(len(ids), "job")
    if not is_interactive():
        raise SafetyError(
            f"cancelling {what} needs a yes, and there is no terminal to ask on",
            "add --yes",
            code="not_confirmed",
        )
    for opened, found in targets:
        rows = [opened.ledger.job(opened.provider.endpoint, job_id) for job_id in found]
        known = [row for row in rows if row is not None]
        for row in known[:_NAMED]:
            say(f"{clean(row.job.id)}  {clean(row.job.status)}  {clean(_so_far(row))}")
        if len(found) > _NAMED:
            say(f"and {len(found) - _NAMED} more at {clean(opened.config.name)}")
        statuses = [row.job.status for row in known] or ["running"]
        begun = [one for one in statuses if one not in ("validating_files", "queued")]
        bill = words.cancel_consequences(opened.config.kind, _spent(known), (begun or statuses)[0])
        say(f"{clean(opened.config.name)}: {bill}")
    where = " and ".join(opened.config.name for opened, found in targets if found)
    if not confirm(f"Cancel {what} at {where}?"):
        raise SafetyError("not cancelled", "nothing was sent", code="not_confirmed")


def _share(row: JobRow) -> float | None:
    """Return the part of a run that is done; ``None`` where it is not known."""
    progress = row.progress
    if progress is None or not progress.total_steps:
        return None
    return min(1.0, progress.step / progress.total_steps)


def _so_far(row: JobRow) -> str:
    progress = row.progress
    if progress is None:
        return "no step is known here"
    total = f" of {progress.total_steps}" if progress.total_steps else ""
    spent = _spent([row])
    return f"{progress.step}{total} steps" + (f", about {usd(spent)} so far" if spent else "")


def _spent(rows: Sequence[JobRow]) -> float | None:
    """Return what runs have cost so far by their estimates; ``None`` where none is known."""
    found = [
        price * share
        for row in rows
        if isinstance(price := row.estimate.get("usd"), (int, float))
        and (share := _share(row)) is not None
    ]
    return sum(found) if found else None


# --- afterwards -------------------------------------------------------------------------------


def _teller(job_id: str) -> Callable[[str], None]:
    said: set[str] = set()

    def tell(how: str) -> None:
        if how not in said:
            said.add(how)
            note(f"{job_id}: {how}")

    return tell


def _report(args: argparse.Namespace, outcomes: list[CancelOutcome]) -> int:
    if args.json:
        emit_json(
            {
                "jobs": [
                    {
                        "id": one.job.id,
                        "status": one.job.status,
                        "was_over": one.was_over,
                        "confirmed": one.confirmed,
                    }
                    for one in outcomes
                ]
            }
        )
    else:
        for one in outcomes:
            how = ", it had ended before" if one.was_over else ""
            say(f"{clean(one.job.id)}  {clean(one.job.status)}{how}")
        if not outcomes:
            say("No job is running.")
    open_ids = [one.job.id for one in outcomes if not one.confirmed]
    if open_ids:
        error = ProviderError(
            f"the provider took the cancel of {', '.join(open_ids)} but does not confirm it yet",
            "run the same command again, it does no harm",
            code="not_confirmed",
        )
        note(str(error))
        return error.exit_code
    return 0


def pause_or_resume(args: argparse.Namespace) -> int:
    """Pause a job, or let it go on."""
    return run(_pause_or_resume(args))


async def _pause_or_resume(args: argparse.Namespace) -> int:
    async with session(args, job=args.job) as opened:
        _refuse_read_only(opened, f"{args.action} a job")
        job = await _changed(opened, args.action, await find_job(opened, args.job))
        opened.ledger.keep_jobs(opened.provider.endpoint, [job])
    if args.json:
        emit_json({"id": job.id, "status": job.status})
    else:
        say(f"{clean(job.id)}  {clean(job.status)}")
    return 0


async def _changed(opened: Session, action: str, job_id: str) -> Job:
    call = opened.provider.pause if action == "pause" else opened.provider.resume
    try:
        return await call(job_id)
    except ProviderError as error:
        if error.status not in (404, 405, 501) and error.code != "not_supported":
            raise
        why = opened.provider.can(action).why
        raise ProviderError(
            f"{opened.config.name} cannot {action} jobs ({why})",
            "cancel the job, or let it run",
            code="not_supported",
            status=error.status,
        ) from error
