"""The Data screen: a list of records beside one record read as a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.rows import ROW_BYTES, Row, plain_data, record_data, summary, worst
from tui.screens.base import DeckScreen
from tui.workspace import Change, Stage
from widgets.numbers import counted, integer, size
from widgets.record_data import RecordData
from widgets.record_list import RecordList, RowView
from widgets.record_view import RecordView
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Issue, Record
    from tui.screens.prompt import Prompt

_KEPT_ROWS = 4096
GLIMPSE_BYTES = 64 * 1024

WELCOME = """\
Open a dataset of training examples to see what is in it,
what a provider would reject, and what a run on it costs.

o        choose a file
6        the runs you have
?        all keys
ctrl+q   quit

From the shell: tunedeck FILE"""


class Found(Message):
    """A search is over: the 0-based line it found, or ``None``."""

    def __init__(self, text: str, line: int | None) -> None:
        super().__init__()
        self.text = text
        self.line = line


class DataScreen(DeckScreen):
    """Browse records, read one, and walk from fault to fault."""

    MODE = "data"
    HELP = """
    Every line of the file is a record. The list marks those with issues: E error, W warning,
    A advice. The letters after the number are the roles of its messages: s system, u user,
    a assistant, t tool. The number at the end is its tokens. The record beside the list is read as
    a conversation, with each issue at its message.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", id="data.search", tooltip="Search the lines loaded"),
        Binding("n", "again(1)", "next", id="data.next", tooltip="Next match", show=False),
        Binding("N", "again(-1)", "before", id="data.before", tooltip="Match before", show=False),
        Binding("e", "issue(1)", "issue", id="data.issue", tooltip="Next record with an issue"),
        Binding(
            "E",
            "issue(-1)",
            "issue before",
            id="data.issue_before",
            tooltip="The record with an issue before this one",
            show=False,
        ),
        Binding(
            "ctrl+e", "app.edit", "edit", id="data.edit", tooltip="Edit this record in your editor"
        ),
        Binding("F", "app.fix", "fix", id="data.fix", tooltip="Repair this file into a new one"),
        Binding(
            "ctrl+s",
            "app.save_edits",
            "save as",
            id="data.save",
            tooltip="Save the edited records in a new file",
            show=False,
        ),
        Binding("v", "raw", "raw JSON", id="data.raw", tooltip="Conversation or raw JSON"),
        Binding(
            "colon,ctrl+g", "jump", "go to", id="data.jump", tooltip="Go to a record by its number"
        ),
        Binding(
            "tab", "switch", "switch", id="data.switch", tooltip="Between the list and the record"
        ),
    ]
    DEFAULT_CSS = """
    DataScreen {
        layout: horizontal;
        & > RecordList { width: 42%; min-width: 34; max-width: 76; height: 1fr; }
        & > RecordView {
            width: 1fr;
            height: 1fr;
            border-left: vkey $boost;
            border-top: blank $surface;
            border-title-align: left;
            border-title-color: $text-muted;
            border-title-background: $surface;
        }
        & > #welcome { width: 1fr; height: 1fr; content-align: center middle; color: $text-muted; }
        &.-closed > RecordList, &.-closed > RecordView { display: none; }
        &.-narrow, &.-slim {
            layout: vertical;
            & > RecordList { width: 1fr; max-width: 100%; height: 36%; min-height: 4; }
            & > RecordView { border-left: none; }
        }
        &.-narrow.-short, &.-slim.-short {
            & > RecordList { height: 1fr; }
            & > RecordView { display: none; }
            &.-reading > RecordList { display: none; }
            &.-reading > RecordView { display: block; }
        }
    }
    """

    records = getters.query_one(RecordList)
    view = getters.query_one(RecordView)

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[int, Row] = {}
        self._record: Record | None = None
        self._query = ""
        self._origin = 0
        self._wanted: Issue | None = None
        self._shown: Record | None = None
        self._lent = 0
        self._at = 0

    @property
    def position(self) -> int:
        """The record (0-based) under the cursor."""
        return max(0, self.records.cursor)

    def body(self) -> ComposeResult:
        """The list and the record, or how to open a dataset when there is none."""
        yield RecordList(self._row, empty_text="Reading the first lines")
        yield RecordView()
        if self.deck.workspace.source is None:
            yield Static(WELCOME, id="welcome", markup=False)

    def on_mount(self) -> None:
        """Show what is open and follow the workspace."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self._show_dataset()

    # The dataset

    def _changed(self, change: Change) -> None:
        workspace = self.deck.workspace
        if change is Change.OPENED:
            self._show_dataset()
            return
        if change is Change.EDITED:
            self._rows.clear()
            self.records.invalidate()
            self._show_record(self._at)
            return
        if change is Change.FORMAT:
            self._show_record(self.records.cursor)
            return
        self.records.set_count(workspace.lines)
        if change in (Change.SCAN, Change.ENDED):
            self.records.invalidate()
            self._show_marks()

    def _show_dataset(self) -> None:
        workspace = self.deck.workspace
        self.set_class(workspace.source is None, "-closed")
        if workspace.source is not None:
            self.query("#welcome").remove()
            self.records.focus()
        self._rows.clear()
        self._record = None
        self.records.set_fetch(self._row, workspace.lines)
        self.view.show(None)
        self._show_record(0)

    def _row(self, i: int) -> RowView:
        row = self._rows.get(i)
        if row is None:
            if len(self._rows) >= _KEPT_ROWS:
                self._rows.clear()
            try:
                row = summary(*self.deck.workspace.head_of(i, ROW_BYTES))
            except TunedeckError as error:
                row = Row(str(error))
            self._rows[i] = row
        workspace = self.deck.workspace
        return RowView(
            number=i + 1,
            text=row.text,
            roles=row.roles,
            tokens=workspace.tokens_of(i),
            severity=worst(workspace.issues_of(i)),
        )

    # One record

    def on_record_list_highlighted(self, event: RecordList.Highlighted) -> None:
        """Show the record under the cursor."""
        event.stop()
        self._show_record(event.index)

    def on_record_list_selected(self, event: RecordList.Selected) -> None:
        """Go over to reading it."""
        event.stop()
        self.add_class("-reading")
        self.view.focus()

    def _show_record(self, i: int) -> None:
        workspace = self.deck.workspace
        if i >= workspace.lines:
            self._caption("")
            return
        self._at = i
        if workspace.stage is Stage.HEAD or workspace.format is None:
            self._glimpse(i)
            return
        if self._lent not in (0, i + 1):
            # The raw text was for the one issue that led there.
            self._lent = 0
            self.view.mode = "chat"
        try:
            self._record = workspace.record(i)
        except TunedeckError as error:
            self._record = None
            self.view.show(RecordData(raw=str(error)))
            self._caption(str(error))
            return
        self._show_marks()

    def _glimpse(self, i: int) -> None:
        """Show a record before the modules that check it are loaded: the first frame's way."""
        self._record = None
        self.view.show(plain_data(*self.deck.workspace.head_of(i, GLIMPSE_BYTES)))
        self._caption(f"Record {integer(i + 1)}")

    def _issues(self, record: Record) -> list[Issue]:
        """The record's own issues, then those that only the whole file shows."""
        own = list(record.issues)
        known = {(issue.code, issue.line, issue.column, issue.path) for issue in own}
        scanned = self.deck.workspace.issues_of(self._at)
        own += [i for i in scanned if (i.code, i.line, i.column, i.path) not in known]
        return own

    def _show_marks(self) -> None:
        record = self._record
        if record is None:
            return
        issues = self._issues(record)
        column = self.deck.workspace.column_of(self._at)
        self.view.show(record_data(record, issues, column), keep_scroll=record is self._shown)
        self._shown = record
        self._point_out(issues)
        parts = [f"Record {integer(self._at + 1)} of {self._of()}", size(record.size)]
        if record.line != self._at + 1:
            parts.insert(1, f"line {integer(record.line)}")
        tokens = self.deck.workspace.tokens_of(self._at)
        if tokens is not None:
            parts.append(f"{integer(tokens)} tokens")
        if issues:
            parts.append(counted(len(issues), "issue"))
        self._caption("  ".join(parts))

    def _point_out(self, issues: list[Issue]) -> None:
        """Go to the issue that led here, shown in the raw text with its very characters marked."""
        wanted = self._wanted
        self._wanted = None
        if wanted is None:
            return
        if self.view.mode != "raw":
            self._lent = self._at + 1
            self.view.mode = "raw"
        if wanted in issues:
            self.view.go_to_mark(issues.index(wanted))

    def _of(self) -> str:
        workspace = self.deck.workspace
        known = integer(workspace.lines)
        whole = workspace.index is not None and workspace.index.complete
        return known if whole else f"{known} so far"

    def _caption(self, text: str) -> None:
        self.view.border_title = Content(clean(text, limit=200))

    def show_line(self, line: int, issue: Issue | None = None) -> None:
        """Put the cursor on the record of a line and mark an issue of it.

        Args:
            line: 1-based physical line.
            issue: What to mark in the record.
        """
        i = self.deck.workspace.record_of(line)
        self._wanted = issue
        if self.records.cursor == i:
            self._show_record(i)
        else:
            self.records.go_to(i)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the keys of a dataset only where there is one."""
        del parameters
        needs = ("search", "again", "issue", "raw", "jump", "switch")
        return action not in needs or self.deck.workspace.source is not None

    def action_switch(self) -> None:
        """Go between the list and the record."""
        if self.view.has_focus:
            self.remove_class("-reading")
            self.records.focus()
        else:
            self.add_class("-reading")
            self.view.focus()

    def action_raw(self) -> None:
        """Show the record as a conversation or as raw JSON."""
        self._lent = 0
        self.view.toggle_raw()

    def action_issue(self, step: int) -> None:
        """Go to the next record with an issue, or the one before."""
        workspace = self.deck.workspace
        if workspace.report is None:
            self.say(f"The check is still running ({workspace.fraction:.0%})")
            return
        cursor = self.records.cursor
        last = workspace.line_of(cursor + 1) - 1 if cursor + 1 < workspace.lines else 1 << 62
        edge = workspace.line_of(cursor) if step < 0 else last
        line = workspace.report.issues.next_line(edge, step) if workspace.lines else None
        if line is not None:
            self.show_line(line)
        elif workspace.working and step > 0:
            self.say(f"No further issue so far; checked {workspace.fraction:.0%}")
        else:
            way = "before" if step < 0 else "after"
            self.say(f"No record with an issue {way} this one")

    async def action_jump(self) -> None:
        """Ask for a record's number."""
        await self.ask("jump", "Go to record")

    async def action_search(self) -> None:
        """Ask what to search for."""
        self._origin = self.records.cursor
        await self.ask("search", "/", self._query)

    def action_again(self, step: int) -> None:
        """Go to the next match, or the one before."""
        if not self._query:
            self.say("Nothing searched yet; / searches")
            return
        count = max(1, self.deck.workspace.lines)
        self._search(self._query, (self.records.cursor + step) % count, backwards=step < 0)

    # The prompt

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        """Search while it is being typed."""
        if event.kind == "search":
            self._search(event.text, self._origin)

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Go where it was said."""
        self._close_prompt()
        if event.kind == "jump":
            self._jump(event.text)
        elif event.text:
            self._search(event.text, self._origin)

    def on_prompt_given_up(self, event: Prompt.GivenUp) -> None:
        """Go back to where the search began."""
        if event.kind == "search":
            self._set_query("")
            self.records.go_to(self._origin)
        self._close_prompt()

    def _close_prompt(self) -> None:
        self.close_question()
        self.records.focus()

    def _jump(self, text: str) -> None:
        number = text.strip().replace(",", "").replace("_", "")
        if number.endswith("%") and number[:-1].isdigit():
            share = min(100, int(number[:-1]))
            self.records.go_to((self.deck.workspace.lines - 1) * share // 100)
        elif number.isdigit() and len(number) < 16:
            if int(number) > self.deck.workspace.lines:
                self.say(f"There are {self._of()} records; this is the last", "warning")
            self.records.go_to(int(number) - 1)
        elif number:
            self.say("That is not a record number", "warning")

    def _set_query(self, text: str) -> None:
        self._query = text
        self.records.highlight = text
        if not text:
            self.view.clear_find()

    def _search(self, text: str, start: int, *, backwards: bool = False) -> None:
        self._set_query(text)
        workspace = self.deck.workspace
        lease, index = workspace.lease(), workspace.index
        if not text or lease is None or index is None:
            self.workers.cancel_group(self, "search")
            return
        from tui.search import Query, find_line

        query = Query(text)

        def work() -> None:
            worker = get_current_worker()
            with lease as source:
                line = find_line(
                    source,
                    index,
                    query,
                    start,
                    backwards=backwards,
                    cancelled=lambda: worker.is_cancelled,
                )
            if not worker.is_cancelled:
                self.post_message(Found(text, line))

        self.run_worker(work, group="search", thread=True, exclusive=True, exit_on_error=False)

    def on_found(self, message: Found) -> None:
        """Go to what was found."""
        if message.text != self._query:
            return
        text = clean(message.text, limit=30)
        prompt = self.asking()
        if prompt is not None:
            found = "no match" if message.line is None else f"record {integer(message.line + 1)}"
            prompt.say(found)
        if message.line is None:
            self.say(f"No match for {text} in {self._of()} lines", "warning")
        else:
            if self.records.cursor != message.line:
                self.records.go_to(message.line)
                self._show_record(message.line)
            self.view.find(message.text)
            self.say(f"{text}: record {integer(message.line + 1)}; n next, N before")
