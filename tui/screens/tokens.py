"""The Tokens screen: how long examples are, how many messages they have, how much is learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.figures import Figure, bar, percentile, percentile_count, totals
from tui.messages import ShowRecords
from tui.opened.workspace import Change
from tui.screens.base import DeckScreen
from widgets.figure_table import FigureRow, FigureTable
from widgets.histogram import Histogram
from widgets.numbers import compact, integer, percent
from widgets.numbers import counted as number_of
from widgets.text import clean

if TYPE_CHECKING:
    from tui.pricing import ModelInfo
    from tui.screens.prompt import Prompt
    from tui.tokens import Distribution, TokenTable

PARTS = (
    ("classic", "Tokens", "tokens"),
    ("messages", "Messages", "messages"),
    ("assistant", "Assistant tokens", "tokens"),
)
"""What is shown: a column of the token table, its title, and the unit of its values."""

_WIDE_FROM = 120
_LABEL = 17
_WIDE = ("min", "p1", "p5", "p10", "p25", "p50", "mean", "p75", "p90", "p95", "p99", "max")
_NARROW = ("min", "p10", "p50", "mean", "p90", "p99", "max")


class TokensScreen(DeckScreen):
    """Three distributions, their percentiles, and the totals."""

    MODE = "tokens"
    HELP = """
    Enter on a bar, a percentile, a role or what is missing shows those records: from the median on
    all that are as long or longer, below it all that are as short or shorter.
    Token counts are exact where the model's tokenizer is at hand (it ships with tunedeck). Tokens
    an example are the well-known estimate; billed tokens follow the provider's own formula and
    stand on the Price screen.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the container around the figures, which would scroll where it has no room.
        Binding(
            "down",
            "walk(1)",
            "down",
            id="tokens.down",
            tooltip="To the figures below",
            show=False,
            priority=True,
        ),
        Binding(
            "up",
            "walk(-1)",
            "up",
            id="tokens.up",
            tooltip="To the figures above",
            show=False,
            priority=True,
        ),
        Binding("m", "model", "model", id="tokens.model", tooltip="Count for another model"),
    ]
    DEFAULT_CSS = """
    TokensScreen {
        & #scroll { height: 1fr; scrollbar-size-vertical: 1; }
        & #totals { height: auto; padding: 0 1; background: $surface; }
        & #charts { height: 1fr; min-height: 9; max-height: 24; margin-top: 1; }
        & #charts Histogram { width: 1fr; margin: 0 1; }
        & #percentiles { padding: 0 1; margin-top: 1; }
        & #roles { padding: 0 1; margin-top: 1; }
        & #reading { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._distributions: dict[str, Distribution] = {}
        self._columns: Sequence[str] = ()
        self._totalled: list[Figure] = []

    def body(self) -> ComposeResult:
        """Totals, histograms, percentiles and roles."""
        with VerticalScroll(id="scroll", can_focus=False):
            yield Static("", id="totals", markup=False)
            with Horizontal(id="charts"):
                for name, _, _ in PARTS:
                    yield Histogram(id=name)
            yield FigureTable(id="percentiles", label_width=_LABEL)
            yield FigureTable(id="roles", label_width=_LABEL)
        yield Static("", id="reading", markup=False)

    def on_mount(self) -> None:
        """Show what is counted and follow the workspace."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self._show()
        self.query_one("#classic").focus()

    def on_resize(self) -> None:
        """Lay the percentiles out for the new width."""
        self.call_after_refresh(self._show)

    def _changed(self, change: Change) -> None:
        if change is not Change.LINES and change is not Change.DISK:
            self._show()

    def _show(self) -> None:
        counted = self.deck.workspace.table
        if counted is None or not len(counted):
            self.query_one("#charts").display = False
            self._write("#totals", self._why_empty())
            self.query_one("#percentiles", FigureTable).set_figures((), ())
            self.query_one("#roles", FigureTable).set_figures((), ())
            self._write("#reading", Content(""))
            return
        from tui.pricing import model_info
        from tui.tokens import distribution

        info = model_info(self.deck.workspace.model)
        shown = {name: distribution(getattr(counted, name)) for name, _, _ in PARTS}
        wide = self.app.size.width >= _WIDE_FROM
        self.query_one("#charts").display = True
        for name, title, unit in PARTS:
            limit = info.context_limit if name == "classic" else None
            self.query_one(f"#{name}", Histogram).set_data(
                shown[name].edges,
                shown[name].counts,
                limit=limit,
                title=f"{title} an example" if wide else title,
                unit=unit,
            )
        self._write("#totals", self._totals(counted, info))
        self._distributions = shown
        self._columns = columns = _WIDE if wide else _NARROW
        room = max(6, min(10, (self.app.size.width - 2 - _LABEL) // len(columns)))
        self.query_one("#percentiles", FigureTable).set_figures(
            [_HEADS.get(name, name) if room > 7 else name for name in columns],
            percentiles(shown, columns, room),
            width=room,
        )
        self._totalled = totals(counted, info.context_limit)
        self.query_one("#roles", FigureTable).set_figures(
            [figure.name for figure in self._totalled],
            [FigureRow("Messages by role", tuple(integer(f.count) for f in self._totalled))],
        )

    def _write(self, selector: str, content: Content) -> None:
        widget = self.query_one(selector, Static)
        if widget.content != content:
            widget.update(content)

    def _why_empty(self) -> Content:
        workspace = self.deck.workspace
        if workspace.source is None:
            return Content("No dataset is open; press o to open one")
        if workspace.working:
            return Content("The tokens are being counted")
        if workspace.failure:
            return Content(f"The count failed: {clean(workspace.failure, 300)}")
        return Content("No example could be counted; the Issues screen (2) says why")

    def _totals(self, counted: TokenTable, info: ModelInfo) -> Content:
        workspace = self.deck.workspace
        over = counted.over(info.context_limit)
        exact = "approximate" if info.approximate or counted.approximate else "exact"
        lines = [
            Content.assemble(
                (f"{integer(counted.classic.sum())} tokens", "bold"),
                f" in {number_of(len(counted), 'example')}, "
                f"{integer(counted.trained.sum())} of them trained "
                f"({percent(counted.trained.sum(), counted.classic.sum())})",
                (f"   counted {workspace.fraction:.0%}" if workspace.working else "", "$accent"),
            ),
            Content.assemble(
                (f"{clean(workspace.model)}, {info.encoding}, {exact}", "$foreground-muted"),
                ("   ", ""),
                _over(over, info.context_limit),
            ),
        ]
        return Content("\n").join(lines)

    # From a figure to its records

    def on_histogram_selected(self, event: Histogram.Selected) -> None:
        """Show the records of a bar."""
        if event.count:
            self.post_message(ShowRecords(bar(str(event.histogram.id), event.low, event.high)))
        else:
            self.say("No example is in this bar")

    def on_figure_table_highlighted(self, event: FigureTable.Highlighted) -> None:
        """Say which records the figure stands for."""
        counted = self.deck.workspace.table
        if counted is None:
            return
        if event.table.id == "roles":
            figure = self._totalled[event.column]
            words = f"{figure.name}: {integer(figure.count)}"
        else:
            part, name, value = self._percentile(event.row, event.column)
            number = percentile_count(counted, part, name, value)
            from tui.dataset import Filter

            said = Filter.parse(self._filter_of(event)).words()
            words = f"{_HEADS.get(name, name)}: {number_of(number, 'example')} with {said}"
        self._write("#reading", Content(clean(f"{words}; Enter shows them", 200)))

    def on_figure_table_selected(self, event: FigureTable.Selected) -> None:
        """Show the records of a figure."""
        self.post_message(ShowRecords(self._filter_of(event)))

    def _filter_of(self, event: FigureTable.Highlighted | FigureTable.Selected) -> str:
        if event.table.id == "roles":
            return self._totalled[event.column].filter
        part, name, value = self._percentile(event.row, event.column)
        return percentile(part, name, value, self._distributions[part].min or 0)

    def _percentile(self, row: int, column: int) -> tuple[str, str, float]:
        part, name = PARTS[row][0], self._columns[column]
        return part, name, getattr(self._distributions[part], name) or 0

    @on(events.DescendantFocus)
    def _focus_moved(self) -> None:
        if not isinstance(self.focused, FigureTable):
            self._write("#reading", Content(""))

    def action_walk(self, step: int) -> None:
        """Go to the figures below or above, within a table or to the next block."""
        here = self.focused
        if isinstance(here, FigureTable) and here.move(step, 0):
            return
        if not isinstance(here, FigureTable | Histogram | None):
            return  # A question is open.
        blocks = ["#charts Histogram", "#percentiles", "#roles"]
        at = 0 if isinstance(here, Histogram) or here is None else blocks.index(f"#{here.id}")
        if 0 <= at + step < len(blocks):
            self.query(blocks[at + step]).first().focus()

    async def action_model(self) -> None:
        """Ask for another model."""
        await self.ask("model", "Model", self.deck.workspace.model)

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Count again for the model named."""
        event.stop()
        self._close_prompt()
        model = event.text.strip()
        if model and model != self.deck.workspace.model:
            self.deck.workspace.use_model(model)

    def on_prompt_given_up(self) -> None:
        """Keep the model."""
        self._close_prompt()

    def _close_prompt(self) -> None:
        self.close_question()
        self.query_one("#classic").focus()


def _over(over: int, limit: int | None) -> tuple[str, str]:
    if limit is None:
        return "no limit known", "$foreground-muted"
    if not over:
        return f"none over the limit of {integer(limit)}", "$foreground-muted"
    verb = "is" if over == 1 else "are"
    return f"{integer(over)} {verb} over the limit of {integer(limit)}: cut in training", "$error"


def percentiles(
    shown: Mapping[str, Distribution], columns: Sequence[str], room: int
) -> list[FigureRow]:
    """Return the table of percentiles, a row a distribution.

    Args:
        shown: The distributions by their columns in :data:`PARTS`.
        columns: Attributes of a distribution, in order.
        room: Cells of a column.
    """
    return [
        FigureRow(title, tuple(_cell(getattr(shown[name], c), room - 2) for c in columns))
        for name, title, _ in PARTS
    ]


_HEADS = {"p50": "median"}


def _cell(value: float | None, room: int) -> str:
    if value is None:
        return "-"
    text = integer(round(value)) if abs(value - round(value)) < 0.05 else f"{value:,.1f}"
    return text if len(text) <= room else compact(value)
