"""Runs side by side: jobs and logs on one chart and in a table, and where one goes from there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import FakeProvider, job, metrics, until
from tests.logs.reading import DATA
from tui.messages import CompareRuns
from tui.run.stop_words import parse_all
from tui.screens.compare import CompareScreen
from tui.screens.job import JobScreen


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    shutil.copy(DATA / "trainer_log.jsonl", tmp_path / "local")
    return tmp_path / "local" / "trainer_log.jsonl"


def fill(provider: FakeProvider) -> None:
    steps = [metrics(step, valid_loss=2.0 / step) for step in range(1, 21)]
    provider.add(job("ftjob-1"), *steps)
    other = job("ftjob-2", hyperparameters={"n_epochs": 5}, user_provided_suffix="second")
    provider.add(other, *steps[:10])


async def test_jobs_and_logs_side_by_side(app, provider, log) -> None:
    fill(provider)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        keys = (("fake", "ftjob-1"), ("fake", "ftjob-2"), ("log", str(log)))
        app.post_message(CompareRuns(keys))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the screen")
        await until(pilot, lambda: "60/60" in screen_text(app), "the log")
        await until(pilot, lambda: "20/60" in screen_text(app), "the first job")
        await until(pilot, lambda: "10/60" in screen_text(app), "the second job")
        shown = screen_text(app)
        assert "a support" in shown
        assert "b second" in shown
        assert "c local" in shown, "a log is named by its folder where all are called so"
        assert "epochs" in shown
        assert "support has the lowest validation loss, 0.1000 at step 20" in shown
        assert len(app.screen.chart.curves) == 3
        await pilot.press("v")
        await until(pilot, lambda: "Validation loss" in screen_text(app), "validation")
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen.keys) == 2, "one less")
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel of the log")
        await until(pilot, lambda: "succeeded" in screen_text(app), "its end")
        assert "provider" not in screen_text(app)


async def test_columns_that_do_not_fit_are_reached(app, provider, log) -> None:
    fill(provider)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns((("fake", "ftjob-1"), ("fake", "ftjob-2"))))
        await until(pilot, lambda: " →" in screen_text(app), "columns are hidden")
        assert "Data" not in screen_text(app)
        await until(pilot, lambda: app.screen.table.hidden()[1] > 0, "measured")
        while app.screen.table.hidden()[1]:
            first = app.screen.table.first
            await pilot.press("right")
            assert app.screen.table.first == first + 1
        assert "< " in screen_text(app)


async def test_a_log_that_is_gone_is_told_in_its_row(app, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns((("log", str(tmp_path / "gone.csv")),)))
        await until(pilot, lambda: "there is no" in screen_text(app), "the trouble")


async def test_a_rule_in_the_panel_of_a_log(app, log) -> None:
    app.stop_rules[str(log)] = parse_all(["loss > 3.8; eval_loss < 2"])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.open_logs([str(log)])
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")
        await until(pilot, lambda: "60 / 60" in screen_text(app), "all of it")


async def test_rules_are_typed_in_the_panel_and_cancel_only_when_they_say_so(app, provider) -> None:
    fill(provider)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await app.push_screen(JobScreen("ftjob-1"))
        await until(pilot, lambda: "20 / 60" in screen_text(app), "the run")
        await pilot.press("i")
        await until(pilot, lambda: "Rules look like these" in screen_text(app), "the question")
        await pilot.press(*"step > 5")
        await until(
            pilot, lambda: "Once step is over 5, you are told." in screen_text(app), "words"
        )
        await pilot.press("enter")
        await until(pilot, lambda: "Stop rule 'step > 5'" in screen_text(app), "it fires")
        assert not provider.calls
        await pilot.press("i", *"step > 6 then cancel", "enter")
        await until(pilot, lambda: ("cancel", "ftjob-1") in provider.calls, "the cancel")
        await until(pilot, lambda: "■ cancelled" in screen_text(app), "the end")


async def test_the_dataset_of_a_run_and_the_runs_of_a_dataset(app, provider, tmp_path) -> None:
    from tests.app.job_fakes import NOW
    from tui.jobs import LaunchRow, LaunchState, open_ledger
    from tui.jobs.rows import Owner
    from tui.jobs.sending import sha256_of

    fill(provider)
    data = tmp_path / "train.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "hello"}]}\n' * 12)
    ledger = open_ledger(app.paths.state)
    ledger.plan(
        LaunchRow(
            "launch-1", provider.endpoint, "fake", str(data), sha256_of(data), "micro",
            LaunchState.PLANNED, None, None, "", {}, {}, Owner.me(), NOW, None, NOW,
        )
    )  # fmt: skip
    ledger.advance("launch-1", LaunchState.CREATED, job_id="ftjob-1")
    ledger.close()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns((("fake", "ftjob-1"),)))
        await until(pilot, lambda: "20/60" in screen_text(app), "the run")
        await pilot.press("o")
        await until(pilot, lambda: app.workspace.path == str(data), "its dataset")
        await until(pilot, lambda: app.workspace.source is not None, "open")
        app.action_runs_of_dataset()
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the run of this dataset")
        assert app.screen.job_id == "ftjob-1"


async def test_a_run_whose_provider_cannot_be_used_is_shown_as_last_known(app, provider) -> None:
    from tui.jobs import open_ledger

    fill(provider)
    ledger = open_ledger(app.paths.state)
    ledger.keep_jobs("gone http://127.0.0.1:9/v1", [job("ftjob-9", user_provided_suffix="old")])
    ledger.close()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.post_message(CompareRuns((("fake", "ftjob-1"), ("gone", "ftjob-9"))))
        await until(pilot, lambda: "20/60" in screen_text(app), "the run")
        await until(pilot, lambda: "running?" in screen_text(app), "what was known last")
        assert "b old " in screen_text(app)
        assert "1 run as last known" in screen_text(app)
