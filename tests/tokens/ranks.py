"""Vocabularies as tiktoken keeps them."""

from __future__ import annotations

import base64
from collections.abc import Iterable


def to_tiktoken(ranks: Iterable[tuple[bytes, int]]) -> bytes:
    """Return ranks as the text of a ``.tiktoken`` file."""
    return b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks)
