"""Rows that fit what is typed in the input above them, which keeps the focus; their dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import getters
from textual.binding import Binding, BindingType
from textual.screen import ScreenResultType
from textual.widgets import Input

from widgets.dialog import FramedDialog
from widgets.rows import VirtualList

_T = TypeVar("_T")
_MOST_ROWS = 14


class FittingRows(VirtualList, Generic[_T], can_focus=False):
    """What fits, a row each; a subclass says what stands in a row.

    Attributes:
        items: What fits now.
    """

    DEFAULT_CSS = """
    FittingRows > .rows--cursor {
        color: $block-cursor-foreground;
        background: $block-cursor-background;
    }
    """

    def __init__(self, empty_text: str) -> None:
        super().__init__()
        self.items: Sequence[_T] = ()
        self.empty_text = empty_text

    @property
    def row_count(self) -> int:
        """How many fit."""
        return len(self.items)

    @property
    def current(self) -> _T | None:
        """What is under the cursor."""
        return self.items[self.cursor] if self.items else None

    def offer(self, items: Sequence[_T]) -> None:
        """Show these, the cursor on the first, as high as they are many."""
        before, self.items = len(self.items), items
        self.cursor = 0
        self.scroll_rows(0)
        self.styles.height = max(1, min(len(items), _MOST_ROWS))
        self.rows_changed(before)
        self.refresh()


class FittingDialog(FramedDialog[ScreenResultType]):
    """A dialog to type some of a name in; the cursor among what fits moves meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "choose", id="fitting.down", tooltip="The next one"),
        Binding("up,ctrl+p", "move(-1)", "choose", id="fitting.up", tooltip="The one before"),
        Binding("pagedown", "move(10)", "choose", id="fitting.page_down", show=False),
        Binding("pageup", "move(-10)", "choose", id="fitting.page_up", show=False),
    ]

    entry = getters.query_one(Input)

    def action_move(self, step: int) -> None:
        """Move the choice."""
        rows: FittingRows[Any] = self.query_one(FittingRows)
        rows.move_cursor(rows.cursor + step)

    def action_close(self) -> None:
        """Close; nothing is done, nothing changes."""
        self.dismiss(None)
