"""A glance at records with tools: accepts those that certainly have no fault, which is most.

What `chat.plain` is to conversations this is to those that call functions. The definitions of tools
are looked at once, however many records repeat them. A test proves that whatever is accepted here
the rules find nothing in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tui.dataset.mojibake import looks_odd
from tui.dataset.rules import arguments, definitions
from tui.dataset.rules.chat import PLAIN_SHIFT, PLAIN_SYSTEM, PLAIN_USER
from tui.dataset.rules.quality.answers import REFUSAL_STARTS, is_refusal
from tui.dataset.rules.text import TOKEN_START

_MOST_KITS = 256
_MOST_BYTES = 64 << 10
_DEEP = 100
_EXACT: dict[object, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}
_CALL_STRINGS = 9

Fits = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Kit:
    """Tools that have no fault.

    Attributes:
        tools: The definitions.
        fits: For each function whether arguments fit its parameters.
        strings: How many strings the definitions hold, keys included.
    """

    tools: list[Any]
    fits: dict[str, Fits]
    strings: int


class Calling:
    """Accepts records with tools at a glance, and remembers the tools of the last ones.

    Args:
        shape: Counts the strings and the depth of a value.
    """

    def __init__(self, shape: Callable[[object], tuple[int, int]]) -> None:
        self._shape = shape
        self._kits: dict[bytes, Kit | None] = {}

    def plain(self, record: dict[str, Any]) -> tuple[int, Kit | None]:
        """Return what `chat.plain` returns for a record without tools, and the tools.

        The number is 0, and the tools are ``None``, where the rules have to look at the record.
        """
        if len(record) != 2:
            return 0, None
        messages, tools = record.get("messages"), record.get("tools")
        if type(messages) is not list or type(tools) is not list:
            return 0, None
        kit = self._kit(tools)
        if kit is None:
            return 0, None
        try:
            flags = _conversation(messages, kit)
        except (AttributeError, KeyError, TypeError, ValueError):
            flags = 0
        return flags, kit if flags else None

    def _kit(self, tools: list[Any]) -> Kit | None:
        try:
            key = orjson.dumps(tools)
        except TypeError:
            return None
        if key in self._kits:
            return self._kits[key]
        strings, depth = self._shape(tools)
        kit = None if depth > _DEEP else _made(tools, strings)
        if len(key) <= _MOST_BYTES:
            if len(self._kits) >= _MOST_KITS:
                self._kits.clear()
            self._kits[key] = kit
        return kit


def _made(tools: list[Any], strings: int) -> Kit | None:
    box = definitions.Toolbox()
    looking = definitions.check({"tools": tools}, ())
    while True:
        try:
            next(looking)
        except StopIteration as end:
            box = end.value
            break
        return None
    if not box.sure:
        return None
    return Kit(tools, {name: _fitting(schema) for name, schema in box.schemas.items()}, strings)


def _conversation(messages: list[Any], kit: Kit) -> int:  # noqa: C901  (one loop, as in `chat.plain`)
    """Return flags and strings as `chat.plain` does.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is of another kind.
        AttributeError: Likewise.
        ValueError: Arguments are not JSON.
    """
    flags = 0
    previous = asked = None
    ids: set[str] = set()
    waiting: dict[str, int] = {}
    # The two keys of the record.
    strings = 2 + kit.strings
    for position, entry in enumerate(messages):
        role = entry["role"]
        calls = entry.get("tool_calls")
        if calls is not None:
            if role != "assistant" or previous == role or type(calls) is not list or not calls:
                return 0
            content = entry.get("content")
            if len(entry) != 2 + ("content" in entry):
                return 0
            strings += 3 if len(entry) == 2 else 4 + (content is not None)
            if content is not None and (type(content) is not str or _is_faulty(content)):
                return 0
            for call in calls:
                name = call["id"]
                function = call["function"]
                given = function["arguments"]
                if (
                    len(call) != 3
                    or len(function) != 2
                    or call["type"] != "function"
                    or type(name) is not str
                    or not name
                    or name in ids
                    or TOKEN_START in given
                    or looks_odd(given)
                ):
                    return 0
                value = orjson.loads(given)
                if type(value) is not dict or not kit.fits[function["name"]](value):
                    return 0
                ids.add(name)
                waiting[name] = position
                strings += _CALL_STRINGS
            if content and (content[:4] in REFUSAL_STARTS or content == asked):
                return 0
        elif role == "tool":
            content, name = entry["content"], entry["tool_call_id"]
            if len(entry) != 3 or name not in ids or (content and _is_faulty(content)):
                return 0
            waiting.pop(name, None)
            strings += 6
            # An answer may be empty, but must be text.
            content.isascii()
        else:
            content = entry["content"]
            if len(entry) != 2 or role == previous or not content or _is_faulty(content):
                return 0
            strings += 4
            if role == "user":
                flags |= PLAIN_USER
                asked = content
            elif role == "assistant":
                if content == asked or (content[:4] in REFUSAL_STARTS and is_refusal(content)):
                    return 0
            elif role != "system" or previous is not None:
                return 0
            else:
                flags |= PLAIN_SYSTEM
        previous = role
    if previous != "assistant" or any(at != len(messages) - 1 for at in waiting.values()):
        return 0
    return strings << PLAIN_SHIFT | flags


def _is_faulty(content: str) -> bool:
    return TOKEN_START in content or content.isspace() or looks_odd(content)


def _fitting(schema: object) -> Fits:
    """Return what tells quickly whether arguments certainly fit a schema of parameters."""
    simple = _simple(schema)

    def fits(value: dict[str, Any]) -> bool:
        if simple is not None and _fits_simple(value, *simple):
            return True
        return next(arguments.mismatches(value, schema), None) is None

    return fits


_Simple = tuple[dict[str, tuple[tuple[type, ...], frozenset[str] | None]], frozenset[str]]


def _simple(schema: object) -> _Simple | None:
    """Return kinds and values of properties and which are needed, where that is all there is."""
    if not isinstance(schema, dict):
        return None
    properties, needed = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(needed, list):
        return None
    if not all(isinstance(name, str) for name in needed):
        return None
    known = {}
    for name, inner in properties.items():
        kind = inner.get("type") if isinstance(inner, dict) else None
        if not isinstance(kind, str) or kind not in _EXACT:
            continue
        allowed = inner.get("enum")
        if allowed is not None:
            if kind != "string" or not isinstance(allowed, list):
                continue
            if not all(isinstance(one, str) for one in allowed):
                continue
        known[name] = (_EXACT[kind], frozenset(allowed) if allowed else None)
    return known, frozenset(needed)


def _fits_simple(
    value: dict[str, Any],
    known: dict[str, tuple[tuple[type, ...], frozenset[str] | None]],
    needed: frozenset[str],
) -> bool:
    if not needed <= value.keys():
        return False
    for name, entry in value.items():
        rule = known.get(name)
        if rule is None or type(entry) not in rule[0]:
            return False
        if rule[1] is not None and entry not in rule[1]:
            return False
    return True
