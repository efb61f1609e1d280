"""A provider that only answers prompts, as a test tells it to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from tui.config import ProviderConfig
from tui.jobs import SampledModel
from tui.jobs.models import ChatEnd
from tui.kinds import Can

Said = str | Exception


class Talker:
    """Answers by model: a text (given word by word), an error, or what a function makes of it.

    Attributes:
        sent: How often each model was asked each last message.
        options: What came along with each request.
        gate: Nothing is answered before it is set.
    """

    def __init__(
        self,
        says: Mapping[str, Said | Callable[[str], Said]],
        name: str = "lab",
        kind: str = "compatible",
        url: str = "http://127.0.0.1:9/v1",
    ) -> None:
        self.says = dict(says)
        self.name = name
        self.endpoint = f"{name} {url}"
        self.config = ProviderConfig(name, kind, url)
        self.sent: Counter[tuple[str, str]] = Counter()
        self.options: list[dict[str, Any]] = []
        self.can_chat = Can(None, "not known")
        self.gate = asyncio.Event()
        self.gate.set()

    def model(self, name: str) -> SampledModel:
        return SampledModel(self, name, name)  # type: ignore[arg-type]

    def can(self, what: str) -> Can:
        return self.can_chat if what == "chat" else Can(None, "not known")

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_end: Callable[[ChatEnd], None] | None = None,
        **options: Any,
    ) -> AsyncIterator[str]:
        asked = str(messages[-1]["content"])
        self.sent[model, asked] += 1
        self.options.append(options)
        said = self.says[model]
        if callable(said):
            said = said(asked)
        if isinstance(said, Exception):
            raise said
        for number, word in enumerate(said.split(" ")):
            await self.gate.wait()
            yield word if number == 0 else f" {word}"
            await asyncio.sleep(0)
        if on_end is not None:
            on_end(ChatEnd("stop", 3, len(said.split())))
