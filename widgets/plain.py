"""Tables, bars and plots for the plain commands: text only, no Textual, no colour.

Every function returns lines. Foreign text is cleaned here; in ASCII mode (`widgets.text.use_ascii`)
the lines are ASCII. Nothing is told by colour, so there is nothing for NO_COLOR to take away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from widgets.numbers import integer, metric
from widgets.text import ascii_only, cell_width, clean, fit, pad

MIN_COLUMN = 4
GAP = "  "

_PARTS = "▏▎▍▌▋▊▉█"


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    align: str = "",
    width: int | None = None,
) -> list[str]:
    """An aligned table.

    Args:
        headers: Names of the columns; none of them, or empty ones, give a table without a head.
        rows: Values, shown as `str` gives them, None as ``-``; short rows are filled.
        align: One letter a column, ``l`` or ``r``; ``l`` where it is missing.
        width: Cells at hand; the widest columns are cut until the table fits. None never cuts.

    Returns:
        Lines without trailing blanks.
    """
    columns = max([len(headers), *(len(row) for row in rows)], default=0)
    cells = [[_cell(row[i]) if i < len(row) else "" for i in range(columns)] for row in rows]
    head = [clean(headers[i]) if i < len(headers) else "" for i in range(columns)]
    lines = [head, *cells] if any(head) else cells
    if not lines:
        return []
    widths = [max(cell_width(line[i]) for line in lines) for i in range(columns)]
    if width is not None:
        _squeeze(widths, width - len(GAP) * (columns - 1))
    sides = [("right" if align[i : i + 1] == "r" else "left") for i in range(columns)]
    out = [
        GAP.join(pad(text, widths[i], align=sides[i]) for i, text in enumerate(line)).rstrip()
        for line in lines
    ]
    if any(head):
        rule = "-" if ascii_only() else "─"
        out.insert(1, GAP.join(rule * cells_ for cells_ in widths))
    return out


def _cell(value: object) -> str:
    return "-" if value is None else clean(str(value), 2000)


def _squeeze(widths: list[int], room: int) -> None:
    """Make the widest columns narrower, a cell at a time, until they fit (or all are minimal)."""
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= MIN_COLUMN:
            return
        second = max((w for i, w in enumerate(widths) if i != widest), default=0)
        step = max(1, min(widths[widest] - second, sum(widths) - room))
        widths[widest] = max(MIN_COLUMN, widths[widest] - step)


def bar(value: float, largest: float, cells: int) -> str:
    """A horizontal bar; a value above zero is never invisible.

    Args:
        value: What to draw.
        largest: The value that fills all cells.
        cells: Cells at hand.

    Returns:
        At most `cells` characters.
    """
    if value <= 0 or largest <= 0 or cells <= 0:
        return ""
    if ascii_only():
        return "#" * max(1, min(cells, round(value / largest * cells)))
    eighths = max(1, min(cells * 8, round(value / largest * cells * 8)))
    full, part = divmod(eighths, 8)
    return "█" * full + (_PARTS[part - 1] if part else "")


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    width: int = 80,
    notes: Sequence[str] = (),
) -> list[str]:
    """Horizontal bars with their labels and values.

    Args:
        labels: A label a bar.
        values: A value a bar, 0 or more.
        width: Cells of a line.
        notes: Words after single values (such as ``over the limit``).

    Returns:
        A line a bar.
    """
    names = [clean(label) for label in labels]
    numbers = [integer(value) for value in values]
    left = min(max((cell_width(name) for name in names), default=0), max(8, width // 3))
    right = max((len(number) for number in numbers), default=0)
    extra = [clean(notes[i]) if i < len(notes) else "" for i in range(len(names))]
    room = width - left - right - 4 - max((cell_width(note) for note in extra), default=0)
    largest = max(values, default=0)
    return [
        f"{pad(name, left, align='right')}  {number:>{right}}  "
        f"{bar(value, largest, max(4, room))} {note}".rstrip()
        for name, value, number, note in zip(names, values, numbers, extra, strict=True)
    ]


def histogram(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    width: int = 80,
    limit: float | None = None,
) -> list[str]:
    """A distribution as horizontal bars.

    Args:
        edges: Ascending edges, one more than there are counts.
        counts: How many values each bin holds.
        width: Cells of a line.
        limit: Bins above it say so.

    Returns:
        A line a bin.
    """
    dash = "-" if ascii_only() else "–"
    ends = [integer(edge) for edge in edges]
    size = max((len(end) for end in ends), default=0)
    labels = [f"{low:>{size}} {dash} {high:>{size}}" for low, high in pairwise(ends)]
    notes = ["over the limit" if limit is not None and edge >= limit else "" for edge in edges]
    return bars(labels, counts, width=width, notes=notes[: len(labels)])


def plot(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    width: int = 80,
    height: int = 20,
    title: str = "",
    total: float | None = None,
) -> list[str]:
    """Lines over steps, as the live panel draws them.

    Args:
        series: Name to (steps, values); up to four, NaN is a gap. The first is a line, the others
            have dots on their values too, so that they are told apart without colour.
        width: Cells of a line.
        height: Lines in all.
        title: What is shown.
        total: Where the x axis ends, when known.

    Returns:
        `height` lines, or one that says there is nothing to draw.
    """
    # Imported late: this is the only function here that needs numpy and plotext.
    from widgets.chart_data import plot_cells, signs

    shown = {
        name: (steps, values) for name, (steps, values) in list(series.items())[:4] if len(steps)
    }
    if not shown:
        return [f"{clean(title)}: nothing to draw" if title else "Nothing to draw"]
    marks = signs([index > 0 for index in range(len(shown))])
    legend = "   ".join(
        f"{sign} {clean(name)} {metric(values[-1])}"
        for sign, (name, (_, values)) in zip(marks, shown.items(), strict=True)
    )
    head = fit(f"{clean(title)}   {legend}" if title else legend, width)
    rows = plot_cells(list(shown.values()), marks, width, height - 1, total)
    return [head, *(text.rstrip() for text, _ in rows)]
