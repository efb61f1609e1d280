"""``tunedeck overlap``: whether training and validation data ask the same."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tui.cli.files import shown_progress
from tui.cli.output import emit_json, say
from tui.errors import UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import OverlapReport

SHOWN = 20
"""Overlaps printed for a person unless told otherwise; ``--json`` lists more."""


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``overlap`` command."""
    parser = sub.add_parser(
        "overlap",
        help="find prompts that stand in two files",
        description=(
            "Find the prompts of a validation file that are in the training file too, with the "
            "lines of both. Case, white space and system messages do not count."
        ),
        epilog="exit codes: 0 they share nothing, 1 they share prompts, 2 a file cannot be read",
    )
    parser.add_argument("train", metavar="TRAIN", help="the training file, or -")
    parser.add_argument("validation", metavar="VALIDATION", help="the validation file, or -")
    parser.add_argument(
        "--with-system", action="store_true",
        help="the same text under another system message is another prompt",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=overlap)


def overlap(args: argparse.Namespace) -> int:
    """Run ``tunedeck overlap``.

    Raises:
        UsageError: Both are standard input.
        FileError: A file cannot be read.
    """
    from tui.dataset import overlap_files

    if args.train == args.validation == "-":
        raise UsageError("standard input can be read only once", "name - once")
    with shown_progress(args.train) as progress:
        report = overlap_files(
            args.train, args.validation, with_system=args.with_system, progress=progress
        )
    if args.json:
        emit_json(report.to_json())
    else:
        _say(report)
    return 1 if report.overlapping else 0


def _say(report: OverlapReport) -> None:
    say(f"training    {clean(report.train)}: {report.train_records:,} prompts")
    say(f"validation  {clean(report.validation)}: {report.validation_records:,} prompts")
    if report.same_file:
        say("Both are the same file.")
    say()
    if not report.overlapping:
        say("They share no prompt.")
        return
    for entry in report.shared[:SHOWN]:
        what = "the same record" if entry.same else "the same prompt"
        what += ", under another system message," if entry.other_system else ""
        say(f"  line {entry.line:,}: {what} as line {entry.train_line:,} of the training file")
    if report.overlapping > SHOWN:
        say(f"  and {report.overlapping - SHOWN:,} more: --json lists them")
    say()
    if report.other_system == report.overlapping:
        say("All of them under other system messages: --with-system lets these tell them apart.")
    say(
        f"{report.overlapping:,} of {report.validation_records:,} validation records ask what "
        f"{report.train_overlapping:,} training records ask ({report.identical:,} are the same). "
        "Next: take them out of one of the two, or part anew: tunedeck split"
    )
