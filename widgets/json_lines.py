"""JSON text as indented lines, without changing a character of it. Pure data, no Textual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

# Compiled by its first use, which most screens do without.
_TOKEN = r'(?s)"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]|[^\s"{}\[\],:]+'
_CLOSES = {"{": "}", "[": "]"}
_OPENS = {"}": "{", "]": "["}


def pretty_lines(raw: str) -> Iterator[tuple[int, int, int]]:
    """Indented lines of a JSON text, as (depth, start, end) of slices of it, lazily.

    Tolerant: works on text that is not valid JSON, and never changes a character, so that an
    offset in the text can be found on its line.

    Args:
        raw: JSON text, or something like it.

    Yields:
        Slices in order; only white space lies between them.
    """
    depth = 0
    start = end = -1
    tokens = pairwise(chain(re.finditer(_TOKEN, raw), (None,)))
    for match, after in tokens:
        assert match is not None
        token = match.group()
        if token in "}]" and not (start >= 0 and raw[end - 1] == _OPENS[token]):
            if start >= 0:
                yield depth, start, end
            start = -1
            depth = max(0, depth - 1)
        if start < 0:
            start = match.start()
        end = match.end()
        opens = token in _CLOSES and (after is None or after.group() != _CLOSES[token])
        if opens or token == ",":
            yield depth, start, end
            start = -1
            depth += opens
    if start >= 0:
        yield depth, start, end


def token_end(raw: str, start: int) -> int:
    """The end of the JSON token that begins at an offset (one character for a bracket)."""
    match = re.compile(_TOKEN).match(raw, start)
    if match is None:
        return min(len(raw), start + 1)
    return max(start + 1, match.end())
