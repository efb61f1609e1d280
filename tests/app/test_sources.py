"""Where datasets come from: several files at once, packed ones, pipes, and files that change."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.aids import CHAT, MakeApp, data, screen_text, wait_for, write_lines
from tests.terminal import TUNEDECK, Terminal
from tui.app import TunedeckApp
from tui.dataset import Source
from tui.dataset.unpack import zstd_writer
from tui.opened import diskwatch, workspace
from tui.opened.opening import load, opens_at_once
from tui.opened.workspace import Stage
from tui.screens.open import OpenScreen


@pytest.fixture(autouse=True)
def _watch_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "WATCH_SECONDS", 0.05)


def done(app: TunedeckApp, records: int) -> Callable[[], bool]:
    def settled() -> bool:
        report = app.workspace.report
        return (
            app.workspace.stage is Stage.DONE and report is not None and report.records == records
        )

    return settled


def at(app: TunedeckApp, record: int) -> Callable[[], bool]:
    """The cursor is on a record (from 1), and that is what is shown."""
    return lambda: data(app).records.cursor == data(app).position == record - 1


def add(path: Path, *records: object) -> None:
    with path.open("ab") as file:
        file.write(b"".join(json.dumps(record).encode() + b"\n" for record in records))


# Following


async def test_a_file_that_grows_is_followed(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app, 14))
        await pilot.press("f")
        await wait_for(pilot, "the end", at(app, 14))
        await wait_for(pilot, "the word", lambda: "following" in screen_text(app))
        half = json.dumps(CHAT[0])[:40]
        with chat_file.open("a") as file:
            file.write(half)
        await wait_for(pilot, "half a record", lambda: at(app, 15)() and "40 B" in screen_text(app))
        with chat_file.open("a") as file:
            file.write(json.dumps(CHAT[0])[40:] + "\n")
        await wait_for(pilot, "the rest of it", done(app, 15))
        await wait_for(pilot, "it whole", lambda: "1 plus 1 is 2." in screen_text(app))
        await pilot.press("k", "k")
        await wait_for(pilot, "another record", at(app, 13))
        add(chat_file, *CHAT)
        await wait_for(pilot, "the new ones", done(app, 29))
        assert at(app, 13)()
        await pilot.press("f")
        await wait_for(pilot, "no word", lambda: "following  " not in screen_text(app))
        add(chat_file, *CHAT)
        await wait_for(pilot, "the offer", lambda: "r reloads" in screen_text(app))
        assert app.workspace.lines == 29
        await pilot.press("r")
        await wait_for(pilot, "the rest", done(app, 43))
        assert at(app, 13)()


async def test_what_is_known_stays_while_the_tail_is_checked(
    make_app: MakeApp, broken_file: Path
) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
        assert app.workspace.report is not None
        errors = app.workspace.report.errors
        seen = []
        app.workspace.changes.subscribe(
            data(app), lambda _: seen.append(app.workspace.report.errors), immediate=True
        )
        await pilot.press("f")
        add(broken_file, *CHAT)
        await wait_for(pilot, "the tail", done(app, 30))
        assert seen
        assert min(seen) >= errors


@pytest.mark.parametrize("how", ["shrunk", "replaced", "edited"])
async def test_another_file_in_its_place_is_read_without_asking(
    make_app: MakeApp, tmp_path: Path, how: str
) -> None:
    path = write_lines(tmp_path / "a.jsonl", list(CHAT) * 20)
    app = make_app(path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, "the check", done(app, 280))
        await pilot.press("f")
        await wait_for(pilot, "the end", at(app, 280))
        await pilot.press("g", *"j" * 6)
        await wait_for(pilot, "the seventh", at(app, 7))
        if how == "replaced":
            os.replace(write_lines(tmp_path / "b", list(reversed(CHAT)) * 30), path)
        elif how == "shrunk":
            write_lines(path, list(reversed(CHAT)))
        else:
            body = path.read_bytes()
            path.write_bytes(body[: len(body) // 2] + b"\n" + body[len(body) // 2 + 1 :])
        records = {"replaced": 420, "shrunk": 14, "edited": 281}[how]
        await wait_for(pilot, "the new one", lambda: "was read again" in screen_text(app))
        await wait_for(
            pilot,
            "its check",
            lambda: app.workspace.stage is Stage.DONE and app.workspace.lines == records,
        )
        assert at(app, 7)()
        assert app.workspace.following
        said = "8 plus 8 is 16." if how != "edited" else "7 plus 7 is 14."
        await wait_for(pilot, "the record as it is now", lambda: said in screen_text(app))


async def test_a_reload_keeps_record_scroll_and_screen(make_app: MakeApp, tmp_path: Path) -> None:
    long = {"messages": [{"role": "user", "content": "line\n" * 300}]}
    path = write_lines(tmp_path / "a.jsonl", [*CHAT * 300, long, *CHAT])
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app, 4215))
        await pilot.press("colon", *"4201", "enter")
        await wait_for(pilot, "the long one", at(app, 4201))
        await pilot.press("tab", "pagedown", "pagedown")
        screen = data(app)
        await wait_for(pilot, "scrolling", lambda: screen.view.top > 0)
        top, first = screen.view.top, screen.records.top
        await pilot.press("3")
        generation = id(app.workspace.source)
        await pilot.press("r")
        await wait_for(pilot, "another source", lambda: id(app.workspace.source) != generation)
        await wait_for(pilot, "the check again", done(app, 4215))
        assert app.current_mode == "tokens"
        await pilot.press("1")
        await wait_for(pilot, "the place", at(app, 4201))
        assert (screen.view.top, screen.records.top) == (top, first)


async def test_a_disk_that_does_not_answer_stops_nothing(
    make_app: MakeApp, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    asked = []

    def hang(_source: Source) -> None:
        asked.append(threading.current_thread())
        answer.wait()

    app = make_app(chat_file)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_for(pilot, "the check", done(app, 14))
            monkeypatch.setattr(diskwatch, "SILENT_SECONDS", 0.2)
            monkeypatch.setattr(Source, "changed", hang)
            await wait_for(pilot, "the word", lambda: "does not answer" in screen_text(app))
            assert len(asked) == 1
            assert asked[0].daemon
            await pilot.press("j", "j")
            await wait_for(pilot, "the cursor", at(app, 3))
            answer.set()
            await wait_for(pilot, "rest", lambda: "does not answer" not in screen_text(app))
    finally:
        answer.set()


# Several files


async def test_several_files_are_one_dataset(
    make_app: MakeApp, tmp_path: Path, chat_file: Path, broken_file: Path
) -> None:
    array = tmp_path / "array.json"
    array.write_text(json.dumps(CHAT[:2], indent=1))
    app = make_app()
    app.workspace.open([str(chat_file), str(broken_file), str(array)])
    async with app.run_test(size=(160, 40)) as pilot:
        await wait_for(pilot, "the check", done(app, 32))
        data(app).jump("18")
        await wait_for(pilot, "the first fault", lambda: "broken.jsonl:4" in screen_text(app))
        assert at(app, 18)()
        await pilot.press("G")
        await wait_for(pilot, "the last record", lambda: "array.json:18" in screen_text(app))
        await pilot.press("2")
        await wait_for(pilot, "issues", lambda: "broken.jsonl:4:" in screen_text(app))
        assert "chat.jsonl and 2 more" in screen_text(app)
        add(array, {})
        await wait_for(pilot, "the change", lambda: "r reloads" in screen_text(app))


async def test_files_are_marked_and_opened_together(make_app: MakeApp, tmp_path: Path) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_lines(folder / f"{name}.jsonl", list(CHAT))
    (folder / "array.json").write_text(json.dumps(CHAT))
    (folder / "settings.json").write_text("{}")
    app = make_app(first=str(folder))
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_for(pilot, "the kinds", lambda: screen_text(app).count(" chat ") == 4)
        assert "array.json" in screen_text(app)
        assert "settings.json" not in screen_text(app)
        await pilot.press("space", "down", "space", "up", "space", "space")
        await wait_for(pilot, "the marks", lambda: "2 files marked" in screen_text(app))
        await pilot.press("enter")
        await wait_for(pilot, "both", done(app, 28))
        assert len(app.workspace.paths) == 2


async def test_space_belongs_to_a_path_being_typed(make_app: MakeApp, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "my file.jsonl", list(CHAT))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_for(pilot, "the dialog", lambda: isinstance(app.screen, OpenScreen))
        screen = app.screen
        assert isinstance(screen, OpenScreen)
        screen.path.value = f"{tmp_path}/my"
        screen.path.cursor_position = len(screen.path.value)
        await pilot.press("space", "f")
        await wait_for(pilot, "the text", lambda: screen.path.value == f"{tmp_path}/my f")
        await wait_for(pilot, "the choice", lambda: "my file.jsonl" in screen_text(app))
        await pilot.press("enter")
        await wait_for(pilot, "the file", done(app, 14))
        assert app.workspace.path == str(path)


def test_which_files_open_at_once(tmp_path: Path, chat_file: Path) -> None:
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(b"{}"))
    array = tmp_path / "a.json"
    array.write_text(" [1]")
    assert opens_at_once([str(packed)])
    assert opens_at_once([str(chat_file), str(chat_file)])
    assert opens_at_once([str(chat_file), str(tmp_path / "gone")])
    assert not opens_at_once([str(chat_file), str(packed)])
    assert not opens_at_once([str(chat_file), str(array)])


@pytest.mark.e2e
def test_files_named_on_the_command_line_are_joined(
    home: Path, tmp_path: Path, chat_file: Path
) -> None:
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(chat_file.read_bytes()))
    with Terminal(
        (*TUNEDECK, str(chat_file), str(packed)), size=(120, 30), env={"TUNEDECK_HOME": str(home)}
    ) as term:
        term.wait_for("28 records")
        term.wait_for("chat.jsonl and 1 more")


# Packed files and pipes


def _pack(path: Path, records: list[Any], times: int) -> Path:
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records) * times
    with path.open("wb") as file:
        writer = zstd_writer(file)
        writer.write(body)
        writer.close()
    return path


async def test_a_packed_file_is_shown_while_it_is_unpacked(
    make_app: MakeApp, tmp_path: Path
) -> None:
    path = _pack(tmp_path / "a.jsonl.zst", list(CHAT), 8000)
    opened = load(str(path))
    assert not opened.source.whole
    assert opened.index.lines > 1000
    opened.source.close()
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "a record", lambda: "1 plus 1 is 2." in screen_text(app))
        await wait_for(pilot, "all", lambda: app.workspace.lines == 112_000)
        assert app.workspace.complete
        await pilot.press("escape")


async def test_a_file_cut_off_is_shown_as_far_as_it_goes(make_app: MakeApp, tmp_path: Path) -> None:
    whole = _pack(tmp_path / "b.zst", list(CHAT), 20_000).read_bytes()
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(whole[: len(whole) // 2])
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the end", lambda: app.workspace.stage is Stage.FAILED)
        await wait_for(pilot, "the word", lambda: "not whole" in screen_text(app))
        assert "1 plus 1 is 2." in screen_text(app)
        assert app.workspace.lines > 1000
        assert "cut-off zstd" in app.workspace.failure


def trickling(folder: Path, first: int) -> tuple[Path, threading.Event]:
    """Return a pipe that brings so many records at once, and what lets the others come."""
    pipe, more = folder / "pipe", threading.Event()
    os.mkfifo(pipe)
    lines = [json.dumps(record).encode() + b"\n" for record in CHAT]

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(b"".join(lines[:first]))
            more.wait()
            file.write(b"".join(lines[first:]))

    threading.Thread(target=write, daemon=True).start()
    return pipe, more


async def test_a_pipe_is_shown_as_it_comes(make_app: MakeApp, tmp_path: Path) -> None:
    pipe, more = trickling(tmp_path, 1)
    app = make_app(pipe)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_for(pilot, "the first record", lambda: "1 plus 1" in screen_text(app))
            assert not app.workspace.complete
            await pilot.press("colon", *"14", "enter")
            await wait_for(pilot, "a promise", lambda: "going there when it is" in screen_text(app))
            more.set()
            await wait_for(pilot, "all of it", done(app, 14))
            await wait_for(pilot, "the record wanted", at(app, 14))
    finally:
        more.set()


# Going about


@pytest.mark.parametrize(
    ("typed", "record"),
    [("$", 14), ("END", 14), ("100%", 14), ("12.5 %", 2), ("0", 1), ("1_2", 12), ("-3", 1)],
)
async def test_where_one_may_go(
    make_app: MakeApp, chat_file: Path, typed: str, record: int
) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app, 14))
        data(app).jump(typed)
        await wait_for(pilot, "the record", at(app, record))


async def test_moving_gives_a_goal_up(make_app: MakeApp, tmp_path: Path) -> None:
    pipe, more = trickling(tmp_path, 5)
    app = make_app(pipe)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_for(pilot, "some", lambda: app.workspace.lines == 5)
            data(app).jump("50%")
            await pilot.press("j")
            await wait_for(pilot, "the second", at(app, 2))
            more.set()
            await wait_for(pilot, "all of it", done(app, 14))
            assert at(app, 2)()
    finally:
        more.set()
