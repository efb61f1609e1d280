"""Exact token counts of many texts at once, by whichever engine may count them.

tiktoken is the reference and the default; where `tunedeck[fast]` is installed and a large dataset
is to be counted, the faster engine takes over, and hands back what it cannot be trusted with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tui.tokens.fast import TIKTOKEN, Choice, EngineError, Toktok, choose
from tui.tokens.joined import Tiktoken

# What a memo may hold: texts that repeat are system prompts, labels and tool definitions.
_MEMO_CHARS = 2_000_000
_MEMO_ENTRIES = 50_000
_MEMO_LONGEST = 200_000


class TextCounter:
    """Counts tokens of texts, exactly as ``len(encoding.encode_ordinary(text))`` would.

    A text that comes twice in one call is remembered for the next, within a bound. One counter
    belongs to one thread at a time.

    Args:
        encoding: The name of an encoding.
        size: How many bytes of dataset are to be counted, where that is known: the faster engine
            takes longer to load, and is used only where it saves more than that.

    Attributes:
        choice: Which engine counts, and why; it changes where the faster one fails.

    Raises:
        UsageError: No encoding has this name.
    """

    def __init__(self, encoding: str, size: int | None = None) -> None:
        self._encoding = encoding
        self._tiktoken: Tiktoken | None = None
        self.choice, count = choose(encoding, size)
        self._engine: Tiktoken | Toktok = (
            self._reference() if count is None else Toktok(count, self._reference)
        )
        self._young: dict[str, int] = {"": 0}
        self._old: dict[str, int] = {}
        self._young_chars = 0

    def count(self, text: str) -> int:
        """Return how many tokens one text has."""
        return self.count_all((text,))[text]

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Return the token count of every text, in order."""
        return list(map(self.count_all(texts).__getitem__, texts))

    def count_all(self, texts: Sequence[str]) -> dict[str, int]:
        """Return the token count of every text, keyed by the text."""
        # Each once, and then in the order of their first coming: one count of the dict's items.
        times = Counter(texts)
        young, old = self._young, self._old
        fresh = [text for text in times if text not in young and text not in old]
        counts = dict(zip(fresh, self._count(fresh), strict=True))
        if len(fresh) < len(times):
            known = [text for text in times if text not in counts]
            counts.update((text, young[text] if text in young else old[text]) for text in known)
            self._remember((text for text in known if text not in young), counts)
        if len(times) < len(texts):
            repeated = (text for text, n in times.items() if n > 1 and text not in self._young)
            self._remember(repeated, counts)
        return counts

    def _count(self, texts: list[str]) -> list[int]:
        try:
            return self._engine.count(texts)
        except EngineError as error:
            reason = f"toktok-rs failed ({error})"
            notice = f"{reason}: tokens are counted with tiktoken"
            self.choice = Choice(TIKTOKEN, reason, notice)
            self._engine = self._reference()
            return self._engine.count(texts)

    def _reference(self) -> Tiktoken:
        if self._tiktoken is None:
            self._tiktoken = Tiktoken(self._encoding)
        return self._tiktoken

    def _remember(self, texts: Iterable[str], counts: dict[str, int]) -> None:
        # Two generations: what was not asked for during a whole generation is forgotten.
        for text in list(texts):
            if len(text) > _MEMO_LONGEST:
                continue
            if self._young_chars > _MEMO_CHARS or len(self._young) > _MEMO_ENTRIES:
                self._old, self._young, self._young_chars = self._young, {"": 0}, 0
            self._young[text] = counts[text]
            self._young_chars += len(text)
