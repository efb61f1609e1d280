"""The keys that filter and sort the list of records, and write what it shows to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType

from tui.messages import OpenPath
from tui.opened.views import View, file_slug, wish
from tui.screens.shown import ShownScreen

if TYPE_CHECKING:
    from tui.dataset import Filter, Selection, Sort

_SORTS = (
    "file",
    "-tokens",
    "tokens",
    "-messages",
    "messages",
    "-issues",
    "issues",
    "-size",
    "size",
    "-file",
)


class ShownKeys(ShownScreen):
    """A screen whose list of records is filtered, sorted and written by keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ampersand",
            "filter",
            "filter",
            key_display="&",
            id="data.filter",
            tooltip="Show only some records: by issue, role, tokens, text",
        ),
        Binding(
            "s", "sort", "sort", id="data.sort", tooltip="Choose the order of the list", show=False
        ),
        Binding("S", "turn", "turn", id="data.turn", tooltip="Turn the order round", show=False),
        Binding(
            "w",
            "write",
            "write",
            id="data.write",
            tooltip="Write the records shown to a new file, with a manifest",
            show=False,
        ),
        Binding(
            "escape",
            "leave",
            "show all",
            id="data.leave",
            tooltip="Stop searching, then show all records again",
            show=False,
        ),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer these keys only where there is a dataset, and Escape only where it does something.

        What Escape does not do here it does for the whole application.
        """
        if action == "leave":
            return self.can_leave()
        if action in ("filter", "sort", "turn", "write"):
            return self.deck.workspace.source is not None
        return super().check_action(action, parameters)

    def can_leave(self) -> bool:
        """Whether something else than all records in the order of the file is shown."""
        return not self._wish.everything

    def action_leave(self) -> None:
        """Show all records as they stand in the file."""
        self.show_everything()

    def action_filter(self) -> None:
        """Ask which records to show."""
        from tui.screens.filter import FilterScreen

        wanted = self._wish.filter
        self.app.push_screen(
            FilterScreen(wanted.to_text() if wanted is not None else ""), self._filter_given
        )

    def _filter_given(self, text: str | None) -> None:
        if text is not None:
            self.show_filter(text)

    def action_sort(self) -> None:
        """Ask for an order."""
        from tui.dataset import Sort
        from tui.screens.palette import Palette

        now = self._wish.sort or Sort.FILE
        commands = [
            SystemCommand(
                "As in the file" if order is Sort.FILE else order.words().capitalize(),
                "in use" if order is now else "",
                partial(self._sort_by, order),
            )
            for order in map(Sort, _SORTS)
        ]
        self.app.push_screen(Palette(commands, title="Order of the list"))

    def _sort_by(self, order: Sort) -> None:
        from tui.dataset import Sort

        # One sorts to see what comes first, which may be far from the record that was read.
        self.show_wish(wish(self._wish.filter, order), from_top=order is not Sort.FILE)

    def action_turn(self) -> None:
        """Turn the order round."""
        from tui.dataset import Sort

        self._sort_by((self._wish.sort or Sort.FILE).turned())

    def action_write(self) -> None:
        """Ask for a file name and write what is shown."""
        selection, words = self.selection()
        if selection is None:
            self.say(words)
            return
        from tui.screens.write import WriteScreen

        self.app.push_screen(WriteScreen(selection, words, self._proposed()), self._written)

    def selection(self) -> tuple[Selection | None, str]:
        """Return the records shown and their words; ``None`` and why not for none."""
        if self._wish.everything:
            return None, "All records are shown as they stand: & or / picks some to write"
        if self._looking is not None or self.base.wish is not self._wish:
            return None, "The records are still being looked for"
        if not self.shown.count(self.deck.workspace.lines):
            return None, "No record is shown, so there is nothing to write"
        return self.selection_of(self.base, self._wish.filter), self._wish.words()

    def selection_of(self, view: View, passed: Filter | None) -> Selection:
        """Return the records of a view as the core takes them."""
        from tui.dataset import Filter, Selection, Sort

        workspace = self.deck.workspace
        whole = workspace.index is not None and workspace.index.complete
        return Selection(
            view.positions,
            passed or Filter(),
            view.wish.sort or Sort.FILE,
            complete=whole and not view.partial,
            looked_at=workspace.lines,
        )

    def slug(self) -> str:
        """Return a few letters for the name of the file with what is shown."""
        return file_slug(self._wish)

    def _proposed(self) -> str:
        path = self.deck.workspace.path
        folder, name = os.path.split("records.jsonl" if path in ("", "-") else path)
        stem = name.partition(".")[0] or "records"
        return os.path.join(folder, f"{stem}.{self.slug()}.jsonl")

    def _written(self, path: str | None) -> None:
        if path is not None:
            self.post_message(OpenPath(path))

    def deeds(self) -> Iterator[SystemCommand]:
        """Yield what the palette offers on this screen."""
        if self.deck.workspace.source is None:
            return
        yield SystemCommand("Filter", "Show only some records (key &)", self.action_filter)
        yield SystemCommand("Sort", "Choose the order of the list (key s)", self.action_sort)
        yield SystemCommand("Write", "Write the records shown (key w)", self.action_write)
        if self.can_leave():
            yield SystemCommand("Show all", "All records as they stand (Esc)", self.show_everything)
