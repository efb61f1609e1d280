"""Repairing in the application: switches, one record before and after, the new file; editing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.aids import (
    CHAT,
    GPT,
    MakeApp,
    assert_golden,
    data,
    done,
    raw_characters,
    says,
    screen_text,
    wait_for,
    write_lines,
)
from tui.app import TunedeckApp
from tui.screens.repair import RepairScreen
from widgets.text import use_ascii


def repair(app: TunedeckApp) -> RepairScreen:
    assert isinstance(app.screen, RepairScreen)
    return app.screen


async def to_repair(app: TunedeckApp, pilot: object, *keys: str) -> None:
    await wait_for(pilot, "the check", done(app))  # type: ignore[arg-type]
    await pilot.press(*keys, "F")  # type: ignore[attr-defined]
    await wait_for(pilot, "the survey", says(app, "Looked through all"))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_looks_as_kept(make_app: MakeApp, faulty: Path, size: tuple[int, int]) -> None:
    app = make_app(faulty)
    async with app.run_test(size=size) as pilot:
        await to_repair(app, pilot, "2")
        await wait_for(pilot, "a record", says(app, "Line 4", "1  drop invalid"))
        assert_golden(app, f"repair_{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", [(40, 12), (20, 5), (1, 1), (300, 80)])
async def test_any_size_of_terminal(make_app: MakeApp, faulty: Path, size: tuple[int, int]) -> None:
    app = make_app(faulty)
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("F", "n", "n", "space", "tab", "j", "tab", "a", "N", "w")
        await pilot.press("escape", "escape")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))


async def test_walks_through_what_changes(make_app: MakeApp, faulty: Path) -> None:
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await wait_for(pilot, "the first", says(app, "Line 4", '-       "role": "gpt"'))
        await pilot.press("n")
        await wait_for(pilot, "the copy", says(app, "Line 5", "an exact copy"))
        await pilot.press("n")
        await wait_for(pilot, "two repairs", says(app, "Line 8", "messages[0].id removed"))
        await pilot.press("n")
        await wait_for(pilot, "the end", says(app, "No record that changes after"))
        await pilot.press("N", "N")
        await wait_for(pilot, "the first again", says(app, "Line 4"))


async def test_begins_with_the_record_that_was_read(make_app: MakeApp, faulty: Path) -> None:
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot, "j", "j", "j", "j", "j", "j")
        await wait_for(pilot, "the next one", says(app, "Line 8"))


async def test_a_switch_changes_the_preview_and_the_file(make_app: MakeApp, faulty: Path) -> None:
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await wait_for(pilot, "the first", says(app, "Line 4"))
        screen = repair(app)
        assert screen.switches.codes[0] == "unrecognized_role"
        await pilot.press("n", "n")
        await wait_for(pilot, "line 8", says(app, "Line 8", '+       "role": "user"'))
        await pilot.press("space")
        await wait_for(pilot, "no role", lambda: '+       "role": "user"' not in screen_text(app))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "train.fixed.jsonl", "Checked:"))
        lines = Path("train.fixed.jsonl").read_text().splitlines()
        assert json.loads(lines[3]) == GPT
        assert "id" not in lines[6]


@pytest.mark.parametrize("keys", ["", "2"])
async def test_writes_and_opens_the_result(make_app: MakeApp, faulty: Path, keys: str) -> None:
    before = faulty.read_bytes()
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot, *keys)
        screen = repair(app)
        screen.switches.move_cursor(screen.switches.row_count - 1)
        await pilot.press("space")
        await wait_for(pilot, "the invalid one", lambda: screen.switches.chosen >= {"invalid"})
        await wait_for(pilot, "the survey", says(app, "Looked through all"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "Checked: no errors", "2 left out"))
        await pilot.press("enter")
        await wait_for(pilot, "the new file", lambda: app.workspace.path.endswith("fixed.jsonl"))
        await wait_for(pilot, "its check", done(app))
        assert app.workspace.report is not None
        assert app.workspace.report.errors == 0
        assert app.workspace.report.records == 15
    assert faulty.read_bytes() == before
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == [
        "train.fixed.jsonl",
        "train.jsonl",
    ]


async def test_a_name_that_is_taken_is_asked_again(make_app: MakeApp, faulty: Path) -> None:
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await pilot.press("w", *"train", "full_stop", *"jsonl", "enter")
        await wait_for(pilot, "the refusal", says(app, "exists already", "train-2.jsonl"))
        await pilot.press("enter")
        await wait_for(pilot, "the report", says(app, "Written", "train-2.jsonl"))
        await pilot.press("escape", "w", "full_stop", "enter")
        await wait_for(pilot, "the refusal", says(app, "is a folder", "fixed.jsonl"))
        await pilot.press("escape")
        await pilot.press("w", *"no", "slash", "x", "enter")
        await wait_for(pilot, "the reason", says(app, "its folder does not exist"))
        assert app.is_running


async def test_how_many_are_invalid_is_known_before_they_go(
    make_app: MakeApp, faulty: Path
) -> None:
    """The number depends on the repairs that are on."""
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await wait_for(pilot, "the number", says(app, "[ ]       1  drop invalid"))
        await pilot.press("space")
        await wait_for(pilot, "the number", says(app, "[ ]       3  drop invalid"))
        screen = repair(app)
        screen.switches.move_cursor(screen.switches.row_count - 1)
        await pilot.press("space")
        await wait_for(pilot, "the number", says(app, "[x]       3  drop invalid"))
        await pilot.press("space")
        await wait_for(pilot, "the number", says(app, "[ ]       3  drop invalid"))


async def test_nothing_chosen_is_nothing_to_write(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await wait_for(pilot, "the word", says(app, "nothing to repair", "No record needs"))
        await pilot.press("n", "e", "space", "space")
        repair(app).switches.chosen.clear()
        await pilot.press("w")
        await wait_for(pilot, "the word", says(app, "nothing to write"))


async def test_writing_stops_when_told(make_app: MakeApp, tmp_path: Path) -> None:
    line = json.dumps(GPT)
    path = tmp_path / "long.jsonl"
    path.write_text("".join(f"{line.replace('Hi', f'Hi {n}')}\n" for n in range(60_000)))
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("F")
        await wait_for(pilot, "the screen", lambda: isinstance(app.screen, RepairScreen))
        await pilot.press("w", "enter", "escape")
        await wait_for(pilot, "the word", says(app, "nothing was written"))
        assert [file.name for file in tmp_path.glob("*.jsonl")] == ["long.jsonl"]


async def test_hostile_records_are_shown_and_never_sent(
    make_app: MakeApp, hostile_file: Path
) -> None:
    app = make_app(hostile_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        for key in ("n", "n", "n", "a", "N", "tab", "G", "w"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert not raw_characters(screen_text(app)), f"after {key!r}"


async def test_all_of_it_is_drawn_in_ascii_where_that_is_wanted(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("sed -i 's/Hello/Good day/' \"$1\"")
    app = make_app(faulty, ascii=True)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await to_repair(app, pilot)
            await wait_for(pilot, "the first", says(app, "Line 4"))
            for keys, said in (
                ("e", "edited"),
                ("enter", "edited by you"),
                ("w", "Write to"),
                ("enter", "Written"),
            ):
                await pilot.press(keys)
                await wait_for(pilot, said, says(app, said))
                assert screen_text(app).isascii(), screen_text(app)
    finally:
        use_ascii(False)


async def test_a_packed_file_is_repaired_once_it_is_unpacked(
    make_app: MakeApp, faulty: Path
) -> None:
    packed = Path("packed.jsonl.gz")
    packed.write_bytes(gzip.compress(faulty.read_bytes() * 200))
    app = make_app(packed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("F")
        await wait_for(pilot, "the survey", says(app, "Looked through all 3,400"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "packed.fixed.jsonl.gz", "Checked:"))
    written = gzip.decompress(Path("packed.fixed.jsonl.gz").read_bytes())
    assert b'"gpt"' not in written


async def test_several_files_are_repaired_into_one(make_app: MakeApp, faulty: Path) -> None:
    other = write_lines(Path("other.jsonl"), [GPT, *CHAT[8:]])
    app = make_app()
    app.workspace.open([str(faulty), str(other)])
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
        await pilot.press("n", "n", "n")
        await wait_for(pilot, "the copy in the other file", says(app, "Left out"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "train.fixed.jsonl", "Checked:"))
