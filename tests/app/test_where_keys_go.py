"""The OpenAI key and other hosts, and a deck where nothing may be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.aids import MakeApp, screen_text, wait_for
from tui.credentials import needs_consent
from widgets.confirm import Confirm


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> str:
    """A host that is not OpenAI's, to which the OpenAI key would go."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    return "gateway.example"


async def test_no_keeps_the_key_and_is_not_asked_again(
    make_app: MakeApp, chat_file: Path, gateway: str
) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await wait_for(pilot, "the question", lambda: isinstance(app.screen, Confirm))
        assert gateway in screen_text(app)
        await pilot.press("enter", "1", "5")
        await wait_for(pilot, "the form", lambda: app.current_mode == "launch")
        await pilot.pause()
        assert not isinstance(app.screen, Confirm)
    assert needs_consent(app.provider_config(), app.paths) == gateway


async def test_yes_is_remembered(make_app: MakeApp, chat_file: Path, gateway: str) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await wait_for(pilot, "the question", lambda: isinstance(app.screen, Confirm))
        assert needs_consent(app.provider_config(), app.paths) == gateway
        await pilot.press("y")
        agreed = lambda: needs_consent(app.provider_config(), app.paths) is None  # noqa: E731
        await wait_for(pilot, "the yes", agreed)


async def test_the_header_says_that_nothing_may_be_changed(
    make_app: MakeApp, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    app = make_app(chat_file)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, "the word", lambda: "read-only" in screen_text(app))
