"""Two answers to choose from, side by side or one under the other, their differences marked."""

from __future__ import annotations

from collections.abc import Sequence

from widgets._turns import lay_turn
from widgets.diff import Span, word_spans
from widgets.laid import PAIR_WIDTH, Rows
from widgets.record_data import PREFERRED, REJECTED, RecordData, Turn

_LEGEND = "words that differ are underlined"
_ALIKE = 0.95
"""Where more than this share of both answers differs, marks would say nothing."""


def lay_answers(out: Rows, record: RecordData, first: int, places: Sequence[int]) -> None:
    """Lay out the answers of a preference record.

    Args:
        out: Where the rows go.
        record: The record.
        first: The first of its turns that is an answer; all after it are.
        places: The turn that each of its marks is on.
    """
    numbers = range(first, len(record.turns))
    sides = [
        [number for number in numbers if record.turns[number].section == section]
        for section in (PREFERRED, REJECTED)
    ]
    changed = _changed(record.turns, sides)
    if out.width < PAIR_WIDTH or not all(sides):
        for section, side in zip((PREFERRED, REJECTED), sides, strict=True):
            if side:
                _side(out, record, section, side, places, changed)
        return
    room = (out.width - 3) // 2
    columns = []
    for section, side in zip((PREFERRED, REJECTED), sides, strict=True):
        column = Rows(room, out.limit)
        column.blocks = out.blocks
        _side(column, record, section, side, places, changed)
        out.blocks = column.blocks
        columns.append(column.rows)
    out.pair(columns[0], columns[1], room)
    out.blank()


def _side(
    out: Rows,
    record: RecordData,
    section: str,
    side: Sequence[int],
    places: Sequence[int],
    changed: dict[int, list[Span]],
) -> None:
    out.say(f" {section.upper()}", "record-view--section")
    said = _LEGEND if changed else "too little in common to mark words"
    if section == PREFERRED:
        out.say(f" {said}", "rows--muted")
    else:
        out.blank()
    for number in side:
        marks = [index for index, place in enumerate(places) if place == number]
        lay_turn(out, record.turns[number], marks, record, changed.get(number, ()))
        out.blank()


def _changed(turns: Sequence[Turn], sides: Sequence[Sequence[int]]) -> dict[int, list[Span]]:
    """The parts of each answer that differ from the other one's message at the same place."""
    changed: dict[int, list[Span]] = {}
    for left, right in zip(*sides, strict=False):
        texts = turns[left].text, turns[right].text
        one, other = word_spans(*texts)
        if min(_share(one, texts[0]), _share(other, texts[1])) > _ALIKE:
            continue
        if one or other:
            changed[left], changed[right] = one, other
    return changed


def _share(spans: Sequence[Span], text: str) -> float:
    return sum(end - start for start, end in spans) / max(1, len(text))
