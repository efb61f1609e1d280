"""What all screens share: the line at the top, the keys at the bottom, the body between.

Both lines are one widget of one row each that draws itself: a dozen footer widgets would cost more
time at the first frame than the list of records.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from tui.deck import Deck
from tui.opened.workspace import Change, Stage, Workspace
from widgets.numbers import counted, size
from widgets.text import ascii_only, cell_width, clean, fit

if TYPE_CHECKING:
    from tui.screens.prompt import Prompt

NOTE_SECONDS = 4.0
MODES = ("data", "issues", "tokens", "price", "launch", "jobs")
_LEAST = (40, 10)
"""Columns and rows below which a screen says so instead of drawing itself."""

_WIDE = 120
"""Columns from which the header has the names of all screens."""

_STALE = {"grown": "grown: r reloads, f follows", "silent": "the disk does not answer"}
_WORKING = {
    Stage.HEAD: "opening",
    Stage.UNPACKING: "reading",
    Stage.INDEXING: "reading",
    Stage.SCANNING: "checking",
}


class DeckHeader(Widget):
    """One line: the program, the open file with its counts, and which screen this is.

    Args:
        mode: The mode the screen belongs to, marked among the numbers 1 to 6.
    """

    deck = getters.app(Deck)

    DEFAULT_CSS = """
    DeckHeader {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._shown: Content | None = None

    def on_mount(self) -> None:
        """Follow the workspace."""
        self.deck.workspace.changes.subscribe(self, self._workspace_changed)

    def _workspace_changed(self, _change: Change) -> None:
        if self.screen.is_current:
            self.catch_up()

    def catch_up(self) -> None:
        """Draw the line if it reads differently now: only that is worth a slow link."""
        if self._line() != self._shown:
            self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        self._shown = self._line()
        return self._shown

    def _line(self) -> Content:
        width = self.size.width
        right = self._tabs(full=width >= _WIDE)
        room = width - right.cell_length - 2
        left = self._file(room)
        gap = max(1, width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * gap, right)

    def _tabs(self, *, full: bool) -> Content:
        parts: list[str | tuple[str, str]] = []
        for mode, name in self._tab_names(full=full):
            current = mode == self._mode
            parts.append((name, "bold reverse $accent" if current else "$foreground-muted"))
        return Content.assemble(*parts)

    def _tab_names(self, *, full: bool) -> Iterator[tuple[str, str]]:
        for number, mode in enumerate(MODES, 1):
            long = full or mode == self._mode
            yield mode, f" {number} {mode.title()} " if long else f" {number} "

    async def on_click(self, event: events.Click) -> None:
        """Go to the screen whose name is clicked."""
        names = list(self._tab_names(full=self.size.width >= _WIDE))
        at = event.x - self.size.width + sum(len(name) for _, name in names)
        for mode, name in names:
            if 0 <= at < len(name):
                await self.run_action(f"app.mode({mode!r})")
            at -= len(name)

    def _file(self, room: int) -> Content:
        workspace = self.deck.workspace
        brand = ("tunedeck", "bold $accent")
        held = [("  read-only", "$warning")] if self.deck.read_only else []
        if workspace.source is None:
            return Content.assemble(" ", brand, *held)
        name = clean(os.path.basename(workspace.source.name))
        whole = cell_width(name)
        wanted = min(whole, max(8, room // 2))
        left = room - 1 - wanted
        shown: list[tuple[str, str]] = []
        for whole_text, style in (*held, *_counts(workspace)):
            text = whole_text
            if cell_width(text) > left and text.startswith(_bad()):
                # That there are errors is told even where their number has no room.
                text = _bad()
            if cell_width(text) <= left:
                shown.append((text, style))
                left -= cell_width(text)
        grown = min(whole, wanted + max(0, left))
        left -= grown - wanted
        first = Content.assemble(" ", *((brand, "  ") if left >= len("tunedeck  ") else ()))
        return Content.assemble(first, (fit(name, grown), "bold"), *shown)


def _counts(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield what the header says after the file name, the most telling first."""
    if workspace.following:
        yield "  following", "$success"
    if workspace.stale:
        yield f"  {_STALE.get(workspace.stale, 'changed on disk: r reloads')}", "$warning"
    if len(workspace.edits):
        yield f"  {counted(len(workspace.edits), 'edit')} not saved", "$warning"
    yield from _findings(workspace)
    if workspace.stage in _WORKING:
        # How much a pipe will bring nobody knows.
        known = workspace.stage is not Stage.UNPACKING or workspace.fraction
        share = f" {workspace.fraction:.0%}" if known else ""
        yield f"  {_WORKING[workspace.stage]}{share}", "$accent"
    elif workspace.stage is Stage.STOPPED:
        yield "  stopped, r goes on", "$warning"
    elif workspace.stage is Stage.FAILED:
        cut = workspace.source is not None and not workspace.source.whole
        yield f"  {'not whole' if cut else 'check failed'}", "bold $error"
    if workspace.source is not None:
        yield f"  {size(workspace.source.size)}", "$foreground-muted"


def _bad() -> str:
    return "  x" if ascii_only() else "  ✗"


def _findings(workspace: Workspace) -> Iterator[tuple[str, str]]:
    report = workspace.report
    if report is None:
        if workspace.lines:
            yield f"  {counted(workspace.lines, 'line')}", ""
        return
    if report.errors:
        yield f"{_bad()} {report.errors:,}", "bold $error"
    if report.warnings:
        yield f"  ! {report.warnings:,}", "$warning"
    if workspace.stage is Stage.DONE and not report.errors and not report.warnings:
        yield f"  {'ok' if ascii_only() else '✓'}", "$success"
    yield f"  {counted(report.records, 'record')}", ""
    if by_lines(workspace):
        yield f"  {counted(report.lines, 'line')}", ""


def by_lines(workspace: Workspace) -> bool:
    """Whether the list has other lines than records: blank ones, or a record over several.

    Then places in it are told as lines, so that both counts can be understood side by side.
    """
    report = workspace.report
    return report is not None and report.lines not in (0, report.records)


class KeyBar(Widget):
    """One line with the keys that work here, as many as fit; ``?`` shows them all."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        background: $panel;
        color: $text-muted;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: Content | None = None
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Follow the focus, which decides what the keys mean."""
        self.screen.bindings_updated_signal.subscribe(self, self._keys_changed)

    def _keys_changed(self, _screen: object) -> None:
        if self._said is None:
            self.refresh()

    def say(self, text: str, tone: str) -> None:
        """Put a short note in place of the keys for some seconds.

        Args:
            text: What to say, cleaned by the caller.
            tone: ``muted``, ``warning``, ``error`` or ``success``.
        """
        self._said = Content.styled(f" {text}", "" if tone == "muted" else f"${tone}")
        self.refresh()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(NOTE_SECONDS, self._unsay)

    def _unsay(self) -> None:
        self._said = None
        self.refresh()

    def render(self) -> Content:
        """Draw the keys; the last two, help and back, are never pushed out by others."""
        width = self.size.width
        if self._said is not None:
            return self._said.truncate(width)
        keys = list(self._keys())
        last = [key for key in keys if key[0] in ("?", "q", "esc")]
        first = [key for key in keys if key not in last]
        # One blank stands before the keys; the two after the last of them need no room.
        room = width + 1 - sum(_key_width(key) for key in last)
        shown = []
        for key in first:
            if _key_width(key) <= room:
                room -= _key_width(key)
                shown.append(key)
        parts: list[str | tuple[str, str]] = [" "]
        for name, word in [*shown, *last]:
            parts += [(name, "bold $accent"), f" {word}  "]
        return Content.assemble(*parts).truncate(width)

    def _keys(self) -> Iterator[tuple[str, str]]:
        seen: set[tuple[object, str]] = set()
        for node, binding, enabled, _tooltip in self.screen.active_bindings.values():
            if not binding.show or not enabled or (node, binding.action) in seen:
                continue
            seen.add((node, binding.action))
            word = binding.description
            yield key_name(binding), word[:1].lower() + word[1:]


_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "colon": ":",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


def key_name(binding: Binding) -> str:
    """Return how a key is written for people: ``?``, ``ctrl+p``, ``Enter``."""
    if binding.key_display:
        return binding.key_display
    *modifiers, key = binding.key.split("+")
    if ascii_only() and key in ("up", "down", "left", "right"):
        name = key.title()
    else:
        name = _KEY_NAMES.get(key, key.title() if len(key) > 1 else key)
    return "+".join([*modifiers, name])


def _key_width(key: tuple[str, str]) -> int:
    return cell_width(key[0]) + cell_width(key[1]) + 3


class TooSmall(Widget):
    """What stands in place of a screen that has no room."""

    DEFAULT_CSS = """
    TooSmall { content-align: center middle; color: $warning; }
    """

    def render(self) -> Content:
        """Say how large the terminal is and how large it should be."""
        width, height = self.app.size
        least = "x".join(map(str, _LEAST))
        return Content(f"This terminal is {width}x{height}. Enlarge it to {least} or more.")


class DeckScreen(Screen[None]):
    """A screen of the deck: header, body, keys.

    A subclass names its ``MODE`` and yields its widgets from :meth:`body`.
    """

    MODE: ClassVar[str] = ""
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [
        (0, "-tiny"),
        (_LEAST[0], "-slim"),
        (72, "-narrow"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [
        (0, "-flat"),
        (_LEAST[1], "-short"),
        (20, "-tall"),
    ]
    DEFAULT_CSS = """
    DeckScreen {
        & > TooSmall { display: none; }
        &.-tiny > *, &.-flat > * { display: none; }
        &.-tiny > TooSmall, &.-flat > TooSmall { display: block; height: 1fr; }
    }
    """

    deck = getters.app(Deck)

    closing = False
    """Whether it is only there because Textual closes no screen but the one in view."""

    def compose(self) -> ComposeResult:
        """Put the body between the header and the keys.

        The body's widgets are the screen's own children: Textual draws every row of every
        container, seen or not, so each one around the others would cost time at every full frame.
        """
        self._take_size_classes()
        yield DeckHeader(self.MODE)
        yield from self.body()
        yield KeyBar()

    def _take_size_classes(self) -> None:
        """Know the size from the start: learning it later styles every widget once more."""
        width, height = self.app.size
        for cells, breakpoints in (
            (width, self.HORIZONTAL_BREAKPOINTS),
            (height, self.VERTICAL_BREAKPOINTS),
        ):
            name = next(name for least, name in reversed(breakpoints) if cells >= least)
            self.add_class(name, update=False)

    def body(self) -> ComposeResult:
        """Yield the widgets of this screen."""
        yield from ()

    def close(self) -> None:
        """Close this screen, which lies over another: now if it is in view, else once it is."""
        self.closing = True
        if self.is_active:
            self.dismiss()

    @on(events.ScreenResume)
    def _back_in_view(self) -> None:
        if self.closing:
            self.dismiss()
            return
        # What happened to the dataset meanwhile was not drawn.
        for header in self.query(DeckHeader):
            header.catch_up()

    @on(events.Resize)
    def _make_room(self) -> None:
        width, height = self.app.size
        if (width < _LEAST[0] or height < _LEAST[1]) and not self.query(TooSmall):
            self.mount(TooSmall())

    def _compositor_refresh(self) -> None:
        # During a batch (the start, a change of screens) Textual draws the screen only to throw
        # the result away; asking for a repaint when the batch is over does the same work once.
        if self.app._batch_count:
            self._repaint_required = True
            self.check_idle()
        else:
            super()._compositor_refresh()

    async def ask(self, kind: str, label: str, text: str = "") -> None:
        """Ask a one-line question at the foot of the screen; see :class:`Prompt`."""
        from tui.screens.prompt import Prompt

        if not self.query(Prompt):
            await self.mount(Prompt())
        self.query_one(Prompt).ask(kind, label, text)

    def asking(self) -> Prompt | None:
        """Return the question that is open, if one is."""
        from tui.screens.prompt import Prompt

        return next((prompt for prompt in self.query(Prompt) if prompt.display), None)

    def close_question(self) -> None:
        """Put the question away."""
        prompt = self.asking()
        if prompt is not None:
            prompt.close()

    def say(self, text: str, tone: str = "muted") -> None:
        """Put a short note, cleaned by the caller, in place of the keys for some seconds."""
        self.query_one(KeyBar).say(text, tone)
