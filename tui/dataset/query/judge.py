"""Whether one record holds what is looked for, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from tui.dataset.query.model import ANSWER, Search
from tui.dataset.query.pattern import compiled, has_anchors, literals_of
from tui.dataset.query.spelling import Prefilter, elements, pattern_of
from tui.dataset.query.texts import (
    BROKEN,
    Readable,
    label_of,
    pieces,
    resolved,
    strings,
    texts_of,
    value_of,
)
from tui.errors import UsageError

REGEX_PIECE = 16 << 20
"""Bytes of a record that a regular expression is tried on at once."""

REGEX_OVERLAP = 64 << 10
"""Characters that pieces of a longer record share: a longer match across two is not found."""

_BACK = 6  # The longest escape: what starts after that much without a backslash is in none.


Question = Search | tuple[str, str]
"""What a judge is made of: a text to look for, or the path and value of a label."""


class Looks(Protocol):
    """Whoever can say whether a record is wanted.

    Attributes:
        question: What it was made of; see `judge_of`.
        prefilter: Where in a file the answer may be yes at all.
        steady: Whether it takes a time in proportion to the record, so that it need not be killed.
        parses: Whether it needs the whole record, parsed.
    """

    question: Question
    prefilter: Prefilter
    steady: bool
    parses: bool

    def sure(self, block: bytes, at: int, end: int) -> bool:
        """Return whether a place that the prefilter named is enough to say yes."""
        ...

    def holds(self, raw: bytes, offset: int = 1) -> bool:
        """Return whether a record is wanted."""
        ...

    def holds_long(self, source: Readable, offset: int, size: int) -> Iterator[bool]:
        """Look at a long record piece by piece, where it need not be parsed."""
        ...


def judge_of(question: Question) -> Looks:
    """Return the judge for a question."""
    return Judge(question) if isinstance(question, Search) else LabelJudge(*question)


class LabelJudge:
    """Compares the value at a path of a record.

    Args:
        path: The path; see `texts.label_of`.
        wanted: The text of the value wanted.
    """

    steady = True
    parses = True

    def __init__(self, path: str, wanted: str) -> None:
        self.question: Question = (path, wanted)
        self._path = path
        self._wanted = wanted.strip()
        # A number may be written in many ways, and a list or an object has blanks of its own.
        various = self._wanted.strip("-+.0123456789eE")[:1] in ("", "{", "[")
        literals = [] if various else [elements(self._wanted, case=True)]
        if literals and path == ANSWER:
            # An answer in parts may be cut anywhere; each part has its text under this key.
            literals.append(elements("text", case=True))
        self.prefilter = Prefilter(literals)

    def sure(self, _block: bytes, _at: int, _end: int) -> bool:
        """Return false: where a value stands is known when the record is parsed."""
        return False

    def holds(self, raw: bytes, offset: int = 1) -> bool:
        """Return whether the record has that value there."""
        value = value_of(raw, offset)
        return value is not BROKEN and label_of(value, self._path) == self._wanted

    def holds_long(self, source: Readable, offset: int, size: int) -> Iterator[bool]:
        """Look at the whole record, at once."""
        yield self.holds(source.read(offset, size), offset)


class Judge:
    """Looks for one text in one record.

    Args:
        search: What to look for.

    Raises:
        UsageError: The text is empty, or the regular expression wrong.
    """

    def __init__(self, search: Search) -> None:
        if not search.text:
            raise UsageError("there is nothing to look for", "give a text of at least one letter")
        self.search = search
        self.question: Question = search
        self.parses = search.role is not None
        self.steady = not search.regex
        self._each = False
        if search.regex:
            self._pattern = compiled(search.text, case=search.case)
            self._each = has_anchors(self._pattern)
            self.prefilter = Prefilter(literals_of(self._pattern), nested=self.parses)
        else:
            pattern = pattern_of(search.text, case=search.case)
            self._pattern = re.compile(pattern)
            self.prefilter = Prefilter(
                [elements(search.text, case=search.case)], nested=self.parses
            )
        self._exact = self._exact_bytes()
        self._bytes = b""
        if self._exact:
            self._bytes = (search.text if search.case else search.text.lower()).encode("ascii")

    def _exact_bytes(self) -> bool:
        """Return whether a place found in the bytes is a match, but for what stands before it."""
        search = self.search
        text = search.text
        plain = text.isascii() and text.isprintable() and not set(text) & set('"\\/')
        return plain and not search.regex and search.role is None and len(text) <= 64

    def sure(self, block: bytes, at: int, end: int) -> bool:
        """Return whether the text certainly stands at a place that the prefilter named.

        Args:
            block: Bytes of the file.
            at: The place in them.
            end: Where the record ends in them.
        """
        if not self._exact or at < _BACK or at + len(self._bytes) > end:
            return False
        if block.rfind(b"\\", at - _BACK, at) >= 0:
            return False
        found = block[at : at + len(self._bytes)]
        return found == self._bytes if self.search.case else found.lower() == self._bytes

    def holds(self, raw: bytes, offset: int = 1) -> bool:
        """Return whether a record holds it.

        Args:
            raw: The record's bytes.
            offset: Where they start in the file.
        """
        role = self.search.role
        if role is not None:
            value = value_of(raw, offset)
            return value is not BROKEN and self._any(texts_of(value, role))
        if self._pattern.search(resolved(raw)) is not None:
            return True
        if not self._each:
            return False
        value = value_of(raw, offset)
        return value is not BROKEN and self._any(strings(value))

    def _any(self, texts: Iterator[str]) -> bool:
        search = self._pattern.search
        return any(search(text) is not None for text in texts)

    def holds_long(self, source: Readable, offset: int, size: int) -> Iterator[bool]:
        """Look at a long record piece by piece; yields whether the text was in a piece.

        Roles and what asks for the start of a text need the whole record and are not for this.
        """
        overlap = REGEX_OVERLAP if self.search.regex else len(self.search.text) - 1
        for text in pieces(source, offset, size, overlap):
            yield self._pattern.search(text) is not None
