"""Getting about in a dataset whose end may not be known yet, or may move."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import getters
from textual.binding import Binding, BindingType

from tui.errors import TunedeckError
from tui.screens.base import by_lines
from tui.screens.searching import SearchingScreen
from widgets.numbers import integer
from widgets.record_view import RecordView
from widgets.text import clean

if TYPE_CHECKING:
    from tui.screens.prompt import Prompt

_END = ("$", "end", "last")
_SHARE = r"(\d{1,3}(?:\.\d+)?)\s*%"


class Goal(NamedTuple):
    """Where somebody wants to be.

    Attributes:
        record: The record, from 0; ``None`` for the end or a share of the file.
        share: How far into the file, 0 to 1.
        asked_at: The row the cursor was on when it was asked for: moving it gives the goal up.
    """

    record: int | None
    share: float
    asked_at: int


class Place(NamedTuple):
    """Where somebody was before the dataset was read again.

    Attributes:
        record: The record that was read, from 0.
        top: The first row of it that was seen.
    """

    record: int
    top: int


class GoingScreen(SearchingScreen):
    """A screen on which one goes to a record by its number, to the end, or along with the file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "colon,ctrl+g",
            "jump",
            "go to",
            id="data.jump",
            tooltip="Go to a record by its number, to 50% of the file, or with $ to its end",
        ),
        Binding(
            "f",
            "follow",
            "follow",
            id="data.follow",
            tooltip="Go to the end and stay there while the file grows; again to stop",
            show=False,
        ),
    ]

    view = getters.query_one(RecordView)

    def __init__(self) -> None:
        super().__init__()
        self._goal: Goal | None = None
        self._place: Place | None = None
        self._known = self._seen = 0

    # What the screen that shows the records gives

    def forget_rows(self, first: int = 0) -> None:
        """Read again, when they are drawn, the records from ``first`` (0-based) on."""
        raise NotImplementedError

    def read_again(self) -> None:
        """Show the record under the cursor as it is in the file now."""
        raise NotImplementedError

    # Records that come and go

    def new_dataset(self) -> None:
        """Forget where somebody wanted to be."""
        self._goal = self._place = None
        self._known = self.deck.workspace.lines
        self._seen = 0

    def dataset_reloaded(self) -> None:
        """Note where somebody is, to be there again once the file is read as far."""
        if self._place is None:
            self._place = Place(self.position, self.view.top)

    def lines_changed(self) -> None:
        """Make room for records that are known since; stay at the end if that is followed."""
        workspace = self.deck.workspace
        if self._place is not None:
            self._return(self._place)
            return
        known, self._known = self._known, workspace.lines
        seen, self._seen = self._seen, workspace.index.bytes_seen if workspace.index else 0
        if (known, seen) == (self._known, self._seen):
            self._approach()
            return
        at_end = workspace.following and self.records.cursor >= self.records.count - 1
        if known > 0:
            # It may not have been whole when it was read.
            self.forget_rows(known - 1)
        self.grow_rows()
        if self.position == known - 1:
            self.read_again()
        if at_end:
            self.records.go_to(self.records.count - 1)
        self._approach()

    def _return(self, place: Place) -> None:
        workspace = self.deck.workspace
        if workspace.lines <= place.record and not workspace.complete:
            return
        self._place = None
        self._known = lines = workspace.lines
        if not lines:
            return
        record = min(place.record, lines - 1)
        self.forget_rows()
        if self.shown.everything:
            self.records.show_rows(lines, record, largest=lines, told=False)
        else:
            self.show_wish(self._wish)
        self.read_again()
        self.view.scroll_rows(place.top)

    # Going

    async def action_jump(self) -> None:
        """Ask where to go."""
        await self.ask("jump", "Go to record, 50% or $")

    def action_follow(self) -> None:
        """Stay at the end while the file grows, or stop doing so."""
        try:
            following = self.deck.workspace.follow()
        except TunedeckError as error:
            self.say(clean(str(error), 200), "warning")
            return
        if following:
            self.records.go_to(self.records.count - 1)
            self.say("Following: what the file gains is shown as it comes; f stops")
        else:
            self.say("No longer following")

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Go where it was said."""
        self._close_prompt()
        if event.kind == "jump":
            self.jump(event.text)

    def on_prompt_given_up(self) -> None:
        """Stay where it was."""
        self._close_prompt()

    def _close_prompt(self) -> None:
        self.close_question()
        self.records.focus()

    def jump(self, text: str) -> None:
        """Go to a record: by its number, by a share of the file (``12.5%``), or to its end.

        Where the file is not read as far yet, that is said, and gone there when it is.
        """
        wanted = text.strip().lower().replace(",", "").replace("_", "")
        share = re.fullmatch(_SHARE, wanted)
        at = self.records.cursor
        if share is not None:
            self._goal = Goal(None, min(1.0, float(share[1]) / 100), at)
        elif wanted in _END:
            self._goal = Goal(None, 1.0, at)
        elif wanted.isdecimal() and len(wanted) < 16:
            self._goal = Goal(max(0, int(wanted) - 1), 0.0, at)
        elif wanted:
            self.say("That is neither a record's number nor a share such as 50%, nor $", "warning")
        if self._goal is not None and not self._approach():
            self._tell_goal(text.strip())

    def _tell_goal(self, text: str) -> None:
        workspace = self.deck.workspace
        if workspace.working:
            what = "lines" if by_lines(workspace) else "records"
            known = f"{integer(workspace.lines)} {what} so far"
            self.say(f"{clean(text, 30)} is not read yet ({known}): going there when it is")
        else:
            self._goal = None
            self.say("The file is not read that far: r goes on", "warning")

    def _approach(self) -> bool:
        """Go where somebody wants to be, if that is known by now; return whether it was."""
        goal, workspace = self._goal, self.deck.workspace
        if goal is None:
            return True
        if self.records.cursor != goal.asked_at:
            self._goal = None
            return True
        if not self.shown.everything and goal.record is None:
            self._goal = None
            self.records.go_to(round((self.records.count - 1) * goal.share))
            return True
        record = self._record_of(goal)
        if record is None:
            return False
        self._goal = None
        if record >= workspace.lines:
            what = "lines" if by_lines(workspace) else "records"
            self.say(f"There are {integer(workspace.lines)} {what}; this is the last", "warning")
        self.go_to_record(record)
        return True

    def _record_of(self, goal: Goal) -> int | None:
        workspace = self.deck.workspace
        index, source = workspace.index, workspace.source
        if index is None or source is None:
            return None
        if goal.record is not None:
            known = workspace.complete or goal.record < workspace.lines
            return goal.record if known else None
        if workspace.complete:
            return int((workspace.lines - 1) * goal.share)
        offset = int(source.size * goal.share)
        if source.whole and offset < index.bytes_seen and workspace.lines:
            return index.line_at(offset)
        return None

    # Saying where one is

    def place_words(self) -> list[str]:
        """Return which record this is, and where it stands in its file; not cleaned."""
        workspace = self.deck.workspace
        at = self.position
        so_far = "" if workspace.complete else " so far"
        what = "Line" if by_lines(workspace) else "Record"
        words = [f"{what} {integer(at + 1)} of {integer(workspace.lines)}{so_far}"]
        if workspace.joined:
            words.append(workspace.place_words(at + 1))
        elif workspace.line_of(at) != at + 1:
            words.append(f"line {integer(workspace.line_of(at))}")
        return words
