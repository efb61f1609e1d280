"""The Price screen: what a run on the open dataset costs, a row a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.config import PROFILES
from tui.errors import ConfigError
from tui.messages import GoLaunch, LaunchPrefill
from tui.opened.workspace import Change
from tui.run.pastbills import past_bills
from tui.screens.base import DeckScreen
from widgets.numbers import counted as number_of
from widgets.numbers import integer, usd
from widgets.rows import Pieces, VirtualList
from widgets.text import clean, pad

if TYPE_CHECKING:
    from tui.pricing import CostRow
    from tui.screens.prompt import Prompt
    from tui.tokens import TokenTable

MAX_EPOCHS = 50
_NARROW = 100


class PriceTable(VirtualList):
    """A row a model, with a cursor.

    Messages: `Highlighted` when the cursor moves, `Selected` at Enter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "launch", id="price.launch", tooltip="Launch with this model"),
    ]

    class Highlighted(Message):
        """The cursor is on another row."""

    class Selected(Message):
        """A model was chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[CostRow] = []

    @property
    def row_count(self) -> int:
        """How many models there are."""
        return len(self.rows)

    def show(self, rows: list[CostRow]) -> None:
        """Show other rows; only those that read differently are drawn."""
        before, self.rows = self.rows, rows
        if len(before) != len(rows):
            self.rows_changed(len(before))
            self.refresh()
            return
        self.refresh_row(*(i for i, row in enumerate(rows) if row != before[i]))

    def cursor_moved(self) -> None:
        """Post `Highlighted`."""
        self.post_message(self.Highlighted())

    def row_chosen(self) -> None:
        """Post `Selected`."""
        self.post_message(self.Selected())

    def heading(self) -> str:
        """The line over the rows."""
        return _line(
            self.row_width,
            " ",
            "Where",
            "Model",
            "Epochs  ",
            "Billed tokens",
            "Price",
            "Ends",
            "Notes",
        )[0]

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One model: its epochs, what is billed, the price and how long it can be tuned."""
        row = self.rows[index]
        epochs = f"{row.epochs}" + (" auto" if row.epochs_source == "heuristic" else "    ")
        line, rest = _line(
            width,
            self.cursor_sign(index),
            clean(row.provider),
            clean(row.model),
            epochs,
            integer(row.tokens_billed),
            "unknown" if row.usd is None else usd(row.usd),
            str(row.shutdown_date or "-"),
            clean("; ".join(row.notes), 200),
        )
        faint = "" if row.trainable else "rows--muted"
        return [(line, faint), (rest, "rows--muted")]


def _line(
    width: int,
    sign: str,
    provider: str,
    model: str,
    epochs: str,
    tokens: str,
    price: str,
    ends: str,
    notes: str,
) -> tuple[str, str]:
    """Lay one line out: its columns, and the notes that follow where there is room."""
    wide = width >= _NARROW
    columns = [
        sign + " ",
        pad(provider, 9 if wide else 7),
        pad(model, 28 if wide else 24),
        pad(epochs, 10 if wide else 8, align="right"),
        pad(tokens, 16 if wide else 14, align="right"),
        pad(price, 12 if wide else 10, align="right"),
        pad(ends, 14 if wide else 12, align="right"),
    ]
    return "".join(columns), f"   {notes}" if wide else ""


class PriceScreen(DeckScreen):
    """Compare what models cost, and take one to the launch form."""

    MODE = "price"
    HELP = """
    The price of a run on the open dataset: billed tokens are exact where the model's tokenizer is
    at hand, and epochs follow the provider's public rule (auto) until you change them.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,right", "epochs(1)", "epochs", id="price.more", tooltip="One epoch more"),
        Binding("minus,left", "epochs(-1)", "fewer", id="price.fewer", tooltip="One epoch fewer"),
        Binding(
            "right_square_bracket",
            "all_epochs(1)",
            "all models",
            id="price.all_more",
            tooltip="One epoch more for all models",
            show=False,
        ),
        Binding(
            "left_square_bracket",
            "all_epochs(-1)",
            "all models",
            id="price.all_fewer",
            tooltip="One epoch fewer for all models",
            show=False,
        ),
        Binding("t", "type", "type epochs", id="price.type", tooltip="Type the number of epochs"),
        Binding(
            "T",
            "type_all",
            "type for all",
            id="price.type_all",
            tooltip="Type the number of epochs for all models",
            show=False,
        ),
        Binding("0", "automatic", "auto", id="price.auto", tooltip="Automatic epochs again"),
    ]
    DEFAULT_CSS = """
    PriceScreen {
        & #said { height: auto; padding: 0 1; background: $surface; color: $text-muted; }
        & #heading { height: 1; color: $text-muted; text-style: bold; }
        & PriceTable { height: 1fr; }
        & #detail { height: 4; padding: 0 1; background: $surface; color: $text-muted; }
        &.-short #detail { height: 2; }
    }
    """

    table = getters.query_one(PriceTable)

    def __init__(self) -> None:
        super().__init__()
        self._epochs: dict[tuple[str, str], int] = {}
        self._billed: dict[str, tuple[str, ...]] = {}

    class Billed(Message):
        """It is known how past bills compared to their estimates, by whose prices they had."""

        def __init__(self, words: dict[str, tuple[str, ...]]) -> None:
            super().__init__()
            self.words = words

    def body(self) -> ComposeResult:
        """What is priced, the models, and what is to be known of the one under the cursor."""
        yield Static("", id="said", markup=False)
        yield Static("", id="heading", markup=False)
        yield PriceTable()
        yield Static("", id="detail", markup=False)

    def on_mount(self) -> None:
        """Price what is open and follow the workspace."""
        self.deck.workspace.changes.subscribe(self, self._changed)
        self.table.focus()
        self._price()

    @on(events.ScreenResume)
    def _shown_again(self) -> None:
        self._look_at_bills()

    @work(thread=True, group="bills", exclusive=True, exit_on_error=False)
    def _look_at_bills(self) -> None:
        """Find out how the last bills of each provider compared to their estimates."""
        tables = self.deck.settings.providers.items()
        names = {name: _profile(table) for name, table in tables}
        found = past_bills(self.deck.paths.state, {"openai": "openai", "local": "local", **names})
        self.post_message(self.Billed(found))

    @on(Billed)
    def _billed_known(self, message: Billed) -> None:
        if message.words != self._billed:
            self._billed = message.words
            self._detail()

    def on_resize(self) -> None:
        """Lay the heading out for the new width."""
        self.call_after_refresh(self._head)

    def _head(self) -> None:
        heading = self.table.heading() if self.table.rows else ""
        self.query_one("#heading", Static).update(heading)

    def _changed(self, change: Change) -> None:
        if change is Change.OPENED:
            self._epochs.clear()
        if change is not Change.LINES and change is not Change.DISK:
            self._price()

    def _price(self) -> None:
        workspace = self.deck.workspace
        counted = workspace.table
        if counted is None or not len(counted):
            self.table.empty_text = _why_empty(workspace.source is None, workspace.working)
            self.table.show([])
        else:
            rows, trouble = self._rows(counted)
            self.table.empty_text = trouble
            self.table.show(rows)
        self._head()
        self._said()
        self._detail()

    def _rows(self, counted: TokenTable) -> tuple[list[CostRow], str]:
        """Return a row a model, or none and why."""
        from tui.pricing import estimate, load_prices, trainable_models

        try:
            prices = load_prices()
        except ConfigError as error:
            return [], str(error)
        rows = []
        for provider in self._providers():
            for info in trainable_models(provider):
                epochs = self._epochs.get((provider, info.id))
                rows.append(
                    estimate(counted, info.id, provider=provider, epochs=epochs, prices=prices)
                )
        return rows, ""

    def _providers(self) -> list[str]:
        """OpenAI, the kinds of provider that are configured, and this machine."""
        tables = self.deck.settings.providers.values()
        configured = [_profile(table) for table in tables]
        return list(dict.fromkeys(["openai", *configured, "local"]))

    def _said(self) -> None:
        workspace = self.deck.workspace
        counted = workspace.table
        if counted is None or not len(counted):
            text = "What a run costs, before anything is uploaded"
        else:
            text = (
                f"{number_of(len(counted), 'example')}, "
                f"{integer(counted.billed.sum())} billable tokens an epoch"
            )
            if counted.approximate:
                text += ", some of them estimated"
            if workspace.working:
                text += f"; {workspace.fraction:.0%} counted"
        self.query_one("#said", Static).update(Content(text))

    def _detail(self) -> None:
        row = self._current()
        lines: list[str] = []
        if row is not None:
            rate = (
                "The price of this model is not known"
                if row.usd_per_million is None
                else f"{usd(row.usd_per_million)} a million tokens, prices as of {row.prices_as_of}"
            )
            lines.append(f"{clean(row.model)}: {rate}")
            lines += [clean(words, 200) for words in self._billed.get(row.provider, ())]
            lines += [clean(note, 300) for note in row.notes]
        self.query_one("#detail", Static).update(Content("\n".join(lines)))

    def _current(self) -> CostRow | None:
        rows = self.table.rows
        return rows[min(self.table.cursor, len(rows) - 1)] if rows else None

    def on_price_table_highlighted(self) -> None:
        """Tell of the model under the cursor."""
        self._detail()

    def on_price_table_selected(self) -> None:
        """Take the model to the launch form."""
        self.action_launch()

    # Keys

    def action_launch(self) -> None:
        """Go to the launch form with the model and the epochs of the row."""
        row = self._current()
        if row is None:
            return
        path = self.deck.workspace.path or None
        epochs = self._epochs.get((row.provider, row.model))
        prefill = LaunchPrefill(path, row.model, epochs, row.provider)
        self.post_message(GoLaunch(prefill))

    def action_epochs(self, step: int) -> None:
        """Change the epochs of the row under the cursor."""
        row = self._current()
        if row is not None:
            self._set([row], row.epochs + step)

    def action_all_epochs(self, step: int) -> None:
        """Change the epochs of all rows to one more or fewer than those under the cursor."""
        row = self._current()
        if row is not None:
            self._set(self.table.rows, row.epochs + step)

    def action_automatic(self) -> None:
        """Let the provider's rule choose the epochs of all rows again."""
        self._epochs.clear()
        self._price()

    async def action_type(self) -> None:
        """Ask for the number of epochs of the row under the cursor."""
        if self.table.rows:
            await self.ask("one", "Epochs (empty for automatic)")

    async def action_type_all(self) -> None:
        """Ask for the number of epochs of all rows."""
        if self.table.rows:
            await self.ask("all", "Epochs for all models (empty for automatic)")

    def _set(self, rows: list[CostRow], epochs: int) -> None:
        if not 1 <= epochs <= MAX_EPOCHS:
            self.say(f"Epochs go from 1 to {MAX_EPOCHS}", "warning")
            return
        for row in rows:
            self._epochs[row.provider, row.model] = epochs
        self._price()

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Take over the number typed."""
        event.stop()
        self._close_prompt()
        row = self._current()
        text = event.text.strip()
        if row is None:
            return
        rows = self.table.rows if event.kind == "all" else [row]
        if not text:
            for each in rows:
                self._epochs.pop((each.provider, each.model), None)
            self._price()
        elif text.isascii() and text.isdigit() and len(text) < 6:
            self._set(rows, int(text))
        else:
            self.say("Type a whole number of epochs", "warning")

    def on_prompt_given_up(self) -> None:
        """Leave the epochs as they are."""
        self._close_prompt()

    def _close_prompt(self) -> None:
        self.close_question()
        self.table.focus()


def _profile(table: Mapping[str, Any]) -> str:
    """Return whose rules and prices a provider has, by its settings."""
    kind = str(table.get("kind", ""))
    return str(table.get("profile") or (kind if kind in PROFILES else "openai"))


def _why_empty(closed: bool, working: bool) -> str:
    if closed:
        return "No dataset is open; press o to open one"
    if working:
        return "The tokens are being counted"
    return "No example could be counted; the Issues screen (2) says why"
