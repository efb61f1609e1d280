r"""Which bytes a text may be spelled with in JSON, and whether a block of a file can hold it.

A text has very many spellings: each character may stand as itself or as ``\uXXXX`` with hexadecimal
digits of either case, some as ``\n`` or ``\/``. So a block of the file is not searched for the text
but for a run of it that is spelled in one of a few usual ways, and looked at record by record only
where there is a sign of another way. Nothing is missed, and what is found is only a place to look.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

Element = frozenset[str]
"""One character of what is looked for, as all the characters that count as equal to it."""

SLACK: Final = 16
_LONGEST_RUN = 64
_GOOD_RUN = 8
_MOST_FORMS = 8
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - frozenset('"\\/')
_FOLDED = 0x20000  # No letter beyond has another case.


def elements(text: str, *, case: bool, unicode: bool = False) -> list[Element]:
    """Return a text as elements.

    Args:
        text: The text.
        case: Whether capitals matter.
        unicode: Where they do not: whether letters of ASCII are equal to others too, such as the
            sign for Kelvin to k, as regular expressions have it.
    """
    if case:
        return [frozenset(char) for char in text]
    return [_forms(char) if unicode else _own_forms(char) for char in text]


def pattern_of(text: str, *, case: bool) -> str:
    """Return a regular expression for a plain text."""
    if case:
        return re.escape(text)
    parts = []
    for element in elements(text, case=False):
        chars = "".join(re.escape(char) for char in sorted(element))
        parts.append(chars if len(element) == 1 else f"[{chars}]")
    return "".join(parts)


def _own_forms(char: str) -> Element:
    if char.isascii():
        return frozenset((char.lower(), char.upper()))
    return frozenset(form for form in _forms(char) if not form.isascii()) | {char}


@lru_cache(maxsize=1024)
def _forms(char: str) -> Element:
    """Return all that the regular expressions of Python count as equal where case is ignored."""
    if char.isascii() and not char.isalpha():
        return frozenset(char)
    return frozenset(re.findall(re.escape(char), _all_letters(), re.IGNORECASE)) | {char}


@lru_cache(maxsize=1)
def _all_letters() -> str:
    chars = map(chr, range(_FOLDED))
    return "".join(c for c in chars if c.isalpha() or c.lower() != c or c.upper() != c)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """The run of a text that is looked for.

    Attributes:
        raw: Its spellings without escapes.
        escaped: Its spellings in ASCII, with escapes for what is beyond, in small letters; none
            where nothing is.
        signs: What begins an escape of one of its characters in ASCII, in small letters.
        wide_signs: The same for those beyond.
        wide: How many of its characters are beyond ASCII.
        fold: Whether blocks are put into small letters to find ``raw``.
        size: Characters of the run.
        odd: Characters beyond ASCII that count as equal to one of its letters, such as the sign for
            Kelvin to k: so rare that a block with one of them is looked at whole.
    """

    raw: tuple[bytes, ...]
    escaped: tuple[bytes, ...]
    signs: tuple[bytes, ...]
    wide_signs: tuple[bytes, ...]
    wide: int
    fold: bool
    size: int
    odd: tuple[str, ...]


class Prefilter:
    """Tells where in a block one of several texts may stand.

    Args:
        literals: Texts as elements, one of which every match holds; none where that is not known.
        nested: Whether the text may also stand in JSON that is a text itself, as the arguments of
            tool calls do; there the backslash of an escape is written twice.

    Attributes:
        blind: Whether every record must be looked at.
        overlap: Bytes by which blocks must overlap.
    """

    def __init__(self, literals: Sequence[Sequence[Element]], *, nested: bool = False) -> None:
        anchors = [_anchor(literal, nested) for literal in literals]
        usable = [anchor for anchor in anchors if anchor is not None]
        self.blind = not usable or len(usable) < len(anchors)
        self._anchors = [] if self.blind else usable
        self._fold = any(anchor.fold for anchor in self._anchors)
        longest = max((anchor.size for anchor in self._anchors), default=0)
        self.overlap = 14 * longest + SLACK

    def look(self, block: bytes) -> Look | None:
        """Return where in a block to look, or ``None`` for nowhere."""
        if self.blind:
            return Look(block, (), every=True)
        data = block.lower() if self._fold else block
        needles: list[bytes] = []
        escapes = _Escapes(block)
        for anchor in self._anchors:
            every = escapes.any_of(b"\\u00", anchor.signs) or _odd(anchor, block, escapes)
            if every or self._spellings(anchor, data, escapes, needles):
                return Look(block, (), every=True)
        small = escapes.small if escapes.found else b""
        found = Look(data, needles, small, escapes.found)
        return found if needles or escapes.found else None

    @staticmethod
    def _spellings(anchor: _Anchor, data: bytes, escapes: _Escapes, needles: list[bytes]) -> bool:
        """Gather the spellings that a block has; true where it may have unusual ones."""
        raw = not anchor.wide or not escapes.ascii
        if raw:
            needles += _present(data, anchor.raw)
        if not anchor.wide or not escapes.any_of(b"\\u", anchor.wide_signs):
            return False
        escapes.found += _present(escapes.small, anchor.escaped)
        # Raw and escaped side by side in one block: then one word may be spelled in both ways.
        return raw and anchor.wide > 1


def _odd(anchor: _Anchor, block: bytes, escapes: _Escapes) -> bool:
    if not anchor.odd:
        return False
    if not escapes.ascii:
        forms = [char.encode("utf-8") for char in anchor.odd]
        # One byte is sought much faster than several, and mostly is not there.
        if any(form[:1] in block and holds(block, form) for form in forms):
            return True
    return escapes.any_of(b"\\u", [_escape(char).encode("ascii") for char in anchor.odd])


class _Escapes:
    """What is asked about the escapes of one block, worked out when it is needed.

    Attributes:
        ascii: Whether the block has nothing beyond ASCII, so that all else is escaped.
        found: Escaped spellings that are there, in small letters.
    """

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._small: bytes | None = None
        self._begins: dict[bytes, bool] = {}
        self.ascii = block.isascii()
        self.found: list[bytes] = []

    @property
    def small(self) -> bytes:
        if self._small is None:
            self._small = self._block.lower()
        return self._small

    def any_of(self, start: bytes, signs: Iterable[bytes]) -> bool:
        """Return whether one of the signs, which all begin with ``start``, is in the block."""
        known = self._begins.get(start)
        if known is None:
            known = b"\\" in self._block and holds(self._block, start)
            self._begins[start] = known
        return known and any(holds(self.small, sign) for sign in signs)


class Look:
    """Places of one block at which a record must be looked at."""

    __slots__ = ("_every", "_next", "_pairs")

    def __init__(
        self,
        data: bytes,
        needles: Sequence[bytes],
        small: bytes = b"",
        escaped: Sequence[bytes] = (),
        *,
        every: bool = False,
    ) -> None:
        self._every = every
        self._pairs = [(data, needle) for needle in needles]
        self._pairs += [(small, needle) for needle in escaped]
        self._next = [-2] * len(self._pairs)

    @property
    def every(self) -> bool:
        """Whether every record of the block must be looked at."""
        return self._every

    def after(self, at: int) -> int:
        """Return the next place at or after ``at``, or -1."""
        if self._every:
            return at
        best = -1
        for number, (data, needle) in enumerate(self._pairs):
            place = self._next[number]
            if place != -1 and place < at:
                place = self._next[number] = data.find(needle, at)
            if place != -1 and (best < 0 or place < best):
                best = place
        return best


def _present(data: bytes, needles: Sequence[bytes]) -> list[bytes]:
    return [needle for needle in needles if holds(data, needle)]


def _anchor(literal: Sequence[Element], nested: bool) -> _Anchor | None:
    """Return the run of a text that is best looked for, if there is one."""
    run = _longest(literal, _narrow, 1 << 62)
    if len(run) < _GOOD_RUN:
        mixed = _longest(literal, lambda element: _narrow(element) or _wide(element), _MOST_FORMS)
        run = max(run, mixed, key=_weight)
    return _anchor_of(run, nested) if run else None


def _weight(run: Sequence[Element]) -> int:
    return sum(len(min(element).encode("utf-8")) for element in run)


def _longest(
    literal: Sequence[Element], fits: Callable[[Element], bool], most: int
) -> Sequence[Element]:
    """Return the longest run of fitting elements that has at most so many forms."""
    best: Sequence[Element] = ()
    start = 0
    for end in range(1, len(literal) + 1):
        if not fits(literal[end - 1]):
            start = end
            continue
        while end - start > _LONGEST_RUN or _count(literal[start:end], most) > most:
            start += 1
        if end - start > len(best):
            best = literal[start:end]
    return best


def _count(run: Sequence[Element], most: int) -> int:
    count = 1
    for element in run:
        count *= 1 if _narrow(element) else len(element)
        if count > most:
            break
    return count


def _narrow(element: Element) -> bool:
    inner = {char for char in element if char.isascii()}
    return inner <= _PLAIN and len({char.lower() for char in inner}) == 1


def _wide(element: Element) -> bool:
    return all(ord(char) >= 0x80 and not 0xD800 <= ord(char) < 0xE000 for char in element) and (
        "\ufffd" not in element
    )


def _anchor_of(run: Sequence[Element], nested: bool) -> _Anchor:
    narrow = [element for element in run if _narrow(element)]
    wide = [element for element in run if not _narrow(element)]
    fold = any(len(element) > 1 for element in narrow)
    forms = ["".join(chars) for chars in product(*map(_spelled, run))]
    if fold:
        # In small letters a block has no capitals, not even those that stand for themselves.
        forms = ["".join(c.lower() if c.isascii() else c for c in form) for form in forms]
    inner = {char for element in narrow for char in element}
    outer = {char for element in wide for char in element}
    escaped = [_in_ascii(form) for form in forms] if wide else []
    if nested:
        escaped += [form.replace(b"\\", b"\\\\") for form in escaped]
    cut = 4 if len(outer) > _MOST_FORMS else None
    return _Anchor(
        raw=tuple(form.encode("utf-8") for form in forms),
        escaped=tuple(escaped),
        signs=_unique(f"\\u00{ord(char) >> 4:x}" for char in inner if char.isascii()),
        wide_signs=_unique(_escape(char)[:cut] for char in outer),
        wide=len(wide),
        fold=fold,
        size=len(run),
        odd=tuple(sorted(char for char in inner if not char.isascii())),
    )


def _spelled(element: Element) -> list[str]:
    return [min(element)] if _narrow(element) else sorted(element)


def _in_ascii(form: str) -> bytes:
    return "".join(c.lower() if c.isascii() else _escape(c) for c in form).encode("ascii")


def _unique(signs: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(sorted({sign.encode("ascii") for sign in signs}))


def _escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _find_memmem() -> Callable[[bytes, int, bytes, int], int | None] | None:
    try:
        memmem = ctypes.CDLL(None).memmem
    except (OSError, AttributeError):
        return None
    memmem.restype = ctypes.c_void_p
    memmem.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return memmem


# The C library's own search is about twice as fast as Python's and lets other threads run.
_MEMMEM = _find_memmem()


def holds(data: bytes, needle: bytes) -> bool:
    """Return whether ``needle`` is in ``data``."""
    if _MEMMEM is None:
        return needle in data
    return _MEMMEM(data, len(data), needle, len(needle)) is not None
