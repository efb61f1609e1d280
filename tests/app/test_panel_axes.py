"""The panel's y axis at the keyboard: zoomed, with and without outliers; grids as large as fit."""

from __future__ import annotations

from tests.app.aids import screen_text
from tests.app.job_fakes import NOW, until
from tests.app.test_panel_charts import Source, local, panel
from tui.jobs import Job, MetricPoint, Update

SIZE = (120, 40)


def spiked() -> Source:
    source = Source()
    values = [900.0] + [2 / (1 + step / 9) for step in range(99)]
    points = tuple(
        MetricPoint(f"{step}", NOW + step, step, 100, {"train_loss": value, "aux": -value})
        for step, value in enumerate(values, 1)
    )
    job = Job.from_wire({"id": "local-run", "status": "running", "created_at": NOW}, "log")
    source.queue.put_nowait(Update(job, points=points))
    return source


async def test_outliers_are_left_out_and_taken_in(app) -> None:
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await panel(pilot, spiked())
        await until(pilot, lambda: "1 outlier outside" in screen_text(app))
        assert screen.chart.axes.y1 <= 3
        assert "↑" in screen_text(app)
        await pilot.press("Y")
        await until(pilot, lambda: screen.chart.axes.y1 >= 900)
        assert "outside" not in screen_text(app)
        await pilot.press("Y")
        await until(pilot, lambda: screen.chart.axes.y1 <= 3)


async def test_the_y_axis_is_zoomed_in_every_chart_and_whole_again(app) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, local())
        await pilot.press("v")
        await until(pilot, lambda: all(chart.curves for chart in screen.grid.charts))
        before = [chart.axes for chart in screen.grid]
        await pilot.press("K", "K")
        await until(pilot, lambda: "y zoomed" in screen_text(app))
        for old, chart in zip(before, screen.grid, strict=True):
            assert chart.axes.y1 - chart.axes.y0 < old.y1 - old.y0
        await pilot.press("J")
        await pilot.press("0")
        await until(pilot, lambda: [chart.axes for chart in screen.grid] == before)


async def test_a_log_without_events_leaves_its_room_to_the_charts(app) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await panel(pilot, local())
        await until(pilot, lambda: screen.events.size.height == 1)
        assert screen.chart.size.height >= 16


async def test_as_many_charts_as_there_is_room_for(app) -> None:
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await panel(pilot, local())
        await pilot.press("v")
        await until(pilot, lambda: screen.grid.count == 2)
        await pilot.press("v")
        await until(pilot, lambda: screen.grid.count in (1, 4))
