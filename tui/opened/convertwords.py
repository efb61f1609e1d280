"""What converting is called in the application, and what is said of a file that was converted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui.dataset import CONVERT_KINDS, CONVERT_TARGETS
from tui.opened.fixing import verdict
from widgets.numbers import counted, integer

if TYPE_CHECKING:
    from tui.dataset import ConvertReport, ConvertSurvey

READY = "ready"
"""What records are called that need no conversion."""

MOST_LINES = 5
"""Kinds of things, and records, named in the report on a new file; all are on the screen before."""


def kind_words(kind: str) -> str:
    """Return what records of a format are called, at the beginning of a line."""
    words = CONVERT_KINDS.get(kind, kind)
    return words[:1].upper() + words[1:]


def goal_words(report: ConvertReport) -> str:
    """Return what records are converted into."""
    if report.target:
        return f"{CONVERT_TARGETS[report.target]} JSONL"
    return f"{report.format} JSONL"


def name_word(report: ConvertReport) -> str:
    """Return what the name of the new file has before its ending."""
    return report.target or str(report.format)


def state_words(survey: ConvertSurvey) -> str:
    """Return in one line what would come of the file, once all of it was looked at."""
    report = survey.report
    if survey.trouble is not None and survey.trouble.code == "no_record":
        return "The file holds no record"
    if survey.trouble is not None and survey.trouble.code == "nothing_to_convert":
        return f"This is {report.format} data already; t chooses what else to write it as"
    many = counted(report.records, "record")
    if not report.written:
        return f"None of {many} can be converted into {goal_words(report)}"
    if report.written < report.records:
        many = f"{integer(report.written)} of {many}"
    elif report.records > 1:
        many = f"All {many}"
    return f"{many} can become {goal_words(report)}"


def ways_out(survey: ConvertSurvey) -> str:
    """Return what can be done where nothing can be converted; empty elsewhere. Foreign text."""
    trouble = survey.trouble
    if trouble is None or trouble.code != "nothing_converted":
        return ""
    if survey.keys and "columns" in trouble.hint:
        return f"Its keys are {', '.join(survey.keys[:12])}: m says which of them is what"
    return f"t chooses for whom: {trouble.hint}" if "tools" in trouble.hint else trouble.hint


def report_lines(report: ConvertReport) -> Iterator[str]:
    """Yield what was done, for a person; names in it come from files and are not cleaned."""
    yield (
        f"{counted(report.records, 'record')} read, {integer(report.written)} written "
        f"as {goal_words(report)}"
    )
    if report.check is not None:
        yield verdict(report.check)
    else:
        yield "Not checked: the rules here are those of chat and preference data"
    for kind, count in _most(report.kinds):
        words = f"from {kind_words(kind)}" if kind != READY else f"from {report.format} data"
        yield f"  {count:>9,}  {'as they were' if kind == READY and not report.target else words}"
    for what, count in _most(report.left_out):
        yield f"  {count:>9,}  without {what}"
    if report.skipped:
        yield f"{counted(sum(report.skipped.values()), 'record')} could not be converted:"
    for reason, count in _most(report.skipped):
        lines = [line for line, why in report.skipped_lines if why == reason][: MOST_LINES + 1]
        shown = ", ".join(integer(line) for line in lines[:MOST_LINES])
        more = " and more" if len(lines) > MOST_LINES else ""
        where = f": line {shown}{more}" if lines else ""
        yield f"  {count:>9,}  {reason}{where}"


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_LINES]
