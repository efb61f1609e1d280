"""What differs between two texts: words of two values, lines of two JSON records. No Textual.

`difflib` is quadratic at its worst, so it is only ever given so much: longer texts are compared
line by line first, and what is too long even then counts as changed from end to end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from widgets.json_lines import pretty_lines

MOST_TOKENS = 1_200
"""Words, or lines, of each side that are compared one by one."""

MOST_LINES = 20_000
"""Lines of a record that are looked at."""

Span = tuple[int, int]

# Scripts that are written without blanks count a character as a word.
_WORD = re.compile(
    r"(?:[^\W\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|\S)\s*|\s+"
)
_SENTENCE = re.compile(r"[^\n.!?\u3002\uff01\uff1f]*(?:[\n.!?\u3002\uff01\uff1f]+\s*|$)")


def word_spans(old: str, new: str) -> tuple[list[Span], list[Span]]:
    """Find the words that differ.

    Args:
        old: One text.
        new: The other.

    Returns:
        Ranges of `old` and of `new`, ascending and apart: without them the two are the same.
    """
    olds: list[Span] = []
    news: list[Span] = []
    for one, other in _differences(old, new):
        _add(olds, one)
        _add(news, other)
    return olds, news


def _add(spans: list[Span], span: Span) -> None:
    start, end = span
    if start == end:
        return
    if spans and start == spans[-1][1]:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))


def _differences(old: str, new: str) -> Iterator[tuple[Span, Span]]:
    head, tail = _common(old, new)
    one, other = (head, len(old) - tail), (head, len(new) - tail)
    words = [_tokens(_WORD, text, span) for text, span in ((old, one), (new, other))]
    if max(map(len, words)) <= MOST_TOKENS:
        yield from _matched(old, new, words[0], words[1])
        return
    chunks = [_tokens(_SENTENCE, text, span) for text, span in ((old, one), (new, other))]
    if max(map(len, chunks)) > MOST_TOKENS:
        yield one, other
        return
    for one, other in _matched(old, new, chunks[0], chunks[1]):
        words = [_tokens(_WORD, old, one), _tokens(_WORD, new, other)]
        if max(map(len, words)) <= MOST_TOKENS:
            yield from _matched(old, new, words[0], words[1])
        else:
            yield one, other


def _tokens(pattern: re.Pattern[str], text: str, span: Span) -> list[Span]:
    """Tokens of a part of a text; at most one more than are compared one by one."""
    found = islice(pattern.finditer(text, *span), MOST_TOKENS + 1)
    return [match.span() for match in found if match.group()]


def _matched(
    old: str, new: str, olds: Sequence[Span], news: Sequence[Span]
) -> Iterator[tuple[Span, Span]]:
    """Pair tokens that are the same but for the blanks after them; yield what is left."""
    keys = [
        [text[start:end].rstrip() for start, end in spans]
        for text, spans in ((old, olds), (new, news))
    ]
    matcher = SequenceMatcher(None, keys[0], keys[1])
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield _range(olds, i1, i2), _range(news, j1, j2)
            continue
        for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
            (start, end), (low, high) = olds[i], news[j]
            if old[start:end] != new[low:high]:
                size = len(keys[0][i])
                yield (start + size, end), (low + size, high)


def _range(spans: Sequence[Span], first: int, last: int) -> Span:
    if first < last:
        return spans[first][0], spans[last - 1][1]
    at = spans[first][0] if first < len(spans) else spans[-1][1] if spans else 0
    return at, at


def _common(old: str, new: str) -> tuple[int, int]:
    """How many characters two texts share at their beginning and then at their end.

    Never a part of a word: one that differs in a letter counts as another word.
    """
    least = min(len(old), len(new))
    head = _shared(lambda size: old[:size] == new[:size], least)
    whole = head == len(old) == len(new)
    while head and old[head - 1].isalnum() and not whole:
        head -= 1
    least -= head
    ends = len(old), len(new)
    tail = _shared(lambda size: old[ends[0] - size :] == new[ends[1] - size :], least)
    while tail and old[ends[0] - tail].isalnum():
        tail -= 1
    return head, tail


def _shared(same: Callable[[int], bool], most: int) -> int:
    """The largest size up to `most` for which two texts are the same, by halving."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if same(middle):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True, slots=True)
class Line:
    """One line of two indented JSON texts laid side by side.

    Attributes:
        sign: ``"-"`` only before, ``"+"`` only after, ``" "`` the same in both, ``"~"`` lines that
            are the same and left out.
        depth: How deep it is indented; of ``"~"``, how many lines are left out.
        start: Where it begins, in the text before (``"-"``) or after (all others).
        end: Where it ends there.
        changed: The parts of it that differ, as offsets in the same text.
    """

    sign: str
    depth: int
    start: int
    end: int
    changed: tuple[Span, ...] = ()


def json_diff(old: str, new: str, *, context: int = 2) -> list[Line]:
    """Compare two JSON texts line by line as they are indented, and their lines word by word.

    Args:
        old: The text before; need not be valid.
        new: The text after.
        context: Lines that are the same, shown around those that are not.

    Returns:
        Lines in order; none when the two differ in nothing but blanks between values.
    """
    olds = list(islice(pretty_lines(old), MOST_LINES))
    news = list(islice(pretty_lines(new), MOST_LINES))
    lines: list[Line] = []
    left = 0
    for i1, i2, j1, j2 in _blocks(old, new, olds, news):
        lines += _same(news, left, j1, context, first=left == 0)
        lines += _changed(old, new, olds[i1:i2], news[j1:j2])
        left = j2
    if lines:
        lines += _same(news, left, len(news), context, last=True)
    return lines


def _blocks(
    old: str, new: str, olds: Sequence[tuple[int, int, int]], news: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    keys = [
        [(depth, text[start:end]) for depth, start, end in rows]
        for text, rows in ((old, olds), (new, news))
    ]
    a, b = keys
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    ends = len(a) - tail, len(b) - tail
    if head == ends[0] and head == ends[1]:
        return
    if max(ends) - head > MOST_TOKENS:
        yield head, ends[0], head, ends[1]
        return
    matcher = SequenceMatcher(None, a[head : ends[0]], b[head : ends[1]], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield head + i1, head + i2, head + j1, head + j2


def _same(
    rows: Sequence[tuple[int, int, int]],
    start: int,
    end: int,
    context: int,
    *,
    first: bool = False,
    last: bool = False,
) -> Iterator[Line]:
    before = 0 if first else context
    after = 0 if last else context
    hidden = end - start - before - after
    for number, (depth, low, high) in enumerate(rows[start:end]):
        if hidden > 1 and before <= number < before + hidden:
            if number == before:
                yield Line("~", hidden, low, low)
            continue
        yield Line(" ", depth, low, high)


def _changed(
    old: str,
    new: str,
    olds: Sequence[tuple[int, int, int]],
    news: Sequence[tuple[int, int, int]],
) -> Iterator[Line]:
    gone: list[Span] = []
    come: list[Span] = []
    if olds and news:
        a, b = olds[0][1], news[0][1]
        one, other = word_spans(old[a : olds[-1][2]], new[b : news[-1][2]])
        gone = [(a + start, a + end) for start, end in one]
        come = [(b + start, b + end) for start, end in other]
    for sign, rows, spans in (("-", olds, gone), ("+", news, come)):
        for depth, start, end in rows:
            inside = tuple((max(s, start), min(e, end)) for s, e in spans if s < end and e > start)
            yield Line(sign, depth, start, end, inside)
