"""What came of a job: ``tunedeck results``, ``models`` and ``delete-model``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import confirm, emit_json, is_interactive, note, say
from tui.cli.session import add_common, find_job, run, session
from tui.cli.table import print_table
from tui.errors import SafetyError
from widgets.text import clean, fit

if TYPE_CHECKING:
    from tui.jobs import ModelEntry, ResultsTable


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``results``, ``models`` and ``delete-model``."""
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


def results(args: argparse.Namespace) -> int:
    """Show, draw or save the step metrics of a finished job."""
    return run(_results(args))


async def _results(args: argparse.Namespace) -> int:
    from tui.jobs import fetch_results, results_of_events

    file_id: str | None = None
    async with session(args, job=args.job) as opened:
        job = await opened.provider.retrieve(await find_job(opened, args.job))
        if job.result_files or not job.terminal:
            file_id, table = await fetch_results(opened.provider, job)
        else:
            note(f"{job.id} ended {job.status} and left no results file; these are its events")
            table = await results_of_events(opened.provider, opened.ledger, job)
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
    """Write a file whole or not at all; an older one of that name is replaced."""
    from tui.dataset import NewFile

    with NewFile(path, force=True) as file:
        file.write(text.encode("utf-8", "replace"))
        file.commit()


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
