"""The Data screen: a list of records beside one record read as a conversation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.opened.converting import CONVERT_KEYS
from tui.opened.patience import BUSY, SILENT
from tui.opened.rows import ROW_BYTES, Row, plain_data, record_data, summary, worst
from tui.opened.search import context
from tui.opened.workspace import Change, Stage
from tui.screens.going import GoingScreen
from tui.screens.shownline import ShownLine
from widgets.numbers import counted, integer, size
from widgets.record_data import RecordData
from widgets.record_list import RecordList, RowView
from widgets.record_view import RecordView
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Issue, Record

_KEPT_ROWS = 4096
_SEEN_CHARS = 50
"""How much of a row's text is surely seen in the list."""
GLIMPSE_BYTES = 64 * 1024
AGAIN_SECONDS = 1.0
"""How long until a disk that did not answer is asked again."""

WELCOME = """\
Open a dataset of training examples to see what is in it,
what a provider would reject, and what a run on it costs.

o        choose a file
6        the runs you have
?        all keys
ctrl+q   quit

From the shell: tunedeck FILE"""


class DataScreen(GoingScreen):
    """Browse records, read one, and walk from fault to fault."""

    MODE = "data"
    HELP = """
    Every line of the file is a record. The list marks those with issues: E error, W warning,
    A advice. The letters after the number are the roles of its messages: s system, u user,
    a assistant, t tool. The number at the end is its tokens. The record beside the list is read as
    a conversation, with each issue at its message. A star before the number marks the matches of
    a search.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *CONVERT_KEYS,
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

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[int, Row] = {}
        self._record: Record | None = None
        self._wanted: Issue | None = None
        self._walking = False
        self._shown: Record | None = None
        self._lent = 0
        self._at = 0
        self._retry: Timer | None = None
        # Whether the record under the cursor could not be shown yet.
        self._late = False

    @property
    def position(self) -> int:
        """The record (0-based) under the cursor; the one read last where nothing is listed."""
        row = self.records.cursor
        return self.record_at(row) if 0 <= row < self.listed_rows else self._at

    def body(self) -> ComposeResult:
        """The list and the record, or how to open a dataset when there is none."""
        yield ShownLine()
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
        if change is Change.OPENED:
            self._show_dataset()
            return
        if change is Change.RELOADED:
            self.dataset_reloaded()
            self.lines_changed()
            self.search_again()
            return
        if change is Change.EDITED:
            self._rows.clear()
            self.records.invalidate()
            self._show_record(self._at)
            return
        if change is Change.FORMAT:
            self._show_record(self._at)
            return
        self.lines_changed()
        self.dataset_changed(change)
        self.search_on()
        if change in (Change.SCAN, Change.ENDED):
            self.records.invalidate()
            self._show_marks()
        elif self._record is not None and self.deck.workspace.complete:
            self._tell_place(self._record)

    def _show_dataset(self) -> None:
        workspace = self.deck.workspace
        self.set_class(workspace.source is None, "-closed")
        if workspace.source is not None:
            self.query("#welcome").remove()
            self.records.focus()
        self._rows.clear()
        self._record = None
        self.forget_view()
        self.new_dataset()
        self.records.set_fetch(self._row, workspace.lines)
        self.view.show(None)
        self._show_record(0)

    def _row(self, index: int) -> RowView:
        i = self.record_at(index)
        row = self._rows.get(i)
        if row is None:
            if len(self._rows) >= _KEPT_ROWS:
                self._rows.clear()
            try:
                row = summary(*self.deck.workspace.head_of(i, ROW_BYTES))
            except IndexError:
                return RowView(i + 1, "(not read yet)")
            except TunedeckError as error:
                if self._retried(error):
                    return RowView(i + 1, str(error))
                row = Row(str(error))
            self._rows[i] = row
        workspace = self.deck.workspace
        match = self.is_match(i)
        return RowView(
            number=i + 1,
            text=(self._around(i, row.text) if match else "") or row.text,
            roles=row.roles,
            tokens=workspace.tokens_of(i),
            severity=worst(workspace.issues_of(i)),
            origin=workspace.origin_of(i),
            match=match,
        )

    def _around(self, i: int, text: str) -> str:
        """Return the words around the match of a record where the beginning does not show it."""
        pattern = self.records.highlight
        if not isinstance(pattern, re.Pattern):
            return ""
        found = pattern.search(text)
        if found is not None and found.end() < _SEEN_CHARS:
            return text
        try:
            head, size = self.deck.workspace.head_of(i, ROW_BYTES)
        except TunedeckError as error:
            self._retried(error)
            return ""
        return context(head, size, pattern)

    def forget_rows(self, first: int = 0) -> None:
        """Read again, when they are drawn, the records from ``first`` (0-based) on."""
        if not first:
            self._rows.clear()
            self.records.invalidate()
        elif self._rows.pop(first, None) is not None:
            self.records.invalidate()

    def read_again(self) -> None:
        """Show the record under the cursor as it is in the file now."""
        if self.records.count:
            self._show_record(self.record_at(min(self.records.cursor, self.records.count - 1)))

    # One record

    def on_record_list_highlighted(self, event: RecordList.Highlighted) -> None:
        """Show the record under the cursor."""
        event.stop()
        if event.index < self.records.count:
            self._show_record(self.record_at(event.index))
        else:
            self._record = None
            self.view.show(None)
            self._caption("")

    def on_record_list_selected(self, event: RecordList.Selected) -> None:
        """Go over to reading it."""
        event.stop()
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
            self._not_read(error)
        else:
            self._late = False
            self._show_marks()

    def _glimpse(self, i: int, words: str = "") -> None:
        """Show a record before it is checked: the first frame's way."""
        self._record = None
        try:
            self.view.show(plain_data(*self.deck.workspace.head_of(i, GLIMPSE_BYTES)))
        except TunedeckError as error:
            self._not_read(error)
        else:
            self._caption(f"Record {integer(i + 1)}{words}")

    def _not_read(self, error: TunedeckError) -> None:
        self._late = self._retried(error)
        if error.code == BUSY:
            self._glimpse(self._at, "  being checked")
            return
        self._record = None
        self.view.show(RecordData(raw=str(error)))
        self._caption(str(error))

    def _retried(self, error: TunedeckError) -> bool:
        """Whether a record that could not be read is tried again in a moment."""
        if error.code not in (SILENT, BUSY):
            return False
        if self._retry is None:
            self._retry = self.set_timer(AGAIN_SECONDS, self._try_again)
        return True

    def _try_again(self) -> None:
        self._retry = None
        self.records.invalidate()
        if not self._late:
            return
        self._show_record(self._at)
        if self._record is not None and self.is_match(self._at):
            self.view.find(self.records.highlight)

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
        self._tell_place(record)

    def _tell_place(self, record: Record) -> None:
        issues = self._issues(record)
        parts = [*self.place_words(), size(record.size)]
        tokens = self.deck.workspace.tokens_of(self._at)
        if tokens is not None:
            parts.append(f"{integer(tokens)} tokens")
        if issues:
            parts.append(counted(len(issues), "issue"))
        self._caption("  ".join(parts))

    def _point_out(self, issues: list[Issue]) -> None:
        """Go to the issue that led here, shown in the raw text with its very characters marked."""
        wanted = self._wanted
        walking, self._walking = self._walking, False
        self._wanted = None
        if wanted is None:
            if walking and issues:
                self.view.go_to_mark(0)
            return
        if self.view.mode != "raw":
            self._lent = self._at + 1
            self.view.mode = "raw"
        if wanted in issues:
            self.view.go_to_mark(issues.index(wanted))
        else:
            self.view.go_to_mark(0)

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
        if self._at == i:
            self._show_record(i)
        self.go_to_record(i)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the keys of a dataset only where there is one."""
        if action in ("issue", "raw", "jump", "follow", "switch"):
            return self.deck.workspace.source is not None
        return super().check_action(action, parameters)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the one that has the keys where only one of list and record has room."""
        if event.widget in (self.records, self.view):
            self.set_class(event.widget is self.view, "-reading")

    def action_switch(self) -> None:
        """Go between the list and the record."""
        (self.records if self.view.has_focus else self.view).focus()

    def can_leave(self) -> bool:
        """Whether there is a record, a search or a view to leave."""
        return self.view.has_focus or super().can_leave()

    def action_leave(self) -> None:
        """Go back from the record to the list; what else there is to leave is left from there."""
        still_searching = self.matches is not None and not self.matches.ended
        if self.view.has_focus and self.records.count and not still_searching:
            self.records.focus()
        else:
            super().action_leave()

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
        row = self.issue_row(step)
        if row is not None:
            self._walking = True
            self.records.go_to(row)
        elif workspace.working and step > 0:
            self.say(f"No further issue so far; checked {workspace.fraction:.0%}")
        else:
            way = "before" if step < 0 else "after"
            self.say(f"No record with an issue {way} this one")

    # What a search marks

    def mark(self, pattern: re.Pattern[str] | None) -> None:
        """Mark in the list and in the record what a pattern finds; nothing for ``None``."""
        self.records.highlight = pattern or ""
        if pattern is None:
            self.view.clear_find()

    def found_here(self) -> None:
        """Go to the match in the record under the cursor."""
        if isinstance(self.records.highlight, re.Pattern):
            self._show_record(self.record_at(self.records.cursor))
            self.view.find(self.records.highlight)
