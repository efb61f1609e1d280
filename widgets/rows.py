"""The base of every long view: rows drawn one at a time, so that a hundred million cost nothing.

`RowsView` scrolls, `VirtualList` has a cursor too. Neither keeps an object a row, and both send to
the terminal only the rows that changed: it may be far away. Textual's own scroll bar and virtual
size are not used, because every growth of them would lay the screen out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from widgets.text import ascii_only, cell_width, fit
from widgets.thumb import Thumb

Pieces = Sequence[tuple[str, str]]
"""One row: pieces of cleaned text, each with the name of a component class, or an empty name."""

WHEEL_ROWS = 3


class RowsView(Widget, can_focus=True):
    """Rows drawn on demand, scrolled by keys and wheel.

    A subclass gives `row_count` and `row_pieces`. Changes are told by `rows_changed` (how many
    there are), `refresh_row` (one of them) or `refresh` (all).
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RowsView {
        height: 1fr;
        overflow: hidden hidden;
        color: $foreground;
        & > .rows--empty { color: $text-muted; }
        & > .rows--muted { color: $text-muted; }
        & > .rows--error { color: $text-error; text-style: bold; }
        & > .rows--warning { color: $text-warning; text-style: bold; }
        & > .rows--advice { color: $text-secondary; }
        & > .rows--match { text-style: reverse; }
        &:ansi > .rows--empty { text-style: dim; }
        &:ansi > .rows--muted { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--empty",
        "rows--muted",
        "rows--error",
        "rows--warning",
        "rows--advice",
        "rows--match",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "row(-1)", "Up", show=False, tooltip="One row up"),
        Binding("down,j", "row(1)", "Down", show=False, tooltip="One row down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, tooltip="One page up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, tooltip="One page down"),
        Binding("ctrl+u", "half_page(-1)", "Half page up", show=False, tooltip="Half a page up"),
        Binding("ctrl+d", "half_page(1)", "Half page down", show=False, tooltip="Half a page down"),
        Binding("home,g", "first", "First", show=False, tooltip="To the first row"),
        Binding("end,G", "last", "Last", show=False, tooltip="To the last row"),
    ]

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.top = 0
        self.empty_text = ""
        self._thumb = Thumb()
        self._styles: dict[str, Style] = {}

    @property
    def _has_relative_children_height(self) -> bool:
        # The bar is as high as the view, which is as high as its rows where that is asked for.
        return False

    # What a subclass gives

    @property
    def row_count(self) -> int:
        """How many rows there are now."""
        raise NotImplementedError

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One row as pieces of cleaned text; longer rows are cut to `width` cells here after.

        Args:
            index: Which row, from 0.
            width: Cells at hand.

        Returns:
            Pieces with the names of component classes.
        """
        raise NotImplementedError

    def row_style(self, index: int) -> str:
        """Name of a component class for the whole row (its background too), or an empty name."""
        del index
        return ""

    # Drawing

    def compose(self) -> ComposeResult:
        """The bar at the right."""
        yield self._thumb

    @property
    def page(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height)

    @property
    def row_width(self) -> int:
        """Cells of a row (the last column is the bar's)."""
        return max(0, self.size.width - 1)

    def notify_style_update(self) -> None:
        """Forget worked-out styles: theme or focus changed."""
        self._styles.clear()
        super().notify_style_update()

    def style_named(self, name: str, over: str = "") -> Style:
        """The style of a component class, drawn on the widget or on a whole-row style.

        Args:
            name: A component class or several with blanks between, or empty for plain text.
            over: The component class of the row, if it has one.

        Returns:
            A Rich style with both colours set.
        """
        key = f"{name}|{over}"
        style = self._styles.get(key)
        if style is None:
            style = self.get_component_rich_style(over) if over else self.rich_style
            if name:
                # The partial style knows no blended colours, the full one has a background.
                names = name.split()
                colour = Style(color=self.get_component_rich_style(*names).color)
                style = style + self.get_component_rich_style(*names, partial=True) + colour
            self._styles[key] = style
        return style

    def render_line(self, y: int) -> Strip:
        """One row of the view; nothing is worked out for rows that are not seen."""
        index = self.top + y
        if index >= self.row_count:
            if self.row_count == 0 and self.empty_text and y == min(1, self.page - 1):
                return self.strip_of([(" " + self.empty_text, "rows--empty")])
            return Strip.blank(self.size.width, self.style_named(""))
        return self.strip_of(self.row_pieces(index, self.row_width), self.row_style(index))

    def strip_of(self, pieces: Pieces, over: str = "") -> Strip:
        """Pieces as a strip of exactly the widget's width."""
        width = self.row_width
        segments: list[Segment] = []
        used = 0
        for text, name in pieces:
            if used >= width:
                break
            cells = cell_width(text)
            if used + cells > width:
                text = fit(text, width - used)
                cells = cell_width(text)
            if text:
                add_segment(segments, text, self.style_named(name, over))
                used += cells
        if used < width:
            add_segment(segments, " " * (width - used), self.style_named("", over))
        segments.append(Segment(" ", self.style_named("")))
        return Strip(segments, width + 1)

    def refresh_row(self, *indexes: int) -> None:
        """Draw rows again, where they are seen."""
        regions = [
            Region(0, index - self.top, self.row_width, 1)
            for index in indexes
            if 0 <= index - self.top < self.page
        ]
        if regions:
            self.refresh(*regions)

    def rows_changed(self, before: int) -> None:
        """Tell that the number of rows changed from `before`; draws only rows that came or went."""
        count = self.row_count
        self.top = max(0, min(self.top, count - self.page))
        if before == 0 or count < before:
            self.refresh()
        else:
            self.refresh_row(*range(max(before, self.top), min(count, self.top + self.page)))
        self._update_thumb()

    def _update_thumb(self) -> None:
        self._thumb.show_part(self.top, self.page, self.row_count)

    def on_resize(self, event: events.Resize) -> None:
        """Keep the view inside its rows."""
        del event
        self.resized()
        self.top = max(0, min(self.top, self.row_count - self.page))
        self._update_thumb()

    def resized(self) -> None:
        """Hook for subclasses whose rows depend on the width; called before the view is clamped."""

    # Scrolling

    def scroll_rows(self, top: int) -> bool:
        """Show the rows from `top` on, as far as there are rows.

        Returns:
            Whether anything moved.
        """
        top = max(0, min(top, self.row_count - self.page))
        if top == self.top:
            return False
        self.top = top
        self.refresh()
        self._update_thumb()
        return True

    def action_row(self, step: int) -> None:
        """Scroll by rows."""
        self.scroll_rows(self.top + step)

    def action_page(self, step: int) -> None:
        """Scroll by pages, one row of the old page kept."""
        self.scroll_rows(self.top + step * max(1, self.page - 1))

    def action_half_page(self, step: int) -> None:
        """Scroll by half pages."""
        self.scroll_rows(self.top + step * max(1, self.page // 2))

    def action_first(self) -> None:
        """Go to the first row."""
        self.scroll_rows(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self.scroll_rows(self.row_count)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls; the cursor, if there is one, stays on its row."""
        event.stop()
        self.scroll_rows(self.top + WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls; the cursor, if there is one, stays on its row."""
        event.stop()
        self.scroll_rows(self.top - WHEEL_ROWS)


class VirtualList(RowsView):
    """Rows with a cursor; a move that does not scroll sends two rows."""

    DEFAULT_CSS = """
    VirtualList {
        & > .rows--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus > .rows--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", show=False, tooltip="Open the row under the cursor"),
    ]

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0

    def row_style(self, index: int) -> str:
        """The cursor's row has a style of its own."""
        return "rows--cursor" if index == self.cursor else ""

    def cursor_sign(self, index: int) -> str:
        """The first cell of a row: a sign for the cursor, seen without colour too."""
        if index != self.cursor:
            return " "
        return ">" if ascii_only() else "▌"

    def strip_of(self, pieces: Pieces, over: str = "") -> Strip:
        """The cursor's row is one colour while focused: accents on it would be hard to read."""
        if over == "rows--cursor" and self.has_focus:
            pieces = [("".join(text for text, _ in pieces), "")]
        return super().strip_of(pieces, over)

    def move_cursor(self, index: int) -> bool:
        """Put the cursor on a row, scrolling as little as a far terminal likes.

        A step over the edge scrolls a third of a page, so that the next steps need none; a jump
        centres the row.

        Args:
            index: The row; clamped to what there is.

        Returns:
            Whether the cursor moved.
        """
        index = max(0, min(index, self.row_count - 1))
        before, self.cursor = self.cursor, index
        if index == before:
            self.ensure_visible(index)
            return False
        if not self.ensure_visible(index):
            self.refresh_row(before, index)
        self.cursor_moved()
        return True

    def ensure_visible(self, index: int) -> bool:
        """Scroll so that a row is seen; tells whether that was needed."""
        page = self.page
        if self.top <= index < self.top + page:
            return False
        near = max(1, page // 3)
        if self.top + page <= index < self.top + page + near:
            return self.scroll_rows(max(index - page + 1, self.top + near))
        if self.top - near <= index < self.top:
            return self.scroll_rows(min(index, self.top - near))
        return self.scroll_rows(index - page // 2)

    def cursor_moved(self) -> None:
        """Hook: the cursor is on another row; subclasses post their message here."""

    def row_chosen(self) -> None:
        """Hook: Enter, or a click on the cursor's row."""

    def rows_changed(self, before: int) -> None:
        """Keep the cursor on a row that exists."""
        cursor = max(0, min(self.cursor, self.row_count - 1))
        moved, self.cursor = cursor != self.cursor, cursor
        super().rows_changed(before)
        if moved or (before == 0 and self.row_count):
            self.cursor_moved()

    def on_focus(self) -> None:
        """The cursor's row looks different with focus."""
        self._styles.clear()
        self.refresh_row(self.cursor)

    def on_blur(self) -> None:
        """The cursor's row looks different without focus."""
        self._styles.clear()
        self.refresh_row(self.cursor)

    def action_row(self, step: int) -> None:
        """Move the cursor by rows."""
        self.move_cursor(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by pages."""
        self._jump(step * max(1, self.page - 1))

    def action_half_page(self, step: int) -> None:
        """Move the cursor by half pages."""
        self._jump(step * max(1, self.page // 2))

    def _jump(self, rows: int) -> None:
        before = self.top
        self.scroll_rows(self.top + rows)
        if not self.move_cursor(self.cursor + rows) and before != self.top:
            self.refresh_row(self.cursor)

    def action_first(self) -> None:
        """Put the cursor on the first row."""
        self.move_cursor(0)

    def action_last(self) -> None:
        """Put the cursor on the last row."""
        self.move_cursor(self.row_count - 1)

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self.row_count:
            self.row_chosen()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a click on the cursor opens the row."""
        index = self.top + event.y
        if index < self.row_count and not self.move_cursor(index):
            self.row_chosen()


def add_segment(segments: list[Segment], text: str, style: Style) -> None:
    """Add text to a row in as few segments as look the same: each costs some 40 bytes to send."""
    if segments:
        last = segments[-1]
        before = last.style
        same = before is style or before == style
        if not same and before is not None and text.isspace():
            # Of a blank, only the background is seen.
            same = before.bgcolor == style.bgcolor and not (
                before.reverse or before.underline or style.reverse or style.underline
            )
        if same:
            segments[-1] = Segment(last.text + text, before)
            return
    segments.append(Segment(text, style))


def joined(pieces: Iterable[tuple[str, str]]) -> str:
    """The text of a row without its styles."""
    return "".join(text for text, _ in pieces)
