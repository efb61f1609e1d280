"""A small table of figures with a cursor that goes from figure to figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from widgets.rows import add_segment
from widgets.text import ascii_only, clean, fit, pad

_GAP = 2


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One row of figures.

    Attributes:
        label: What they are about.
        cells: The figures as shown, one a column.
    """

    label: str
    cells: tuple[str, ...]


class FigureTable(Widget, can_focus=True):
    """Rows of figures under headings, one figure under a cursor; as high as its rows.

    Moving the cursor sends two cells. Columns that do not fit are not drawn, the last ones first.

    Messages: `Highlighted` when the cursor moves or the table gets the focus, `Selected` at Enter
    or a click on the cursor.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FigureTable {
        height: auto;
        color: $foreground;
        & > .figures--head { color: $text-muted; }
        & > .figures--label { text-style: bold; }
        & > .figures--cursor { text-style: underline; }
        &:focus > .figures--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        &:ansi > .figures--head { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"figures--head", "figures--label", "figures--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "column(-1)", "Left", show=False, tooltip="The figure before"),
        Binding("right,l", "column(1)", "Right", show=False, tooltip="The next figure"),
        Binding("home,g", "column(-1000)", "First", show=False, tooltip="The first figure"),
        Binding("end,G", "column(1000)", "Last", show=False, tooltip="The last figure"),
        Binding("enter", "select", "Records", tooltip="The records this figure is about"),
    ]

    class _FigureMessage(Message):
        def __init__(self, table: FigureTable, row: int, column: int) -> None:
            super().__init__()
            self.table = table
            self.row = row
            self.column = column

        @property
        def control(self) -> FigureTable:
            """The table that sent the message."""
            return self.table

    class Highlighted(_FigureMessage):
        """The cursor is on another figure.

        Attributes:
            row: Its row, from 0.
            column: Its column, from 0.
        """

    class Selected(_FigureMessage):
        """A figure was chosen.

        Attributes:
            row: Its row, from 0.
            column: Its column, from 0.
        """

    def __init__(
        self,
        *,
        label_width: int = 17,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make an empty table (see `set_figures`).

        Args:
            label_width: Cells for the labels of the rows.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self._label_width = label_width
        self._heads: tuple[str, ...] = ()
        self._rows: tuple[FigureRow, ...] = ()
        self._widths: tuple[int, ...] = ()
        self._styles: dict[str, Style] = {}
        self.row = 0
        self.column = 0

    def set_figures(
        self, heads: Sequence[str], rows: Sequence[FigureRow], *, width: int | None = None
    ) -> None:
        """Show figures; draws only rows that read differently now.

        Args:
            heads: What stands over each column; foreign, cleaned here.
            rows: The figures, as many cells a row as there are heads.
            width: Cells of each column, the gap before it included; as wide as it needs to be for
                ``None``.
        """
        heads = tuple(clean(head, 24) for head in heads)
        rows = tuple(
            FigureRow(clean(r.label, 40), tuple(clean(c, 40) for c in r.cells)) for r in rows
        )
        widths = tuple(
            width or (max([len(head), *(len(row.cells[at]) for row in rows)]) + _GAP)
            for at, head in enumerate(heads)
        )
        if (heads, rows, widths) == (self._heads, self._rows, self._widths):
            return
        same = (heads, widths, len(rows)) == (self._heads, self._widths, len(self._rows))
        changed = [at for at, (old, new) in enumerate(zip(self._rows, rows)) if old != new]  # noqa: B905
        self._heads, self._rows, self._widths = heads, rows, widths
        self.row = max(0, min(self.row, len(rows) - 1))
        self.column = max(0, min(self.column, self._shown - 1))
        if same:
            self.refresh(*(Region(0, 1 + at, self.size.width, 1) for at in changed))
        else:
            self.refresh(layout=True)

    @property
    def _shown(self) -> int:
        """How many columns fit."""
        room = (self.size.width or 10_000) - self._label_width
        shown = 0
        for width in self._widths:
            room -= width
            if room < 0:
                break
            shown += 1
        return shown

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for the heads and one a row."""
        del container, viewport, width
        return 1 + len(self._rows) if self._rows else 0

    # Drawing

    def notify_style_update(self) -> None:
        """Forget worked-out styles: theme or focus changed."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(name) if name else self.rich_style
        return self._styles[name]

    def render_line(self, y: int) -> Strip:
        """The heads, or one row."""
        width = self.size.width
        segments: list[Segment] = []
        shown = self._shown
        heads = list(zip(self._heads[:shown], self._widths[:shown], strict=True))
        if y == 0:
            text = " " * self._label_width
            text += "".join(pad(fit(head, w - 1), w, align="right") for head, w in heads)
            add_segment(segments, text[:width].ljust(width), self._style("figures--head"))
            return Strip(segments, width)
        if y > len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[y - 1]
        label = pad(fit(row.label, self._label_width - 1), self._label_width)
        add_segment(segments, label, self._style("figures--label"))
        for at, (_, w) in enumerate(heads):
            here = y - 1 == self.row and at == self.column
            cell = fit(row.cells[at], w - 1)
            add_segment(segments, " " * (w - len(cell) - here), self.rich_style)
            if here:
                # A sign beside it, as colour is not seen everywhere.
                sign = (">" if ascii_only() else "▸") if self.has_focus else " "
                add_segment(segments, sign + cell, self._style("figures--cursor"))
            else:
                add_segment(segments, cell, self.rich_style)
        used = sum(segment.cell_length for segment in segments)
        if used < width:
            add_segment(segments, " " * (width - used), self.rich_style)
        return Strip(segments, max(used, width)).crop(0, width)

    def _cell(self, row: int, column: int) -> Region:
        left = self._label_width + sum(self._widths[:column])
        return Region(left, 1 + row, self._widths[column], 1)

    # The cursor

    def move(self, rows: int, columns: int) -> bool:
        """Move the cursor.

        Args:
            rows: Down, or up if negative.
            columns: Right, or left if negative.

        Returns:
            Whether it moved: not beyond the first or last row.
        """
        row = self.row + rows
        column = max(0, min(self.column + columns, self._shown - 1))
        if not 0 <= row < len(self._rows) or (row, column) == (self.row, self.column):
            return False
        before = self._cell(self.row, self.column)
        self.row, self.column = row, column
        self.refresh(before, self._cell(row, column))
        self.post_message(self.Highlighted(self, row, column))
        return True

    def action_column(self, step: int) -> None:
        """Move along the row."""
        self.move(0, step)

    def action_select(self) -> None:
        """Choose the figure under the cursor."""
        if self._rows and self._shown:
            self.post_message(self.Selected(self, self.row, self.column))

    def on_focus(self) -> None:
        """The figure under the cursor looks different with focus, and is spoken of."""
        self._cursor_changed()
        if self._rows and self._shown:
            self.post_message(self.Highlighted(self, self.row, self.column))

    def on_blur(self) -> None:
        """The figure under the cursor looks different without focus."""
        self._cursor_changed()

    def _cursor_changed(self) -> None:
        self._styles.clear()
        if self._rows and self._shown:
            self.refresh(self._cell(self.row, self.column))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a click on the cursor chooses."""
        left = self._label_width
        for at, width in enumerate(self._widths[: self._shown]):
            if left <= event.x < left + width and 0 < event.y <= len(self._rows):
                if not self.move(event.y - 1 - self.row, at - self.column):
                    self.action_select()
                return
            left += width
