"""Keys and tokens that open something: recognised by the shape their makers gave them."""

from __future__ import annotations

import re
from functools import cache

_KINDS: tuple[tuple[str, str], ...] = (
    (
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----\s*(?:\\n)?\s*[A-Za-z0-9+/=]{8}",
    ),
    ("AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{22,}"),
    ("Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{16,}"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("Stripe key", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("access token (JWT)", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("API key", r"\bsk-[A-Za-z0-9_-]{20,}"),
)
_PLACEHOLDER = re.compile(r"(?i)xxxx|your|placeholder|dummy|insert|redacted|\*\*\*|0{8}")
_FEW = 8
_SHOWN = 6


# Few files hold a secret, and compiling takes longer than checking a hundred records.
@cache
def _any() -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for _, pattern in _KINDS))


@cache
def _any_bytes() -> re.Pattern[bytes]:
    return re.compile(_any().pattern.encode())


def find_secret(text: str) -> tuple[int, str, str] | None:
    """Return where a secret starts, what kind it is, and how it begins; ``None`` without one."""
    for match in _any().finditer(text):
        found = match.group()
        kind = _KINDS[(match.lastindex or 1) - 1][0]
        if kind == "private key":
            return match.start(), kind, ""
        if not _is_placeholder(found, kind):
            return match.start(), kind, found[:_SHOWN]
    return None


def may_hold_secret(raw: bytes) -> bool:
    """Return whether the text of a record has anything of the shape of a secret."""
    return _any_bytes().search(raw) is not None


def _is_placeholder(found: str, kind: str) -> bool:
    if _PLACEHOLDER.search(found) or len(set(found)) < _FEW:
        return True
    # Words joined with hyphens may start with sk- too.
    return kind == "API key" and sum(char.isdigit() for char in found) < 2
