"""The Jobs screen: every run in one list, and one key that cancels the one under the cursor."""

from __future__ import annotations

import pytest

from tests.app.aids import assert_golden, screen_text
from tests.app.job_fakes import NOW, job, metrics, until
from tui.config import Paths
from tui.jobs import open_ledger
from tui.opened.workspace import Stage
from tui.run.feed import feed_of
from tui.run.runlist import RunRow, run_names
from tui.run.state import Price
from tui.screens.job import JobScreen
from tui.screens.jobs import JobsScreen
from tui.screens.run_columns import cost


async def jobs_screen(pilot) -> JobsScreen:
    app = pilot.app
    await pilot.pause()
    app.action_mode("jobs")
    await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the Jobs screen")
    await until(pilot, lambda: app.screen._asked, "the first answer")
    return app.screen


async def test_runs_are_listed_newest_first_with_status_steps_and_loss(app, provider) -> None:
    provider.add(job("ftjob-old", "succeeded", created_at=NOW - 900, trained_tokens=48_460))
    provider.add(job("ftjob-new", created_at=NOW), *(metrics(step) for step in range(1, 31)))
    async with app.run_test(size=(120, 40)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "30/60" in screen_text(app), "the newest step")
        lines = screen_text(app).splitlines()
        new, old = (next(line for line in lines if name in line) for name in ("-new", "-old"))
        assert lines.index(new) < lines.index(old)
        assert "● running" in new
        assert "0.6250" in new
        assert "✓ succeeded" in old
        assert "48.5k" in old


async def test_what_ended_unwatched_is_asked_once_what_it_measured(app, provider) -> None:
    asked: list[str] = []
    events = provider.events

    async def counted(job_id, *args, **settings):
        asked.append(job_id)
        return await events(job_id, *args, **settings)

    provider.events = counted
    provider.add(job("ftjob-full", "succeeded"), *(metrics(step) for step in range(1, 61)))
    provider.add(job("ftjob-void", "failed"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: "60/60" in screen_text(app), "the last step")
        screen._asked = False
        await pilot.press("r")
        await until(pilot, lambda: screen._asked, "the second answer")
    assert sorted(asked) == ["ftjob-full", "ftjob-void"]


async def test_leaving_tells_of_what_goes_on(app, provider) -> None:
    provider.add(job("ftjob-done", "succeeded"))
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        feed = feed_of(app)
        assert await feed.farewell() == ""
        for name, said in (("ftjob-one", "tunedeck watch ftjob-one"), ("ftjob-two", "2 runs go")):
            provider.add(job(name))
            await feed.fetch("fake")
            assert said in await feed.farewell()


async def test_an_empty_list_says_how_to_launch(app) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "Press l to launch" in screen_text(app))


async def test_x_asks_and_only_y_cancels(app, provider) -> None:
    provider.add(job("ftjob-1"), *(metrics(step) for step in range(1, 31)))
    provider.cancels_at_once = False
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "30/60" in screen_text(app))
        for key in ("enter", "n", "escape", "space", "x", "Y"):
            await pilot.press("x")
            await until(pilot, lambda: "Cancel this run?" in screen_text(app), "the question")
            assert "So far: 30 of 60 steps" in screen_text(app)
            assert "may bill" in screen_text(app)
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, JobsScreen), f"no after {key}")
        assert not provider.calls
        await pilot.press("x")
        await until(pilot, lambda: "Cancel this run?" in screen_text(app), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "cancelling" in screen_text(app))
        await until(pilot, lambda: provider.calls == [("cancel", "ftjob-1")])
        provider.set("ftjob-1", "cancelled", finished_at=NOW + 60)
        await until(pilot, lambda: "■ cancelled" in screen_text(app))
        assert provider.calls == [("cancel", "ftjob-1")]


async def test_a_cancel_that_fails_says_so_and_the_run_goes_on(app, provider) -> None:
    provider.add(job("ftjob-1"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "running" in screen_text(app))
        provider.down = "nothing answers at 127.0.0.1:9"
        await pilot.press("x", "y")
        await until(pilot, lambda: "Could not cancel" in screen_text(app))
        await until(pilot, lambda: "● running" in screen_text(app))


async def test_what_the_ledger_knows_stands_while_the_provider_is_away(app, provider, home) -> None:
    ledger = open_ledger(Paths.resolve().state)
    ledger.keep_jobs(provider.endpoint, [job("ftjob-known", "succeeded")])
    ledger.close()
    provider.down = "nothing answers at 127.0.0.1:9"
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "nothing answers" in screen_text(app))
        await until(pilot, lambda: "ftjob-known" in screen_text(app))
        assert "last heard from it" in screen_text(app)
        provider.down = ""
        provider.add(job("ftjob-2", "queued"))
        await pilot.press("r")
        await until(pilot, lambda: "ftjob-2" in screen_text(app))
        assert "nothing answers" not in screen_text(app)


async def test_enter_opens_the_panel_and_q_comes_back(app, provider) -> None:
    provider.add(job("ftjob-1"), metrics(1))
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "ftjob-1" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))


async def test_the_filter_shows_only_runs_with_the_word(app, provider) -> None:
    provider.add(job("ftjob-1", user_provided_suffix="alpha"))
    provider.add(job("ftjob-2", user_provided_suffix="beta"))
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "beta" in screen_text(app))
        await pilot.press("slash", *"alp", "enter")
        await until(pilot, lambda: "beta" not in screen_text(app))
        assert "1 of 2 runs" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "beta" in screen_text(app))


async def test_hostile_names_never_reach_the_screen(app, provider) -> None:
    provider.add(job("ftjob-\x1b[31m", user_provided_suffix="a\u202eb[/x]\x07", model="m\x9b2J"))
    async with app.run_test(size=(120, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "[/x]" in screen_text(app))
        assert not {"\x1b", "\u202e", "\x07", "\x9b"} & set(screen_text(app))


async def test_five_hundred_runs_open_at_once_and_nothing_is_asked_unseen(app, provider) -> None:
    for number in range(500):
        provider.add(job(f"ftjob-{number:03}", "succeeded", created_at=NOW - number))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 500)
        await pilot.press("G")
        await until(pilot, lambda: "ftjob-499" in screen_text(app))
        app.action_mode("data")
        await until(pilot, lambda: not isinstance(app.screen, JobsScreen))
        await until(pilot, lambda: not any(w.group == "poll" for w in app.workers if w.is_running))


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
async def test_the_list_looks_as_kept(app, provider, size) -> None:
    provider.add(
        job("ftjob-3", created_at=NOW - 40), *(metrics(step, total=120) for step in range(1, 31))
    )
    provider.add(job("ftjob-4", "queued", created_at=NOW - 20, model="gpt-4.1-mini-2025-04-14"))
    provider.add(
        job("ftjob-2", "failed", created_at=NOW - 7_300, user_provided_suffix=""),
        metrics(2),
    )
    done = job(
        "ftjob-1",
        "succeeded",
        created_at=NOW - 200_000,
        trained_tokens=129_488_088,
        fine_tuned_model="ft:gpt-4.1:example::a54fe856",
        user_provided_suffix=None,
    )
    provider.add(done, metrics(60))
    async with app.run_test(size=size) as pilot:
        screen = JobsScreen(clock=lambda: float(NOW))
        await pilot.pause()
        await app.push_screen(screen)
        await until(pilot, lambda: "30/120" in screen_text(app))
        await until(pilot, lambda: screen.runs.page > 4, "the layout")
        await pilot.pause()
        await until(pilot, lambda: app.workspace.stage == Stage.DONE, "the scan")
        await pilot.pause()
        assert_golden(app, f"jobs-{size[0]}x{size[1]}")


@pytest.mark.parametrize(
    ("status", "trained", "said"),
    [
        ("running", None, "~$30.00"),
        ("succeeded", 500_000, "$15.00"),
        ("failed", None, "–"),
    ],
)
def test_a_cost_is_an_estimate_until_tokens_are_counted(status, trained, said) -> None:
    row = RunRow(job(status=status, trained_tokens=trained), NOW, price=Price(1_000_000, 30.0))
    assert cost(row, 80) == said


def test_runs_of_one_file_are_told_apart() -> None:
    plain = {"user_provided_suffix": None}
    runs = [
        RunRow(job("ftjob-aaaabbbbcccc", **plain), NOW, file="/data/train.jsonl"),
        RunRow(job("ftjob-ddddeeeeffff", **plain), NOW, file="/data/train.jsonl"),
        RunRow(job("ftjob-3"), NOW, file="/data/train.jsonl"),
        RunRow(job("ftjob-4", **plain), NOW),
    ]
    assert run_names(runs) == [
        "train.jsonl aaaabbbb",
        "train.jsonl ddddeeee",
        "support",
        "ftjob-4",
    ]
