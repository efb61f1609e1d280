"""A disk that does not answer holds up no key, and what it owed is shown when it comes back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tui.dataset
from tests.app.aids import CHAT, MakeApp, screen_text, wait_for
from tui.dataset import Record, record, source
from tui.errors import FileError
from tui.opened import patience
from tui.opened.patience import Patience
from tui.opened.workspace import Stage


class Disk:
    """Reads as usual, until it hangs."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self._read = source.read_at

    def read_at(self, fd: int, offset: int, length: int) -> bytes:
        self.answers.wait(60)
        return self._read(fd, offset, length)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Every read of a dataset goes through this disk; short patience."""
    disk = Disk()
    monkeypatch.setattr(source, "read_at", disk.read_at)
    monkeypatch.setattr(patience, "SECONDS", 0.05)
    yield disk
    disk.answers.set()


async def test_a_silent_disk_is_told_and_comes_back(
    make_app: MakeApp, chat_file: Path, disk: Disk
) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_for(pilot, "the check", lambda: app.workspace.report is not None)
        before = screen_text(app)
        disk.answers.clear()
        await pilot.press("j")
        await wait_for(pilot, "the word", lambda: "the disk does not answer" in screen_text(app))
        # The keys go on meanwhile.
        await pilot.press("2")
        assert app.current_mode == "issues"
        await pilot.press("1")
        disk.answers.set()
        await wait_for(pilot, "the record", lambda: "does not answer" not in screen_text(app))
        await pilot.press("k")
        await wait_for(pilot, "the same as before", lambda: screen_text(app) == before)


async def test_a_record_whose_check_is_late_is_shown_meanwhile(
    make_app: MakeApp, broken_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, checks = threading.Event(), 0
    free.set()
    really = record.check_record

    def check(*args: Any, **options: Any) -> Record:
        nonlocal checks
        checks += 1
        free.wait(60)
        return really(*args, **options)

    monkeypatch.setattr(tui.dataset, "check_record", check, raising=False)
    app = make_app(broken_file)
    async with app.run_test(size=(120, 30)) as pilot:
        await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
        await wait_for(pilot, "the first record", lambda: "37 tokens" in screen_text(app))
        monkeypatch.setattr(patience, "SECONDS", 0.01)
        free.clear()
        before = checks
        await pilot.press("e")
        await wait_for(pilot, "the word", lambda: "being checked" in screen_text(app))
        assert "Hello" in screen_text(app)
        assert "does not answer" not in screen_text(app)
        # Moving on is possible, and there is nothing to wait for twice.
        free.set()
        await wait_for(pilot, "its issues", lambda: "being checked" not in screen_text(app))
        assert "unrecognized_role" in screen_text(app)
        assert checks == before + 1


async def test_the_editor_waits_for_no_silent_disk(
    make_app: MakeApp, tmp_path: Path, disk: Disk
) -> None:
    file = tmp_path / "array.json"
    file.write_text(json.dumps(CHAT, indent=1))
    app = make_app(file)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
        await wait_for(pilot, "the record", lambda: "37 tokens" in screen_text(app))
        disk.answers.clear()
        await pilot.press("ctrl+e")
        await wait_for(pilot, "a word", lambda: "try again in a moment" in screen_text(app))
        await pilot.press("j")
        await wait_for(pilot, "the word", lambda: "the disk does not answer" in screen_text(app))
        disk.answers.set()
        await wait_for(
            pilot, "the record", lambda: "the disk does not answer" not in screen_text(app)
        )


def test_what_came_late_is_there_for_who_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.01)
    patient, back = Patience(), threading.Event()
    with pytest.raises(FileError):
        patient.call(lambda: back.wait(60) and "slow", ("one", 1))
    back.set()
    while patient.silent:
        time.sleep(0.001)
    assert patient.call(lambda: "never called", ("one", 1)) == "slow"
    monkeypatch.setattr(patience, "SECONDS", 60)
    assert patient.call(lambda: "anew", ("one", 1)) == "anew"


def test_what_came_late_is_not_for_who_asks_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.01)
    patient, back = Patience(), threading.Event()
    with pytest.raises(FileError):
        patient.call(lambda: back.wait(60), ("one", 1))
    assert patient.anew() is not patient
    back.set()
    while patient.silent:
        time.sleep(0.001)
    assert patient.anew() is patient
    monkeypatch.setattr(patience, "SECONDS", 60)
    assert patient.call(lambda: "other", ("one", 1)) == "other"


def test_nobody_waits_twice_for_a_silent_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.05)
    patient, back = Patience(), threading.Event()
    with pytest.raises(FileError) as told:
        patient.call(lambda: back.wait(60))
    assert told.value.code == "disk_silent"
    assert patient.silent
    monkeypatch.setattr(patience, "SECONDS", 60)
    with pytest.raises(FileError):
        patient.call(lambda: 1)
    back.set()
    while patient.silent:
        time.sleep(0.001)
    assert patient.call(lambda: 2) == 2


def test_what_a_read_raises_is_raised_to_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        Patience().call(lambda: 1 // 0)
