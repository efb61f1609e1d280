"""Patterns that pass over whole JSON values in one step, where they are not nested deeply.

Whoever looks for a place in a record has no interest in most of its values; going through each of
them token by token takes ten times as long as the rest of a check. What is nested more deeply, or
has more entries, than these patterns take is for the caller to go through by itself.

Repeats of entries are not possessive, since Python before 3.11.5 goes astray in those whose last
round fails, and they are bounded, since each round is kept until the end. Going back through them
tries one character a round.
"""

from __future__ import annotations

import re
from functools import cache

SPACE = r"[ \t\r\n]*+"
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'

PLAIN = r'[^"\\\x00-\x1f]*+'
"""Characters that stand in a string as they are."""

ESCAPED = r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
"""One escape in a string."""

LEVELS = 2
"""How deeply what is passed over as strict JSON may be nested."""

_LEVELS = 4

_MOST = 400
_BETWEEN = r'[^"\[\]{}]*+'
_STRICT_STRING = rf'"{PLAIN}(?:{ESCAPED}{PLAIN})*+"'
# Shorter numbers than these are never too large to be read.
_STRICT_NUMBER = r"-?+(?:0|[1-9][0-9]{0,17}+)(?:\.[0-9]{1,17}+)?+"
_STRICT_SCALAR = rf"{_STRICT_STRING}|{_STRICT_NUMBER}|true|false|null"


def _nested() -> str:
    inside = STRING
    for _ in range(_LEVELS):
        inside = rf"{STRING}|[\[{{]{_BETWEEN}(?:(?:{inside}){_BETWEEN}){{0,{_MOST}}}[\]}}]"
    return inside


@cache
def member() -> re.Pattern[str]:
    """Return the pattern of a member of an object that is valid JSON.

    Its groups are the key, the value (empty where it is one to go through), and a comma after it.
    Without the value it ends where that begins.
    """
    return re.compile(
        rf"{SPACE}({STRING}){SPACE}:{SPACE}(?:((?:{_nested()})|[^,\[\]{{}}\s\"]++){SPACE}(,?))?+",
        re.DOTALL,
    )


@cache
def element() -> re.Pattern[str]:
    """Return the pattern of an element of a list that is valid JSON: the value, and a comma."""
    return re.compile(rf"((?:{_nested()})|[^,\[\]{{}}\s\"]++){SPACE}(,?){SPACE}", re.DOTALL)


@cache
def strict() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns that take nothing but strict JSON.

    Returns:
        An object or a list; and members of an object, each with the comma and up to the key after
        it, so that what they end with is never a comma too many.
    """
    whole, value = "", _STRICT_SCALAR
    for _ in range(LEVELS):
        one = rf"{_STRICT_STRING}{SPACE}:{SPACE}(?:{value}){SPACE}"
        members = rf'(?:{one}(?:,{SPACE}(?=")|(?=\}}))){{0,{_MOST}}}'
        elements = rf"(?:(?:{value}){SPACE}(?:,{SPACE}(?!\])|(?=\]))){{0,{_MOST}}}"
        whole = rf"\{{{SPACE}{members}\}}|\[{SPACE}{elements}\]"
        value = rf"{_STRICT_SCALAR}|{whole}"
    return re.compile(whole), re.compile(rf'(?:{one},{SPACE}(?=")){{1,{_MOST}}}')
