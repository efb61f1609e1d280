"""Read a Python dictionary as trainers print it, without evaluating anything.

``{'loss': 0.5, 'grad_norm': nan, 'lr': '2e-05', 'x': tensor(1.)}``: strings, numbers, ``nan``,
``inf``, ``True``, ``None``; whatever else stands there is skipped, so that one odd value does not
lose the line. JSON objects are dictionaries too.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_LONGEST = 20_000
_PLAIN = (float, int, str)
_KEY = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*:\s*""")
_NUMBER = re.compile(
    r"[+-]?(?:nan|inf(?:inity)?|NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
)
_WRAPPED = re.compile(r"(?:[\w.]*\()\s*([^(),]*)[^()]*\)")
_TEXT = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_GOES_ON = re.compile(r"\s*([,}])")
_CLOSED = re.compile(r"\s*\}")
_DEEPEST = 8
_SKIP = re.compile(
    r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|\([^()]*\)|[^,'"\[\](){}])+"""
)


def dictionary_in(line: str) -> dict[str, Any] | None:
    """Return the dictionary that stands in a line; ``None`` when none does.

    Text before it is allowed (a time, a rank), text behind it is not: that is prose.
    """
    start = line.find("{")
    if start < 0 or len(line) > _LONGEST or not line.rstrip().endswith("}"):
        return None
    end = line.rstrip().rfind("}")
    plain = _plain_in(line[start : end + 1])
    if plain:
        return plain
    found, at = _dictionary(line, start + 1, 0)
    return found if found and at == end + 1 else None


def _dictionary(line: str, at: int, depth: int) -> tuple[dict[str, Any] | None, int]:
    """Return what stands between braces, and where the text goes on; ``None`` if it is none."""
    found: dict[str, Any] = {}
    while True:
        key = _KEY.match(line, at)
        if key is None:
            closed = _CLOSED.match(line, at)
            return (found, closed.end()) if closed else (None, at)
        value, at = _value(line, key.end(), depth)
        found[key[1] if key[1] is not None else key[2]] = value
        goes_on = _GOES_ON.match(line, at)
        if goes_on is None:
            return None, at
        at = goes_on.end()
        if goes_on[1] == "}":
            return found, at


def _plain_in(text: str) -> dict[str, Any] | None:
    """Return a dictionary of plain numbers and words, which but for its quotes is JSON."""
    if "\\" in text or ('"' in text and "'" in text):
        return None
    try:
        found: dict[str, Any] = orjson.loads(text.replace("'", '"'))
    except ValueError:
        return None
    return found if all(type(value) in _PLAIN for value in found.values()) else None


def _value(line: str, at: int, depth: int) -> tuple[Any, int]:
    if line.startswith("{", at) and depth < _DEEPEST:
        held, end = _dictionary(line, at + 1, depth + 1)
        if held is not None:
            return held, end
    text = _TEXT.match(line, at)
    if text is not None:
        return text[1] if text[1] is not None else text[2], text.end()
    amount = _NUMBER.match(line, at)
    if amount is not None:
        return float(amount[0]), amount.end()
    wrapped = _WRAPPED.match(line, at)
    if wrapped is not None:
        inner = _NUMBER.fullmatch(wrapped[1].strip())
        return (float(inner[0]) if inner else None), wrapped.end()
    skipped = _SKIP.match(line, at)
    return None, skipped.end() if skipped is not None else at
