"""The panel's charts at the keyboard: smoothing, zoom, cursor, grids, other runs, export."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import NOW, job, metrics, said, until
from tui.jobs import Job, MetricPoint, Update
from tui.messages import OpenRun
from tui.screens.export import ExportScreen
from tui.screens.job import JobScreen
from tui.screens.panel_choose import ChooseScreen

SIZE = (120, 40)


class Source:
    """A run of the test's own, which tells what it is given."""

    kind: Literal["job", "log"] = "log"
    can: frozenset[str] = frozenset()

    def __init__(self, name: str = "local-run") -> None:
        self.id = self.title = name
        self.queue: asyncio.Queue[Update] = asyncio.Queue()
        self.closed = False

    def tell(self, first: int, last: int, *, total: int | None = 100, job: Job | None = None):
        points = []
        for step in range(first, last + 1):
            values = {"train_loss": 3 / step, "grad_norm": 1.0 + step % 3, "my.own/number": -step}
            if step % 10 == 0:
                values["valid_loss"] = 3.5 / step
            points.append(MetricPoint(f"{step}", NOW + step, step, total, values))
        self.queue.put_nowait(Update(job, points=tuple(points)))

    async def updates(self) -> AsyncIterator[Update]:
        while True:
            yield await self.queue.get()

    async def aclose(self) -> None:
        self.closed = True


async def panel(pilot, source: Source) -> JobScreen:
    await pilot.pause()
    pilot.app.post_message(OpenRun(source))
    await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the panel")
    screen = pilot.app.screen
    assert isinstance(screen, JobScreen)
    screen._clock = lambda: NOW + 60
    await until(pilot, lambda: screen.chart.curves, "the first numbers")
    return screen


def local(steps: int = 60) -> Source:
    source = Source()
    found = Job.from_wire({"id": "local-run", "status": "running", "created_at": NOW}, "log")
    source.tell(1, steps, job=found)
    return source


async def test_any_source_is_followed_and_let_go_of(app) -> None:
    source = local()
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, source)
        await until(pilot, lambda: "60 / 100" in screen_text(app))
        assert "x cancel" not in screen_text(app), "a log cannot be cancelled"
        source.tell(61, 64)
        await until(pilot, lambda: "64 / 100" in screen_text(app))
        await pilot.press("q")
        await until(pilot, lambda: source.closed, "the source to be let go of")
        assert not screen.is_attached


async def test_keys_smooth_scale_and_style(app) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, local())
        await until(pilot, lambda: "smooth 0.6" in screen_text(app))
        for factor in ("0.9", "0.99"):
            await pilot.press("s")
            await until(pilot, lambda factor=factor: f"smooth {factor} " in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: screen.view.factor == 0)
        await pilot.press("S", "y")
        await until(pilot, lambda: "log y" in screen_text(app))
        assert screen.chart.axes.log
        await pilot.press("b")
        await until(pilot, lambda: any(c in "▘▝▀▖▌▞▛▗▚▐▜▄▙▟█" for c in screen_text(app)))
        await pilot.press("b")
        await until(pilot, lambda: "Drawn in ASCII" in screen_text(app))


async def test_zoom_pan_and_the_whole(app) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, local())
        await pilot.press("+", "+")
        await until(pilot, lambda: "38 to 63 of 100" in screen_text(app))
        await pilot.press("<")
        await until(pilot, lambda: screen.view.window == (32.0, 57.0))
        for _ in range(12):
            await pilot.press(">")
        assert screen.view.window == (75.0, 100.0)
        for _ in range(9):
            await pilot.press("+")
        low, high = screen.view.window
        assert high - low == 4, "no closer than four steps"
        await pilot.press("0")
        assert screen.view.window is None
        await pilot.press("-")
        assert screen.view.window is None


async def test_the_cursor_reads_every_chart_and_is_put_away(app) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, local())
        await pilot.press("left")
        await until(pilot, lambda: "Loss at step 60" in screen_text(app))
        assert "valid 0.0583" in screen_text(app)
        assert "to best" in screen_text(app)
        await pilot.press("left")
        await until(pilot, lambda: "Loss at step 59" in screen_text(app))
        await pilot.press("right", "right")
        assert screen.cursor_step() == 60
        await pilot.press("escape")
        await until(pilot, lambda: "at step" not in screen_text(app))


async def test_charts_of_any_number_in_a_grid(app) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, local())
        await pilot.press("v")
        await until(pilot, lambda: len(screen.grid.charts) == 2)
        await until(pilot, lambda: "Grad norm" in screen_text(app))
        await pilot.press("v")
        await until(pilot, lambda: "My.own/number" in screen_text(app), "a name never seen before")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"own", "enter")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: [chart.title for chart in screen.grid] == ["My.own/number"])
        await pilot.press("y")
        await until(pilot, lambda: "linear: no value above 0" in screen_text(app))


async def test_a_held_view_stays_as_it_is_while_numbers_are_counted(app) -> None:
    source = local()
    async with app.run_test(size=SIZE) as pilot:
        screen = await panel(pilot, source)
        await until(pilot, lambda: "60 / 100" in screen_text(app))
        await pilot.press("space")
        await until(pilot, lambda: "view held" in screen_text(app))
        source.tell(61, 80)
        await until(pilot, lambda: screen.state.step == 80)
        await pilot.press("y", "left")
        await until(pilot, lambda: "Loss at step 60" in screen_text(app))
        assert "60 / 100" in screen_text(app)
        await pilot.press("space", "escape")
        await until(pilot, lambda: "80 / 100" in screen_text(app))
        await pilot.press("left")
        await until(pilot, lambda: "Loss at step 80" in screen_text(app))


async def test_another_run_is_laid_over_and_taken_off_again(app, provider) -> None:
    provider.add(job(), *(metrics(step) for step in range(1, 31)))
    other = job("ftjob-2", "succeeded", user_provided_suffix="before", finished_at=NOW)
    provider.add(other, *(metrics(step, train_loss=1.0) for step in range(1, 61)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pilot.press("6")
        await until(pilot, lambda: "before" in screen_text(app), "the list of runs")
        screen = JobScreen("ftjob-1", clock=lambda: NOW + 60)
        await app.push_screen(screen)
        await until(pilot, lambda: "30 / 60" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await until(pilot, lambda: "[ ] before" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "a before" in screen_text(app), "the other run on the chart")
        await pilot.press("a")
        await until(pilot, lambda: "by time" in screen_text(app), "tokens are not known here")
        await pilot.press("c")
        await until(pilot, lambda: "[x] before" in screen_text(app))
        await pilot.press("space")
        await until(pilot, lambda: "[ ] before" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: not screen.guests, "the other run to be gone")
        assert "a before" not in screen_text(app)


@pytest.mark.parametrize("kind", [".csv", ".json", ".svg", ".png", ".txt"])
async def test_what_is_seen_is_written_to_a_file(app, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"out{kind}"
    async with app.run_test(size=SIZE) as pilot:
        await panel(pilot, local())
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        app.screen.entry.value = str(file)
        await pilot.press("enter")
        await until(pilot, file.exists, "the file")
        await until(pilot, lambda: "Wrote" in screen_text(app))
    data = file.read_bytes()
    if kind == ".csv":
        rows = list(csv.reader(data.decode().splitlines()))
        assert rows[0] == ["step", "time", "train_loss", "grad_norm", "my.own/number", "valid_loss"]
        assert len(rows) == 61
    elif kind == ".json":
        assert len(json.loads(data)["runs"][0]["metrics"]["train_loss"]["steps"]) == 60
    elif kind == ".txt":
        assert data.decode().startswith(" Loss   ━ train")
    else:
        assert data.startswith(b"<svg" if kind == ".svg" else b"\x89PNG")


async def test_an_export_never_replaces_a_file_unasked(app, tmp_path: Path) -> None:
    file = tmp_path / "kept.csv"
    file.write_text("mine")
    async with app.run_test(size=SIZE) as pilot:
        await panel(pilot, local())
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        app.screen.entry.value = str(tmp_path / "folder-that-is-not" / "x.csv")
        await pilot.press("enter")
        await until(pilot, lambda: "There is no folder" in screen_text(app))
        app.screen.entry.value = str(file)
        await pilot.press("enter")
        await until(pilot, lambda: "Replace what is there?" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        assert file.read_text() == "mine"


async def test_where_the_order_of_the_data_is_not_known_the_panel_says_so(app) -> None:
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await panel(pilot, local())
        await pilot.press("left", "enter")
        await until(pilot, lambda: "Which records a step" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "No training value stands out" in screen_text(app))


async def test_a_failed_run_says_why_there_is_no_chart(app, provider) -> None:
    provider.add(job(status="failed", error={"code": "x", "message": "no"}), said(1, "no", "error"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await app.push_screen(JobScreen("ftjob-1", clock=lambda: NOW))
        await until(pilot, lambda: "failed before its first measurement" in screen_text(app))


@pytest.mark.parametrize("size", [(40, 12), (60, 16), (80, 24), (200, 60)])
async def test_every_size_has_its_chart(app, size) -> None:
    async with app.run_test(size=size) as pilot:
        screen = await panel(pilot, local())
        await until(pilot, lambda: any("⠀" < c <= "⣿" for c in screen_text(app)), "the chart")
        await until(pilot, lambda: "60 / 100" in screen_text(app))
        assert screen.chart.region.height >= min(size[1] - 4, size[1] * 0.45)
