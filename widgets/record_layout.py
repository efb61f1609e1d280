"""Lays a record out as rows: as a conversation, or as its JSON text. Pure data, no Textual."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from widgets.numbers import compact, integer
from widgets.record_data import Call, Mark, RecordData, Turn
from widgets.text import Row, ascii_only, cell_width, clean, fit, wrap

PART = 40_000
"""Characters of one value shown at first; the rest is stated, and shown on request."""

STRING_PART = 8_000
"""Characters of one JSON string shown at first in indented raw text."""

ROWS = 4_000
"""Rows of one record laid out at first; what follows is stated, but for what is marked."""

AROUND = 600
"""Characters shown on each side of a mark that lies in a part not shown."""

SIGNS = {"error": "E", "warning": "W", "advice": "A"}
KNOWN_ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}
_OPENS = {"}": "{", "]": "["}
_MAX_INDENT = 24


@dataclass(frozen=True, slots=True)
class Laid:
    """One row of a record.

    Attributes:
        lead: Cells before the text (bar, indent), as (text, style name).
        text: Cleaned text of the row.
        style: Style name of the text.
        source: The whole value that the row shows a part of, for search; empty for our own words.
        row: Where in `source` the row is.
        mark: Index of the mark that this row announces, -1 for none.
        block: Number of the value, so that rows of one value belong together.
    """

    lead: tuple[tuple[str, str], ...]
    text: str
    style: str = ""
    source: str = ""
    row: Row | None = None
    mark: int = -1
    block: int = -1


def pretty_lines(raw: str) -> Iterator[tuple[int, int, int]]:
    """Indented lines of a JSON text, as (depth, start, end) of slices of it, lazily.

    Tolerant: works on text that is not valid JSON, and never changes a character, so that an
    offset in the text can be found on its line.

    Args:
        raw: JSON text, or something like it.

    Yields:
        Slices in order; only white space lies between them.
    """
    depth = 0
    start = end = -1
    tokens = pairwise(chain(_TOKEN.finditer(raw), (None,)))
    for match, after in tokens:
        assert match is not None
        token = match.group()
        if token in "}]" and not (start >= 0 and raw[end - 1] == _OPENS[token]):
            if start >= 0:
                yield depth, start, end
            start = -1
            depth = max(0, depth - 1)
        if start < 0:
            start = match.start()
        end = match.end()
        opens = token in _CLOSES and (after is None or after.group() != _CLOSES[token])
        if opens or token == ",":
            yield depth, start, end
            start = -1
            depth += opens
    if start >= 0:
        yield depth, start, end


def token_end(raw: str, start: int) -> int:
    """The end of the JSON token that begins at an offset (one character for a bracket)."""
    match = _TOKEN.match(raw, start)
    if match is None:
        return min(len(raw), start + 1)
    return max(start + 1, match.end())


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


class _Rows:
    """Collects laid-out rows of one width."""

    def __init__(self, width: int, limit: int) -> None:
        self.width = width
        self.limit = limit
        self.rows: list[Laid] = []
        self.blocks = 0

    def blank(self, lead: tuple[tuple[str, str], ...] = ()) -> None:
        """An empty row."""
        self.rows.append(Laid(lead, ""))

    def say(
        self, text: str, style: str, lead: tuple[tuple[str, str], ...] = (), mark: int = -1
    ) -> None:
        """Words of our own (or of a rule), wrapped; foreign parts in them come out clean."""
        room = max(8, self.width - sum(len(piece) for piece, _ in lead))
        for row in wrap(text, room):
            self.rows.append(Laid(lead, row.text, style, mark=mark))
            mark = -1

    def value(
        self,
        source: str,
        style: str,
        lead: tuple[tuple[str, str], ...],
        spans: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """A foreign value, wrapped; only `spans` of it, the gaps stated."""
        room = max(8, self.width - sum(len(piece) for piece, _ in lead))
        self.blocks += 1
        position = 0
        for start, end in spans or shown_spans(0, len(source), self.limit, ()):
            self.gap(start - position, lead)
            for row in wrap(source, room, start, end):
                self.rows.append(Laid(lead, row.text, style, source, row, block=self.blocks))
            position = end
        self.gap(len(source) - position, lead)

    def gap(self, characters: int, lead: tuple[tuple[str, str], ...]) -> None:
        """State how much of a value is not shown."""
        if characters > 0:
            text = f"({integer(characters)} more characters; m shows more)"
            self.rows.append(Laid(lead, text, "rows--muted"))

    def mark(self, index: int, mark: Mark, lead: tuple[tuple[str, str], ...]) -> None:
        """A mark in words: its sign, code and message, then the hint."""
        code = f"{mark.code}: " if mark.code else ""
        sign = SIGNS.get(mark.severity, "?")
        style = f"rows--{mark.severity}" if mark.severity in SIGNS else "rows--muted"
        self.say(f"{sign} {code}{mark.message}", style, lead, index)
        if mark.hint:
            self.say(mark.hint, "rows--muted", (*lead, ("  ", "")))


def shown_spans(
    start: int, end: int, limit: int, keep: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Which parts of a long value to show: its beginning, and the surroundings of marks.

    Args:
        start: Where the value begins.
        end: Where it ends.
        limit: Characters of the beginning.
        keep: Ranges that must be seen.

    Returns:
        Ascending ranges that do not touch.
    """
    if end - start <= limit:
        return [(start, end)]
    wanted = [(start, start + limit)] if limit else []
    wanted += [
        (max(start, low - AROUND), min(end, low + AROUND)) for low, _ in keep if start <= low < end
    ]
    spans: list[tuple[int, int]] = []
    for low, high in sorted(wanted):
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], high))
        else:
            spans.append((low, high))
    return spans


# The conversation


def chat_rows(record: RecordData, width: int, limit: int = PART) -> list[Laid]:
    """A record as a conversation, its marks on the very messages.

    Args:
        record: The record; one without turns is laid out as raw text.
        width: Cells in a row.
        limit: Characters of one value.

    Returns:
        Rows, at least one.
    """
    if not record.turns:
        return raw_rows(record, width, limit, pretty=False)
    out = _Rows(width, limit)
    places = [turn_of(record, mark) for mark in record.marks]
    _cut_note(out, record)
    lead = ((" ", ""),)
    for index, mark in enumerate(record.marks):
        if places[index] < 0:
            out.mark(index, mark, lead)
    if out.rows:
        out.blank()
    section = ""
    skipped = 0
    for number, turn in enumerate(record.turns):
        if len(out.rows) > ROWS * max(1, limit // PART) and number not in places:
            skipped += 1
            continue
        _skip_note(out, skipped)
        skipped = 0
        if turn.section != section:
            section = turn.section
            out.say(f" {section.upper()}", "record-view--section")
            out.blank()
        _turn(out, turn, [i for i, place in enumerate(places) if place == number], record)
        out.blank()
    _skip_note(out, skipped)
    for key, value in record.extra:
        out.say(f" {key}", "record-view--section")
        _json(out, value, ((" ", ""),))
        out.blank()
    out.rows.pop()
    return out.rows


def _skip_note(out: _Rows, skipped: int) -> None:
    if skipped:
        out.say(f" ({integer(skipped)} messages not shown; m shows more)", "rows--muted")
        out.blank()


def _cut_note(out: _Rows, record: RecordData) -> None:
    if record.cut:
        shown = integer(len(record.raw))
        out.say(
            f" This record has {integer(record.size)} bytes; "
            f"the first {shown} characters are shown.",
            "rows--warning",
        )


def role_style(role: str) -> str:
    """Component class of a role; roles no schema knows have one of their own."""
    role = {"developer": "system", "function": "tool"}.get(role, role)
    if role in ("prompt", "completion"):
        role = "user" if role == "prompt" else "assistant"
    known = ("system", "user", "assistant", "tool")
    return f"record-view--{role}" if role in known else "record-view--other"


def _turn(out: _Rows, turn: Turn, marks: Sequence[int], record: RecordData) -> None:
    style = role_style(turn.role)
    bar = ("| " if ascii_only() else "▎ ", style)
    out.rows.append(_head(turn, [record.marks[i] for i in marks], bar, style, out.width))
    body = (bar,)
    for index in marks:
        out.mark(index, record.marks[index], body)
    for key, value in turn.extra:
        out.say(f"{key}:", "rows--muted", body)
        _json(out, value, (bar, ("  ", "")))
    if turn.text:
        out.value(turn.text, "", body)
    for part in turn.parts:
        out.say(f"[{part.kind}]", "record-view--call", body)
        out.value(part.text, "rows--muted", (bar, ("  ", "")))
    for call in turn.calls:
        _call(out, call, bar)
    if not (turn.text or turn.parts or turn.calls or turn.extra):
        out.say("(no content)", "rows--muted", body)


def _head(turn: Turn, marks: Sequence[Mark], bar: tuple[str, str], style: str, width: int) -> Laid:
    """A turn's first row: role, name, whether it is trained, its worst mark, its tokens."""
    said = [clean(turn.role, 60).upper() if turn.role in KNOWN_ROLES else clean(turn.role, 60)]
    if turn.name:
        said.append(clean(turn.name, 64))
    if turn.call_id:
        said.append(f"answers {clean(turn.call_id, 64)}")
    if turn.weight is not None:
        trained = turn.weight == 0 and turn.weight is not False
        weight = clean(str(turn.weight), 20)
        said.append("not trained (weight 0)" if trained else f"weight {weight}")
    if turn.tokens is not None:
        said.append(f"{compact(turn.tokens)} tokens")
    signs = sorted({SIGNS.get(mark.severity, "?") for mark in marks}, key="EWA?".index)
    lead = (bar, *((f"{sign} ", _sign_style(sign)) for sign in signs))
    joint = " - " if ascii_only() else " · "
    room = max(4, width - 2 - 2 * len(signs))
    return Laid(lead, fit(joint.join(said), room), f"record-view--head {style}")


def _sign_style(sign: str) -> str:
    for severity, letter in SIGNS.items():
        if letter == sign:
            return f"rows--{severity}"
    return "rows--muted"


def _call(out: _Rows, call: Call, bar: tuple[str, str]) -> None:
    arrow = "-> " if ascii_only() else "→ "
    name = clean(call.name, 80) + (f"  {clean(call.id, 64)}" if call.id else "")
    out.say(f"{arrow}{name}", "record-view--call", (bar,))
    if call.arguments:
        _json(out, call.arguments, (bar, ("  ", "")))


def _json(out: _Rows, text: str, lead: tuple[tuple[str, str], ...]) -> None:
    """JSON text, indented when it is long."""
    if len(text) <= max(20, out.width - 8) or len(text) > out.limit:
        out.value(text, "record-view--json", lead)
        return
    for depth, start, end in pretty_lines(text):
        indent = ("  " * min(depth, _MAX_INDENT // 2), "")
        out.value(text[start:end], "record-view--json", (*lead, indent))


# The raw text


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
    out = _Rows(max(8, width - 1), limit)
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
    out: _Rows,
    record: RecordData,
    pending: list[tuple[int, int]],
    depth: int,
    style: str,
    spans: Sequence[tuple[int, int]],
    whole: tuple[int, int],
) -> None:
    """The shown spans of one line of raw text, and under them the marks that begin there."""
    lead = ((" " + "  " * min(depth, _MAX_INDENT // 2), ""),)
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
    out: _Rows, record: RecordData, index: int, row: Row, lead: tuple[tuple[str, str], ...]
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
