"""A glance at the bytes of records: may they hold a secret, or what points at a person?

It runs on every record, so it costs about what counting its quotes does: letters are dropped and
digits made alike by one call, which leaves a few bytes to look at, and most groups of records are
clean as a whole. What it finds is looked at closer; a closer look that finds something is followed
by the rules themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from tui.dataset.rules.quality.secrets import may_hold_secret

# Signs that stand in numbers and addresses or part them, and letters that secrets begin with.
_KEPT = b'0123456789@_+-.AGIJKSkz\n\\",:'
_DROPPED = bytes(byte for byte in range(256) if byte not in _KEPT)
_ALIKE = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_CARD_DIGITS = b"0" * 15
_GROUP = 16
_PERSON, _SECRET = 1, 2


@cache
def _shapes() -> tuple[re.Pattern[bytes], ...]:
    """Return what underlined tokens, and hyphened, dotted and foreign numbers look like.

    Each begins with one sign, which is looked for many times faster than a class of them.
    """
    underlined = rb"_(?:(?<=gh[pousr]_)|(?<=_pat_)|(?<=k_live_)|(?<=hf_)|(?<=npm_))[A-Za-z0-9]{16}"
    hyphened = (
        rb"-(?<=\d{3}-)(?:\d\d-\d{4}|\d{3}-\d{4}|\d{4}-\d{4}|(?<=\) \d{3}-)\d{4}"
        rb"|(?<=\)\d{3}-)\d{4})(?!\d)"
    )
    dotted = rb"\.(?<=\d{3}\.)\d{3}\.\d{4}(?!\d)"
    abroad = rb"\+[1-9][\d ().-]{8}"
    return tuple(re.compile(shape) for shape in (underlined, hyphened, dotted, abroad))


def suspects(lines: Sequence[bytes]) -> bytearray:
    """Return for each line whether it is suspect, as `is_suspect` says."""
    found = bytearray(len(lines))
    for start in range(0, len(lines), _GROUP):
        group = lines[start : start + _GROUP]
        if _glance(b"\n".join(group)):
            for at, line in enumerate(group, start):
                found[at] = is_suspect(line)
    return found


def is_suspect(raw: bytes) -> bool:
    """Return whether the rules about secrets and persons have to look at a record."""
    sign = _glance(raw)
    return sign == _PERSON or (sign == _SECRET and may_hold_secret(raw))


def _glance(raw: bytes) -> int:
    """Return what records may hold, a number of a person before a secret; 0 for neither."""
    left = raw.translate(_ALIKE, _DROPPED)
    # Written out: a loop over these would cost more than they do.
    hyphen = b"-00" in left
    if (
        (b"@" in left and _may_hold_address(raw))
        or (hyphen and b"00-0000" in left and _shapes()[1].search(raw) is not None)
        or (b"000.000.0000" in left and _shapes()[2].search(raw) is not None)
        or (b"+0000000" in left and _shapes()[3].search(raw) is not None)
        or (_CARD_DIGITS in left and _may_be_card(raw))
    ):
        return _PERSON
    return _SECRET if _begins_secret(raw, left, hyphen) else 0


def _begins_secret(raw: bytes, left: bytes, hyphen: bool) -> bool:
    return (
        (b"k-" in left and b"sk-" in raw)
        or (hyphen and b"xox" in raw)
        or (b"_" in left and _shapes()[0].search(raw) is not None)
        or (b"AKIA" in left and b"AKIA" in raw)
        or (b"ASIA" in left and b"ASIA" in raw)
        or (b".J" in left and b".eyJ" in raw)
        or (b"-----GI" in left and b"PRIVATE KEY-----" in raw)
        or (b"Iz" in left and b"AIza" in raw)
        or (b"SG." in left and b"SG." in raw)
    )


def _may_be_card(raw: bytes) -> bool:
    alike = raw.translate(_ALIKE)
    return (
        b"0000 0000 0000 0000" in alike
        or b"0000 000000 00000" in alike
        or b"0000-000000-00000" in alike
        or _CARD_DIGITS in alike
    )


def _may_hold_address(raw: bytes) -> bool:
    here = raw.find(b"@")
    while here >= 0:
        after = raw[here + 1 : here + 66]
        if after[:1].isalnum() and b"." in after and raw[here - 1 : here].isalnum():
            return True
        here = raw.find(b"@", here + 1)
    return False
