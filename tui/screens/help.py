"""The keys of a screen, written from the very bindings that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.screens.base import key_name
from widgets.dialog import FramedDialog
from widgets.text import cell_width, pad, wrap

_LEFT_OUT = frozenset(
    {
        "help_quit",
        "command_palette",
        "app.command_palette",
        "screen.copy_text",
        "app.focus_previous",
        "app.focus_next",
        # Of anything that scrolls, in Textual's own words; few of them do anything on a screen.
        *(f"scroll_{where}" for where in ("up", "down", "left", "right", "home", "end")),
        *(f"page_{where}" for where in ("up", "down", "left", "right")),
    }
)
_MOVES = frozenset({"row", "page", "half_page", "first", "last", "bar", "scroll"})
_COLUMN = 50

Line = tuple[str, str]


class HelpScreen(FramedDialog[None]):
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
        & > Vertical { width: auto; padding: 0; }
        & VerticalScroll {
            width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
            scrollbar-size-vertical: 1;
        }
        & Static { width: auto; }
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
        digits = [active for active in everywhere if active.binding.key.isdecimal()]
        names = ", ".join(active.binding.description for active in digits)
        rest = _lines([active for active in everywhere if active not in digits])
        always = [
            ("1 to 6", f"The screens: {names}"),
            *rest,
            ("ctrl+p", "The command palette: everything by name"),
        ]
        moves = [active for active in here if active.binding.action.split("(")[0] in _MOVES]
        deeds = [active for active in here if active not in moves]
        groups = [
            ("On this screen", _lines(deeds)),
            ("Everywhere", always),
            ("Moving", _lines(moves)),
        ]
        return cls(f"{title}: keys", [g for g in groups if g[1]], screen.HELP or "")

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "Esc closes"
            with VerticalScroll():
                yield Static(Content(""), id="keys", markup=False)

    def on_resize(self) -> None:
        """Lay the lines out for the room there is: two columns where they fit."""
        room = self.app.size.width - 6
        if room >= 2 * _COLUMN + 3:
            left = self._under(_COLUMN, "On this screen", "Moving")
            right = self._under(_COLUMN, "Everywhere")
            lines = [*self._about_lines(2 * _COLUMN + 3), *_beside(left, right)]
        else:
            width = max(20, min(72, room))
            lines = [*self._about_lines(width), *self._under(width)]
        self.query_one("#keys", Static).update(Content("\n").join(lines))

    def _under(self, width: int, *headings: str) -> list[Content]:
        """Lay groups out one under the other; all of them when none is named."""
        lines: list[Content] = []
        for heading, keys in self._groups:
            if not headings or heading in headings:
                lines += [Content(""), *self._column(heading, keys, width)]
        return lines[1:]

    def _about_lines(self, width: int) -> list[Content]:
        about = " ".join(self._about.split())
        if not about:
            return []
        rows = [Content.styled(row.text, "$foreground-muted") for row in wrap(about, width)]
        return [*rows, Content("")]

    @staticmethod
    def _column(heading: str, lines: list[Line], width: int) -> list[Content]:
        keys = min(20, max(cell_width(keys) for keys, _ in lines) + 2)
        wrapped = [row for line in lines for row in _wrapped(*line, keys, width)]
        return [Content.styled(heading, "bold"), *wrapped]

    def action_scroll(self, step: int) -> None:
        """Scroll a line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)


def _beside(left: list[Content], right: list[Content]) -> Iterator[Content]:
    for one, other in zip_longest(left, right, fillvalue=Content("")):
        yield Content.assemble(one, " " * (_COLUMN - one.cell_length + 3), other)


def _wrapped(keys: str, meaning: str, column: int, width: int) -> Iterator[Content]:
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
