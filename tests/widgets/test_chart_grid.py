"""Charts in a grid: laid out for the room there is, axes over each other, names kept short."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.showing import shown, text
from tests.widgets.test_charts import curve
from widgets.cell_text import WIDE, in_cells, text_of, whole
from widgets.cells import changed_runs
from widgets.chart_grid import COUNTS, ChartGrid, columns_for
from widgets.chart_title import heading, titled
from widgets.chart_view import View
from widgets.text import cell_width


@pytest.mark.parametrize(
    ("count", "size", "columns"),
    [
        (1, (80, 20), 1),
        (2, (85, 34), 1),
        (2, (160, 12), 2),
        (4, (85, 34), 2),
        (6, (160, 52), 2),
        (9, (160, 52), 3),
        (12, (160, 52), 3),
        (6, (80, 12), 3),
    ],
)
def test_a_grid_is_laid_out_for_its_room(count: int, size: tuple[int, int], columns: int) -> None:
    assert columns_for(count, *size) == columns


@given(st.integers(1, 12), st.integers(0, 300), st.integers(0, 100))
def test_every_room_has_its_columns(count: int, width: int, height: int) -> None:
    assert 1 <= columns_for(count, width, height) <= count


async def test_plots_over_each_other_begin_in_the_same_column() -> None:
    grid = ChartGrid(view=View())
    values = ([1.0, 2.0], [0.0001, 0.0003], [1e9, 3e9], [-5.0, 5.0])
    async with shown(grid, 100, 30) as pilot:
        await grid.set_count(4)
        await pilot.pause()
        for chart, found in zip(grid, values, strict=True):
            chart.follow([curve(found)], title="Some name", now=True)
        await pilot.pause()
        await pilot.pause()
        corners = [chart.rows[-2][0].index("└") for chart in grid]
        assert corners[0] == corners[2] != corners[1] == corners[3]
        assert "smooth" not in "".join(text(grid.charts[0]))
        grid.view.factor = 0.6
        grid.draw_now()
        told = [["smooth 0.6" in chart.rows[0][0] for chart in row] for row in [grid.charts]]
        assert told == [[False, True, False, False]], "once is enough"


async def test_as_many_charts_as_can_be_read() -> None:
    grid = ChartGrid(view=View())
    async with shown(grid, 160, 52) as pilot:
        assert grid.most() == COUNTS[-1]
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert grid.most() == 1


def told(title: str, labels: list[str], width: int) -> str:
    lines = [curve([1.0, 0.25]) for _ in labels]
    for line, label in zip(lines, labels, strict=True):
        line.label = label
    row, keys = titled(heading(title, lines, width), ["smooth 0.6"], width)
    assert len(row) == len(keys) == width
    return text_of(row).rstrip()


def test_a_title_keeps_its_values_where_there_is_little_room() -> None:
    assert told("Loss", ["train", "valid"], 60).endswith("smooth 0.6")
    assert told("Loss", ["train", "valid"], 40) == " Loss   ━ train 0.2500    ━ valid 0.2500"
    assert told("Loss", ["train", "valid"], 30) == " Loss  ━ 0.2500 ━ 0.2500"
    assert told("Grad norm", ["grad_norm"], 30) == " Grad norm   ━ 0.2500"
    long = "Grader score for helpfulness and harmlessness of the answer"
    assert told(long, [long.lower().replace(" ", "_") + "_v2"], 40) == (
        " Grader score for helpfulnes…   ━ 0.2500"
    )


def test_wide_characters_take_their_cells() -> None:
    name = "损失函数/训练集"
    row = told(name, ["train"], 50)
    assert row.startswith(f" {name} ")
    cells = in_cells(name)
    assert len(cells) == cell_width(name) == 15
    assert text_of(cells) == name
    assert whole(cells[1:4]) == " 失" + WIDE
    assert whole(cells[:3]) == "损" + WIDE + " "
    assert list(changed_runs((cells, "T" * 15), (cells[:-1] + "x", "T" * 15))) == [(0, 15)]


async def test_a_name_in_wide_characters_is_drawn_as_wide_as_it_is() -> None:
    grid = ChartGrid(view=View())
    async with shown(grid, 60, 12) as pilot:
        chart = grid.charts[0]
        chart.follow([curve([1.0, math.nan, 2.0])], title="损失函数", now=True)
        await pilot.pause()
        for tile in chart.children:
            strip = tile.render_line(0)
            assert cell_width(strip.text) == tile.size.width
