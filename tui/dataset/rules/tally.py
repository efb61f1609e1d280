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


@dataclass(slots=True)
class Tally:
    """Sums over some of a file's records; one of a part can be merged into that of the whole.

    Attributes:
        pictured: Records with images.
        pairs: Prompts with their completions.
        prompt_end: What all the prompts end with; ``None`` before the first.
        completion_end: What all the completions end with; ``None`` before the first.
        unspaced: Completions that start with no white space.
        functions: A digest of each function's definition, by its name.
        differing: Functions that are defined in more than one way.
        last: The tools seen last, which are most often those of the next record too.
    """

    pictured: int = 0
    pairs: int = 0
    prompt_end: str | None = None
    completion_end: str | None = None
    unspaced: int = 0
    functions: dict[str, bytes] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    last: object = None

    def add(self, record: dict[str, object], kind: Format, images: int) -> None:
        """Add a record of a file of format ``kind`` that has so many images."""
        self.pictured += images > 0
        if kind is Format.COMPLETION:
            self._pair(record.get("prompt"), record.get("completion"))
            return
        holder = record.get("input") if kind is Format.PREFERENCE else record
        tools = holder.get("tools") if isinstance(holder, dict) else None
        if isinstance(tools, list) and not self._seen(tools):
            self.last = tools
            for tool in tools:
                function = tool.get("function") if isinstance(tool, dict) else None
                if isinstance(function, dict) and isinstance(function.get("name"), str):
                    self._function(function["name"], _digest(function))

    def merge(self, other: Tally) -> None:
        """Add what another part of the file holds."""
        self.pictured += other.pictured
        self.pairs += other.pairs
        self.unspaced += other.unspaced
        self.prompt_end = _common(self.prompt_end, other.prompt_end)
        self.completion_end = _common(self.completion_end, other.completion_end)
        self.differing |= other.differing
        for name, digest in other.functions.items():
            self._function(name, digest)

    def state(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        digests = {name: digest.hex() for name, digest in self.functions.items()}
        return {**plain, "functions": digests, "differing": sorted(self.differing), "last": None}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Tally:
        """Return the tally that gave a `state`.

        Raises:
            KeyError: Something is missing in it.
            TypeError: It has something that is not known.
            ValueError: Something cannot be read.
        """
        digests = {name: bytes.fromhex(digest) for name, digest in state["functions"].items()}
        return cls(**{**state, "functions": digests, "differing": set(state["differing"])})

    def copy(self) -> Tally:
        """Return the same, which does not change with this one."""
        return replace(self, functions=dict(self.functions), differing=set(self.differing))

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

    def _function(self, name: str, digest: bytes | None) -> None:
        known = self.functions.get(name)
        if digest is None:
            return
        if known is None:
            if len(self.functions) < _MOST_FUNCTIONS:
                self.functions[name] = digest
        elif known != digest:
            self.differing.add(name)


def _digest(function: dict[str, object]) -> bytes | None:
    """Return a digest that does not depend on the order of keys; ``None`` of what has no bytes."""
    try:
        text = orjson.dumps(function, option=orjson.OPT_SORT_KEYS)
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
