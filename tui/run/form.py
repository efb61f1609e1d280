"""The launch form without a screen: from what was typed to a request, from a preflight to lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.run.words import status_sign as mark
from widgets.numbers import compact, counted, integer, size, usd

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest, Preflight, Problem
    from tui.pricing import CostRow

AUTO = ("", "auto")
METHODS = ("supervised", "dpo", "reinforcement")

# The commands' hints, in the words of the screens.
_HINTS = {
    "format_errors": "key 2 lists them; or switch Force on to launch all the same",
    "format_warnings": "key 2 lists them",
    "format_method_mismatch": "choose the method that fits",
    "bad_beta": "choose the method dpo",
    "not_trainable": "choose another model",
    "method_not_supported": "choose supervised, or another provider",
    "validation_required": "name a validation file",
    "grader_required": "tunedeck launch takes one with --grader",
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


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, read.

    Attributes:
        request: The launch asked for; ``None`` while something cannot be read.
        complaints: What cannot be read, by field.
    """

    request: LaunchRequest | None
    complaints: Mapping[str, str] = field(default_factory=dict)


def read_form(values: Mapping[str, str], *, force: bool = False) -> Form:
    """Read the fields of the form.

    Args:
        values: Text by field: ``file``, ``validation``, ``model``, ``method``, ``epochs``,
            ``batch``, ``learning``, ``suffix``, ``seed``, ``metadata``; a missing one is empty.
        force: Whether to launch in spite of errors in the file.
    """
    from tui.jobs import LaunchRequest

    complaints: dict[str, str] = {}

    def get(name: str) -> str:
        return values.get(name, "").strip()

    def read(name: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(get(name))
        except ValueError as error:
            complaints[name] = str(error)
            return None

    if not get("file"):
        complaints["file"] = "name the training file, or open a dataset with o"
    if not get("model"):
        complaints["model"] = "choose a model"
    settings = {
        "n_epochs": read("epochs", _whole_or_auto),
        "batch_size": read("batch", _whole_or_auto),
        "learning_rate_multiplier": read("learning", _number_or_auto),
    }
    seed = read("seed", _whole_or_nothing)
    metadata = read("metadata", _pairs) or {}
    if complaints:
        return Form(None, complaints)
    validation = get("validation")
    return Form(
        LaunchRequest(
            file=Path(get("file")).expanduser(),
            model=get("model"),
            validation=Path(validation).expanduser() if validation else None,
            method=get("method") or METHODS[0],
            hyperparameters={k: v for k, v in settings.items() if v is not None},
            suffix=get("suffix") or None,
            seed=seed,
            metadata=metadata,
            force=force,
        )
    )


def _whole_or_auto(text: str) -> int | None:
    if text.lower() in AUTO:
        return None
    return _whole(text, "write a whole number, or auto")


def _whole_or_nothing(text: str) -> int | None:
    return _whole(text, "write a whole number, or nothing") if text else None


def _whole(text: str, advice: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        raise ValueError(advice)
    return int(text)


def _number_or_auto(text: str) -> float | None:
    if text.lower() in AUTO:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("write a number such as 0.5, or auto")
    return number


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError("write pairs such as team=search, run=7")
        pairs[key.strip()] = value.strip()
    return pairs


def preflight_lines(found: Preflight, *, force: bool) -> tuple[Line, ...]:
    """Say whether a launch may go, and what was found: the file, the price, the problems.

    Args:
        found: The preflight.
        force: Whether the force switch is on.
    """
    lines = [verdict(found, force=force), Line("")]
    lines += [Line("Training file", "head"), *_file_lines(found)]
    lines += [Line(""), Line("Price", "head"), *_price_lines(found.cost)]
    problems = [p for p in found.problems if p.code not in ("format_errors", "format_warnings")]
    if problems:
        lines += [Line(""), Line("Before you launch", "head")]
        for problem in problems:
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
