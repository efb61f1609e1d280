"""Records put into the plain data that the widgets show: a row of the list, and a whole record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from widgets.conversation import conversation
from widgets.record_data import Mark, RecordData, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui.dataset import Issue, Record

ROW_BYTES = 32 * 1024
"""How much of a line is read for its row in the list."""

_SHOWN = 240
_ORDER = ("error", "warning", "advice")


def worst(issues: Iterable[Issue]) -> str:
    """Return the severity that marks a row: the worst of its issues; empty for none."""
    found = {str(issue.severity) for issue in issues}
    return next((severity for severity in _ORDER if severity in found), "")


class Row(NamedTuple):
    """What the list says of a line, as long as the file does not change.

    Attributes:
        text: What is asked and what is answered; foreign, not cleaned.
        roles: One letter a message.
    """

    text: str
    roles: str = ""


def summary(head: bytes, size: int) -> Row:
    """Return what stands in the list for a line.

    Args:
        head: The line, or its first :data:`ROW_BYTES` bytes.
        size: Bytes of the whole line.

    Returns:
        The first question and the last answer of a conversation; the raw beginning of anything
        else.
    """
    if not head.strip():
        return Row("(blank line)")
    raw = Row(" ".join(head[: _SHOWN * 4].decode("utf-8", "replace").split())[:_SHOWN])
    try:
        turns, _ = conversation(orjson.loads(head) if size <= len(head) else _begun(head))
    except (ValueError, RecursionError):
        return raw
    roles = "".join(turn.role[:1] or "?" for turn in turns[:40])
    return Row(_dialogue(turns) or raw.text, roles)


# Compiled by their first use, which the first screen does without.
_TOKEN = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},:]'
_CUT_ESCAPE = r"\\(?:u[0-9a-fA-F]{0,3})?\Z"


def _begun(head: bytes) -> object:
    """Parse the beginning of a record as if it ended where it was cut.

    Raises:
        ValueError: It does not begin like JSON.
    """
    text = head.decode("utf-8", "ignore")
    closing: list[str] = []
    # Where what came last may end: a value whose key is not cut off.
    safe, closers = 0, ""
    key = False
    for match in re.finditer(_TOKEN, text, re.DOTALL):
        token = match[0]
        if token in ("{", "["):
            closing.append("}" if token == "{" else "]")
            key = token == "{"
            safe, closers = match.end(), "".join(reversed(closing))
        elif token in ("}", "]"):
            if not closing:
                break
            closing.pop()
            safe, closers = match.end(), "".join(reversed(closing))
        elif token == ",":
            safe, closers = match.start(), "".join(reversed(closing))
            key = closing[-1:] == ["}"]
        elif token == ":":
            key = False
        elif not key:
            # A string that is cut off is closed where it is.
            if len(token) < 2 or token[-1] != '"' or match.end() == len(text):
                begun = re.sub(_CUT_ESCAPE, "", text[: match.end()])
                try:
                    return orjson.loads(begun + '"' + "".join(reversed(closing)))
                except ValueError:
                    break
            safe, closers = match.end(), "".join(reversed(closing))
    return orjson.loads(text[:safe] + closers)


def _dialogue(turns: tuple[Turn, ...]) -> str:
    asked = next((turn for turn in turns if turn.role == "user"), None)
    answered = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    words = [_said(turn) for turn in (asked, answered) if turn is not None]
    if not words:
        words = [_said(turn) for turn in turns[:2]]
    return "  »  ".join(word for word in words if word)


def _said(turn: Turn) -> str:
    if turn.text:
        return " ".join(turn.text[:_SHOWN].split())
    return ", ".join(f"{call.name}()" for call in turn.calls)[:_SHOWN]


def plain_data(head: bytes, size: int) -> RecordData:
    """Return a line as the record view shows it before anything is known of its faults.

    Args:
        head: The line, or its beginning.
        size: Bytes of the whole line.
    """
    try:
        turns, extra = conversation(orjson.loads(head))
    except ValueError:
        turns, extra = (), ()
    raw = head.decode("utf-8", "replace")
    return RecordData(turns=turns, raw=raw, size=size, cut=size > len(head), extra=extra)


def record_data(record: Record, issues: Iterable[Issue], column: int = 1) -> RecordData:
    """Return a record as the record view shows it.

    Args:
        record: The record as read.
        issues: What is wrong with it: its own issues, and those of rules over the whole file.
        column: 1-based column at which the record starts on its line (elements of an array).
    """
    turns, extra = conversation(record.value) if record.value is not None else ((), ())
    return RecordData(
        turns=turns,
        raw=record.text,
        marks=_marks(record, issues, column),
        size=record.size,
        cut=record.cut,
        extra=extra,
    )


def _marks(record: Record, issues: Iterable[Issue], column: int) -> tuple[Mark, ...]:
    found = tuple(issues)
    if not found:
        return ()
    # Where a fault stands is worked out by the rules, which the first screen does without.
    from tui.opened.marks import mark

    return tuple(mark(issue, record, column) for issue in found)
