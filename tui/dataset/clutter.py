"""What stands on a line around records and is part of none: commas too many, and code fences.

Both come from text that was copied out of a list or out of a chat, and both can be taken away
without a doubt: in strict JSON a comma has no place before a closing bracket or after the record.
"""

from __future__ import annotations

import re

from tui.dataset.rows import BROKEN, parse
from tui.dataset.signature import BOM

_BLANKS = b" \t\r\n"
_FENCE = re.compile(rb"[ \t]*(?:`{3,}|~{3,})[ \t]*[A-Za-z0-9_+-]{0,20}[ \t]*\r?")
_NEEDLESS = re.compile(rb",[ \t\r\n]*+[}\]]")
_PIECE = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?<=[^\s\[{,:])[ \t\r\n]*+,(?=[ \t\r\n]*+[}\]])', re.DOTALL
)


def is_fence(raw: bytes) -> bool:
    """Return whether a line is nothing but a code fence of Markdown."""
    return len(raw) < 200 and _FENCE.fullmatch(raw) is not None


def can_be_cleared(raw: bytes) -> bool:
    """Return whether a line that is no JSON can be mended without a doubt.

    It can where it is a code fence, or a record once commas too many and a byte order mark before
    it are taken away.
    """
    bare = raw.removeprefix(BOM)
    needless = len(bare) < len(raw) or _NEEDLESS.search(raw) or raw.rstrip(_BLANKS).endswith(b",")
    if needless and without_commas(bare)[1] is not BROKEN:
        return True
    return is_fence(raw)


def without_commas(raw: bytes) -> tuple[bytes, object]:
    """Return an object's bytes without the commas too many in it and after it, and its value.

    Strings keep every comma. The value is ``BROKEN``, and the bytes are as given, where that does
    not make the text one strict JSON object.
    """
    body = raw.rstrip(_BLANKS)
    tail = raw[len(body) :]
    if not body.startswith(b"{") and not body.lstrip(_BLANKS).startswith(b"{"):
        return raw, BROKEN
    if body.endswith(b","):
        body = body[:-1].rstrip(_BLANKS)
    if not body.endswith(b"}"):
        return raw, BROKEN
    body = _PIECE.sub(_kept, body)
    value = parse(body)
    return (body + tail, value) if isinstance(value, dict) else (raw, BROKEN)


def _kept(match: re.Match[bytes]) -> bytes:
    piece = match.group()
    return piece if piece[0] == 0x22 else piece[:-1]
