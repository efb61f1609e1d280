"""Changing one thing in a record's text and nothing else.

A record that is parsed and written again loses how its numbers, escapes and spaces were written.
Here only the characters of what is repaired change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from tui.dataset.locate import Locator, end_of
from tui.dataset.model import JsonPath


class Draft:
    """The text of one JSON object, with edits collected and then made together.

    Attributes:
        text: The text as it is now.
        value: The object it holds; not changed by the edits until `apply`.
    """

    def __init__(self, text: str, value: dict[str, object]) -> None:
        self.text = text
        self.value = value
        self._ascii = text.isascii()
        self._spaced = ": " in text or ":" not in text
        self._locator = Locator(text)
        self._edits: list[tuple[int, int, str]] = []

    def dumps(self, value: object) -> str:
        """Write a value the way the record is written."""
        separators = (", ", ": ") if self._spaced else (",", ":")
        if not self._ascii:
            text = json.dumps(value, ensure_ascii=False, separators=separators)
            if not any("\ud800" <= char <= "\udfff" for char in text):
                return text
        return json.dumps(value, separators=separators)

    def replace(self, path: JsonPath, value: object) -> None:
        """Put another value at ``path``."""
        start = self._locator.find(path)
        self._edits.append((start, end_of(self.text, start), self.dumps(value)))

    def rename(self, path: JsonPath, key: str) -> None:
        """Give the key at the end of ``path`` another name."""
        start = self._locator.find(path, at_key=True)
        self._edits.append((start, end_of(self.text, start), self.dumps(key)))

    def remove(self, path: JsonPath, names: Collection[str | int]) -> None:
        """Take entries out of the container at ``path``, every one that has one of the names."""
        children = self._locator.children(path)
        first: int | None = None
        for position, child in enumerate(children):
            gone = child.name in names
            if gone and first is None:
                first = position
            if first is None or (gone and position + 1 < len(children)):
                continue
            if not gone:
                self._edits.append((children[first].key, child.key, ""))
            else:
                start = children[first].key
                if first > 0:
                    start = end_of(self.text, children[first - 1].value)
                self._edits.append((start, end_of(self.text, child.value), ""))
            first = None

    def add(self, path: JsonPath, key: str, value: object) -> None:
        """Put an entry at the end of the object at ``path``."""
        children = self._locator.children(path)
        colon = ": " if self._spaced else ":"
        entry = f"{self.dumps(key)}{colon}{self.dumps(value)}"
        if children:
            at = end_of(self.text, children[-1].value)
            entry = (", " if self._spaced else ",") + entry
        else:
            at = self._locator.find(path) + 1
        self._edits.append((at, at, entry))

    def put_first(self, path: JsonPath, value: object) -> None:
        """Put a value at the front of the list at ``path``."""
        children = self._locator.children(path)
        comma = (", " if self._spaced else ",") if children else ""
        at = children[0].value if children else self._locator.find(path) + 1
        self._edits.append((at, at, self.dumps(value) + comma))

    def apply(self, parse: Callable[[bytes], object]) -> bool:
        """Make the edits; return whether there were any.

        Where the result does not parse, which no repair intends, the text stays as it was and the
        edits are dropped.
        """
        if not self._edits:
            return False
        self._edits.sort(key=lambda edit: (edit[0], edit[1]))
        parts: list[str] = []
        here = 0
        for start, end, text in self._edits:
            parts += (self.text[here:start], text)
            here = max(here, end)
        parts.append(self.text[here:])
        self._edits = []
        text = "".join(parts)
        value = parse(text.encode("utf-8"))
        if not isinstance(value, dict):
            return False
        self.text, self.value = text, value
        self._locator = Locator(text)
        return True
