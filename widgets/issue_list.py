"""Issues by rule: a row a code with its count, opened to the issues themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.numbers import integer
from widgets.record_list import SIGNS
from widgets.rows import Pieces, VirtualList
from widgets.text import ascii_only, clean, fit, pad, shorten_path

TEXT_CHARS = 400
PLACE_CELLS = 24


@dataclass(frozen=True, slots=True)
class IssueGroup:
    """All issues of one rule.

    Attributes:
        code: The rule's code.
        severity: ``"error"``, ``"warning"`` or ``"advice"``.
        count: How many there are (more than are kept, perhaps).
        summary: What the rule is about, in a few words.
    """

    code: str
    severity: str
    count: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class IssueRow:
    """One issue, as the list shows it.

    Attributes:
        line: Line of the file, from 1; 0 for the file as a whole.
        column: Column, from 1; 0 when unknown.
        path: JSON path in the record.
        message: What was found; foreign parts are cleaned when drawn.
        hint: What to do.
        place: File and line, where that is not simply the line; foreign, cleaned when drawn.
    """

    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    place: str = ""


class IssueList(VirtualList):
    """Two levels in one virtual list: rules, and under an open rule its issues.

    The issues of a rule are asked for only when it is opened, and only their length and the rows
    on the screen are used.

    Messages: `Selected` (Enter on an issue), `Chosen` (Enter on a rule, where the list was made so
    that this does not open it), `Highlighted` (the cursor moved).
    """

    DEFAULT_CSS = """
    IssueList {
        & > .issue-list--code { text-style: bold; }
        & > .issue-list--summary { color: $text-muted; }
        & > .issue-list--line { color: $text-primary; }
        & > .issue-list--path { color: $text-secondary; }
        &:ansi > .issue-list--summary { text-style: dim; }
        &:ansi > .issue-list--line { color: ansi_bright_blue; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "issue-list--code",
        "issue-list--summary",
        "issue-list--line",
        "issue-list--path",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Records", tooltip="The records of the rule, or of the issue"),
        Binding(
            "space", "open_close", "Open or close", show=False, tooltip="Open or close the rule"
        ),
        Binding("right", "open", "Open", show=False, tooltip="Open the rule"),
        Binding("left", "close", "Close", show=False, tooltip="Close the rule"),
    ]

    class _RuleMessage(Message):
        def __init__(self, issue_list: IssueList, code: str) -> None:
            super().__init__()
            self.issue_list = issue_list
            self.code = code

        @property
        def control(self) -> IssueList:
            """The list that sent the message."""
            return self.issue_list

    class Highlighted(_RuleMessage):
        """The cursor is on another row.

        Attributes:
            code: The rule of the row.
            row: The issue, or None on the rule's own row.
        """

        def __init__(self, issue_list: IssueList, code: str, row: IssueRow | None) -> None:
            super().__init__(issue_list, code)
            self.row = row

        def can_replace(self, message: Message) -> bool:
            """A newer position makes older ones that wait in the queue pointless."""
            return isinstance(message, IssueList.Highlighted)

    class Selected(_RuleMessage):
        """An issue was chosen.

        Attributes:
            code: Its rule.
            row: The issue.
        """

        def __init__(self, issue_list: IssueList, code: str, row: IssueRow) -> None:
            super().__init__(issue_list, code)
            self.row = row

    class Chosen(_RuleMessage):
        """A rule was chosen.

        Attributes:
            code: The rule.
        """

    def __init__(
        self,
        items: Callable[[str], Sequence[IssueRow]],
        *,
        enter_opens: bool = True,
        empty_text: str = "No issues",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a list.

        Args:
            items: Gives the issues of a code, as far as they are kept; `len` and indexing only.
            enter_opens: Enter on a rule opens and closes it; else it posts `Chosen`.
            empty_text: Said where there are none.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.empty_text = empty_text
        self._items = items
        self._enter_opens = enter_opens
        self._groups: tuple[IssueGroup, ...] = ()
        self._open: dict[str, Sequence[IssueRow]] = {}
        self._starts: list[int] = []
        self._count = 0

    @property
    def row_count(self) -> int:
        """Rules, and the issues of open ones."""
        return self._count

    @property
    def groups(self) -> tuple[IssueGroup, ...]:
        """The rules as set last."""
        return self._groups

    def set_groups(self, groups: Sequence[IssueGroup]) -> None:
        """Show these rules; open ones stay open, and the cursor stays on its row.

        Rows that look the same as before are not sent again.
        """
        groups = tuple(groups)
        if groups == self._groups:
            return
        at = self._place(self.cursor) if self._count else None
        before_count, before = self._count, [self._seen(i) for i in self._view()]
        self._groups = groups
        self._open = {g.code: self._items(g.code) for g in groups if g.code in self._open}
        self._index()
        if at is not None:
            self.cursor = self._row_of(*at)
            self.ensure_visible(self.cursor)
        self.rows_changed(before_count if self._count >= before_count else 0)
        after = [self._seen(i) for i in self._view()]
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
        self.refresh_row(*(self.top + i for i in changed))

    def _view(self) -> range:
        return range(self.top, min(self._count, self.top + self.page))

    def _seen(self, index: int) -> Pieces:
        return self.row_pieces(index, self.row_width)

    def _index(self) -> None:
        self._starts = []
        self._count = 0
        for group in self._groups:
            self._starts.append(self._count)
            self._count += 1 + self._shown(group)

    def _shown(self, group: IssueGroup) -> int:
        """Rows under a rule: its issues, and one that says how many are not kept."""
        items = self._open.get(group.code)
        if items is None:
            return 0
        return len(items) + (group.count > len(items))

    def _place(self, index: int) -> tuple[str, int]:
        """What a row is: its rule's code, and the number of the issue or -1."""
        number = bisect_right(self._starts, index) - 1
        return self._groups[number].code, index - self._starts[number] - 1

    def _row_of(self, code: str, item: int) -> int:
        for number, group in enumerate(self._groups):
            if group.code == code:
                return self._starts[number] + min(1 + item, self._shown(group))
        return min(self.cursor, max(0, self._count - 1))

    def _issue(self, index: int) -> tuple[str, IssueRow | None]:
        code, item = self._place(index)
        items = self._open.get(code, ())
        return code, items[item] if 0 <= item < len(items) else None

    # Opening and closing

    def open(self, code: str) -> None:
        """Show the issues of a rule."""
        if code not in self._open and any(group.code == code for group in self._groups):
            self._open[code] = self._items(code)
            self._reindex(code)

    def close(self, code: str) -> None:
        """Hide the issues of a rule; the cursor goes to the rule if it was among them."""
        if code in self._open:
            here = self._place(self.cursor)[0] == code
            del self._open[code]
            self._reindex(code, to_group=here)

    def _reindex(self, code: str, *, to_group: bool = False) -> None:
        at = (code, -1) if to_group else self._place(self.cursor)
        before = self._row_of(code, -1)
        self._index()
        self.cursor = self._row_of(*at)
        self.top = max(0, min(self.top, self._count - self.page))
        self.ensure_visible(self.cursor)
        if to_group:
            self.cursor_moved()
        self.refresh_row(*(i for i in range(max(before, self.top), self.top + self.page)))
        self._update_thumb()

    def action_open_close(self) -> None:
        """Open or close the rule under the cursor."""
        if self._count:
            code, _ = self._place(self.cursor)
            if code in self._open:
                self.close(code)
            else:
                self.open(code)

    def action_open(self) -> None:
        """Open the rule under the cursor."""
        if self._count:
            self.open(self._place(self.cursor)[0])

    def action_close(self) -> None:
        """Close the rule under the cursor."""
        if self._count:
            self.close(self._place(self.cursor)[0])

    def row_chosen(self) -> None:
        """A rule opens or closes, or is posted as `Chosen`; an issue is posted as `Selected`."""
        code, row = self._issue(self.cursor)
        if row is not None:
            self.post_message(self.Selected(self, code, row))
        elif self._place(self.cursor)[1] < 0:
            if self._enter_opens:
                self.action_open_close()
            else:
                self.post_message(self.Chosen(self, code))

    def cursor_moved(self) -> None:
        """Post `Highlighted`."""
        if self._count:
            code, row = self._issue(self.cursor)
            self.post_message(self.Highlighted(self, code, row))

    # Drawing

    def row_pieces(self, index: int, width: int) -> Pieces:
        """A rule, or one of its issues."""
        number = bisect_right(self._starts, index) - 1
        group = self._groups[number]
        item = index - self._starts[number] - 1
        if item < 0:
            return self._group_pieces(index, group, width)
        items = self._open[group.code]
        if item >= len(items):
            more = f"      {integer(group.count - len(items))} more are counted, not kept"
            return [(self.cursor_sign(index), ""), (more, "rows--muted")]
        return self._issue_pieces(index, items[item], width)

    def _group_pieces(self, index: int, group: IssueGroup, width: int) -> Pieces:
        is_open = group.code in self._open
        arrow = ("v" if is_open else ">") if ascii_only() else ("▾" if is_open else "▸")
        sign, style = SIGNS.get(group.severity, ("?", "rows--muted"))
        counts = max([6, *(len(integer(g.count)) for g in self._groups)])
        codes = min(36, max([12, *(len(g.code) for g in self._groups)]))
        pieces = [
            (self.cursor_sign(index), ""),
            (f"{arrow} ", "rows--muted"),
            (f"{sign} ", style),
            (f"{integer(group.count):>{counts}}  ", ""),
            (pad(clean(group.code, 60), codes), "issue-list--code"),
        ]
        room = width - counts - codes - 9
        if room > 8 and group.summary:
            pieces.append(("  " + fit(clean(group.summary, 200), room), "issue-list--summary"))
        return pieces

    def _issue_pieces(self, index: int, row: IssueRow, width: int) -> Pieces:
        where = f"line {integer(row.line)}" if row.line else "file"
        where = shorten_path(row.place, PLACE_CELLS) if row.place else where
        column = f":{row.column}" if row.line and row.column else ""
        pieces = [
            (self.cursor_sign(index), ""),
            (f"      {where + column:<16} ", "issue-list--line"),
        ]
        path = clean(row.path, 80)
        if path and width > 60:
            pieces.append((pad(path, 26) + " ", "issue-list--path"))
        pieces.append((clean(row.message, TEXT_CHARS), ""))
        return pieces
