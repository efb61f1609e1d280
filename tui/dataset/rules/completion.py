"""The old format of prompt and completion."""

from __future__ import annotations

from collections.abc import Iterator

from tui.dataset.model import Finding
from tui.dataset.rules import chat
from tui.dataset.rules.text import a_kind, find_special_token

RECORD_KEYS = frozenset(("prompt", "completion"))


def check(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    """Run every rule of the format on a record that is an object."""
    for key in ("prompt", "completion"):
        if key not in record:
            yield Finding(
                f"missing_{key}", (), f"the record has no {key}", f"write the {key} as text"
            )
            continue
        value = record[key]
        if not isinstance(value, str):
            yield Finding(
                "completion_type", (key,), f"the {key} is {a_kind(value)}, not text", "write text"
            )
            continue
        if key == "completion" and not value.strip():
            yield Finding(
                "empty_completion",
                (key,),
                "the completion is empty: there is nothing to learn",
                "write the answer, or remove the line",
            )
        token = find_special_token(value, (key,), encoding)
        if token:
            yield token
    for key in record:
        if key not in RECORD_KEYS:
            yield chat.extra_key(key, RECORD_KEYS, record)
