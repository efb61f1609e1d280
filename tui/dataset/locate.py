"""Where in a record's text a JSON path stands, and how a path is written.

Runs only for records that have issues. It walks into the containers on the way to the path and
steps over everything else, without recursion, so its cost is one pass over the text however many
paths are asked for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass

from tui.dataset.model import JsonPath

_WS = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s]*+")
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Child:
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
        self._children: dict[int, list[Child]] = {}
        self._named: dict[int, dict[str | int, Child]] = {}
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
        here = self.root
        key = here
        for name in path:
            child = self._lookup(here).get(name)
            if child is None:
                return here
            here, key = child.value, child.key
        return key if at_key else here

    def children(self, path: JsonPath) -> list[Child]:
        """Return the entries of the container at ``path``, keys written twice included."""
        return self._entries(self.find(path))

    def position(self, offset: int) -> tuple[int, int]:
        """Return how many lines below the first ``offset`` is, and its 1-based column there."""
        if self._breaks is None:
            self._breaks = [match.start() for match in re.finditer("\n", self._text)]
        row = bisect_left(self._breaks, offset)
        start = self._breaks[row - 1] + 1 if row else 0
        return row, offset - start + 1

    def _lookup(self, offset: int) -> dict[str | int, Child]:
        found = self._named.get(offset)
        if found is None:
            found = {child.name: child for child in self._entries(offset)}
            self._named[offset] = found
        return found

    def _entries(self, offset: int) -> list[Child]:
        if offset not in self._children:
            opener = self._text[offset : offset + 1]
            if opener == "{":
                self._children[offset] = self._object(offset)
            elif opener == "[":
                self._children[offset] = self._list(offset)
            else:
                self._children[offset] = []
        return self._children[offset]

    def _object(self, offset: int) -> list[Child]:
        text = self._text
        found: list[Child] = []
        here = self._skip_space(offset + 1)
        while text[here : here + 1] == '"':
            end = end_of(self._text, here)
            colon = self._skip_space(end)
            value = self._skip_space(colon + 1)
            found.append(Child(_decode(text[here:end]), here, value))
            here = self._skip_space(end_of(self._text, value))
            if text[here : here + 1] != ",":
                break
            here = self._skip_space(here + 1)
        return found

    def _list(self, offset: int) -> list[Child]:
        text = self._text
        found: list[Child] = []
        here = self._skip_space(offset + 1)
        while here < len(text) and text[here] != "]":
            found.append(Child(len(found), here, here))
            here = self._skip_space(end_of(self._text, here))
            if text[here : here + 1] != ",":
                break
            here = self._skip_space(here + 1)
        return found

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
    from widgets.text import clean

    parts: list[str] = []
    for name in path:
        if isinstance(name, int):
            parts.append(f"[{name}]")
        elif _PLAIN_KEY.fullmatch(name):
            parts.append(f".{name}" if parts else name)
        else:
            shown = clean(name, limit=64).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'["{shown}"]')
    return "".join(parts)
