"""Labels and values, of which only the values that changed are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from widgets.rows import add_segment
from widgets.text import cell_width, clean, fit, pad

TONES = ("good", "bad", "warn", "accent", "muted")


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of `Facts`.

    Attributes:
        key: Its name in calls.
        label: Its name on the screen.
    """

    key: str
    label: str


class Facts(Widget):
    """Rows of label and value, in one or more columns.

    `set` and `set_all` send a value only when it differs from the one shown. Several columns are
    filled row by row.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Facts {
        height: auto;
        color: $foreground;
        & > .facts--label { color: $text-muted; }
        & > .facts--good { color: $text-success; }
        & > .facts--bad { color: $text-error; text-style: bold; }
        & > .facts--warn { color: $text-warning; }
        & > .facts--accent { color: $text-primary; text-style: bold; }
        & > .facts--muted { color: $text-muted; }
        &:ansi > .facts--label { text-style: dim; }
        &:ansi > .facts--muted { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "facts--label",
        "facts--good",
        "facts--bad",
        "facts--warn",
        "facts--accent",
        "facts--muted",
    }

    def __init__(
        self,
        facts: Sequence[Fact],
        *,
        columns: int = 1,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make rows without values (``-``).

        Args:
            facts: The rows.
            columns: How many stand side by side.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.facts = tuple(facts)
        self.columns = max(1, columns)
        self._values: dict[str, tuple[str, str]] = {}
        self._label_width = max((cell_width(clean(fact.label)) for fact in facts), default=0)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """One row a fact, shared by the columns."""
        del container, viewport, width
        return -(-len(self.facts) // self.columns)

    def value(self, key: str) -> str:
        """The value shown for a fact, cleaned."""
        return self._values.get(key, ("-", ""))[0]

    def set(self, key: str, value: object, tone: str = "") -> None:
        """Show a value.

        Args:
            key: The fact; unknown ones are ignored.
            value: What to show; foreign text is cleaned, None is shown as ``-``.
            tone: ``""``, or one of `TONES`.
        """
        text = "-" if value is None else clean(str(value), 500)
        if self._values.get(key) == (text, tone):
            return
        self._values[key] = (text, tone)
        index = next((i for i, fact in enumerate(self.facts) if fact.key == key), None)
        if index is not None:
            left, cells = self._cell(index % self.columns)
            self.refresh(Region(left, index // self.columns, cells, 1))

    def set_all(self, values: Mapping[str, object]) -> None:
        """Show several values; a value may be a (value, tone) pair."""
        for key, value in values.items():
            if isinstance(value, tuple) and len(value) == 2:
                self.set(key, value[0], str(value[1]))
            else:
                self.set(key, value)

    def _cell(self, column: int) -> tuple[int, int]:
        """Left edge and width of a column."""
        width = self.content_size.width // self.columns
        return column * width, width

    def render_line(self, y: int) -> Strip:
        """One row of facts."""
        segments: list[Segment] = []
        plain = self.rich_style
        total = self.content_size.width
        for column in range(self.columns):
            index = y * self.columns + column
            cells = self._cell(column)[1]
            if index >= len(self.facts) or cells < 4:
                add_segment(segments, " " * cells, plain)
                continue
            fact = self.facts[index]
            label = fit(pad(clean(fact.label), self._label_width) + "  ", cells)
            add_segment(segments, label, self.get_component_rich_style("facts--label"))
            text, tone = self._values.get(fact.key, ("-", ""))
            style = self.get_component_rich_style(f"facts--{tone}") if tone in TONES else plain
            room = cells - cell_width(label)
            gap = 2 if column < self.columns - 1 else 0
            shown = fit(text, max(0, room - gap))
            add_segment(segments, shown, style)
            add_segment(segments, " " * (room - cell_width(shown)), plain)
        used = sum(cell_width(segment.text) for segment in segments)
        if used < total:
            add_segment(segments, " " * (total - used), plain)
        return Strip(segments, total)
