"""Values that are nearly right: roles, weights, and text that was decoded wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tui.dataset.model import Format, JsonPath
from tui.dataset.mojibake import undo_mojibake
from tui.dataset.repair.model import Work
from tui.dataset.rules.message import ROLES, intended_role, weight_meant


def roles(work: Work) -> None:
    """Write the role that is meant where only one can be."""
    if not work.may("unrecognized_role"):
        return
    for path, entry in work.messages():
        role = entry.get("role")
        meant = intended_role(role)
        if meant is None or meant == role or not isinstance(role, str):
            continue
        spelt = role.strip().lower() == meant
        if meant == "tool" and not spelt and "tool_call_id" not in entry:
            # Which call it answers is not known, so the record would stay as wrong as it is.
            continue
        work.draft.replace((*path, "role"), meant)
        work.note("unrecognized_role", (*path, "role"), "rewritten", role, meant)


def weights(work: Work) -> None:
    """Write weights as the integers 0 and 1, and only where there is something to train."""
    if not work.may("invalid_weight"):
        return
    for path, entry in work.messages():
        if "weight" not in entry:
            continue
        weight, role = entry["weight"], entry.get("role")
        if role in ROLES and role != "assistant":
            work.draft.remove(path, ("weight",))
            work.note("invalid_weight", (*path, "weight"), "removed", weight)
        elif (right := weight_meant(weight)) is not None:
            work.draft.replace((*path, "weight"), right)
            work.note("invalid_weight", (*path, "weight"), "rewritten", weight, right)


def developer(work: Work) -> None:
    """Write developer messages as system messages."""
    if not work.may("developer_role"):
        return
    for path, entry in work.messages():
        if entry.get("role") == "developer":
            work.draft.replace((*path, "role"), "system")
            work.note("developer_role", (*path, "role"), "rewritten", "developer", "system")


def blank_messages(work: Work) -> None:
    """Leave out messages of white space only, but for the last of a list."""
    if not work.may("blank_content"):
        return
    for path, entries in work.lists():
        gone = [
            position
            for position, entry in enumerate(entries[:-1])
            if isinstance(entry, dict) and _is_blank(entry)
        ]
        if gone:
            work.draft.remove(path, gone)
        for position in gone:
            work.note("blank_content", (*path, position), "removed", entries[position])


def _is_blank(entry: dict[str, Any]) -> bool:
    content = entry.get("content")
    calls = entry.get("tool_calls") or entry.get("function_call") or "tool_call_id" in entry
    return isinstance(content, str) and bool(content) and content.isspace() and not calls


def mojibake(work: Work) -> None:
    """Decode wrongly decoded text again."""
    if not work.may("mojibake"):
        return
    for path, text in _texts(work):
        better = undo_mojibake(text)
        if better != text:
            work.draft.replace(path, better)
            work.note("mojibake", path, "rewritten", text, better)


def _texts(work: Work) -> Iterator[tuple[JsonPath, str]]:
    if work.kind is Format.COMPLETION:
        for key in ("prompt", "completion"):
            if isinstance(work.value.get(key), str):
                yield (key,), work.value[key]
    for path, entry in work.messages():
        content = entry.get("content")
        if isinstance(content, str):
            yield (*path, "content"), content
        elif isinstance(content, list):
            for position, part in enumerate(content):
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    yield (*path, "content", position, "text"), part["text"]
