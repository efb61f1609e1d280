"""The command palette, the themes it offers, and drawing the screen anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import SystemCommand

from tests.app.aids import MakeApp, screen_text, wait_for
from tests.terminal import TUNEDECK, Terminal
from tui.screens.palette import Palette, matching


async def test_a_command_is_found_by_part_of_its_name(make_app: MakeApp, chat_file: Path) -> None:
    async with make_app(chat_file).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.press("ctrl+p")
        await wait_for(pilot, "the palette", lambda: "Enter does it" in screen_text(app))
        await pilot.press(*"toke", "enter")
        await wait_for(pilot, "the tokens", lambda: app.current_mode == "tokens")
        assert not isinstance(app.screen, Palette)


@pytest.mark.parametrize("key", ["pagedown", "pageup", "up", "down", "enter", "escape"])
async def test_keys_before_the_palette_is_drawn_do_no_harm(
    make_app: MakeApp, chat_file: Path, key: str
) -> None:
    async with make_app(chat_file).run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", key, "x", "q", key, key)
        await pilot.press("escape")
        assert pilot.app.is_running


async def test_a_theme_is_chosen(make_app: MakeApp, chat_file: Path) -> None:
    async with make_app(chat_file).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.press("ctrl+p", *"theme", "enter")
        await wait_for(pilot, "the themes", lambda: "deck-dark" in screen_text(app))
        await pilot.press(*"deck-l", "enter")
        await wait_for(pilot, "the light theme", lambda: app.theme == "deck-light")


def test_the_best_fit_comes_first() -> None:
    commands = [
        SystemCommand(title, words, lambda: None)
        for title, words in (("Help", "The keys"), ("Theme", "Choose colours"), ("The", "x"))
    ]

    def found(typed: str) -> list[str]:
        return [command.title for command in matching(commands, typed)]

    assert found("") == ["Help", "Theme", "The"]
    assert found("the") == ["Theme", "The", "Help"]
    assert found("tm") == ["Theme"]
    assert found("COLOUR") == ["Theme"]
    assert found("zz") == []


def test_what_another_program_wrote_over_the_screen_goes(home: Path, chat_file: Path) -> None:
    env = {"TUNEDECK_HOME": str(home)}
    with Terminal((*TUNEDECK, str(chat_file)), size=(100, 24), env=env) as terminal:
        terminal.wait_for("Record 1 of 14")
        terminal.wait_for("✓")
        terminal.read(0.3)
        before = terminal.text
        for row in range(3, 9):
            terminal.screen.cursor_position(row, 1)
            terminal.screen.draw("Message from root: the machine goes down")
        assert terminal.text != before
        terminal.type("\x0c")
        terminal.wait_for(lambda now: now.text == before)


async def test_a_dialog_closes_only_itself(make_app: MakeApp, chat_file: Path) -> None:
    async with make_app(chat_file).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await pilot.press("ctrl+p")
        palette = app.screen
        assert isinstance(palette, Palette)
        app.action_mode("issues")
        await wait_for(pilot, "the issues", lambda: app.current_mode == "issues")
        palette.action_run()
        palette.action_close()
        palette.action_close()
        await pilot.pause()
        assert app.current_mode == "issues"
        assert len(app.screen_stack) == 1
        await pilot.press("1", "escape")
        await wait_for(pilot, "the data", lambda: len(app.screen_stack) == 1)
