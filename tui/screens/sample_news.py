"""What the workers of the Sample screen have heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from tui.run.heldout import HeldOut
    from tui.run.samples import SampleColumn


class PromptsRead(Message):
    """A file of prompts was read, or could not be: then ``trouble`` says why."""

    def __init__(self, found: HeldOut | None, trouble: str = "") -> None:
        super().__init__()
        self.found = found
        self.trouble = trouble


class Resolved(Message):
    """It is known what a model's name stands for, or why it is not."""

    def __init__(self, column: SampleColumn) -> None:
        super().__init__()
        self.column = column


class Asked(Message):
    """All models have answered or failed, or were stopped."""


class Offered(Message):
    """The models that can be chosen are known."""

    def __init__(self, provider: str, names: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.provider = provider
        self.names = names


class Trouble(Message):
    """Something could not be done; ``text`` says why, not cleaned."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
