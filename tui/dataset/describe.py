"""What there is to know of one record besides its faults: roles, features, scripts, in one number.

Worker processes fill these columns, so nothing here needs numpy.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from tui.dataset.model import Severity
from tui.dataset.rules.catalogue import RULES

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "other")
FEATURES = ("tools", "calls", "images", "weights", "names", "blank")
SEVERITIES = tuple(str(severity) for severity in Severity)
SCRIPTS = (
    "latin", "cyrillic", "greek", "han", "kana", "hangul", "arabic", "hebrew", "devanagari",
    "thai", "other",
)  # fmt: skip

_ROLE_BITS = {name: 1 << at for at, name in enumerate(ROLES)}
_FEATURE_BITS = {name: 1 << at for at, name in enumerate(FEATURES, 7)}
_SEVERITY_BITS = {name: 1 << at for at, name in enumerate(SEVERITIES, 13)}
_SCRIPT_BITS = {name: 1 << at for at, name in enumerate(SCRIPTS, 16)}
_GROUPS = {
    "role": _ROLE_BITS,
    "feature": _FEATURE_BITS,
    "severity": _SEVERITY_BITS,
    "script": _SCRIPT_BITS,
}

BLANK = _FEATURE_BITS["blank"]
SEVERITY_BITS = {severity: _SEVERITY_BITS[str(severity)] for severity in Severity}
_OTHER_ROLE = _ROLE_BITS["other"]
_TOOLS, _CALLS, _IMAGES, _WEIGHTS, _NAMES, _ = _FEATURE_BITS.values()
_LATIN = _SCRIPT_BITS["latin"]

# The first word of a letter's Unicode name, where it is not the script's own.
_SPELLED = {"CJK": "han", "HIRAGANA": "kana", "KATAKANA": "kana"}
_ASCII = bytes(range(0x80))
_NO_LETTERS = bytes(code for code in range(0x80) if not chr(code).isalpha())

ROW_COLUMNS = ("tokens", "assistant", "messages", "issues", "flags")
HIT_COLUMNS = ("hit_rows", "hit_codes")

CODES = {code: at for at, code in enumerate(RULES)}
"""The number each code of the catalogue is kept as."""

MOST = (1 << 16) - 1
"""The largest number that the columns of 16 bits hold; larger ones are cut to it."""


def flag(group: str, name: str) -> int:
    """Return the bit of a word: of group ``role``, ``feature``, ``severity`` or ``script``.

    Raises:
        KeyError: The group has no such word.
    """
    return _GROUPS[group][name]


@dataclass(slots=True)
class FacetRows:
    """Columns with one entry a line (or element) of a range, and the codes found in it.

    Attributes:
        tokens: Tokens of an example, the classic estimate; 0 for what is no example.
        assistant: Tokens in the content of its assistant messages.
        messages: How many messages it has.
        issues: How many issues it has.
        flags: Roles, features, severities and scripts that are there; see `flag`.
        hit_rows: For every code found in a record: the record's position in the range, …
        hit_codes: … and the code, by its place in the catalogue.
        places: Where each element of an array starts, line and column packed as in `observe`; empty
            where records are lines.
    """

    tokens: array[int] = field(default_factory=lambda: array("I"))
    assistant: array[int] = field(default_factory=lambda: array("I"))
    messages: array[int] = field(default_factory=lambda: array("H"))
    issues: array[int] = field(default_factory=lambda: array("H"))
    flags: array[int] = field(default_factory=lambda: array("I"))
    hit_rows: array[int] = field(default_factory=lambda: array("I"))
    hit_codes: array[int] = field(default_factory=lambda: array("B"))
    places: array[int] = field(default_factory=lambda: array("Q"))

    def reach(self, count: int) -> None:
        """Make room for ``count`` rows, of which nothing is known yet."""
        for name in ROW_COLUMNS:
            column = getattr(self, name)
            column.frombytes(bytes((count - len(column)) * column.itemsize))

    def count(
        self,
        rows: Sequence[int],
        tokens: Sequence[int],
        assistant: Sequence[int],
        messages: Sequence[int],
    ) -> None:
        """Fill in the tokens and messages of some rows."""
        most = (1 << 32) - 1
        for at, row in enumerate(rows):
            self.tokens[row] = min(most, tokens[at])
            self.assistant[row] = min(most, assistant[at])
            self.messages[row] = min(MOST, messages[at])


def describe(record: dict[str, object]) -> int:
    """Return the flags of a record that parsed."""
    flags = _TOOLS if record.get("tools") or record.get("functions") else 0
    for messages in _lists(record):
        for message in messages:
            flags |= _message(message)
    for key in ("prompt", "completion"):
        flags |= _text(record.get(key))
    return flags


def _lists(record: dict[str, object]) -> Iterator[list[object]]:
    messages = record.get("messages")
    if isinstance(messages, list):
        yield messages
    given = record.get("input")
    if isinstance(given, dict):
        messages = given.get("messages")
        if isinstance(messages, list):
            yield messages
        for key in ("preferred_output", "non_preferred_output"):
            messages = record.get(key)
            if isinstance(messages, list):
                yield messages


def _message(message: object) -> int:
    if not isinstance(message, dict):
        return _OTHER_ROLE
    role, content = message.get("role"), message.get("content")
    flags = _ROLE_BITS.get(role, _OTHER_ROLE) if isinstance(role, str) else _OTHER_ROLE
    flags |= _text(content) if isinstance(content, str) else _parts(content)
    if len(message) > 2:
        flags |= _CALLS if message.get("tool_calls") or message.get("function_call") else 0
        flags |= _WEIGHTS if "weight" in message else 0
        flags |= _NAMES if "name" in message else 0
    return flags


def _parts(content: object) -> int:
    flags = 0
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            flags |= _IMAGES if "image_url" in part else _text(part.get("text"))
    return flags


def _text(text: object) -> int:
    """Return which scripts have letters in a text."""
    if not isinstance(text, str) or not text:
        return 0
    if text.isascii():
        # Nearly every text has a letter among its first characters, which saves the search.
        return _LATIN if text[0].isalpha() or _has_letters(text) else 0
    data = text.encode("utf-8", "replace")
    foreign = data.translate(None, _ASCII)
    flags = _LATIN if data.translate(None, _NO_LETTERS) != foreign else 0
    return flags | _scripts(set(foreign.decode("utf-8", "replace")))


def _has_letters(text: str) -> bool:
    return text.lower() != text.upper()


def _scripts(characters: Iterable[str]) -> int:
    flags = 0
    for character in characters:
        flags |= _script(character)
    return flags


@cache
def _script(character: str) -> int:
    if not character.isalpha():
        return 0
    words = unicodedata.name(character, "").split(" ")
    if words[0] in ("FULLWIDTH", "HALFWIDTH", "MODIFIER"):
        words = [word for word in words[1:] if word != "LETTER"] or [""]
    name = _SPELLED.get(words[0], words[0].lower())
    return _SCRIPT_BITS.get(name, _SCRIPT_BITS["other"])
