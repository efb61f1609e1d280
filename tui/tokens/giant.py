"""Texts with pieces of a megabyte: a picture in base64, a million blanks, a minified file.

tiktoken cuts a text into pieces by a regular expression and merges the bytes of each. Two things
go wrong with a huge piece: the expression gives up on about a million blanks in a row, and the
merging takes memory of some twenty times the piece. So the pieces of such a text are found here,
by the same expression, and a huge one is counted window by window.

A cut between two tokens is right exactly when the two, put together, are merged back into the same
two: then no merge ever crosses it, wherever they stand. (Proved for byte-pair encodings in the
documentation of the ``bpe`` crate, https://github.com/github/rust-gems, and compared with tiktoken
by the tests.) A window therefore starts at such a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Protocol

WINDOW = 1 << 16
"""Bytes of a piece that are merged at once."""

HUGE = 500_000
"""Characters of a text from which huge pieces are looked for."""

_TRIES = 8
"""Cuts that are tried at the end of a window."""


class Core(Protocol):
    """The part of tiktoken's tokenizer that merges."""

    def encode_single_piece(self, piece: bytes) -> list[int]:
        """Return the ids of a piece that is not to be cut."""
        ...

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the bytes that tokens stand for."""
        ...


def count_giant(
    core: Core, pattern: str, text: str, count: Callable[[str], int], window: int = WINDOW
) -> int:
    """Return the tokens of a text that has huge pieces.

    Args:
        core: The tokenizer.
        pattern: The expression that cuts a text into pieces.
        text: The text, without lone surrogates.
        count: Counts a text without huge pieces.
        window: Bytes that are merged at once.
    """
    if not _may_hold_one(text, window):
        return count(text)
    total = done = 0
    for blanks, start, end in _huge_pieces(pattern, text, window):
        # The blanks before a piece are cut as they are only because of what follows them.
        first = blanks[0] if blanks else start
        total += count(text[done:first])
        for left, right in pairwise([*blanks, start]):
            total += len(core.encode_single_piece(text[left:right].encode()))
        total += count_piece(core, text[start:end].encode(), window)
        done = end
    return total + count(text[done:])


def _may_hold_one(text: str, window: int) -> bool:
    """Whether half a window somewhere is all blank, or has no blank at all, as ordinary text has.

    That is seen a hundred times as fast as pieces are found.
    """
    half = max(1, window // 2)
    return any(len(text[at : at + half].split(None, 1)) < 2 for at in range(0, len(text), half))


def _huge_pieces(pattern: str, text: str, window: int) -> Iterator[tuple[list[int], int, int]]:
    """Yield where the blank pieces before a huge piece start, where it starts, where it ends."""
    blanks: list[int] = []
    for found in _compiled(pattern).finditer(text):
        start, end = found.span()
        if end - start > window:
            yield blanks, start, end
            blanks = []
        elif text[start:end].isspace():
            blanks.append(start)
        else:
            blanks = []


@cache
def _compiled(pattern: str) -> _Pattern:
    # tiktoken itself depends on this package; the standard library's has no \p and no possessives.
    import regex  # type: ignore[import-untyped]

    compiled: _Pattern = regex.compile(pattern)
    return compiled


class _Match(Protocol):
    def span(self) -> tuple[int, int]: ...


class _Pattern(Protocol):
    def finditer(self, string: str) -> Iterator[_Match]: ...


def count_piece(core: Core, piece: bytes, window: int = WINDOW) -> int:
    """Return the tokens of one piece, whatever its length, in memory for a window.

    Args:
        core: The tokenizer.
        piece: The bytes of the piece.
        window: Bytes that are merged at once.
    """
    count = start = 0
    tokens = core.encode_single_piece(piece[:window])
    while start + window < len(piece):
        cut = _safe_cut(core, tokens, piece, start, window)
        if cut is None:
            return len(core.encode_single_piece(piece))
        kept, start, tokens = cut
        count += kept
    return count + len(tokens)


def _safe_cut(
    core: Core, tokens: list[int], piece: bytes, start: int, window: int
) -> tuple[int, int, list[int]] | None:
    """Find a cut near the end of a window.

    Returns:
        How many of the window's tokens stand whatever follows, where in the piece they end, and
        the tokens of the window that starts there; ``None`` where no cut was found.
    """
    end = start + window
    # The last token may be cut short by the window's end, so it is never kept.
    for kept in range(len(tokens) - 1, max(0, len(tokens) - 1 - _TRIES), -1):
        end -= len(core.decode_bytes([tokens[kept]]))
        following = core.encode_single_piece(piece[end : end + window])
        pair = [tokens[kept - 1], following[0]]
        if core.encode_single_piece(core.decode_bytes(pair)) == pair:
            return kept, end, following
    return None
