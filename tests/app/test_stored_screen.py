"""Models and files at a provider: what they came of, and that they only go after a yes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import NOW, application, until
from tests.jobs.keeper import Keeper
from tui.config import Paths, ProviderConfig
from tui.jobs import FileEntry, ModelEntry, open_ledger
from tui.messages import ShowStored
from tui.screens.sample import SampleScreen
from tui.screens.stored import StoredScreen

TUNED = "ft:base:acme:support:abc"


@pytest.fixture
def lab() -> Keeper:
    found = Keeper(name="fake")
    found.add("ftjob-done", fine_tuned_model=TUNED, training_file="file-a", finished_at=NOW)
    found.add("ftjob-runs", "running", training_file="file-b")
    found.entries = [
        ModelEntry("base", "acme", NOW - 900, None),
        ModelEntry(TUNED, "acme", NOW - 600, "2027-01-14"),
    ]
    found.files = [
        FileEntry("file-a", "first.jsonl", 12_000, "fine-tune", NOW - 800, ""),
        FileEntry("file-b", "sec\x1b[31mond.jsonl", None, "fine-tune", NOW - 700, ""),
    ]
    return found


@pytest.fixture
def app(lab, home, monkeypatch):
    ledger = open_ledger(Paths.resolve().state)
    ledger.keep_jobs(lab.endpoint, list(lab.jobs.values()))
    ledger.close()
    return application(lab, home, monkeypatch)


async def stored_screen(pilot) -> StoredScreen:
    app = pilot.app
    await pilot.pause()
    app.post_message(ShowStored())
    await until(pilot, lambda: isinstance(app.screen, StoredScreen), "the screen")
    await until(pilot, lambda: None not in app.screen._found.values() or app.screen._troubles[True])
    await pilot.pause()
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_models_with_job_and_end_and_files_with_users(app, size) -> None:
    async with app.run_test(size=size) as pilot:
        await stored_screen(pilot)
        lines = screen_text(app).splitlines()
        tuned = next(line for line in lines if "support:abc" in line)
        assert "ftjob-done" in tuned
        assert "2027-01-14" in tuned
        assert lines.index(tuned) < next(n for n, line in enumerate(lines) if "base model" in line)
        await pilot.press("f")
        await until(pilot, lambda: "12 kB" in screen_text(app))
        text = screen_text(app)
        assert "ftjob-done" in text
        assert "ftjob-runs has not ended and still needs it" in text
        assert "\x1b" not in text


async def test_only_y_deletes(app, lab) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await stored_screen(pilot)
        for key in ("n", "enter", "escape", "d"):
            await pilot.press("d")
            await until(pilot, lambda: "Delete this model?" in screen_text(app))
            assert "cannot be undone" in screen_text(app)
            assert "Whatever still asks it fails" in screen_text(app)
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, StoredScreen))
        assert lab.gone == []
        await pilot.press("d", "y")
        await until(pilot, lambda: lab.gone == [TUNED])
        await until(pilot, lambda: "0 tuned models" in screen_text(app))
        await pilot.press("f", "d", "y")
        await until(pilot, lambda: lab.gone[1:] == ["file-b"])
        await until(pilot, lambda: "1 file " in screen_text(app))


async def test_a_base_model_is_not_offered_for_deletion(app, lab) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await stored_screen(pilot)
        await pilot.press("down", "d")
        await pilot.pause()
        assert isinstance(app.screen, StoredScreen)
        assert "d delete" not in screen_text(app).splitlines()[-1]


async def test_a_refusal_is_told_and_the_row_stays(app, lab) -> None:
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await stored_screen(pilot)
        lab.down = "deploy\x07ments still use it"
        await pilot.press("d", "y")
        await until(pilot, lambda: "was not deleted" in screen_text(app))
        assert "support:abc" in screen_text(app)
        assert "\x07" not in screen_text(app)


async def test_read_only_asks_nothing(app, lab) -> None:
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await stored_screen(pilot)
        config = replace(app.provider_config(), read_only=True)
        app.provider_config = lambda name=None: config
        app.screen.deck.provider_config = lambda name=None: config
        from tui.run.feed import feed_of

        feed_of(app)._config_of = lambda name=None: config
        await pilot.press("d")
        await until(pilot, lambda: "Read-only" in screen_text(app))
        assert lab.gone == []


async def test_a_provider_that_is_away_says_so_and_can_be_asked_again(app, lab) -> None:
    lab.down = "nothing answers at 127.0.0.1:9"
    async with app.run_test(size=(100, 30)) as pilot:
        await stored_screen(pilot)
        await until(pilot, lambda: "The models are not known" in screen_text(app))
        assert "nothing answers" in screen_text(app)
        lab.down = ""
        await pilot.press("r")
        await until(pilot, lambda: "support:abc" in screen_text(app))
        assert "nothing answers" not in screen_text(app)


async def test_nothing_kept_says_what_to_do(app, lab) -> None:
    lab.entries, lab.files = [], []
    async with app.run_test(size=(80, 24)) as pilot:
        await stored_screen(pilot)
        assert "No models here" in screen_text(app)
        await pilot.press("f")
        await until(pilot, lambda: "No files here" in screen_text(app))


async def test_enter_samples_a_model(app, lab) -> None:
    lab.config = ProviderConfig("fake", "compatible", "http://127.0.0.1:9/v1")
    async with app.run_test(size=(100, 30)) as pilot:
        await stored_screen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        await until(pilot, lambda: "support:abc" in screen_text(app))


async def test_the_palette_leads_here(app) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+p", *"models", "enter")
        await until(pilot, lambda: isinstance(app.screen, StoredScreen))
