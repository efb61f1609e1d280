"""Preflight: everything that can be known before money moves, said at once.

Blocking work (it reads and counts the whole file): call it from a thread.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.errors import ProviderError, SafetyError, TunedeckError, UsageError
from tui.jobs.fit import (
    data_problems,
    file_kind,
    grader_fields,
    scan,
    stamp,
    validation_problems,
)
from tui.jobs.limits import settings_problems
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem
from tui.jobs.sending import sha256_of

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.dataset import CheckReport, ScanResult
    from tui.pricing import CostRow
    from tui.tokens import TokenTable


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

    def refusal(self) -> TunedeckError:
        """Return the error that says why the launch does not go on.

        It is the provider's where nothing else stands in the way, and one of safety otherwise.
        """
        errors = self.errors
        if not errors:
            return SafetyError("the launch was refused", "see its preflight")
        first = errors[0]
        rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        hint = first.hint
        if all(problem.forceable for problem in errors):
            hint = f"{hint}, or add --force" if hint else "add --force to launch all the same"
        theirs = all(problem.by_provider for problem in errors)
        kind = ProviderError if theirs else SafetyError
        error = kind(f"{first.message}{rest}", hint, code=first.code)
        error.details["problems"] = [problem.to_json() for problem in self.problems]
        return error


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
    problems = settings_problems(request, provider.profile, provider.suffix_max)
    problems += [*_key_host(provider), *_method_of_model(request)]
    if request.file_id is not None:
        cost, trouble = None, [_unseen(request), *_limit(request, provider, None)]
        return with_problems(request, Preflight((), None, cost, False), [*problems, *trouble])
    problems += file_kind(request.file, provider)
    sha256, result = _read(request, provider.profile, progress, cancelled)
    report = result.report
    problems += data_problems(report, request)
    problems += grader_fields(request, provider, cancelled)
    problems += validation_problems(request, provider, sha256, cancelled)
    cost, trouble = _price(request, provider, result.table, today)
    if any(problem.code == "bad_n_epochs" for problem in problems):
        # Said already, with the provider's own limits.
        trouble = [problem for problem in trouble if problem.code != "no_price"]
    found = Preflight((), report, cost, False, sha256)
    return with_problems(request, found, [*problems, *trouble])


def with_problems(request: LaunchRequest, found: Preflight, more: Sequence[Problem]) -> Preflight:
    """Return a preflight with more problems, errors first, and what they mean for the launch.

    Args:
        request: What is asked for.
        found: What was found before.
        more: What was found since.
    """
    problems = sorted([*found.problems, *more], key=lambda problem: problem.severity != ERROR)
    blocked = any(
        problem.severity == ERROR and not (request.force and problem.forceable)
        for problem in problems
    )
    return replace(found, problems=tuple(problems), blocked=blocked)


def _unseen(request: LaunchRequest) -> Problem:
    return Problem(
        WARNING,
        "not_checked",
        f"{request.file.name} is at the provider only ({request.file_id}), so it can be neither "
        "checked nor priced here",
        "name a copy on this machine to check it first",
    )


def _key_host(provider: ProviderConfig) -> list[Problem]:
    """Say when the OpenAI key would go to a host that nobody agreed to."""
    from tui.credentials import needs_consent

    host = needs_consent(provider)
    if host is None:
        return []
    return [
        Problem(
            ERROR,
            "key_consent",
            f"the OpenAI key would go to {host}, which is not OpenAI's",
            f'if you trust it, add --send-key-to {host}, or trusted_hosts = ["{host}"] to '
            "config.toml",
            False,
        )
    ]


def _method_of_model(request: LaunchRequest) -> list[Problem]:
    from tui.pricing import model_info

    info = model_info(request.model)
    if not info.known or not info.methods or request.method in info.methods:
        return []
    return [
        Problem(
            ERROR,
            "method_not_for_model",
            f"{info.id} is not tuned by the {request.method} method",
            f"use --method {info.methods[0]}, or another model",
        )
    ]


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
    before = stamp(request.file)
    key = (request.file.absolute(), before, request.model, profile)
    known = _last_read
    if before is not None and known is not None and known[0] == key:
        return known[1]
    # The scan goes first: it says best what is wrong with a file.
    result = scan(request.file, request.model, profile, progress, cancelled)
    sha256 = "" if result.cancelled else sha256_of(request.file)
    if not result.cancelled and stamp(request.file) == before:
        _last_read = (key, (sha256, result))
    return sha256, result


# --- price ------------------------------------------------------------------------------------


def _company(provider: ProviderConfig) -> str:
    """Return whose prices apply: another company's copy of a model has a price of its own."""
    if provider.kind != "compatible":
        return provider.profile
    known = provider.known
    return known.name if known.owns(provider.base_url or "") else provider.name


def _price(
    request: LaunchRequest,
    provider: ProviderConfig,
    table: TokenTable | None,
    today: datetime.date | None,
) -> tuple[CostRow | None, list[Problem]]:
    from tui.pricing import estimate, model_info

    if table is None:
        return None, _limit(request, provider, None)
    epochs = request.hyperparameters.get("n_epochs")
    if not isinstance(epochs, int) or epochs < 1:
        epochs = None
    try:
        cost = estimate(
            table,
            request.model,
            provider=_company(provider),
            epochs=epochs,
            today=today or datetime.datetime.now(datetime.UTC).date(),
        )
    except UsageError as error:
        return None, [
            Problem(WARNING, "no_price", error.message, error.hint),
            *_limit(request, provider, None),
        ]
    found = _limit(request, provider, cost.usd)
    if not cost.trainable:
        ended = model_info(request.model).offer(_company(provider)) is not None
        found.append(
            Problem(
                ERROR if provider.kind == "openai" else WARNING,
                "not_trainable",
                f"{cost.model} cannot be trained at {provider.name}"
                f"{' any more' if ended else ''}, as far as is known",
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


def _limit(request: LaunchRequest, provider: ProviderConfig, usd: float | None) -> list[Problem]:
    if request.max_cost is None:
        return []
    estimates = provider.known.abilities.get("estimate")
    if usd is None and estimates is not None and estimates.yes:
        return [
            Problem(
                WARNING,
                "price_asked_later",
                f"the price is not known here, so {provider.name}'s own estimate decides about "
                "the limit",
                "it is asked for after the upload and before anything that costs",
            )
        ]
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
