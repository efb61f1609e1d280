"""A disk that does not answer holds up no key, and what it owed is shown when it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.conftest import screen_text, wait_for
from tui.app import TunedeckApp
from tui.dataset import source
from tui.errors import FileError
from tui.opened import patience
from tui.opened.patience import Patience


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
    make_app: Callable[..., TunedeckApp], chat_file: Path, disk: Disk
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
