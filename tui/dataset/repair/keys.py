"""Keys no service knows: renamed where it is clear what is meant, removed where nothing is lost."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from tui.dataset.model import Format, JsonPath
from tui.dataset.repair.model import Work
from tui.dataset.rules import chat, completion, preference
from tui.dataset.rules.extra import (
    CONTENT_NAMES,
    ROLE_NAMES,
    WEIGHT_NAMES,
    is_needless,
    is_needless_in_record,
)
from tui.dataset.rules.message import ALL_KEYS, ANY_KEYS, KEYS, intended_role

_RECORD_KEYS = {
    Format.CHAT: chat.RECORD_KEYS,
    Format.PREFERENCE: preference.RECORD_KEYS,
    Format.COMPLETION: completion.RECORD_KEYS,
}


def rename_message_keys(work: Work) -> None:
    """Give keys of messages the name that is meant, where the message lacks it."""
    if not work.may("message_unrecognized_key"):
        return
    for path, entry in work.messages():
        taken = set(entry)
        for key in entry:
            target = _meant(key, entry, taken)
            if target is None:
                continue
            taken.add(target)
            if target == "weight":
                weight = int(bool(entry[key]))
                work.draft.replace((*path, key), weight)
            work.draft.rename((*path, key), target)
            work.note("message_unrecognized_key", (*path, key), "renamed", key, target)


def _meant(key: str, entry: dict[str, Any], taken: Collection[str]) -> str | None:
    """Return the name a key should have, ``None`` where it is right or cannot be told."""
    if key in ALL_KEYS:
        return None
    value = entry[key]
    role = intended_role(entry.get("role", _first(entry, ROLE_NAMES)))
    if key in WEIGHT_NAMES:
        fits = role == "assistant" and "weight" not in taken and value in (0, 1)
        return "weight" if fits else None
    if key in ROLE_NAMES:
        fits = "role" not in taken and intended_role(value) is not None
        return "role" if fits else None
    if key in CONTENT_NAMES:
        target: str | None = "content"
    else:
        target = _close(key, KEYS.get(role, ANY_KEYS) if role else ALL_KEYS)
    if target is None or target in taken or not _plausible(target, value):
        return None
    return target


def _first(entry: dict[str, Any], names: Collection[str]) -> object:
    return next((entry[name] for name in names if name in entry), None)


def _close(key: str, known: Collection[str]) -> str | None:
    plain = "".join(char for char in key[:40].lower() if char.isalnum())
    for name in known:
        if plain == name.replace("_", ""):
            return name
    close = get_close_matches(key.lower()[:40], sorted(known), n=1, cutoff=0.8)
    return close[0] if close else None


def _plausible(target: str, value: object) -> bool:
    if target == "content":
        return isinstance(value, str) or _dicts(value)
    if target == "role":
        return intended_role(value) is not None
    if target == "tool_calls":
        return _dicts(value)
    if target == "weight":
        return type(value) is int and value in (0, 1)
    if target == "function_call":
        return isinstance(value, dict)
    return isinstance(value, str) and bool(value)


def _dicts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, dict) for x in value)


def remove_message_keys(work: Work) -> None:
    """Remove keys of messages that no service knows and that carry nothing needed."""
    if not work.may("message_unrecognized_key"):
        return
    for path, entry in work.messages():
        extra = [key for key in entry if key not in ALL_KEYS and _needless(key, entry)]
        if not extra:
            continue
        work.draft.remove(path, extra)
        for key in extra:
            work.note("message_unrecognized_key", (*path, key), "removed", entry[key])


def _needless(key: str, entry: dict[str, Any]) -> bool:
    return is_needless(key, entry, intended_role(entry.get("role")))


def rename_record_keys(work: Work) -> None:
    """Give keys of the record the name that is meant, where the record lacks it."""
    if work.may("missing_output") and work.kind is Format.PREFERENCE:
        for old, new in preference.STALE.items():
            if _dicts(work.value.get(old)) and new not in work.value:
                work.draft.rename((old,), new)
                work.note("missing_output", (old,), "renamed", old, new)
    if not work.may("record_unrecognized_key") or work.kind is not Format.CHAT:
        return
    for key, value in work.value.items():
        target = None if key in chat.RECORD_KEYS else _close(key, ("messages", "tools"))
        if target and target not in work.value and _dicts(value) and _is(target, value):
            work.draft.rename((key,), target)
            work.note("record_unrecognized_key", (key,), "renamed", key, target)
            return


def _is(target: str, value: list[dict[str, Any]]) -> bool:
    key = "role" if target == "messages" else "function"
    return all(key in entry for entry in value)


def system_into_messages(work: Work) -> None:
    """Move a system text beside the messages to their front, where they have none."""
    text = work.value.get("system")
    if not (work.may("record_unrecognized_key") and work.kind is Format.CHAT):
        return
    if not isinstance(text, str) or not text.strip():
        return
    roles = [intended_role(entry.get("role")) for _, entry in work.messages()]
    if not roles or "system" in roles or "developer" in roles or None in roles:
        return
    work.draft.put_first(("messages",), {"role": "system", "content": text})
    work.draft.remove((), ("system",))
    work.note("record_unrecognized_key", ("system",), "moved into messages", text)


def remove_record_keys(work: Work) -> None:
    """Remove keys of the record that no service knows and that carry nothing needed."""
    known = _RECORD_KEYS.get(work.kind)
    if known is None or not work.may("record_unrecognized_key"):
        return
    if work.kind is Format.CHAT and "messages" not in work.value:
        return
    extra = [key for key in work.value if key not in known and _spare(work, key)]
    if not extra:
        return
    paths: list[JsonPath] = [(key,) for key in extra]
    work.draft.remove((), extra)
    for key, path in zip(extra, paths, strict=True):
        work.note("record_unrecognized_key", path, "removed", work.value[key])


def _spare(work: Work, key: str) -> bool:
    value = work.value[key]
    if key == "system" and value not in (None, "", [], {}):
        texts = [entry.get("content") for _, entry in work.messages()]
        return value in texts
    return is_needless_in_record(key, work.value)
