"""What a provider keeps: ``tunedeck models``, ``files``, ``delete-model`` and ``delete-file``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.cli.output import confirm, emit_json, is_interactive, note, say
from tui.cli.session import Session, add_common, interruptible, run, session
from tui.cli.table import print_table
from tui.errors import SafetyError, TunedeckError
from widgets.numbers import size
from widgets.text import clean

if TYPE_CHECKING:
    from tui.run.keepings import KeptFile, KeptModel


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands about models and files."""
    parser = sub.add_parser("models", help="what can be tuned or used, with shutdown dates")
    parser.set_defaults(handler=models)
    add_common(parser)

    parser = sub.add_parser("files", help="the files the provider keeps, and which jobs use them")
    parser.set_defaults(handler=files)
    add_common(parser)

    for what, words in (("model", "a fine-tuned model"), ("file", "a file at the provider")):
        parser = sub.add_parser(f"delete-{what}", help=f"delete {words}")
        parser.add_argument(
            "name",
            metavar="NAME" if what == "model" else "FILE_ID",
            help=f"as 'tunedeck {what}s' lists it",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.set_defaults(handler=delete, what=what)
        add_common(parser)


def models(args: argparse.Namespace) -> int:
    """List what can be tuned or used."""
    return run(_models(args))


async def _models(args: argparse.Namespace) -> int:
    from tui.run.keepings import kept_models

    async with session(args) as opened:
        found = kept_models(
            await opened.provider.models(),
            opened.ledger.jobs(opened.provider.endpoint),
            opened.config.profile,
            time.strftime("%Y-%m-%d", time.gmtime()),
        )
    if args.json:
        rows = [_model_json(model) for model in found]
        emit_json({"provider": opened.config.name, "models": rows})
        return 0
    if not found:
        say("The provider lists no models.")
        return 0
    table = [("MODEL", "CAN BE TUNED", "SHUTS DOWN", "MADE BY")]
    table += [
        (
            clean(model.name),
            "yes" if model.trainable else "tuned" if model.tuned else "no",
            model.shutdown_date or "",
            clean(model.job_id),
        )
        for model in found
    ]
    print_table(table)
    return 0


def _model_json(model: KeptModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "trainable": model.trainable,
        "tuned": model.tuned,
        "owned_by": model.owned_by,
        "created_at": model.created_at,
        "shutdown_date": model.shutdown_date,
        "job": model.job_id or None,
    }


# --- files --------------------------------------------------------------------------------------


def files(args: argparse.Namespace) -> int:
    """List the files that the provider keeps."""
    return run(_files(args))


async def _files(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        found = await _kept_files(opened)
    if args.json:
        rows = [_file_json(file) for file in found]
        emit_json({"provider": opened.config.name, "files": rows})
        return 0
    if not found:
        say("The provider keeps no files.")
        return 0
    table = [("FILE", "NAME", "PURPOSE", "SIZE", "CREATED", "USED BY")]
    table += [
        (
            clean(file.id),
            clean(file.name, 60),
            clean(file.purpose),
            size(file.bytes) if file.bytes is not None else "",
            _when(file.created_at),
            clean(_users(file)),
        )
        for file in found
    ]
    print_table(table)
    return 0


async def _kept_files(opened: Session) -> Sequence[KeptFile]:
    from tui.run.keepings import all_files, kept_files

    jobs = opened.ledger.jobs(opened.provider.endpoint)
    return kept_files(await all_files(opened.provider), jobs)


def _users(file: KeptFile) -> str:
    first = ", ".join(file.used_by[:2])
    return f"{first} and {len(file.used_by) - 2} more" if len(file.used_by) > 2 else first


def _file_json(file: KeptFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "purpose": file.purpose,
        "bytes": file.bytes,
        "created_at": file.created_at,
        "used_by": list(file.used_by),
        "running": list(file.running),
    }


def _when(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


# --- deleting -----------------------------------------------------------------------------------


def delete(args: argparse.Namespace) -> int:
    """Delete a fine-tuned model or a file, with a yes."""
    return run(_delete(args))


async def _delete(args: argparse.Namespace) -> int:
    async with session(args) as opened:
        if opened.config.read_only:
            # Refused before a question is asked that no answer would change.
            raise SafetyError(
                f"read-only: tunedeck will not delete a {args.what} at {opened.config.name}",
                "start without --read-only; the settings read_only and TUNEDECK_READ_ONLY count",
                code="read_only",
            )
        await _agree(args, opened)
        if args.what == "model":
            await opened.provider.delete_model(args.name)
        else:
            await opened.provider.delete_file(args.name)
    if args.json:
        emit_json({"id": args.name, "deleted": True})
    else:
        say(f"{clean(args.name)} deleted")
    return 0


async def _agree(args: argparse.Namespace, opened: Session) -> None:
    if args.yes:
        return
    if not is_interactive():
        raise SafetyError(
            f"deleting a {args.what} needs a yes, and there is no terminal to ask on",
            "add --yes",
            code="not_confirmed",
        )
    for line in await _consequences(args, opened):
        note(line)
    with interruptible():
        agreed = confirm(f"Delete {args.name} at {opened.config.name}? This cannot be undone.")
    if not agreed:
        raise SafetyError("not deleted", "nothing was sent", code="not_confirmed")


async def _consequences(args: argparse.Namespace, opened: Session) -> Sequence[str]:
    """Say what breaks; that it cannot be found out is no reason not to ask."""
    from tui.run.keepings import file_consequences, kept_models, model_consequences

    try:
        if args.what == "file":
            found = await _kept_files(opened)
            file = next((file for file in found if file.id == args.name), None)
            return file_consequences(file) if file else ()
        jobs = opened.ledger.jobs(opened.provider.endpoint)
        entries = await opened.provider.models()
        kept = kept_models(entries, jobs, opened.config.profile, "")
        model = next((model for model in kept if model.name == args.name), None)
        return model_consequences(model, jobs) if model else ()
    except TunedeckError as error:
        return (f"what it is used by is not known ({error.message})",)
