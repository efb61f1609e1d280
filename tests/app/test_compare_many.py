"""Many runs side by side: which are drawn, in what order, by what number, and what is written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import FakeProvider, job, metrics, until
from tui.messages import CompareRuns
from tui.screens.compare import CompareScreen
from tui.screens.export import ExportScreen

RUNS = 12


@pytest.fixture
def provider() -> FakeProvider:
    found = FakeProvider()
    for number in range(1, RUNS + 1):
        # The first one has nothing to draw; of the others the last is the best.
        steps = 0 if number == 1 else 4 + number
        found.add(
            job(f"ftjob-{number:02}", "succeeded", user_provided_suffix=f"run{number:02}"),
            *[
                metrics(
                    step,
                    steps,
                    train_loss=3.0 / step + 1 / number,
                    valid_loss=3.0 / step + 2 / number,
                    train_mean_token_accuracy=step / 100 + number / 1000,
                )
                for step in range(1, steps + 1)
            ],
        )
    return found


KEYS = tuple(("fake", f"ftjob-{number:02}") for number in range(1, RUNS + 1))


async def opened(app, pilot, keys=KEYS) -> CompareScreen:
    await pilot.pause()
    app.post_message(CompareRuns(keys))
    await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the screen")
    screen = app.screen
    full = [run for run in screen.runs if run.key[1] != "ftjob-01"]
    await until(pilot, lambda: all(run.state.terminal for run in full), "the runs")
    await until(pilot, lambda: all(run.state.step for run in full), "their numbers")
    await until(pilot, lambda: not screen.dirty, "all of it shown")
    return screen


def drawn(screen: CompareScreen) -> dict[str, str]:
    return {curve.sign: curve.label for curve in screen.chart.curves}


async def test_the_first_eight_that_have_numbers_are_drawn_until_others_are_chosen(app) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        assert list(drawn(screen).values()) == [f"run{n:02}" for n in range(2, 10)]
        assert "8 of 12 runs are drawn" in screen_text(app)
        await pilot.press("G", "space")
        await until(pilot, lambda: "8 runs are drawn at most" in screen_text(app), "no room")
        await pilot.press("g", "down", "space", "G", "space")
        await until(pilot, lambda: drawn(screen).get("a") == "run12", "another in its place")
        assert "run02" not in drawn(screen).values()
        await pilot.press("y")
        assert drawn(screen)["a"] == "run12", "what was chosen stays"


async def test_sorted_by_a_column_the_best_are_drawn_and_lettered_in_order(app) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("O", *"best valid", "enter")
        await until(pilot, lambda: screen.runs[0].title == "run12", "the best on top")
        assert drawn(screen) == dict(
            zip("abcdefgh", (f"run{n:02}" for n in range(12, 4, -1)), strict=True)
        )
        assert screen.runs[-1].title == "run01", "the one without numbers is last"
        assert screen.table.cursor == 0
        assert "Best valid ▲" in screen_text(app)
        await pilot.press("R")
        await until(pilot, lambda: screen.runs[0].title == "run02", "the other way round")
        assert screen.runs[-1].title == "run01"


async def test_the_cursor_of_the_table_stays_on_its_run(app, provider) -> None:
    provider.set("ftjob-02", "running")
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns(KEYS[:4]))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the screen")
        screen = app.screen
        await until(pilot, lambda: all(run.state.step for run in screen.runs[1:]), "numbers")
        screen.sort_by("train")
        await until(pilot, lambda: screen.runs[2].title == "run02", "sorted")
        await pilot.press("down", "down")
        assert screen.table.current.title == "run02"
        better = metrics(20, 30, train_loss=0.001)
        provider.add(provider.jobs["ftjob-02"], better)
        await until(pilot, lambda: screen.runs[0].title == "run02", "it takes the lead, live")
        assert screen.table.current.title == "run02"
        assert screen.table.cursor == 0


async def test_another_number_and_the_values_at_a_cursor(app) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("m", *"accuracy", "enter")
        await until(pilot, lambda: "Training token accuracy" in screen_text(app), "the number")
        assert "highest" not in screen_text(app), "no run tells it of validation data"
        await pilot.press("full_stop")
        await until(pilot, lambda: "At 1" in screen_text(app), "a column of the cursor")
        cells = next(c.cells for c in screen.table.columns if c.key == "cursor")
        assert cells[0] == "-"
        assert cells[11] == "0.0220", "also of a run that is not drawn"
        screen.view.cursor = 12.0
        screen.show()
        cells = next(c.cells for c in screen.table.columns if c.key == "cursor")
        assert cells[1] == "-", "a run that ended before has no value there"
        await pilot.press("plus")
        assert screen.view.window is not None
        await pilot.press("escape")
        assert screen.view.cursor is None


async def asked(app, pilot, path: str) -> None:
    """Ask for an export to a path."""
    await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the screen")
    await pilot.press("w")
    await until(pilot, lambda: isinstance(app.screen, ExportScreen), "the question")
    app.screen.entry.value = path
    await pilot.press("enter")


async def written(app, pilot, path: Path) -> bytes:
    await asked(app, pilot, str(path))
    await until(pilot, lambda: f"Wrote {path}" in screen_text(app), "said")
    return path.read_bytes()


async def test_what_is_exported_can_be_read(app, tmp_path: Path) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        table = (await written(app, pilot, tmp_path / "my table.csv")).decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [row["run"] for row in rows] == [run.title for run in screen.runs]
        assert rows[11]["best_valid_step"] == "16"
        points = (await written(app, pilot, tmp_path / "x.points.csv")).decode()
        assert len(list(csv.DictReader(io.StringIO(points)))) == sum(range(6, 17))
        found = json.loads(await written(app, pilot, tmp_path / "x.json"))
        assert len(found["runs"][11]["metrics"]["train_loss"]["values"]) == 16
        assert found["runs"][0]["metrics"] == {}
        text = (await written(app, pilot, tmp_path / "x.txt")).decode()
        assert "run12 has the lowest validation loss" in text
        assert "\na  run02" in text, "letters stand in the table as on the chart"
        assert (await written(app, pilot, tmp_path / "x.svg")).startswith(b"<svg")


async def test_what_cannot_be_written_is_said_and_nothing_is_left(app, tmp_path: Path) -> None:
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await opened(app, pilot)
        old = tmp_path / "old.csv"
        old.write_text("precious")
        for value, words in (
            (str(tmp_path / "x.doc"), "must end in one of"),
            (str(tmp_path / "no" / "x.csv"), "There is no folder"),
            (str(old), "Replace what is there?"),
        ):
            await asked(app, pilot, value)
            await until(pilot, lambda words=words: words in screen_text(app), words)
            if "Replace" in words:
                await pilot.press("n")
                await until(pilot, lambda: isinstance(app.screen, ExportScreen), "kept")
            await pilot.press("escape")
        assert old.read_text() == "precious"
        await asked(app, pilot, "/proc/x.csv")
        await until(pilot, lambda: "Nothing was written" in screen_text(app), "why not")


async def test_a_provider_that_stops_answering_is_said_of_its_runs(app, provider) -> None:
    provider.set("ftjob-03", "running")
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns(KEYS[:4]))
        await until(pilot, lambda: "run03" in screen_text(app), "the runs")
        provider.down = "nobody is at home"
        await until(pilot, lambda: "running?" in screen_text(app), "marked")
        assert "1 run as last known: nobody is at home" in screen_text(app)


async def test_more_runs_than_can_be_compared_are_left_out_aloud(app, monkeypatch) -> None:
    monkeypatch.setattr("tui.screens.compare_follow.MOST", 4)
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns(KEYS))
        await until(pilot, lambda: "4 runs at most: 8 runs left out" in screen_text(app), "said")
        assert len(app.screen.runs) == 4


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (200, 60)])
async def test_it_fits_any_size(app, size) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        screen.sort_by("best")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: screen.table.size.height <= size[1] // 2, "its rows")
        await until(pilot, lambda: "Best valid" in screen_text(app), "what is sorted by")
        assert screen.chart.size.height >= 4
