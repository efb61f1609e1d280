"""``tunedeck launch``: check, price, confirm, upload, create; at most one job."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import confirm, emit_line, is_interactive, note, say
from tui.cli.session import (
    add_common,
    duration,
    interruptible,
    run,
    session,
    tell_duplicates,
)
from tui.errors import FileError, SafetyError, UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.cli.session import Session
    from tui.jobs import LaunchRequest, LaunchResult, LaunchState, Preflight

_METHODS = ("supervised", "dpo", "reinforcement")


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``launch`` command."""
    parser = sub.add_parser("launch", help="check, price, upload and create; at most one job")
    parser.add_argument("file", type=Path, metavar="FILE", help="the training file")
    parser.add_argument("--model", required=True, metavar="M", help="the model to tune")
    parser.add_argument("--validation", type=Path, metavar="FILE", help="the validation file")
    parser.add_argument("--method", choices=_METHODS, default="supervised")
    parser.add_argument("--epochs", type=_count, metavar="N")
    parser.add_argument("--batch-size", type=_count, metavar="N")
    parser.add_argument("--learning-rate-multiplier", type=_number, metavar="X")
    parser.add_argument("--beta", type=_number, metavar="X", help="of the dpo method")
    parser.add_argument("--grader", type=Path, metavar="FILE", help="JSON, for reinforcement")
    parser.add_argument("--suffix", metavar="S", help="a part of the tuned model's name")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--metadata", action="append", default=[], metavar="K=V")
    parser.add_argument("--max-cost", type=float, metavar="USD", help="refuse when it costs more")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="launch in spite of format errors")
    parser.add_argument("--watch", action="store_true", help="follow the job to its end")
    parser.add_argument(
        "--timeout",
        type=duration,
        default=600.0,
        metavar="D",
        help="with --watch: stop when the provider cannot be reached for so long (10m)",
    )
    parser.set_defaults(handler=launch)
    add_common(parser)


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def launch(args: argparse.Namespace) -> int:
    """Launch a job, and follow it when asked to."""
    request = _request(args)
    job_id = run(_launch(args, request))
    if not args.watch:
        return 0
    from tui.cli.watch import follow

    return follow(args, job_id)


def _request(args: argparse.Namespace) -> LaunchRequest:
    from tui.jobs import LaunchRequest

    settings = {
        "n_epochs": args.epochs,
        "batch_size": args.batch_size,
        "learning_rate_multiplier": args.learning_rate_multiplier,
        "beta": args.beta,
    }
    return LaunchRequest(
        file=args.file,
        model=args.model,
        validation=args.validation,
        method=args.method,
        hyperparameters={key: value for key, value in settings.items() if value is not None},
        suffix=args.suffix,
        seed=args.seed,
        metadata=dict(_pair(text) for text in args.metadata),
        max_cost=args.max_cost,
        force=args.force,
        grader=_grader(args.grader),
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--metadata {text!r} is not a pair", "write --metadata KEY=VALUE")
    return key, value


def _grader(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror})", "check the path") from error
    except ValueError as error:
        raise FileError(f"{path} is not JSON ({error})", "write one grader object") from error
    if not isinstance(value, dict):
        raise FileError(f"{path} is not a grader", "write one JSON object with a type")
    return value


async def _launch(args: argparse.Namespace, request: LaunchRequest) -> str:
    import asyncio

    from tui.jobs import launch as launch_job
    from tui.jobs import preflight

    async with session(args, strict=True) as opened:
        # Nothing else runs in this loop yet, so it may stand still meanwhile.
        with interruptible():
            found = preflight(request, opened.config)
            _tell_problems(found)
            if found.blocked:
                raise found.refusal()
            _agree(args, opened, request, found)
        teller = _Teller()
        try:
            result = await launch_job(
                request, found, opened.provider, opened.ledger, teller.state, teller.progress
            )
        except asyncio.CancelledError:
            teller.interrupted()
            raise
    _report(args, result)
    return result.job.id


def _tell_problems(found: Preflight) -> None:
    for problem in found.problems:
        if problem.severity == "error" and found.blocked and problem is found.errors[0]:
            continue  # It becomes the error itself.
        hint = f": {problem.hint}" if problem.hint else ""
        note(f"{problem.severity}: {problem.message}{hint}")


def _price(opened: Session, request: LaunchRequest, found: Preflight) -> str:
    what = f"{request.file.name}: tune {request.model} at {opened.config.name}"
    cost = found.cost
    if cost is None:
        return f"{what}, price unknown"
    usd = "price unknown" if cost.usd is None else f"${cost.usd:,.2f}"
    return f"{what}, {cost.epochs} epochs, {cost.tokens_billed:,} tokens, {usd}"


def _agree(
    args: argparse.Namespace, opened: Session, request: LaunchRequest, found: Preflight
) -> None:
    note(_price(opened, request, found))
    if args.yes:
        return
    if not is_interactive():
        raise SafetyError(
            "a launch needs a yes, and there is no terminal to ask on",
            "add --yes, and --max-cost USD for a limit",
            code="not_confirmed",
        )
    if not confirm("Launch?"):
        raise SafetyError("not launched", "nothing was sent", code="not_confirmed")


class _Teller:
    """Tells on stderr how the launch goes."""

    def __init__(self) -> None:
        self._shown = 0
        self._state: LaunchState | None = None

    def state(self, state: LaunchState, words: str) -> None:
        self._state = state
        note(words)

    def interrupted(self) -> None:
        if self._state == "creating":
            note(
                "interrupted while the job was being created: launch the same file again, "
                "it looks for the job first; or see 'tunedeck jobs'"
            )
        else:
            note("interrupted; no job was created")

    def progress(self, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 10
        # Small files are up before a line could be read.
        if total > 8 << 20 and tenth > self._shown and sys.stderr.isatty():
            note(f"uploaded {tenth * 10} %")
        self._shown = max(self._shown, tenth)


def _report(args: argparse.Namespace, result: LaunchResult) -> None:
    job = result.job
    tell_duplicates(result.duplicates)
    if args.json:
        emit_line(
            {
                "job": {
                    "id": job.id,
                    "status": job.status,
                    "model": job.model,
                    "provider": job.provider,
                },
                "upload": {
                    "file_id": result.upload.file_id,
                    "bytes": result.upload.bytes,
                    "reused": result.upload.reused,
                },
                "estimate": result.estimate.to_json() if result.estimate else None,
                "adopted": result.adopted,
            }
        )
        return
    how = ", found at the provider after its answer was lost" if result.adopted else ""
    say(f"{clean(job.id)}  {clean(job.status)}{how}")
    if not args.watch:
        note(f"follow it with 'tunedeck watch {job.id}'")
