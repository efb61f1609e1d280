"""What the Data screen shows of the dataset: filtered, sorted, written to a file of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual import getters
from textual.message import Message
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.opened.views import ALL, EVERYTHING, View, Wish, issue_row, said, wish
from tui.opened.workspace import Change
from tui.screens.base import DeckScreen
from tui.screens.shownline import ShownLine
from widgets.record_list import RecordList
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Selection

NEWS_SECONDS = 0.5


class Selected(Message):
    """The records of a wish are known, or as many as there are so far.

    Attributes:
        wanted: What was asked for.
        selection: The records; ``None`` when that went wrong.
        trouble: Why; not cleaned.
    """

    def __init__(self, wanted: Wish, selection: Selection | None, trouble: str = "") -> None:
        super().__init__()
        self.wanted = wanted
        self.selection = selection
        self.trouble = trouble


class Looking(Message):
    """Records are being looked for."""

    def __init__(self, wanted: Wish, fraction: float) -> None:
        super().__init__()
        self.wanted = wanted
        self.fraction = fraction

    def can_replace(self, message: Message) -> bool:
        """Only the latest is of interest."""
        return isinstance(message, Looking)


class ShownScreen(DeckScreen):
    """A screen with a list of records that can be narrowed and ordered.

    Attributes:
        base: The records of the wish in force.
        shown: What the list shows: those, or of those only some.
    """

    records = getters.query_one(RecordList)

    def __init__(self) -> None:
        super().__init__()
        self.base: View = EVERYTHING
        self.shown: View = EVERYTHING
        self._wish: Wish = ALL
        self._looking: float | None = None
        self._looked_at = 0
        self._underway = False
        self._again = False
        self._trouble = ""
        self._from_top = False

    # What the screen that has the list gives

    @property
    def position(self) -> int:
        """The record (0-based) under the cursor; the one read last where nothing is listed."""
        raise NotImplementedError

    def narrowed(self, view: View) -> View:
        """Return what the list shows of the records of the wish."""
        return view

    def search_words(self) -> list[str]:
        """Return what the line over the list says of a search, cleaned."""
        return []

    # Asking

    def show_filter(self, text: str) -> None:
        """Show only the records that a filter lets through, keeping the order.

        Args:
            text: The filter in the filter language.
        """
        from tui.dataset import Filter

        try:
            self.show_wish(wish(Filter.parse(text), self._wish.sort))
        except TunedeckError as error:
            self.say(clean(str(error), 200), "warning")

    def show_wish(self, wanted: Wish, *, from_top: bool = False) -> None:
        """Show what is wished for; the cursor stays on its record if that is among it.

        Args:
            wanted: The filter and the order.
            from_top: Put the cursor on the first record instead.
        """
        self._drop_work()
        self._from_top = from_top
        # A new one each time: by it one tells the answer to this from that to what was before.
        self._wish = wanted._replace()
        if wanted.everything:
            self._put(EVERYTHING)
        else:
            self._select()

    def show_everything(self) -> None:
        """Show all records as they stand in the file."""
        self.show_wish(ALL)

    def forget_view(self) -> None:
        """Start anew with another dataset, whose list is laid out by the caller."""
        self._drop_work()
        self._wish, self.base, self.shown = ALL, EVERYTHING, EVERYTHING
        self.tell_shown()

    def _drop_work(self) -> None:
        self.workers.cancel_group(self, "select")
        self._looking, self._trouble = None, ""
        self._underway = self._again = False

    def _select(self) -> None:
        workspace = self.deck.workspace
        lease, index, facets = workspace.lease(), workspace.index, workspace.facets
        wanted = self._wish
        if lease is None or index is None:
            return
        if wanted.needs_facets and facets is None:
            # Asked again when the check has found something out.
            self._looking = 0.0
            self._trouble = "" if workspace.working else "this needs the check; r runs it"
            self.tell_shown()
            return
        from tui.dataset import Filter, Sort, select

        self._looking, self._underway, self._trouble = 0.0, True, ""
        self.tell_shown()

        def work() -> None:
            worker = get_current_worker()
            due = time.monotonic() + NEWS_SECONDS

            def progress(done: int, total: int) -> None:
                nonlocal due
                if time.monotonic() >= due and not worker.is_cancelled:
                    due = time.monotonic() + NEWS_SECONDS
                    self.post_message(Looking(wanted, done / max(1, total)))

            try:
                with lease as source:
                    selection = select(
                        source,
                        index,
                        facets,
                        wanted.filter or Filter(),
                        wanted.sort or Sort.FILE,
                        cancelled=lambda: worker.is_cancelled,
                        progress=progress,
                    )
            except (TunedeckError, OSError, MemoryError) as error:
                if not worker.is_cancelled:
                    self.post_message(Selected(wanted, None, str(error) or "out of memory"))
                return
            if not worker.is_cancelled:
                self.post_message(Selected(wanted, selection))

        self.run_worker(work, group="select", thread=True, exclusive=True, exit_on_error=False)

    def on_looking(self, message: Looking) -> None:
        """Say how far it is."""
        if message.wanted is self._wish and self._looking is not None:
            self._looking = message.fraction
            self.tell_shown()

    def on_selected(self, message: Selected) -> None:
        """Show what was found, or why nothing could be."""
        if message.wanted is not self._wish:
            return
        self._looking, self._underway = None, False
        if message.selection is None:
            self._trouble = message.trouble
            self.tell_shown()
            self.say(clean(message.trouble, 200), "warning")
            return
        self._trouble, self._looked_at = "", message.selection.looked_at
        self._put(_view(message.wanted, message.selection))
        if self._again:
            self._again = False
            self._select()

    def dataset_changed(self, change: Change) -> None:
        """Follow the check: what it finds out may change what is shown."""
        if self._wish.everything:
            self.tell_shown()
            return
        grown = change is Change.ENDED and self.deck.workspace.lines != self._looked_at
        scanned = change in (Change.SCAN, Change.ENDED)
        waiting = self._looking is not None and not self._underway
        changed = scanned and (grown or self.base.partial or waiting or self._wish.needs_facets)
        if not changed or (self._wish.reads_records and change is Change.SCAN and not waiting):
            self.tell_shown()
        elif self._underway:
            self._again = True
        else:
            self._select()

    # Showing

    def _put(self, view: View) -> None:
        self.base = view
        self.lay_rows()

    def lay_rows(self) -> None:
        """Show the rows of the view in force, the cursor on the record that is being read."""
        here = self.position
        before, self.shown = self.shown, self.narrowed(self.base)
        lines = self.deck.workspace.lines
        count = self.shown.count(lines)
        self.records.empty_text = self._empty_text()
        if not _same_rows(before, self.shown) or count < self.records.count:
            row = self.shown.row(here) if count and not self._from_top else None
            place = row if row is not None else self.shown.nearest(here)
            if self._from_top:
                place, self._from_top = 0, False
            told = row is None or not self.records.count
            self.records.show_rows(count, place, largest=lines, told=told)
        self.tell_shown()

    def grow_rows(self) -> None:
        """Make room for lines that were read since."""
        if self.shown.everything:
            self.records.set_count(self.deck.workspace.lines)

    @property
    def listed_rows(self) -> int:
        """How many rows the list has of what is shown."""
        return min(self.records.count, self.shown.count(self.deck.workspace.lines))

    def record_at(self, row: int) -> int:
        """Return the record (0-based) of a row of the list."""
        return self.shown.position(row)

    def go_to_record(self, position: int) -> None:
        """Put the cursor on a record, which shows all records if it is not among those shown.

        Args:
            position: The record, from 0; clamped to what there is.
        """
        position = max(0, min(position, self.deck.workspace.lines - 1))
        row = self.shown.row(position)
        if row is None:
            self.show_everything()
            self.say("It was not among the records shown: all are shown now")
            row = self.shown.nearest(position)
        self.records.go_to(row)

    def issue_row(self, step: int) -> int | None:
        """Return the row of the next record with an issue, or of the one before.

        Args:
            step: 1 for the next, -1 for the one before.
        """
        workspace = self.deck.workspace
        if not self.shown.everything and workspace.facets is not None:
            return issue_row(self.shown, workspace.facets, self.records.cursor, step)
        report, at = workspace.report, self.position
        if report is None or not workspace.lines:
            return None
        last = workspace.line_of(at + 1) - 1 if at + 1 < workspace.lines else 1 << 62
        line = report.issues.next_line(workspace.line_of(at) if step < 0 else last, step)
        row = None
        while line is not None and row is None:
            row = self.shown.row(workspace.record_of(line))
            line = report.issues.next_line(line, step) if row is None else None
        return row

    def tell_shown(self) -> None:
        """Say over the list what it shows."""
        self.query_one(ShownLine).show(self._line())

    def _line(self) -> list[str]:
        searched = self.search_words()
        words = clean(self._wish.words(), 200)
        if self._trouble:
            return [f"{words}: {clean(self._trouble, 120)}", "esc shows all"]
        if self._looking is not None and self.base.wish is not self._wish:
            return [f"Looking for {words}: {self._looking:.0%}", *searched, "esc shows all"]
        workspace = self.deck.workspace
        if self.base.wish.everything:
            return searched
        complete = workspace.index is not None and workspace.index.complete
        parts = [clean(said(self.base, workspace.lines, complete=complete), 240)]
        if self.base.partial:
            parts.append("so far" if workspace.working else "not all is checked")
        return [*parts, *searched, "esc shows all"]

    def _empty_text(self) -> str:
        if self.base.partial:
            return "No such record so far"
        if not self.shown.everything:
            return "No record is like this: & changes the filter, esc shows all"
        return "Reading the first lines"


def _view(wanted: Wish, selection: Selection) -> View:
    positions = selection.positions
    if positions is None and not selection.complete:
        import numpy as np

        positions = np.arange(selection.looked_at, dtype=np.int64)
    return View(wanted, positions, not selection.complete)


def _same_rows(one: View, other: View) -> bool:
    if one.positions is None or other.positions is None:
        return one.positions is other.positions
    import numpy as np

    return one.positions is other.positions or np.array_equal(one.positions, other.positions)
