"""Stop rules in the live panel: kept with the run, told before, tried again, refused where vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import FakeProvider, job, metrics, until
from tui.jobs import CallError, Job, open_ledger
from tui.run.stop_words import parse_all
from tui.screens.job import JobScreen


def words(app) -> str:
    """What the screen says, with the lines of dialogs joined, and all notes."""
    said = " ".join(screen_text(app).replace("│", " ").split())
    return " ".join([said, *(f"{note.title}: {note.message}" for note in app._notifications)])


async def panel(pilot, provider: FakeProvider, *rules: str) -> None:
    provider.add(job(), *[metrics(step, valid_loss=2.0 / step) for step in range(1, 21)])
    await pilot.pause()
    if rules:
        pilot.app.stop_rules["ftjob-1"] = parse_all(rules)
    await pilot.app.push_screen(JobScreen("ftjob-1"))
    await until(pilot, lambda: "20 / 60" in screen_text(pilot.app), "the run")


async def test_several_rules_are_told_in_one_note(app, provider) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider, "step > 90 then cancel; train_loss is nan")
        both = "the run is cancelled. Once train_loss is no finite number, you are told."
        await until(pilot, lambda: both in words(app), "both promises")
        assert "␊" not in words(app)


async def test_rules_hold_again_after_a_restart_but_not_those_that_acted(
    app, provider, home: Path
) -> None:
    ledger = open_ledger(home / "state")
    kept = ["step > 50 then cancel", "step > 5 then shell exit 3"]
    ledger.keep_rules(provider.endpoint, "ftjob-1", kept)
    ledger.claim_rule(provider.endpoint, "ftjob-1", kept[1], "step is 6 (> 5)")
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider)
        await until(pilot, lambda: "Stop rules from before" in words(app), "the note")
        await pilot.press("i")
        await until(pilot, lambda: "Came true: step > 5" in screen_text(app), "what was done")
        assert "Once step is over 50, the run is cancelled." in screen_text(app)
        await pilot.press("ctrl+u", "enter")
        await until(
            pilot, lambda: not ledger.kept_rules(provider.endpoint, "ftjob-1"), "they are forgotten"
        )
    ledger.close()


async def test_a_cancel_that_fails_is_said_and_tried_again(
    app, provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.run.stop_cancel._AGAIN", 0.02)
    monkeypatch.setattr("tui.jobs.cancel._TRIES", 1)
    cancel, tries = provider.cancel, []

    async def failing(job_id: str) -> Job:
        tries.append(job_id)
        if len(tries) < 3:
            raise CallError("it does not answer", transient=True)
        return await cancel(job_id)

    provider.cancel = failing
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider, "step > 5 then cancel")
        await until(pilot, lambda: "not cancelled yet" in words(app), "what failed")
        await until(pilot, lambda: "■ cancelled" in screen_text(app), "the end")
        await until(pilot, lambda: "the run is cancelled" in words(app), "what came of it")
    assert len(tries) == 3


async def test_a_rule_that_could_not_cancel_is_refused(
    app, provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.run.feed.JobFeed.read_only", lambda feed, name=None: True)
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider)
        await pilot.press("i", *"step > 5 then cancel")
        await until(pilot, lambda: "nothing may be changed at this provider" in words(app), "why")
        await pilot.press("enter")
        await until(pilot, lambda: "Stop rules" in screen_text(app), "the question stays")
    assert not provider.calls


async def test_what_cannot_come_true_is_told(app, provider) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider, "cost > 20 then cancel; train_los > 90")
        await until(pilot, lambda: "what the run costs is not known here" in words(app), "the cost")
        assert "did you mean train_loss?" in words(app)


async def test_a_rule_that_is_true_when_it_is_typed_acts_once(app, provider, home: Path) -> None:
    ran = home / "ran"
    ledger = open_ledger(home / "state")
    async with app.run_test(size=(120, 40)) as pilot:
        await panel(pilot, provider)
        await pilot.press("i")
        await until(pilot, lambda: "Rules look like these" in screen_text(app), "the question")
        app.screen.entry.value = f"step > 5 then shell echo once >> {ran}"
        await pilot.press("enter")
        await until(pilot, lambda: "the command was run" in words(app), "what came of it")
        (kept,) = ledger.kept_rules(provider.endpoint, "ftjob-1")
        assert kept.acted_at
    assert ran.read_text() == "once\n"
    ledger.close()
