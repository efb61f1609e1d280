"""Preflight: everything that can be known before money moves, said at once.

Blocking work (it reads and counts the whole file): call it from a thread.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.errors import FileError, SafetyError, TunedeckError
from tui.jobs.models import LAUNCH_KEY, number_of

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.dataset import CheckReport
    from tui.pricing import CostRow

ERROR, WARNING = "error", "warning"

# Limits of OpenAI's published API schema; others accept the same or less.
_MAX_PAIRS = 16
_MAX_KEY, _MAX_VALUE = 64, 512
_MAX_SEED = 2**31 - 1
_SUFFIX_LIMITS = {"azure": 18}
_MAX_SUFFIX = 64
_EPOCHS = {"openai": (1, 50), "azure": (1, 50), "nebius": (1, 20)}
_BATCHES = {"openai": (1, 256), "azure": (1, 256), "nebius": (1, 32), "crusoe": (16, 1024)}
_ANY = (1, 1_000_000)
_MAX_UPLOAD = 512 * 1024 * 1024
_FORMATS = {
    "supervised": ("chat", "completion"),
    "dpo": ("preference",),
    "reinforcement": ("reinforcement", "chat"),
}


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for.

    Attributes:
        file: The training file.
        model: The model to tune.
        validation: The validation file, if any.
        method: ``supervised``, ``dpo`` or ``reinforcement``.
        hyperparameters: As the API names them; what is left out is the provider's choice.
        suffix: A part of the tuned model's name.
        seed: Makes the training repeatable where the provider honours it.
        metadata: Pairs of the person's own.
        max_cost: In US dollars; a higher or unknown price refuses the launch.
        force: Launch in spite of errors that are not about cost.
        grader: The grader of a reinforcement job, as the API shapes it.
    """

    file: Path
    model: str
    validation: Path | None = None
    method: str = "supervised"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_cost: float | None = None
    force: bool = False
    grader: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stands in the way, or that one should know.

    Attributes:
        severity: ``error`` or ``warning``.
        code: A stable word.
        message: What is wrong.
        hint: What to do.
        forceable: Whether ``--force`` lifts it; limits on cost are never lifted.
    """

    severity: str
    code: str
    message: str
    hint: str = ""
    forceable: bool = True

    def to_json(self) -> dict[str, str]:
        """Return the object that ``--json`` prints."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
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
    """
    from tui.jobs.launcher import sha256_of

    problems = [*_settings(request, provider.profile), *_file_kind(request.file)]
    sha256 = sha256_of(request.file)
    result = _scan(request.file, request.model, provider.profile, progress, cancelled)
    report = result.report
    problems += _data(report, request)
    problems += _validation(request, provider.profile, sha256, cancelled)
    cost, trouble = _price(request, provider, result.table, today)
    problems += trouble
    problems.sort(key=lambda problem: problem.severity != ERROR)
    blocked = any(
        problem.severity == ERROR and not (request.force and problem.forceable)
        for problem in problems
    )
    return Preflight(tuple(problems), report, cost, blocked, sha256)


def _scan(
    path: Path,
    model: str,
    profile: str,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Any:
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


# --- settings ---------------------------------------------------------------------------------


def _settings(request: LaunchRequest, profile: str) -> list[Problem]:
    return [
        *_hyperparameters(request, profile),
        *_suffix(request.suffix, profile),
        *_seed(request.seed),
        *_metadata(request.metadata),
        *_method(request, profile),
    ]


def _hyperparameters(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    given = request.hyperparameters
    for name, words, (low, high) in (
        ("n_epochs", "epochs", _EPOCHS.get(profile, _ANY)),
        ("batch_size", "batch size", _BATCHES.get(profile, _ANY)),
    ):
        value = given.get(name, "auto")
        if value != "auto" and not (isinstance(value, int) and low <= value <= high):
            found.append(
                Problem(
                    ERROR,
                    f"bad_{name}",
                    f"{words} is {value}",
                    f"use {low} to {high}, or leave it out",
                )
            )
    for name, words, most in (
        ("learning_rate_multiplier", "learning rate multiplier", float("inf")),
        ("beta", "beta", 2.0),
    ):
        value = given.get(name, "auto")
        number = number_of(value)
        if value != "auto" and (number is None or not 0 < number <= most):
            limit = "above 0" if most == float("inf") else f"above 0 and at most {most:g}"
            found.append(
                Problem(ERROR, f"bad_{name}", f"{words} is {value}", f"use a number {limit}")
            )
    if "beta" in given and request.method != "dpo":
        found.append(
            Problem(ERROR, "bad_beta", "beta belongs to the dpo method", "add --method dpo")
        )
    return found


def _suffix(suffix: str | None, profile: str) -> list[Problem]:
    if suffix is None:
        return []
    most = _SUFFIX_LIMITS.get(profile, _MAX_SUFFIX)
    if not 1 <= len(suffix) <= most:
        return [
            Problem(
                ERROR,
                "bad_suffix",
                f"the suffix has {len(suffix)} characters",
                f"use 1 to {most}",
            )
        ]
    if not re.fullmatch(r"[A-Za-z0-9._-]+", suffix):
        return [
            Problem(
                WARNING,
                "odd_suffix",
                "the suffix holds characters other than letters, digits, '-', '_' and '.'",
                "the provider may change or refuse it",
            )
        ]
    return []


def _seed(seed: int | None) -> list[Problem]:
    if seed is None or 0 <= seed <= _MAX_SEED:
        return []
    return [Problem(ERROR, "bad_seed", f"the seed is {seed}", f"use 0 to {_MAX_SEED}")]


def _metadata(metadata: Mapping[str, str]) -> list[Problem]:
    found = []
    if len(metadata) > _MAX_PAIRS - 1:
        found.append(
            Problem(
                ERROR,
                "too_much_metadata",
                f"there are {len(metadata)} metadata pairs",
                f"use at most {_MAX_PAIRS - 1}: providers take {_MAX_PAIRS}, and one is tunedeck's",
            )
        )
    for key, value in metadata.items():
        if key == LAUNCH_KEY:
            text = f"the metadata key {key} is tunedeck's own"
            found.append(Problem(ERROR, "reserved_metadata", text, "name it otherwise", False))
        elif not 0 < len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            found.append(
                Problem(
                    ERROR,
                    "long_metadata",
                    f"the metadata pair {key[:20]!r} is too long",
                    f"use keys of 1 to {_MAX_KEY} and values of at most {_MAX_VALUE} characters",
                )
            )
    return found


def _method(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    if request.method == "reinforcement":
        if request.grader is None:
            found.append(
                Problem(ERROR, "grader_required", "a reinforcement job needs a grader", "--grader")
            )
        if request.validation is None:
            found.append(
                Problem(
                    ERROR,
                    "validation_required",
                    "a reinforcement job needs a validation file",
                    "add --validation FILE",
                )
            )
    if profile == "local" and request.method != "supervised":
        found.append(
            Problem(
                ERROR,
                "method_not_supported",
                f"the built-in engine does not train with {request.method}",
                "use --method supervised, or another provider",
            )
        )
    return found


# --- files ------------------------------------------------------------------------------------


def _file_kind(path: Path) -> list[Problem]:
    name = path.name.lower()
    if name.endswith(".gz"):
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
                f"see them with 'tunedeck check {request.file.name}'",
            )
        )
    if report.warnings:
        found.append(
            Problem(
                WARNING,
                "format_warnings",
                f"{request.file.name} has {report.warnings} "
                f"{'warning' if report.warnings == 1 else 'warnings'}",
                f"see them with 'tunedeck check {request.file.name}'",
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
            return f", the first on line {issue.line}: {issue.message}" if issue.line else ""
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
    found = _file_kind(path)
    if same:
        found.append(
            Problem(
                WARNING,
                "validation_is_training",
                "the validation file is the training file",
                "its loss will say nothing about new examples: use 'tunedeck split'",
            )
        )
    # The limit on the number of examples is for training files.
    errors = report.errors - report.counts.get("too_few_examples", 0)
    if errors > 0:
        found.append(
            Problem(
                ERROR,
                "validation_errors",
                f"{path.name} has {errors} format errors",
                f"see them with 'tunedeck check {path.name}'",
            )
        )
    return found


# --- price ------------------------------------------------------------------------------------


def _price(
    request: LaunchRequest, provider: ProviderConfig, table: Any, today: datetime.date | None
) -> tuple[CostRow | None, list[Problem]]:
    from tui.pricing import estimate

    epochs = request.hyperparameters.get("n_epochs")
    if not isinstance(epochs, int) or epochs < 1:
        epochs = None
    try:
        cost = estimate(
            table,
            request.model,
            provider=provider.profile,
            epochs=epochs,
            today=today or datetime.datetime.now(datetime.UTC).date(),
        )
    except TunedeckError as error:
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
