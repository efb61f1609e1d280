"""One of several texts that stand side by side: a title, and words that may still be coming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.geometry import Region
from textual.strip import Strip

from widgets.answer_data import AnswerView, Span
from widgets.rows import Pieces, RowsView
from widgets.text import cell_width, fit, pad, wrap

MOST_ROWS = 3_000


@dataclass(frozen=True, slots=True)
class _Laid:
    text: str
    marks: tuple[Span, ...] = ()


class AnswerPane(RowsView):
    """A text under its title; words that differ from the text beside it are underlined and bold.

    A text that grows sends the rows that changed and no others.
    """

    DEFAULT_CSS = """
    AnswerPane {
        height: 1fr;
        & > .answer--title { text-style: bold; background: $panel; }
        & > .answer--here { text-style: bold reverse; background: $panel; }
        & > .answer--said { background: $panel; color: $text-muted; }
        & > .answer--success { background: $panel; color: $text-success; }
        & > .answer--warning { background: $panel; color: $text-warning; }
        & > .answer--error { background: $panel; color: $text-error; text-style: bold; }
        & > .answer--differs { text-style: bold underline; }
        & > .answer--plain { color: $text-muted; }
        &:ansi > .answer--title { text-style: bold underline; }
        &:ansi > .answer--plain { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "answer--title",
        "answer--here",
        "answer--said",
        "answer--success",
        "answer--warning",
        "answer--error",
        "answer--differs",
        "answer--plain",
    }

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a pane that shows nothing yet (see `show`)."""
        super().__init__(id=id, classes=classes)
        self._view = AnswerView("")
        self._rows: list[_Laid] = []

    @property
    def view(self) -> AnswerView:
        """What is shown now."""
        return self._view

    @property
    def row_count(self) -> int:
        """Rows of the text as wrapped."""
        return len(self._rows)

    @property
    def page(self) -> int:
        """Rows of text that fit under the title."""
        return max(1, self.size.height - 1)

    def show(self, view: AnswerView, *, anew: bool = False) -> None:
        """Show a text; only what differs from what is shown is drawn.

        Args:
            view: The text and what is said of it.
            anew: It is another text altogether, shown from its beginning.
        """
        before, self._view = self._view, view
        if view == before and not anew:
            return
        if (view.title, view.said, view.tone) != (before.title, before.said, before.tone):
            self.refresh(Region(0, 0, self.size.width, 1))
        if anew:
            self.top = 0
        if anew or (view.text, view.marks, view.plain) != (before.text, before.marks, before.plain):
            self._lay_out(follow=view.growing and view.text.startswith(before.text))

    def resized(self) -> None:
        """Wrap again for the new width."""
        self._lay_out()
        self.refresh()

    def _lay_out(self, *, follow: bool = False) -> None:
        old = self._rows
        at_end = self.top + self.page >= len(old)
        rows: list[_Laid] = []
        text = self._view.text.strip("\n")
        shift = len(self._view.text) - len(self._view.text.lstrip("\n"))
        for row in wrap(text, max(8, self.row_width - 1)) if text else ():
            found = (row.span(text, a - shift, b - shift) for a, b in self._view.marks)
            rows.append(_Laid(row.text, tuple(span for span in found if span is not None)))
            if len(rows) >= MOST_ROWS:
                break
        self._rows = rows
        if follow and at_end and len(rows) > self.top + self.page:
            # A few rows at a time: every scroll sends the whole pane.
            self.top = len(rows) - self.page + self.page // 3
            self.refresh()
        elif self.top > max(0, len(rows) - self.page) and not self._view.growing:
            self.top = max(0, len(rows) - self.page)
            self.refresh()
        else:
            most = max(len(rows), len(old))
            self.refresh_row(*(i for i in range(most) if rows[i : i + 1] != old[i : i + 1]))
        self._update_thumb()

    def refresh_row(self, *indexes: int) -> None:
        """Draw rows again, where they are seen; the title stands above them."""
        regions = [
            Region(0, 1 + index - self.top, self.row_width, 1)
            for index in indexes
            if 0 <= index - self.top < self.page
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """The title, or one row of the text."""
        if y == 0:
            return self.strip_of(self._heading())
        index = self.top + y - 1
        if index >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self.strip_of(self.row_pieces(index, self.row_width))

    def _heading(self) -> Pieces:
        view = self._view
        width = self.row_width
        said = f" {view.said}" if view.said else ""
        room = max(8, width - cell_width(said) - 1)
        title = fit(view.title, room, keep="end")
        rest = max(0, width - cell_width(title) - 1)
        style = "answer--here" if self.has_focus else "answer--title"
        tone = f"answer--{view.tone}" if view.tone not in ("", "muted") else "answer--said"
        return [
            (f" {title}", style),
            (pad(fit(said, rest), rest, align="right") if said else " " * rest, tone),
        ]

    def row_pieces(self, index: int, width: int) -> Pieces:
        """A row of the text with the words that differ marked."""
        del width
        laid = self._rows[index]
        style = "answer--plain" if self._view.plain else ""
        pieces: list[tuple[str, str]] = [(" ", "")]
        here = 0
        for start, end in laid.marks:
            pieces += [(laid.text[here:start], style), (laid.text[start:end], "answer--differs")]
            here = end
        pieces.append((laid.text[here:], style))
        return [piece for piece in pieces if piece[0]]

    def on_focus(self) -> None:
        """The title tells which pane the keys scroll."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def on_blur(self) -> None:
        """The title tells which pane the keys scroll."""
        self.refresh(Region(0, 0, self.size.width, 1))


def columns_of(width: int, panes: int, least: int) -> int:
    """Return how many panes stand side by side in a width: all of them where they fit, else fewer.

    Args:
        width: Cells at hand.
        panes: How many there are.
        least: Cells that each needs.
    """
    return max(1, min(panes, width // least))


def spread(views: Sequence[AnswerView], panes: Sequence[AnswerPane], *, anew: bool) -> None:
    """Show each text in its pane."""
    for view, pane in zip(views, panes, strict=True):
        pane.show(view, anew=anew)
