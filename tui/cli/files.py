"""``tunedeck fix``, ``split`` and ``convert``: one file in, a new one out, and what was done."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui.cli.data import DEFAULT_MODEL, FORMATS, Progress, profile_of
from tui.cli.output import emit_json, note, say
from tui.dataset.convert.names import (
    CONVERT_KINDS,
    CONVERT_ROLES,
    CONVERT_TARGETS,
    named_columns,
)
from tui.errors import UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui.dataset import CheckReport, ConvertReport, FixReport, Repair, SplitReport

SHOWN_CHANGES = 200
"""Changes printed for a person unless told otherwise; all are in ``--json``."""

_WORST_SHOWN = 8
_SKIPPED_SHOWN = 10


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that write new files from old ones."""
    _add_fix(sub)
    _add_split(sub)
    _add_convert(sub)


def _add_fix(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = sub.add_parser(
        "fix",
        help="make the safe repairs, to a new file",
        description=(
            "Make the safe repairs a dataset needs, write them to a new file, and check that. "
            "Records that need none are copied byte for byte; nothing is changed in place. "
            "'tunedeck check --rules' marks what is repaired; mojibake, developer_role and "
            "blank_content are repaired only where --rule names them."
        ),
        epilog="exit codes: 0 no errors left, 1 errors are left in OUT, 2 a file cannot be used",
    )
    parser.add_argument("file", metavar="FILE", help="a JSONL or JSON file, or -")
    parser.add_argument("-o", "--output", metavar="OUT", help="the new file")
    parser.add_argument(
        "--rule", action="append", default=[], metavar="CODE", help="make only this repair; repeat"
    )
    parser.add_argument(
        "--drop-invalid", action="store_true", help="leave out records with errors no repair mends"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change and write nothing"
    )
    parser.add_argument("--format", choices=FORMATS, default="auto", help="the records' format")
    parser.add_argument(
        "--max-changes", type=_whole, metavar="N", default=SHOWN_CHANGES,
        help=f"print at most N changes (default: {SHOWN_CHANGES}); --json lists them all",
    )  # fmt: skip
    _add_common(parser, checked=True)
    parser.set_defaults(handler=fix)


def _add_split(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = sub.add_parser(
        "split",
        help="part a dataset into training and validation files",
        description=(
            "Write NAME.train.jsonl and NAME.validation.jsonl so that they share no example and "
            "no prompt; the same text under another system message is the same prompt. The same "
            "seed parts the same records in the same way, in any order and on any machine."
        ),
    )
    parser.add_argument("file", metavar="FILE", help="a JSONL or JSON file, or -")
    parser.add_argument(
        "--validation", type=_share, required=True, metavar="SHARE",
        help="how much to hold back: a share such as 0.1 or 10%%, or a number of records",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="(default: 7)")
    parser.add_argument(
        "--by", default="", metavar="FIELD",
        help="spread the values of this field evenly: a key or a path such as metadata.topic or "
        "messages[0].role; 'answer' for what is answered, 'label' for answers that are short",
    )  # fmt: skip
    parser.add_argument(
        "--with-system", action="store_true", help="let system messages tell prompts apart"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="where to write (default: by FILE)")
    _add_common(parser, checked=False)
    parser.set_defaults(handler=split)


def _add_convert(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = sub.add_parser(
        "convert",
        help="turn other formats into chat JSONL, and chat into others",
        description=(
            "Turn alpaca, sharegpt, prompt and completion, question and answer, role columns, CSV, "
            "and chosen and rejected answers into chat or preference JSONL, and check the result. "
            "With --to, chat or any of these is written as another provider or tool wants it."
        ),
        epilog="exit codes: 0 done, even where OUT has too few examples to train on, 1 nothing to "
        "convert or errors are left in OUT, 2 a file cannot be used",
    )
    parser.add_argument("file", metavar="FILE", help="a JSONL, JSON or CSV file, or -")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the new file")
    parser.add_argument(
        "--from", dest="kind", choices=tuple(CONVERT_KINDS), default="auto",
        help="found out unless given",
    )  # fmt: skip
    parser.add_argument(
        "--to", dest="target", choices=tuple(CONVERT_TARGETS), default="", metavar="NAME",
        help="write for another provider or tool: " + ", ".join(CONVERT_TARGETS),
    )  # fmt: skip
    parser.add_argument(
        "--columns", type=_columns, default={}, metavar="ROLE=NAME,…",
        help="which column or key is what, as in user=Question,assistant=Answer; roles: "
        + ", ".join(CONVERT_ROLES),
    )  # fmt: skip
    parser.add_argument(
        "--system", default="", metavar="TEXT", help="a system message for records without one"
    )
    _add_common(parser, checked=True)
    parser.set_defaults(handler=convert)


def _add_common(parser: argparse.ArgumentParser, *, checked: bool) -> None:
    if checked:
        parser.add_argument(
            "--provider", metavar="P", default="openai", help="whose rules apply (default: openai)"
        )
        parser.add_argument(
            "--model", metavar="M", default=DEFAULT_MODEL, help="whose token limit applies"
        )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--json", action="store_true", help="print JSON")


def fix(args: argparse.Namespace) -> int:
    """Run ``tunedeck fix``.

    Raises:
        UsageError: No output, an unknown repair, or the output is the input.
        FileError: A file cannot be read or written.
    """
    from tui.dataset import fix_file

    if args.output is None and not args.dry_run:
        raise UsageError("no new file is named", "name one with -o OUT, or look with --dry-run")
    with ended_in_order(), shown_progress(args.file) as progress:
        report = fix_file(
            args.file,
            None if args.dry_run else args.output,
            rules=args.rule,
            drop_invalid=args.drop_invalid,
            profile=profile_of(args.provider),
            format=args.format,
            model=args.model,
            force=args.force,
            progress=progress,
        )
    if args.json:
        emit_json(report.to_json())
    else:
        _say_fix(report, args.max_changes)
    return 1 if report.check is not None and report.check.errors else 0


def split(args: argparse.Namespace) -> int:
    """Run ``tunedeck split``.

    Raises:
        UsageError: The share is impossible, or no record has the field.
        FileError: A file cannot be read or written.
    """
    from tui.dataset import split_file

    with ended_in_order(), shown_progress(args.file) as progress:
        report = split_file(
            args.file,
            args.validation,
            seed=args.seed,
            by=args.by,
            with_system=args.with_system,
            folder=args.output,
            force=args.force,
            progress=progress,
        )
    if args.json:
        emit_json(report.to_json())
    else:
        _say_split(report)
    return 0


def convert(args: argparse.Namespace) -> int:
    """Run ``tunedeck convert``.

    Raises:
        UsageError: Columns that are not there, or the output is the input.
        FileError: A file cannot be read or written.
        TunedeckError: Nothing could be converted.
    """
    from tui.dataset import convert_file

    with ended_in_order(), shown_progress(args.file) as progress:
        report = convert_file(
            args.file,
            args.output,
            kind=args.kind,
            target=args.target,
            columns=args.columns,
            system=args.system,
            profile=profile_of(args.provider),
            model=args.model,
            force=args.force,
            progress=progress,
        )
    if args.json:
        emit_json(report.to_json())
    else:
        _say_convert(report)
    return 1 if report.faults else 0


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Turn a request to end into an exit, so that no half-written file is left behind.

    A terminal that is closed asks in the same way as ``kill`` does.
    """

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = [(kind, signal.signal(kind, leave)) for kind in (signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    finally:
        for kind, handler in before:
            signal.signal(kind, handler)


@contextmanager
def shown_progress(name: str) -> Iterator[Progress | None]:
    """Show how far a large file is read, where a terminal is watched; take it away in the end."""
    progress = Progress(name) if sys.stderr.isatty() else None
    try:
        yield progress
    finally:
        if progress is not None:
            progress.clear()


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of changes")


def _share(text: str) -> float:
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = 0.0
    # 1 is one record; 1.0 and 100% would be all of them.
    whole = text.isascii() and text.isdigit() and share >= 1
    if not whole and not 0 < share < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a share between 0 and 1 nor a number of records"
        )
    return share


def _columns(text: str) -> dict[str, str]:
    try:
        return named_columns(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _say_fix(report: FixReport, most: int) -> None:
    for change in report.changes[:most]:
        say(_change(change))
    total = sum(report.repairs.values()) + report.invalid
    if total > most:
        say(f"and {total - min(most, len(report.changes)):,} more: --json lists them")
    if report.changes:
        say()
    for code, count in sorted(report.repairs.items()):
        say(f"{code}: {count:,}")
    if report.invalid:
        codes = ", ".join(f"{code} {count:,}" for code, count in _most(report.invalid_counts))
        say(f"left out because errors remain: {_many(report.invalid, 'record')} ({codes})")
    if report.copies_kept:
        note("copies of records were kept: without them too few examples would be left")
    if report.duplicates_unfinished:
        note("the file has more records than copies are looked for among; later ones were kept")
    verb = "would be written" if report.output is None else f"written to {clean(report.output)}"
    say(
        f"{report.written:,} of {_many(report.records, 'record')} {verb}: "
        f"{report.changed:,} changed, {report.dropped:,} left out"
    )
    _say_verdict(report.check, kept=report.output is not None)


def _change(change: Repair) -> str:
    where = f"line {change.line:,}  {change.code}"
    if change.path:
        where += f"  {clean(change.path, limit=80)}"
    before = clean(change.before, limit=60)
    if change.after:
        return f"{where}  {change.action}: {before} -> {clean(change.after, limit=60)}"
    return f"{where}  {change.action}" + (f": {before}" if change.before.strip() else "")


def _say_split(report: SplitReport) -> None:
    say(f"{_many(report.records, 'record')}, {_many(report.prompts, 'prompt')}, seed {report.seed}")
    say(f"train       {report.train_records:>10,}  {clean(report.train)}")
    say(f"validation  {report.validation_records:>10,}  {clean(report.validation)}")
    if report.strata:
        say()
        say(f"by {clean(report.by, limit=40)}: train, validation")
        for name, (train, validation) in report.strata.items():
            say(f"  {clean(name, limit=40)}: {train:,}, {validation:,}")
    if report.lacking:
        field = clean(report.by, limit=40)
        note(f"{report.lacking:,} of {_many(report.records, 'record')} have no {field}: (none)")
    if report.validation_records != report.wanted:
        note(
            f"{report.wanted:,} records to validate with were wanted, but those of one prompt "
            "stay together"
        )
    say(f"No prompt stands in both. Next: tunedeck check {_word(report.train)}")


def _say_convert(report: ConvertReport) -> None:
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in _most(report.kinds))
    say(
        f"{report.written:,} of {_many(report.records, 'record')} written to "
        f"{clean(report.output)} {_goal(report)}, from {clean(kinds)}"
    )
    if report.left_out:
        say()
        say("not carried over:")
        for what, count in _most(report.left_out):
            say(f"  {clean(what, limit=100)}: {count:,}")
    if report.skipped:
        say()
        say(f"left out: {_many(sum(report.skipped.values()), 'record')}")
        for reason, count in _most(report.skipped):
            say(f"  {clean(reason, limit=100)}: {count:,}")
        for line, reason in report.skipped_lines[:_SKIPPED_SHOWN]:
            say(f"  line {line:,}: {clean(reason, limit=100)}")
        if sum(report.skipped.values()) > _SKIPPED_SHOWN:
            say("  and more: --json lists them")
    _say_verdict(report.check, kept=True)


def _goal(report: ConvertReport) -> str:
    return f"for {report.target}" if report.target else f"as {report.format} data"


def _say_verdict(check: CheckReport | None, *, kept: bool) -> None:
    if check is None:
        return
    name = _word(check.file)
    say()
    if not check.errors:
        step = f"Next: tunedeck cost {name}" if kept else "Next: the same with -o OUT"
        extra = f", {_many(check.warnings, 'warning')}" if check.warnings else ""
        say(f"Ready to train: {_many(check.records, 'example')}{extra}. {step}")
        return
    codes = {issue.code for issue in check.issues if issue.severity == "error"}
    worst = {code: check.counts[code] for code in codes if code in check.counts}
    shown = ", ".join(f"{code} {count:,}" for code, count in _most(worst))
    step = f"tunedeck check {name} shows where" if kept else "the same with -o OUT, then check it"
    say(f"Not ready to train: {_many(check.errors, 'error')} left ({shown}). Next: {step}")


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_WORST_SHOWN]


def _word(name: str) -> str:
    shown = clean(name)
    return f"'{shown}'" if " " in shown else shown


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
