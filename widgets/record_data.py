"""One record of a dataset as plain data, ready to be read as a conversation. No Textual.

The widgets know nothing of rules or files: whoever shows a record hands over `RecordData`.
`widgets.conversation` makes turns of any parsed JSON value, as far as it looks like one.
"""

from __future__ import annotations

from typing import NamedTuple

PREFERRED, REJECTED = "preferred output", "non-preferred output"
"""The sections of the two answers of a preference record."""


class Mark(NamedTuple):
    """Something found wrong, and where.

    Attributes:
        severity: ``"error"``, ``"warning"`` or ``"advice"``.
        message: What was found; foreign text in it is cleaned when drawn.
        code: The rule's code, shown before the message.
        hint: What to do.
        path: JSON path within the record (``messages[1].role``); empty for the whole record.
        start: Offset of the fault in `RecordData.raw`, in characters; None when unknown.
        end: Offset after it; None marks the JSON token that begins at `start`.
    """

    severity: str
    message: str
    code: str = ""
    hint: str = ""
    path: str = ""
    start: int | None = None
    end: int | None = None


class Call(NamedTuple):
    """A tool (or legacy function) call of an assistant turn.

    Attributes:
        name: The function's name.
        arguments: Its arguments, the JSON text as written.
        id: The call's id.
        path: JSON path of the call.
    """

    name: str
    arguments: str
    id: str = ""
    path: str = ""


class Part(NamedTuple):
    """A piece of content that is not plain text: an image, audio, or something unknown.

    Attributes:
        kind: Its type as written (``image_url``).
        text: What can be said of it in words (an address, or a data URL's kind and size).
        path: JSON path of the part.
    """

    kind: str
    text: str
    path: str = ""


class Turn(NamedTuple):
    """One message, or another block of a record that is read like one.

    Attributes:
        role: The role as written; known roles have a colour and a sign of their own.
        text: The content, foreign and uncut.
        name: The author's name, if given.
        weight: The `weight` as written (None when absent); 0 is shown as "not trained".
        calls: Tool calls.
        parts: Content parts that are not text.
        call_id: The `tool_call_id` that a tool message answers.
        extra: Other fields as (key, JSON text).
        path: JSON path of the message; marks whose path starts with it are shown on it.
        tokens: Tokens of the message, if known.
        section: A heading before this turn (``preferred output``), when it differs from the last.
    """

    role: str
    text: str = ""
    name: str = ""
    weight: object = None
    calls: tuple[Call, ...] = ()
    parts: tuple[Part, ...] = ()
    call_id: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    path: str = ""
    tokens: int | None = None
    section: str = ""


class RecordData(NamedTuple):
    """One record, as `RecordView` shows it.

    Attributes:
        turns: The conversation; empty when the record could not be read as one (then the raw text
            is shown whatever the mode).
        raw: The line as text, or its beginning; invalid bytes already replaced by the caller.
        marks: What is wrong with the record.
        size: Bytes of the whole line.
        cut: True when `raw` (and so perhaps `turns`) is only the beginning of the line.
        extra: Top-level fields besides the conversation, as (key, JSON text), such as `tools`.
    """

    turns: tuple[Turn, ...] = ()
    raw: str = ""
    marks: tuple[Mark, ...] = ()
    size: int = 0
    cut: bool = False
    extra: tuple[tuple[str, str], ...] = ()
