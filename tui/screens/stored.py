"""Models and files that a provider keeps: what they came of, who uses them, and how they go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import SampleRun
from tui.run import words
from tui.run.feed import feed_of
from tui.run.keepings import (
    KeptFile,
    KeptModel,
    all_files,
    file_consequences,
    kept_files,
    kept_models,
    model_consequences,
)
from tui.screens.base import DeckScreen
from widgets.confirm import Confirm
from widgets.numbers import counted, size
from widgets.rows import Pieces, VirtualList
from widgets.text import clean, fit, pad

if TYPE_CHECKING:
    from tui.jobs import JobRow

Kept = KeptModel | KeptFile
_WIDE = 110


class StoredList(VirtualList):
    """Models, or files, one a row, with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "sample", id="stored.open", tooltip="Sample this model"),
    ]

    class Chosen(Message):
        """A row was chosen."""

    class Moved(Message):
        """The cursor stands on another row."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(id="kept")
        self.rows: list[Kept] = []
        self._clock = clock

    @property
    def row_count(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def current(self) -> Kept | None:
        """What is under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(self, rows: Sequence[Kept], *, anew: bool) -> None:
        """Show other rows.

        Args:
            rows: The rows.
            anew: They are of another kind: the cursor goes to the first.
        """
        before, self.rows = len(self.rows), list(rows)
        if anew:
            self.cursor = self.top = 0
        self.rows_changed(before)
        self.refresh()
        self.post_message(self.Moved())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only models can be sampled."""
        del parameters
        return action != "select" or isinstance(self.current, KeptModel)

    def cursor_moved(self) -> None:
        """Post `Moved`."""
        self.post_message(self.Moved())

    def row_chosen(self) -> None:
        """Post `Chosen`."""
        self.post_message(self.Chosen())

    def heading(self, models: bool) -> str:
        """Return the line over the rows."""
        names = ("Model", "From job", "Made", "Shuts down") if models else _FILE_NAMES
        return " " + _line(names, self.row_width - 1, models)

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One model or one file."""
        row = self.rows[index]
        made = words.ago(row.created_at, self._clock())
        if isinstance(row, KeptModel):
            what = row.job_id or ("tuned elsewhere" if row.tuned else "base model")
            cells: tuple[str, ...] = (row.name, what, made, row.shutdown_date or "-")
        else:
            user = row.used_by[0] if row.used_by else "-"
            more = f" +{len(row.used_by) - 1}" if len(row.used_by) > 1 else ""
            kept = size(row.bytes) if row.bytes is not None else "-"
            cells = (row.name or row.id, row.purpose, kept, made, f"{user}{more}")
        text = _line(tuple(clean(cell, 200) for cell in cells), width - 1, len(cells) == 4)
        quiet = isinstance(row, KeptModel) and not row.tuned
        return [(self.cursor_sign(index), ""), (text, "rows--muted" if quiet else "")]


_FILE_NAMES = ("File", "Purpose", "Size", "Made", "Used by")


def _line(cells: Sequence[str], width: int, models: bool) -> str:
    wide = width >= _WIDE
    if models:
        job = 30 if wide else 20
        rest = max(12, width - job - 8 - 12 - 4)
        name = pad(fit(cells[0], rest, keep="end"), rest)
        return f"{name} {pad(cells[1], job)} {pad(cells[2], 8)} {pad(cells[3], 12)}"
    user = 30 if wide else 18
    rest = max(12, width - 18 - 9 - 8 - user - 5)
    return (
        f"{pad(cells[0], rest)} {pad(cells[1], 18)} {pad(cells[2], 9, align='right')}"
        f"  {pad(cells[3], 8)} {pad(cells[4], user)}"
    )


class StoredScreen(DeckScreen):
    """Tuned models and files at a provider; Enter samples a model, d deletes after a yes.

    Args:
        provider: Whose; ``None`` for the one in use.
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#kept"
    HELP = """
    What the provider keeps for this key. Tuned models stand first, with the job they came of and
    the day they are shut down, where one is announced; files with the jobs that use them, as far
    as this machine knows. d deletes what is under the cursor: it says what breaks and asks first,
    y does it, anything else does not.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "files", "files", id="stored.files", tooltip="Show files"),
        Binding("m", "models", "models", id="stored.models", tooltip="Show models"),
        Binding("d", "delete", "delete", id="stored.delete", tooltip="Delete; asks first"),
        Binding("r", "refresh_kept", "refresh", id="stored.refresh", tooltip="Ask again now"),
    ]
    DEFAULT_CSS = """
    StoredScreen {
        & #heads { height: 1; color: $text-muted; }
        & #kept { height: 1fr; }
        & #detail { height: auto; max-height: 5; padding: 0 1; background: $surface; }
        & #detail { color: $text-muted; }
        & #state { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
        & #state.-trouble { color: $text-warning; }
        & #empty { height: 1fr; display: none; content-align: center middle; text-align: center; }
        &.-empty #empty { display: block; }
        &.-empty #kept, &.-empty #heads, &.-empty #detail { display: none; }
    }
    """

    kept = getters.query_one("#kept", StoredList)
    heads = getters.query_one("#heads", Static)
    detail = getters.query_one("#detail", Static)
    state = getters.query_one("#state", Static)
    empty = getters.query_one("#empty", Static)

    class Listed(Message):
        """What is kept, or why that is not known: ``trouble``, not cleaned."""

        def __init__(self, models: bool, rows: Sequence[Kept], trouble: str = "") -> None:
            super().__init__()
            self.models = models
            self.rows = rows
            self.trouble = trouble

    class Deleted(Message):
        """Something was deleted, or could not be: ``trouble``, not cleaned."""

        def __init__(self, row: Kept, trouble: str = "") -> None:
            super().__init__()
            self.row = row
            self.trouble = trouble

    def __init__(
        self, provider: str | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._provider = provider
        self._clock = clock
        self._models = True
        self._found: dict[bool, list[Kept] | None] = {True: None, False: None}
        self._troubles: dict[bool, str] = {True: "", False: ""}
        self._jobs: list[JobRow] = []
        self._where = provider or ""

    def body(self) -> ComposeResult:
        """Headings, rows, what is to be known of one, and what there is to say."""
        yield Static(id="heads", markup=False)
        yield StoredList(self._clock)
        yield Static(id="empty", markup=False)
        yield Static(id="detail", markup=False)
        yield Static(id="state", markup=False)

    def on_mount(self) -> None:
        """Ask the provider."""
        self._draw(anew=True)
        self._list(True)
        self._list(False)

    def on_resize(self) -> None:
        """The headings stand over their columns."""
        self.call_after_refresh(self._head)

    # Workers

    @work(group="list", exit_on_error=False)
    async def _list(self, models: bool) -> None:
        feed = feed_of(self.deck)
        try:
            provider = feed.provider(self._provider)
            self._where = provider.name
            ledger = await feed.ledger()
            jobs = await asyncio.to_thread(ledger.jobs, provider.endpoint)
            self._jobs = jobs
            rows: Sequence[Kept]
            if models:
                today = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
                every = kept_models(await provider.models(), jobs, provider.config.profile, today)
                rows = [*(m for m in every if m.tuned), *(m for m in every if not m.tuned)]
            else:
                rows = kept_files(await all_files(provider), jobs)
        except TunedeckError as error:
            self.post_message(self.Listed(models, (), str(error)))
        else:
            self.post_message(self.Listed(models, rows))

    @work(group="delete", exit_on_error=False)
    async def _delete(self, row: Kept) -> None:
        try:
            provider = feed_of(self.deck).provider(self._provider)
            if isinstance(row, KeptModel):
                await provider.delete_model(row.name)
            else:
                await provider.delete_file(row.id)
        except TunedeckError as error:
            self.post_message(self.Deleted(row, str(error)))
        else:
            self.post_message(self.Deleted(row))

    # Handlers

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self._troubles[message.models] = message.trouble
        if not message.trouble:
            self._found[message.models] = list(message.rows)
        if message.models is self._models:
            self._draw()

    @on(Deleted)
    def _deleted(self, message: Deleted) -> None:
        row = message.row
        models = isinstance(row, KeptModel)
        name = row.name if isinstance(row, KeptModel) else row.name or row.id
        if message.trouble:
            self.deck.tell(f"{name} was not deleted: {message.trouble}", severity="error")
            return
        rows = self._found[models] or []
        self._found[models] = [one for one in rows if one != row]
        self.say(f"{clean(name, 80)} deleted", "success")
        self._draw()
        self._list(models)

    @on(StoredList.Moved)
    def _moved(self) -> None:
        self._draw_detail()
        self.refresh_bindings()

    @on(StoredList.Chosen)
    def _chosen(self) -> None:
        row = self.kept.current
        if isinstance(row, KeptModel):
            names = (row.name,)
            file = next((job.file for job in self._jobs if job.job.id == row.job_id), "")
            self.app.post_message(SampleRun(names, self._provider, None, file))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action == "delete":
            row = self.kept.current if self.is_mounted else None
            return isinstance(row, KeptFile) or (isinstance(row, KeptModel) and row.tuned)
        if action in ("files", "models"):
            return self._models is (action == "files")
        return super().check_action(action, parameters)

    def action_files(self) -> None:
        """Show the files."""
        self._models = False
        self._draw(anew=True)

    def action_models(self) -> None:
        """Show the models."""
        self._models = True
        self._draw(anew=True)

    def action_refresh_kept(self) -> None:
        """Ask the provider now."""
        self._list(self._models)

    def action_delete(self) -> None:
        """Ask whether to delete what is under the cursor."""
        row = self.kept.current
        if row is None:
            return
        if feed_of(self.deck).read_only(self._provider):
            self.deck.tell("Read-only: nothing is deleted", severity="warning")
            return
        if isinstance(row, KeptModel):
            what, name, lines = "model", row.name, model_consequences(row, self._jobs)
        else:
            what, name = "file", f"{row.name}  {row.id}".strip()
            lines = file_consequences(row)

        def answered(yes: bool | None) -> None:
            if yes and self.is_attached:
                self._delete(row)

        self.app.push_screen(
            Confirm(
                f"Delete this {what}?",
                [name, *lines, "This cannot be undone."],
                yes=f"delete the {what}",
                no="keep it",
            ),
            answered,
        )

    # Drawing

    def _draw(self, *, anew: bool = False) -> None:
        found = self._found[self._models]
        self.set_class(not found, "-empty")
        self.kept.show(found or [], anew=anew)
        self.call_after_refresh(self._head)
        if not found:
            self.empty.update(Content(self._nothing()))
        self._draw_detail()
        self._draw_state()
        self.refresh_bindings()
        if found and not self.kept.has_focus:
            self.kept.focus()

    def _head(self) -> None:
        self.heads.update(self.kept.heading(self._models))

    def _nothing(self) -> str:
        what = "models" if self._models else "files"
        if self._troubles[self._models]:
            return f"The {what} are not known.\n\nPress r to ask again."
        if self._found[self._models] is None:
            return clean(f"Asking for the {what} …")
        hint = "A run that succeeds leaves one: press l to launch." if self._models else ""
        return f"No {what} here.\n\n{hint}"

    def _draw_detail(self) -> None:
        row = self.kept.current
        lines: list[str] = []
        if isinstance(row, KeptModel):
            base = f"tuned from {row.base}" if row.base else ""
            part = "" if row.final else "a checkpoint, not the end of the run"
            end = row.shutdown_date
            shut = f"shuts down on {end}" if end else ""
            facts = "; ".join(text for text in (base, part, shut) if text)
            lines = [row.name, facts or "a base model"]
        elif isinstance(row, KeptFile):
            lines = [f"{row.name}  {row.id}", *file_consequences(row)]
        self.detail.update(Content("\n".join(clean(line, 300) for line in lines)))

    def _draw_state(self) -> None:
        trouble = self._troubles[self._models]
        models, files = (self._found[kind] for kind in (True, False))
        tuned = sum(isinstance(row, KeptModel) and row.tuned for row in models or ())
        parts = [counted(tuned, "tuned model")] if models is not None else []
        if files is not None:
            total = sum(row.bytes or 0 for row in files if isinstance(row, KeptFile))
            parts.append(f"{counted(len(files), 'file')} ({size(total)})")
        where = "on this machine" if self._where == "local" else f"at {clean(self._where, 60)}"
        text = f"{', '.join(parts)} {where}" if parts else ""
        self.state.set_class(bool(trouble), "-trouble")
        self.state.update(Content(clean(trouble, 300) if trouble else text))
