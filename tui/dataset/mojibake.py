"""Text that was UTF-8 and was read as Windows-1252 or Latin-1 on the way, and how to undo that."""

from __future__ import annotations

import re
from functools import cache

# A lead byte's character, then as many others as it promises.
_TABLE = {byte: bytes((byte,)).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
_CHARS = {byte: chr(byte) if char == "\ufffd" else char for byte, char in _TABLE.items()}
_BYTES = {char: byte for byte, char in _CHARS.items()}
# Latin-1 gives control characters instead of the signs of Windows-1252.
_BYTES.update({chr(byte): byte for byte in range(0x80, 0xA0)})
_TAIL = "[" + "".join(re.escape(char) for char, byte in _BYTES.items() if byte < 0xC0) + "]"
_LOST = re.compile(r"\w\ufffd|\ufffd\w")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_TWICE = 3
_ENOUGH = 3


# Few texts need it, and compiling takes longer than looking at them.
@cache
def _pairs() -> re.Pattern[str]:
    # A pattern that begins with one class is looked for many times faster than one of branches.
    return re.compile(
        f"[\u00c2-\u00f4](?:(?<=[\u00c2-\u00df]){_TAIL}|(?<=[\u00e0-\u00ef]){_TAIL}{{2}}"
        f"|(?<=[\u00f0-\u00f4]){_TAIL}{{3}})"
    )


def undo_mojibake(text: str) -> str:
    """Return text with what was decoded wrongly decoded again, as often as that was done."""
    for _ in range(_TWICE):
        better = _pairs().sub(_decode, text)
        if better == text:
            break
        text = better
    return text


def looks_odd(text: str) -> bool:
    """Return whether text has characters that wrongly decoded text nearly always has.

    A quick look; ordinary text of some languages has them too.
    """
    # Written out: a loop over these would cost more than they do.
    return not text.isascii() and (
        "\u00c3" in text
        or "\u00c2" in text
        or "\u00e2\u20ac" in text
        or "\u00d0" in text
        or "\u00d1" in text
        or "\u00f0\u0178" in text
        or "\ufffd" in text
    )


def find_mojibake(text: str) -> tuple[str, str] | None:
    """Return what was certainly decoded wrongly and what it was meant to be.

    What it was meant to be is empty where it was lost. ``None`` where nothing is certain: two
    characters that only could be such a pair are no proof, ``é–`` for one.
    """
    lost = _LOST.search(text)
    if lost:
        return lost.group(), ""
    found = [(match.group(), _decode(match)) for match in _pairs().finditer(text)]
    found = [(wrong, right) for wrong, right in found if right != wrong]
    for wrong, right in found:
        if _is_telling(wrong, right):
            return wrong, right
    if len(found) >= _ENOUGH:
        part = sum(len(wrong) for wrong, _ in found)
        if 5 * part >= 3 * len(_FOREIGN.findall(text)):
            return found[0]
    return None


def _is_telling(wrong: str, right: str) -> bool:
    """Return whether a single pair leaves no doubt."""
    code = ord(right)
    if wrong[0] in "\u00c2\u00c3":
        return 0xA0 <= code <= 0xFF
    if wrong.startswith("\u00e2\u20ac"):
        return 0x2010 <= code <= 0x203A
    return 0x1F300 <= code <= 0x1FAFF


def _decode(match: re.Match[str]) -> str:
    found = match.group()
    try:
        return bytes(_BYTES.get(char, ord(char)) for char in found).decode("utf-8")
    except ValueError:
        return found
