"""``tunedeck check``: every format problem of a dataset, with line, column and path."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_json, note, report_error, say
from tui.errors import FileError, TunedeckError, UsageError
from widgets.text import clean, pad, shorten_path, wrap

if TYPE_CHECKING:
    from tui.dataset import CheckReport, Issue, Rule

FORMATS = ("auto", "chat", "preference", "reinforcement", "completion")
DEFAULT_MODEL = "gpt-4.1-mini"
ROWS_A_CODE = 10
_SEVERITIES = ("error", "warning", "advice")
_COLOURS = {"error": "31", "warning": "33", "advice": "36", "good": "32", "dim": "2", "bold": "1"}
_PROGRESS_BYTES = 50 << 20


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``check`` command."""
    parser = sub.add_parser(
        "check",
        help="find every format problem in a dataset",
        description=(
            "Find every format problem in JSONL training data, with line, column and path. Several "
            "files are each checked alone: 'tunedeck overlap' compares two, and 'tunedeck FILE "
            "FILE' opens several as one dataset and compares all their records."
        ),
        epilog="exit codes: 0 no errors, 1 errors found, 2 a file cannot be read",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a JSONL or JSON file, or -")
    parser.add_argument(
        "--model", metavar="M", default=DEFAULT_MODEL, help="whose token limit applies"
    )
    parser.add_argument("--format", choices=FORMATS, default="auto", help="the records' format")
    parser.add_argument(
        "--provider", metavar="P", default="openai", help="whose rules apply (default: openai)"
    )
    parser.add_argument("--rules", action="store_true", help="list the rules and exit")
    parser.add_argument(
        "--max-issues", type=_count, metavar="N", help="show at most N issues; all are counted"
    )
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning"),
        default="error",
        help="exit with 1 from this severity on (default: error)",
    )
    parser.add_argument(
        "--no-quality",
        action="store_true",
        help="leave out what is not about the format: copies, secrets, refusals, …",
    )
    parser.add_argument(
        "--near", action="store_true", help="look for records that nearly say the same, too"
    )
    parser.add_argument(
        "--grader", metavar="FILE", help="the grader (JSON) whose fields reinforcement data needs"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=check)


def check(args: argparse.Namespace) -> int:
    """Run ``tunedeck check``.

    Raises:
        UsageError: No file, or an unknown provider.
        FileError: The only file cannot be read.
    """
    profile = profile_of(args.provider)
    if args.rules:
        return _rules(args, profile)
    if not args.files:
        raise UsageError("no file is named", "name a JSONL file, or - for standard input")
    if args.files.count("-") > 1:
        raise UsageError("standard input can be read only once", "name - once")
    worst = 0
    documents: list[dict[str, object]] = []
    for number, name in enumerate(args.files):
        try:
            report = _check_one(name, args, profile)
        except FileError as error:
            if len(args.files) == 1:
                raise
            report_error(error, as_json=False)
            documents.append({"file": name, "error": _error_json(error)})
            worst = 2
            continue
        if args.json:
            documents.append(report.to_json())
        else:
            if number:
                say()
            _Printer(report, args.max_issues).print()
        bad = report.errors + (report.warnings if args.fail_on == "warning" else 0)
        worst = max(worst, 1 if bad else 0)
    if args.json:
        emit_json(documents[0] if len(args.files) == 1 else documents)
    return worst


def _check_one(name: str, args: argparse.Namespace, profile: str) -> CheckReport:
    from tui.dataset import add_issues, check_file, grader_issues, load_grader, near_issues

    progress = Progress(name) if sys.stderr.isatty() else None
    grader = load_grader(args.grader) if args.grader else None
    if name == "-" and (grader is not None or args.near):
        raise UsageError("standard input can be read only once", "write it to a file first")
    try:
        report = check_file(
            name,
            profile=profile,
            format=args.format,
            model=args.model,
            max_issues=args.max_issues,
            quality=not args.no_quality,
            progress=progress,
        )
        if grader is not None:
            add_issues(report, grader_issues(name, grader, profile=profile, progress=progress))
            report.notes += _said_of(grader)
        if args.near:
            found, all_compared = near_issues(name, profile=profile, progress=progress)
            add_issues(report, found)
            if not all_compared:
                report.notes.append("near copies were looked for of the first records only")
        return report
    finally:
        if progress is not None:
            progress.clear()


def _said_of(grader: dict[str, Any]) -> list[str]:
    """Return what a provider would refuse of a grader, which is no fault of the data."""
    from tui.jobs.graders import grader_problems

    return [f"{problem.message}: {problem.hint}" for problem in grader_problems(grader)]


def profile_of(provider: str) -> str:
    """Return whose rules apply to a provider, by its own name or that of a profile.

    Raises:
        UsageError: There is no such provider.
    """
    from tui.config import PROFILES, Paths, load_settings

    if provider in PROFILES:
        return provider
    table = load_settings(Paths.resolve()).providers.get(provider)
    if table is None:
        raise UsageError(f"no provider is called {provider!r}", f"use one of {', '.join(PROFILES)}")
    return str(table.get("profile", "openai"))


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of issues")
    return number


def _error_json(error: TunedeckError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _rules(args: argparse.Namespace, profile: str) -> int:
    from tui.dataset import EXAMPLES, RULES, get_profile

    weights = get_profile(profile)
    if args.json:
        emit_json(
            [
                {
                    **rule.to_json(),
                    "severity": str(weights.severity(rule.code, rule.severity)),
                    "example": EXAMPLES[rule.code],
                }
                for rule in RULES.values()
            ]
        )
        return 0
    style = _Style()
    width = max(len(code) for code in RULES)
    section = None
    for rule in RULES.values():
        if rule.section != section:
            say(("" if section is None else "\n") + style("bold", rule.section))
            section = rule.section
        severity = str(weights.severity(rule.code, rule.severity))
        _say_rule(rule, EXAMPLES[rule.code], severity, width, style)
    return 0


def _say_rule(rule: Rule, example: str, severity: str, width: int, style: _Style) -> None:
    fix = " (can be repaired by machine)" if rule.fixable else ""
    say(
        f"  {pad(rule.code, width)}  {style(severity, pad(severity, 7))}  "
        f"{clean(rule.summary)}{fix}"
    )
    say(style("dim", f"  {' ' * width}           {clean(rule.evidence)}"))
    say(style("dim", f"  {' ' * width}           such as: {clean(example)}"))


class _Style:
    """Colour where a terminal shows it and nobody asked for none."""

    def __init__(self) -> None:
        self.on = (
            sys.stdout.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, name: str, text: str) -> str:
        return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if self.on and text else text


class Progress:
    """One line on stderr that says how far a large file is read."""

    def __init__(self, name: str) -> None:
        self._name = clean(os.path.basename(name), limit=40)
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show how far reading is, where the file is large."""
        if total < _PROGRESS_BYTES:
            return
        sys.stderr.write(f"\r{self._name}: {100 * done // total} % read ")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away again."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _Printer:
    """One report for a person."""

    def __init__(self, report: CheckReport, most: int | None) -> None:
        self._report = report
        self._rows = ROWS_A_CODE if most is None else most
        self._style = _Style()
        self._width = max(40, shutil.get_terminal_size((100, 24)).columns)
        self._name = _shown_name(report.file)

    def print(self) -> None:
        """Print head, groups and verdict."""
        report = self._report
        head = f"{report.format} · {_many(report.records, 'record')} · {report.bytes:,} bytes"
        if report.blank_lines:
            head += f" · {_many(report.blank_lines, 'blank line')}"
        name = shorten_path(self._name, max(20, self._width - len(head) - 2))
        say(f"{self._style('bold', name)}  {clean(head)}")
        for severity in _SEVERITIES:
            for code in self._codes(severity):
                self._group(severity, code)
        for sentence in report.notes:
            note(sentence)
        say()
        say(self._verdict())

    def _codes(self, severity: str) -> list[str]:
        from tui.dataset import RULES

        log = self._report.issues
        return [
            code
            for code in RULES
            if self._report.counts.get(code) and _severity(log.by_code(code), code) == severity
        ]

    def _group(self, severity: str, code: str) -> None:
        from tui.dataset import RULES

        issues = self._report.issues.by_code(code)
        total = self._report.counts[code]
        say()
        title = f"{severity} {code}"
        say(f"{self._style(severity, title)}  {total:,} ×  {clean(RULES[code].summary)}")
        shown = issues[: self._rows]
        place = max((len(_place(issue)) for issue in shown), default=0)
        hint = ""
        for issue in shown:
            path = f"{clean(issue.path)}  " if issue.path else ""
            self._say_wrapped(pad(_place(issue), place) + "  ", path + clean(issue.message))
            if issue.hint != hint:
                self._say_wrapped(" " * (place + 2), clean(issue.hint), dim=True)
                hint = issue.hint
        if total > len(shown):
            more = f"and {total - len(shown):,} more"
            if self._rows == ROWS_A_CODE:
                more += ": --max-issues shows them, --json lists them"
            say(f"  {self._style('dim', more)}")

    def _say_wrapped(self, lead: str, text: str, *, dim: bool = False) -> None:
        room = max(20, self._width - len(lead) - 2)
        for row in _rows_of(text, room):
            say(f"  {lead}{self._style('dim', row) if dim else row}")
            lead = " " * len(lead)

    def _verdict(self) -> str:
        report, style = self._report, self._style
        found = ", ".join(
            part
            for part in (
                _many(report.errors, "error") if report.errors else "",
                _many(report.warnings, "warning") if report.warnings else "",
                f"{report.advice:,} advice" if report.advice else "",
            )
            if part
        )
        name = self._name if " " not in self._name else f"'{self._name}'"
        if report.errors:
            bad = report.records - report.valid
            where = f"; {bad:,} of {_many(report.records, 'record')} to mend" if bad else ""
            step = f"mend them, then tunedeck check {name}"
            if any(issue.fixable and issue.severity == "error" for issue in report.issues):
                step = f"tunedeck fix {name} -o OUT mends what is clear"
            return f"{style('error', 'Not ready to train')}: {found}{where}. Next: {step}"
        what = _many(report.records, "example")
        step = (
            f"Next: tunedeck cost {name}" if report.file != "-" else "Next: see its price with cost"
        )
        return f"{style('good', 'Ready to train')}: {what}{', ' + found if found else ''}. {step}"


def _shown_name(file: str) -> str:
    return "standard input" if file == "-" else clean(file)


def _rows_of(text: str, width: int) -> Iterator[str]:
    for row in wrap(text, width):
        yield row.text


def _severity(issues: object, code: str) -> str:
    from tui.dataset import RULES

    first: Issue | None = next(iter(issues), None)  # type: ignore[call-overload]
    return str(first.severity if first is not None else RULES[code].severity)


def _place(issue: Issue) -> str:
    return f"{issue.line}:{issue.column}" if issue.line else "file"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
