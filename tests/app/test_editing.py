"""Editing in the application: what the editor saved is looked at, kept, and outlives a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import SuspendNotSupported
from textual.pilot import Pilot

from tests.app.aids import CHAT, GPT, MakeApp, data, done, says, screen_text, wait_for, write_lines
from tui.app import TunedeckApp
from tui.messages import OpenPath
from tui.opened.workspace import Stage
from widgets.confirm import Confirm
from widgets.diff_view import DiffView


async def edited(pilot: Pilot[int], line: int, *keys: str) -> None:
    """Go to a record by keys, edit it, and keep the edit, which is the first."""
    app = pilot.app
    await wait_for(pilot, "the check", done(app))
    await pilot.press(*keys, "ctrl+e")
    await wait_for(pilot, "the look", says(app, f"Line {line}, edited"))
    await pilot.press("enter")
    await wait_for(pilot, "the count", says(app, "1 edit not saved"))


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


async def test_leaving_asks_about_an_edit_that_is_only_looked_at(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("sed -i 's/in one sentence/briefly/' \"$1\"")
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("ctrl+e")
        await wait_for(pilot, "the look", says(app, "Line 1, edited"))
        await pilot.press("ctrl+q")
        await wait_for(pilot, "the question", says(app, "Leave with 1 edit not saved?", "not kept"))
        await pilot.press("n")
        await wait_for(pilot, "the look again", says(app, "Line 1, edited"))
        await pilot.press("enter")
        await wait_for(pilot, "the count", says(app, "1 edit not saved"))


async def test_edits_outlive_the_program_and_leaving_asks(
    make_app: MakeApp, faulty: Path, editor: Callable[[str], None]
) -> None:
    editor("sed -i 's/in one sentence/briefly/' \"$1\"")
    app = make_app(faulty)
    async with app.run_test(size=(120, 40)) as pilot:
        await edited(pilot, 1)
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
        await edited(pilot, 1)
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
        await edited(pilot, 2, "j", "j", "j")
        [edit] = app.workspace.edits
        assert edit == 1
        assert app.workspace.stage is Stage.DONE
