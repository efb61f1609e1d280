"""Looking through a file for what converting would do, and at one record before and after."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Event
from typing import TYPE_CHECKING

from textual import getters
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.errors import FileError, TunedeckError
from tui.opened.convertwords import state_words, ways_out
from tui.opened.workspace import NEWS_SECONDS
from tui.screens.base import DeckScreen
from tui.screens.convert_rows import ConvertRows
from widgets.diff import Line, json_diff
from widgets.diff_view import DiffView
from widgets.numbers import counted, integer
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import BeforeAfter, ConvertSurvey, Sighting, Source

PATIENCE = 0.2
"""Seconds between two looks at whether a thread that waits is still wanted."""

_CHANGES = {
    "shrunk": "became shorter",
    "replaced": "was replaced",
    "edited": "was changed",
}


def refuse_changed(source: Source) -> None:
    """Refuse a file that is not what was opened; what it has gained meanwhile is left aside.

    Raises:
        FileError: It was changed, or another one stands in its place.
    """
    change = source.changed()
    if change is not None and str(change) in _CHANGES:
        raise FileError(
            f"the file {_CHANGES[str(change)]} since it was opened",
            "close this with Esc, press r to read it again, then convert it",
        )


class ConvertLook(DeckScreen):
    """The part of the Convert screen that reads: counts, and one record before and after."""

    class News(Message):
        """The survey has got further, or is over.

        Attributes:
            survey: Which one.
            fraction: How far it is, 0 to 1.
            failure: Why it could not go on, not cleaned.
        """

        def __init__(self, survey: ConvertSurvey, fraction: float, failure: str = "") -> None:
            super().__init__()
            self.survey = survey
            self.fraction = fraction
            self.failure = failure

    class Previewed(Message):
        """A record was worked out before and after.

        Attributes:
            sighting: The record.
            shown: Its texts.
            lines: What differs.
        """

        def __init__(self, sighting: Sighting, shown: BeforeAfter, lines: list[Line]) -> None:
            super().__init__()
            self.sighting = sighting
            self.shown = shown
            self.lines = lines

    listed = getters.query_one(ConvertRows)
    view = getters.query_one(DiffView)

    def __init__(self) -> None:
        super().__init__()
        self._survey: ConvertSurvey | None = None
        self._target = ""
        self._system = ""
        self._columns: Mapping[str, str] = {}
        self._fraction = 0.0
        self._failure = ""
        self._writing = ""
        self._shown: Sighting | None = None
        self._next_news = 0.0
        self._idle = Event()
        self._idle.set()

    # Looking through the file

    def _begin(self) -> None:
        """Look through the file, from the beginning."""
        workspace = self.deck.workspace
        lease = workspace.lease()
        self._fraction, self._failure, self._shown = 0.0, "", None
        if lease is None or not lease.source.whole:
            self._survey = None
            self._failure = "The file is still being unpacked"
            self._say_state()
            return
        from tui.dataset import Conversion, ConvertSurvey

        edits = {place: workspace.edits[place] for place in workspace.edits}
        plan = Conversion("auto", self._target, self._columns, self._system, edits)
        survey = self._survey = ConvertSurvey(plan)

        def work() -> None:
            worker = get_current_worker()

            def progress(done: int, total: int) -> None:
                # What is being written is waited for; looking can wait until it is there.
                while not self._idle.wait(PATIENCE) and not worker.is_cancelled:
                    pass
                if self._due():
                    self.post_message(self.News(survey, done / max(1, total)))

            failure = ""
            try:
                with lease as source:
                    refuse_changed(source)
                    survey.run(source, progress, lambda: worker.is_cancelled)
            except (TunedeckError, OSError, MemoryError) as error:
                failure = str(error) or "out of memory"
            if not worker.is_cancelled:
                self.post_message(self.News(survey, 1.0, failure))

        self.run_worker(work, group="survey", thread=True, exclusive=True, exit_on_error=False)
        self.listed.set_survey(survey)
        self._say_state()

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next_news:
            return False
        self._next_news = now + NEWS_SECONDS
        return True

    def on_convert_look_news(self, message: News) -> None:
        """Show the counts, and a record once there is one to show."""
        if message.survey is not self._survey:
            return
        self._fraction, self._failure = message.fraction, message.failure
        self.listed.set_survey(message.survey)
        self._say_state()
        if self._shown is None:
            self._show(self.listed.current)
        if message.survey.complete:
            self.looked_through(message.survey)

    def looked_through(self, survey: ConvertSurvey) -> None:
        """Hook: all of the file was looked at."""

    def _say_state(self) -> None:
        survey = self._survey
        self.listed.empty_text = "" if self._failure else "Looking through the file"
        said = self.query_one("#said", Static)
        said.set_class(bool(self._writing), "-busy")
        wrong = bool(self._failure) or (survey is not None and survey.trouble is not None)
        said.set_class(wrong and not self._writing, "-error")
        if self._writing:
            text = self._writing
        elif survey is None or self._failure:
            text = clean(self._failure, 300)
        elif survey.complete:
            text = clean(state_words(survey), 300)
        else:
            many = counted(survey.report.records, "record")
            text = f"Looking through the file: {self._fraction:.0%}, {many} so far"
        said.update(text)

    # One record

    def on_convert_rows_highlighted(self, event: ConvertRows.Highlighted) -> None:
        """Show the record of the row."""
        event.stop()
        self._show(event.sighting)

    def _show(self, sighting: Sighting | None) -> None:
        """Work a record out in a thread: one may be long."""
        survey, lease = self._survey, self.deck.workspace.lease()
        if survey is None or lease is None:
            return
        if sighting is None:
            if self._shown is None and (survey.complete or self._failure):
                self._show_nothing(survey)
            return
        self._shown = sighting

        def work() -> None:
            from tui.dataset import BeforeAfter

            try:
                with lease as source:
                    shown = survey.show(source, sighting)
            except (TunedeckError, OSError, MemoryError) as error:
                shown = BeforeAfter("", None, str(error) or "out of memory")
            # A record that is left out is shown as it is: all of it marked as gone helps nobody.
            after = shown.before if shown.after is None else shown.after
            self.post_message(self.Previewed(sighting, shown, json_diff(shown.before, after)))

        self.run_worker(work, group="preview", thread=True, exclusive=True, exit_on_error=False)

    def _show_nothing(self, survey: ConvertSurvey) -> None:
        words = self._failure or ways_out(survey) or state_words(survey)
        self.view.border_title = ""
        self.view.clear([(clean(words, 600), "muted")])

    def on_convert_look_previewed(self, message: Previewed) -> None:
        """Show it."""
        survey = self._survey
        if message.sighting is not self._shown or survey is None:
            return
        shown = message.shown
        notes = [(f"without {clean(what, 200)}", "muted") for what in shown.left_out[:6]]
        if shown.reason:
            notes = [(f"Left out: {clean(shown.reason, 300)}", "warning")]
            out = ways_out(survey)
            if out:
                notes.append((clean(out, 600), "muted"))
        elif not message.lines:
            notes.append(("Written as it is", "muted"))
        self.view.border_title = Content(f"Line {integer(message.sighting.entry.line)}")
        lines = message.lines or whole(shown.before)
        self.view.show(shown.before, shown.after or shown.before, notes, lines=lines)


def whole(text: str) -> list[Line]:
    """Return the lines of a record that stays as it is."""
    from itertools import islice

    from widgets.diff import MOST_LINES
    from widgets.json_lines import pretty_lines

    rows = islice(pretty_lines(text), MOST_LINES)
    return [Line(" ", depth, start, end) for depth, start, end in rows]
