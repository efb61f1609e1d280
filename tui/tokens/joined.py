"""The reference engine: tiktoken, hundreds of texts a call.

Calling the tokenizer costs far more than the tokens of a chat message, so texts are joined by one
private special token and encoded in a single call; the places of that token in the answer give the
counts. It is exact because text between special tokens is always encoded on its own, and because a
text that holds the separator itself goes the plain way.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol, cast

from tui.tokens.encodings import get_spec, load_ranks
from tui.tokens.giant import HUGE, Core, count_giant

# Two noncharacters at the end of Unicode, which no text is meant to hold. No proper prefix of the
# pair is also a suffix of it, so a neighbour can never shift where it is found.
SEPARATOR = "\U0010fffe\U0010fffd"
# Every byte of its number is another one, and the upper ones stand in no real id, so that in the
# answer, an array of 32-bit integers, it can be looked for as bytes: fast, and never found astride.
_SEPARATOR_ID = 0xFDFCFBFA
_ALLOWED = {SEPARATOR}
_MARK = _SEPARATOR_ID.to_bytes(4, sys.byteorder)
_ID_BYTES = 4

# A call takes this many texts and characters at most: enough to make its cost vanish, and short
# enough (a few ms) to let other threads in.
_BATCH_TEXTS = 400
_BATCH_CHARS = 200_000

_LOCK = threading.Lock()


class _Core(Core, Protocol):
    """The part of tiktoken that is compiled, as far as it is used here."""

    def encode_to_tiktoken_buffer(self, text: str, allowed: set[str]) -> bytes:
        """Return the ids of a text as an array of 32-bit integers."""
        ...


def sanitise(text: str) -> str:
    """Return the text as tiktoken reads it: surrogate pairs joined, lone surrogates replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Tiktoken:
    """Counts tokens with tiktoken's own compiled core.

    Args:
        encoding: The name of an encoding.

    Raises:
        UsageError: No encoding has this name.
        TunedeckError: The vocabulary that came with the program is damaged.
    """

    def __init__(self, encoding: str) -> None:
        spec = get_spec(encoding)
        with _LOCK:
            self._core = _joining(spec.vocabulary, spec.head, spec.pattern)
        self._pattern = spec.pattern

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the token count of every text."""
        return [count for batch in _batches(texts) for count in self._count_batch(batch)]

    def _count_batch(self, texts: Sequence[str]) -> list[int]:
        if len(texts) > 1:
            counts = self._count_joined(texts)
            if counts is not None:
                return counts
        return [self._count_alone(text) for text in texts]

    def _count_joined(self, texts: Sequence[str]) -> list[int] | None:
        """Count texts in one call, or return ``None`` where they must go one by one."""
        try:
            tokens = self.encode(SEPARATOR.join(texts) + SEPARATOR)
        except ValueError:  # a lone surrogate
            return None
        parts = tokens.split(_MARK)
        if len(parts) != len(texts) + 1:  # a text holds the separator
            return None
        return [len(ids) // _ID_BYTES for ids in parts[:-1]]

    def encode(self, text: str, allowed: set[str] = _ALLOWED) -> bytes:
        """Return the ids as the bytes of an array of 32-bit integers, the separators' among them.

        Raises:
            ValueError: A lone surrogate.
        """
        return memoryview(self._core.encode_to_tiktoken_buffer(text, allowed)).tobytes()

    def _count_alone(self, text: str) -> int:
        text = sanitise(text)
        if len(text) < HUGE:
            return self._count_plain(text)
        return count_giant(self._core, self._pattern, text, self._count_plain)

    def _count_plain(self, text: str) -> int:
        return len(self.encode(text, set())) // _ID_BYTES


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = chars = 0
    for position, text in enumerate(texts):
        chars += len(text)
        if position > start and (chars > _BATCH_CHARS or position - start >= _BATCH_TEXTS):
            yield texts[start:position]
            start, chars = position, len(text)
    if start < len(texts):
        yield texts[start:]


@cache
def _joining(vocabulary: str, head: int | None, pattern: str) -> _Core:
    """Return a tokenizer whose only special token is the separator.

    Without tiktoken's object around it, which would keep all ranks a second time, 30 MB of them.
    """
    # A compiled module, which type checkers cannot see.
    from tiktoken import _tiktoken  # type: ignore[attr-defined]

    ranks = load_ranks(vocabulary, head)
    return cast(_Core, _tiktoken.CoreBPE(ranks, {SEPARATOR: _SEPARATOR_ID}, pattern))
