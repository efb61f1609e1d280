"""A glance at the bytes of a record: may it hold a secret, or what points at a person?

It runs on every record, so it costs about what counting its quotes does: letters are dropped and
digits made alike by one call, which leaves a quarter of the bytes to look at, and in them tokens of
letters and digits show as runs of digits.
"""

from __future__ import annotations

from tui.dataset.rules.quality.personal import may_hold_address, may_hold_numbers
from tui.dataset.rules.quality.secrets import may_hold_secret

_KEPT = b"AIKSkz"
_DROPPED = bytes(
    byte for byte in range(256) if byte >= 0x80 or (chr(byte).isalpha() and byte not in _KEPT)
)
_ALIKE = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_SECRETS = (b"00000", b"_", b"k-", b"-----I", b"AKIA", b"ASIA", b"AIz")
_NUMBERS = (b"00000", b"00-0000", b"000 0000", b"000.0000", b"+0")


def is_suspect(raw: bytes) -> bool:
    """Return whether the rules about secrets and persons have to look at a record."""
    left = raw.translate(_ALIKE, _DROPPED)
    if b"@" in left and may_hold_address(raw):
        return True
    for mark in _NUMBERS:
        if mark in left:
            if may_hold_numbers(raw):
                return True
            break
    for mark in _SECRETS:
        if mark in left:
            return may_hold_secret(raw)
    return False
