"""What the Launch screen says: a preflight, the question, what was left open; no Textual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.run.words import status_sign as mark
from widgets.numbers import compact, counted, integer, size, usd

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest, Preflight, Problem, Reconciled, Standing
    from tui.pricing import CostRow

# The commands' hints, in the words of the screens.
_HINTS = {
    "format_errors": "key 2 lists them; or switch Force on to launch all the same",
    "format_warnings": "key 2 lists them",
    "format_method_mismatch": "choose the method that fits",
    "bad_beta": "choose the method dpo",
    "not_trainable": "choose another model",
    "shut_down": "choose another model",
    "model_not_listed": "choose one of the list, if it is refused",
    "method_not_supported": "choose supervised, or another provider",
    "method_not_for_model": "choose another method or model",
    "validation_required": "name a validation file",
    "grader_required": "name the file of one",
    "price_unknown": "leave Most to pay empty, or add the price to prices.toml",
    "over_max_cost": "train fewer epochs or tokens, or allow more",
    "read_only": "start without --read-only to launch",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line for a person.

    Attributes:
        text: Its words; may hold foreign text, not cleaned.
        tone: ``""``, ``head``, ``success``, ``warning``, ``error`` or ``muted``.
    """

    text: str
    tone: str = ""


def preflight_lines(found: Preflight, *, force: bool) -> tuple[Line, ...]:
    """Say whether a launch may go, and what was found: the file, the price, the problems.

    Args:
        found: The preflight.
        force: Whether the force switch is on.
    """
    lines = [verdict(found, force=force)]
    about_file = ("format_errors", "format_warnings", "not_checked")
    problems = [problem for problem in found.problems if problem.code not in about_file]
    # What stops a launch comes first: a small terminal shows no more than that.
    serious = [problem for problem in problems if problem.severity == "error"]
    for problem in serious:
        lines += _problem_lines(problem)
    lines += [Line(""), Line("Training file", "head"), *_file_lines(found)]
    lines += [Line(""), Line("Price", "head"), *_price_lines(found.cost)]
    if len(problems) > len(serious):
        lines += [Line(""), Line("Before you launch", "head")]
        for problem in problems[len(serious) :]:
            lines += _problem_lines(problem)
    return tuple(lines)


def verdict(found: Preflight, *, force: bool) -> Line:
    """Say in one line whether the launch may go."""
    yes, no = mark("succeeded"), mark("failed")
    if found.blocked:
        if all(problem.forceable for problem in found.errors):
            return Line(f"{no} Blocked. Mend what is wrong, or switch Force on.", "error")
        return Line(f"{no} Blocked. Mend what is wrong first.", "error")
    if found.errors and force:
        return Line("! Ready by force: the errors below stay in. ctrl+l launches.", "warning")
    return Line(f"{yes} Ready. ctrl+l launches; nothing is sent before you say yes.", "success")


def _file_lines(found: Preflight) -> list[Line]:
    report = found.report
    if report is None:
        unseen = [problem for problem in found.problems if problem.code == "not_checked"]
        if unseen:
            return _problem_lines(unseen[0])
        return [Line("Could not be read", "error")]
    what = f"{counted(report.records, 'record')}, {report.format}, {size(report.bytes)}"
    lines = [Line(what)]
    by_code = {problem.code: problem for problem in found.problems}
    for code in ("format_errors", "format_warnings"):
        if code in by_code:
            lines += _problem_lines(by_code[code])
    if not report.errors:
        lines.append(Line(f"{mark('succeeded')} No format errors", "success"))
    return lines


def _price_lines(cost: CostRow | None) -> list[Line]:
    if cost is None:
        return [Line("Not known", "warning")]
    source = {"heuristic": "automatic", "given": "as set"}.get(
        str(cost.epochs_source), str(cost.epochs_source)
    )
    lines = [
        Line(f"{_price(cost)} {'for' if cost.usd is None else 'with'} {cost.model}"),
        Line(f"{integer(cost.tokens_billed)} tokens billed in all", "muted"),
        Line(f"{counted(cost.epochs, 'epoch')}, {source}", "muted"),
    ]
    if cost.usd_per_million:
        lines.append(
            Line(f"${cost.usd_per_million:g} a million, as of {cost.prices_as_of}", "muted")
        )
    return lines


def _price(cost: CostRow) -> str:
    if cost.usd is None:
        return "Not known"
    return "Free" if cost.usd == 0 else usd(cost.usd)


def _problem_lines(problem: Problem) -> list[Line]:
    bad = problem.severity == "error"
    sign = mark("failed") if bad else "!"
    lines = [Line(f"{sign} {problem.message}", "error" if bad else "warning")]
    hint = _HINTS.get(problem.code, problem.hint)
    if hint:
        lines.append(Line(f"  {hint}", "muted"))
    return lines


def question(request: LaunchRequest, found: Preflight, provider: str) -> tuple[str, ...]:
    """Return the lines of the question before a launch; they hold foreign text, not cleaned."""
    cost = found.cost
    records = f", {compact(found.report.records)} records" if found.report else ""
    lines = [
        f"Model       {request.model}",
        f"Provider    {provider}",
        f"File        {request.file.name}{records}",
    ]
    if request.validation is not None:
        lines.append(f"Validation  {request.validation.name}")
    if cost is None:
        lines.append("Price       not known")
    else:
        lines += [
            f"Epochs      {cost.epochs}",
            f"Price       {_price(cost)}, {integer(cost.tokens_billed)} tokens",
        ]
    if found.errors:
        lines.append(f"By force    in spite of {counted(len(found.errors), 'problem')}")
    return tuple(lines)


def left_open_lines(
    standings: Sequence[Standing], settled: Sequence[Reconciled]
) -> tuple[Line, ...]:
    """Say what became of launches that were left open, and where the others stand.

    Args:
        standings: Those that made no job yet.
        settled: Those that were settled just now.
    """
    lines = []
    for done in settled:
        if done.job is not None:
            what = f"An interrupted launch of {done.launch.file} had made run {done.job.id}"
            lines.append(Line(f"{mark('succeeded')} {what}; it is among the runs.", "success"))
    lines += [Line(f"! {one.words[:1].upper()}{one.words[1:]}.", "warning") for one in standings]
    if any(one.can_finish for one in standings):
        lines.append(Line("  f fills the form to finish it, d drops it.", "muted"))
    if not lines:
        return ()
    return (Line("Left open", "head"), *lines, Line(" "))
