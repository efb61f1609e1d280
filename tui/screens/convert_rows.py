"""The list of the Convert screen: what becomes of the records, and which cannot be converted."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.opened.convertwords import READY, goal_words, kind_words
from widgets.numbers import integer
from widgets.rows import Pieces, VirtualList
from widgets.text import ascii_only, clean

if TYPE_CHECKING:
    from tui.dataset import ConvertSurvey, Sighting

FEW = 12
"""Records that cannot be converted that are listed at once when they are so few."""


class _Group(NamedTuple):
    """One row with a count, and the records under it where it is unfolded."""

    records: int
    words: str
    style: str
    reason: str = ""
    first: Sighting | None = None


class ConvertRows(VirtualList):
    """What would become of the records: formats, what is left behind, and reasons with records."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,space",
            "select",
            "unfold",
            id="convert.unfold",
            tooltip="List those records",
            show=False,
        ),
        Binding("right", "unfold(True)", "unfold", show=False, tooltip="List those records"),
        Binding("left", "unfold(False)", "fold", show=False, tooltip="Hide those records"),
    ]

    class Highlighted(Message):
        """The cursor is on another row.

        Attributes:
            sighting: The record to show; ``None`` where the row is of none.
        """

        def __init__(self, sighting: Sighting | None) -> None:
            super().__init__()
            self.sighting = sighting

        def can_replace(self, message: Message) -> bool:
            """A newer position makes older ones that wait in the queue pointless."""
            return isinstance(message, ConvertRows.Highlighted)

    def __init__(self) -> None:
        super().__init__()
        self._survey: ConvertSurvey | None = None
        self._groups: list[_Group] = []
        self._starts: list[int] = []
        self._open: set[str] = set()
        self._told = False
        self._count = 0

    @property
    def row_count(self) -> int:
        """Groups, and the records of those that are unfolded."""
        return self._count

    @property
    def current(self) -> Sighting | None:
        """The record of the row under the cursor."""
        return self._sighting(self.cursor) if self._count else None

    def set_survey(self, survey: ConvertSurvey) -> None:
        """Show what a survey has found so far; the cursor stays on its row."""
        again = survey is not self._survey
        at = None if again or not self._count else self._place(self.cursor)
        before = self._count
        if again:
            self._told, self.top = False, 0
            self._open.clear()
        self._survey = survey
        self._groups = _groups(survey)
        if survey.complete and not self._told:
            self._told = True
            if sum(survey.report.skipped.values()) <= FEW:
                self._open |= set(survey.report.skipped)
        self._index()
        self.cursor = self._row_of(*at) if at is not None else 0
        self.rows_changed(before)
        self.refresh(layout=self._count != before)

    def _index(self) -> None:
        self._starts = []
        self._count = 0
        for group in self._groups:
            self._starts.append(self._count)
            self._count += 1 + self._under(group)

    def _under(self, group: _Group) -> int:
        """Rows under a group: its records, and one that says how many are not kept."""
        if group.reason not in self._open or self._survey is None:
            return 0
        kept = len(self._survey.skipped(group.reason))
        return min(kept, group.records) + (group.records > kept)

    def _place(self, index: int) -> tuple[str, int]:
        """What a row is: the words of its group, and the number of the record or -1."""
        number = bisect_right(self._starts, index) - 1
        return self._groups[number].words, index - self._starts[number] - 1

    def _row_of(self, words: str, item: int) -> int:
        for start, group in zip(self._starts, self._groups, strict=True):
            if group.words == words:
                return start + min(1 + item, self._under(group))
        return max(0, min(self.cursor, self._count - 1))

    def _sighting(self, index: int) -> Sighting | None:
        number = bisect_right(self._starts, index) - 1
        group, item = self._groups[number], index - self._starts[number] - 1
        if item < 0 or self._survey is None:
            return group.first
        kept = self._survey.skipped(group.reason)
        return kept[item] if item < len(kept) else None

    def get_content_height(self, *_: object) -> int:
        """As high as there are rows, where there is little room."""
        return max(1, self._count)

    # Folding

    def row_chosen(self) -> None:
        """Enter, or a click on the cursor's row, unfolds or folds."""
        if self._count:
            number = bisect_right(self._starts, self.cursor) - 1
            self.action_unfold(self._groups[number].reason not in self._open)

    def action_unfold(self, unfold: bool) -> None:
        """List the records of the group under the cursor, or hide them."""
        if not self._count:
            return
        number = bisect_right(self._starts, self.cursor) - 1
        reason, before = self._groups[number].reason, self._count
        if not reason or unfold == (reason in self._open):
            return
        self._open ^= {reason}
        self._index()
        self.cursor = self._starts[number]
        self.rows_changed(before)
        self.ensure_visible(self.cursor)
        self.refresh(layout=True)
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """Post `Highlighted`."""
        self.post_message(self.Highlighted(self.current))

    # Drawing

    def row_pieces(self, index: int, width: int) -> Pieces:
        """A count with its words, or a record's line."""
        del width
        number = bisect_right(self._starts, index) - 1
        group, item = self._groups[number], index - self._starts[number] - 1
        sign = (self.cursor_sign(index), "")
        if item >= 0:
            return [sign, (f"{'':12}{self._record_words(group, item)}", "rows--muted")]
        mark = self._fold_sign(group) if group.reason else " "
        return [
            sign,
            (f"{mark} ", "rows--muted"),
            (f"{group.records:>7,}  ", ""),
            (clean(group.words, 200), group.style),
        ]

    def _record_words(self, group: _Group, item: int) -> str:
        kept = self._survey.skipped(group.reason) if self._survey is not None else []
        if item < len(kept):
            return f"line {integer(kept[item].entry.line)}"
        return f"{integer(group.records - len(kept))} more are counted, not kept"

    def _fold_sign(self, group: _Group) -> str:
        is_open = group.reason in self._open
        return ("v" if is_open else ">") if ascii_only() else ("▾" if is_open else "▸")


def _groups(survey: ConvertSurvey) -> list[_Group]:
    """Return the rows with counts: formats, what is not carried over, reasons."""
    report = survey.report
    goal = goal_words(report)
    ready = f"as they are: {report.format} data already"
    groups = [
        _Group(
            count,
            ready if kind == READY and not report.target else _from(kind, goal, str(report.format)),
            "",
            first=survey.first(kind),
        )
        for kind, count in _most(report.kinds)
    ]
    if survey.plan.edits:
        groups.append(_Group(len(survey.plan.edits), "as you edited them", "rows--muted"))
    groups += [
        _Group(count, f"without {what}", "rows--muted") for what, count in _most(report.left_out)
    ]
    for reason, count in _most(report.skipped):
        kept = survey.skipped(reason)
        first = kept[0] if kept else None
        groups.append(_Group(count, f"left out: {reason}", "rows--warning", reason, first))
    return groups


def _from(kind: str, goal: str, format_name: str) -> str:
    words = f"{format_name.title()} data" if kind == READY else kind_words(kind)
    return f"{words} into {goal}"


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    # A copy: the thread that reads the file adds to it meanwhile.
    return sorted(dict(counts).items(), key=lambda pair: (-pair[1], pair[0]))
