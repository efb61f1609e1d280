"""What a person reads in a record: its escapes resolved, a role's texts, the value of a label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from tui.dataset.query.model import ANSWER
from tui.dataset.signature import BOM

PIECE = 256 << 10
"""Bytes of a record resolved at a time."""

BROKEN = object()
"""The value of a record that is not JSON."""

_HIGH = r"[dD][89abAB][0-9a-fA-F]{2}"
_LOW = r"[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf'\\(?:u({_HIGH})\\u({_LOW})|u([0-9a-fA-F]{{4}})|(["\\/bfnrt]))')
_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# An escape, or a pair of them, or a character in UTF-8 that the end of a piece may cut.
_CUT = re.compile(
    rb"(?:\\(?:u[0-9a-fA-F]{0,4})?|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u?[0-9a-fA-F]{0,4})?"
    rb"|[\xc0-\xff][\x80-\xbf]{0,2})\Z"
)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Readable(Protocol):
    """Anything bytes can be read from at an offset."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes at ``offset``."""
        ...


def resolved(raw: bytes) -> str:
    """Return a record as text, each escape as the character it stands for."""
    text = raw.decode("utf-8", "replace")
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    short = match[4]
    if short is not None:
        return _SHORT[short]
    if match[3] is not None:
        return chr(int(match[3], 16))
    return chr(0x10000 + ((int(match[1], 16) & 0x3FF) << 10) + (int(match[2], 16) & 0x3FF))


def pieces(source: Readable, offset: int, size: int, overlap: int) -> Iterator[str]:
    """Yield a long record resolved, in pieces that share ``overlap`` characters."""
    end = offset + size
    rest = b""
    tail = ""
    while offset < end:
        data = source.read(offset, min(PIECE, end - offset))
        if not data:
            return
        offset += len(data)
        data = rest + data
        rest = b""
        if offset < end:
            cut = _cut(data)
            data, rest = data[:cut], data[cut:]
        text = tail + resolved(data)
        yield text
        tail = text[-overlap:] if overlap else ""


def _cut(data: bytes) -> int:
    """Return where the data may be cut so that no escape and no character is."""
    last = data[-16:]
    found = _CUT.search(last)
    if found is None:
        return len(data)
    cut = len(data) - len(last) + found.start()
    # Of backslashes in a row only the second half of a pair is no beginning.
    run = len(data[:cut]) - len(data[:cut].rstrip(b"\\"))
    if data[cut : cut + 1] == b"\\" and run % 2:
        return cut + 1 if len(data) == cut + 1 else cut - 1
    return cut


def value_of(raw: bytes, offset: int = 1) -> object:
    """Return the parsed record; ``BROKEN`` where it is not JSON."""
    if offset == 0:
        raw = raw.removeprefix(BOM)
    try:
        return orjson.loads(raw)
    except (ValueError, RecursionError):
        # Few records come here, and a worker that needs none of this starts sooner.
        from tui.dataset import rows

        value = rows.parse(raw)
        return BROKEN if value is rows.BROKEN else value


def strings(value: object) -> Iterator[str]:
    """Yield every text in a value, keys left out, in the order they are written."""
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))


def texts_of(value: object, role: str) -> Iterator[str]:
    """Yield the texts of all messages of a role, wherever in the record they are.

    The arguments of a tool call are JSON in a text: where that has escapes of its own, the text
    with these resolved is yielded too. The prompt of a completion record counts as the user's, its
    completion as the assistant's.
    """
    for message in _messages(value):
        if message.get("role") == role:
            for key, item in message.items():
                if key != "role":
                    yield from _with_inner(strings(item))
    part = {"user": "prompt", "assistant": "completion"}.get(role)
    if part is not None and isinstance(value, dict):
        yield from strings(value.get(part))


def _with_inner(found: Iterator[str]) -> Iterator[str]:
    for text in found:
        yield text
        if "\\" in text and text.lstrip().startswith(("{", "[", '"')):
            yield _ESCAPE.sub(_character, text)


def _messages(value: object) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            if isinstance(item.get("role"), str):
                yield item
            else:
                stack.extend(reversed(list(item.values())))


def label_of(value: object, path: str) -> str | None:
    """Return the value at a path as text, without blanks around it.

    Args:
        value: The parsed record.
        path: Keys with dots between them and positions in brackets, ``messages[0].name``; or
            ``answer`` for the last answer of the assistant.

    Returns:
        Text as it is, other values as JSON; ``None`` where nothing stands there.
    """
    found: object
    if path == ANSWER:
        from tui.dataset.prompts import answer_of

        found = answer_of(value) if isinstance(value, dict) else None
        if isinstance(found, list):
            found = "".join(strings([p.get("text") for p in found if isinstance(p, dict)]))
    else:
        found = _at(value, path)
    if found is _NOTHING or (path == ANSWER and found is None):
        return None
    return found.strip() if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


_NOTHING = object()


def _at(value: object, path: str) -> object:
    # A key may have dots in it: then the whole path is the key.
    if isinstance(value, dict) and path in value:
        return value[path]
    for match in _STEP.finditer(path):
        key, number = match.groups()
        if isinstance(value, dict) and key is not None and key in value:
            value = value[key]
        elif isinstance(value, list) and (number or key or "").isdecimal():
            place = int(number or key)
            if place >= len(value):
                return _NOTHING
            value = value[place]
        else:
            return _NOTHING
    return value
