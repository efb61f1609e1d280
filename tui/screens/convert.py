"""The Convert screen: what becomes of the records, one before and after, and the new file."""

from __future__ import annotations

import os
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.messages import OpenPath
from tui.opened.convertwords import name_word, report_lines
from tui.opened.fixing import free_name, proposed_name
from tui.opened.workspace import Change
from tui.screens.base import DeckHeader, KeyBar
from tui.screens.convert_look import ConvertLook, refuse_changed
from tui.screens.convert_rows import ConvertRows
from widgets.confirm import Confirm
from widgets.diff_view import DiffView
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import ConvertReport, ConvertSurvey, Source
    from tui.screens.prompt import Prompt


class ConvertScreen(ConvertLook):
    """Look at what converting does to a file of another format, and write a new one.

    Args:
        mode: The mode it lies over.
    """

    AUTO_FOCUS = "ConvertRows"
    HELP = """
    What becomes of the records of this file: how many of each format can be converted, what of
    them cannot be carried over, and which records cannot be converted and why; Enter lists those.
    The record beside the list is shown before (-) and after (+). w writes a new file and checks it:
    the file you opened is never changed. t chooses another provider or tool to write for.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "write", id="convert.write", tooltip="Write the result to a file"),
        Binding("t", "target", "target", id="convert.target", tooltip="Choose what is written"),
        Binding(
            "m",
            "columns",
            "keys",
            id="convert.columns",
            tooltip="Say which key or column is what",
        ),
        Binding(
            "s",
            "system",
            "system",
            id="convert.system",
            tooltip="A system message for records without one",
        ),
        Binding(
            "tab",
            "switch",
            "switch",
            id="convert.switch",
            tooltip="To the record, to scroll it, and back",
            show=False,
        ),
        Binding("escape", "give_up", "close", id="convert.close", tooltip="Stop writing, or close"),
    ]
    DEFAULT_CSS = """
    ConvertScreen {
        & > #panes { height: 1fr; }
        & ConvertRows { width: 46%; min-width: 38; max-width: 76; height: 1fr; }
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
            & ConvertRows { width: 1fr; max-width: 100%; height: auto; max-height: 40%; }
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

        def __init__(self, report: ConvertReport | None, failure: str = "") -> None:
            super().__init__()
            self.report = report
            self.failure = failure

    def __init__(self, *, mode: str = "data") -> None:
        super().__init__()
        self._mode = mode
        self._asked = False
        self._stop = Event()

    def compose(self) -> ComposeResult:
        """Header, body, keys, as every screen; the header marks the mode below."""
        yield DeckHeader(self._mode)
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """The list and the record, and what is going on."""
        with Horizontal(id="panes"):
            yield ConvertRows()
            yield DiffView()
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Begin to look through the file."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self._begin()

    def looked_through(self, survey: ConvertSurvey) -> None:
        """Where the file is chat already, ask once what is to be written."""
        trouble = survey.trouble
        if trouble is not None and trouble.code == "nothing_to_convert" and not self._asked:
            self._asked = True
            if self.is_current and self.asking() is None:
                self.action_target()

    def _changed(self, change: Change) -> None:
        if change is Change.OPENED or self.closing:
            self.close()
        elif change in (Change.RELOADED, Change.EDITED) or self._survey is None:
            self._begin()

    # Keys

    def action_switch(self) -> None:
        """Go to the record, to scroll it, and back."""
        (self.listed if self.view.has_focus else self.view).focus()

    def action_give_up(self) -> None:
        """Stop writing; where nothing is being written, close."""
        if self.asking() is not None:
            self._put_away()
        elif self._writing:
            # Not the worker itself: one that has not begun would end without a word.
            self._stop.set()
        else:
            self.dismiss()

    def action_target(self) -> None:
        """Choose whom the records are written for."""
        from tui.dataset import CONVERT_TARGETS
        from tui.screens.palette import Palette

        if self._writing:
            self.say("Already writing; Esc stops it")
            return
        choices = {"": "Chat", **CONVERT_TARGETS}
        commands = [
            SystemCommand(
                words[:1].upper() + words[1:],
                "written now" if name == self._target else "" if name else "what OpenAI takes",
                partial(self._aim, name),
            )
            for name, words in choices.items()
        ]
        self.app.push_screen(Palette(commands, title="Write the records as"))

    def _aim(self, target: str) -> None:
        self._target = target
        self._begin()

    async def action_columns(self) -> None:
        """Ask which key or column is what."""
        known = ",".join(f"{role}={name}" for role, name in self._columns.items())
        await self.ask("columns", "Which is what", known or "user=KEY,assistant=KEY")

    async def action_system(self) -> None:
        """Ask for the system message of records that have none."""
        await self.ask("system", "System message where there is none", self._system)

    async def action_write(self) -> None:
        """Ask what to call the new file."""
        survey = self._survey
        if self._writing:
            self.say("Already writing; Esc stops it")
        elif survey is None:
            self.say("The file is still being unpacked; convert it when it is all there")
        elif survey.complete and survey.trouble is not None:
            self.say("There is nothing to write", "warning")
        else:
            await self.ask("write", "Write to", self._proposed())

    def _proposed(self) -> str:
        source, survey = self.deck.workspace.source, self._survey
        path = source.members[0].name if source is not None and source.path != "-" else "-"
        return proposed_name(path, name_word(survey.report) if survey is not None else "chat")

    # Answers

    def on_prompt_given_up(self, event: Prompt.GivenUp) -> None:
        """Change nothing, write nothing."""
        event.stop()
        self._put_away()

    def _put_away(self) -> None:
        self.close_question()
        self.listed.focus()

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Take the answer in."""
        event.stop()
        if event.kind == "write":
            self._take_name(event.text)
        elif event.kind == "system":
            self._system = event.text.strip()
            self._put_away()
            self._begin()
        else:
            self._take_columns(event.text.strip())

    def _take_columns(self, text: str) -> None:
        from tui.dataset import named_columns

        try:
            columns = named_columns(text) if text else {}
        except ValueError as error:
            said = self.query_one("#said", Static)
            said.add_class("-error")
            said.update(clean(str(error), 200))
            return
        self._columns = columns
        self._put_away()
        self._begin()

    def _take_name(self, text: str) -> None:
        """Write, unless the name is taken: then only when that is said to be right."""
        name = os.path.expanduser(text.strip())
        prompt, source = self.asking(), self.deck.workspace.source
        if prompt is None or not name or source is None:
            return
        if os.path.isdir(name):
            prompt.ask("write", "Write to", free_name(os.path.join(name, "converted.jsonl")))
            prompt.say("that is a folder; Enter takes this name")
        elif _is_read(source, name):
            prompt.ask("write", "Write to", free_name(name))
            prompt.say("that is the file you opened; Enter takes this name")
        elif os.path.lexists(name):
            self._put_away()
            question = Confirm(
                "Replace what is there?",
                [name, "What it holds now is lost."],
                yes="Replace",
                no="Keep it",
            )
            self.app.push_screen(question, partial(self._if_agreed, name))
        else:
            self._put_away()
            self._write(name, force=False)

    def _if_agreed(self, name: str, yes: bool | None) -> None:
        if yes and not self._writing:
            self._write(name, force=True)

    # Writing

    def _write(self, name: str, *, force: bool) -> None:
        workspace, survey = self.deck.workspace, self._survey
        lease = workspace.lease()
        if lease is None or survey is None:
            return
        plan, profile, model = survey.plan, workspace.profile, workspace.model
        stop = self._stop = Event()
        self._writing = "Writing: 0%   Esc stops"
        self._idle.clear()
        self._say_state()

        def work() -> None:
            from tui.dataset import convert_source

            worker = get_current_worker()

            def told(word: str, done: int, total: int) -> None:
                if self._due():
                    text = f"{word}: {done / max(1, total):.0%}   Esc stops"
                    self.post_message(self.Writing(text))

            try:
                with lease as source:
                    refuse_changed(source)
                    report = convert_source(
                        source,
                        name,
                        plan,
                        profile=profile,
                        model=model,
                        force=force,
                        progress=partial(told, "Writing"),
                        checking=partial(told, "Checking it"),
                        cancelled=lambda: stop.is_set() or worker.is_cancelled,
                    )
            except (TunedeckError, OSError, MemoryError) as error:
                stopped = stop.is_set()
                text = "stopped: nothing was written" if stopped else str(error) or "out of memory"
                self.post_message(self.Written(None, text))
            else:
                self.post_message(self.Written(report))
            finally:
                self._idle.set()

        self.run_worker(work, group="write", thread=True, exclusive=True, exit_on_error=False)

    def on_convert_screen_writing(self, message: Writing) -> None:
        """Say how far it is."""
        if self._writing:
            self._writing = message.text
            self._say_state()

    def on_convert_screen_written(self, message: Written) -> None:
        """Report, and offer to open the result."""
        self._writing = ""
        self._say_state()
        report = message.report
        if report is None:
            self.say(clean(message.failure, 300), "error")
            return
        from tui.screens.written import WrittenScreen

        faulty = report.faults > 0 or bool(report.skipped)
        lines = list(report_lines(report))
        self.app.push_screen(WrittenScreen(report.output, lines, faulty=faulty), self._after)

    def _after(self, path: str | None) -> None:
        if path:
            self.app.post_message(OpenPath(path))


def _is_read(source: Source, name: str) -> bool:
    """Whether a name is that of a file that is open."""
    for member in source.members:
        try:
            if os.path.samefile(member.name, name):
                return True
        except (OSError, ValueError):
            continue
    return False
