"""The live panel: chart, facts and events of one run, and one key that cancels it."""

from __future__ import annotations

import math

import pytest

from tests.app.aids import assert_golden, screen_text
from tests.app.job_fakes import NOW, application, job, metrics, said, until
from tui.opened.workspace import Stage
from tui.run.feed import feed_of
from tui.screens.job import JobScreen


async def panel(pilot, job_id: str = "ftjob-1", now: float = NOW + 60) -> JobScreen:
    screen = JobScreen(job_id, clock=lambda: now)
    await pilot.pause()
    await pilot.app.push_screen(screen)
    return screen


async def test_the_panel_shows_chart_facts_and_events(app, provider) -> None:
    steps = [metrics(step, valid_loss=2.7 / (1 + step / 10)) for step in range(1, 31)]
    provider.add(job(), said(0, "Fine-tuning job started"), *steps)
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "30 / 60" in screen_text(app), "thirty steps")
        shown = screen_text(app)
        assert "● running" in shown
        assert "50%" in shown
        assert "Train loss" in shown
        assert "0.6250" in shown
        assert "2 / 3" in shown  # the epoch
        assert "about 30s" in shown  # one step a second is what the events say
        assert "Fine-tuning job started" in shown
        await until(pilot, lambda: any("⠀" < c <= "⣿" for c in screen_text(app)), "the chart")
        assert "Step 30/60" not in shown, "measurements are on the chart, not in the log"


async def test_x_and_any_key_but_y_leaves_the_run_alone(app, provider) -> None:
    provider.add(job(), metrics(1))
    async with app.run_test(size=(80, 24)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "1 / 60" in screen_text(app))
        for key in ("n", "enter", "escape", "space", "q", "x"):
            await pilot.press("x")
            await until(pilot, lambda: "Cancel this run?" in screen_text(app))
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, JobScreen), f"the panel after {key}")
        assert provider.calls == []


async def test_x_y_cancels_and_shows_it_only_when_the_provider_says_so(app, provider) -> None:
    provider.add(job(), metrics(12))
    provider.cancels_at_once = False
    async with app.run_test(size=(80, 24)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "12 / 60" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Cancel this run?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "◌ cancelling" in screen_text(app))
        await until(pilot, lambda: provider.calls == [("cancel", "ftjob-1")])
        assert "■ cancelled" not in screen_text(app)
        provider.set("ftjob-1", "cancelled", finished_at=NOW + 90)
        await until(pilot, lambda: "■ cancelled" in screen_text(app))
        await until(pilot, lambda: "Cancelled after 12 of 60 steps" in screen_text(app))
        await pilot.press("x")
        assert isinstance(app.screen, JobScreen)
        assert provider.calls == [("cancel", "ftjob-1")]


async def test_a_cancel_of_an_earlier_start_is_still_told_of(app, provider) -> None:
    provider.add(job(), metrics(12))
    async with app.run_test(size=(80, 24)) as pilot:
        ledger = await feed_of(app).ledger()
        ledger.keep_jobs(provider.endpoint, [job()])
        ledger.keep_cancel(provider.endpoint, "ftjob-1", heard=True)
        await panel(pilot)
        await until(pilot, lambda: "◌ cancelling" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Cancel this run?" in screen_text(app), "the question")
        await pilot.press("y")
        await until(pilot, lambda: provider.calls == [("cancel", "ftjob-1")])
        await until(pilot, lambda: "■ cancelled" in screen_text(app))


async def test_a_finished_run_says_what_came_of_it_and_what_to_do(app, provider) -> None:
    provider.add(
        job(
            status="succeeded",
            finished_at=NOW + 61,
            fine_tuned_model="ft:micro:local:support:1",
            trained_tokens=48_460,
        ),
        *(metrics(step, total=10, valid_loss=3 / step) for step in range(1, 11)),
    )
    async with app.run_test(size=(160, 45)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "Done after" in screen_text(app))
        shown = screen_text(app)
        assert "ft:micro:local:support:1" in shown
        assert "48,460" in shown
        assert "best validation 0.3000 at step 10" in shown
        assert "tunedeck results ftjob-1" in shown


async def test_a_failed_run_names_the_line_and_e_goes_there(
    provider, home, monkeypatch, tmp_path
) -> None:
    file = tmp_path / "train.jsonl"
    record = '{"messages": [{"role": "user", "content": "hi"}]}\n'
    file.write_text(record * 12)
    app = application(provider, home, monkeypatch, file=file)
    provider.add(
        job(
            status="failed",
            finished_at=NOW + 2,
            error={"code": "invalid_training_file", "message": "Example 7 has no \x1b[31mrole"},
        ),
        said(1, "Example 7 has no role", "error"),
    )
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("6")  # a panel lies over the list of runs
        screen = await panel(pilot)
        await until(pilot, lambda: "Failed" in screen_text(app))
        assert "Example 7 has no" in screen_text(app)
        assert "\x1b" not in screen_text(app)
        assert "Line 7 of the training file" in screen_text(app)
        screen.file = app.workspace.path
        await pilot.press("e")
        await until(pilot, lambda: "Record 7 of 12" in screen_text(app), "the record at fault")


async def test_trouble_is_one_line_and_goes_when_the_provider_is_back(app, provider) -> None:
    provider.add(job(), metrics(3))
    async with app.run_test(size=(80, 24)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "3 / 60" in screen_text(app))
        provider.down = "nothing answers at 127.0.0.1:9"
        await until(pilot, lambda: "nothing answers" in screen_text(app))
        assert "3 / 60" in screen_text(app)
        provider.down = ""
        await until(pilot, lambda: "nothing answers" not in screen_text(app))


async def test_space_holds_the_view_and_loses_nothing(app, provider) -> None:
    provider.add(job(), metrics(3))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await panel(pilot)
        await until(pilot, lambda: "3 / 60" in screen_text(app))
        await pilot.press("space")
        await until(pilot, lambda: "view held" in screen_text(app))
        provider.history["ftjob-1"] += [metrics(4), metrics(5), said(9, "halfway")]
        await until(pilot, lambda: screen.state.step == 5)
        assert "3 / 60" in screen_text(app)
        assert "halfway" not in screen_text(app)
        await pilot.press("space")
        await until(pilot, lambda: "5 / 60" in screen_text(app))
        assert "halfway" in screen_text(app)


async def test_pause_and_resume(app, provider) -> None:
    provider.add(job(), metrics(3))
    async with app.run_test(size=(100, 30)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "3 / 60" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: "‖ paused" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "● running" in screen_text(app))
        assert provider.calls == [("pause", "ftjob-1"), ("resume", "ftjob-1")]


async def test_nothing_is_changed_where_the_provider_is_read_only(
    app, provider, monkeypatch
) -> None:
    monkeypatch.setattr("tui.run.feed.JobFeed.read_only", lambda feed, name=None: True)
    provider.add(job(), metrics(3))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await panel(pilot)
        await until(pilot, lambda: "3 / 60" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Read-only" in screen_text(app))
        await pilot.press("p", "y")
        await pilot.pause()
        assert app.screen is screen
        assert provider.calls == []


async def test_odd_numbers_are_gaps_and_never_fatal(app, provider) -> None:
    odd = [metrics(step, valid_loss=math.nan if step % 2 else math.inf) for step in range(1, 9)]
    provider.add(job(), *odd, metrics(3), metrics(9, train_loss=math.nan))
    async with app.run_test(size=(80, 24)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "9 / 60" in screen_text(app))


async def test_an_unknown_run_says_so(app) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await panel(pilot, "ftjob-nowhere")
        await until(pilot, lambda: "there is no job ftjob-nowhere" in screen_text(app))


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
async def test_the_panel_looks_as_kept(app, provider, size) -> None:
    steps = [
        metrics(
            step,
            train_mean_token_accuracy=0.4 + step / 100,
            **({"valid_loss": 2.7 / (1 + step / 10)} if step % 5 == 0 else {}),
        )
        for step in range(1, 41)
    ]
    provider.add(job(), said(0, "Created fine-tuning job: ftjob-1"), *steps)
    provider.history["ftjob-1"].append(said(41, "The learning rate was lowered", "warn"))
    async with app.run_test(size=size) as pilot:
        screen = await panel(pilot, now=NOW + 40)
        await until(pilot, lambda: sum(len(one.track) for one in screen.chart.curves) == 48)
        await until(pilot, lambda: any("⠀" < c <= "⣿" for c in screen_text(app)), "the chart")
        await until(pilot, lambda: app.workspace.stage == Stage.DONE, "the scan")
        await pilot.pause()
        assert_golden(app, f"job-{size[0]}x{size[1]}")


async def test_a_small_terminal_shows_chart_and_the_first_facts(app, provider) -> None:
    steps = [metrics(step, valid_loss=2.7 / (1 + step / 10)) for step in range(1, 31)]
    provider.add(job(), *steps)
    async with app.run_test(size=(60, 16)) as pilot:
        await panel(pilot)
        await until(pilot, lambda: "● running  30 / 60  50%" in screen_text(app), "the facts")
        await until(pilot, lambda: any("⠀" < c <= "⣿" for c in screen_text(app)), "the chart")
        assert "about 30s" in screen_text(app)
