"""One record in the person's own editor, and the look at what became of it before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from tui.errors import TunedeckError
from tui.opened.edits import Edit
from tui.opened.patience import SILENT
from widgets.confirm import Confirm
from widgets.dialog import FramedDialog
from widgets.diff_view import DiffView
from widgets.numbers import counted, integer, size
from widgets.text import ascii_only, clean

if TYPE_CHECKING:
    from tui.dataset import Issue, LineIndex, Record, Source
    from tui.deck import Deck
    from tui.screens.base import DeckScreen

_MOST_ISSUES = 8


class Draft:
    """A record on its way through the editor.

    Attributes:
        edit: The record as it is in the file and as it would be written.
        shown: The text the editor begins with.
        old: The record as it was before this edit, checked.
        new: As it is now; ``None`` before the editor ran, or where it is no JSON.
    """

    def __init__(self, edit: Edit, shown: str, old: Record) -> None:
        self.edit = edit
        self.shown = shown
        self.old = old
        self.new: Record | None = None


def edit_record(screen: DeckScreen, position: int) -> None:
    """Open a record in the person's editor, then ask whether to keep what was saved.

    Args:
        screen: Where the person is; what cannot be done is said there.
        position: The record, 0-based.
    """
    try:
        draft = _draft(screen.deck, position)
    except TunedeckError as error:
        again = "The disk does not answer; try again in a moment"
        screen.say(again if error.code == SILENT else clean(str(error), 300), "warning")
        return
    _run_editor(screen, draft, draft.shown)


def _draft(deck: Deck, position: int) -> Draft:
    """Read a record for the editor.

    Raises:
        TunedeckError: It cannot be read, or is too long.
    """
    from tui.dataset import record_from
    from tui.opened.editor import EDIT_BYTES, pretty

    workspace = deck.workspace
    index = workspace.index
    if index is None or position >= index.lines:
        raise TunedeckError("no record is shown")
    known = workspace.edits.at(position)
    raw: bytes | None
    if known is not None:
        position, lines, raw = known.position, known.lines, known.before
    else:
        position, lines, raw = workspace.read_patiently(
            partial(_stands, position), ("edit", position)
        )
    offset, length = index.span(position)
    if raw is None or len(raw) > EDIT_BYTES:
        raise TunedeckError(
            f"this record has {size(length)}: too long to edit here",
            f"records up to {size(EDIT_BYTES)} are edited",
        )
    if not raw.strip():
        raise TunedeckError("this line is blank", "F leaves blank lines out of a new file")
    now = known.after if known is not None else raw
    old = record_from(
        now,
        line=workspace.line_of(position),
        profile=workspace.profile,
        format=workspace.format or "chat",
    )
    text = pretty(now.decode("utf-8", "surrogateescape"))
    return Draft(Edit(position, lines, offset, raw, now), text, old)


def _stands(position: int, source: Source, index: LineIndex) -> tuple[int, int, bytes | None]:
    """Return the first line of a record, how many it has, and its bytes unless they are too many.

    May wait for the disk.
    """
    from tui.dataset import read_raw, whole_record
    from tui.opened.editor import EDIT_BYTES

    first, lines = whole_record(source, index, position)
    if index.span(first)[1] > EDIT_BYTES:
        return first, lines, None
    return first, lines, read_raw(source, index, first, lines)


def _run_editor(screen: DeckScreen, draft: Draft, text: str) -> None:
    from tui.opened.editor import edit, editor_command

    failure: TunedeckError | None = None
    saved = text
    try:
        command = editor_command()
        with screen.app.suspend():
            # Whatever happens in there must not leave the terminal without its application.
            try:
                saved = edit(text, command)
            except TunedeckError as error:
                failure = error
            except OSError as error:
                failure = TunedeckError("the record cannot be handed to an editor", str(error))
    except SuspendNotSupported:
        failure = TunedeckError("this terminal cannot be handed over to an editor")
    except TunedeckError as error:
        failure = error
    if failure is not None:
        screen.say(clean(str(failure), 300), "warning")
    elif saved == draft.shown:
        screen.say("Unchanged. An editor with a window of its own must wait: code --wait")
    else:
        _review(screen, draft, saved)


def _review(screen: DeckScreen, draft: Draft, saved: str) -> None:
    from tui.dataset import one_line, record_from

    deck = screen.deck
    raw = saved.strip().encode("utf-8", "surrogateescape")
    line = draft.old.line
    checked: Callable[..., Record] = partial(
        record_from, profile=deck.workspace.profile, format=deck.workspace.format or "chat"
    )
    new = checked(raw, line=1)
    valid = new.value is not None and not any(i.code == "invalid_utf8" for i in new.issues)
    if valid:
        after = one_line(raw, draft.edit.before)
        edit = draft.edit
        draft.edit = Edit(edit.position, edit.lines, edit.offset, edit.before, after)
        new = checked(after, line=line)
    draft.new = new if valid else None

    def answered(answer: str | None) -> None:
        if answer == "again":
            _run_editor(screen, draft, saved)
        elif answer == "keep":
            _keep(screen, draft.edit)
        else:
            screen.say("The edit was thrown away")

    screen.app.push_screen(ReviewScreen(draft, saved, new.issues), answered)


def _keep(screen: DeckScreen, edit: Edit) -> None:
    workspace = screen.deck.workspace
    workspace.edits.put(edit)
    workspace.edited()
    count = counted(len(workspace.edits), "edit")
    if workspace.edits.failure:
        why = clean(workspace.edits.failure, 100)
        screen.say(f"{count} kept in memory only: the journal cannot be written ({why})", "warning")
    elif len(workspace.edits):
        screen.say(f"{count} not saved; ctrl+s saves them in a new file", "success")
    else:
        screen.say("The record is again as it is in the file")


def discard_edits(deck: Deck) -> None:
    """Forget the edited records of the open file, once that is confirmed."""
    workspace = deck.workspace
    if not len(workspace.edits):
        deck.tell("No record is edited", timeout=4)
        return

    def forget() -> None:
        workspace.edits.clear()
        workspace.edited()

    count = counted(len(workspace.edits), "edit")
    lines = ["The file itself was never changed."]
    deck.push_screen(Confirm(f"Throw {count} away?", lines, yes="Throw away", on_yes=forget))


class ReviewScreen(FramedDialog["str | None"]):
    """What an edit changed and what the rules say now; the result is ``keep``, ``again`` or none.

    Args:
        draft: The record before and after; without the latter where what was saved is no JSON.
        saved: What was saved.
        issues: What is wrong with that.
    """

    AUTO_FOCUS = "DiffView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "keep", "keep", id="review.keep", tooltip="Keep the edit"),
        Binding("e", "again", "edit again", id="review.again", tooltip="Back into the editor"),
        Binding("escape,q", "close", "throw away", id="review.close", tooltip="Drop the edit"),
    ]
    DEFAULT_CSS = """
    ReviewScreen {
        & > Vertical { width: 100%; max-width: 120; height: 90%; padding: 0; }
    }
    """

    def __init__(self, draft: Draft, saved: str, issues: tuple[Issue, ...]) -> None:
        super().__init__()
        self._draft = draft
        self._saved = saved
        self._issues = issues

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = f"Line {integer(self._draft.old.line)}, edited"
            keys = "Enter keeps it, " if self._draft.new is not None else ""
            box.border_subtitle = f"{keys}e edits again, Esc throws it away"
            yield DiffView()

    def on_mount(self) -> None:
        """Show what changed."""
        view = self.query_one(DiffView)
        new = self._draft.new
        if new is None:
            notes = [("Not JSON any more: edit it again, or throw it away", "error")]
            notes += _said(self._issues, where=True)
            view.show(self._draft.shown, self._saved, notes)
            return
        arrow = "->" if ascii_only() else "→"
        before, after = self._draft.old.issues, new.issues
        notes = [(f"{_count(before)} before {arrow} {_count(after)} now", "")]
        notes += _said(after)
        left = {issue.code for issue in after}
        gone = [f"  mended: {i.code} {i.path}" for i in before if i.code not in left]
        notes += [(text, "muted") for text in gone[:_MOST_ISSUES]]
        view.show(self._draft.old.text, new.text, notes)

    def action_keep(self) -> None:
        """Keep the edit, unless it is no JSON."""
        if self._draft.new is not None:
            self.dismiss("keep")

    def action_again(self) -> None:
        """Go back into the editor, with what was saved."""
        self.dismiss("again")

    def action_close(self) -> None:
        """Throw the edit away."""
        self.dismiss(None)


def _count(issues: tuple[Issue, ...]) -> str:
    return counted(len(issues), "issue") if issues else "no issues"


def _said(issues: tuple[Issue, ...], *, where: bool = False) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    for issue in issues[:_MOST_ISSUES]:
        place = f" (line {issue.line}, column {issue.column})" if where else ""
        path = f"{issue.path}: " if issue.path else ""
        notes.append((f"  {issue.code}: {path}{issue.message}{place}", str(issue.severity)))
    if len(issues) > _MOST_ISSUES:
        notes.append((f"  and {len(issues) - _MOST_ISSUES} more", "muted"))
    return notes
