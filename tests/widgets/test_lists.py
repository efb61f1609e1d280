"""Lists of records, of issues and of events at the keyboard, and what they draw again."""

from __future__ import annotations

import pytest

from tests.widgets.showing import HOSTILE, Watch, shown, text
from widgets.event_log import KEPT, EventLog, LogRow
from widgets.issue_list import IssueGroup, IssueList, IssueRow
from widgets.record_list import RecordList, RowView


def rows(count: int = 100_000_000) -> RecordList:
    return RecordList(
        lambda i: RowView(i + 1, f"Record {i}", "sua", i, "error" if i % 3 == 2 else ""), count
    )


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
        assert widget.row_count <= KEPT
        assert widget.dropped > 0
        assert "y" in text(widget)[4]
