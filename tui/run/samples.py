"""What the Sample screen shows: prompts, models, and every answer so far. No Textual in here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tui.config import LOCAL
from tui.errors import UsageError
from tui.run.named import short_name
from widgets.answer_data import AnswerView, Span
from widgets.diff import word_spans
from widgets.numbers import counted, duration
from widgets.text import clean

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.jobs import Answer, SampledModel, SamplePrompt, SampleSettings, Sampling
    from tui.run.heldout import HeldOut

_ALIKE = 0.85
"""Where more than this share of both texts differs, marks would say nothing."""

_SETTING = re.compile(r"(\w+)\s*[=: ]\s*([^\s,;]+)")
_FREE = ("-", "default", "none", "off")


@dataclass(slots=True)
class SampleColumn:
    """One of the models that are asked.

    Attributes:
        name: As it was named; foreign.
        model: What that is; ``None`` while it is looked up, or when it is not found.
        trouble: Why it is not found; foreign parts in it.
    """

    name: str
    model: SampledModel | None = None
    trouble: str = ""

    @property
    def label(self) -> str:
        """What people read; foreign."""
        return short_name(self.model.label if self.model is not None else self.name)


@dataclass(slots=True)
class Samples:
    """Everything the screen knows.

    Attributes:
        settings: How answers are drawn.
        columns: The models.
        prompts: What can be asked.
        at: The prompt in view.
        answers: By the key of their request.
    """

    settings: SampleSettings
    columns: list[SampleColumn] = field(default_factory=list)
    prompts: list[SamplePrompt] = field(default_factory=list)
    at: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def prompt(self) -> SamplePrompt | None:
        """The prompt in view."""
        return self.prompts[self.at] if self.prompts else None

    @property
    def models(self) -> list[SampledModel]:
        """The models that can be asked."""
        return [column.model for column in self.columns if column.model is not None]

    def answer(self, column: SampleColumn, prompt: SamplePrompt | None = None) -> Answer | None:
        """Return a model's answer to a prompt, the one in view unless given."""
        from tui.jobs import request_key

        prompt = prompt or self.prompt
        if column.model is None or prompt is None:
            return None
        return self.answers.get(request_key(column.model, prompt, self.settings))

    def to_ask(self, *, again: bool = False) -> Sampling | None:
        """Return what is to be asked for the prompt in view; ``None`` when all is answered.

        Args:
            again: Ask anew what was answered already.
        """
        from tui.jobs import AnswerState, Sampling

        if self.prompt is None or not self.models:
            return None
        sampling = Sampling(self.models, [self.prompt], self.settings)
        columns = [column for column in self.columns if column.model is not None]
        for number, column in enumerate(columns):
            known = self.answer(column)
            if known is not None and known.state is AnswerState.DONE and not again:
                sampling.answers[number, 0] = known
        return sampling if any(sampling.to_send.values()) else None

    def take(self, sampling: Sampling) -> None:
        """Show the answers of what is being asked from now on."""
        from tui.jobs import request_key

        for (number, _), answer in sampling.answers.items():
            key = request_key(sampling.models[number], sampling.prompts[0], sampling.settings)
            self.answers[key] = answer

    def add_prompt(self, prompt: SamplePrompt) -> None:
        """Put a prompt after the one in view and go to it."""
        self.at = min(self.at + 1, len(self.prompts)) if self.prompts else 0
        self.prompts.insert(self.at, prompt)

    # What is shown

    def views(self) -> list[AnswerView]:
        """Return the reference, where there is one, and each model's answer."""
        prompt = self.prompt
        reference = prompt.reference if prompt is not None else None
        found: list[AnswerView] = []
        if reference is not None:
            found.append(AnswerView("reference", "from the data", reference))
        basis = reference
        for column in self.columns:
            answer = self.answer(column)
            view = self._view(column, answer, reference)
            if answer is not None and not view.plain and not view.growing and view.text:
                if basis is not None:
                    view = replace(view, marks=differing(basis, view.text))
                else:
                    # Without a reference the first answer is what the others are compared to.
                    basis = view.text
            found.append(view)
        return found

    def _view(
        self, column: SampleColumn, answer: Answer | None, reference: str | None
    ) -> AnswerView:
        from tui.jobs import AnswerState

        title = clean(column.label, 200)
        if column.trouble:
            return AnswerView(title, "not found", column.trouble, tone="error", plain=True)
        if column.model is None:
            return AnswerView(title, "looking it up", plain=True)
        if answer is None:
            return AnswerView(title, "not asked yet", plain=True)
        if answer.state is AnswerState.FAILED:
            text = f"{answer.trouble}: {answer.hint}" if answer.hint else answer.trouble
            cut = f"{answer.text}\n\n" if answer.text else ""
            return AnswerView(title, "failed", cut + text, tone="error", plain=True)
        if answer.state is AnswerState.STOPPED:
            return AnswerView(title, "stopped", answer.text, tone="warning")
        if answer.state is AnswerState.DONE:
            said, tone = _done(answer, reference)
            if not answer.text.strip():
                return AnswerView(title, said, "(an empty answer)", tone="warning", plain=True)
            return AnswerView(title, said, answer.text, tone=tone)
        if answer.trouble:
            return AnswerView(title, "waiting", answer.trouble, tone="warning", plain=True)
        said = counted(len(answer.text.split()), "word") if answer.text else "asked"
        return AnswerView(title, said, answer.text, growing=True)

    def about(self) -> str:
        """Say which prompt is in view; nothing foreign in it."""
        prompt = self.prompt
        if prompt is None:
            return ""
        where = f"line {prompt.line}" if prompt.line else "typed by hand"
        return f"prompt {self.at + 1} of {len(self.prompts)}, {where}"

    def settings_words(self) -> str:
        """Say how answers are drawn, in the form that :func:`read_settings` reads."""
        heat = self.settings.temperature
        temperature = "default" if heat is None else f"{heat:g}"
        seed = "-" if self.settings.seed is None else str(self.settings.seed)
        return f"temperature={temperature} tokens={self.settings.max_tokens} seed={seed}"

    def totals(self) -> list[str]:
        """Say for each model what its answers so far came to; cleaned."""
        from tui.jobs import score

        lines = []
        for column in self.columns:
            pairs = [
                (prompt, answer)
                for prompt in self.prompts
                if (answer := self.answer(column, prompt)) is not None and answer.over
            ]
            if not pairs:
                continue
            found = score(pairs)
            words = f"{found.answered} answered"
            if found.compared:
                words += f", {found.exact} exact, {found.similarity or 0:.2f} alike"
            if found.failed:
                words += f", {found.failed} without an answer"
            lines.append(f"{clean(column.label, 80)}: {words}")
        return lines


def _done(answer: Answer, reference: str | None) -> tuple[str, str]:
    from tui.jobs import is_exact, similarity

    parts, tone = [], ""
    if reference is not None:
        exact = is_exact(answer.text, reference)
        parts.append("exact" if exact else f"{similarity(answer.text, reference):.2f} alike")
        tone = "success" if exact else ""
    if answer.finish == "length":
        parts.append("cut")
    parts.append(duration(answer.seconds))
    return ", ".join(parts), tone


def differing(basis: str, text: str) -> tuple[Span, ...]:
    """Return the parts of a text that differ from another; none where nearly all of it does."""
    spans = word_spans(basis.strip("\n"), text)[1]
    if sum(end - start for start, end in spans) > _ALIKE * max(1, len(text)):
        return ()
    return tuple(spans)


def warning_of(found: HeldOut, trained_on: str) -> str:
    """Say what there is to know of prompts that were read; empty when all is well.

    Args:
        found: The prompts.
        trained_on: Path of the training file of the run they are asked about; empty if not known.
    """
    parts = []
    if trained_on and os.path.realpath(trained_on) == os.path.realpath(found.path):
        parts.append("These prompts were trained on: f takes a held-out file")
    if found.more:
        parts.append(f"the first {len(found.prompts)} prompts of the file")
    if found.skipped:
        parts.append(f"{counted(found.skipped, 'record')} without a prompt passed over")
    return "; ".join(parts)


def read_settings(text: str, before: SampleSettings) -> SampleSettings:
    """Read settings such as ``temperature=0.7 tokens=200 seed=7``; what is left out stays.

    Raises:
        UsageError: A name or a value is not one.
    """
    settings = before
    for name, value in _SETTING.findall(text):
        try:
            settings = _with(settings, name.lower(), value)
        except ValueError:
            raise UsageError(
                f"{name}={value} is not a setting", "write temperature=0 tokens=256 seed=7"
            ) from None
    return settings


def _with(settings: SampleSettings, name: str, value: str) -> SampleSettings:
    if name == "temperature":
        heat = None if value.lower() in _FREE else float(value)
        if heat is not None and not 0 <= heat <= 2:
            raise ValueError(name)
        return replace(settings, temperature=heat)
    if name in ("tokens", "max_tokens"):
        if not 1 <= int(value) <= 100_000:
            raise ValueError(name)
        return replace(settings, max_tokens=int(value))
    if name == "seed":
        return replace(settings, seed=None if value.lower() in _FREE else int(value))
    raise ValueError(name)


def answers_untuned(config: ProviderConfig) -> bool:
    """Return whether base models answer under the names that jobs give them.

    The local one has learnt nothing before it is tuned; Azure knows names of deployments only.
    """
    return config.kind not in (LOCAL, "azure")
