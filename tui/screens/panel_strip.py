"""The facts of a run in a line or two, for terminals without room for a column of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tui.run.state import Fact
from widgets.cells import CellPane, CellRow
from widgets.text import cell_width, clean, fit

_FIRST = ("status", "step", "left", "train", "valid", "money", "tokens", "speed", "epoch")
_BARE = ("status", "step", "result")
_SHORT = {"train": "train", "valid": "valid", "full_valid": "full valid", "left": "left"}


class FactsStrip(CellPane):
    """Facts one after the other, the most needed first; only what changes is sent."""

    DEFAULT_CSS = """
    FactsStrip {
        height: 2;
        & > .strip--label { color: $text-muted; }
        & > .strip--accent { color: $accent; text-style: bold; }
        & > .strip--success { color: $success; text-style: bold; }
        & > .strip--warning { color: $warning; text-style: bold; }
        & > .strip--error { color: $error; text-style: bold; }
        &:ansi > .strip--label { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "strip--label",
        "strip--accent",
        "strip--success",
        "strip--warning",
        "strip--error",
    }
    KEY_STYLES: ClassVar[Mapping[str, str]] = {
        "l": "strip--label",
        "A": "strip--accent",
        "S": "strip--success",
        "W": "strip--warning",
        "E": "strip--error",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()
        self._widths: dict[str, int] = {}

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these facts, as many as there is room for."""
        self._facts = tuple(facts)
        self.redraw()

    def make_rows(self, width: int, height: int) -> list[CellRow]:
        """The facts in their order, each in a place that does not move while it fits."""
        rows: list[CellRow] = []
        text, keys = " ", " "
        for fact in self._in_order():
            piece, styles = self._piece(fact, width - 2)
            if len(text) + len(piece) > width and len(text) > 1:
                rows.append((text[:width].ljust(width), keys[:width].ljust(width)))
                text, keys = " ", " "
                if len(rows) == height:
                    return rows
            text += piece
            keys += styles
        rows.append((text[:width].ljust(width), keys[:width].ljust(width)))
        return (rows + [(" " * width, " " * width)] * height)[:height]

    def _in_order(self) -> list[Fact]:
        known = {fact.key: fact for fact in self._facts}
        first = [known[key] for key in _FIRST if key in known]
        rest = [f for f in self._facts if f.key not in (*_FIRST, "gap", "bar") and f.value]
        return first + rest

    def _piece(self, fact: Fact, room: int) -> tuple[str, str]:
        label = "" if fact.key in _BARE else clean(_SHORT.get(fact.key, fact.label.lower())) + " "
        value = clean(fact.value, limit=60)
        if cell_width(value) != len(value):  # the grid has one character a cell
            value = fit(value.encode("ascii", "replace").decode(), 60)
        size = max(self._widths.get(fact.key, 0), len(value))
        self._widths[fact.key] = size
        key = {"accent": "A", "success": "S", "warning": "W", "error": "E"}.get(fact.tone, "v")
        piece = f"{label}{value.ljust(size)}  "
        keys = "l" * len(label) + key * size + "  "
        return piece[:room], keys[:room]
