"""Searching the whole file from the Data screen: while it runs, one walks from match to match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.opened.search import Ask, Matches, calm
from tui.opened.views import View, file_slug, walk
from tui.screens.searchrun import Found, SearchRun
from tui.screens.shownkeys import ShownKeys
from widgets.numbers import integer
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Filter, Search, Selection
    from tui.screens.searchline import SearchLine


class SearchingScreen(ShownKeys):
    """A screen whose list of records can be searched."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", id="data.search", tooltip="Search the whole file"),
        Binding("n", "again(1)", "next", id="data.next", tooltip="Next match", show=False),
        Binding("N", "again(-1)", "before", id="data.before", tooltip="Match before", show=False),
        Binding(
            "a",
            "matches",
            "matches",
            id="data.matches",
            tooltip="List nothing but the matches, or all again",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.matches: Matches | None = None
        self._listing = False
        self._seeking = False
        self._origin = 0
        self._before: Ask = Ask()

    # What the screen that shows the records gives

    def mark(self, pattern: re.Pattern[str] | None) -> None:
        """Mark in the list and in the record what a pattern finds; nothing for ``None``."""
        raise NotImplementedError

    def found_here(self) -> None:
        """Show the match in the record under the cursor."""
        raise NotImplementedError

    # The search line

    async def action_search(self) -> None:
        """Open the search line."""
        from tui.screens.searchline import SearchLine

        if not self.query(SearchLine):
            await self.mount(SearchLine())
        self._origin = self.position
        self._before = self.matches.ask if self.matches is not None else self._before
        self.query_one(SearchLine).open(self._before, self.deck.memory.searches)

    def search_line(self) -> SearchLine | None:
        """Return the search line while it is open."""
        from tui.screens.searchline import SearchLine

        return next((line for line in self.query(SearchLine) if line.display), None)

    def on_search_line_typed(self, event: SearchLine.Typed) -> None:
        """Search while it is being typed."""
        event.stop()
        if self.search_line() is not None:
            self.search(event.ask, self._origin)

    def on_search_line_answered(self, event: SearchLine.Answered) -> None:
        """Go to the first match from here."""
        event.stop()
        self._close_line()
        ask = event.ask
        if ask.text:
            self.deck.memory.searched(ask.text)
        if self.matches is None or self.matches.ask != ask:
            self.search(ask, self._origin)
        elif self.matches.ended:
            self._say_found()

    def on_search_line_given_up(self, event: SearchLine.GivenUp) -> None:
        """Go back to where the search began."""
        event.stop()
        self._close_line()
        self.forget_search()
        self.go_to_record(self._origin)

    def _close_line(self) -> None:
        line = self.search_line()
        if line is not None:
            line.close()
        self.records.focus()
        self.tell_shown()

    # Searching

    def search(self, ask: Ask, origin: int) -> None:
        """Search the whole file, beginning with a record, and go to the first match.

        Args:
            ask: What to find; an empty text ends the search.
            origin: The record (0-based) to begin with.
        """
        self.forget_search()
        if not ask.text:
            return
        self.matches = Matches(ask, origin)
        self._seeking = True
        if not ask.regex:
            self.mark(ask.pattern())
        self._run(self.matches, None)

    def _run(self, matches: Matches, start: int | None) -> None:
        workspace = self.deck.workspace
        lease, index = workspace.lease(), workspace.index
        if lease is None or index is None:
            return
        wanted = _search_of(matches.ask)

        def work() -> None:
            worker = get_current_worker()
            run = SearchRun(self, matches, lambda: worker.is_cancelled)
            try:
                with lease as source:
                    run.search(source, index, wanted, start)
            except (TunedeckError, OSError, MemoryError) as error:
                run.tell(ended=True, trouble=str(error) or "out of memory")
            else:
                run.tell(ended=True)

        self.run_worker(work, group="search", thread=True, exclusive=True, exit_on_error=False)
        self.tell_shown()

    def forget_search(self) -> None:
        """Drop the search and its marks; all records of the view are listed again."""
        self.workers.cancel_group(self, "search")
        self._seeking = False
        had, self.matches = self.matches, None
        if had is not None:
            self.mark(None)
        if self._listing:
            self._listing = False
            self.lay_rows()
        elif had is not None:
            if len(had):
                self.records.invalidate()
            self.tell_shown()

    def search_on(self) -> None:
        """Search also the records that the file has gained since it was searched."""
        matches, lines = self.matches, self.deck.workspace.lines
        if matches is None or not matches.ended or matches.stopped or matches.trouble:
            return
        if lines > matches.searched:
            matches.ended = False
            self._run(matches, max(0, matches.searched - 1))

    def search_again(self) -> None:
        """Search the whole file anew, because it was read again; the cursor stays."""
        matches = self.matches
        if matches is not None:
            listing = self._listing
            self.search(matches.ask, matches.origin)
            self._seeking, self._listing = False, listing

    def on_found(self, message: Found) -> None:
        """Take in what was found, and go to the first match if that is still to be done."""
        matches = message.matches
        if matches is not self.matches or matches.ended:
            return
        first = not len(matches) and bool(message.positions)
        matches.add(message.positions)
        matches.fraction, matches.turned = message.fraction, message.turned
        matches.ended, matches.trouble = message.ended, message.trouble
        matches.searched = message.searched or matches.searched
        if message.trouble:
            self.say(clean(message.trouble, 200), "warning")
        elif first and matches.ask.regex and calm(matches.ask):
            self.mark(matches.ask.pattern())
        if self._listing:
            self.lay_rows()
        elif message.positions:
            self.records.invalidate()
        self._seek()
        self._say_in_line()
        self.tell_shown()

    def _seek(self) -> None:
        matches = self.matches
        if not self._seeking or matches is None:
            return
        step = walk(self.shown, matches, self.shown.nearest(matches.origin), 0)
        if step.row is not None:
            self._seeking = False
            self._go(step.row)
        elif matches.ended:
            self._seeking = False
        if not self._seeking and self.search_line() is None:
            self._say_found()

    def _go(self, row: int) -> None:
        if self.records.cursor != row:
            self.records.go_to(row)
        self.found_here()

    def _say_in_line(self) -> None:
        line = self.search_line()
        if line is not None:
            line.say(self._found_words())

    def _say_found(self) -> None:
        matches = self.matches
        if matches is None or matches.trouble:
            return
        step = walk(self.shown, matches, self.records.cursor - 1, 1)
        text = clean(matches.ask.words(), 60)
        if step.row is None:
            here = " among the records shown" if not self.base.everything and len(matches) else ""
            if matches.ended:
                self.say(f"No match for {text}{here}", "warning")
        elif step.row == self.records.cursor:
            more = "" if matches.ended else " so far"
            number = f"match {integer(step.number)} of {integer(step.of)}{more}"
            self.say(f"{text}: {number}; n next, N before, a lists them")

    def _found_words(self) -> str:
        """Return how many were found and how far the search is."""
        matches = self.matches
        if matches is None:
            return ""
        if matches.trouble:
            return "failed"
        if not len(matches):
            number = "no match"
        else:
            rows = matches if self.base.everything else self.base.rows(matches.positions())
            number = f"{integer(len(rows))} {'match' if len(rows) == 1 else 'matches'}"
        if matches.stopped:
            return f"{number}, stopped at {matches.fraction:.0%}"
        return number if matches.ended else f"{number} so far, {matches.fraction:.0%}"

    def search_words(self) -> list[str]:
        """Return what the line over the list says of the search, cleaned."""
        matches = self.matches
        if matches is None or self.search_line() is not None:
            return []
        parts = [f"{clean(matches.ask.words(), 60)}: {self._found_words()}"]
        if not matches.ended:
            parts.append("esc stops")
        elif self._listing:
            parts += ["only these are listed", "a lists all"]
        elif self.base.wish.everything:
            parts.append("esc forgets it")
        return parts

    # The list

    def narrowed(self, view: View) -> View:
        """Only the matches, while these are listed."""
        return view.only(self.matches) if self._listing and self.matches is not None else view

    def show_filter(self, text: str) -> None:
        """Show only the records that a filter lets through, matches or not."""
        self._listing = False
        super().show_filter(text)

    def show_everything(self) -> None:
        """Show all records as they stand in the file, matches or not."""
        self._listing = False
        super().show_everything()

    def is_match(self, position: int) -> bool:
        """Whether a record (0-based) is known to match."""
        return self.matches is not None and position in self.matches

    def forget_view(self) -> None:
        """Start anew with another dataset."""
        self.workers.cancel_group(self, "search")
        self.matches, self._listing, self._seeking = None, False, False
        self.mark(None)
        super().forget_view()

    def selection(self) -> tuple[Selection | None, str]:
        """Return the records shown: the matches while these are listed."""
        if not self._listing or self.matches is None:
            return super().selection()
        from tui.dataset import Filter

        passed: Filter = self.base.wish.filter or Filter()
        if passed.search is not None:
            return None, "The filter looks for a text too: put both into one filter (&) to write"
        if not len(self.shown.rows(self.matches.positions())):
            return None, "No record is shown, so there is nothing to write"
        passed = replace(passed, search=_search_of(self.matches.ask))
        selection = self.selection_of(self.shown, passed)
        return selection, selection.words()

    def slug(self) -> str:
        """Return a few letters for the name of the file with what is shown."""
        text = self.matches.ask.text if self._listing and self.matches is not None else ""
        return file_slug(self.base.wish, text)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the keys of a search only where there is a dataset."""
        if action in ("search", "again", "matches"):
            return self.deck.workspace.source is not None
        return super().check_action(action, parameters)

    def can_leave(self) -> bool:
        """Whether there is a search to stop or to forget, or a view to leave."""
        return self.matches is not None or super().can_leave()

    def action_leave(self) -> None:
        """Stop the search, else leave the list of matches, else show all records again."""
        matches = self.matches
        if matches is not None and not matches.ended:
            self.workers.cancel_group(self, "search")
            matches.ended = matches.stopped = True
            self._seeking = False
            self.lay_rows()
            self.say(f"Search stopped: {self._found_words()}")
        elif self._listing:
            self.action_matches()
        else:
            self.forget_search()
            super().action_leave()

    def action_again(self, step: int) -> None:
        """Go to the next match, or the one before."""
        matches = self.matches
        if matches is None:
            self.say("Nothing searched yet; / searches")
            return
        found = walk(self.shown, matches, self.records.cursor, step)
        self._seeking = False
        if found.row is not None:
            self._go(found.row)
            way = "" if not found.wrapped else f", round the {'end' if step > 0 else 'beginning'}"
            so_far = "" if matches.ended else " so far"
            self.say(f"Match {integer(found.number)} of {integer(found.of)}{so_far}{way}")
        elif not matches.ended:
            # The next one to be found is gone to.
            self.say(f"No further match so far, searched {matches.fraction:.0%}")
        else:
            self._say_found()

    def action_matches(self) -> None:
        """List nothing but the matches, or all records of the view again."""
        if self.matches is None:
            self.say("Nothing searched yet; / searches")
            return
        self._listing = not self._listing
        self.lay_rows()
        self.records.invalidate()

    def deeds(self) -> Iterator[SystemCommand]:
        """Yield what the palette offers on this screen."""
        if self.deck.workspace.source is not None:
            yield SystemCommand("Search", "Search the whole file (key /)", self.action_search)
            if self.matches is not None:
                yield SystemCommand(
                    "Matches", "List nothing but the matches (key a)", self.action_matches
                )
        yield from super().deeds()


def _search_of(ask: Ask) -> Search:
    from tui.dataset import Search

    return Search(ask.text, ask.regex, ask.matches_case, ask.role or None)
