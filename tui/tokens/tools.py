"""Tool definitions as the models see them: a TypeScript-like namespace.

The service does not bill the JSON of ``tools`` but this rendering of it. Its form is inferred: on
the one public job with tools whose bill is known it is exact to the token, so every count that
rests on it is marked approximate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Schemas come from the dataset: recursion through them must end.
_MAX_DEPTH = 24
_PLAIN_TYPES = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean"}


def render_namespace(functions: list[Mapping[str, Any]]) -> str:
    """Return the namespace that declares these functions; never fails, whatever their shape.

    Args:
        functions: The ``function`` objects of ``tools``: name, description, parameters.
    """
    lines = ["namespace functions {", ""]
    for function in functions:
        lines.extend(_function(function))
        lines.append("")
    lines.append("} // namespace functions")
    return "\n".join(lines)


def function_objects(tools: object) -> list[Mapping[str, Any]]:
    """Return the function objects within ``tools`` or the older ``functions``, skipping others."""
    if not isinstance(tools, list):
        return []
    found = (tool.get("function", tool) for tool in tools if isinstance(tool, dict))
    return [function for function in found if isinstance(function, dict)]


def _function(function: Mapping[str, Any]) -> Iterator[str]:
    yield from _comment(function, 0)
    name = _word(function.get("name", ""))
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    if not isinstance(parameters, dict) or not isinstance(properties, dict) or not properties:
        yield f"type {name} = () => any;"
        return
    yield f"type {name} = (_: {{"
    yield from _properties(parameters, 0)
    yield "}) => any;"


def _properties(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    indent = "  " * depth
    for key, value in properties.items():
        value = value if isinstance(value, dict) else {}
        yield from _comment(value, depth)
        mark = "" if key in required else "?"
        yield f"{indent}{_word(key)}{mark}: {_type(value, depth)},"


def _comment(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    description = schema.get("description")
    # The model is not shown what nested properties say of themselves.
    if isinstance(description, str) and description and depth == 0:
        yield from (f"// {line}" for line in description.split("\n"))


def _type(schema: Mapping[str, Any], depth: int) -> str:
    if depth >= _MAX_DEPTH:
        return "any"
    for union in ("anyOf", "oneOf"):
        options = schema.get(union)
        if isinstance(options, list) and options:
            shapes = (option if isinstance(option, dict) else {} for option in options)
            return " | ".join(_type(shape, depth + 1) for shape in shapes)
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return " | ".join(_literal(value) for value in values)
    kind = schema.get("type")
    if isinstance(kind, list):
        # Each once: a repeated name would render the same children again, and theirs again.
        names = dict.fromkeys(name for name in kind if isinstance(name, str))
        return " | ".join(_named(name, schema, depth) for name in names) or "any"
    return _named(kind, schema, depth)


def _named(kind: object, schema: Mapping[str, Any], depth: int) -> str:
    if kind == "array":
        items = schema.get("items")
        return f"{_type(items, depth + 1)}[]" if isinstance(items, dict) else "any[]"
    if kind == "object":
        inner = "\n".join(_properties(schema, depth + 1))
        return f"{{\n{inner}\n}}" if inner else "object"
    if kind == "null":
        return "null"
    return _PLAIN_TYPES.get(kind, "any") if isinstance(kind, str) else "any"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "any"


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""
