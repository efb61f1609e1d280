"""The Issues screen: what is wrong, by rule, and where; Enter goes to the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, overload

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.messages import ShowRecord, ShowRecords
from tui.opened.converting import CONVERT_KEYS
from tui.opened.hints import in_app
from tui.opened.workspace import Change, Stage
from tui.screens.base import DeckScreen
from widgets.issue_list import IssueGroup, IssueList, IssueRow
from widgets.numbers import integer
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import CheckReport, Issue

_ORDER = {"error": 0, "warning": 1, "advice": 2}
_LACKS = {"missing_system": "without:system,developer", "missing_user": "without:user"}
"""What is said once a file, and yet is about some of its records."""

FEW = 30
"""Rules with so few issues in all are opened at once: they fit, and opening each is a nuisance."""


class Rows(Sequence[IssueRow]):
    """A rule's issues as the list shows them, made when they are drawn."""

    def __init__(self, issues: Sequence[Issue], place: Callable[[int], str]) -> None:
        self._issues = issues
        self._place = place

    def __len__(self) -> int:
        return len(self._issues)

    @overload
    def __getitem__(self, index: int) -> IssueRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[IssueRow]: ...
    def __getitem__(self, index: int | slice) -> IssueRow | list[IssueRow]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        issue = self._issues[index]
        place = self._place(issue.line)
        hint = in_app(issue.hint)
        return IssueRow(issue.line, issue.column, issue.path, issue.message, hint, place)


class IssuesScreen(DeckScreen):
    """All issues of the open dataset, by rule."""

    MODE = "issues"
    HELP = """
    What the check found, by rule. E errors are refused by the provider or train something else
    than was meant, W warnings are accepted but likely wrong, A advice is about quality. Enter on a
    rule shows its records, on an issue its very place.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "unfold", "unfold", id="issues.unfold", tooltip="Unfold the rule"),
        Binding("left", "fold", "fold", id="issues.fold", tooltip="Fold the rule"),
        *CONVERT_KEYS,
        Binding("F", "app.fix", "fix", id="issues.fix", tooltip="Repair this file into a new one"),
    ]
    DEFAULT_CSS = """
    IssuesScreen {
        & > IssueList { height: 1fr; }
        & #said { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
        & #hint { height: 4; padding: 0 1; background: $surface; }
        &.-short #hint { height: 2; }
    }
    """

    listed = getters.query_one(IssueList)

    def __init__(self) -> None:
        super().__init__()
        self._unfolded: object = None

    def body(self) -> ComposeResult:
        """The summary, the rules with their issues, and what to do about the one chosen."""
        yield Static("", id="said", markup=False)
        yield IssueList(self._issues, enter_opens=False)
        yield Static("", id="hint", markup=False)

    def on_mount(self) -> None:
        """Show what was found and follow the workspace."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self.listed.focus()
        self._show()

    def _issues(self, code: str) -> Sequence[IssueRow]:
        report = self.deck.workspace.report
        return (
            Rows(report.issues.by_code(code), self.deck.workspace.place_words)
            if report is not None
            else ()
        )

    def _changed(self, change: Change) -> None:
        if change is not Change.LINES and change is not Change.DISK:
            self._show()

    def _show(self) -> None:
        workspace = self.deck.workspace
        report = workspace.report
        self.listed.empty_text = self._why_empty()
        self.listed.set_groups(_groups(report) if report is not None else [])
        if not self.listed.groups:
            self.listed.refresh()
            self._hint(None)
        self._said(report)
        if report is not None and not workspace.working and report is not self._unfolded:
            self._unfolded = report
            self._unfold_few(report)

    def _unfold_few(self, report: CheckReport) -> None:
        if len(report.issues) <= FEW:
            for group in self.listed.groups:
                self.listed.open(group.code)

    def _why_empty(self) -> str:
        workspace = self.deck.workspace
        if workspace.source is None:
            return "No dataset is open; press o to open one"
        if workspace.stage is Stage.FAILED:
            return f"The check failed: {clean(workspace.failure, 300)}"
        if workspace.working:
            return "Nothing found so far; the check is running"
        if workspace.stage is Stage.STOPPED:
            return "Nothing found before the check was stopped; r goes on"
        return "Nothing is wrong with this file"

    def _said(self, report: CheckReport | None) -> None:
        parts: list[tuple[str, str]] = []
        if report is not None:
            for number, word, style in (
                (report.errors, "error", "$text-error"),
                (report.warnings, "warning", "$text-warning"),
                (report.advice, "advice", "$foreground-muted"),
            ):
                plural = "s" if number != 1 and word != "advice" else ""
                parts.append((f"{integer(number)} {word}{plural}   ", style if number else ""))
            parts.append((f"{integer(report.valid)} of {integer(report.records)} valid", ""))
        said = Content.assemble(*parts)
        if report is not None and report.issues_truncated:
            listed = f"   the first {integer(len(report.issues))} are listed"
            # Each rule says at its end how many are not: where this has no room nothing is lost.
            if said.cell_length + len(listed) <= self.size.width - 2:
                said += listed
        self.query_one("#said", Static).update(said)

    def _hint(self, row: IssueRow | None, code: str = "") -> None:
        content = Content("")
        if row is not None:
            where = f"Line {integer(row.line)}" if row.line else "The whole file"
            where = clean(row.place, 100) or where
            head = f"{where}: {clean(row.message, 400)}"
            content = Content.assemble((head, "bold"), f"\n{clean(row.hint, 400)}")
        elif code:
            from tui.dataset import RULES

            rule = RULES.get(code)
            said = rule.summary if rule is not None else code
            fix = "\nSome of these can be repaired by machine" if rule and rule.fixable else ""
            if code == "unknown_format" and self.deck.check_action("convert", ()):
                fix = "\nPress C to convert this file into chat JSONL"
            content = Content.assemble((said, "bold"), (fix, "$text-success"))
        self.query_one("#hint", Static).update(content)

    # Keys and what the list says

    def on_issue_list_highlighted(self, event: IssueList.Highlighted) -> None:
        """Say what to do about the issue, or what the rule is."""
        self._hint(event.row, event.code)

    def on_issue_list_selected(self, event: IssueList.Selected) -> None:
        """Go to the record."""
        if not event.row.line:
            self.say("This is about the whole file, not about one record")
            return
        issue = self._issue(event.code, event.row)
        self.post_message(ShowRecord(event.row.line, issue))

    def on_issue_list_chosen(self, event: IssueList.Chosen) -> None:
        """Show the records with an issue of this rule."""
        report = self.deck.workspace.report
        found = report.issues.by_code(event.code) if report is not None else ()
        if event.code in _LACKS:
            self.post_message(ShowRecords(_LACKS[event.code]))
        elif len(found) and not any(issue.line for issue in found[:FEW]):
            self.listed.open(event.code)
            self.say("This is about the whole file, not about some records")
        else:
            self.post_message(ShowRecords(f"code:{event.code}"))

    def _issue(self, code: str, row: IssueRow) -> Issue | None:
        report = self.deck.workspace.report
        if report is None:
            return None
        for issue in report.issues.for_line(row.line):
            if (issue.code, issue.column, issue.path) == (code, row.column, row.path):
                return issue
        return None

    def action_unfold(self) -> None:
        """Unfold the rule under the cursor."""
        self.listed.action_open()

    def action_fold(self) -> None:
        """Fold the rule under the cursor."""
        self.listed.action_close()


def _groups(report: CheckReport) -> list[IssueGroup]:
    """Return the rules that found something: errors first, then the most frequent."""
    from tui.dataset import RULES

    groups = []
    for code, count in list(report.counts.items()):
        issues = report.issues.by_code(code)
        rule = RULES.get(code)
        severity = str(issues[0].severity) if len(issues) else str(rule.severity) if rule else ""
        groups.append(IssueGroup(code, severity, count, rule.summary if rule else ""))
    return sorted(groups, key=lambda g: (_ORDER.get(g.severity, 3), -g.count, g.code))
