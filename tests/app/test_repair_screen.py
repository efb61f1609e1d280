"""Repairing in the application: switches, one record before and after, the new file; editing."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import SuspendNotSupported

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
from tui.app import TunedeckApp
from tui.messages import OpenPath
from tui.opened.workspace import Stage
from tui.screens.repair import RepairScreen
from widgets.confirm import Confirm
from widgets.diff_view import DiffView
from widgets.text import use_ascii

GPT = {"messages": [{"role": "user", "content": "Hello"}, {"role": "gpt", "content": "Hi"}]}
EXTRA = {"messages": [{"role": "human", "content": "Hey", "id": 1}, *CHAT[0]["messages"][2:]]}
ALONE = {"messages": [{"role": "user", "content": "No answer follows"}]}


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Repairs on lines 4, 5 (a copy) and 8; line 9 is invalid and no repair mends it."""
    monkeypatch.chdir(tmp_path)
    records = [*CHAT[:3], GPT, CHAT[0], *CHAT[4:6], EXTRA, ALONE, *CHAT[6:]]
    return write_lines(Path("train.jsonl"), records)


def repair(app: TunedeckApp) -> RepairScreen:
    assert isinstance(app.screen, RepairScreen)
    return app.screen


def says(app: TunedeckApp, *words: str) -> Callable[[], bool]:
    return lambda: all(word in screen_text(app) for word in words)


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


async def test_writes_and_opens_the_result(make_app: MakeApp, faulty: Path) -> None:
    before = faulty.read_bytes()
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_repair(app, pilot)
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


# Editing


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what sets the editor: a line of shell that changes the file ``$1``."""
    path = tmp_path / "editor.sh"

    def use(body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(TunedeckApp, "suspend", lambda self: contextlib.nullcontext())
    use("true")
    return use


async def test_an_edit_is_looked_at_kept_and_saved(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor('sed -i \'s/"gpt"/"assistant"/\' "$1"')
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("e")
        await wait_for(pilot, "the record", lambda: data(app).position == 3)
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the look", says(app, "Line 4, edited", "1 issue before → no issues"))
        assert '+       "role": "assistant"' in screen_text(app)
        await pilot.press("enter")
        await wait_for(pilot, "the count", says(app, "1 edit not saved"))
        assert app.workspace.record(3).issues == ()
        # What was counted stands in the file, not in the edit.
        assert app.workspace.tokens_of(2)
        assert app.workspace.tokens_of(3) is None
        await pilot.press("ctrl+s")
        await wait_for(pilot, "the name", says(app, "Write to", "your edits"))
        await pilot.press("enter")
        await wait_for(pilot, "the report", says(app, "1 edited by you"))
        await pilot.press("escape", "escape")
        await wait_for(pilot, "no edits", lambda: "not saved" not in screen_text(app))
    lines = Path("train.fixed.jsonl").read_text().splitlines()
    kept = faulty.read_text().splitlines()
    assert json.loads(lines[3])["messages"][1]["role"] == "assistant"
    assert lines[:3] + lines[4:] == kept[:3] + kept[4:]


async def test_edits_outlive_the_program_and_leaving_asks(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("sed -i 's/in one sentence/briefly/' \"$1\"")
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the look", says(app, "Line 1, edited"))
        await pilot.press("enter")
        await wait_for(pilot, "the count", says(app, "1 edit not saved"))
        assert "You answer briefly" in screen_text(app)
        await pilot.press("ctrl+q")
        await wait_for(pilot, "the question", lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))
        assert app.is_running
    again = make_app(faulty)
    async with again.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, "the edit", says(again, "1 edit of last time", "You answer briefly"))
        again.action_discard_edits()
        await wait_for(pilot, "the question", lambda: isinstance(again.screen, Confirm))
        await pilot.press("y")
        await wait_for(pilot, "the old text", says(again, "You answer in one sentence"))
        assert not len(again.workspace.edits)


async def test_another_file_is_opened_over_edits_when_asked(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("sed -i 's/in one sentence/briefly/' \"$1\"")
    other = write_lines(Path("other.jsonl"), CHAT)
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the look", says(app, "Line 1, edited"))
        await pilot.press("enter")
        await wait_for(pilot, "the count", says(app, "1 edit not saved"))
        for key, path in (("n", "train.jsonl"), ("y", "other.jsonl")):
            app.post_message(OpenPath(str(other)))
            await wait_for(pilot, "the question", lambda: isinstance(app.screen, Confirm))
            assert "Open other.jsonl with 1 edit not saved?" in screen_text(app)
            await pilot.press(key)
            await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))
            assert app.workspace.path.endswith(path)
        await wait_for(pilot, "the check", done(app))
        app.post_message(OpenPath(str(faulty)))
        await wait_for(pilot, "the edit", says(app, "You answer briefly"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("true", "Unchanged"),
        ("exit 7", "ended with code 7"),
        ('rm "$1"', "left no file"),
    ],
)
async def test_an_editor_that_does_no_good(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None], body: str, said: str
) -> None:
    editor(body)
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("ctrl+e")
        await wait_for(pilot, said, says(app, said))
        assert not len(app.workspace.edits)


async def test_no_editor_and_no_terminal_are_told(
    make_app: MakeApp, faulty: Path, editor: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    del editor
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))

        def refuse(_app: TunedeckApp) -> object:
            raise SuspendNotSupported("no")

        monkeypatch.setattr(TunedeckApp, "suspend", refuse)
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the word", says(app, "cannot be handed over"))
        monkeypatch.setenv("EDITOR", "no-such-editor")
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the word", says(app, "no-such-editor is not there"))


async def test_what_is_no_json_is_not_kept(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("printf '[{' > \"$1\"")
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the word", says(app, "Not JSON any more", "invalid_json"))
        await pilot.press("enter", "y")
        assert app.screen.query(DiffView)
        editor("true")
        await pilot.press("e")
        await pilot.press("escape")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))
        assert not len(app.workspace.edits)


async def test_a_record_on_several_lines_is_edited_whole(
    make_app: MakeApp, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    editor('sed -i \'s/"gpt"/"assistant"/\' "$1"')
    path = tmp_path / "spread.jsonl"
    first = json.dumps(CHAT[0])
    path.write_text(f"{first}\n{json.dumps(GPT, indent=1)}\n{first}\n")
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("j", "j", "j", "ctrl+e")
        await wait_for(pilot, "the look", says(app, "Line 2, edited"))
        await pilot.press("enter")
        await wait_for(pilot, "the count", says(app, "1 edit not saved"))
        [edit] = app.workspace.edits
        assert edit == 1
        assert app.workspace.stage is Stage.DONE


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
