"""The commands about jobs: list, cancel, pause, resume; `watch` has its own."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.cli import watch as watch_commands
from tui.cli.output import confirm, emit_json, is_interactive, note, say
from tui.cli.session import (
    Session,
    add_common,
    duration,
    find_job,
    interruptible,
    list_all,
    run,
    session,
    settle_leftovers,
)
from tui.cli.table import print_table
from tui.errors import ProviderError, SafetyError, UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import CancelOutcome, Job, JobRow, Standing

_ALL_PAGES = 10
_CANCEL_WAIT = 120.0


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands about jobs."""
    parser = sub.add_parser("jobs", help="the provider's jobs, and what this machine knows of them")
    parser.add_argument("--limit", type=int, default=20, metavar="N")
    parser.add_argument("--status", metavar="S", help="only jobs with this status")
    parser.set_defaults(handler=jobs)
    add_common(parser)

    watch_commands.add_parsers(sub)

    parser = sub.add_parser("cancel", help="cancel jobs, and confirm that the provider says so")
    parser.add_argument("jobs", nargs="*", metavar="JOB")
    parser.add_argument("--all", action="store_true", help="every job that has not ended")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--timeout", type=duration, default=_CANCEL_WAIT, metavar="D", help="wait so long (2m)"
    )
    parser.set_defaults(handler=cancel)
    add_common(parser)

    for name, words in (("pause", "pause a job"), ("resume", "let a paused job go on")):
        parser = sub.add_parser(name, help=f"{words}, where the provider can")
        parser.add_argument("job", metavar="JOB")
        parser.set_defaults(handler=pause_or_resume, action=name)
        add_common(parser)


# --- jobs -------------------------------------------------------------------------------------


def jobs(args: argparse.Namespace) -> int:
    """List the provider's jobs with what this machine knows of them."""
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} is less than 1", "use 1 or more")
    return run(_jobs(args))


async def _jobs(args: argparse.Namespace) -> int:
    from tui.jobs import leftovers

    async with session(args) as opened:
        await settle_leftovers(opened)
        wanted = args.status
        if args.limit <= 100 and not wanted:
            found = list((await opened.provider.list_jobs(args.limit)).jobs)
        else:
            found = await list_all(opened.provider, _ALL_PAGES)
        found = [job for job in found if not wanted or job.status == wanted][: args.limit]
        opened.ledger.keep_jobs(opened.provider.endpoint, found)
        endpoint = opened.provider.endpoint
        rows = [row for job in found if (row := opened.ledger.job(endpoint, job.id))]
        unsettled = leftovers(opened.ledger, endpoint)
    if args.json:
        emit_json(
            {
                "provider": opened.config.name,
                "jobs": [_job_json(row) for row in rows],
                "launches": [_launch_json(one) for one in unsettled],
            }
        )
        return 0
    _print_jobs(rows, wanted)
    for one in unsettled:
        note(f"{one.words}: {one.next_step}")
    return 0


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


def _print_jobs(rows: list[JobRow], status: str | None) -> None:
    if not rows:
        none = "No jobs yet. Launch one: tunedeck launch FILE --model M"
        say(none if status is None else f"No job is {clean(status)}.")
        return
    table = [("STATUS", "JOB", "CREATED", "STEP", "LOSS", "MODEL")]
    for row in rows:
        job, progress = row.job, row.progress
        step, loss = "", ""
        if progress is not None:
            total = f"/{progress.total_steps}" if progress.total_steps else ""
            step = f"{progress.step}{total}"
            value = progress.values.get("train_loss")
            loss = f"{value:.4g}" if value is not None else ""
        table.append(
            (
                clean(job.status),
                clean(job.id),
                _when(job.created_at),
                step,
                loss,
                clean(job.fine_tuned_model or job.model),
            )
        )
    print_table(table)


def _when(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


# --- cancel, pause, resume ----------------------------------------------------------------------


def cancel(args: argparse.Namespace) -> int:
    """Cancel jobs and wait until the provider says so."""
    if bool(args.jobs) == args.all:
        raise UsageError("say which jobs to cancel", "name them, or use --all alone")
    return run(_cancel(args))


async def _cancel(args: argparse.Namespace) -> int:
    import asyncio

    from tui.jobs import cancel_job

    first = None if args.all else args.jobs[0]
    async with session(args, job=first) as opened:
        ids = await _to_cancel(args, opened)
        with interruptible():
            _agree_cancel(args, opened, ids)
        # All at once, and one that fails keeps none of the others from being cancelled.
        ended = await asyncio.gather(
            *[
                cancel_job(
                    opened.provider, opened.ledger, job_id, _teller(job_id), timeout=args.timeout
                )
                for job_id in ids
            ],
            return_exceptions=True,
        )
    failed = [one for one in ended if isinstance(one, BaseException)]
    outcomes = [one for one in ended if not isinstance(one, BaseException)]
    if failed and not outcomes:
        raise failed[0]
    code = _report_cancel(args, outcomes)
    if failed:
        raise failed[0]
    return code


async def _to_cancel(args: argparse.Namespace, opened: Session) -> list[str]:
    if args.all:
        found = await list_all(opened.provider, _ALL_PAGES)
        return [job.id for job in found if not job.terminal]
    return list(dict.fromkeys([await find_job(opened, text) for text in args.jobs]))


def _agree_cancel(args: argparse.Namespace, opened: Session, ids: list[str]) -> None:
    if args.yes or not ids:
        return
    what = ids[0] if len(ids) == 1 else f"{len(ids)} jobs"
    if not is_interactive():
        raise SafetyError(
            f"cancelling {what} needs a yes, and there is no terminal to ask on",
            "add --yes",
            code="not_confirmed",
        )
    if not confirm(f"Cancel {what} at {opened.config.name}? A cancelled run cannot be continued."):
        raise SafetyError("not cancelled", "nothing was sent", code="not_confirmed")


def _teller(job_id: str) -> Any:
    said: set[str] = set()

    def tell(words: str) -> None:
        if words not in said:
            said.add(words)
            note(f"{job_id}: {words}")

    return tell


def _report_cancel(args: argparse.Namespace, outcomes: list[CancelOutcome]) -> int:
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
        job_id = await find_job(opened, args.job)
        call = opened.provider.pause if args.action == "pause" else opened.provider.resume
        try:
            job = await call(job_id)
        except ProviderError as error:
            if error.status in (404, 405, 501):
                raise ProviderError(
                    f"{opened.config.name} cannot {args.action} jobs",
                    "cancel the job, or let it run",
                    code="not_supported",
                    status=error.status,
                ) from error
            raise
        opened.ledger.keep_jobs(opened.provider.endpoint, [job])
    if args.json:
        emit_json({"id": job.id, "status": job.status})
    else:
        say(f"{clean(job.id)}  {clean(job.status)}")
    return 0
