"""The rules of one message: its role, its keys, its content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from tui.dataset.model import Finding, JsonPath
from tui.dataset.rules.extra import CONTENT_NAMES, ROLE_NAMES, is_needless
from tui.dataset.rules.text import TOKEN_START, a_kind, find_special_token, nearest, quote

ROLES = ("system", "user", "assistant", "tool", "function", "developer")

# What other formats call the roles; only where one reading is possible is the repair a safe one.
ALIASES = {
    "human": "user",
    "customer": "user",
    "person": "user",
    "prompter": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "agent": "assistant",
    "observation": "tool",
    "tool_response": "tool",
}

ANY_KEYS = frozenset(("role", "content", "name"))
KEYS = {
    "assistant": ANY_KEYS | {"weight", "tool_calls", "function_call", "refusal"},
    "tool": ANY_KEYS | {"tool_call_id"},
}
ALL_KEYS = ANY_KEYS | KEYS["assistant"] | KEYS["tool"]

_SPEAKERS = frozenset(("system", "user", "assistant"))
_KNOWN = frozenset(ROLES)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CALL_KEYS = ("tool_calls", "function_call", "refusal")


def intended_role(role: object) -> str | None:
    """Return the role that was meant, ``None`` where that cannot be told.

    Rules about the order of messages read roles through this, so that one misspelt role is one
    issue and not three.
    """
    if not isinstance(role, str):
        return None
    return role if role in _KNOWN else _repair_role(role)


def _repair_role(role: str) -> str | None:
    if len(role) > 40:
        return None
    word = role.strip().lower()
    return word if word in ROLES else ALIASES.get(word)


def check(entry: dict[str, object], path: JsonPath, encoding: str) -> Iterator[Finding]:
    """Run every rule of a single message on the object at ``path``."""
    if _is_plain(entry):
        return
    role = intended_role(entry.get("role"))
    yield from _role(entry, path)
    yield from _keys(entry, path, role)
    yield from _content(entry, path, role, encoding)
    yield from _weight(entry, path, role)
    yield from _name(entry, path)


def _is_plain(entry: dict[str, object]) -> bool:
    """Whether a message certainly breaks no rule, as most in a faulty record; the rules take long.

    A test proves that they find nothing in what this accepts.
    """
    content, role = entry.get("content"), entry.get("role")
    return (
        len(entry) == 2
        and isinstance(content, str)
        and isinstance(role, str)
        and role in _SPEAKERS
        and TOKEN_START not in content
        and content != ""
        and not content.isspace()
    )


def _role(entry: dict[str, object], path: JsonPath) -> Iterator[Finding]:
    if "role" not in entry:
        wrong = next((key for key in ("from", "speaker", "author") if key in entry), None)
        hint = f"rename the key {wrong} to role" if wrong else f"add one of {', '.join(ROLES[:3])}"
        yield Finding("message_missing_key", path, "the message has no role", hint)
        return
    role = entry["role"]
    here = (*path, "role")
    if role == "developer":
        yield Finding(
            "developer_role",
            here,
            "the role developer is accepted by newer services only",
            "use system where the provider refuses it",
        )
    elif not isinstance(role, str):
        yield Finding(
            "unrecognized_role",
            here,
            f"the role is {a_kind(role)}, not text",
            f"use one of {', '.join(ROLES)}",
            fixable=False,
        )
    elif role not in ROLES:
        meant = _repair_role(role)
        # Which call an answer belongs to is not known where its id is missing.
        lost = meant == "tool" and "tool_call_id" not in entry and role.strip().lower() != "tool"
        if meant:
            hint = f"write {meant}"
        else:
            close = get_close_matches(role[:40].lower(), ROLES, n=1, cutoff=0.75)
            hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(ROLES)}"
        yield Finding(
            "unrecognized_role",
            here,
            f"the role {quote(role)} is not known",
            hint,
            fixable=meant is not None and not lost,
        )


def _keys(entry: dict[str, object], path: JsonPath, role: str | None) -> Iterator[Finding]:
    allowed = KEYS.get(role, ANY_KEYS) if role else ALL_KEYS
    for key, value in entry.items():
        # Exporters write unused keys as null, which every service takes as absent; a weight has
        # its own rule.
        if key in allowed or key == "weight" or (key in ALL_KEYS and value is None):
            continue
        here = (*path, key)
        if key in ALL_KEYS:
            owner = "tool" if key == "tool_call_id" else "assistant"
            yield Finding(
                "message_unrecognized_key",
                here,
                f"{key} on a message with the role {role}",
                f"only a message with the role {owner} has it: remove it, or correct the role",
                at_key=True,
                fixable=False,
            )
            continue
        close = nearest(key, ALL_KEYS, 0.8)
        yield Finding(
            "message_unrecognized_key",
            here,
            f"the message has an extra key {quote(key)}",
            (f"did you mean {close}? if not, " if close else "")
            + "remove it: services refuse keys they do not know",
            at_key=True,
            fixable=bool(close) or _is_renamed(key, value) or is_needless(key, entry, role),
        )


def _is_renamed(key: str, value: object) -> bool:
    return key in ROLE_NAMES or (key in CONTENT_NAMES and isinstance(value, str))


def _content(
    entry: dict[str, object], path: JsonPath, role: str | None, encoding: str
) -> Iterator[Finding]:
    calls = any(entry[key] not in (None, [], "", {}) for key in _CALL_KEYS if key in entry)
    optional = calls and role in ("assistant", None)
    if "content" not in entry:
        if not optional:
            wrong = next((key for key in ("value", "text", "message") if key in entry), None)
            need = "content, a call or a refusal" if role == "assistant" else "content"
            yield Finding(
                "message_missing_key",
                path,
                "the message has no content",
                f"rename the key {wrong} to content" if wrong else f"add {need}",
            )
        return
    content = entry["content"]
    here = (*path, "content")
    if isinstance(content, str):
        yield from _text(content, here, role, optional, encoding)
    elif content is None:
        if not optional:
            yield _missing(here, "the content is null")
    elif isinstance(content, list):
        yield from _parts(content, here, role, optional, encoding)
    else:
        yield Finding(
            "content_type",
            here,
            f"the content is {a_kind(content)}, not text",
            "write it as text in double quotes; an object or number inside it too",
        )


def _missing(path: JsonPath, found: str) -> Finding:
    return Finding("missing_content", path, found, "write the text, or remove the message")


def _text(
    text: str, path: JsonPath, role: str | None, optional: bool, encoding: str
) -> Iterator[Finding]:
    # A function may well return nothing, so an empty tool result is no fault.
    if not text:
        if not optional and role not in ("tool", "function"):
            yield _missing(path, "the content is empty")
        return
    if text.isspace():
        yield Finding(
            "blank_content",
            path,
            "the content is white space only",
            "write the text, or remove the message",
        )
        return
    token = find_special_token(text, path, encoding)
    if token:
        yield token


def _parts(
    parts: list[object], path: JsonPath, role: str | None, optional: bool, encoding: str
) -> Iterator[Finding]:
    if role == "function":
        yield Finding(
            "content_type",
            path,
            "the content is a list, but the role function takes text only",
            "write the result as one text",
        )
        return
    if not parts:
        if not optional:
            yield _missing(path, "the content is an empty list")
        return
    blank = True
    for position, part in enumerate(parts):
        here = (*path, position)
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if isinstance(text, str):
            blank = blank and (not text or text.isspace())
            token = find_special_token(text, (*here, "text"), encoding)
            if token:
                yield token
            continue
        blank = False
        yield from _part(part, here, role)
    if blank:
        yield Finding(
            "blank_content",
            path,
            "all parts of the content are white space",
            "write the text, or remove the message",
        )


def _part(part: object, path: JsonPath, role: str | None) -> Iterator[Finding]:
    """Check a content part that is not simply text with its type."""
    code = "invalid_content_part"
    if not isinstance(part, dict):
        yield Finding(
            code, path, f"this part is {a_kind(part)}, not an object",
            'write {"type": "text", "text": …}',
        )  # fmt: skip
        return
    kind = part.get("type")
    if "type" not in part:
        yield Finding(code, path, "this part has no type", 'add "type": "text" or "image_url"')
    elif kind == "text":
        yield _part_without(part, path, "text", "the text")
    elif kind == "refusal" and role == "assistant":
        if not isinstance(part.get("refusal"), str):
            yield _part_without(part, path, "refusal", "the text of the refusal")
    elif kind == "image_url":
        if "image_url" not in part:
            yield _part_without(part, path, "image_url", '{"url": …}')
    else:
        hint = "use text or image_url parts; audio and files are not taken for training"
        if kind in ("image", "input_image"):
            hint = 'write it as {"type": "image_url", "image_url": {"url": …}}'
        found = f"a part of type {quote(kind)} cannot be trained on"
        yield Finding(code, (*path, "type"), found, hint)


def _part_without(part: dict[str, object], path: JsonPath, key: str, what: str) -> Finding:
    code = "invalid_content_part"
    if key in part:
        found = f"{key} of this part is {a_kind(part[key])}, not text"
        return Finding(code, (*path, key), found, f"write {what} there")
    names = ("value", "content") if key == "text" else ()
    wrong = next((other for other in names if other in part), None)
    hint = f"rename the key {wrong} to {key}" if wrong else f"add {key}: {what}"
    return Finding(code, path, f"a part of type {key} without {key}", hint)


def _weight(entry: dict[str, object], path: JsonPath, role: str | None) -> Iterator[Finding]:
    if "weight" not in entry:
        return
    weight = entry["weight"]
    here = (*path, "weight")
    if role not in ("assistant", None):
        yield Finding(
            "invalid_weight",
            here,
            f"weight on a message with the role {role}",
            "remove it: only assistant messages are trained, so only they have a weight",
            at_key=True,
        )
    elif type(weight) is not int or weight not in (0, 1):
        yield Finding(
            "invalid_weight",
            here,
            f"the weight is {quote(weight)}",
            "write 1 to train on this message, 0 to leave it out; nothing between",
            fixable=weight_meant(weight) is not None,
        )


def weight_meant(weight: object) -> int | None:
    """Return the integer a weight means, ``None`` where it is one already or means none."""
    if isinstance(weight, str):
        return int(weight) if weight.strip() in ("0", "1") else None
    if isinstance(weight, (bool, float)) and weight in (0, 1):
        return int(weight)
    return None


def _name(entry: dict[str, object], path: JsonPath) -> Iterator[Finding]:
    if "name" not in entry:
        return
    name = entry["name"]
    if isinstance(name, str) and _NAME.fullmatch(name):
        return
    # A null name is an exporter's way to write none.
    if name is None:
        return
    yield Finding(
        "invalid_name",
        (*path, "name"),
        f"the name is {quote(name)}",
        "use 1 to 64 letters, digits, underscores or hyphens, or remove the name",
    )
