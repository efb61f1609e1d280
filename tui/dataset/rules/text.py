"""Rules about text itself: control tokens, and how foreign text is quoted in a message."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files

from tui.dataset.model import Finding, JsonPath

DEFAULT_ENCODING = "o200k_base"
TOKEN_START = "<|"
"""Every control token starts so: text without it needs no closer look."""


def nearest(word: str, known: Collection[str], cutoff: float) -> str | None:
    """Return the known word that somebody may have meant, if one is close enough.

    A file with a wrong word has it on every line, and looking takes longer than the other rules.
    """
    return _nearest(word.lower()[:40], frozenset(known), cutoff)


@lru_cache(maxsize=512)
def _nearest(word: str, known: frozenset[str], cutoff: float) -> str | None:
    close = get_close_matches(word, sorted(known), n=1, cutoff=cutoff)
    return close[0] if close else None


def quote(value: object, limit: int = 40) -> str:
    """Return a JSON value short and cleaned, in quotes when it is text, for a message."""
    from widgets.text import clean

    if isinstance(value, str):
        shown = clean(value[: limit * 4], limit=limit)
        # Spaces that are not the ordinary one look like it.
        return "“" + "".join(char if char.isprintable() else " " for char in shown) + "”"
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        shown = repr(value)
        return shown if len(shown) <= limit else shown[:limit] + "…"
    return a_kind(value)


def a_kind(value: object) -> str:
    """Return what kind of JSON value this is, with its article: ``a list``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in ((str, "text"), (int, "a number"), (float, "a number"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "an object"


@cache
def special_tokens(encoding: str = DEFAULT_ENCODING) -> re.Pattern[str]:
    """Return a pattern of the control tokens of ``encoding``; unknown names get the default's."""
    text = files("tui.dataset.rules").joinpath("special_tokens.toml").read_text(encoding="utf-8")
    lists = tomllib.loads(text)
    tokens = lists.get(encoding, lists[DEFAULT_ENCODING])
    return re.compile("|".join(re.escape(token) for token in tokens))


def find_special_token(text: str, path: JsonPath, encoding: str) -> Finding | None:
    """Return a finding when ``text`` holds a control token of ``encoding``."""
    if TOKEN_START not in text:
        return None
    found = sorted(set(special_tokens(encoding).findall(text)))
    if not found:
        return None
    names = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    return Finding(
        "special_token",
        path,
        f"the text holds the control token{'s' if len(found) > 1 else ''} {names} of {encoding}",
        "remove it, or break it up with a space: services refuse files with control tokens",
    )
