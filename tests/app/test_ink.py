"""The terminal shows the same with fewer bytes: every frame is checked against a whole repaint."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.ink import Ink

WIDTH, HEIGHT = 24, 4
STYLES = [
    None,
    Style.parse("red on black"),
    Style.parse("#00ff00 on #101010"),
    Style.parse("bold #00ff00 on #101010"),
    Style.parse("reverse underline"),
    Style.parse("color(130) on color(17)"),
]
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=WIDTH)
TEXTS = st.text(st.sampled_from("ab0 ─⣿█é漢"), min_size=0, max_size=10)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(STYLES)), min_size=1, max_size=4)
FRAMES = st.lists(
    st.tuples(
        st.lists(LINES, min_size=HEIGHT, max_size=HEIGHT),
        st.one_of(st.none(), st.lists(st.tuples(*[st.integers(0, WIDTH)] * 2), max_size=4)),
    ),
    min_size=1,
    max_size=5,
)


def strip(parts: list[tuple[str, Style | None]]) -> Strip:
    return Strip([Segment(text, style) for text, style in parts if text]).adjust_cell_length(WIDTH)


def shown(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [
        [
            (c.data, c.fg, c.bg, c.bold, c.underscore, c.reverse)
            for c in (screen.buffer[y][x] for x in range(WIDTH))
        ]
        for y in range(HEIGHT)
    ]


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    return screen, pyte.Stream(screen)


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_the_terminal_shows_what_a_whole_repaint_would_show(frames) -> None:
    ink = Ink()
    screen, stream = terminal()
    for lines, spans in frames:
        strips = [strip(parts) for parts in lines]
        if spans is None:
            update = LayoutUpdate([[line] for line in strips], Region(0, 0, WIDTH, HEIGHT))
            stream.feed(ink.write(update, (WIDTH, HEIGHT), CONSOLE))
            plain, plain_stream = terminal()
            plain_stream.feed(update.render_segments(CONSOLE))
            assert shown(screen) == shown(plain)
        else:
            # Two widgets a line, cut in the middle; the spans name what changed.
            cut = WIDTH // 2
            marked = [
                (y, min(a, b), max(a, b)) for y, (a, b) in enumerate(spans) if a != b and y < HEIGHT
            ]
            if not marked:
                continue
            chops = [{0: s.crop(0, cut), cut: s.crop(cut, WIDTH)} for s in strips]
            plain, plain_stream = terminal()
            whole = LayoutUpdate(
                [[Strip.join([c[0], c[cut]])] for c in chops], Region(0, 0, WIDTH, HEIGHT)
            )
            plain_stream.feed(whole.render_segments(CONSOLE))
            # A widget never marks half a wide character (its second cell is empty here).
            marked = [
                (
                    y,
                    left - (plain.buffer[y][left].data == ""),
                    right + (plain.buffer[y][right].data == ""),
                )
                for y, left, right in marked
            ]
            update = ChopsUpdate(chops, marked, [[cut, WIDTH]] * HEIGHT)
            before = shown(screen)
            stream.feed(ink.write(update, (WIDTH, HEIGHT), CONSOLE))
            for y, left, right in marked:
                after, wanted = shown(screen)[y][left:right], shown(plain)[y][left:right]
                assert after == wanted
            for y in set(range(HEIGHT)) - {y for y, _, _ in marked}:
                assert shown(screen)[y] == before[y]


def test_an_unchanged_frame_costs_nothing_and_one_digit_a_few_bytes() -> None:
    ink = Ink()
    style = Style.parse("#e0e0e0 on #121212")

    def frame(text: str) -> LayoutUpdate:
        return LayoutUpdate([[strip([(text, style)])]], Region(0, 0, WIDTH, 1))

    size = (WIDTH, HEIGHT)
    ink.write(frame("step 10 of 60"), size, CONSOLE)
    assert ink.write(frame("step 10 of 60"), size, CONSOLE) == ""
    assert len(ink.write(frame("step 11 of 60"), size, CONSOLE)) < 60
    ink.forget()
    assert "step 11 of 60" in ink.write(frame("step 11 of 60"), size, CONSOLE)


def test_a_new_size_brings_a_whole_frame() -> None:
    ink = Ink()
    update = LayoutUpdate([[strip([("hello", None)])]], Region(0, 0, WIDTH, 1))
    ink.write(update, (WIDTH, HEIGHT), CONSOLE)
    assert "hello" in ink.write(update, (WIDTH + 1, HEIGHT), CONSOLE)
