"""The Data screen: browsing, reading, searching, and walking from fault to fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.app.aids import (
    CHAT,
    MakeApp,
    assert_golden,
    data,
    done,
    raw_characters,
    screen_text,
    wait_for,
    write_lines,
)
from tui.opened import workspace
from tui.opened.workspace import Stage


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_looks_as_kept(make_app: MakeApp, broken_file: Path, size: tuple[int, int]) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("e")
        await pilot.pause()
        assert_golden(app, f"data_{size[0]}x{size[1]}")


async def test_shows_the_first_record_at_once(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "1 plus 1 is 2." in screen_text(app)


async def test_walks_from_fault_to_fault(make_app: MakeApp, broken_file: Path) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        seen = []
        for key in ("e", "e", "e", "E", "E"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(data(app).records.cursor + 1)
        assert seen == [4, 11, 11, 4, 4]
        assert "unrecognized_role" in screen_text(app)


async def test_searches_while_typing_and_goes_on(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        screen = data(app)
        await pilot.press("slash", *"plus 1")
        await wait_for(pilot, "the matches", lambda: "6 matches" in screen_text(app))
        assert screen.records.cursor == 0
        await pilot.press("0")
        await wait_for(pilot, "a later match", lambda: screen.records.cursor == 9)
        await pilot.press("enter", "n")
        await wait_for(pilot, "the only one", lambda: "Match 1 of 1" in screen_text(app))
        assert screen.records.cursor == 9
        await pilot.press("slash", *"plus 1", "enter")
        await wait_for(pilot, "the matches", lambda: "6 matches" in screen_text(app))
        await pilot.press("n")
        await wait_for(pilot, "the next match", lambda: screen.records.cursor == 10)
        await pilot.press("N")
        await wait_for(pilot, "the match before", lambda: screen.records.cursor == 9)


async def test_giving_a_search_up_goes_back(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        screen = data(app)
        await pilot.press("j", "slash", *"13 plus")
        await wait_for(pilot, "the match", lambda: screen.records.cursor == 12)
        await pilot.press("escape")
        await pilot.pause()
        assert screen.records.cursor == 1
        assert not screen.asking()


async def test_says_when_nothing_matches(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("slash", *"zebra")
        await wait_for(pilot, "the word", lambda: "no match" in screen_text(app))


@pytest.mark.parametrize(
    ("typed", "cursor"), [("7", 6), ("999", 13), ("50%", 6), ("1,0", 9), ("x", 0), ("", 0)]
)
async def test_jumps(make_app: MakeApp, chat_file: Path, typed: str, cursor: int) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("colon")
        for character in typed:
            await pilot.press({"%": "percent_sign", ",": "comma"}.get(character, character))
        await pilot.press("enter")
        await pilot.pause()
        assert data(app).records.cursor == cursor


async def test_raw_json_on_a_key(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        assert '"role"' not in screen_text(app)
        await pilot.press("v")
        await pilot.pause()
        assert '"role"' in screen_text(app)


async def test_hostile_text_is_shown_and_never_sent(make_app: MakeApp, hostile_file: Path) -> None:
    app = make_app(hostile_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        for key in ("", "j", "j", "j", "v", "k", "k", "G", "v", "2", "3", "4", "o", "escape", "1"):
            if key:
                await pilot.press(key)
            await pilot.pause()
            assert not raw_characters(screen_text(app)), f"after {key!r}"
        assert app.is_running


async def test_no_dataset_says_how_to_open_one(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, "the dialog", lambda: "Open a dataset" in screen_text(app))
        await pilot.press("escape")
        await wait_for(pilot, "the welcome", lambda: "choose a file" in screen_text(app))
        await pilot.press("slash", "n", "e", "v", "tab", "r", "2", "3", "4", "1", "q")
        assert app.is_running


@pytest.mark.parametrize("size", [(40, 12), (20, 5), (1, 1), (60, 16), (300, 80)])
async def test_any_size_of_terminal(
    make_app: MakeApp, broken_file: Path, size: tuple[int, int]
) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, "the check", done(app))
        for key in ("tab", "j", "tab", "2", "3", "4", "question_mark", "escape", "1"):
            await pilot.press(key)
            await pilot.pause()
        if size == (40, 12):
            assert "1 plus 1" in screen_text(app)
        if size == (20, 5):
            assert "Enlarge" in screen_text(app)


async def test_reading_on_a_small_terminal(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(60, 14)) as pilot:
        await wait_for(pilot, "the check", done(app))
        assert "You answer in one sentence" not in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "You answer in one sentence" in screen_text(app)
        await pilot.press("tab")
        await pilot.pause()
        assert "You answer in one sentence" not in screen_text(app)


async def test_escape_goes_back_from_the_record(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(40, 12)) as pilot:
        await wait_for(pilot, "the check", done(app))
        screen = data(app)
        await pilot.press("enter")
        await wait_for(pilot, "the record alone", lambda: not screen.records.display)
        await pilot.press("escape")
        await wait_for(pilot, "the list", lambda: screen.records.has_focus)
        assert screen.records.display
        # The keys and what is seen are never of two minds, whatever dialog was between.
        await pilot.press("enter", "slash", "escape")
        await wait_for(pilot, "the keys", lambda: screen.records.has_focus or screen.view.has_focus)
        assert screen.records.display is screen.records.has_focus


@pytest.mark.parametrize("width", [80, 120])
async def test_a_click_on_a_name_in_the_header_goes_there(
    make_app: MakeApp, chat_file: Path, width: int
) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(width, 24)) as pilot:
        await wait_for(pilot, "the check", done(app))
        for number, mode in (("3", "tokens"), ("6", "jobs"), ("1", "data")):
            header = screen_text(app).splitlines()[0]
            await pilot.click(offset=(header.rindex(f" {number}") + 1, 0))
            await wait_for(pilot, mode, lambda mode=mode: app.current_mode == mode)


async def test_a_changed_file_is_noticed_and_reloaded(
    make_app: MakeApp, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "WATCH_SECONDS", 0.05)
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, "the check", done(app))
        with chat_file.open("a") as file:
            file.write('{"messages": []}\n')
        await wait_for(pilot, "the hint", lambda: "r reloads" in screen_text(app))
        await pilot.press("r")
        await wait_for(pilot, "the new line", lambda: app.workspace.lines == 15)
        await wait_for(pilot, "the check", done(app))
        assert app.workspace.report is not None
        assert app.workspace.report.errors == 1
        os.unlink(chat_file)
        await wait_for(pilot, "the hint again", lambda: "r reloads" in screen_text(app))
        await pilot.press("r")
        await wait_for(pilot, "a plain word", lambda: "does not exist" in screen_text(app))
        assert app.workspace.lines == 15


async def test_escape_stops_and_r_goes_on(make_app: MakeApp, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "long.jsonl", list(CHAT) * 4000)
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "work", lambda: app.workspace.working)
        await pilot.press("escape")
        await wait_for(pilot, "rest", lambda: app.workspace.stage is Stage.STOPPED)
        assert "1 plus 1" in screen_text(app)
        await pilot.press("r")
        await wait_for(pilot, "the whole check", done(app))
        assert app.workspace.report is not None
        assert app.workspace.report.records == 56_000


async def test_the_header_of_a_screen_in_the_background_catches_up(
    make_app: MakeApp, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "grows.jsonl", list(CHAT))
    app = make_app(file)
    async with app.run_test(size=(120, 30)) as pilot:
        await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
        await pilot.press("2")
        await wait_for(pilot, "14 records", lambda: "14 records" in screen_text(app))
        await pilot.press("1")
        turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Nobody."}]
        other = {"messages": turns}
        write_lines(file, [*CHAT, other])
        await pilot.press("r")
        await wait_for(pilot, "15 records", lambda: "15 records" in screen_text(app))
        await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
        await pilot.press("2")
        await wait_for(pilot, "the Issues screen", lambda: "2 Issues" in screen_text(app))
        await wait_for(pilot, "the news", lambda: "✓  15 records" in screen_text(app))
