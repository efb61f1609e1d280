"""A glance at the bytes of a record: may it hold a secret, or what points at a person?

It runs on every record, so it costs about what counting its quotes does: letters are dropped and
digits made alike by one call, which leaves a quarter of the bytes to look at. What it finds there
is looked at closer; a closer look that finds something is followed by the rules themselves.
"""

from __future__ import annotations

import re

from tui.dataset.rules.quality.personal import may_hold_address
from tui.dataset.rules.quality.secrets import may_hold_secret

# Signs that stand in numbers and addresses, and letters of beginnings of secrets rare in text.
_KEPT = b"0123456789@_+-.GIJKz"
_DROPPED = bytes(byte for byte in range(256) if byte not in _KEPT)
_ALIKE = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_UNDERLINED = re.compile(
    rb"_(?:(?<=gh[pousr]_)|(?<=_pat_)|(?<=k_live_)|(?<=hf_)|(?<=npm_))[A-Za-z0-9]{16}"
)
# Each begins with one sign, which is looked for many times faster than a class of them.
_HYPHENED = re.compile(
    rb"-(?<=\d{3}-)(?:\d\d-\d{4}|\d{3}-\d{4}|\d{4}-\d{4}|(?<=\) \d{3}-)\d{4}|(?<=\)\d{3}-)\d{4})"
    rb"(?!\d)"
)
_DOTTED = re.compile(rb"\.(?<=\d{3}\.)\d{3}\.\d{4}(?!\d)")
_ABROAD = re.compile(rb"\+[1-9][\d ().-]{8}")
_CARD_DIGITS = b"0" * 15


def is_suspect(raw: bytes) -> bool:
    """Return whether the rules about secrets and persons have to look at a record."""
    left = raw.translate(_ALIKE, _DROPPED)
    # Written out: a loop over these would cost more than they do.
    hyphen = b"-00" in left
    if (
        (b"@" in left and may_hold_address(raw))
        or (hyphen and b"00-0000" in left and _HYPHENED.search(raw))
        or (b"000.0000" in left and _DOTTED.search(raw))
        or (b"+0000000" in left and _ABROAD.search(raw))
        or (_CARD_DIGITS in left and _may_be_card(raw))
    ):
        return True
    if b"_" in left and _UNDERLINED.search(raw):
        return may_hold_secret(raw)
    return _begins_secret(raw, left, hyphen) and may_hold_secret(raw)


def _may_be_card(raw: bytes) -> bool:
    alike = raw.translate(_ALIKE)
    return (
        b"0000 0000 0000 0000" in alike
        or b"0000 000000 00000" in alike
        or b"0000-000000-00000" in alike
        or _CARD_DIGITS in alike
    )


def _begins_secret(raw: bytes, left: bytes, hyphen: bool) -> bool:
    return (
        (hyphen and (b"sk-" in raw or b"xox" in raw))
        or (b"J" in left and b".eyJ" in raw)
        or (b"K" in left and b"AKIA" in raw)
        or (b"-----I" in left and b"PRIVATE KEY-----" in raw)
        or (b"Iz" in left and b"AIza" in raw)
        or (b"G." in left and b"SG." in raw)
    )
