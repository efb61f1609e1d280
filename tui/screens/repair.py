"""The Repair screen: which repairs a file needs, each record before and after, and the new file."""

from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.opened.fixing import (
    EDITS,
    INVALID,
    default_repairs,
    free_name,
    proposed_name,
    report_lines,
    rules_of,
)
from tui.opened.workspace import Change
from tui.screens.base import DeckHeader, KeyBar
from tui.screens.repair_look import RepairLook
from tui.screens.repair_switches import Switches
from widgets.diff_view import DiffView
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import FixReport
    from tui.screens.prompt import Prompt


class RepairScreen(RepairLook):
    """Choose repairs, look at what they do, and write a new file.

    Args:
        position: The record to show first, 0-based.
        mode: The mode it lies over.
        only_edits: Begin with every repair switched off and ask for the name at once.
    """

    AUTO_FOCUS = "Switches"
    HELP = """
    The repairs this file needs and how many records each touches. Space switches one on or off.
    The record beside them is shown before (-) and after (+); n and N walk through the records that
    change. w writes the result to a new file and checks it: the file you opened is never changed.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", "on/off", id="repair.toggle", tooltip="Switch a repair on, off"),
        Binding("n", "walk(1)", "next", id="repair.next", tooltip="Next record that changes"),
        Binding(
            "N", "walk(-1)", "before", id="repair.before", tooltip="The one before", show=False
        ),
        Binding("w", "write", "write", id="repair.write", tooltip="Write the result to a new file"),
        Binding("e", "edit", "edit", id="repair.edit", tooltip="Edit this record in your editor"),
        Binding("a", "all", "all/none", id="repair.all", tooltip="All repairs on, or all off"),
        Binding(
            "tab", "switch", "switch", id="repair.switch", tooltip="To the record, back", show=False
        ),
        Binding("escape", "give_up", "close", id="repair.close", tooltip="Stop writing, or close"),
    ]
    DEFAULT_CSS = """
    RepairScreen {
        & > #panes { height: 1fr; }
        & Switches { width: 46%; min-width: 38; max-width: 76; height: 1fr; }
        & DiffView {
            width: 1fr;
            height: 1fr;
            border-left: vkey $boost;
            border-top: blank $surface;
            border-title-align: left;
            border-title-color: $text-muted;
            border-title-background: $surface;
        }
        & > #said { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
        & > #said.-busy { color: $accent; }
        & > #said.-error { color: $error; }
        &.-narrow, &.-slim {
            & > #panes { layout: vertical; }
            & Switches { width: 1fr; max-width: 100%; height: auto; max-height: 40%; }
            & DiffView { border-left: none; }
        }
    }
    """

    class Writing(Message):
        """Writing has got further: ``text`` says how far."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Written(Message):
        """Writing is over.

        Attributes:
            report: What was done; ``None`` where nothing was written.
            failure: Why not, not cleaned.
        """

        def __init__(self, report: FixReport | None, failure: str = "") -> None:
            super().__init__()
            self.report = report
            self.failure = failure

    def __init__(
        self, position: int = 0, *, mode: str = "issues", only_edits: bool = False
    ) -> None:
        super().__init__(position)
        self._mode = mode
        self._only_edits = only_edits
        self._stop = Event()

    def compose(self) -> ComposeResult:
        """Header, body, keys, as every screen; the header marks the mode below."""
        yield DeckHeader(self._mode)
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """The switches and the record, and what is going on."""
        workspace = self.deck.workspace
        chosen = set() if self._only_edits else set(default_repairs(workspace.profile))
        if len(workspace.edits):
            chosen.add(EDITS)
        with Horizontal(id="panes"):
            yield Switches(chosen)
            yield DiffView()
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Begin to look through the file."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self._begin()
        if self._only_edits:
            self.call_after_refresh(self.action_write)

    def _changed(self, change: Change) -> None:
        if change is Change.OPENED or self.closing:
            self.close()
        elif change is Change.EDITED:
            self._edits_changed()
        elif change is Change.RELOADED or self._survey is None:
            self._begin()

    # Keys

    def action_walk(self, step: int) -> None:
        """Show the next record that changes, or the one before."""
        survey = self._survey
        if survey is None:
            return
        found = self._beside(survey, self._at, step)
        if found is not None:
            self._show(found)
        elif step > 0 and not survey.complete and not self._failure:
            self.say(f"No further one so far; looked through {self._fraction:.0%}")
        else:
            self.say(f"No record that changes {'after' if step > 0 else 'before'} this one")

    def action_turn(self) -> None:
        """Switch the repair under the cursor on or off."""
        self.switches.toggle()

    def action_all(self) -> None:
        """Switch all repairs that were found on, or all of them off."""
        self.switches.toggle_all()

    def on_switches_changed(self, event: Switches.Changed) -> None:
        """Show what that does to the record; what is invalid is found out anew."""
        event.stop()
        if INVALID in event.chosen or event.code == INVALID:
            self._begin()
        elif self._shown is not None and self._survey is not None:
            self._count_invalid()
            known = self._survey.at(self._shown.position) or self._shown
            self._show(known)
        else:
            self._show_nearest()

    def action_switch(self) -> None:
        """Go to the record, to scroll it, and back."""
        (self.switches if self.view.has_focus else self.view).focus()

    def action_edit(self) -> None:
        """Edit the record that is shown."""
        from tui.screens.edited import edit_record

        if self._shown is None:
            self.say("No record is shown", "warning")
        else:
            edit_record(self, self._shown.position)

    def _edits_changed(self) -> None:
        if len(self.deck.workspace.edits):
            self.switches.chosen.add(EDITS)
        self._show_counts()
        if self._shown is not None:
            self._show(self._shown)

    def action_give_up(self) -> None:
        """Stop writing; where nothing is being written, close."""
        if self.asking() is not None:
            self.close_question()
            self.switches.focus()
        elif self._writing:
            # Not the worker itself: one that has not begun would end without a word.
            self._stop.set()
        else:
            self.dismiss()

    # Writing

    async def action_write(self) -> None:
        """Ask what to call the new file."""
        if self._writing:
            self.say("Already writing; Esc stops it")
        elif self._survey is None:
            self.say("The file is still being unpacked; write it when it is all there")
        elif not self._chosen():
            self.say("Everything is switched off: there is nothing to write", "warning")
        else:
            await self.ask("write", "Write to", self._proposed())

    def _proposed(self) -> str:
        source = self.deck.workspace.source
        path = source.members[0].name if source is not None and source.path != "-" else "-"
        return proposed_name(path)

    def on_prompt_given_up(self, event: Prompt.GivenUp) -> None:
        """Write nothing."""
        event.stop()
        self.close_question()
        self.switches.focus()

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Write, unless the name is taken."""
        event.stop()
        name = os.path.expanduser(event.text.strip())
        prompt = self.asking()
        if prompt is None or not name:
            return
        if os.path.lexists(name):
            self._offer_free(prompt, name)
            return
        self.close_question()
        self.switches.focus()
        self._write(name)

    def _offer_free(self, prompt: Prompt, name: str) -> None:
        """Refuse a name that is taken, with one that is free to go on with."""
        free = free_name(os.path.join(name, "") + "fixed.jsonl" if os.path.isdir(name) else name)
        prompt.ask("write", "Write to", free)
        what = "is a folder" if os.path.isdir(name) else "exists already"
        prompt.say(f"{clean(os.path.basename(name) or name, 40)} {what}; Enter takes this name")

    def _write(self, name: str) -> None:
        workspace = self.deck.workspace
        lease = workspace.lease()
        if lease is None:
            return
        chosen = self._chosen()
        edits = {p: workspace.edits[p] for p in workspace.edits} if EDITS in chosen else {}
        rules = rules_of(chosen, workspace.profile)
        profile, model = workspace.profile, workspace.model
        kind = str(workspace.format or "auto")
        drop = INVALID in chosen
        stop = self._stop = Event()
        self._writing = "Writing: 0%   Esc stops"
        self._say_state()

        def work() -> None:
            from tui.dataset import fix_source

            worker = get_current_worker()

            def told(word: str, done: int, total: int) -> None:
                if self._due():
                    text = f"{word}: {done / max(1, total):.0%}   Esc stops"
                    self.post_message(self.Writing(text))

            try:
                with lease as source:
                    report = fix_source(
                        source,
                        name,
                        rules=rules,
                        edits=edits,
                        drop_invalid=drop,
                        profile=profile,
                        format="auto" if kind == "unknown" else kind,
                        model=model,
                        progress=lambda done, total: told("Writing", done, total),
                        checking=lambda done, total: told("Checking it", done, total),
                        cancelled=lambda: stop.is_set() or worker.is_cancelled,
                    )
            except (TunedeckError, OSError, MemoryError) as error:
                stopped = stop.is_set()
                text = "stopped: nothing was written" if stopped else str(error) or "out of memory"
                self.post_message(self.Written(None, text))
            else:
                self.post_message(self.Written(report))

        self.run_worker(work, group="write", thread=True, exclusive=True, exit_on_error=False)

    def on_repair_screen_writing(self, message: Writing) -> None:
        """Say how far it is."""
        if self._writing:
            self._writing = message.text
            self._say_state()

    def on_repair_screen_written(self, message: Written) -> None:
        """Report, and offer to open the result."""
        self._writing = ""
        self._say_state()
        report = message.report
        if report is None:
            self.say(clean(message.failure, 300), "error")
            return
        workspace = self.deck.workspace
        if report.edited and report.edited == len(workspace.edits):
            workspace.edits.clear()
            workspace.edited()
        from tui.screens.written import WrittenScreen

        faulty = report.check is not None and report.check.errors > 0
        written = WrittenScreen(report.output or "", report_lines(report), faulty=faulty)
        self.app.push_screen(written, self._after)

    def _after(self, path: str | None) -> None:
        if path:
            from tui.messages import OpenPath

            self.app.post_message(OpenPath(path))
