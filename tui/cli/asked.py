"""What a command line asks to launch: flags read, and laid over what a past job was."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.session import duration
from tui.cli.stopping import add_rules, rules_of
from tui.errors import FileError, UsageError

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest

_METHODS = ("supervised", "dpo", "preference", "reinforcement")
_SETTINGS = {
    "epochs": "n_epochs",
    "batch_size": "batch_size",
    "learning_rate_multiplier": "learning_rate_multiplier",
    "beta": "beta",
}
AUTO = "auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``launch`` understands."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the training file")
    parser.add_argument("--model", metavar="M", help="the model to tune")
    parser.add_argument("--validation", type=Path, metavar="FILE", help="the validation file")
    parser.add_argument("--method", choices=_METHODS, help="supervised unless given")
    parser.add_argument(
        "--epochs", type=_count, metavar="N", help="how often each example is trained on; or auto"
    )
    parser.add_argument(
        "--batch-size", type=_count, metavar="N", help="examples a step; auto unless given"
    )
    parser.add_argument(
        "--learning-rate-multiplier", type=_number, metavar="X", help="auto unless given"
    )
    parser.add_argument("--beta", type=_number, metavar="X", help="of the dpo method")
    parser.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        metavar="K=V",
        help="any other one, such as reasoning_effort=low; K=auto leaves it to the provider; may "
        "be repeated",
    )
    parser.add_argument("--grader", type=Path, metavar="FILE", help="JSON, for reinforcement")
    parser.add_argument(
        "--response-format", type=Path, metavar="FILE", help="JSON, for reinforcement"
    )
    parser.add_argument("--suffix", metavar="S", help="a part of the tuned model's name")
    parser.add_argument("--seed", type=int, metavar="N", help="the provider's choice unless given")
    parser.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="K=V",
        help="kept with the job; may be repeated",
    )
    parser.add_argument(
        "--integration",
        action="append",
        default=[],
        metavar="WHERE",
        help="send metrics there too: wandb:PROJECT[:entity=E][:name=N][:tag=T]",
    )
    parser.add_argument("--max-cost", type=float, metavar="USD", help="refuse when it costs more")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="launch in spite of format errors")
    parser.add_argument("--watch", action="store_true", help="follow the job to its end")
    parser.add_argument(
        "--plain", action="store_true", help="with --watch: a line an event, also on a terminal"
    )
    parser.add_argument(
        "--words",
        action="store_true",
        dest="no_plot",
        help="with --watch: no plot, words only, for screen readers",
    )
    add_rules(parser)
    parser.add_argument(
        "--timeout",
        type=duration,
        default=600.0,
        metavar="D",
        help="with --watch: stop when the provider cannot be reached for so long (10m)",
    )
    other = parser.add_argument_group("instead of a new launch")
    other.add_argument(
        "--from-job", metavar="JOB", help="launch a past job again; what else is given changes it"
    )
    other.add_argument(
        "--no-validation", action="store_true", help="with --from-job: without its validation file"
    )
    other.add_argument(
        "--resume", nargs="?", const="", metavar="ID", help="finish a launch that was interrupted"
    )
    other.add_argument(
        "--clear", nargs="?", const="", metavar="ID", help="drop a launch that was interrupted"
    )


def _count(text: str) -> int | str:
    if text == AUTO:
        return AUTO
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _number(text: str) -> float | str:
    if text == AUTO:
        return AUTO
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def check_combination(args: argparse.Namespace) -> None:
    """Refuse flags that contradict each other or lack another.

    Raises:
        UsageError: They do.
    """
    modes = [
        name
        for name, given in (
            ("--from-job", args.from_job is not None),
            ("--resume", args.resume is not None),
            ("--clear", args.clear is not None),
        )
        if given
    ]
    if len(modes) > 1:
        raise UsageError(f"{modes[0]} and {modes[1]} exclude each other", "use one of them")
    if args.from_job == "":
        raise UsageError("--from-job is empty", "give a job's id, the beginning of it, or 'last'")
    if args.resume is not None or args.clear is not None:
        _check_nothing_else(args, modes[0])
    elif args.from_job is None:
        if args.file is None:
            raise UsageError("no training file is named", "write tunedeck launch FILE --model M")
        if args.model is None:
            raise UsageError("no model is named", "add --model M; 'tunedeck models' lists them")
    if args.no_validation and (args.validation is not None or args.from_job is None):
        raise UsageError("--no-validation only changes --from-job", "leave it out")
    if rules_of(args) and not args.watch:
        raise UsageError("--stop-if needs somebody who watches", "add --watch")


def _check_nothing_else(args: argparse.Namespace, mode: str) -> None:
    changing = ("file", "model", "validation", "method", *_SETTINGS, "hyperparameter", "grader")
    changing += ("response_format", "suffix", "seed", "metadata", "integration")
    given = next((name for name in changing if getattr(args, name) not in (None, [])), None)
    if given is not None:
        word = "a file" if given == "file" else f"--{given.replace('_', '-')}"
        raise UsageError(
            f"{mode} takes the launch as it was, without {word}",
            "clear it and launch anew to change something",
        )


def new_request(args: argparse.Namespace) -> LaunchRequest:
    """Return the launch that a command line asks for.

    Raises:
        UsageError: A flag cannot be read.
        FileError: A file that a flag names cannot be read.
    """
    from tui.jobs import LaunchRequest

    return changed_request(args, LaunchRequest(args.file, args.model))


def changed_request(args: argparse.Namespace, past: LaunchRequest) -> LaunchRequest:
    """Return ``past`` with whatever the command line says otherwise.

    Raises:
        UsageError: A flag cannot be read.
        FileError: A file that a flag names cannot be read.
    """
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("model", args.model),
            ("suffix", args.suffix or None),
            ("seed", args.seed),
            ("max_cost", args.max_cost),
            ("grader", _json_object(args.grader, "a grader")),
            ("response_format", _json_object(args.response_format, "a response format")),
        )
        if value is not None
    }
    changes["force"] = args.force
    changes["hyperparameters"] = _hyperparameters(args, past.hyperparameters)
    changes["metadata"] = {**past.metadata, **dict(_pair(text) for text in args.metadata)}
    if args.suffix == "":
        # Empty means none of its own; a new launch says so, as before.
        changes["suffix"] = None if args.from_job else ""
    if args.file is not None:
        changes |= {"file": args.file, "file_id": None}
    if args.validation is not None or args.no_validation:
        changes |= {"validation": args.validation, "validation_id": None}
    if args.integration:
        changes["integrations"] = tuple(_integration(text) for text in args.integration)
    return replace(_with_method(args.method, past), **changes)


def _with_method(method: str | None, past: LaunchRequest) -> LaunchRequest:
    """Change the method; what only the old one had goes with it."""
    from tui.jobs import method_of

    if method is None or method_of(method) == past.method:
        return past
    return replace(
        past,
        method=method_of(method),
        hyperparameters={k: v for k, v in past.hyperparameters.items() if k in _COMMON},
        grader=None,
        response_format=None,
    )


_COMMON = ("n_epochs", "batch_size", "learning_rate_multiplier")


def _hyperparameters(args: argparse.Namespace, past: Mapping[str, Any]) -> dict[str, Any]:
    from tui.jobs import setting_of

    found = dict(past)
    for flag, name in _SETTINGS.items():
        value = getattr(args, flag)
        if value is not None:
            found[name] = None if value == AUTO else value
    for text in args.hyperparameter:
        try:
            name, value = setting_of(text)
        except ValueError as error:
            raise UsageError(f"--hyperparameter {error}", "such as reasoning_effort=low") from None
        found[name] = value
    return {name: value for name, value in found.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--metadata {text!r} is not a pair", "write --metadata KEY=VALUE")
    return key, value


def _integration(text: str) -> dict[str, Any]:
    from tui.jobs import integration_of

    try:
        return integration_of(text)
    except ValueError as error:
        raise UsageError(f"--integration {text!r} cannot be read", str(error)) from None


def _json_object(path: Path | None, what: str) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror})", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is not JSON ({error})", "write one JSON object") from error
    if not isinstance(value, dict):
        raise FileError(f"{path} is not {what}", "write one JSON object with a type")
    return value
