"""How single code points are shown: pictures, numbers and signs for what must not reach a terminal.

The work behind `widgets.text.clean`, which is the door to use.
"""

from __future__ import annotations

import unicodedata

INVISIBLE = "◦"
NO_BASE = "◌"
_BIDI = frozenset(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
)
# Characters that join, select or fill without a width of their own: frequent and harmless in
# emoji and some scripts, but terminals disagree on the cells they take.
_JOINERS = frozenset(
    (
        0x00AD,
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        *range(0x180B, 0x1810),
        *range(0x200B, 0x200E),
        *range(0x2060, 0x2065),
        *range(0x206A, 0x2070),
        0x3164,
        *range(0xFE00, 0xFE10),
        0xFFA0,
        *range(0x1F3FB, 0x1F400),
        *range(0xE0100, 0xE01F0),
    ),
)
REGIONAL_A, REGIONAL_Z = 0x1F1E6, 0x1F1FF
_HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))

_ASCII_OF = {
    "‘": "'",
    "’": "'",
    "‚": ",",
    "“": '"',
    "”": '"',
    "„": '"',
    "‹": "<",
    "›": ">",
    "«": "<<",
    "»": ">>",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "•": "*",
    "·": ".",
    "×": "x",
    "→": "->",
    "←": "<-",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    INVISIBLE: "~",
    NO_BASE: "~",
}


def sign_of(code: int) -> str:
    """How one code point is shown, on a terminal that knows Unicode."""
    if code < 0x20:
        return chr(code) if code in (0x09, 0x0A) else chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code in _JOINERS:
        return INVISIBLE
    if REGIONAL_A <= code <= REGIONAL_Z:
        return chr(0x24B6 + code - REGIONAL_A)
    if code in _BIDI or unicodedata.category(chr(code)) in _HIDDEN_CATEGORIES:
        return f"‹{code:02X}›"
    return chr(code)


def ascii_sign_of(code: int) -> str:
    """How one code point is shown where only ASCII may be sent."""
    if code < 0x20:
        return chr(code) if code in (0x09, 0x0A) else "^" + chr(code + 0x40)
    if code == 0x7F:
        return "^?"
    if code < 0x7F:
        return chr(code)
    sign = sign_of(code)
    if sign in _ASCII_OF:
        return _ASCII_OF[sign]
    if sign.startswith("‹") and len(sign) > 1:
        return f"<{sign[1:-1]}>"
    plain = unicodedata.normalize("NFKD", sign)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    if not plain:
        return "~"
    return plain if plain.isascii() and plain.isprintable() else "?"
