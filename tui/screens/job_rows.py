"""The list of runs and the column of facts: rows that are drawn one at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.run import words
from tui.run.facts import GAP
from tui.run.feed import RunRow
from tui.run.state import Fact
from widgets.numbers import compact, metric, usd
from widgets.rows import Pieces, RowsView, VirtualList, joined
from widgets.text import cell_width, clean, fit, pad

TONES = {
    "accent": "runs--accent",
    "success": "runs--success",
    "warning": "rows--warning",
    "error": "rows--error",
    "muted": "rows--muted",
}
_TONE_CSS = """
    & > .runs--accent { color: $accent; }
    & > .runs--success { color: $success; }
"""
_LOSS = ("train_loss", "training_loss", "loss", "train_mean_reward", "valid_loss")
_STATUS_WIDTH = 12
_LABEL_WIDTH = 12
_WIDE = 100


class RunsList(VirtualList):
    """The runs of a provider, one row each, under a line of headings.

    Messages: :class:`Chosen` at Enter or a click on the cursor's row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "panel", id="jobs.open", tooltip="Open the live panel"),
    ]
    DEFAULT_CSS = "RunsList {" + _TONE_CSS + "}"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--accent", "runs--success"}

    class Chosen(Message):
        """A run was chosen."""

        def __init__(self, row: RunRow) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor stands on another run."""

        def can_replace(self, message: Message) -> bool:
            """Let the latest stand for all."""
            return isinstance(message, RunsList.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rows: tuple[RunRow, ...] = ()
        self._shown: dict[int, str] = {}
        self.status_of: Callable[[RunRow], str] = lambda row: row.job.status
        self.clock: Callable[[], float] = time.time

    @property
    def row_count(self) -> int:
        """How many runs are listed."""
        return len(self._rows)

    @property
    def current(self) -> RunRow | None:
        """The run under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    def show(self, rows: Sequence[RunRow]) -> None:
        """List these runs; the cursor stays on its run, and only rows that differ are drawn."""
        under = self.current
        before = len(self._rows)
        old = self._shown
        self._rows = tuple(rows)
        if under is not None:
            ids = [row.job.id for row in self._rows]
            if under.job.id in ids and ids.index(under.job.id) != self.cursor:
                self.cursor = ids.index(under.job.id)
        self.rows_changed(before)
        self.ensure_visible(self.cursor)
        self._shown = self._texts()
        self.refresh_row(*(i for i, text in self._shown.items() if old.get(i) != text))

    def _texts(self) -> dict[int, str]:
        """Return what the rows in view say, the cursor's place included."""
        width = self.row_width
        return {
            i: joined([(f"{i == self.cursor}", ""), *self._pieces(self._rows[i], width)])
            for i in range(self.top, min(len(self._rows), self.top + self.page))
        }

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the panel only where there is a run."""
        del parameters
        return action != "select" or bool(self._rows)

    def cursor_moved(self) -> None:
        """Post :class:`Moved`."""
        self.post_message(self.Moved())

    def row_chosen(self) -> None:
        """Post :class:`Chosen`."""
        row = self.current
        if row is not None:
            self.post_message(self.Chosen(row))

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One run."""
        return [(self.cursor_sign(index), ""), *self._pieces(self._rows[index], width - 1)]

    def _pieces(self, row: RunRow, width: int) -> list[tuple[str, str]]:
        job = row.job
        status = self.status_of(row)
        tone = TONES.get(words.status_tone(status), "")
        said = f"{words.status_sign(status)} {words.status_word(status)}"
        columns = [(pad(clean(said, limit=40), _STATUS_WIDTH), tone)]
        for text, column in zip(self._values(row, width), columns_for(width), strict=True):
            columns.append((" " + column.fit(text), "rows--muted" if column.quiet else ""))
        left = width - sum(cell_width(text) for text, _ in columns) - 1
        name = job.suffix or job.fine_tuned_model or os.path.basename(row.file)
        label = f"{name}  {job.id}" if name else job.id
        columns.append((" " + fit(clean(label, limit=200), max(0, left)), ""))
        return columns

    def _values(self, row: RunRow, width: int) -> list[str]:
        began = words.ago(row.job.created_at, self.clock())
        return [row.job.model or "–", _steps(row), _loss(row), began, cost(row, width)]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the list of runs.

    Attributes:
        title: Its heading.
        width: Its cells.
        align: ``left``, or ``right`` as numbers are.
        quiet: Whether it is drawn in the quiet colour.
    """

    title: str
    width: int
    align: str = "right"
    quiet: bool = False

    def fit(self, text: str) -> str:
        """Return text in exactly this column's width."""
        return pad(clean(text, limit=200), self.width, align=self.align)


def columns_for(width: int) -> tuple[Column, ...]:
    """Return the columns between status and name, as wide as the room allows."""
    model = 11 if width < _WIDE else 20 if width < 140 else 28
    return (
        Column("Model", model, "left"),
        Column("Step", 9 if width < _WIDE else 13),
        Column("Loss", 7 if width < _WIDE else 8),
        Column("Started", 7, quiet=True),
        Column("Cost", 9 if width < _WIDE else 16),
    )


def headings(width: int) -> str:
    """Return the line of headings over a list ``width`` cells wide."""
    columns = "".join(" " + column.fit(column.title) for column in columns_for(width - 2))
    return fit(f" {pad('Status', _STATUS_WIDTH)}{columns} Name", width)


def _steps(row: RunRow) -> str:
    if row.progress is None:
        return "–"
    total = row.progress.total_steps
    return f"{row.progress.step:,}/{total:,}" if total else f"{row.progress.step:,}"


def _loss(row: RunRow) -> str:
    value = words.pick(row.progress.values, _LOSS) if row.progress else None
    return metric(value) if value is not None else "–"


def cost(row: RunRow, width: int) -> str:
    """Money where an estimate was made, tokens once the provider has counted them.

    Until then ``~`` and the estimate for the whole run; nothing for a run that ended untrained.

    Args:
        row: The run.
        width: Cells of the list; a wide one has room for both.
    """
    job, price = row.job, row.price
    parts = []
    if price is not None and price.usd:
        if job.trained_tokens and price.tokens:
            parts.append(usd(price.usd * job.trained_tokens / price.tokens))
        elif not job.terminal:
            parts.append(f"~{usd(price.usd)}")
    if job.trained_tokens:
        parts.append(f"{compact(job.trained_tokens)} tok")
    if not parts and price is not None and price.usd == 0:
        parts.append("free")
    return " · ".join(parts[: 1 if width < _WIDE else 2]) or "–"


class FactsColumn(RowsView, can_focus=False):
    """A run's facts, a label and a value a row; a change sends the changed values only."""

    DEFAULT_CSS = "FactsColumn {" + _TONE_CSS + "}"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--accent", "runs--success"}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()

    @property
    def row_count(self) -> int:
        """How many facts there are."""
        return len(self._facts)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is shown now."""
        return self._facts

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these facts; the gaps between groups only where there is room for them."""
        if len(facts) > self.page:
            facts = [fact for fact in facts if fact.key != GAP.key]
        old, self._facts = self._facts, tuple(facts)
        self.rows_changed(len(old))
        self.refresh_row(*(i for i, f in enumerate(self._facts) if i >= len(old) or old[i] != f))

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One fact."""
        fact = self._facts[index]
        label = pad(clean(fact.label), _LABEL_WIDTH)
        value = fit(clean(fact.value, limit=300), max(0, width - _LABEL_WIDTH), keep=_kept(fact))
        return [(label, "rows--muted"), (value, TONES.get(fact.tone, ""))]


def _kept(fact: Fact) -> str:
    """The end of a model's name tells it from others."""
    return "end" if fact.key == "result" else "start"
