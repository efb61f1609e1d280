"""What rules over the whole file need to know of each record, gathered while ranges are checked.

Of a record's text nothing is kept but two hashes of eight bytes, one up to its answer and one with
it, and of answers that may be cut off their place.
"""

from __future__ import annotations

import contextlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xxhash import xxh3_64_intdigest

from tui.dataset.canonical import canonical
from tui.dataset.locate import Locator, write_path
from tui.dataset.model import Format, JsonPath
from tui.dataset.rules.chat import PLAIN_SYSTEM, PLAIN_USER, RECORD_KEYS, plain
from tui.dataset.rules.quality.answers import STOPS, stops_early

COLUMN_BITS = 24
"""A place is a line and a column in one number; this many bits of it are the column."""

MAX_LABELS = 32
"""Different answers before they are no labels any more."""

_MAX_LABEL = 60
_CONTENT = b'"content"'
_LAST_CONTENT = re.compile(rb'"content"\s*:\s*"')
_MOST_ENDINGS = 200
_MANY_CUT = 100
_COLUMNS = (1 << COLUMN_BITS) - 1


def packed(line: int, column: int) -> int:
    """Return a place as one number; places further on are larger."""
    return line << COLUMN_BITS | min(column, _COLUMNS)


@dataclass(frozen=True, slots=True)
class Ending:
    """An answer that seems cut off: where it stands, and how it ends."""

    line: int
    column: int
    path: str
    why: str


@dataclass(slots=True)
class Observed:
    """What was gathered of some of a file's records, in file order.

    Attributes:
        places: Line and column of each record, packed; 8 bytes each.
        prompts: A hash of what comes before its answer, likewise.
        answers: A hash of that and the answer, likewise.
        spoken: Answers seen.
        stopped: Those that end as a finished text does.
        cut: Those that seem cut off.
        endings: The first of these.
        labels: How often each answer was given; ``None`` when there are too many to be labels.
    """

    places: array[int] = field(default_factory=lambda: array("Q"))
    prompts: array[int] = field(default_factory=lambda: array("Q"))
    answers: array[int] = field(default_factory=lambda: array("Q"))
    spoken: int = 0
    stopped: int = 0
    cut: int = 0
    endings: list[Ending] = field(default_factory=list)
    labels: dict[str, int] | None = field(default_factory=dict)


class Observer:
    """Gathers in one process; `take` hands over what came since the last time."""

    def __init__(self) -> None:
        self._now = Observed()
        self._labelled = True

    def plain(self, messages: Sequence[dict[str, str]], flags: int, line: int, raw: bytes) -> None:
        """Add a record that `chat.plain` accepted with these flags."""
        now = self._now
        hashed = flags & PLAIN_SYSTEM
        *asked, text = [entry["content"] for entry in messages]
        joined = "\0".join(asked)
        if joined.count("\0") >= len(asked) > 0:
            # Where a text holds the mark that parts texts, their lengths tell them apart.
            joined = f"{[len(entry) for entry in asked]}\0{joined}"
            hashed |= 1
        before = xxh3_64_intdigest(joined.encode(), hashed)
        hashed = xxh3_64_intdigest(text.encode(), before)
        now.places.append(line << COLUMN_BITS | 1)
        # Without a question every answer is to the same one, and none contradicts another.
        now.prompts.append(before if flags & PLAIN_USER else hashed)
        now.answers.append(hashed)
        now.spoken += 1
        if text[-1] in STOPS:
            now.stopped += 1
        else:
            path = ("messages", len(messages) - 1, "content")
            self._ending(text, path, line, 1, raw, is_plain=True)
        if self._labelled:
            self._label(text)

    def add(self, record: dict[str, Any], kind: Format, line: int, column: int, raw: bytes) -> None:
        """Add any other record that is an object."""
        if kind is Format.CHAT and "messages" in record:
            # Of keys that train nothing no two records differ; but what has no messages is of
            # another format, and would lose all that it says.
            record = {
                key: record[key] for key in record if key in RECORD_KEYS and record[key] is not None
            }
        flags = plain(record) if kind is Format.CHAT else 0
        if flags:
            # Half a surrogate pair has no bytes to hash.
            with contextlib.suppress(UnicodeEncodeError):
                self.plain(record["messages"], flags, line, raw)
                self._now.places[-1] = packed(line, column)
                return
        prompt, whole, answer, path = _parts(record, kind)
        if not whole:
            return
        now = self._now
        hashed = xxh3_64_intdigest(whole, 1)
        now.places.append(packed(line, column))
        now.prompts.append(xxh3_64_intdigest(prompt, 1) if prompt else hashed)
        now.answers.append(hashed)
        if answer is None:
            self._labelled = self._labelled and kind is not Format.CHAT
            return
        now.spoken += 1
        text = answer.rstrip()
        if text and text[-1] in STOPS:
            now.stopped += 1
        else:
            self._ending(answer, path, line, column, raw)
        if self._labelled:
            self._label(text)

    def take(self) -> Observed:
        """Return what was gathered, and begin anew."""
        taken = self._now
        self._now = Observed()
        if not self._labelled:
            taken.labels = None
        return taken

    def _label(self, text: str) -> None:
        labels = self._now.labels
        assert labels is not None
        if len(text) <= _MAX_LABEL and (text in labels or len(labels) < MAX_LABELS):
            labels[text] = labels.get(text, 0) + 1
        else:
            self._labelled = False

    def _ending(
        self,
        text: str,
        path: JsonPath,
        line: int,
        column: int,
        raw: bytes,
        *,
        is_plain: bool = False,
    ) -> None:
        now = self._now
        if now.cut > _MANY_CUT and 3 * now.cut > now.spoken:
            # So many end like this that it is how they are meant to end; the rest is not looked at.
            now.cut += 1
            return
        why = stops_early(text)
        if not why:
            return
        now.cut += 1
        # Where many end so, it is how they are meant to end.
        if len(now.endings) >= _MOST_ENDINGS:
            return
        row, at = 0, _answer_column(raw, text) if is_plain else 0
        if not at:
            locator = Locator(raw.decode("utf-8", "replace"))
            row, at = locator.position(locator.find(path))
        at += column - 1 if row == 0 else 0
        now.endings.append(Ending(line + row, at, write_path(path), why))


def _answer_column(raw: bytes, text: str) -> int:
    """Return the column (from 1) of the last answer of a plain record, 0 where it is not clear.

    Its key is the last of that name, unless a text is that very word.
    """
    match = _LAST_CONTENT.search(raw, raw.rfind(_CONTENT)) if text != "content" else None
    if match is None or b"\n" in raw:
        return 0
    return len(raw[: match.end()].decode("utf-8", "replace"))


def _parts(record: dict[str, Any], kind: Format) -> tuple[bytes, bytes, str | None, JsonPath]:
    """Return the prompt, the whole, the answer and its path; the prompt empty where none counts."""
    whole = canonical(record)
    if kind is Format.COMPLETION:
        prompt, answer = record.get("prompt"), record.get("completion")
        given = prompt.encode("utf-8", "replace") if isinstance(prompt, str) else b""
        return given, whole, answer if isinstance(answer, str) else None, ("completion",)
    messages = record.get("messages")
    if not isinstance(messages, list) or not any(_role(entry) == "user" for entry in messages):
        return b"", whole, None, ()
    if kind is Format.REINFORCEMENT:
        return canonical([messages, record.get("tools")]), whole, None, ()
    last = max((i for i, entry in enumerate(messages) if _role(entry) == "assistant"), default=None)
    if last is None:
        return b"", whole, None, ()
    settings = [record.get(key) for key in ("tools", "functions", "parallel_tool_calls")]
    prompt = canonical([messages[:last], *settings])
    entry = messages[last]
    content = entry.get("content")
    spoken = isinstance(content, str) and content and not entry.get("tool_calls")
    return prompt, whole, content if spoken else None, ("messages", last, "content")


def _role(entry: object) -> object:
    return entry.get("role") if isinstance(entry, dict) else None
