"""With --ascii nothing is drawn that a plain terminal could not show, on any screen or dialog."""

from __future__ import annotations

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import NOW, FakeProvider, application, job, metrics, said
from tests.app.job_fakes import until as wait
from tui.opened.workspace import Stage
from tui.screens.jobs import JobsScreen


@pytest.fixture
def provider() -> FakeProvider:
    fake = FakeProvider()
    steps = [metrics(step, valid_loss=2.7 / (1 + step / 10)) for step in range(1, 31)]
    fake.add(job("ftjob-run"), said(0, "Fine-tuning job started"), *steps)
    for status in ("succeeded", "failed", "cancelled", "paused", "queued", "validating_files"):
        error = {"error": {"code": "x", "message": "no"}} if status == "failed" else {}
        fake.add(job(f"ftjob-{status}", status, created_at=NOW - 99, **error))
    return fake


async def plain(pilot, *keys: str, shows: str = "") -> None:
    """Press keys, wait for a text, and look at every character."""
    app = pilot.app
    if keys:
        await pilot.press(*keys)
    await wait(pilot, lambda: shows in screen_text(app), shows)
    shown = screen_text(app)
    odd = sorted({c for c in shown if ord(c) > 126})
    assert not odd, f"after {keys}: {odd}\n{shown}"


@pytest.mark.parametrize("size", [(120, 40), (60, 14)])
async def test_every_screen_and_dialog_is_ascii(
    provider, home, monkeypatch, sample_data, size: tuple[int, int]
) -> None:
    file = sample_data / "hostile" / "keys_and_roles.jsonl"
    app = application(provider, home, monkeypatch, file=file, ascii=True)
    async with app.run_test(size=size, notifications=True) as pilot:
        await wait(pilot, lambda: app.workspace.stage is Stage.DONE)
        await plain(pilot)
        await plain(pilot, "v")
        await plain(pilot, "e")
        await plain(pilot, "slash", "a", shows="match")
        await plain(pilot, "enter", shows="n next")
        await plain(pilot, "a", shows="only these")
        await plain(pilot, "escape", "escape")
        await plain(pilot, "ampersand", shows="Show only")
        await plain(pilot, *"role:user", "enter", shows="esc shows all")
        await plain(pilot, "s", shows="Order of the list")
        await plain(pilot, "escape", "w", shows="Write these")
        await plain(pilot, "escape", "escape", "3", shows="Enter examples")
        await plain(pilot, "down", shows="Enter shows them")
        await plain(pilot, shows="p90")
        await plain(pilot, "1")
        await plain(pilot, "question_mark", shows="Data: keys")
        await plain(pilot, "escape", "ctrl+p", shows="Commands")
        await plain(pilot, *"theme", "enter", shows="deck-dark")
        await plain(pilot, "escape", "o", shows="Open a dataset")
        await plain(pilot, "escape", "2", shows="errors")
        await plain(pilot, "enter")
        await plain(pilot, "3", shows="Tokens")
        await plain(pilot, "4", shows="Billed")
        await plain(pilot, "t", shows="Epochs (empty")
        await plain(pilot, "escape", "5", shows="Blocked")
        await plain(pilot, "enter", shows="another model")
        await plain(pilot, "escape", "escape", "question_mark", shows="Launch: keys")
        await plain(pilot, "escape", "6", shows="running")
        await wait(pilot, lambda: isinstance(app.screen, JobsScreen))
        await plain(pilot, "g", "slash", *"run", shows="1 of 7")
        await plain(pilot, "enter", "enter", shows="running")
        await plain(pilot, "m", shows="Chart which")
        await plain(pilot, "escape", "c", shows="Lay other runs")
        await plain(pilot, "escape", "w", shows="Export")
        await plain(pilot, "escape", "i", shows="Stop rules")
        await plain(pilot, "escape", "left", shows="at step")
        await plain(pilot, "escape", "x", shows="Cancel this run?")
        await plain(pilot, "n", "w", shows="Export")
        await plain(pilot, "escape", "i", shows="Stop rules")
        await plain(pilot, "escape", "m", shows="tick")
        await plain(pilot, "escape", "question_mark", shows="Job: keys")
        app.tell("A note", title="A title", severity="warning")
        await plain(pilot, "escape", shows="A note")
