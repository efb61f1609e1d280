"""Repairing and editing, as far as the application takes part: its actions, commands and questions.

The edited records themselves are in :mod:`tui.opened.edits`, what a person sees is in
:mod:`tui.screens.repair` and :mod:`tui.screens.edited`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from textual.app import SystemCommand

from tui.deck import Deck
from tui.errors import TunedeckError
from tui.messages import OpenPath
from tui.opened.opening import Opened, load
from tui.opened.workspace import Change
from widgets.confirm import Confirm
from widgets.numbers import counted
from widgets.text import clean


class Mending(Deck):
    """The part of the application that repairs, edits, and asks before edits are left unsaved."""

    def on_mount(self) -> None:
        """Tell of edits that an earlier session left."""
        self.workspace.changes.subscribe(self, self._dataset_changed, immediate=True)
        self._tell_restored()

    def _dataset_changed(self, change: Change) -> None:
        if change is Change.OPENED:
            self._tell_restored()
        elif change is Change.RELOADED:
            self._tell_lost()

    def _tell_restored(self) -> None:
        edits = self.workspace.edits
        if edits.restored:
            count = counted(edits.restored, "edit")
            text = f"{count} of last time not saved yet: ctrl+s saves in a new file"
            self.tell(text, severity="warning", timeout=8)
        self._tell_lost()

    def _tell_lost(self) -> None:
        edits = self.workspace.edits
        if edits.lost:
            count = counted(edits.lost, "edit")
            text = f"{count} left out: the file has changed there"
            self.tell(text, severity="warning", timeout=8)

    # What can be done

    def mending_commands(self) -> Iterator[SystemCommand]:
        """Yield what the palette offers."""
        yield SystemCommand(
            "Fix this file…", "Make safe repairs, into a new file (key F)", self.action_fix
        )
        yield SystemCommand(
            "Edit record", "Edit the record in your editor (ctrl+e)", self.action_edit
        )
        yield SystemCommand(
            "Save edits as…", "Write edited records to a new file (ctrl+s)", self.action_save_edits
        )
        yield SystemCommand("Discard edits", "Forget the edited records", self.action_discard_edits)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to repair and edit only where a file is open."""
        if action in ("edit", "fix", "save_edits") and self.workspace.source is None:
            return False
        return super().check_action(action, parameters)

    def action_mode(self, mode: str) -> None:
        """Go to a screen (the application says how)."""
        raise NotImplementedError

    def action_fix(self, only_edits: bool = False) -> None:
        """Repair the open file into a new one.

        Args:
            only_edits: Begin with all repairs switched off, and ask for the name at once.
        """
        from tui.screens.data import DataScreen
        from tui.screens.repair import RepairScreen

        if self.workspace.source is None:
            self.tell("No dataset is open; press o to open one", timeout=4)
            return
        if len(self.screen_stack) > 1:
            return
        if self.current_mode not in ("data", "issues"):
            self.action_mode("issues")
        data = self.get_screen_stack("data")[0]
        at = data.position if isinstance(data, DataScreen) else 0
        self.push_screen(RepairScreen(at, mode=self.current_mode, only_edits=only_edits))

    def action_save_edits(self) -> None:
        """Write the edited records, and all others, to a new file."""
        if len(self.workspace.edits):
            self.action_fix(only_edits=True)
        else:
            self.tell("No record is edited; ctrl+e edits one", timeout=4)

    def action_edit(self) -> None:
        """Edit the record that the Data screen shows."""
        from tui.screens.data import DataScreen
        from tui.screens.edited import edit_record

        if isinstance(self.screen, DataScreen) and self.workspace.lines:
            edit_record(self.screen, self.screen.position)
        else:
            self.tell("Go to a record on the Data screen first (key 1)", timeout=4)

    def action_discard_edits(self) -> None:
        """Forget the edited records, once that is confirmed."""
        from tui.screens.edited import discard_edits

        discard_edits(self)

    def may_leave(self, leave: Callable[[], None]) -> bool:
        """Return whether no edits are left unsaved; where some are, ask.

        Args:
            leave: Called when the answer is yes.
        """
        looked_at = self._edit_is_looked_at()
        edits = len(self.workspace.edits) + looked_at
        if not edits or isinstance(self.screen, Confirm):
            return True
        lines = ["The edit you are looking at is not kept yet."] if looked_at else []
        if len(self.workspace.edits):
            lines.append(self._what_becomes_of_edits())
        self.push_screen(
            Confirm(
                f"Leave with {counted(edits, 'edit')} not saved?",
                lines,
                yes="Leave",
                no="Stay",
                on_yes=leave,
            )
        )
        return False

    def _edit_is_looked_at(self) -> bool:
        """Whether an edit waits for the answer whether it is kept."""
        if len(self.screen_stack) < 2:
            return False
        from tui.screens.edited import ReviewScreen

        return any(isinstance(screen, ReviewScreen) for screen in self.screen_stack)

    def _what_becomes_of_edits(self) -> str:
        if self.workspace.edits.file is None or self.workspace.edits.failure:
            return "What you edited is kept nowhere else: ctrl+s saves it in a new file."
        name = os.path.basename(self.workspace.source.name) if self.workspace.source else ""
        return f"What you edited is kept and is here again when {name} is opened."

    def take_opened(self, opened: Opened | None) -> None:
        """Show a dataset that was opened; where edits of another are not saved, ask before."""
        if opened is None or not len(self.workspace.edits):
            self.show_opened(opened)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.show_opened(opened)
            else:
                opened.source.close()

        count = counted(len(self.workspace.edits), "edit")
        name = os.path.basename(opened.source.name)
        question = Confirm(
            f"Open {clean(name, 40)} with {count} not saved?",
            [self._what_becomes_of_edits()],
            yes="Open it",
            no="Stay",
        )
        self.push_screen(question, answered)

    def on_open_path(self, message: OpenPath) -> None:
        """Open another dataset; in a thread, because a packed one takes a while."""

        def work() -> None:
            try:
                opened = load(message.path)
            except (TunedeckError, OSError) as error:
                self.call_from_thread(self.tell, str(error), severity="error")
            else:
                self.call_from_thread(self.take_opened, opened)

        self.run_worker(work, group="open", thread=True, exclusive=True, exit_on_error=False)

    def show_opened(self, opened: Opened | None) -> None:
        """Show a dataset that was opened (the application says how)."""
        raise NotImplementedError
