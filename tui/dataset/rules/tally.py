"""What rules about the whole file gather on the way: small, whatever the size of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any

import orjson

from tui.dataset.model import Format

_MOST_FUNCTIONS = 10_000
_ENDING = 100

Place = tuple[int, int]
"""The line and the column where a record starts."""


@dataclass(slots=True)
class Tally:
    """Sums over some of a file's records; one of a part can be merged into that of the whole.

    Attributes:
        pictured: Records with images.
        pairs: Prompts with their completions.
        prompt_end: What all the prompts end with; ``None`` before the first.
        completion_end: What all the completions end with; ``None`` before the first.
        unspaced: Completions that start with no white space.
        functions: A digest of each function's definition and where it stands first, by its name.
        differing: Where a function is defined otherwise than before, for the first time, by name.
        last: The tools seen last, which are most often those of the next record too.
    """

    pictured: int = 0
    pairs: int = 0
    prompt_end: str | None = None
    completion_end: str | None = None
    unspaced: int = 0
    functions: dict[str, tuple[bytes, Place]] = field(default_factory=dict)
    differing: dict[str, Place] = field(default_factory=dict)
    last: object = None

    def add(
        self, record: dict[str, object], kind: Format, images: int, place: Place = (1, 1)
    ) -> None:
        """Add a record of a file of format ``kind`` that has so many images."""
        self.pictured += images > 0
        if kind is Format.COMPLETION:
            self._pair(record.get("prompt"), record.get("completion"))
            return
        holder = record.get("input") if kind is Format.PREFERENCE else record
        tools = holder.get("tools") if isinstance(holder, dict) else None
        if isinstance(tools, list):
            self.add_tools(tools, place)

    def add_tools(self, tools: list[Any], place: Place) -> None:
        """Add the tools of a record."""
        if not self._seen(tools):
            self.last = tools
            for tool in tools:
                function = tool.get("function") if isinstance(tool, dict) else None
                if isinstance(function, dict) and isinstance(function.get("name"), str):
                    self._function(function["name"], _digest(function), place)

    def merge(self, other: Tally, base: int = 0) -> None:
        """Add what the next part of the file holds, whose lines count from ``base``."""
        self.pictured += other.pictured
        self.pairs += other.pairs
        self.unspaced += other.unspaced
        self.prompt_end = _common(self.prompt_end, other.prompt_end)
        self.completion_end = _common(self.completion_end, other.completion_end)
        # The first of a part comes before any that differs from it there.
        for name, (digest, place) in other.functions.items():
            self._function(name, digest, _moved(place, base))
        for name, place in other.differing.items():
            self.differing.setdefault(name, _moved(place, base))

    def state(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        digests = {name: [digest.hex(), *at] for name, (digest, at) in self.functions.items()}
        differing = {name: list(at) for name, at in self.differing.items()}
        return {**plain, "functions": digests, "differing": differing, "last": None}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Tally:
        """Return the tally that gave a `state`.

        Raises:
            KeyError: Something is missing in it.
            TypeError: It has something that is not known.
            ValueError: Something cannot be read.
        """
        functions = {}
        for name, (digest, line, column) in dict(state["functions"]).items():
            functions[name] = (bytes.fromhex(digest), (int(line), int(column)))
        differing = {}
        for name, (line, column) in dict(state["differing"]).items():
            differing[name] = (int(line), int(column))
        return cls(**{**state, "functions": functions, "differing": differing})

    def copy(self) -> Tally:
        """Return the same, which does not change with this one."""
        return replace(self, functions=dict(self.functions), differing=dict(self.differing))

    def _seen(self, tools: list[object]) -> bool:
        try:
            return tools == self.last
        except RecursionError:
            # Nested deeper than any service reads, which is an issue of its own.
            return True

    def _pair(self, prompt: object, completion: object) -> None:
        if not isinstance(prompt, str) or not isinstance(completion, str):
            return
        # An empty one has an issue of its own.
        if not completion.strip():
            return
        self.pairs += 1
        self.prompt_end = _common(self.prompt_end, prompt[-_ENDING:])
        self.completion_end = _common(self.completion_end, completion[-_ENDING:])
        self.unspaced += not completion[0].isspace()

    def _function(self, name: str, digest: bytes | None, place: Place) -> None:
        known = self.functions.get(name)
        if digest is None:
            return
        if known is None:
            if len(self.functions) < _MOST_FUNCTIONS:
                self.functions[name] = (digest, place)
        elif known[0] != digest:
            self.differing.setdefault(name, place)


def _moved(place: Place, base: int) -> Place:
    return place[0] + base, place[1]


def _digest(function: dict[str, object]) -> bytes | None:
    """Return a digest that does not depend on the order of keys; ``None`` of what has no bytes.

    What says nothing is left out: a function without parameters is written in several ways.
    """
    said = {key: value for key, value in function.items() if value}
    parameters = said.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        # What is no schema has an issue of its own.
        return None
    if isinstance(parameters, dict):
        telling = {key: value for key, value in parameters.items() if value}
        if telling == {"type": "object"}:
            del said["parameters"]
    try:
        text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    return blake2b(text, digest_size=8).digest()


def _common(one: str | None, other: str | None) -> str | None:
    """Return what both texts end with; of a missing one, the other."""
    if one is None or other is None:
        return other if one is None else one
    length = 0
    for here, there in zip(reversed(one), reversed(other), strict=False):
        if here != there:
            break
        length += 1
    return one[len(one) - length :]
