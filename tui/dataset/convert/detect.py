"""Which format of other people's a record is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tui.dataset.convert import shapes
from tui.dataset.convert.model import Fields, Message, SkipError, plain_name
from tui.dataset.convert.sharegpt import sharegpt

Converter = Callable[[Fields], Message]

CONVERTERS: Mapping[str, Converter] = {
    "alpaca": shapes.alpaca,
    "sharegpt": sharegpt,
    "completion": shapes.completion,
    "qa": shapes.question,
    "columns": shapes.role_keys,
    "preference": shapes.preference,
}
"""How each format is converted, by the name ``--from`` knows it by."""

READY = "ready"
"""A record that needs no conversion."""


def kind_of(record: Mapping[str, Any]) -> str | None:
    """Return the name of a record's format, ``ready`` for one that is chat or preference already.

    ``None`` where its keys are those of no format that is known.
    """
    names = {plain_name(key) for key in record}
    if _is_ready(record):
        return READY
    if names & set(shapes.CHOSEN) and names & set(shapes.REJECTED):
        return "preference"
    if names & {"conversations", "conversation"} or isinstance(record.get("messages"), list):
        return "sharegpt"
    if "instruction" in names and names & set(shapes.ALPACA_ANSWERS):
        return "alpaca"
    if "assistant" in names and names & {"user", "human"}:
        return "columns"
    if "prompt" in names and names & set(shapes.COMPLETION_ANSWERS):
        return "completion"
    if names & set(shapes.QUESTIONS) and names & set(shapes.ANSWERS):
        return "qa"
    return None


def _is_ready(record: Mapping[str, Any]) -> bool:
    messages = record.get("messages")
    if isinstance(messages, list) and "chosen" not in record:
        return all(isinstance(entry, dict) and "role" in entry for entry in messages)
    return "preferred_output" in record and isinstance(record.get("input"), dict)


def convert_record(record: object, kind: str, left_out: dict[str, int]) -> tuple[str, Message]:
    """Return the name of a record's format and the record converted.

    Args:
        record: The parsed record.
        kind: The format to read it as; ``auto`` finds it out.
        left_out: Counts what could not be carried over.

    Raises:
        SkipError: It cannot be converted.
    """
    if not isinstance(record, dict):
        raise SkipError("not an object")
    found = kind_of(record)
    if kind != "auto" and found not in (READY, "preference"):
        found = kind
    if found is None:
        keys = ", ".join(str(key)[:20] for key in list(record)[:4])
        raise SkipError(f"no known format, with the keys {keys}")
    if found == READY:
        return found, record
    fields = Fields(record, left_out)
    converted = CONVERTERS[found](fields)
    fields.finish()
    return found, converted
