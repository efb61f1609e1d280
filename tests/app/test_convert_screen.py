"""Converting in the application: what becomes of each record, and the new file."""

from __future__ import annotations

import errno
import gzip
import json
import os
from pathlib import Path

import pytest

from tests.app.aids import (
    CHAT,
    HOSTILE_TEXT,
    MakeApp,
    data,
    done,
    raw_characters,
    says,
    screen_text,
    wait_for,
    write_lines,
)
from tui.app import TunedeckApp
from tui.messages import OpenPath
from tui.opened.edits import Edit
from tui.screens.convert import ConvertScreen
from tui.screens.issues import IssuesScreen
from tui.screens.palette import Palette
from widgets.diff_view import DiffView

SAMPLES = Path(__file__).parent.parent.parent / "sample_data"
ALPACA = [{"instruction": f"Say {n}.", "input": "", "output": f"{n}"} for n in range(12)]
MIXED = [
    *ALPACA[:4],
    {"instruction": "Say nothing.", "output": ""},
    {"colour": "red", "shape": "round"},
    CHAT[0],
    *ALPACA[4:],
    {"instruction": "Say less.", "output": ""},
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mixed() -> Path:
    """Twelve records to convert, one that is chat, and three that cannot be."""
    return write_lines(Path("mixed.jsonl"), list(MIXED))


def share(name: str) -> Path:
    path = Path(name)
    path.write_bytes((SAMPLES / name).read_bytes())
    return path


def converting(app: TunedeckApp) -> ConvertScreen:
    assert isinstance(app.screen, ConvertScreen)
    return app.screen


async def to_convert(app: TunedeckApp, pilot: object, *keys: str) -> None:
    await wait_for(pilot, "the check", done(app))  # type: ignore[arg-type]
    await pilot.press(*keys, "C")  # type: ignore[attr-defined]
    await wait_for(pilot, "the counts", says(app, "can become"))  # type: ignore[arg-type]


async def test_the_screens_say_that_a_key_converts(make_app: MakeApp) -> None:
    app = make_app(share("sharegpt.json"))
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await wait_for(pilot, "the hint", says(app, "press C to convert it into chat JSONL"))
        await wait_for(pilot, "the key", says(app, "C convert"))
        assert "tunedeck convert" not in screen_text(app)
        await pilot.press("2")
        await wait_for(pilot, "the rule", says(app, "Press C to convert this file", "C convert"))
        await pilot.press("j")
        await wait_for(pilot, "the hint", says(app, "press C to convert it into chat JSONL"))


async def test_the_key_is_not_named_where_all_is_chat(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(160, 45)) as pilot:
        await wait_for(pilot, "the check", done(app))
        assert "C convert" not in screen_text(app)
        await pilot.press("C")
        await wait_for(pilot, "the question", says(app, "Write the records as", "Mistral"))
        assert isinstance(app.screen, Palette)
        await pilot.press("escape")
        await wait_for(pilot, "the word", says(app, "t chooses what else to write it as"))
        await pilot.press("w")
        await wait_for(pilot, "the word", says(app, "There is nothing to write"))


@pytest.mark.parametrize("keys", ["", "2"])
async def test_a_file_becomes_chat_and_is_opened(make_app: MakeApp, keys: str) -> None:
    path = share("sharegpt.json")
    before = path.read_bytes()
    app = make_app(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await to_convert(app, pilot, *keys)
        await wait_for(
            pilot,
            "a record",
            says(app, "12  ShareGPT into chat JSONL", "without the key id", '+       "role": "us'),
        )
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "12 written as chat JSONL", "no errors"))
        assert "sharegpt.chat.jsonl" in screen_text(app)
        await pilot.press("enter")
        await wait_for(pilot, "the file", lambda: app.workspace.path.endswith(".chat.jsonl"))
        await wait_for(pilot, "its check", done(app))
        assert app.screen is data(app)
        assert app.workspace.report is not None
        assert (app.workspace.report.errors, app.workspace.report.records) == (0, 12)
    assert path.read_bytes() == before
    records = [json.loads(line) for line in Path("sharegpt.chat.jsonl").read_text().splitlines()]
    assert all(set(record) == {"messages"} for record in records)


async def test_closes_when_another_file_is_opened_from_elsewhere(
    make_app: MakeApp, mixed: Path, chat_file: Path
) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_convert(app, pilot, "2")
        await pilot.press("3")
        app.post_message(OpenPath(str(chat_file)))
        await wait_for(pilot, "the file", lambda: app.workspace.path == str(chat_file))
        await wait_for(pilot, "its check", done(app))
        assert app.screen is data(app)
        await pilot.press("2")
        await wait_for(pilot, "it is gone", lambda: len(app.screen_stack) == 1)
        assert isinstance(app.screen, IssuesScreen)


async def test_what_cannot_be_converted_is_listed_with_its_records(
    make_app: MakeApp, mixed: Path
) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_convert(app, pilot)
        shown = ("12  Alpaca into chat", "1  as they are", "2  left out: no answer", "line 5")
        await wait_for(pilot, "the counts", says(app, *shown, "13 of 16 records can become"))
        await pilot.press("j", "j", "j")
        await wait_for(pilot, "the record", says(app, "Line 5", "Left out: no answer", "nothing"))
        await pilot.press("j")
        await wait_for(pilot, "the other", says(app, "Line 16", "Say less."))
        await pilot.press("left")
        await wait_for(pilot, "it folded", lambda: "line 5" not in screen_text(app))
        await pilot.press("enter")
        await wait_for(pilot, "it unfolded", says(app, "line 5"))
        await pilot.press("G")
        await wait_for(pilot, "the unknown", says(app, "Line 6", "with the keys colour, shape"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "13 written", "no answer: line 5, 16"))
        assert len(Path("mixed.chat.jsonl").read_text().splitlines()) == 13


async def test_for_another_provider(make_app: MakeApp, mixed: Path) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_convert(app, pilot)
        await pilot.press("t", *"gem", "enter")
        await wait_for(pilot, "the target", says(app, "into Gemini JSONL", '"contents"'))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "mixed.gemini.jsonl", "Not checked"))
        first = json.loads(Path("mixed.gemini.jsonl").read_text().splitlines()[0])
        assert first["contents"][0] == {"role": "user", "parts": [{"text": "Say 0."}]}


async def test_the_palette_converts_from_any_screen(make_app: MakeApp, mixed: Path) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("4", "ctrl+p", *"convert", "enter")
        await wait_for(pilot, "the counts", says(app, "can become chat JSONL"))
        await pilot.press("escape")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))


async def test_a_table(make_app: MakeApp) -> None:
    path = Path("pairs.csv")
    path.write_text("Question,Answer\nWhat?,That\nWho?,\nWhy?,Because\n")
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the key", says(app, "C convert"))
        await to_convert(app, pilot)
        await wait_for(pilot, "the first row", says(app, "2 of 3 records", '"Question": "What?"'))
        await pilot.press("G")
        await wait_for(pilot, "the other", says(app, "Line 3", "Left out: no answer", "Who?"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "2 written"))
        assert "Because" in Path("pairs.chat.jsonl").read_text()


async def test_keys_are_named_and_a_system_message_is_given(make_app: MakeApp) -> None:
    path = write_lines(Path("odd.jsonl"), [{"ask": f"a{n}", "say": f"b{n}"} for n in range(3)])
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("C")
        await wait_for(pilot, "the word", says(app, "None of 3 records", "m says which of them"))
        await pilot.press("m", *"user", "enter")
        await wait_for(pilot, "the refusal", says(app, "is not ROLE=NAME"))
        await pilot.press("ctrl+u", *"user=ask,assistant=say", "enter")
        await wait_for(pilot, "all of them", says(app, "All 3 records can become"))
        await pilot.press("s", *"Be kind.", "enter")
        await wait_for(pilot, "the system message", says(app, "Be kind."))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "3 written"))
        assert Path("odd.chat.jsonl").read_text().count("Be kind.") == 3


async def test_asks_before_it_replaces(make_app: MakeApp, mixed: Path) -> None:
    there = Path("there.jsonl")
    there.write_text("something\n")
    before = mixed.read_bytes()
    app = make_app(mixed)
    async with app.run_test(size=(100, 30)) as pilot:
        await to_convert(app, pilot)
        await pilot.press("w", "ctrl+u", *"there.jsonl", "enter")
        await wait_for(pilot, "the question", says(app, "Replace what is there?"))
        await pilot.press("n")
        await wait_for(pilot, "the screen", lambda: isinstance(app.screen, ConvertScreen))
        assert there.read_text() == "something\n"
        await pilot.press("w", "ctrl+u", *"there.jsonl", "enter")
        await wait_for(pilot, "the question", says(app, "Replace what is there?"))
        await pilot.press("y")
        await wait_for(pilot, "the report", says(app, "13 written"))
        assert len(there.read_text().splitlines()) == 13
        await pilot.press("escape", "w", "ctrl+u", *"mixed.jsonl", "enter")
        await wait_for(pilot, "the refusal", says(app, "the file you opened", "mixed-2.jsonl"))
        await pilot.press("ctrl+u", *".", "enter")
        await wait_for(pilot, "the refusal", says(app, "that is a folder", "converted.jsonl"))
        await pilot.press("escape")
        assert mixed.read_bytes() == before


async def test_a_name_taken_meanwhile_is_not_replaced(make_app: MakeApp, mixed: Path) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(100, 30)) as pilot:
        await to_convert(app, pilot)
        await pilot.press("w", "ctrl+u", *"no/such.jsonl", "enter")
        await wait_for(pilot, "the reason", says(app, "its folder does not exist"))
        assert app.is_running
        assert list(Path().glob("*.jsonl")) == [mixed]


async def test_a_full_disk_leaves_nothing(
    make_app: MakeApp, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Path("kept.jsonl")
    kept.write_text("kept\n")
    app = make_app(mixed)
    async with app.run_test(size=(100, 30)) as pilot:
        await to_convert(app, pilot)

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            await pilot.press("w", "ctrl+u", *"kept.jsonl", "enter")
            await wait_for(pilot, "the question", says(app, "Replace what is there?"))
            await pilot.press("y")
            await wait_for(pilot, "the reason", says(app, "the disk is full"))
        assert sorted(path.name for path in Path().glob("*.jsonl")) == ["kept.jsonl", "mixed.jsonl"]
        assert kept.read_text() == "kept\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written_to(make_app: MakeApp, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = write_lines(folder / "mixed.jsonl", list(MIXED))
    folder.chmod(0o555)
    try:
        app = make_app(path)
        async with app.run_test(size=(100, 30)) as pilot:
            await to_convert(app, pilot)
            await pilot.press("w", "enter")
            await wait_for(pilot, "the report", says(app, "13 written"))
        assert Path("mixed.chat.jsonl").exists()
    finally:
        folder.chmod(0o755)


async def test_a_file_that_changed_is_not_converted(make_app: MakeApp, mixed: Path) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_convert(app, pilot)
        write_lines(Path("new.jsonl"), list(ALPACA)).rename(mixed)
        await pilot.press("w", "enter")
        await wait_for(pilot, "the reason", says(app, "was replaced since it was opened"))
        assert not Path("mixed.chat.jsonl").exists()
        await pilot.press("escape", "r")
        await wait_for(pilot, "the new one", lambda: app.workspace.lines == len(ALPACA))
        await to_convert(app, pilot)
        await wait_for(pilot, "its counts", says(app, "All 12 records"))


async def test_writing_stops_when_told(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps(ALPACA[n % 12]) + "\n" for n in range(200_000)))
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the lines", lambda: app.workspace.lines > 0)
        await pilot.press("C")
        await wait_for(pilot, "the screen", lambda: isinstance(app.screen, ConvertScreen))
        await pilot.press("w", "enter", "escape")
        await wait_for(pilot, "the word", says(app, "nothing was written"))
        assert [file.name for file in tmp_path.glob("*.jsonl")] == ["long.jsonl"]
        await pilot.press("escape")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))


async def test_edited_records_are_written_as_they_were_left(make_app: MakeApp, mixed: Path) -> None:
    app = make_app(mixed)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        workspace = app.workspace
        assert workspace.source is not None
        assert workspace.index is not None
        start, length = workspace.index.span(4)
        before = workspace.source.read(start, length)
        after = json.dumps({"instruction": "Say nothing.", "output": "Silence."}).encode()
        workspace.edits.put(Edit(4, 1, start, before, after))
        workspace.edited()
        await to_convert(app, pilot)
        await wait_for(pilot, "the edit", says(app, "14 of 16", "1  as you edited them"))
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "14 written"))
        assert "Silence." in Path("mixed.chat.jsonl").read_text()
        assert len(workspace.edits) == 1


async def test_a_packed_file_gives_a_packed_one(make_app: MakeApp, mixed: Path) -> None:
    packed = Path("mixed.jsonl.gz")
    packed.write_bytes(gzip.compress(mixed.read_bytes()))
    app = make_app(packed)
    async with app.run_test(size=(100, 30)) as pilot:
        await to_convert(app, pilot)
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "mixed.chat.jsonl.gz", "13 written"))
        assert len(gzip.decompress(Path("mixed.chat.jsonl.gz").read_bytes()).splitlines()) == 13


@pytest.mark.parametrize("size", [(40, 12), (20, 5), (1, 1), (300, 80)])
async def test_any_size_of_terminal(make_app: MakeApp, mixed: Path, size: tuple[int, int]) -> None:
    app = make_app(mixed)
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("C", "j", "j", "tab", "j", "tab", "enter", "left", "w", "escape", "t")
        await pilot.press("escape", "m", "escape", "s", "escape", "escape")
        await wait_for(pilot, "the Data screen", lambda: app.screen is data(app))


async def test_hostile_records_are_shown_and_never_sent(make_app: MakeApp) -> None:
    bad = HOSTILE_TEXT
    records = [
        {"instruction": bad, "output": bad, bad: bad},
        {"instruction": bad, "output": ""},
        {bad: bad, "x": 1},
        {"conversations": [{"from": bad, "value": bad}]},
    ]
    path = Path("hos\x1b[31m\u202etile.jsonl")
    path.write_text("".join(json.dumps(record) + "\n" for record in records * 3) + "{\x9b\n")
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_convert(app, pilot)
        for key in ("j", "j", "j", "enter", "j", "G", "tab", "G", "w"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert not raw_characters(screen_text(app)), f"after {key!r}"
        await pilot.press("enter")
        await wait_for(pilot, "the report", says(app, "written as chat JSONL"))
        assert not raw_characters(screen_text(app))


async def test_all_of_it_is_drawn_in_ascii_where_that_is_wanted(
    make_app: MakeApp, mixed: Path
) -> None:
    app = make_app(mixed, ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await to_convert(app, pilot)
        await pilot.press("j", "j", "j")
        await wait_for(pilot, "the record", says(app, "Left out"))
        assert screen_text(app).isascii()
        await pilot.press("w", "enter")
        await wait_for(pilot, "the report", says(app, "13 written"))
        assert screen_text(app).isascii()
        assert not app.screen.query(DiffView)
