"""What a record holds besides its messages: tools as signatures, other fields as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator

from widgets.laid import PAIR_WIDTH, Laid, Rows
from widgets.record_data import RecordData
from widgets.text import ascii_only, cell_width, clean, fit, pad

_MOST_KEY = 24
_DEPTH = 3
_TOOLS = ("tools", "functions")

Lead = tuple[tuple[str, str], ...]


def lay_fields(out: Rows, record: RecordData, head: int) -> None:
    """Lay out the fields of a record that are no messages.

    Those a grader compares with stand beside the conversation where there is room, because there
    they are seen at once.

    Args:
        out: Where the rows go; holds the conversation already.
        record: The record.
        head: How many of those rows come before the conversation.
    """
    tools = [(key, value) for key, value in record.extra if key in _TOOLS]
    others = [(key, value) for key, value in record.extra if key not in _TOOLS]
    if others and out.width >= PAIR_WIDTH and _asked(record):
        rows = out.rows[head:-1]
        del out.rows[head:]
        side = Rows(out.width - _conversation_width(out.width) - 3, out.limit)
        side.blocks = out.blocks
        _table(side, record, others)
        out.blocks = side.blocks
        out.pair(rows, side.rows, _conversation_width(out.width))
        out.blank()
        others = []
    for key, value in tools:
        out.say(f" {key.upper()}", "record-view--section")
        if not _tools(out, value):
            out.json(value, ((" ", ""),))
        out.blank()
    if others:
        _table(out, record, others)
        out.blank()


def conversation_width(record: RecordData, width: int) -> int:
    """Cells for the conversation of a record: fewer where a grader's fields stand beside it."""
    others = any(key not in _TOOLS for key, _ in record.extra)
    beside = others and width >= PAIR_WIDTH and _asked(record)
    return _conversation_width(width) if beside else width


def _conversation_width(width: int) -> int:
    return width * 3 // 5


def _asked(record: RecordData) -> bool:
    """Whether the record ends with a question: its answer is graded."""
    return bool(record.turns) and record.turns[-1].role == "user"


def _table(out: Rows, record: RecordData, fields: list[tuple[str, str]]) -> None:
    title = " FIELDS FOR THE GRADER" if _asked(record) else " OTHER FIELDS"
    out.say(title, "record-view--section")
    names = [clean(key, 80) for key, _ in fields]
    width = min(_MOST_KEY, max(map(cell_width, names)), max(4, out.width // 3))
    for name, (_, value) in zip(names, fields, strict=True):
        _field(out, name, value, width)


def _field(out: Rows, name: str, value: str, width: int) -> None:
    """One row of the table, or several: the name, and the value at its right."""
    start = len(out.rows)
    gap: Lead = ((" " * (width + 3), ""),)
    text = _string(value)
    if text is None:
        out.json(value, gap)
    elif text:
        out.value(text, "", gap)
    else:
        out.say("(empty)", "rows--muted", gap)
    first = out.rows[start]
    lead: Lead = ((" ", ""), (pad(fit(name, width), width) + "  ", "record-view--key"))
    out.rows[start] = Laid(
        (*lead, *first.lead[1:]), first.text, first.style, first.source, first.row,
        block=first.block,
    )  # fmt: skip


def _string(value: str) -> str | None:
    if not value.startswith('"'):
        return None
    try:
        text = json.loads(value)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def _tools(out: Rows, value: str) -> bool:
    """Tool definitions as signatures; false where they are nothing like that."""
    try:
        tools = json.loads(value)
    except (ValueError, RecursionError):
        return False
    if not isinstance(tools, list) or not tools:
        return False
    functions = [tool.get("function", tool) for tool in tools if isinstance(tool, dict)]
    named = [f for f in functions if isinstance(f, dict) and isinstance(f.get("name"), str)]
    if len(named) < len(tools) or len(value) > out.limit:
        return False
    arrow = "-> " if ascii_only() else "→ "
    for function in named:
        out.say(f"{arrow}{function['name']}", "record-view--call", ((" ", ""),))
        described = function.get("description")
        if isinstance(described, str) and described:
            out.value(described, "", (("    ", ""),))
        for depth, name, kind, words in _parameters(function.get("parameters"), 0):
            indent = "    " + "  " * depth
            out.say(f"{name}: {kind}", "record-view--key", ((indent, ""),))
            if words:
                out.value(words, "rows--muted", ((indent + "    ", ""),))
    return True


def _parameters(schema: object, depth: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield depth, name, type and description of the parameters of a JSON schema."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return
    properties = schema.get("properties")
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    if not isinstance(properties, dict):
        yield from _parameters(schema.get("items"), depth)
        return
    for name, kind in properties.items():
        words = kind.get("description") if isinstance(kind, dict) else None
        said = _type(kind) + ("" if name in needed else ", optional")
        yield depth, str(name), said, words if isinstance(words, str) else ""
        yield from _parameters(kind, depth + 1)


def _type(schema: object) -> str:
    """A parameter's type in a few words: ``string``, ``one of a, b``, ``list of number``."""
    if not isinstance(schema, dict):
        return "anything"
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return "one of " + ", ".join(json.dumps(value, ensure_ascii=False) for value in values)
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type(schema['items'])}"
    return str(kind)
