"""The table of figures, and what lists gained for views and patterns."""

from __future__ import annotations

import re

from tests.widgets.showing import One, shown
from widgets.figure_table import FigureRow, FigureTable
from widgets.issue_list import IssueGroup, IssueList, IssueRow
from widgets.record_data import RecordData
from widgets.record_list import RecordList, RowView, marked
from widgets.record_view import RecordView

ROWS = [FigureRow("Tokens", ("12", "37", "900")), FigureRow("Messages", ("1", "3", "3"))]


def text_of(widget: FigureTable | RecordList, rows: int) -> list[str]:
    return [widget.render_line(y).text for y in range(rows)]


async def test_the_cursor_goes_from_figure_to_figure() -> None:
    table = FigureTable(label_width=10)
    async with shown(table, 50, 6) as pilot:
        table.set_figures(["min", "median", "max"], ROWS)
        await pilot.pause()
        assert text_of(table, 3)[0].split() == ["min", "median", "max"]
        assert "▸12" in text_of(table, 3)[1]
        await pilot.press("right", "right", "right", "enter")
        assert table.move(1, 0)
        assert not table.move(1, 0)
        await pilot.press("home", "enter")
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, One)
        chosen = app.of(FigureTable.Selected)
        assert [(m.row, m.column) for m in chosen] == [(0, 2), (1, 0)]


async def test_columns_that_do_not_fit_are_left_out() -> None:
    table = FigureTable(label_width=10)
    async with shown(table, 24, 6) as pilot:
        table.set_figures(["min", "median", "max"], ROWS)
        await pilot.pause()
        assert text_of(table, 1)[0].split() == ["min", "median"]
        await pilot.press("end", "enter")
        await pilot.pause()
        assert table.column == 1
        table.set_figures([], [])
        await pilot.press("right", "enter", "down")
        assert table.column == 0


async def test_other_rows_keep_the_cursor_as_high_as_it_was() -> None:
    listed = RecordList(lambda i: RowView(i + 1, f"record {i}", match=i == 3), 100)
    async with shown(listed, 40, 10) as pilot:
        listed.go_to(50)
        await pilot.pause()
        height = listed.cursor - listed.top
        listed.show_rows(60, 30, largest=12_345, told=False)
        await pilot.pause()
        assert (listed.cursor, listed.cursor - listed.top) == (30, height)
        listed.show_rows(0, 0, largest=12_345)
        await pilot.pause()
        assert listed.cursor == 0
        listed.show_rows(5, 4, largest=5)
        await pilot.pause()
        assert [line[:9] for line in text_of(listed, 5)][3] == "  *  4  r"


async def test_a_pattern_is_marked_and_gone_to() -> None:
    assert marked("Refund 12, refund 7", re.compile(r"refund \d")) == [
        ("Refund 12, ", ""),
        ("refund 7", "rows--match"),
    ]
    assert marked("abc", re.compile("x*")) == [("abc", "")]
    assert marked("A.b", "a.") == [("A.", "rows--match"), ("b", "")]
    view = RecordView()
    async with shown(view, 40, 6) as pilot:
        view.show(RecordData(raw="\n".join(f"line {n}" for n in range(50))))
        await pilot.pause()
        assert view.find(re.compile(r"line 4\d"))
        assert view.top > 20
        assert not view.find(re.compile("zebra"))


async def test_a_rule_may_be_chosen_rather_than_opened() -> None:
    listed = IssueList(lambda _code: [IssueRow(3, 1, "", "bad")], enter_opens=False)
    async with shown(listed, 60, 8) as pilot:
        listed.set_groups([IssueGroup("blank_content", "error", 1)])
        await pilot.press("enter")
        await pilot.pause()
        assert listed.row_count == 1
        app = pilot.app
        assert isinstance(app, One)
        assert [m.code for m in app.of(IssueList.Chosen)] == ["blank_content"]
        await pilot.press("space")
        await pilot.pause()
        assert listed.row_count == 2
