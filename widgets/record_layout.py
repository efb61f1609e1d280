"""Lays a record out as rows: as a conversation, or as its JSON text. Pure data, no Textual."""

from __future__ import annotations

from collections.abc import Sequence

from widgets._turns import lay_turn
from widgets.json_lines import pretty_lines, token_end
from widgets.laid import MAX_INDENT, PART, SIGNS, Laid, Rows, shown_spans
from widgets.numbers import integer
from widgets.record_data import PREFERRED, REJECTED, Mark, RecordData
from widgets.text import Row, cell_width, wrap

__all__ = [
    "PART",
    "SIGNS",
    "Laid",
    "chat_rows",
    "fault_span",
    "pretty_lines",
    "raw_rows",
    "shown_spans",
    "token_end",
    "turn_of",
]

STRING_PART = 8_000
"""Characters of one JSON string shown at first in indented raw text."""

ROWS = 4_000
"""Rows of one record laid out at first; what follows is stated, but for what is marked."""


def fault_span(record: RecordData, mark: Mark) -> tuple[int, int] | None:
    """Where a mark is in the raw text, or None when it is not (or not in the part at hand)."""
    if mark.start is None or mark.start > len(record.raw):
        return None
    start = min(mark.start, max(0, len(record.raw) - 1))
    return start, max(start + 1, mark.end or token_end(record.raw, start))


def turn_of(record: RecordData, mark: Mark) -> int:
    """The turn that a mark belongs to by its path, -1 for the record as a whole."""
    best, length = -1, 0
    for index, turn in enumerate(record.turns):
        path = turn.path
        inside = mark.path == path or mark.path.startswith((f"{path}.", f"{path}["))
        if path and inside and len(path) > length:
            best, length = index, len(path)
    return best


def chat_rows(record: RecordData, width: int, limit: int = PART) -> list[Laid]:
    """A record as a conversation, its marks on the very messages.

    Two answers to choose from stand side by side where there is room, their differences marked.

    Args:
        record: The record; one without turns is laid out as raw text.
        width: Cells in a row.
        limit: Characters of one value.

    Returns:
        Rows, at least one.
    """
    if not record.turns:
        return raw_rows(record, width, limit, pretty=False)
    out = Rows(width, limit)
    places = [turn_of(record, mark) for mark in record.marks]
    _cut_note(out, record)
    lead = ((" ", ""),)
    for index, mark in enumerate(record.marks):
        if places[index] < 0:
            out.mark(index, mark, lead)
    if out.rows:
        out.blank()
    head = len(out.rows)
    if record.extra:
        from widgets._fields import conversation_width

        out.width = conversation_width(record, width)
    answers = [i for i, turn in enumerate(record.turns) if turn.section in (PREFERRED, REJECTED)]
    shared = len(record.turns) - len(answers)
    skipped = 0
    for number, turn in enumerate(record.turns[:shared]):
        if len(out.rows) > ROWS * max(1, limit // PART) and number not in places:
            skipped += 1
            continue
        _skip_note(out, skipped)
        skipped = 0
        lay_turn(out, turn, [i for i, place in enumerate(places) if place == number], record)
        out.blank()
    _skip_note(out, skipped)
    if answers:
        from widgets._answers import lay_answers

        lay_answers(out, record, shared, places)
    if record.extra:
        from widgets._fields import lay_fields

        out.width = width
        lay_fields(out, record, head)
    out.rows.pop()
    return out.rows


def _skip_note(out: Rows, skipped: int) -> None:
    if skipped:
        out.say(f" ({integer(skipped)} messages not shown; m shows more)", "rows--muted")
        out.blank()


def _cut_note(out: Rows, record: RecordData) -> None:
    if record.cut:
        shown = integer(len(record.raw))
        out.say(
            f" This record has {integer(record.size)} bytes; "
            f"the first {shown} characters are shown.",
            "rows--warning",
        )


def raw_rows(
    record: RecordData, width: int, limit: int = PART, *, pretty: bool = True
) -> list[Laid]:
    """A record as its JSON text, each mark under the characters it is about.

    Args:
        record: The record.
        width: Cells in a row.
        limit: Characters of one value.
        pretty: Indented lines; else the text as it stands in the file.

    Returns:
        Rows, at least one.
    """
    out = Rows(max(8, width - 1), limit)
    _cut_note(out, record)
    spans = [fault_span(record, mark) for mark in record.marks]
    keep = [span for span in spans if span is not None]
    for index, mark in enumerate(record.marks):
        if spans[index] is None:
            out.mark(index, mark, ((" ", ""),))
    pending = sorted((span[0], index) for index, span in enumerate(spans) if span is not None)
    out.blocks += 1
    part = min(limit, STRING_PART * max(1, limit // PART)) if pretty else limit * 2
    for depth, start, end in pretty_lines(record.raw) if pretty else ((0, 0, len(record.raw)),):
        if len(out.rows) > ROWS * max(1, limit // PART):
            # What follows is shown only around its marks.
            depth, end, part = 0, len(record.raw), 0
        style = "record-view--json" if pretty else ""
        _raw_part(
            out, record, pending, depth, style, shown_spans(start, end, part, keep), (start, end)
        )
        if part == 0:
            break
    if not record.raw:
        out.say(" (an empty line)", "rows--muted")
    for _, index in pending:
        out.mark(index, record.marks[index], ((" ", ""),))
    return out.rows


def _raw_part(
    out: Rows,
    record: RecordData,
    pending: list[tuple[int, int]],
    depth: int,
    style: str,
    spans: Sequence[tuple[int, int]],
    whole: tuple[int, int],
) -> None:
    """The shown spans of one line of raw text, and under them the marks that begin there."""
    lead = ((" " + "  " * min(depth, MAX_INDENT // 2), ""),)
    room = max(8, out.width - len(lead[0][0]))
    position = whole[0]
    for low, high in spans:
        out.gap(low - position, lead)
        for row in wrap(record.raw, room, low, high):
            out.rows.append(Laid(lead, row.text, style, record.raw, row, block=out.blocks))
            while pending and pending[0][0] < row.end:
                _annotate(out, record, pending.pop(0)[1], row, lead)
        position = high
    out.gap(whole[1] - position, lead)


def _annotate(
    out: Rows, record: RecordData, index: int, row: Row, lead: tuple[tuple[str, str], ...]
) -> None:
    """Under a row, a mark that begins in it: carets at the characters, then the words."""
    mark = record.marks[index]
    span = fault_span(record, mark)
    cells = row.span(record.raw, *span) if span is not None else None
    if cells is not None:
        blank = " " * cell_width(row.text[: cells[0]])
        width = max(1, cell_width(row.text[cells[0] : cells[1]]))
        out.rows.append(Laid(lead, blank + "^" * width, f"rows--{mark.severity}"))
    out.mark(index, mark, lead)
