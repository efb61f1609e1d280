"""Widgets in a running application: keys, messages, what they draw, and what they draw again."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from widgets.confirm import Confirm
from widgets.conversation import conversation
from widgets.event_log import KEPT, EventLog, LogRow
from widgets.histogram import Histogram
from widgets.issue_list import IssueGroup, IssueList, IssueRow
from widgets.loss_chart import LossChart
from widgets.record_data import Mark, RecordData
from widgets.record_list import RecordList, RowView
from widgets.record_view import RecordView
from widgets.text import use_ascii

HOSTILE = "\x1b]0;owned\x07 [/x] [@click=app.quit]q[/] \u202e\ud800"


@pytest.fixture(autouse=True)
def _unicode() -> Iterator[None]:
    yield
    use_ascii(False)


class One(App[None]):
    """An application that shows one widget and keeps the messages it sent."""

    CSS = "Screen { overflow: hidden; }"

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.got: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        if self.widget.can_focus:
            self.widget.focus()

    def of(self, kind: type[Message]) -> list[Message]:
        # The hook sees a message once at each widget that it bubbles through.
        return list({id(m): m for m in self.got if isinstance(m, kind)}.values())


@asynccontextmanager
async def shown(widget: Widget, width: int = 60, height: int = 12) -> AsyncIterator[Pilot[None]]:
    app = One(widget)
    async with app.run_test(size=(width, height), message_hook=app.got.append) as pilot:
        await pilot.pause()
        yield pilot


def text(widget: Widget) -> list[str]:
    if hasattr(widget, "rows"):
        return [chars.rstrip() for chars, _ in widget.rows]
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


class Watch:
    """Counts which regions of a widget are drawn again."""

    def __init__(self, widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.regions: list[Region] = []
        self.whole = 0
        inner = widget.refresh

        def refresh(*regions: Region, **how: bool) -> Widget:
            self.regions += regions
            self.whole += not regions
            return inner(*regions, **how)

        monkeypatch.setattr(widget, "refresh", refresh)


def rows(count: int = 100_000_000) -> RecordList:
    return RecordList(
        lambda i: RowView(i + 1, f"Record {i}", "sua", i, "error" if i % 3 == 2 else ""), count
    )


# RecordList


async def test_a_list_of_a_hundred_million_is_drawn_a_row_at_a_time() -> None:
    asked: list[int] = []

    def fetch(index: int) -> RowView:
        asked.append(index)
        return RowView(index + 1, f"Record {index}", "sua", 12)

    widget = RecordList(fetch, 100_000_000)
    async with shown(widget) as pilot:
        await pilot.press("G")
        await pilot.pause()
        assert widget.cursor == 99_999_999
        assert text(widget)[-1] == "▌  100000000  sua    Record 99999999                    12"
        assert len(set(asked)) <= 2 * 12


async def test_a_cursor_move_draws_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = rows()
    async with shown(widget) as pilot:
        watch = Watch(widget, monkeypatch)
        await pilot.press("j")
        await pilot.pause()
        assert sorted(region.y for region in watch.regions) == [0, 1]
        assert watch.whole == 0
        highlighted = pilot.app.of(RecordList.Highlighted)  # type: ignore[attr-defined]
        assert [message.index for message in highlighted] == [1]


async def test_growing_moves_and_draws_nothing_that_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget = rows(5_000)
    async with shown(widget) as pilot:
        widget.go_to(2_000)
        await pilot.pause()
        top = widget.top
        watch = Watch(widget, monkeypatch)
        widget.set_count(9_000)
        assert (widget.cursor, widget.top) == (2_000, top)
        assert (watch.regions, watch.whole) == ([], 0)


async def test_the_first_rows_are_said_when_they_come() -> None:
    widget = rows(0)
    async with shown(widget) as pilot:
        assert text(widget)[1] == " No records"
        widget.set_count(3)
        await pilot.pause()
        assert [line.strip() for line in text(widget)[1:4]] == [
            "2  sua    Record 1                                  1",
            "E   3  sua    Record 2                                  2",
            "",
        ]
        assert pilot.app.of(RecordList.Highlighted)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "cursor"),
    [
        (["j", "j", "k", "down"], 2),
        (["G", "g"], 0),
        (["end", "home"], 0),
        (["ctrl+d"], 6),
        (["ctrl+d", "ctrl+u"], 0),
        (["pagedown", "pageup"], 0),
        (["pagedown"], 11),
        (["k"], 0),
    ],
)
async def test_keys(keys: list[str], cursor: int) -> None:
    widget = rows()
    async with shown(widget) as pilot:
        await pilot.press(*keys)
        assert widget.cursor == cursor
        assert widget.top <= cursor < widget.top + 12


async def test_enter_and_click_choose() -> None:
    widget = rows()
    async with shown(widget) as pilot:
        await pilot.press("j", "enter")
        await pilot.click(widget, offset=(5, 4))
        await pilot.click(widget, offset=(5, 4))
        await pilot.pause()
        chosen = pilot.app.of(RecordList.Selected)  # type: ignore[attr-defined]
        assert [message.index for message in chosen] == [1, 4]


async def test_rows_over_the_edge_scroll_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = rows()
    async with shown(widget) as pilot:
        await pilot.press(*["j"] * 11)
        watch = Watch(widget, monkeypatch)
        await pilot.press(*["j"] * 8)
        assert watch.whole == 2
        assert widget.cursor == 19


async def test_only_rows_that_changed_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = {3: 5}
    widget = RecordList(lambda i: RowView(i + 1, f"Record {i}", "ua", tokens.get(i)), 50)
    async with shown(widget) as pilot:
        watch = Watch(widget, monkeypatch)
        tokens[4] = 9
        widget.invalidate()
        await pilot.pause()
        assert [region.y for region in watch.regions] == [4]


async def test_search_text_is_marked_and_nothing_foreign_passes() -> None:
    widget = RecordList(lambda i: RowView(i + 1, f"find {HOSTILE} Find", HOSTILE), 3)
    async with shown(widget, 100) as pilot:
        widget.highlight = "FIND"
        await pilot.pause()
        strip = widget.render_line(1)
        assert "␛]0;owned␇ [/x] [@click=app.quit]q[/] ‹202E›‹D800› Find" in strip.text
        assert [seg.text for seg in strip if seg.style and seg.style.reverse] == ["find", "Find"]


# RecordView

RAW = json.dumps(
    {
        "messages": [
            {"role": "system", "content": f"Be brief. {HOSTILE}"},
            {"role": "asistant", "content": "Hello there, how are you? " * 30, "weight": 0},
        ]
    }
)


def record() -> RecordData:
    turns, extra = conversation(json.loads(RAW))
    mark = Mark(
        "error",
        'role "asistant" is unknown',
        "unrecognized_role",
        "Did you mean assistant?",
        "messages[1].role",
        RAW.index('"asistant"'),
    )
    return RecordData(turns, RAW, (mark,), len(RAW), extra=extra)


async def test_a_record_is_a_conversation_with_its_faults_in_place() -> None:
    widget = RecordView()
    async with shown(widget, 50, 30) as pilot:
        widget.show(record())
        await pilot.pause()
        assert [line.rstrip(" ▐") for line in text(widget)[:9]] == [
            "▎ SYSTEM",
            "▎ Be brief. ␛]0;owned␇ [/x] [@click=app.quit]q[/]",
            "▎ ‹202E›‹D800›",
            "",
            "▎ E asistant · not trained (weight 0)",
            '▎ E unrecognized_role: role "asistant" is unknown',
            "▎   Did you mean assistant?",
            "▎ Hello there, how are you? Hello there, how are",
            "▎ you? Hello there, how are you? Hello there, how",
        ]


async def test_raw_text_has_carets_under_the_very_characters() -> None:
    widget = RecordView()
    async with shown(widget, 60, 30) as pilot:
        widget.show(record())
        await pilot.press("v")
        await pilot.pause()
        lines = text(widget)
        at = next(i for i, line in enumerate(lines) if '"asistant"' in line)
        assert lines[at + 1].index("^") == lines[at].index('"asistant"')
        assert lines[at + 1].count("^") == len('"asistant"')
        assert lines[at + 2].strip() == 'E unrecognized_role: role "asistant" is unknown'
        assert [m.mode for m in pilot.app.of(RecordView.ModeChanged)] == ["raw"]  # type: ignore[attr-defined]
        await pilot.press("p", "v")
        assert widget.mode == "chat"


async def test_find_goes_from_place_to_place_and_back() -> None:
    widget = RecordView()
    async with shown(widget, 40, 8) as pilot:
        widget.show(record())
        await pilot.pause()
        assert widget.find("HOW ARE")
        tops = [widget.top]
        while widget.find("how are"):
            tops.append(widget.top)
        assert len(tops) == 30
        assert tops == sorted(tops)
        assert widget.find("how are", backwards=True)
        assert not widget.find("nowhere")
        widget.clear_find()


async def test_any_width_and_size_is_survived() -> None:
    widget = RecordView()
    async with shown(widget, 20, 5) as pilot:
        widget.show(record())
        for size in ((1, 1), (3, 2), (200, 60), (9, 4)):
            await pilot.resize_terminal(*size)
            await pilot.press("v", "G", "g")
        widget.show(None)
        await pilot.pause()


async def test_what_is_not_a_conversation_is_shown_raw() -> None:
    widget = RecordView()
    async with shown(widget, 60, 10) as pilot:
        widget.show(RecordData((), '{"a": tru', (Mark("error", "cut off", start=6),), 9))
        await pilot.pause()
        assert text(widget)[:3] == [' {"a": tru', "       ^^^", " E cut off"]


# IssueList


def issues(kept: int = 3) -> IssueList:
    return IssueList(
        lambda code: [IssueRow(i * 10 + 1, 5, "messages[0].role", code) for i in range(kept)]
    )


GROUPS = [
    IssueGroup("bad_role", "error", 5, "a role that is not one"),
    IssueGroup("no_system", "advice", 2, "no system message"),
]


async def test_rules_open_to_their_issues() -> None:
    widget = issues()
    async with shown(widget, 80) as pilot:
        widget.set_groups(GROUPS)
        await pilot.press("enter", "j", "j")
        await pilot.pause()
        assert [line.strip() for line in text(widget)[:6]] == [
            "▾ E      5  bad_role      a role that is not one",
            "line 1:5         messages[0].role           bad_role",
            "▌      line 11:5        messages[0].role           bad_role",
            "line 21:5        messages[0].role           bad_role",
            "2 more are counted, not kept",
            "▸ A      2  no_system     no system message",
        ]
        await pilot.press("enter")
        await pilot.pause()
        chosen = pilot.app.of(IssueList.Selected)  # type: ignore[attr-defined]
        assert [(m.code, m.row.line) for m in chosen] == [("bad_role", 11)]
        await pilot.press("left")
        assert widget.row_count == 2
        assert widget.cursor == 0


async def test_counts_change_while_a_rule_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = issues()
    async with shown(widget, 80) as pilot:
        widget.set_groups(GROUPS)
        await pilot.press("j", "enter", "j")
        await pilot.pause()
        watch = Watch(widget, monkeypatch)
        more = [IssueGroup("bad_role", "error", 9, "a role that is not one"), GROUPS[1]]
        widget.set_groups(more)
        await pilot.pause()
        assert [region.y for region in watch.regions] == [0]
        assert watch.whole == 0
        widget.set_groups([IssueGroup("first", "error", 1), *more])
        assert widget.row_pieces(widget.cursor, 80)[0][0] == "▌"
        assert widget.cursor == 3


# LossChart


def points(count: int) -> list[tuple[int, dict[str, float]]]:
    return [
        (
            step,
            {"train_loss": 2 * math.exp(-step / 40) + 0.3}
            | ({"valid_loss": 2 * math.exp(-step / 40) + 0.5} if step % 10 == 0 else {}),
        )
        for step in range(1, count + 1)
    ]


async def test_a_chart_in_ascii_tells_its_lines_apart() -> None:
    use_ascii(True)
    widget = LossChart()
    async with shown(widget, 50, 12):
        assert text(widget)[5].strip() == "No metrics yet"
        widget.set_points(points(60), total_steps=100)
        widget.redraw()
        assert text(widget) == GOLDEN_CHART
        assert widget.summary() == (
            "train 0.7463, down from 2.2506, lowest 0.7463; "
            "valid 0.9463, down from 2.0576, lowest 0.9463"
        )


GOLDEN_CHART = [
    " Loss   * train 0.7463    o valid 0.9463",
    "  |",
    "  |***  o",
    "2 +.  ***oo.   .   .   .   .   .   .   .   .   .",
    "  |      **ooooooo",
    "  |           ****oooo",
    "1 +.   .   .   .   .**oooooooooo   .   .   .   .",
    "  |                          ***",
    "  |",
    "0 +.   .   .   .   .   .   .   .   .   .   .   .",
    "  ++----------------------+----------------------+",
    "   0                     50                    100",
]


async def test_points_late_twice_and_nan_are_taken() -> None:
    widget = LossChart()
    async with shown(widget, 50, 12):
        widget.append(
            [(1, {"train_loss": 2.0, "other": 9}), (3, {"train_loss": math.nan})], total_steps=4
        )
        widget.append([(2, {"train_loss": 1.0}), (1, {"train_loss": 1.5}), (4, {})])
        widget.redraw()
        assert widget.point_count == 3
        assert widget.rows[0][0].split() == ["Loss", "━", "train", "NaN"]


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (20, 5), (15, 30), (200, 3)])
async def test_tiny_charts_do_not_fail(size: tuple[int, int]) -> None:
    widget = LossChart()
    async with shown(widget, *size) as pilot:
        widget.set_points(points(30))
        widget.redraw()
        await pilot.resize_terminal(size[0] + 3, size[1] + 1)
        await pilot.pause()
        assert len(widget.rows) == widget.content_size.height


async def test_nothing_new_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = LossChart()
    async with shown(widget, 80, 20) as pilot:
        widget.set_points(points(50), total_steps=100)
        widget.redraw()
        watches = [Watch(tile, monkeypatch) for tile in widget.children]
        widget.append(points(50))
        widget.redraw()
        await pilot.pause()
        assert not any(watch.regions or watch.whole for watch in watches)
        widget.append([(51, {"train_loss": 0.8})])
        widget.redraw()
        assert sum(region.area for watch in watches for region in watch.regions) < 30


# The small ones


async def test_a_histogram_reads_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = Histogram()
    async with shown(widget, 40, 10) as pilot:
        widget.set_data(
            [0, 10, 20, 30], [4, 8, 1], limit=20, title="Tokens", percentiles={"p50": 12}
        )
        await pilot.press("right")
        await pilot.pause()
        assert text(widget) == GOLDEN_HISTOGRAM
        await pilot.press("end", "enter")
        await pilot.pause()
        assert text(widget)[1] == " 20–29 tokens: 1 (8%), over the limit"
        chosen = pilot.app.of(Histogram.Selected)  # type: ignore[attr-defined]
        assert [(m.index, m.low, m.high, m.count) for m in chosen] == [(2, 20, 30, 1)]
    with pytest.raises(ValueError, match="edge"):
        widget.set_data([1, 2], [1, 2])


GOLDEN_HISTOGRAM = [
    " Tokens",
    " 10–19 tokens: 8 (62%)",
    "  10 │",
    "     │        ███████",
    "     │        ███████",
    "     │███████ ███████",
    "     │███████ ███████ ▄▄▄▄▄▄▄",
    "     └────────▲───────!───────",
    "      0               20",
    " p50 12",
]


async def test_many_bins_are_joined() -> None:
    widget = Histogram()
    async with shown(widget, 30, 8) as pilot:
        widget.set_data(list(range(501)), [1] * 500)
        await pilot.press("end")
        await pilot.pause()
        assert "499" in text(widget)[1]


async def test_a_log_follows_until_someone_scrolls(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = EventLog()
    async with shown(widget, 60, 5) as pilot:
        assert text(widget)[1] == " No events yet"
        widget.append([LogRow("14:03:00", "info", f"Event {i} {HOSTILE}") for i in range(9)])
        await pilot.pause()
        assert "Event 8 ␛]0;owned␇" in text(widget)[3]
        await pilot.press("k", "k")
        top = widget.top
        watch = Watch(widget, monkeypatch)
        widget.append([LogRow("14:03:01", "error", "It failed")])
        assert (widget.top, watch.whole, watch.regions) == (top, 0, [])
        await pilot.press("G")
        assert text(widget)[4].rstrip(" ▐") == " 14:03:01 E It failed"
        assert widget.following


async def test_a_log_is_bounded() -> None:
    widget = EventLog()
    async with shown(widget, 60, 5) as pilot:
        widget.append([LogRow("1", "info", "x")] * KEPT)
        widget.append([LogRow("2", "info", "y")])
        await pilot.pause()
        assert widget.event_count <= KEPT
        assert widget.dropped > 0
        assert "y" in text(widget)[4]


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("enter", False)])
async def test_only_y_says_yes(key: str, answer: bool) -> None:
    app: App[None] = App()
    got: list[bool | None] = []
    async with app.run_test() as pilot:
        question = Confirm("Cancel [/x]?", [HOSTILE], yes="Cancel the run")
        app.push_screen(question, got.append)
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        assert got == [answer]
