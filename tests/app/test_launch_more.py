"""The Launch screen: past runs, launches cut short, stopping, methods, what the provider says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.app.aids import screen_text
from tests.app.job_fakes import job, until
from tests.app.launching import launch_screen, ready, said_yes
from tui.config import Paths
from tui.jobs import LaunchRequest, LaunchState, open_ledger
from tui.jobs.models import ModelEntry
from tui.jobs.rows import LaunchRow, Owner
from tui.messages import GoLaunch, LaunchPrefill
from tui.run.feed import feed_of
from tui.run.form import form_of, read_form
from tui.screens.job import JobScreen


def told(app) -> str:
    """What short notes say now."""
    return "\n".join(note.message for note in app._notifications)


def left_behind(file: Path, **more) -> str:
    """Leave a launch behind as a killed program does."""
    request = LaunchRequest(file, "micro", hyperparameters={"n_epochs": 2}, suffix="cut", **more)
    now = time.time() - 100
    row = LaunchRow(
        id="abcdef12-0000",
        endpoint="fake http://127.0.0.1:9/v1",
        provider="fake",
        file=str(file),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        model="micro",
        state=LaunchState.PLANNED,
        file_id=None,
        job_id=None,
        reason="",
        request={},
        estimate={},
        owner=Owner(Owner.me().host, 4194305, 1),
        planned_at=now,
        creating_at=None,
        updated_at=now,
        recipe=request.recipe(),
    )
    ledger = open_ledger(Paths.resolve().state)
    ledger.plan(row)
    ledger.close()
    return row.id


# --- a past run ---------------------------------------------------------------------------------


async def test_a_past_run_fills_the_form(make, provider, sample_data) -> None:
    method = {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 8, "warmup": 0.1}},
    }
    provider.add(
        job(
            "ftjob-old",
            "succeeded",
            method=method,
            training_file="file-1",
            seed=9,
            metadata={"team": "a", "tunedeck_launch": "x"},
        )
    )

    async def there(file_id: str) -> dict[str, str]:
        return {"id": file_id}

    provider.file_info = there
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        app.action_mode("data")
        app.post_message(GoLaunch(LaunchPrefill(provider="fake", job="ftjob-old")))
        await until(pilot, lambda: "As ftjob-old was launched" in screen_text(app))
        values = {
            name: screen.query_one(f"#{name}", Input).value
            for name in ("epochs", "batch", "settings", "seed", "metadata", "suffix", "file")
        }
        assert values == {
            "epochs": "4",
            "batch": "8",
            "settings": "warmup=0.1",
            "seed": "9",
            "metadata": "team=a",
            "suffix": "support",
            "file": "file-1",
        }
        assert (
            "no copy of its file is on this machine" in " ".join(screen_text(app).split()).lower()
        )
        await until(pilot, lambda: "at the provider only" in screen_text(app))
        await until(pilot, lambda: not screen.go.disabled)
        screen.query_one("#epochs", Input).value = "1"
        await until(pilot, lambda: screen.go.disabled)
        await until(pilot, lambda: not screen.go.disabled)
        await said_yes(pilot)
        await until(pilot, lambda: ("create", "micro") in provider.calls)
        assert not any(call == "upload" for call, _ in provider.calls)


async def test_a_past_run_that_is_not_known(make, provider, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.action_mode("data")
        app.post_message(GoLaunch(LaunchPrefill(provider="fake", job="ftjob-none")))
        await until(pilot, lambda: "there is no job ftjob-none" in told(app))


# --- left open ----------------------------------------------------------------------------------


async def test_what_was_cut_short_is_told_and_finished(make, provider, home, sample_data) -> None:
    file = sample_data / "support_chat.jsonl"
    left_behind(file)
    app = make(file)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "Left open" in screen_text(app))
        shown = " ".join(screen_text(app).split())
        assert "f finish" in shown
        await pilot.press("f")
        await until(pilot, lambda: screen.query_one("#suffix", Input).value == "cut")
        await until(pilot, lambda: not screen.go.disabled)
        await said_yes(pilot)
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")
        assert [name for name, _ in provider.calls].count("create") == 1
        ledger = await feed_of(app).ledger()
        assert not ledger.interrupted()


async def test_what_was_cut_short_is_dropped_after_a_yes(make, provider, home, sample_data) -> None:
    left_behind(sample_data / "support_chat.jsonl")
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "Left open" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: "Drop this launch?" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Drop this launch?" not in screen_text(app))
        assert "Left open" in screen_text(app)
        await pilot.press("d")
        await until(pilot, lambda: "Drop this launch?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "Cleared; no job was made" in screen_text(app))
        assert "Left open" not in screen_text(app)
        assert not any(call == "create" for call, _ in provider.calls)


async def test_the_jobs_screen_says_it_too(make, provider, home, sample_data) -> None:
    left_behind(sample_data / "support_chat.jsonl")
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.action_mode("jobs")
        await until(pilot, lambda: "key 5 finishes or drops it" in screen_text(app))


# --- stopping -----------------------------------------------------------------------------------


async def test_escape_stops_an_upload_and_says_what_is_left(make, provider, sample_data) -> None:
    held = asyncio.Event()

    async def slow(path, purpose="fine-tune", progress=None, name=None) -> str:
        progress(path.stat().st_size // 2, path.stat().st_size)
        held.set()
        await asyncio.Event().wait()
        return ""

    provider.upload = slow
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: not screen.go.disabled)
        await said_yes(pilot)
        await until(pilot, held.is_set, "the upload")
        await until(pilot, lambda: "Esc stops it" in screen_text(app))
        await until(pilot, lambda: "esc stop launch" in screen_text(app), "the key line")
        assert "leave form" not in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped." in screen_text(app))
        assert "had not ended" in " ".join(screen_text(app).split())
        assert app.current_mode == "launch"
        await until(pilot, lambda: not screen.go.disabled)
        await until(pilot, lambda: "esc leave form" in screen_text(app), "the key line")
        ledger = await feed_of(app).ledger()
        (row,) = ledger.launches()
        assert row.state is LaunchState.REFUSED
        assert not any(call == "create" for call, _ in provider.calls)


async def test_escape_does_not_stop_a_create_that_is_on_its_way(
    make, provider, sample_data
) -> None:
    held, go = asyncio.Event(), asyncio.Event()
    create = provider.create

    async def slow(request):
        held.set()
        await go.wait()
        return await create(request)

    provider.create = slow
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: not screen.go.disabled)
        await said_yes(pilot)
        await until(pilot, held.is_set, "the create")
        await pilot.press("escape")
        await until(pilot, lambda: "cannot be taken back" in told(app))
        go.set()
        await until(pilot, lambda: isinstance(app.screen, JobScreen), "the panel")
        assert len(provider.jobs) == 1


# --- what the provider says ---------------------------------------------------------------------


async def test_a_model_that_was_shut_down_is_said_before_the_launch(
    make, provider, sample_data
) -> None:
    provider.listed = (ModelEntry("micro", "", None, "2020-01-01"),)
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot, "was shut down on 2020-01-01")
        assert "Blocked" in screen_text(app)
        screen.action_launch()
        assert "Launch this run?" not in screen_text(app)
        assert not provider.calls


async def test_a_provider_that_is_down_is_told_and_does_not_block(
    make, provider, sample_data
) -> None:
    provider.down = "nothing answers there"
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, "nothing answers there")


async def test_read_only_says_so_and_asks_nothing(make, provider, sample_data, monkeypatch) -> None:
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(120, 40)) as pilot:
        await launch_screen(pilot)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Read-only" in told(app))
        assert "Launch this run?" not in screen_text(app)


# --- the form -----------------------------------------------------------------------------------


async def test_fields_of_a_method_come_and_go_with_it(make, sample_data) -> None:
    app = make(sample_data / "support_chat.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        assert "Beta" not in screen_text(app)
        assert "Seed" not in screen_text(app)
        screen.method.value = "dpo"
        await until(pilot, lambda: "Beta" in screen_text(app))
        screen.method.value = "reinforcement"
        await until(pilot, lambda: "Grader" in screen_text(app))
        assert "Beta" not in screen_text(app)
        await pilot.press("m")
        await until(pilot, lambda: "Seed" in screen_text(app))
        assert "Integrations" in screen_text(app)
        await pilot.press("m")
        await until(pilot, lambda: "Seed" not in screen_text(app))


def test_the_form_reads_everything(tmp_path: Path) -> None:
    grader = tmp_path / "g.json"
    grader.write_text(json.dumps({"type": "string_check"}))
    values = {
        "file": "a.jsonl",
        "model": "m",
        "method": "reinforcement",
        "validation": "v.jsonl",
        "grader": str(grader),
        "beta": "0.1",
        "settings": "reasoning_effort=low, eval_interval=5",
        "integrations": "wandb:p",
        "cost": "$12.50",
    }
    request = read_form(values).request
    assert request is not None
    assert request.hyperparameters == {"reasoning_effort": "low", "eval_interval": 5}
    assert request.grader == {"type": "string_check"}
    assert request.max_cost == 12.5
    assert request.integrations == ({"type": "wandb", "wandb": {"project": "p"}},)
    wrong = {
        **values,
        "grader": str(tmp_path / "none.json"),
        "settings": "n_epochs=3",
        "integrations": "mlflow:x",
        "cost": "much",
    }
    assert set(read_form(wrong).complaints) == {"grader", "settings", "integrations", "cost"}
    grader.write_text("[]")
    assert set(read_form(values).complaints) == {"grader"}


@pytest.mark.parametrize("file_id", [None, "file-1"])
def test_what_fills_the_form_is_read_from_it_again(file_id: str | None) -> None:
    request = LaunchRequest(
        Path("a.jsonl"),
        "m",
        method="reinforcement",
        validation=None if file_id else Path("v.jsonl"),
        hyperparameters={"n_epochs": 3, "learning_rate_multiplier": 0.5, "eval_samples": 2},
        suffix="s",
        seed=7,
        metadata={"team": "a"},
        max_cost=3.0,
        grader={"type": "string_check"},
        response_format={"type": "json_schema"},
        integrations=({"type": "wandb", "wandb": {"project": "p", "tags": ["t"]}},),
        file_id=file_id,
        validation_id=file_id,
    )
    again = read_form(form_of(request), past=request).request
    assert again == request
    other = {**form_of(request), "file": "b.jsonl", "validation": "w.jsonl"}
    changed = read_form(other, past=request).request
    assert changed is not None
    assert (changed.file_id, changed.validation_id) == (None, None)
