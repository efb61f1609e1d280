"""The Launch screen: what is wrong, what it costs, one question, and one job."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input, OptionList

from tests.app.aids import assert_golden, screen_text
from tests.app.job_fakes import until
from tests.app.launching import asked, launch_screen, ready, said_yes
from tui.errors import SafetyError
from tui.messages import GoLaunch, LaunchPrefill
from tui.opened.workspace import Stage
from tui.run.form import read_form
from tui.screens.job import JobScreen
from tui.screens.launch import LaunchScreen


async def test_the_open_dataset_is_checked_and_priced_at_once(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for words in (
            "54 records, chat",
            "No format errors",
            "12,450 tokens billed",
            "3 epochs, automatic",
        ):
            await until(pilot, lambda words=words: words in screen_text(app), words)
        await pilot.click("#epochs")
        await pilot.press("7")
        await until(pilot, lambda: "7 epochs, as set" in screen_text(app), "the new price")


async def test_y_launches_one_run_and_opens_its_panel(make, provider, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await asked(pilot)
        shown = screen_text(app)
        assert "support_chat.jsonl" in shown
        assert "12,450 tokens" in shown
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")
        assert [deed for deed, _ in provider.calls] == ["upload", "create"]
        assert app.screen.job_id in provider.jobs


@pytest.mark.parametrize("key", ["enter", "n", "escape", "l", "ctrl+l"])
async def test_anything_but_y_launches_nothing(make, provider, sample_data, key) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await asked(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen), "the form again")
        await pilot.pause()
        assert provider.calls == []


async def test_pressing_twice_launches_once(make, provider, sample_data, monkeypatch) -> None:
    app = make(sample_data / "support_chat.jsonl")
    go_on = asyncio.Event()
    upload = provider.upload

    async def slow(*args, **options):
        await go_on.wait()
        return await upload(*args, **options)

    monkeypatch.setattr(provider, "upload", slow)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await asked(pilot)
        await pilot.press("y", "ctrl+l", "y", "ctrl+l", "y")
        await until(pilot, lambda: "uploading support_chat.jsonl" in screen_text(app))
        assert screen.go.disabled
        go_on.set()
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")
        assert [deed for deed, _ in provider.calls] == ["upload", "create"]


async def test_errors_in_the_file_need_the_force_switch(make, provider, broken_file) -> None:
    app = make(broken_file)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await launch_screen(pilot)
        await until(pilot, lambda: "Blocked" in screen_text(app), "the preflight")
        await until(pilot, lambda: "2 format errors" in screen_text(app), "what is wrong")
        assert screen.go.disabled
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert isinstance(app.screen, LaunchScreen)
        screen.force.focus()
        await pilot.press("space")
        await until(pilot, lambda: "Ready by force" in screen_text(app), "force")
        await said_yes(pilot, "by force")
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")


async def test_an_unclear_outcome_is_said_with_the_next_step(
    make, provider, sample_data, monkeypatch
) -> None:
    app = make(sample_data / "support_chat.jsonl")

    async def unclear(*_args, **_options):
        raise SafetyError(
            "it is not known whether the job was created", "launch the same file again in a minute"
        )

    monkeypatch.setattr("tui.jobs.launch", unclear)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await said_yes(pilot)
        await until(pilot, lambda: "it is not known whether" in screen_text(app))
        assert "again in a minute" in screen_text(app)
        await until(pilot, lambda: not screen.go.disabled)


async def test_what_cannot_be_read_is_said_by_field(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        screen.query_one("#epochs", Input).value = "many"
        screen.query_one("#metadata", Input).value = "team"
        await until(pilot, lambda: "Epochs: write a whole number" in screen_text(app))
        assert "Metadata: write pairs" in screen_text(app)
        assert screen.go.disabled
        screen.query_one("#epochs", Input).value = "999999"
        screen.query_one("#metadata", Input).value = "team=search"
        screen.query_one("#file", Input).value = "nowhere.jsonl"
        await until(pilot, lambda: "nowhere.jsonl" in screen_text(app))
        await until(pilot, lambda: "Cannot check this launch" in screen_text(app))


async def test_a_suggestion_of_another_screen_fills_the_form(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.action_mode("data")
        app.post_message(GoLaunch(LaunchPrefill(model="my-own-model", epochs=5)))
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen), "the form")
        await until(pilot, lambda: "5 epochs" in screen_text(app), "the price")
        assert "my-own-model" in screen_text(app)


async def test_escape_leaves_the_field_then_the_screen(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        screen.query_one("#suffix", Input).focus()
        await pilot.press("5")
        assert screen.query_one("#suffix", Input).value == "5"
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.current_mode == "data", "the screen before")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
async def test_the_form_looks_as_kept(make, sample_data, size, monkeypatch) -> None:
    monkeypatch.chdir(sample_data)
    app = make("support_chat.jsonl")
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.workspace.stage == Stage.DONE, "the scan")
        await pilot.pause()
        assert_golden(app, f"launch-{size[0]}x{size[1]}")


def test_the_form_reads_what_is_typed() -> None:
    form = read_form(
        {
            "file": "a.jsonl",
            "model": "micro",
            "epochs": "3",
            "batch": "auto",
            "learning": "0.5",
            "seed": "7",
            "metadata": "team = search, run=7",
        }
    )
    assert form.request is not None
    assert form.request.hyperparameters == {"n_epochs": 3, "learning_rate_multiplier": 0.5}
    assert form.request.metadata == {"team": "search", "run": "7"}
    assert form.request.seed == 7
    assert set(read_form({"epochs": "-1", "seed": "x"}).complaints) == {
        "file",
        "model",
        "epochs",
        "seed",
    }


@pytest.mark.parametrize("size", [(60, 16), (44, 12)])
async def test_a_small_terminal_still_says_whether_it_may_go(make, sample_data, size) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=size) as pilot:
        await launch_screen(pilot)
        await until(pilot, lambda: "Ready. ctrl+l launches" in screen_text(app), "the verdict")


async def test_force_is_seen_without_colour(make, sample_data) -> None:
    app = make(sample_data / "broken" / "unrecognized_role.jsonl")
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await launch_screen(pilot)
        await until(pilot, lambda: "[ ] launch with errors" in screen_text(app))
        screen.force.focus()
        await pilot.press("space")
        await until(pilot, lambda: "[x] launch with errors" in screen_text(app))
        await until(pilot, lambda: "Ready by force" in screen_text(app))


async def test_page_keys_typed_before_a_list_is_drawn_do_no_harm(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("enter", "pageup", "pagedown", "pagedown", "escape", "pageup")
        screen = app.screen
        screen.model.expanded = True
        screen.model.set_options([(name, name) for name in "abcdefghijkl"])
        rows = screen.model.query_one(OptionList)
        rows.highlighted = 1
        rows.action_page_down()
        assert rows.highlighted == 9
        rows.action_page_up()
        assert rows.highlighted == 1
