"""Whether the arguments of a call fit the parameters of its function, where that is certain.

Only the plain part of JSON Schema is read: required and known properties, basic types, fixed
values, and the same inside objects and lists. Where a schema says more than that, or contradicts
itself, nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tui.dataset.rules.text import a_kind, quote

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_BEYOND = ("$ref", "anyOf", "oneOf", "allOf", "not", "if", "patternProperties", "$dynamicRef")
_MOST_DEPTH = 8
_MOST_ITEMS = 50
_MOST_SHOWN = 5


def mismatches(value: dict[str, object], schema: object) -> Iterator[str]:
    """Say in a few words each what of ``value`` certainly does not fit ``schema``."""
    if isinstance(schema, dict):
        yield from _object(value, schema, "", 0)


def _check(value: object, schema: object, where: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict) or depth > _MOST_DEPTH or _is_beyond(schema):
        return
    wanted = _types(schema)
    if value is None and schema.get("nullable") is True:
        return
    if wanted and not any(_is(value, name) for name in wanted):
        yield f"{where} is {_shown(value)}, not {_named(wanted)}"
        return
    allowed = schema.get("enum")
    if isinstance(allowed, list) and _contradicts(allowed, wanted):
        return
    if isinstance(allowed, list) and allowed and not any(_same(value, one) for one in allowed):
        some = ", ".join(quote(one, 20) for one in allowed[:_MOST_SHOWN])
        more = ", …" if len(allowed) > _MOST_SHOWN else ""
        yield f"{where} is {quote(value, 20)}, not one of {some}{more}"
    elif isinstance(value, dict):
        yield from _object(value, schema, where, depth)
    elif isinstance(value, list):
        for position, entry in enumerate(value[:_MOST_ITEMS]):
            yield from _check(entry, schema.get("items"), f"{where}[{position}]", depth + 1)


def _object(
    value: dict[str, object], schema: dict[str, object], where: str, depth: int
) -> Iterator[str]:
    if _is_beyond(schema):
        return
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    needed = [name for name in _listed(schema.get("required")) if isinstance(name, str)]
    prefix = f"{where}." if where else ""
    for name in needed:
        if name not in value and not _has_default(known.get(name)):
            yield f"the required {prefix}{_name(name)} is missing"
    closed = schema.get("additionalProperties") is False
    # Without a word on other properties a schema allows them, but a model is never told of them.
    listed = "additionalProperties" not in schema and isinstance(properties, dict)
    for name, entry in value.items():
        if name not in known:
            if closed or (listed and known):
                yield f"{prefix}{_name(name)} is no parameter of the function"
        elif entry is not None or name in needed:
            yield from _check(entry, known[name], f"{prefix}{_name(name)}", depth + 1)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _name(name: str) -> str:
    return quote(name, 30).strip("“”")


def _has_default(schema: object) -> bool:
    return isinstance(schema, dict) and "default" in schema


def _is_beyond(schema: dict[str, object]) -> bool:
    return any(word in schema for word in _BEYOND)


def _types(schema: dict[str, object]) -> list[str]:
    """Return the types a schema allows, none where it names one that is not known."""
    named = schema.get("type")
    names = named if isinstance(named, list) else [named]
    if all(isinstance(name, str) and name in _TYPES for name in names):
        return [str(name) for name in names]
    return []


def _is(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _contradicts(allowed: list[object], wanted: list[str]) -> bool:
    """Return whether a schema asks for a type that none of the values it allows has."""
    return bool(wanted) and not any(_is(one, name) for one in allowed for name in wanted)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"the text {quote(value, 20)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"the number {quote(value, 20)}"
    return a_kind(value)


def _named(types: list[str]) -> str:
    words = {"string": "text", "array": "a list", "object": "an object", "null": "null"}
    words |= {"boolean": "true or false", "number": "a number", "integer": "a whole number"}
    return " or ".join(words[name] for name in types)


def parse(text: str) -> object:
    """Return what the text of arguments says.

    Raises:
        ValueError: It is not one strict JSON value.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("too deep") from error


def _refuse(word: str) -> object:
    raise ValueError(word)
