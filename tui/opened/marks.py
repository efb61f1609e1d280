"""Where in a record's text an issue stands: the very characters, where they can be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tui.dataset.mojibake import find_mojibake
from tui.dataset.rules.quality.personal import personal_span
from tui.dataset.rules.quality.secrets import find_secret
from tui.opened.hints import in_app
from widgets.json_lines import token_end
from widgets.record_data import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.dataset import Issue, Record


def mark(issue: Issue, record: Record, column: int) -> Mark:
    """Return the mark of an issue in a record's text.

    Args:
        issue: What is wrong.
        record: The record.
        column: 1-based column at which the record starts on its line (elements of an array).
    """
    start = _offset(issue, record, column)
    end = None
    narrow = _NARROW.get(issue.code)
    if start is not None and narrow is not None:
        # The issue is of a whole value; these characters in it are at fault.
        value = record.text[start : token_end(record.text, start)]
        span = narrow(value)
        if span is not None:
            start, end = start + span[0], start + span[1]
    return Mark(
        severity=str(issue.severity),
        message=issue.message,
        code=issue.code,
        hint=in_app(issue.hint),
        path=issue.path,
        start=start,
        end=end,
    )


def _pattern(pattern: str) -> Callable[[str], tuple[int, int] | None]:
    compiled = re.compile(pattern)

    def span(value: str) -> tuple[int, int] | None:
        found = compiled.search(value)
        return found.span() if found else None

    return span


def _secret(value: str) -> tuple[int, int] | None:
    found = find_secret(value)
    match = _SECRET.match(value, found[0]) if found else None
    return match.span() if match else None


def _mojibake(value: str) -> tuple[int, int] | None:
    found = find_mojibake(value)
    if found is None:
        return None
    start = value.index(found[0])
    return start, start + len(found[0])


_SECRET = re.compile(r"-----BEGIN[^-]*-----|[^\s\"'\\]+")

_NARROW: dict[str, Callable[[str], tuple[int, int] | None]] = {
    "invalid_utf8": _pattern("\ufffd+"),
    "special_token": _pattern(r"<\|[^|<>]{1,40}\|>"),
    "lone_surrogate": _pattern(
        r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
        r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    ),
    "mojibake": _mojibake,
    "personal_data": personal_span,
    "secret": _secret,
}


def _offset(issue: Issue, record: Record, column: int) -> int | None:
    """Where an issue is in the record's text; ``None`` where it is not in it."""
    below = issue.line - record.line
    if issue.column <= 0 or below < 0:
        return None
    if below == 0:
        at = issue.column - column
        return at if at >= 0 else None
    start = 0
    for _ in range(below):
        start = record.text.find("\n", start) + 1
        if not start:
            return None
    return start + issue.column - 1
