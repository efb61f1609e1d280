"""What the provider itself can say before a launch, without anything being created or paid for.

Its models with their shutdown dates, whether it takes the key, what it thinks of a grader, and its
own price estimate where it has one. What it does not answer is said too, and blocks nothing that
the launch itself would not meet.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from tui.config import LOCAL
from tui.errors import SafetyError
from tui.jobs.launcher import read_only_refusal, request_body
from tui.jobs.models import ModelEntry
from tui.jobs.precheck import Preflight, with_problems
from tui.jobs.provider import Provider
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem
from tui.jobs.transport import CallError

_SECONDS = 20.0
# The key, the address or the organisation: a launch would fail the same way.
_HOPELESS = (401, 403)
# Something else stands at the address: a login page, a proxy, another server.
_ELSEWHERE = ("web_page", "redirect")
_NO_SUCH_LIST = (400, 404, 405, 501)
_FRESH_SECONDS = 60.0


async def ask_provider(
    request: LaunchRequest,
    found: Preflight,
    provider: Provider,
    *,
    today: datetime.date | None = None,
) -> Preflight:
    """Return a preflight with what the provider itself has to say added to it.

    Args:
        request: What is asked for.
        found: What was found on this machine.
        provider: Where it would go.
        today: The date shutdowns are judged by; the real one unless given.
    """
    if provider.config.read_only:
        refusal = read_only_refusal(provider.name)
        problem = Problem(ERROR, "read_only", refusal.message, refusal.hint, False)
        return with_problems(request, found, [problem])
    refused = _body_refused(request, provider)
    if provider.config.kind == LOCAL:
        # Asking would start it, so it is asked only what is not known here: which graders its
        # engine can run, and models that no public list has.
        graded = await _graded(request, provider)
        found, unknown = await _known_to_it(request, found, provider)
        return with_problems(request, found, [*refused, *unknown, *graded])
    try:
        async with asyncio.timeout(_SECONDS):
            models = await _models(provider)
            graded = await _graded(request, provider)
    except TimeoutError:
        late = _unheard(provider, "no answer in time", "")
        return with_problems(request, found, [*refused, late])
    except SafetyError as error:
        problem = Problem(ERROR, error.code or "refused", error.message, error.hint, False)
        return with_problems(request, found, [*refused, problem])
    except CallError as error:
        return with_problems(request, found, [*refused, await _refused(provider, error)])
    day = today or datetime.datetime.now(datetime.UTC).date()
    more = [*refused, *_model(request, models, day), *graded]
    # The provider's own date is the better one.
    kept = found
    if any(problem.code in ("shutdown", "shut_down") for problem in more):
        rest = tuple(p for p in found.problems if p.code != "shutdown")
        kept = replace(found, problems=rest)
    return with_problems(request, kept, more)


def _body_refused(request: LaunchRequest, provider: Provider) -> list[Problem]:
    """Say what this provider does not take at all, which its adapter knows."""
    try:
        provider.check_body(request_body(request, "", "", None))
    except CallError as error:
        return [Problem(ERROR, error.code or "refused", error.message, error.hint, False)]
    return []


# A form asks again after every change of a field; the models are the same a minute later.
_lists: WeakKeyDictionary[Provider, tuple[float, tuple[ModelEntry, ...]]] = WeakKeyDictionary()


async def _models(provider: Provider) -> tuple[ModelEntry, ...]:
    known = _lists.get(provider)
    if known is not None and time.monotonic() - known[0] < _FRESH_SECONDS:
        return known[1]
    try:
        models = await provider.models()
    except CallError as error:
        if error.status not in _NO_SUCH_LIST:
            raise
        models = ()  # Several providers have no list of models.
    _lists[provider] = time.monotonic(), models
    return models


async def _known_to_it(
    request: LaunchRequest, found: Preflight, provider: Provider
) -> tuple[Preflight, list[Problem]]:
    """Return what the embedded service, whose list is complete, says of a model not known here.

    A doubt about the model that stood in the preflight gives way to its word.
    """
    rest = tuple(problem for problem in found.problems if problem.code != "not_trainable")
    if len(rest) == len(found.problems):
        return found, []
    models = await _models(provider)
    if _entry(request.model, models) is not None:
        return replace(found, problems=rest), []
    told = Problem(
        ERROR,
        "not_trainable",
        f"{request.model} cannot be trained at {provider.name}, which trains "
        f"{' and '.join(entry.id for entry in models if ':' not in entry.id)} and what was made "
        "from it",
        "choose one of these, or another provider; see 'tunedeck models'",
        False,
    )
    return replace(found, problems=rest), [told]


async def _graded(request: LaunchRequest, provider: Provider) -> list[Problem]:
    """Return what the provider says of the grader, where it checks graders."""
    if request.grader is None:
        return []
    try:
        await provider.check_grader(request.grader)
    except CallError as error:
        if error.status not in (400, 422):
            return []  # It checks none, or cannot now: the create will say.
        return [
            Problem(
                ERROR,
                "bad_grader",
                f"{provider.name} does not take the grader: {error.message}",
                "correct it",
            )
        ]
    return []


def _unheard(provider: Provider, what: str, hint: str) -> Problem:
    return Problem(
        WARNING, "provider_unheard", f"{provider.name} cannot be asked now: {what}", hint
    )


async def _refused(provider: Provider, error: CallError) -> Problem:
    if error.code in _ELSEWHERE:
        # Gateways without a list of models may answer with a page where it would be. A launch needs
        # the list of jobs: without it nobody could see afterwards whether a create made one.
        try:
            await provider.list_jobs(1, attempts=1)
        except CallError as again:
            error = again
        else:
            return _unheard(provider, error.message, error.hint)
    if error.status in _HOPELESS or error.code in _ELSEWHERE:
        code = error.code or "refused"
        return Problem(ERROR, code, error.message, error.hint, False, by_provider=True)
    return _unheard(provider, error.message, error.hint)


def _model(
    request: LaunchRequest, models: Sequence[ModelEntry], today: datetime.date
) -> list[Problem]:
    entry = _entry(request.model, models)
    if entry is None:
        if not models:
            return []
        return [
            Problem(
                WARNING,
                "model_not_listed",
                f"{request.model} is not among the models this key can see",
                "see 'tunedeck models'",
            )
        ]
    return [*_tunable(entry), *_shutdown(entry, today)]


def _tunable(entry: ModelEntry) -> list[Problem]:
    if entry.trainable is not False:
        return []
    return [
        Problem(
            ERROR,
            "not_trainable",
            f"{entry.id} cannot be tuned, as the provider says",
            "choose another model: see 'tunedeck models'",
        )
    ]


def _shutdown(entry: ModelEntry, today: datetime.date) -> list[Problem]:
    date = _date(entry.shutdown_date)
    if date is None:
        return []
    if date <= today:
        return [
            Problem(
                ERROR,
                "shut_down",
                f"{entry.id} was shut down on {date}, as the provider says",
                "choose another model: see 'tunedeck models'",
            )
        ]
    return [
        Problem(
            WARNING,
            "shutdown",
            f"{entry.id} and what is tuned on it shut down on {date}, as the provider says",
            "plan for that day",
        )
    ]


def _entry(model: str, models: Sequence[ModelEntry]) -> ModelEntry | None:
    """Return the model asked for, also by its dated name."""
    from tui.pricing import model_info

    known = {entry.id: entry for entry in models}
    return known.get(model) or known.get(model_info(model).id)


def _date(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
