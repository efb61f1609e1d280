"""Looking through a file for what repairs would touch, and at one record before and after."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import getters
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.opened.fixing import EDITS, INVALID, REPAIRS, change_notes
from tui.opened.workspace import NEWS_SECONDS
from tui.screens.base import DeckScreen
from tui.screens.repair_switches import Switches
from widgets.diff import Line, json_diff
from widgets.diff_view import DiffView
from widgets.numbers import counted, integer
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Found, Preview, Survey


class RepairLook(DeckScreen):
    """The part of the Repair screen that reads: counts, and one record before and after.

    Args:
        position: The record to show first, 0-based.
    """

    class News(Message):
        """The survey has got further, or is over.

        Attributes:
            survey: Which one.
            fraction: How far it is, 0 to 1.
            failure: Why it could not go on, not cleaned.
        """

        def __init__(self, survey: Survey, fraction: float, failure: str = "") -> None:
            super().__init__()
            self.survey = survey
            self.fraction = fraction
            self.failure = failure

    class Counted(Message):
        """It is known how many records would be left out as invalid.

        Attributes:
            survey: What counted them.
        """

        def __init__(self, survey: Survey) -> None:
            super().__init__()
            self.survey = survey

    class Previewed(Message):
        """A record was worked out before and after.

        Attributes:
            found: The record.
            preview: Its texts.
            lines: What differs.
        """

        def __init__(self, found: Found, preview: Preview, lines: list[Line]) -> None:
            super().__init__()
            self.found = found
            self.preview = preview
            self.lines = lines

    switches = getters.query_one(Switches)
    view = getters.query_one(DiffView)

    def __init__(self, position: int = 0) -> None:
        super().__init__()
        self._at = position
        self._survey: Survey | None = None
        self._counting: Survey | None = None
        self._shown: Found | None = None
        self._fraction = 0.0
        self._failure = ""
        self._writing = ""
        self._next_news = 0.0

    # Looking through the file

    def _begin(self) -> None:
        """Survey the file, from the beginning."""
        workspace = self.deck.workspace
        lease = workspace.lease()
        if lease is None or not lease.source.whole:
            self._survey = None
            self._failure = "The file is still being unpacked"
            self._say_state()
            return
        from tui.dataset import Survey

        chosen = self.switches.chosen
        drop = INVALID in chosen
        survey = self._survey = Survey(
            chosen & set(REPAIRS) if drop else None,
            drop_invalid=drop,
            profile=workspace.profile,
            format=str(workspace.format or "auto"),
            model=workspace.model if drop else None,
        )
        self._fraction, self._failure, self._shown = 0.0, "", None
        self._counting = None

        def work() -> None:
            worker = get_current_worker()

            def progress(done: int, total: int) -> None:
                if self._due():
                    self.post_message(self.News(survey, done / max(1, total)))

            failure = ""
            try:
                with lease as source:
                    survey.run(source, progress, lambda: worker.is_cancelled)
            except (TunedeckError, OSError, MemoryError) as error:
                failure = str(error) or "out of memory"
            if not worker.is_cancelled:
                self.post_message(self.News(survey, 1.0, failure))

        self.run_worker(work, group="survey", thread=True, exclusive=True, exit_on_error=False)
        self._show_counts()

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next_news:
            return False
        self._next_news = now + NEWS_SECONDS
        return True

    def on_repair_look_news(self, message: News) -> None:
        """Show the counts, and a record once there is one to show."""
        if message.survey is not self._survey:
            return
        self._fraction, self._failure = message.fraction, message.failure
        self._show_counts()
        if self._shown is None:
            self._show_nearest()
        if message.survey.complete:
            self._count_invalid()

    def _count_invalid(self) -> None:
        """Find out how many records the switch for invalid ones would leave out.

        That depends on the repairs that are on, so it is counted anew when one is turned; while
        the switch itself is on, the survey of the file tells.
        """
        survey, workspace = self._survey, self.deck.workspace
        lease = workspace.lease()
        if survey is None or not survey.complete or lease is None or INVALID in self._chosen():
            return
        from tui.dataset import Survey

        counting = self._counting = Survey(
            self._chosen() & set(REPAIRS),
            drop_invalid=True,
            profile=workspace.profile,
            format=str(workspace.format or "auto"),
            model=workspace.model,
        )
        self._show_counts()

        def work() -> None:
            worker = get_current_worker()
            with suppress(TunedeckError, OSError, MemoryError), lease as source:
                counting.run(source, None, lambda: worker.is_cancelled)
            self.post_message(self.Counted(counting))

        self.run_worker(work, group="invalid", thread=True, exclusive=True, exit_on_error=False)

    def on_repair_look_counted(self, message: Counted) -> None:
        """Show the number beside the switch."""
        if message.survey is self._counting and message.survey.complete:
            self._show_counts()

    def _show_counts(self) -> None:
        survey = self._survey
        counts = dict(survey.counts) if survey is not None else {}
        counts[EDITS] = len(self.deck.workspace.edits)
        if INVALID not in self._chosen():
            counting = self._counting
            known = counting is not None and counting.complete
            counts[INVALID] = counting.counts[INVALID] if counting is not None and known else -1
        self.switches.set_counts(counts)
        self._say_state()

    def _say_state(self) -> None:
        survey = self._survey
        said = self.query_one("#said", Static)
        said.set_class(bool(self._writing), "-busy")
        said.set_class(bool(self._failure) and not self._writing, "-error")
        if self._writing:
            text = self._writing
        elif survey is None or self._failure:
            text = clean(self._failure, 300)
        elif survey.complete:
            text = f"Looked through all {counted(survey.records, 'record')}"
            if not any(survey.counts.values()):
                text += ": nothing to repair"
        else:
            text = f"Looking through the file: {self._fraction:.0%}"
            text += f", {counted(survey.records, 'record')} so far"
        said.update(text)

    # One record

    def _wanted(self) -> set[str]:
        return self.switches.chosen - {EDITS}

    def _show_nearest(self) -> None:
        """Show the record that led here if it changes, else the next one that does."""
        survey = self._survey
        if survey is None:
            return
        found = self._beside(survey, self._at - 1, 1)
        if found is None and survey.complete:
            found = self._beside(survey, self._at, -1)
        if found is not None:
            self._show(found)
        elif survey.complete:
            self._say_nothing()

    def _say_nothing(self) -> None:
        survey = self._survey
        self.view.border_title = ""
        if survey is not None and any(survey.counts.values()):
            self.view.clear([("No record changes: every repair it needs is switched off", "muted")])
        else:
            self.view.clear([("No record needs a repair", "muted")])

    def _show(self, found: Found) -> None:
        """Work a record out in a thread: one may be long."""
        self._shown, self._at = found, found.position
        workspace = self.deck.workspace
        lease, index, kind = workspace.lease(), workspace.index, workspace.format
        if lease is None or index is None:
            return
        codes = frozenset(self._wanted())
        edited = workspace.edits.get(found.position) if EDITS in self.switches.chosen else None

        def work() -> None:
            from tui.dataset import Format, Preview, preview, read_raw

            try:
                with lease as source:
                    raw = read_raw(source, index, found.position, found.lines)
            except (TunedeckError, IndexError) as error:
                reason = str(error) if isinstance(error, TunedeckError) else "not read so far"
                self.post_message(self.Previewed(found, Preview("", "", (), reason), []))
                return
            if raw is None:
                long = Preview("", "", (), "this record is too long to be shown before and after")
                self.post_message(self.Previewed(found, long, []))
                return
            known = kind or Format.CHAT
            made = preview(edited or raw, found, codes, element=index.is_array, format=known)
            if edited is not None:
                made = replace(made, before=raw.decode("utf-8", "replace"))
            lines = json_diff(made.before, made.after or "")
            self.post_message(self.Previewed(found, made, lines))

        self.run_worker(work, group="preview", thread=True, exclusive=True, exit_on_error=False)

    def on_repair_look_previewed(self, message: Previewed) -> None:
        """Show it."""
        if message.found != self._shown:
            return
        made = message.preview
        workspace = self.deck.workspace
        number = integer(workspace.line_of(message.found.position))
        notes = change_notes(made)
        if workspace.edits.at(message.found.position) is not None and EDITS in self._chosen():
            notes.insert(0, ("edited by you", ""))
        if not message.lines and made.after is not None and notes:
            notes.append(("Only blanks and line breaks between values differ.", "muted"))
        self.view.border_title = Content(f"Line {number}")
        self.view.show(made.before, made.after, notes, lines=message.lines)

    def _chosen(self) -> set[str]:
        return self.switches.chosen

    def _beside(self, survey: Survey, at: int, step: int) -> Found | None:
        """Return the next record after a place that a repair touches or a person edited."""
        from tui.dataset import Found

        found = survey.next(at, self._wanted(), step)
        edits = self.deck.workspace.edits
        places = [place for place in edits if (place > at if step > 0 else place < at)]
        if EDITS not in self._chosen() or not places:
            return found
        place = min(places) if step > 0 else max(places)
        if found is not None and (found.position < place if step > 0 else found.position > place):
            return found
        edit, touched = edits.at(place), survey.at(place)
        codes = touched.codes if touched is not None else frozenset()
        return Found(place, edit.lines if edit is not None else 1, codes)
