"""Converting, as far as the application takes part: whether a file can be, its action, its command.

What a person sees is in :mod:`tui.screens.convert`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from textual.app import SystemCommand
from textual.binding import Binding, BindingType

from tui.deck import Deck
from tui.errors import TunedeckError
from tui.opened.opening import Lease
from tui.opened.workspace import Change

_MAYBE = ("unknown", "completion")
"""Formats of files whose records may be another tool's."""

CONVERT_KEYS: list[BindingType] = [
    Binding("C", "app.convert", "convert", id="app.convert", tooltip="Convert into another format"),
    # The same where most of the file is chat already: nobody need be told at the foot of a screen.
    Binding(
        "C",
        "app.convert_to",
        "convert",
        id="app.convert_to",
        tooltip="Convert into another format",
        show=False,
    ),
]
"""The key on screens that show a dataset."""


class Converting(Deck):
    """The part of the application that converts files into chat JSONL, and chat into others.

    Attributes:
        convertible: The format of the open file, one of `CONVERT_KINDS`, where most of its first
            records are in one that can be converted; empty elsewhere, and until that is known.
    """

    convertible = ""

    def on_mount(self) -> None:
        """Find out of each file whether it can be converted."""
        self.workspace.changes.subscribe(self, self._opened_or_known, immediate=True)

    def _opened_or_known(self, change: Change) -> None:
        workspace = self.workspace
        if change is Change.OPENED:
            self.convertible = ""
        elif change is Change.FORMAT:
            self._kind_known(workspace.lease(), "")
            if str(workspace.format) in _MAYBE:
                self._find_kind()
        elif change is Change.ENDED and str(workspace.format) == "chat":
            report = workspace.report
            if report is not None and (report.counts.get("unknown_format") or not report.valid):
                # A few chat records among others make it a chat file; so does a key of that name.
                self._find_kind()

    def _find_kind(self) -> None:
        lease = self.workspace.lease()
        if lease is None:
            return

        def work() -> None:
            from tui.dataset import sniff_kind

            with suppress(TunedeckError, OSError, MemoryError), lease as source:
                kind = sniff_kind(source)
                self.call_from_thread(self._kind_known, lease, kind)

        self.run_worker(work, group="kind", thread=True, exclusive=True, exit_on_error=False)

    def _kind_known(self, lease: Lease | None, kind: str) -> None:
        if lease is not self.workspace.lease() or kind == self.convertible:
            return
        self.convertible = kind
        self.screen.refresh_bindings()
        if kind == "csv":
            # Its lines are told to be no JSON, which does not say what can be done about it.
            self.tell("This is a CSV table: press C to convert it into chat JSONL", timeout=8)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the key only where there is a file, and name it where that must be converted."""
        if action == "convert" and not self.convertible:
            return False
        if action == "convert_to" and self.workspace.source is None:
            return False
        return super().check_action(action, parameters)

    def converting_commands(self) -> Iterator[SystemCommand]:
        """Yield what the palette offers."""
        words = "Into chat JSONL (key C), or for another provider or tool"
        yield SystemCommand("Convert this file…", words, self.action_convert)

    def action_mode(self, mode: str) -> None:
        """Go to a screen (the application says how)."""
        raise NotImplementedError

    def action_convert_to(self) -> None:
        """Do the same for a file that need not be converted."""
        self.action_convert()

    def action_convert(self) -> None:
        """Convert the open file into a new one."""
        from tui.screens.convert import ConvertScreen

        if self.workspace.source is None:
            self.tell("No dataset is open; press o to open one", timeout=4)
            return
        if len(self.screen_stack) > 1:
            return
        if self.current_mode not in ("data", "issues"):
            self.action_mode("data")
        self.push_screen(ConvertScreen(mode=self.current_mode))
