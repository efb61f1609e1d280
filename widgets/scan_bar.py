"""Progress of a scan in one row: how far, what was found, how fast, how long still."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.timer import Timer

from widgets.cells import CellPane, CellRow
from widgets.numbers import duration, integer, percent, size
from widgets.text import ascii_only, clean

MIN_SECONDS = 0.5
RATE_AFTER = 0.5


class ScanBar(CellPane):
    """One row that changes at most twice a second and sends only the cells that changed.

    `update_scan` may be called as often as there is news. The bar has no timer while there is none.
    """

    TILES = 6
    DEFAULT_CSS = """
    ScanBar {
        height: 1;
        & > .scan-bar--label { text-style: bold; }
        & > .scan-bar--done { color: $text-primary; }
        & > .scan-bar--rest { color: $text-disabled; }
        & > .scan-bar--number { color: $foreground; }
        & > .scan-bar--quiet { color: $text-muted; }
        & > .scan-bar--errors { color: $text-error; text-style: bold; }
        &:ansi > .scan-bar--rest { text-style: dim; }
        &:ansi > .scan-bar--quiet { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "scan-bar--label",
        "scan-bar--done",
        "scan-bar--rest",
        "scan-bar--number",
        "scan-bar--quiet",
        "scan-bar--errors",
    }
    KEY_STYLES: ClassVar[Mapping[str, str]] = {
        "L": "scan-bar--label",
        "d": "scan-bar--done",
        "r": "scan-bar--rest",
        "n": "scan-bar--number",
        "q": "scan-bar--quiet",
        "e": "scan-bar--errors",
    }

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make an empty row.

        Args:
            clock: Seconds, for rates and pace.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self._clock = clock
        self._started: float | None = None
        self._drawn_at = -math.inf
        self._timer: Timer | None = None
        self._pieces: list[tuple[str, str]] = []
        self._bar: tuple[int, int] | None = None

    def update_scan(
        self,
        done: int,
        total: int,
        *,
        label: str = "Scanning",
        items: int | None = None,
        noun: str = "records",
        errors: int | None = None,
    ) -> None:
        """Tell how far a scan is.

        Args:
            done: Bytes read.
            total: Bytes in all; 0 when unknown.
            label: What is being done.
            items: Records (or other things) seen so far.
            noun: What they are.
            errors: Errors found so far.
        """
        now = self._clock()
        if self._started is None:
            self._started = now
        seconds = now - self._started
        pieces: list[tuple[str, str]] = []
        if items is not None:
            pieces.append((f"{integer(items):>9} {clean(noun, 30)}", "n"))
        if errors is not None:
            pieces.append((f"{integer(errors):>5} errors", "e" if errors else "q"))
        pieces.append((f"{size(done):>8}" + (f" of {size(total)}" if total else ""), "q"))
        if seconds >= RATE_AFTER and done:
            rate = done / seconds
            pieces.append((f"{size(rate):>8}/s", "q"))
            if total > done:
                pieces.append((f"{duration((total - done) / rate):>7} left", "q"))
        self._bar = (min(done, total), total) if total else None
        self._pieces = [(clean(label, 30), "L"), *pieces]
        self._draw_soon()

    def finish(self, text: str) -> None:
        """Say how the scan ended; the next `update_scan` starts another."""
        self._end([(clean(text, 300), "q")])

    def clear(self) -> None:
        """Show nothing."""
        self._end([])

    def _end(self, pieces: list[tuple[str, str]]) -> None:
        self._started, self._bar, self._pieces = None, None, pieces
        if self.is_mounted:
            self._draw_now()

    def _draw_soon(self) -> None:
        if not self.is_mounted or self._timer is not None:
            return
        wait = self._drawn_at + MIN_SECONDS - self._clock()
        if wait <= 0:
            self._draw_now()
        else:
            self._timer = self.set_timer(wait, self._draw_now)

    def _draw_now(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._drawn_at = self._clock()
        self.redraw()

    def make_rows(self, width: int, height: int) -> tuple[CellRow, ...]:
        """The row, and empty ones where there is more room."""
        return (self._row(width), *[(" " * width, " " * width)] * (height - 1))

    def _row(self, width: int) -> CellRow:
        text, keys = "", ""
        for index, (piece, key) in enumerate(self._pieces):
            gap = " " if index == 0 else "  "
            if self._bar and index == 1:
                bar, names = self._bar_cells(max(6, min(30, width // 5)))
                text += "  " + bar
                keys += "  " + names
            if len(text) + len(gap) + len(piece) > width and index > 0:
                break
            text += gap + piece
            keys += gap + key * len(piece)
        return text[:width].ljust(width), keys[:width].ljust(width)

    def _bar_cells(self, width: int) -> tuple[str, str]:
        assert self._bar is not None
        done, total = self._bar
        full = width * done // total
        on, off = ("#", "-") if ascii_only() else ("━", "─")
        share = percent(done, total).rjust(5)
        return on * full + off * (width - full) + share, "d" * full + "r" * (width - full) + "nnnnn"
