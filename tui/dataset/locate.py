"""Where in a record's text a JSON path stands, and how a path is written.

Runs only for records that have issues. It walks into the containers on the way to the path and
leaps over everything else, without recursion, so its cost is a few passes over the text however
many paths are asked for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tui.dataset.leaps import SPACE, STRING, element, member
from tui.dataset.model import JsonPath

_WS = re.compile(SPACE)
_STRING = re.compile(STRING, re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s]*+")
_STRUCTURE = re.compile(rf"{STRING}|[\[\]{{}}]", re.DOTALL)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class Child(NamedTuple):
    """One entry of an object or a list.

    Attributes:
        name: Its key or position.
        key: Character offset of the key's opening quote; of the value, in a list.
        value: Character offset of the value's first character.
    """

    name: str | int
    key: int
    value: int


class Locator:
    """Finds paths in the text of one valid JSON value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._objects: dict[int, dict[str, tuple[int, int]]] = {}
        self._lists: dict[int, tuple[list[int], Iterator[int]]] = {}
        self._breaks: list[int] | None = None

    @property
    def root(self) -> int:
        """The offset of the value itself."""
        return self._skip_space(0)

    def find(self, path: JsonPath, *, at_key: bool = False) -> int:
        """Return the offset of the value at ``path``, or of its key.

        Of a key written twice the last one counts, as for every parser. A path that does not
        exist gives the offset of the nearest container that does.
        """
        here = key = self.root
        for name in path:
            opener = self._text[here : here + 1]
            if opener == "{":
                found = self._members(here).get(str(name))
                if found is None:
                    return here
                key, here = found
            elif opener == "[" and isinstance(name, int):
                at = self._element(here, name)
                if at is None:
                    return here
                key = here = at
            else:
                return here
        return key if at_key else here

    def children(self, path: JsonPath) -> list[Child]:
        """Return the entries of the container at ``path``, keys written twice included."""
        return self.entries(self.find(path))

    def entries(self, offset: int) -> list[Child]:
        """Return the same of the value at ``offset``; what is no container has none."""
        opener = self._text[offset : offset + 1]
        if opener == "{":
            return [Child(*one) for one in self._walk_object(offset)]
        if opener == "[":
            return [Child(i, one, one) for i, one in enumerate(self._walk_list(offset))]
        return []

    def position(self, offset: int) -> tuple[int, int]:
        """Return how many lines below the first ``offset`` is, and its 1-based column there."""
        if self._breaks is None:
            # Nearly every record stands on one line, which is told faster than breaks are found.
            if "\n" not in self._text:
                return 0, offset + 1
            self._breaks = [match.start() for match in re.finditer("\n", self._text)]
        row = bisect_left(self._breaks, offset)
        start = self._breaks[row - 1] + 1 if row else 0
        return row, offset - start + 1

    def _members(self, offset: int) -> dict[str, tuple[int, int]]:
        known = self._objects.get(offset)
        if known is None:
            walk = self._walk_object(offset)
            known = self._objects[offset] = {name: (key, value) for name, key, value in walk}
        return known

    def _element(self, offset: int, position: int) -> int | None:
        """Return where an element of a list begins; the list is walked no further than that."""
        if offset not in self._lists:
            self._lists[offset] = ([], self._walk_list(offset))
        known, rest = self._lists[offset]
        if position >= len(known):
            known += islice(rest, position + 1 - len(known))
        return known[position] if 0 <= position < len(known) else None

    def _walk_object(self, offset: int) -> Iterator[tuple[str, int, int]]:
        match = member().match
        here, comma = offset + 1, ","
        while comma == ",":
            passed = match(self._text, here)
            if passed is None:
                return
            key, after = passed.span(1)
            value = passed.start(2)
            if value >= 0:
                here, comma = passed.end(), passed.group(3)
            else:
                value = passed.end()
                here, comma = self._after(value)
            yield _decode(self._text[key:after]), key, value

    def _walk_list(self, offset: int) -> Iterator[int]:
        text, match = self._text, element().match
        here, comma = self._skip_space(offset + 1), ","
        while comma == "," and here < len(text) and text[here] != "]":
            yield here
            passed = match(text, here)
            if passed is not None:
                here, comma = passed.end(), passed.group(2)
            else:
                here, comma = self._after(here)
                here = self._skip_space(here)

    def _after(self, value: int) -> tuple[int, str]:
        """Return where what follows a value begins, and the comma there if there is one."""
        here = self._skip_space(end_of(self._text, value))
        comma = self._text[here : here + 1]
        return here + (comma == ","), comma

    def _skip_space(self, offset: int) -> int:
        match = _WS.match(self._text, offset)
        return match.end() if match else offset


def end_of(text: str, offset: int) -> int:
    """Return where the JSON value that starts at ``offset`` ends."""
    first = text[offset : offset + 1]
    if first == '"':
        match = _STRING.match(text, offset)
        return match.end() if match else len(text)
    if first not in ("{", "["):
        match = _SCALAR.match(text, offset)
        return match.end() if match else len(text)
    depth = 0
    for match in _STRUCTURE.finditer(text, offset):
        token = match.group()
        if token in ("{", "["):
            depth += 1
        elif token in ("}", "]"):
            depth -= 1
            if depth == 0:
                return match.end()
    return len(text)


def _decode(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        return str(json.loads(token))
    except ValueError:
        return token[1:-1]


def write_path(path: JsonPath) -> str:
    """Write a path as people do, ``messages[1].role``; odd keys stand quoted and cleaned."""
    parts: list[str] = []
    for name in path:
        if isinstance(name, int):
            parts.append(f"[{name}]")
        elif _PLAIN_KEY.fullmatch(name):
            parts.append(f".{name}" if parts else name)
        else:
            from widgets.text import clean

            shown = clean(name, limit=64).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'["{shown}"]')
    return "".join(parts)
