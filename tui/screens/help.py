"""The keys of a screen, written from the very bindings that answer them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.screens.base import key_name
from widgets.text import cell_width, pad, wrap

_LEFT_OUT = frozenset({"help_quit", "app.command_palette", "screen.copy_text"})

Line = tuple[str, str]


class HelpScreen(ModalScreen[None]):
    """Show keys in groups, and what each does.

    Args:
        title: What the keys are for.
        groups: Headings with their lines of (keys, meaning).
        about: A few words about the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "close", id="help.close", tooltip="Close"),
        Binding("j", "scroll(1)", "down", id="help.down", show=False),
        Binding("k", "scroll(-1)", "up", id="help.up", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > Vertical {
            width: 78;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            border: round $accent;
            border-title-color: $accent;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        & VerticalScroll { height: auto; max-height: 100%; padding: 0 1; }
    }
    """

    def __init__(self, title: str, groups: list[tuple[str, list[Line]]], about: str = "") -> None:
        super().__init__()
        self._title = title
        self._groups = groups
        self._about = about

    @classmethod
    def of(cls, screen: Screen[Any]) -> HelpScreen:
        """Return the help for a screen as it is now, focus included."""
        here: list[ActiveBinding] = []
        everywhere: list[ActiveBinding] = []
        for active in screen.active_bindings.values():
            (everywhere if active.node is screen.app else here).append(active)
        title = type(screen).__name__.removesuffix("Screen") or "Keys"
        groups = [("On this screen", _lines(here)), ("Everywhere", _lines(everywhere))]
        palette = [("ctrl+p", "The command palette: everything by name")]
        groups[1] = (groups[1][0], [*groups[1][1], *palette])
        return cls(f"{title}: keys", [g for g in groups if g[1]], screen.HELP or "")

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "Esc closes"
            with VerticalScroll():
                yield Static(Content(""), id="keys", markup=False)

    def on_mount(self) -> None:
        """Write the lines for the width there is."""
        self._write()

    def on_resize(self) -> None:
        """Write them again for another width."""
        self._write()

    def _write(self) -> None:
        width = max(20, min(72, self.app.size.width - 6))
        self.query_one("#keys", Static).update(self._content(width))

    def _content(self, width: int) -> Content:
        lines: list[Content] = []
        if self._about:
            about = " ".join(self._about.split())
            lines += [Content.styled(row.text, "$text-muted") for row in wrap(about, width)]
            lines.append(Content(""))
        column = max(cell_width(keys) for _, group in self._groups for keys, _ in group) + 2
        for heading, group in self._groups:
            lines.append(Content.styled(heading, "bold"))
            for keys, meaning in group:
                lines += _wrapped(keys, meaning, min(column, 24), width)
            lines.append(Content(""))
        return Content("\n").join(lines[:-1])

    def action_scroll(self, step: int) -> None:
        """Scroll a line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)


def _wrapped(keys: str, meaning: str, column: int, width: int) -> Iterable[Content]:
    for number, row in enumerate(wrap(meaning, max(10, width - column))):
        first = pad(keys, column) if number == 0 else " " * column
        yield Content.assemble((first, "$accent"), row.text)


def _lines(bindings: list[ActiveBinding]) -> list[Line]:
    """Put the keys of one action together, in the order they were declared."""
    keys: dict[tuple[object, str], list[str]] = {}
    words: dict[tuple[object, str], str] = {}
    for node, binding, _enabled, tooltip in bindings:
        meaning = binding.tooltip or tooltip or binding.description
        if binding.action in _LEFT_OUT or not meaning or binding.system:
            continue
        at = (node, binding.action)
        keys.setdefault(at, []).append(key_name(binding))
        words[at] = meaning
    return [(" ".join(dict.fromkeys(names)), words[at]) for at, names in keys.items()]
