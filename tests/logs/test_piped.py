"""Logs that come through a pipe, and logs that are not there yet."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.logs.reading import DATA, points_of
from tui.errors import FileError, UsageError
from tui.jobs import Update
from tui.logs import LogSource, find_logs, log_title, read_log
from tui.logs.pipe import open_pipe
from tui.logs.piped import Piped


@pytest.fixture
def pipe() -> Iterator[tuple[str, int]]:
    """The path of a pipe's end to read, and the other end."""
    reading, writing = os.pipe()
    yield f"/dev/fd/{reading}", writing
    os.close(reading)


def write(file: int, data: bytes) -> None:
    """Write from a thread, as a pipe takes little, and close."""

    def body() -> None:
        with os.fdopen(file, "wb") as out:
            out.write(data)

    threading.Thread(target=body, daemon=True).start()


@pytest.mark.parametrize(
    "name", ["hf_output.txt", "trainer_log.jsonl", "trainer_state.json", "events_hf"]
)
def test_a_pipe_reads_like_the_file(pipe: tuple[str, int], name: str) -> None:
    path = DATA / name
    expected = points_of(read_log(path))
    write(pipe[1], (next(path.iterdir()) if path.is_dir() else path).read_bytes())
    updates = read_log(pipe[0])
    assert updates[-1].ended
    assert updates[-1].job is not None
    assert updates[-1].job.status == "succeeded"
    found = points_of(updates)
    assert [point.step for point in found] == [point.step for point in expected]


def test_a_pipe_that_ends_without_a_word(pipe: tuple[str, int]) -> None:
    write(pipe[1], b"step 1 loss 2\nstep 2 loss 1")
    updates = read_log(pipe[0])
    assert [point.step for point in points_of(updates)] == [1, 2]
    assert updates[-1].job is not None
    assert updates[-1].job.status == "unknown"


def test_what_comes_through_a_pipe_may_be_no_log(pipe: tuple[str, int]) -> None:
    write(pipe[1], b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00")
    with pytest.raises(FileError, match="no training log"):
        read_log(pipe[0])


async def test_a_pipe_is_followed_to_its_end_and_not_left_before(pipe: tuple[str, int]) -> None:
    path, file = pipe
    seen: list[Update] = []
    done = b"{'loss': 1.0, 'epoch': 1}\n{'train_runtime': 3.0, 'epoch': 1}\n"
    os.write(file, done)
    # Nothing more comes, and training is over: leaving now would kill whoever still writes.
    source = LogSource(path, idle=0.0)
    async with asyncio.timeout(30), aclosing(source.updates()) as updates:
        async for update in updates:
            seen.append(update)
            if len(points_of(seen)) == 1 and file:
                os.write(file, b"{'loss': 0.5, 'epoch': 2}\n")
                os.close(file)
                file = 0
    assert len(points_of(seen)) == 2
    assert seen[-1].ended


def test_nobody_who_writes_stands_still_when_nobody_reads(pipe: tuple[str, int]) -> None:
    path, file = pipe
    log = Piped(path)
    log.forget()
    with os.fdopen(file, "wb") as out:
        out.write(b"step 1 loss 2\n" * 100_000)
    assert not log.poll().rows


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert [(log.title, log.kind) for log in find_logs(path)] == [("pipe", "output")]

    def body() -> None:
        with path.open("wb") as out:
            out.write(b"step 1 loss 2\n")

    threading.Thread(target=body, daemon=True).start()
    assert [point.step for point in points_of(read_log(path))] == [1]


def test_a_keyboard_is_no_log() -> None:
    master, terminal = os.openpty()
    with pytest.raises(UsageError, match="keyboard"):
        open_pipe(f"/dev/fd/{terminal}")
    os.close(master)
    os.close(terminal)


def test_names(pipe: tuple[str, int]) -> None:
    os.close(pipe[1])
    assert log_title(pipe[0]) == "standard input"


@pytest.mark.parametrize("folder", [False, True])
async def test_a_log_that_is_not_there_yet(tmp_path: Path, folder: bool) -> None:
    path = tmp_path / "run"
    log = path / "trainer_log.jsonl" if folder else path
    seen: list[Update] = []
    with pytest.raises(FileError):
        LogSource(path)
    source = LogSource(path, wait=True)
    async with asyncio.timeout(30), aclosing(source.updates()) as updates:
        async for update in updates:
            seen.append(update)
            if not log.exists():
                assert "yet: waiting for it" in (update.trouble or "")
                log.parent.mkdir(exist_ok=True)
                log.write_text((DATA / "trainer_log.jsonl").read_text())
    assert len(points_of(seen)) == 15
    assert seen[-1].trouble is None
    assert seen[-1].job is not None
    assert seen[-1].job.id == str(path)


async def test_waiting_has_an_end(tmp_path: Path) -> None:
    source = LogSource(tmp_path / "never", idle=0.0, wait=True)
    with pytest.raises(FileError, match="still no log"):
        async with asyncio.timeout(30):
            [update async for update in source.updates()]
