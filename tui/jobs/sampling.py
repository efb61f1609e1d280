"""The same prompts to several models, their answers streamed, each model's failure its own.

A request is sent again only where the provider surely did nothing with it (too many requests, no
connection): whatever may have been worked on may be on the bill. Nothing here draws or prints.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import islice
from typing import Any

from tui.errors import ProviderError, TunedeckError
from tui.jobs.models import ChatEnd
from tui.jobs.provider import Provider
from tui.jobs.transport import CallError

MAX_TOKENS = 256
"""Tokens an answer may have unless told otherwise."""

_ATTEMPTS = 6
_BACKOFF = 1.0
_LONGEST_WAIT = 90.0
_AT_ONCE = 2
"""Requests under way for one model: gentle on rate limits, and on the machine of the local one."""
_AT_ONE_PLACE = 4
"""Requests under way at one provider."""
_GIVE_UP_AFTER = 3
_HOPELESS = (401, 403, 404, 405, 501)
_NO_MODEL = ("model_not_trained", "model_not_found")
_HOPELESS_CODES = (*_NO_MODEL, "missing_key", "not_supported")
_MODEL_HINT = "see 'tunedeck models' for those that answer, or name the job it came of: job:ID"
_MOST_WORDS = 2_000
# Scripts that are written without blanks count a character as a word.
_WORD = re.compile(r"[^\W\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|\S")


class AnswerState(StrEnum):
    """Where an answer stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SamplePrompt:
    """What models are asked, and what a person would have them answer.

    Attributes:
        messages: The conversation up to the answer, as the chat API takes it.
        reference: The answer in the data; ``None`` where it has none.
        line: The line it stands on, from 1; 0 for one typed by hand.
        tools: The tools that the model may call, as the chat API takes them.
    """

    messages: tuple[Mapping[str, Any], ...]
    reference: str | None = None
    line: int = 0
    tools: tuple[Mapping[str, Any], ...] = ()

    def with_system(self, text: str) -> SamplePrompt:
        """Return the same prompt under another system message."""
        rest = list(self.messages)
        while rest and rest[0].get("role") in ("system", "developer"):
            rest.pop(0)
        first = {"role": "system", "content": text}
        return replace(self, messages=(first, *rest))


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How answers are drawn.

    Attributes:
        temperature: From 0 (the likeliest words) to 2; ``None`` leaves it to the provider.
        max_tokens: Tokens an answer may have.
        seed: Where the provider takes one, the same seed draws the same answer.
    """

    temperature: float | None = None
    max_tokens: int = MAX_TOKENS
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SampledModel:
    """One of the models that are asked.

    Attributes:
        provider: Where it answers.
        model: Its name there.
        label: What people read, such as the job it came from.
        base: The model it was tuned from, where a job told; else empty.
    """

    provider: Provider
    model: str
    label: str
    base: str = ""


@dataclass(slots=True)
class Answer:
    """One model's answer to one prompt, as far as it has come.

    Attributes:
        text: The words so far; foreign.
        state: Where it stands.
        trouble: Why it failed, or what it waits for; foreign parts in it.
        hint: What to do about it.
        seconds: From the request to the last word.
        finish: Why it ended, in the provider's word: ``stop``, ``length``, …; empty when not told.
        tokens: Tokens of the answer, where the provider told them.
        reused: Taken from the same request made before, nothing was sent.
        hopeless: It failed in a way that another prompt would fail in too.
    """

    text: str = ""
    state: AnswerState = AnswerState.WAITING
    trouble: str = ""
    hint: str = ""
    seconds: float = 0.0
    finish: str = ""
    tokens: int | None = None
    reused: bool = False
    hopeless: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in (AnswerState.WAITING, AnswerState.RUNNING)


@dataclass(slots=True)
class Score:
    """What one model's answers came to.

    Attributes:
        answered: Answers that are whole.
        failed: Prompts without one.
        compared: Answers to prompts that have a reference.
        exact: Of those, how many are the reference word for word.
        similarity: Mean share of words in common with the reference, 0 to 1; ``None`` without any.
        trouble: The first failure.
        hint: What to do about it.
    """

    answered: int = 0
    failed: int = 0
    compared: int = 0
    exact: int = 0
    similarity: float | None = None
    trouble: str = ""
    hint: str = ""


def request_key(model: SampledModel, prompt: SamplePrompt, settings: SampleSettings) -> str:
    """Return what is the same for the same request: provider, model, messages and settings."""
    parts = [
        model.provider.endpoint,
        model.model,
        [dict(message) for message in prompt.messages],
        [dict(tool) for tool in prompt.tools],
        settings.temperature,
        settings.max_tokens,
        settings.seed,
    ]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_exact(answer: str, reference: str) -> bool:
    """Return whether an answer is the reference, blanks around it aside."""
    return answer.strip() == reference.strip()


def similarity(answer: str, reference: str) -> float:
    """Return the share of words and signs that two texts have in common in order, 0 to 1.

    It says how alike the words are and nothing about whether the answer is right.
    """
    one, other = (
        [match.group() for match in islice(_WORD.finditer(text.casefold()), _MOST_WORDS)]
        for text in (answer, reference)
    )
    if not one and not other:
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def score(answers: Sequence[tuple[SamplePrompt, Answer]]) -> Score:
    """Return what one model's answers came to."""
    found = Score()
    shares: list[float] = []
    for prompt, answer in answers:
        if answer.state is not AnswerState.DONE:
            found.failed += 1
            if answer.trouble and not found.trouble:
                found.trouble, found.hint = answer.trouble, answer.hint
            continue
        found.answered += 1
        if prompt.reference is not None:
            found.compared += 1
            found.exact += is_exact(answer.text, prompt.reference)
            shares.append(similarity(answer.text, prompt.reference))
    if shares:
        found.similarity = sum(shares) / len(shares)
    return found


async def ask(
    model: SampledModel,
    prompt: SamplePrompt,
    settings: SampleSettings,
    answer: Answer,
    changed: Callable[[], None],
) -> None:
    """Ask one model one prompt; the outcome, a failure too, is in ``answer``.

    Args:
        model: The model.
        prompt: What to ask.
        settings: How to draw the answer.
        answer: Filled as the words come.
        changed: Called after each change of it.
    """
    began = time.monotonic()
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            answer.state, answer.trouble, answer.hint = AnswerState.RUNNING, "", ""
            changed()
            try:
                await _stream(model, prompt, settings, answer, changed)
            except TunedeckError as error:
                wait = _take_failure(error, answer, attempt)
                if wait is None:
                    break
                changed()
                await asyncio.sleep(wait + random.uniform(0, 0.25 * wait))
            else:
                answer.state = AnswerState.DONE
                break
    except asyncio.CancelledError:
        answer.state = AnswerState.STOPPED
        raise
    finally:
        answer.seconds = time.monotonic() - began
        changed()


def _take_failure(error: TunedeckError, answer: Answer, attempt: int) -> float | None:
    """Write down what went wrong; return the seconds to wait before the next attempt, if any."""
    answer.trouble = error.message
    answer.hint = _MODEL_HINT if error.code in _NO_MODEL else error.hint
    wait = _wait_for(error, attempt) if not answer.text else None
    if wait is None:
        answer.state = AnswerState.FAILED
        answer.hopeless = _is_hopeless(error)
    else:
        answer.trouble = f"{error.message}; waiting {wait:.0f} s"
    return wait


async def _stream(
    model: SampledModel,
    prompt: SamplePrompt,
    settings: SampleSettings,
    answer: Answer,
    changed: Callable[[], None],
) -> None:
    can = model.provider.can("chat")
    if can.yes is False:
        raise ProviderError(
            f"{model.provider.name} does not answer prompts ({can.why})",
            "sample the model where it is deployed, as another provider",
            code="not_supported",
            status=501,
        )
    options = {
        "temperature": settings.temperature,
        _limit_name(model.provider): settings.max_tokens,
        _seed_name(model.provider): settings.seed,
        "tools": list(prompt.tools) or None,
    }

    def ended(end: ChatEnd) -> None:
        answer.finish = end.reason
        answer.tokens = end.completion_tokens

    async for piece in model.provider.chat(
        model.model,
        [dict(message) for message in prompt.messages],
        on_end=ended,
        **{name: value for name, value in options.items() if value is not None},
    ):
        answer.text += piece
        changed()


def _limit_name(provider: Provider) -> str:
    """OpenAI has renamed the limit, and refuses the old name for some models; others know that."""
    return "max_completion_tokens" if provider.config.kind == "openai" else "max_tokens"


def _seed_name(provider: Provider) -> str:
    return "random_seed" if provider.config.kind == "mistral" else "seed"


def _is_hopeless(error: TunedeckError) -> bool:
    return error.code in _HOPELESS_CODES or getattr(error, "status", None) in _HOPELESS


def _wait_for(error: TunedeckError, attempt: int) -> float | None:
    """Return how long to wait before the same request may be sent again, or ``None`` for never."""
    if not isinstance(error, CallError) or not error.transient or error.unclear:
        return None
    if attempt >= (_ATTEMPTS if error.status == 429 else 2):
        return None
    wait = error.retry_after if error.retry_after is not None else _BACKOFF * 2.0**attempt
    return wait if wait <= _LONGEST_WAIT else None


@dataclass(slots=True)
class Sampling:
    """The answers of several models to several prompts.

    Args:
        models: Who is asked.
        prompts: What is asked.
        settings: How answers are drawn.
        known: Answers of earlier runs by :func:`request_key`; those are not asked again.

    Attributes:
        answers: By model and prompt, as positions in ``models`` and ``prompts``.
    """

    models: Sequence[SampledModel]
    prompts: Sequence[SamplePrompt]
    settings: SampleSettings
    known: Mapping[str, str] = field(default_factory=dict)
    answers: dict[tuple[int, int], Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = {
            (at, number): Answer()
            for number in range(len(self.prompts))
            for at in range(len(self.models))
        }
        for at, model in enumerate(self.models):
            for number, prompt in enumerate(self.prompts):
                text = self.known.get(request_key(model, prompt, self.settings))
                if text is not None:
                    self.answers[at, number] = Answer(text, AnswerState.DONE, reused=True)

    @property
    def to_send(self) -> dict[int, list[int]]:
        """Prompts that each model has yet to be asked, no request twice: a position each."""
        found: dict[int, list[int]] = {}
        for at, model in enumerate(self.models):
            seen: set[str] = set()
            found[at] = []
            for number, prompt in enumerate(self.prompts):
                key = request_key(model, prompt, self.settings)
                if not self.answers[at, number].over and key not in seen:
                    seen.add(key)
                    found[at].append(number)
        return found

    async def run(self, changed: Callable[[int, int], None]) -> None:
        """Ask every model every prompt that it has not answered; may be cancelled at any time.

        Args:
            changed: Called with the positions of the model and the prompt whose answer changed.
        """
        places = {m.provider.endpoint: asyncio.Semaphore(_AT_ONE_PLACE) for m in self.models}
        try:
            async with asyncio.TaskGroup() as group:
                for at, numbers in self.to_send.items():
                    if numbers:
                        place = places[self.models[at].provider.endpoint]
                        group.create_task(_Asker(self, at, place, changed).ask_all(numbers))
        finally:
            for answer in self.answers.values():
                if not answer.over:
                    answer.state = AnswerState.STOPPED

    def of_model(self, at: int) -> list[tuple[SamplePrompt, Answer]]:
        """Return the prompts and what one model answered."""
        return [(prompt, self.answers[at, n]) for n, prompt in enumerate(self.prompts)]


class _Asker:
    """Asks one model its prompts, and stops asking where that is of no use."""

    def __init__(
        self,
        sampling: Sampling,
        at: int,
        place: asyncio.Semaphore,
        changed: Callable[[int, int], None],
    ) -> None:
        self._sampling = sampling
        self._at = at
        self._place = place
        self._changed = changed
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._failures = 0
        self._given_up: Answer | None = None

    async def ask_all(self, numbers: Sequence[int]) -> None:
        # The first goes alone: where the key or the name is wrong, one refusal is enough.
        await self._one(numbers[0])
        async with asyncio.TaskGroup() as group:
            for number in numbers[1:]:
                group.create_task(self._one(number))

    async def _one(self, number: int) -> None:
        sampling, at = self._sampling, self._at
        answer = sampling.answers[at, number]
        async with self._slots, self._place:
            if self._given_up is None:
                await ask(
                    sampling.models[at],
                    sampling.prompts[number],
                    sampling.settings,
                    answer,
                    lambda: self._changed(at, number),
                )
                self._judge(answer)
            else:
                answer.state = AnswerState.FAILED
                answer.trouble, answer.hint = self._given_up.trouble, self._given_up.hint
                self._changed(at, number)
        key = request_key(sampling.models[at], sampling.prompts[number], sampling.settings)
        for twin, prompt in enumerate(sampling.prompts):
            same = twin != number and not sampling.answers[at, twin].over
            if same and request_key(sampling.models[at], prompt, sampling.settings) == key:
                sampling.answers[at, twin] = replace(answer, seconds=0.0, reused=True)
                self._changed(at, twin)

    def _judge(self, answer: Answer) -> None:
        """Stop asking a model that refuses whatever is asked."""
        self._failures = self._failures + 1 if answer.state is AnswerState.FAILED else 0
        if answer.hopeless or self._failures >= _GIVE_UP_AFTER:
            self._given_up = answer
