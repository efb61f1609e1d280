"""Preflight: everything that can be known before money moves, said at once.

Blocking work (it reads and counts the whole file): call it from a thread.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import FileError, SafetyError, TunedeckError, UsageError
from tui.jobs.limits import settings_problems
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.dataset import CheckReport, ScanResult
    from tui.pricing import CostRow
    from tui.tokens import TokenTable

_MAX_UPLOAD = 512 * 1024 * 1024
_FORMATS = {
    "supervised": ("chat", "completion"),
    "dpo": ("preference",),
    "reinforcement": ("reinforcement", "chat"),
}


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found before a launch.

    Attributes:
        problems: Errors first.
        report: The format check of the training file; ``None`` when it could not be read.
        cost: The price; ``None`` when it cannot be told.
        blocked: Whether the launch must not go on.
        sha256: Of the training file as it was checked; empty when it could not be read.
    """

    problems: tuple[Problem, ...]
    report: CheckReport | None
    cost: CostRow | None
    blocked: bool
    sha256: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Only the problems that block."""
        return tuple(problem for problem in self.problems if problem.severity == ERROR)

    def refusal(self) -> SafetyError:
        """Return the error that says why the launch does not go on."""
        errors = self.errors
        if not errors:
            return SafetyError("the launch was refused", "see its preflight")
        first = errors[0]
        rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        hint = first.hint
        if all(problem.forceable for problem in errors):
            hint = f"{hint}, or add --force" if hint else "add --force to launch all the same"
        return SafetyError(f"{first.message}{rest}", hint, code=first.code)


def preflight(
    request: LaunchRequest,
    provider: ProviderConfig,
    *,
    today: datetime.date | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Preflight:
    """Check a launch: its files, settings, format, price and dates.

    Args:
        request: What is asked for.
        provider: Where it would go.
        today: The date prices and shutdowns are judged by; the real one unless given.
        progress: Told of bytes read and bytes in all.
        cancelled: Asked often; true ends the work early, with an unusable result.

    Raises:
        FileError: The training file cannot be read at all.
        ConfigError: The person's own prices are malformed.
    """
    problems = [*settings_problems(request, provider.profile), *_file_kind(request.file)]
    sha256, result = _read(request, provider.profile, progress, cancelled)
    report = result.report
    problems += _data(report, request)
    problems += _graded(request, cancelled)
    problems += _validation(request, provider.profile, sha256, cancelled)
    cost, trouble = _price(request, provider, result.table, today)
    problems += trouble
    problems.sort(key=lambda problem: problem.severity != ERROR)
    blocked = any(
        problem.severity == ERROR and not (request.force and problem.forceable)
        for problem in problems
    )
    return Preflight(tuple(problems), report, cost, blocked, sha256)


# The last whole reading of a training file. It may take a minute, and a form asks again after every
# change of a field, most of which have nothing to do with the file.
_last_read: tuple[object, tuple[str, ScanResult]] | None = None


def _read(
    request: LaunchRequest,
    profile: str,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[str, ScanResult]:
    """Return the hash and the scan of the training file, read again only when something changed."""
    global _last_read
    from tui.jobs.launcher import sha256_of

    before = _identity(request.file)
    key = (request.file.absolute(), before, request.model, profile)
    known = _last_read
    if before is not None and known is not None and known[0] == key:
        return known[1]
    # The scan goes first: it says best what is wrong with a file.
    result = _scan(request.file, request.model, profile, progress, cancelled)
    sha256 = "" if result.cancelled else sha256_of(request.file)
    if not result.cancelled and _identity(request.file) == before:
        _last_read = (key, (sha256, result))
    return sha256, result


def _identity(path: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # Reading it names the reason.
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _scan(
    path: Path,
    model: str,
    profile: str,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> ScanResult:
    from tui.dataset import scan_file
    from tui.pricing import model_info

    return scan_file(
        path,
        profile=profile,
        model=model,
        encoding=model_info(model).encoding,
        progress=progress,
        cancelled=cancelled,
    )


# --- files ------------------------------------------------------------------------------------


def _file_kind(path: Path) -> list[Problem]:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError(
            f"{path} is a pipe or a device, which can be read only once",
            "write it to a file first: it is checked, hashed and uploaded",
        )
    name = path.name.lower()
    if name.endswith((".gz", ".zst")):
        return [
            Problem(
                ERROR,
                "compressed",
                f"{path.name} is compressed",
                "providers take plain .jsonl: unpack it first",
                False,
            )
        ]
    try:
        if path.stat().st_size > _MAX_UPLOAD:
            return [
                Problem(
                    ERROR,
                    "file_too_large",
                    f"{path.name} is over 512 MB",
                    "split it: one upload takes no more",
                )
            ]
    except OSError:
        pass  # The scan names the reason.
    return []


def _data(report: CheckReport, request: LaunchRequest) -> list[Problem]:
    found = []
    if report.errors:
        found.append(
            Problem(
                ERROR,
                "format_errors",
                f"{request.file.name} has {report.errors} format "
                f"{'error' if report.errors == 1 else 'errors'}{_first_line(report)}",
                f"see them with 'tunedeck check {request.file}'",
            )
        )
    if report.warnings:
        found.append(
            Problem(
                WARNING,
                "format_warnings",
                f"{request.file.name} has {report.warnings} "
                f"{'warning' if report.warnings == 1 else 'warnings'}",
                f"see them with 'tunedeck check {request.file}'",
            )
        )
    form = str(report.format)
    fits: Sequence[str] = _FORMATS.get(request.method, ())
    if fits and form not in (*fits, "unknown"):
        right = next((m for m, forms in _FORMATS.items() if form in forms), "supervised")
        found.append(
            Problem(
                ERROR,
                "format_method_mismatch",
                f"{request.file.name} is in the {form} format, which the {request.method} "
                "method does not train on",
                f"use --method {right}",
            )
        )
    return found


def _first_line(report: CheckReport) -> str:
    for issue in report.issues:
        if str(issue.severity) == ERROR:
            where = f", the first on line {issue.line}" if issue.line else ""
            return f"{where}: {issue.message}"
    return ""


def _validation(
    request: LaunchRequest, profile: str, sha256: str, cancelled: Callable[[], bool] | None
) -> list[Problem]:
    path = request.validation
    if path is None:
        return []
    from tui.jobs.launcher import sha256_of

    try:
        same = sha256_of(path) == sha256
        report = _scan(path, request.model, profile, None, cancelled).report
    except FileError as error:
        return [Problem(ERROR, "validation_unreadable", error.message, error.hint, False)]
    found = [*_file_kind(path), *_too_many(request, profile, report.records)]
    if same:
        found.append(
            Problem(
                WARNING,
                "validation_is_training",
                "the validation file is the training file",
                "its loss will say nothing about new examples: use 'tunedeck split'",
            )
        )
    else:
        found += _shared(request.file, path, cancelled)
    # The limit on the number of examples is for training files.
    errors = report.errors - report.counts.get("too_few_examples", 0)
    if errors > 0:
        found.append(
            Problem(
                ERROR,
                "validation_errors",
                f"{path.name} has {errors} format errors",
                f"see them with 'tunedeck check {path}'",
            )
        )
    return found


def _graded(request: LaunchRequest, cancelled: Callable[[], bool] | None) -> list[Problem]:
    """Say which fields the grader reads that records lack."""
    if request.grader is None:
        return []
    from tui.dataset import grader_issues

    found = []
    for path in (request.file, request.validation):
        try:
            issues = grader_issues(path, request.grader, cancelled=cancelled) if path else []
        except TunedeckError:
            continue  # What cannot be read is told by its own check.
        found += [
            Problem(
                WARNING,
                "grader_field_missing",
                f"{issue.message}, the first on line {issue.line}",
                issue.hint,
            )
            for issue in issues
        ]
    return found


def _too_many(request: LaunchRequest, profile: str, records: int) -> list[Problem]:
    """Say when a reinforcement job has more to validate with than is taken."""
    from tui.dataset import get_profile

    most = get_profile(profile).max_reinforcement_validation
    if request.method != "reinforcement" or most is None or records <= most:
        return []
    return [
        Problem(
            ERROR,
            "too_many_records",
            f"{records:,} records to validate with, but {profile} takes at most {most:,}",
            "validate with fewer: 'tunedeck split' holds back as many as you say",
        )
    ]


# The last comparison of two files: a form asks again after every change of a field.
_last_shared: tuple[object, list[Problem]] | None = None


def _shared(train: Path, path: Path, cancelled: Callable[[], bool] | None) -> list[Problem]:
    """Say when the validation file asks what the training file asks."""
    global _last_shared
    from tui.dataset import overlap_files

    key = (train.absolute(), _identity(train), path.absolute(), _identity(path))
    if _last_shared is not None and _last_shared[0] == key:
        return _last_shared[1]
    try:
        report = overlap_files(train, path, cancelled=cancelled)
    except TunedeckError:
        return []  # What cannot be read is told by its own check.
    found = []
    if report.overlapping:
        first = report.shared[0]
        found.append(
            Problem(
                WARNING,
                "train_validation_overlap",
                f"{report.overlapping:,} of {report.validation_records:,} prompts of {path.name} "
                f"are in {train.name} too, the first on line {first.line} "
                f"(line {first.train_line} there)",
                f"see them with 'tunedeck overlap {train} {path}'",
            )
        )
    _last_shared = (key, found)
    return found


# --- price ------------------------------------------------------------------------------------


def _price(
    request: LaunchRequest,
    provider: ProviderConfig,
    table: TokenTable | None,
    today: datetime.date | None,
) -> tuple[CostRow | None, list[Problem]]:
    from tui.pricing import estimate

    if table is None:
        return None, _limit(request, None)
    epochs = request.hyperparameters.get("n_epochs")
    if not isinstance(epochs, int) or epochs < 1:
        epochs = None
    try:
        cost = estimate(
            table,
            request.model,
            # Another company's copy of a model has a price of its own.
            provider=provider.name if provider.kind == "compatible" else provider.profile,
            epochs=epochs,
            today=today or datetime.datetime.now(datetime.UTC).date(),
        )
    except UsageError as error:
        return None, [
            Problem(WARNING, "no_price", error.message, error.hint),
            *_limit(request, None),
        ]
    found = _limit(request, cost.usd)
    if not cost.trainable:
        found.append(
            Problem(
                ERROR if provider.kind == "openai" else WARNING,
                "not_trainable",
                f"{cost.model} cannot be trained at {provider.name} any more, as far as is known",
                "see 'tunedeck models'",
            )
        )
    elif cost.shutdown_date:
        found.append(
            Problem(
                WARNING,
                "shutdown",
                f"{cost.model} and what is tuned on it shut down on {cost.shutdown_date}",
                "plan for that day",
            )
        )
    return cost, found


def _limit(request: LaunchRequest, usd: float | None) -> list[Problem]:
    if request.max_cost is None:
        return []
    if usd is None:
        return [
            Problem(
                ERROR,
                "price_unknown",
                "the price is not known, so --max-cost cannot be kept",
                "add the price to prices.toml, or leave --max-cost out",
                False,
            )
        ]
    if usd > request.max_cost:
        return [
            Problem(
                ERROR,
                "over_max_cost",
                f"the estimate is ${usd:,.2f}, over the limit of ${request.max_cost:,.2f}",
                "train fewer epochs or tokens, or raise --max-cost",
                False,
            )
        ]
    return []
