"""What a search through the open file has found so far, and the way from match to match.

The search itself reads the whole file in a worker (:func:`tui.dataset.query.find`), beginning with
the record from which it was asked for and going round once. What it finds is kept here, so that
walking from match to match reads nothing again. Nothing here knows of Textual.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from widgets.text import ellipsis_mark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_REPEATS = 2
_CONTEXT_CHARS = 8192
CASES = ("auto", "match", "ignore")
"""Whether capitals matter: only if the text has one, always, never."""


class Ask(NamedTuple):
    """What is typed on the search line.

    Attributes:
        text: What to find.
        regex: Whether it is a regular expression.
        case: One of :data:`CASES`.
        role: Only in messages of this role; empty for anywhere in the record.
    """

    text: str = ""
    regex: bool = False
    case: str = "auto"
    role: str = ""

    @property
    def matches_case(self) -> bool:
        """Whether capitals matter for this text."""
        if self.case == "auto":
            # What stands behind a backslash is a class of characters, not a capital.
            plain = re.sub(r"\\.", "", self.text) if self.regex else self.text
            return plain != plain.lower()
        return self.case == "match"

    def pattern(self) -> re.Pattern[str] | None:
        """Return what marks the matches in text; ``None`` for an empty text.

        Raises:
            re.error: The text is no regular expression.
        """
        if not self.text:
            return None
        text = self.text if self.regex else re.escape(self.text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text, 0 if self.matches_case else re.IGNORECASE)

    def words(self) -> str:
        """Return it as people write it: ``/refund/ in user messages``; foreign, not cleaned."""
        case = "" if self.case == "auto" else f" ({self.case} case)"
        role = f" in {self.role} messages" if self.role else ""
        return f"/{self.text}/{role}{case}" if self.regex else f"“{self.text}”{role}{case}"


def calm(ask: Ask) -> bool:
    """Return whether matches may be looked for while the screen waits.

    An expression with repeats within repeats may take hours over one line, and nothing can stop it
    then. The search of the file gives such a one up after a while; here it is not tried.
    """
    if not ask.regex:
        return True
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "a", re.sub(r"\\.", "a", ask.text, flags=re.DOTALL))
    repeats = len(re.findall(r"[*+]|\{\d*,?\d*\}", plain))
    group_repeated = re.search(r"\)[*+{]", plain) is not None
    return repeats <= _MOST_REPEATS and not (group_repeated and (repeats > 1 or "|" in plain))


class Matches:
    """The records that match, as far as the file has been searched.

    Args:
        ask: What is looked for.
        origin: The record (0-based) the search began with.

    Attributes:
        fraction: How much of the file was searched, 0 to 1.
        turned: Whether the end of the file was passed, so that only its head is still to come.
        ended: Whether nothing more will come.
        stopped: Whether it ended before the whole file was searched.
        trouble: Why it failed; foreign text, not cleaned.
        searched: How many records of the file there were when it ended.
    """

    def __init__(self, ask: Ask, origin: int = 0) -> None:
        self.ask = ask
        self.origin = origin
        self.fraction = 0.0
        self.turned = False
        self.ended = False
        self.stopped = False
        self.trouble = ""
        self.searched = 0
        # From the origin on, and before it: each comes in ascending order.
        self._after: array[int] = array("q")
        self._before: array[int] = array("q")
        self._joined: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._after) + len(self._before)

    def __contains__(self, position: object) -> bool:
        if not isinstance(position, int):
            return False
        found = self._after if position >= self.origin else self._before
        at = bisect_left(found, position)
        return at < len(found) and found[at] == position

    def add(self, positions: Iterable[int]) -> None:
        """Take in further records, ascending, all from the origin on or all before it."""
        for position in positions:
            if position in self:
                continue  # The last record of a file that grows is looked at again.
            (self._after if position >= self.origin else self._before).append(position)
        self._joined = None

    def positions(self) -> npt.NDArray[np.int64]:
        """Return all of them, ascending."""
        if self._joined is None:
            import numpy as np

            parts = [np.array(part, dtype=np.int64) for part in (self._before, self._after)]
            self._joined = np.concatenate(parts)
        return self._joined


def snippet(text: str, pattern: re.Pattern[str], room: int = 160, lead: int = 30) -> str | None:
    """Return the part of a text around its first match, or ``None`` without one.

    Args:
        text: Where to look.
        pattern: What to look for.
        room: Characters to return at most.
        lead: Characters to keep before the match.
    """
    match = pattern.search(text)
    if match is None:
        return None
    start = max(0, match.start() - lead)
    blank = text.find(" ", start, match.start())
    if start and blank >= 0:
        start = blank + 1
    words = " ".join(text[start : start + room].split())
    return f"{ellipsis_mark()} {words}" if start else words


def context(head: bytes, size: int, pattern: re.Pattern[str]) -> str:
    """Return the words around the first match in a record; empty when it is not to be seen.

    Args:
        head: The record, or its beginning.
        size: Bytes of the whole record.
        pattern: What was looked for.
    """
    import orjson

    from widgets.conversation import conversation
    from widgets.record_data import Turn

    turns: tuple[Turn, ...] = ()
    if size <= len(head):
        with contextlib.suppress(ValueError):
            turns, _ = conversation(orjson.loads(head))
    for turn in turns:
        found = snippet(turn.text[:_CONTEXT_CHARS], pattern)
        if found:
            return found
    return snippet(head[:_CONTEXT_CHARS].decode("utf-8", "replace"), pattern) or ""
