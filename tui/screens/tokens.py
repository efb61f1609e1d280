"""The Tokens screen: how long examples are, how many messages they have, how much is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.messages import ShowRecord
from tui.screens.base import DeckScreen
from tui.workspace import Change
from widgets.histogram import Histogram
from widgets.numbers import compact, integer, percent
from widgets.numbers import counted as number_of
from widgets.text import clean, pad

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
    Token counts are exact where the model's tokenizer is at hand (it ships with tunedeck). Tokens
    an example are the well-known estimate; billed tokens follow the provider's own formula and
    stand on the Price screen.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "model", "model", id="tokens.model", tooltip="Count for another model"),
    ]
    DEFAULT_CSS = """
    TokensScreen {
        & #scroll { height: 1fr; scrollbar-size-vertical: 1; }
        & #totals { height: auto; padding: 0 1; background: $surface; }
        & #charts { height: 1fr; min-height: 9; max-height: 24; margin-top: 1; }
        & #charts Histogram { width: 1fr; margin: 0 1; }
        & #percentiles { height: auto; padding: 0 1; margin-top: 1; }
        & #roles { height: auto; padding: 0 1; margin-top: 1; }
    }
    """

    def body(self) -> ComposeResult:
        """Totals, histograms, percentiles and roles."""
        with VerticalScroll(id="scroll", can_focus=False):
            yield Static("", id="totals", markup=False)
            with Horizontal(id="charts"):
                for name, _, _ in PARTS:
                    yield Histogram(id=name)
            yield Static("", id="percentiles", markup=False)
            yield Static("", id="roles", markup=False)

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
            self._write("#percentiles", Content(""))
            self._write("#roles", Content(""))
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
        columns = _WIDE if wide else _NARROW
        self._write("#percentiles", percentiles(shown, columns, self.app.size.width - 2))
        self._write("#roles", roles(counted))

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

    def on_histogram_selected(self, event: Histogram.Selected) -> None:
        """Go to the first example of a bar."""
        facets = self.deck.workspace.facets
        if facets is None:
            return
        names = {"classic": "tokens", "assistant": "assistant", "messages": "messages"}
        values = facets.read(names[str(event.histogram.id)])
        inside = (values >= event.low) & (values < event.high) & (facets.read("tokens") > 0)
        if inside.any():
            place = int(inside.argmax())
            self.post_message(ShowRecord(self.deck.workspace.line_of(place)))

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
    shown: dict[str, Distribution], columns: Sequence[str], width: int = 120
) -> Content:
    """Return the table of percentiles, a row a distribution.

    Args:
        shown: The distributions by their columns in :data:`PARTS`.
        columns: Attributes of a distribution, in order.
        width: Cells at hand.
    """
    room = max(6, min(10, (width - _LABEL) // len(columns)))
    heads = "".join(pad(_HEADS.get(name, name), room, align="right") for name in columns)
    lines = [Content.styled(" " * _LABEL + heads, "$foreground-muted")]
    for name, title, _ in PARTS:
        values = (_cell(getattr(shown[name], column), room - 1) for column in columns)
        cells = "".join(pad(value, room, align="right") for value in values)
        lines.append(Content.assemble((pad(title, _LABEL), "bold"), cells))
    return Content("\n").join(lines)


_HEADS = {"p50": "median"}


def _cell(value: float | None, room: int) -> str:
    if value is None:
        return "-"
    text = integer(round(value)) if abs(value - round(value)) < 0.05 else f"{value:,.1f}"
    return text if len(text) <= room else compact(value)


def roles(counted: TokenTable) -> Content:
    """Return one line with the messages of each role, and the examples that miss one."""
    ordered = sorted(counted.roles.items(), key=lambda item: -item[1])
    said = "   ".join(f"{clean(role, 24)} {integer(count)}" for role, count in ordered)
    missing = [
        f"{integer(count)} without {role}"
        for role, count in (("system", counted.missing_system), ("user", counted.missing_user))
        if count
    ]
    return Content.assemble(
        ("Messages by role  ", "bold"),
        said,
        ("   " + ", ".join(missing) if missing else "", "$foreground-muted"),
    )
