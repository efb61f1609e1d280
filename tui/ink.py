"""Send the terminal only the cells that changed.

Textual repaints whole lines of a widget from its left edge and sets every colour anew in each
segment. The terminal is far away, so this remembers what every cell shows and writes the
difference: a still axis, an unchanged label or a neighbour of the changed digit costs nothing.

An application derives from ``InkApp`` instead of ``App``. It changes how frames are written,
never what they show; a size change, a suspended program or :meth:`Ink.forget` brings a whole frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

_Result = TypeVar("_Result")
# A cell: its character and the codes of its style, as (attributes, foreground, background).
_Codes = tuple[str, str, str]
_Cell = tuple[str, _Codes]
_PLAIN: _Codes = ("", "", "")
# Characters that every terminal draws one cell wide: Latin, Greek, Cyrillic, general punctuation
# that is printed, arrows, mathematics, control pictures, boxes, blocks, shapes that are no emoji,
# and braille. A line with any other is sent whole, because terminals disagree about its width.
_NARROW = re.compile(
    r"[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0377\u0384-\u03ff\u0400-\u0482\u048a-\u052f"
    r"\u2010-\u2027\u2030-\u203b\u203d-\u2048\u2070-\u209c\u20a0-\u20bf"
    r"\u2190-\u2193\u21a4-\u21a8\u2200-\u22ff\u2400-\u2426\u2500-\u25a9\u25ac-\u25b5"
    r"\u25b8-\u25bf\u25c1-\u25fa\u2713\u2717\u2800-\u28ff]*"
)
# A gap of unchanged cells this short is written again: moving over it would cost as much.
_SHORT_GAP = 3
_KEPT_STYLES = 4096


def _split(ansi: str) -> _Codes:
    """Part a style's codes into attributes, foreground and background."""
    attributes: list[str] = []
    ground = {"3": "", "4": ""}
    codes = iter(ansi.split(";")) if ansi else iter(())
    for code in codes:
        if code in ("38", "48"):
            kind = next(codes)
            rest = [next(codes) for _ in range(1 if kind == "5" else 3)]
            ground[code[0]] = ";".join((code, kind, *rest))
        elif len(code) == 2 and code[0] in "34":
            ground[code[0]] = code
        elif len(code) == 2 and code[0] == "9":
            ground["3"] = code
        elif len(code) == 3 and code.startswith("10"):
            ground["4"] = code
        else:
            attributes.append(code)
    return ";".join(attributes), ground["3"], ground["4"]


class _Pen:
    """Writes cells with as few bytes as the place and colours of the last one allow."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._at: tuple[int, int] | None = None
        self._codes = _PLAIN

    def put(self, x: int, y: int, text: str, codes: _Codes, cells: int) -> None:
        """Write ``text``, ``cells`` wide, at a place."""
        self._move(x, y)
        self._colour(codes)
        self.out.append(text)
        self._at = (x + cells, y)

    def lose_place(self) -> None:
        """Forget where the cursor is, after text of doubtful width."""
        self._at = None

    def end(self) -> str:
        """Return what was written, colours put back."""
        if self._codes != _PLAIN:
            self.out.append("\x1b[0m")
        return "".join(self.out)

    def _move(self, x: int, y: int) -> None:
        if self._at == (x, y):
            return
        if self._at is not None and self._at[1] == y and 0 < x - self._at[0] < 10:
            self.out.append(f"\x1b[{x - self._at[0]}C")
        else:
            self.out.append(f"\x1b[{y + 1};{x + 1}H")

    def _colour(self, codes: _Codes) -> None:
        if codes == self._codes:
            return
        attributes, fore, back = codes
        if attributes != self._codes[0]:
            wanted = ["0", attributes, fore, back] if self._codes != _PLAIN else [*codes]
        else:
            wanted = [
                (fore or "39") if fore != self._codes[1] else "",
                (back or "49") if back != self._codes[2] else "",
            ]
        self.out.append(f"\x1b[{';'.join(code for code in wanted if code)}m")
        self._codes = codes


class Ink:
    """What the terminal shows, cell by cell, and the difference to what it should show."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._lines: list[list[_Cell | None]] = []
        # Lines of a whole frame that nothing has been compared with yet.
        self._unread: dict[int, list[Segment]] = {}
        self._styles: dict[Style, _Codes] = {}
        self._system = ColorSystem.TRUECOLOR

    def forget(self) -> None:
        """Know nothing of the terminal any more: the next frames are sent whole."""
        self._size = (0, 0)
        self._lines = []
        self._unread = {}

    def write(
        self, update: ChopsUpdate | LayoutUpdate, size: tuple[int, int], console: Console
    ) -> str:
        """Return what to send so that the terminal shows ``update``, and remember it.

        Args:
            update: A frame, or parts of one.
            size: Columns and rows of the terminal.
            console: The console that knows the colours of the terminal.
        """
        system = getattr(console, "_color_system", None) or ColorSystem.TRUECOLOR
        if size != self._size or system != self._system:
            self._size = size
            self._system = system
            self._styles.clear()
            self._lines = [[None] * size[0] for _ in range(size[1])]
            self._unread = {}
            if isinstance(update, LayoutUpdate) and update.region == Region(0, 0, *size):
                # A first frame is sent as Textual would: there is nothing to compare it with.
                self._unread = {y: list(piece) for y, _, piece in _pieces(update)}
                return update.render_segments(console)
        pen = _Pen()
        for y, x, strip in _pieces(update):
            if 0 <= y < len(self._lines):
                self._piece(pen, y, x, strip)
        return pen.end()

    def _line(self, y: int) -> list[_Cell | None]:
        """What a line of the terminal shows, as far as it is known."""
        line = self._lines[y]
        strip = self._unread.pop(y, None)
        if strip is not None and _is_simple(strip):
            line[:] = self._cells(strip)[: len(line)]
            line += [None] * (self._size[0] - len(line))
        return line

    def _cells(self, strip: Sequence[Segment]) -> list[_Cell]:
        cells: list[_Cell] = []
        for segment in strip:
            if not segment.control:
                codes = self._codes(segment.style)
                cells.extend((character, codes) for character in segment.text)
        return cells

    def _piece(self, pen: _Pen, y: int, x: int, strip: Sequence[Segment]) -> None:
        line = self._line(y)
        if not _is_simple(strip):
            self._whole(pen, y, x, strip)
            return
        wanted = self._cells(strip)
        del wanted[max(0, len(line) - x) :]
        for start, end in _runs(line, x, wanted):
            self._run(pen, y, x + start, wanted[start:end])
        line[x : x + len(wanted)] = wanted

    def _run(self, pen: _Pen, y: int, x: int, cells: list[_Cell]) -> None:
        start = 0
        for i in range(1, len(cells) + 1):
            if i == len(cells) or cells[i][1] != cells[start][1]:
                text = "".join(character for character, _ in cells[start:i])
                pen.put(x + start, y, text, cells[start][1], i - start)
                start = i
        if x + len(cells) >= self._size[0]:
            pen.lose_place()  # beyond the last column terminals keep the cursor in different places

    def _whole(self, pen: _Pen, y: int, x: int, strip: Sequence[Segment]) -> None:
        """Send a piece as it is, and trust nothing that is known of its cells."""
        for segment in strip:
            if segment.control:
                continue
            width = segment.cell_length
            text = segment.text
            if segment.style and segment.style.link:
                text = f"\x1b]8;;{segment.style.link}\x1b\\{text}\x1b]8;;\x1b\\"
            pen.put(x, y, text, self._codes(segment.style), width)
            if not _NARROW.fullmatch(segment.text):
                pen.lose_place()
            self._lines[y][x : x + width] = [None] * max(0, min(width, self._size[0] - x))
            x += width

    def _codes(self, style: Style | None) -> _Codes:
        if style is None:
            return _PLAIN
        codes = self._styles.get(style)
        if codes is None:
            if len(self._styles) >= _KEPT_STYLES:
                self._styles.clear()
            codes = self._styles[style] = _split(Strip.render_ansi(style, self._system))
        return codes


def _is_simple(strip: Sequence[Segment]) -> bool:
    """Whether every character takes one cell in any terminal, and none is a link."""
    text = "".join(segment.text for segment in strip if not segment.control)
    return bool(_NARROW.fullmatch(text)) and not any(s.style and s.style.link for s in strip)


def _pieces(update: ChopsUpdate | LayoutUpdate) -> Iterator[tuple[int, int, Sequence[Segment]]]:
    """Yield the parts of an update as (row, column, segments)."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield y, update.region.x, [segment for strip in strips for segment in strip]
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= right or end <= left:
                continue
            first = max(x, left)
            piece = list(strip.crop(first - x, min(end, right) - x))
            if _NARROW.fullmatch("".join(segment.text for segment in strip)):
                yield y, first, piece
            else:  # a cut inside a wide character would shift the rest: begin where the strip does
                yield y, x, list(strip.crop(0, min(end, right) - x))


def _runs(
    line: Sequence[_Cell | None], x: int, wanted: Sequence[_Cell]
) -> Iterable[tuple[int, int]]:
    """Yield the stretches of ``wanted`` to send, short gaps between them filled."""
    runs: list[tuple[int, int]] = []
    for i, cell in enumerate(wanted):
        if line[x + i] == cell:
            continue
        if runs and i - runs[-1][1] <= _SHORT_GAP and _alike(wanted[runs[-1][1] - 1 : i + 1]):
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    return runs


def _alike(cells: Sequence[_Cell]) -> bool:
    return all(cell[1] == cells[0][1] for cell in cells)


class _InkUpdate(CompositorUpdate):
    """An update that is turned into bytes only when it is really written."""

    def __init__(self, ink: Ink, update: ChopsUpdate | LayoutUpdate, size: tuple[int, int]) -> None:
        self._ink = ink
        self._update = update
        self._size = size

    def render_segments(self, console: Console) -> str:
        """Return the bytes, as Textual asks for them."""
        return self._ink.write(self._update, self._size, console)


class InkApp(App[_Result]):
    """An application that writes only what changed; see the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ink = Ink()

    def on_mount(self) -> None:
        """After a suspended program the terminal shows something else: write everything again."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw(), immediate=True)

    def on_resize(self) -> None:
        """A terminal moves its text about when its size changes, even there and back."""
        self.ink.forget()

    def action_redraw(self) -> None:
        """Send the whole screen again, whatever the terminal shows now."""
        self.ink.forget()
        self.screen.refresh(layout=True)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, (ChopsUpdate, LayoutUpdate)) and not self.is_inline:
            update = _InkUpdate(self.ink, renderable, (self.size.width, self.size.height))
            super()._display(screen, cast("RenderableType", update))
        else:
            super()._display(screen, renderable)

    def _set_pointer_shape(self, shape: str) -> None:
        """Leave the mouse pointer alone: its shape is worth no bytes on every change of screen."""
