"""The commands about jobs and models: list, cancel, pause, resume, results, models."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
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
from tui.errors import FileError, ProviderError, SafetyError, UsageError
from widgets.text import clean, fit, pad

if TYPE_CHECKING:
    from tui.jobs import CancelOutcome, Job, JobRow, LaunchRow, ModelEntry, ResultsTable

_ALL_PAGES = 10
_CANCEL_WAIT = 120.0


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands about jobs and models."""
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

    parser = sub.add_parser("results", help="the step metrics of a finished job")
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the CSV here")
    parser.add_argument("--plot", action="store_true", help="draw the losses")
    parser.set_defaults(handler=results)
    add_common(parser)

    parser = sub.add_parser("models", help="what can be tuned or used, with shutdown dates")
    parser.set_defaults(handler=models)
    add_common(parser)

    parser = sub.add_parser("delete-model", help="delete a fine-tuned model")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(handler=delete_model)
    add_common(parser)


# --- jobs -------------------------------------------------------------------------------------


def jobs(args: argparse.Namespace) -> int:
    """List the provider's jobs with what this machine knows of them."""
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} is less than 1", "use 1 or more")
    return run(_jobs(args))


async def _jobs(args: argparse.Namespace) -> int:
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
        unsettled = opened.ledger.open_launches(endpoint)
    if args.json:
        emit_json(
            {
                "provider": opened.config.name,
                "jobs": [_job_json(row) for row in rows],
                "launches": [_launch_json(row) for row in unsettled],
            }
        )
        return 0
    _print_jobs(rows)
    for one in unsettled:
        note(f"a launch of {one.file} for {one.model} is {one.state}: launch it again to settle it")
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


def _launch_json(row: LaunchRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state.value,
        "file": row.file,
        "model": row.model,
        "planned_at": row.planned_at,
        "reason": row.reason,
    }


def _print_jobs(rows: list[JobRow]) -> None:
    if not rows:
        say("No jobs yet. Launch one: tunedeck launch FILE --model M")
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


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of cleaned text in columns, two spaces apart."""
    from widgets.text import cell_width

    widths = [max(cell_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [pad(cell, width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(cells).rstrip())


# --- cancel, pause, resume ----------------------------------------------------------------------


def cancel(args: argparse.Namespace) -> int:
    """Cancel jobs and wait until the provider says so."""
    if bool(args.jobs) == args.all:
        raise UsageError("say which jobs to cancel", "name them, or use --all alone")
    return run(_cancel(args))


async def _cancel(args: argparse.Namespace) -> int:
    from tui.jobs import cancel_job

    first = None if args.all else args.jobs[0]
    async with session(args, job=first) as opened:
        ids = await _to_cancel(args, opened)
        with interruptible():
            _agree_cancel(args, opened, ids)
        outcomes = [
            await cancel_job(
                opened.provider, opened.ledger, job_id, _teller(job_id), timeout=args.timeout
            )
            for job_id in ids
        ]
    return _report_cancel(args, outcomes)


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


# --- results ------------------------------------------------------------------------------------


def results(args: argparse.Namespace) -> int:
    """Show, draw or save the step metrics of a finished job."""
    return run(_results(args))


async def _results(args: argparse.Namespace) -> int:
    from tui.jobs import fetch_results

    async with session(args, job=args.job) as opened:
        job = await opened.provider.retrieve(await find_job(opened, args.job))
        file_id, table = await fetch_results(opened.provider, job)
    if args.output is not None:
        _write(args.output, table.text)
        note(f"wrote {len(table.rows)} rows to {args.output}")
    if args.json:
        emit_json(
            {
                "job": job.id,
                "file_id": file_id,
                "columns": list(table.columns),
                "rows": table.records(),
            }
        )
    elif args.plot:
        _plot(table)
    elif args.output is None:
        _print_results(table)
    return 0


def _print_results(table: ResultsTable) -> None:
    def shown(value: float | str | None) -> str:
        if value is None:
            return ""
        return f"{value:.6g}" if isinstance(value, float) else clean(value, 40)

    head = tuple(fit(clean(name), 32) for name in table.columns)
    print_table([head, *[tuple(shown(value) for value in row) for row in table.rows]])


def _plot(table: ResultsTable) -> None:
    from tui.cli.plot import table_plot

    for line in table_plot(table):
        say(line)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    import os
    import tempfile

    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FileError(f"cannot write {path} ({error.strerror})", "check the folder") from error
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise FileError(
            f"cannot write {path} ({error.strerror})", "check the folder and the free space"
        ) from error


# --- models -------------------------------------------------------------------------------------


def models(args: argparse.Namespace) -> int:
    """List what can be tuned or used."""
    return run(_models(args))


async def _models(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        found = await opened.provider.models()
    rows = [_model_json(model, opened.config.profile) for model in found]
    rows.sort(key=lambda row: (not row["trainable"], not row["tuned"], row["id"]))
    if args.json:
        emit_json({"provider": opened.config.name, "models": rows})
        return 0
    if not rows:
        say("The provider lists no models.")
        return 0
    table = [("MODEL", "CAN BE TUNED", "SHUTS DOWN")]
    table += [
        (
            clean(row["id"]),
            "yes" if row["trainable"] else "tuned" if row["tuned"] else "no",
            row["shutdown_date"] or "",
        )
        for row in rows
    ]
    print_table(table)
    return 0


def _model_json(model: ModelEntry, profile: str) -> dict[str, Any]:
    from tui.pricing import model_info

    info = model_info(model.id)
    shutdown = model.shutdown_date or (str(info.shutdown_date) if info.shutdown_date else None)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    ours = info.provider == profile or (profile == "azure" and info.provider == "openai")
    return {
        "id": model.id,
        "trainable": bool(
            ours and info.trainable and not model.tuned and (not shutdown or shutdown > today)
        ),
        "tuned": model.tuned,
        "owned_by": model.owned_by,
        "created_at": model.created_at,
        "shutdown_date": shutdown,
    }


def delete_model(args: argparse.Namespace) -> int:
    """Delete a fine-tuned model, with a yes."""
    if not args.yes:
        if not is_interactive():
            raise SafetyError(
                "deleting a model needs a yes, and there is no terminal to ask on",
                "add --yes",
                code="not_confirmed",
            )
        if not confirm(f"Delete {args.name}? This cannot be undone."):
            raise SafetyError("not deleted", "nothing was sent", code="not_confirmed")
    return run(_delete_model(args))


async def _delete_model(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        await opened.provider.delete_model(args.name)
    if args.json:
        emit_json({"id": args.name, "deleted": True})
    else:
        say(f"{clean(args.name)} deleted")
    return 0
