"""Widgets shown one at a time, and what is looked at in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

HOSTILE = "\x1b]0;owned\x07 [/x] [@click=app.quit]q[/] \u202e\ud800"


class One(App[None]):
    """An application that shows one widget and keeps the messages it sent."""

    CSS = "Screen { overflow: hidden; }"

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.got: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        if self.widget.can_focus:
            self.widget.focus()

    def of(self, kind: type[Message]) -> list[Message]:
        # The hook sees a message once at each widget that it bubbles through.
        return list({id(m): m for m in self.got if isinstance(m, kind)}.values())


@asynccontextmanager
async def shown(widget: Widget, width: int = 60, height: int = 12) -> AsyncIterator[Pilot[None]]:
    app = One(widget)
    async with app.run_test(size=(width, height), message_hook=app.got.append) as pilot:
        await pilot.pause()
        yield pilot


def text(widget: Widget) -> list[str]:
    if hasattr(widget, "rows"):
        return [chars.rstrip() for chars, _ in widget.rows]
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


class Watch:
    """Counts which regions of a widget are drawn again."""

    def __init__(self, widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.regions: list[Region] = []
        self.whole = 0
        inner = widget.refresh

        def refresh(*regions: Region, **how: bool) -> Widget:
            self.regions += regions
            self.whole += not regions
            return inner(*regions, **how)

        monkeypatch.setattr(widget, "refresh", refresh)
