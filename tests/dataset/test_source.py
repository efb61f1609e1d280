"""Bytes from files, pipes and gzip; what cannot be read says why."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from tui.dataset import Change, Source, check_file
from tui.errors import FileError, UsageError

# What the examples teach has tests of its own.
check_file = partial(check_file, quality=False)

LINE = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


def test_reading_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"0123456789")
    with Source.open(path) as source:
        assert source.size == 10
        assert source.read(3, 4) == b"3456"
        assert source.read(8, 100) == b"89"
        assert source.read(50, 1) == b""
        assert source.path == source.name == str(path)
    source.close()
    with pytest.raises(FileError):
        source.read(0, 1)


@pytest.mark.parametrize("name", ["missing.jsonl", "a.jsonl/b", "n" * 300, "nul\0byte", ""])
def test_names_that_lead_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(FileError) as caught:
        Source.open(os.path.join(tmp_path, name) if name else "")
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_folders_devices_and_sockets(tmp_path: Path) -> None:
    for path, word in ((str(tmp_path), "folder"), (os.devnull, "device"), ("/dev/zero", "device")):
        with pytest.raises(FileError, match=word):
            Source.open(path)
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        server.bind("s.jsonl")
        with pytest.raises(FileError):
            Source.open("s.jsonl")
    finally:
        os.chdir(here)
        server.close()


def test_a_link_in_a_circle_and_a_dangling_link(tmp_path: Path) -> None:
    for target in ("a.jsonl", "missing"):
        link = tmp_path / "a.jsonl"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(FileError):
            Source.open(link)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE)
    path.chmod(0)
    with pytest.raises(FileError, match="may not be read"):
        Source.open(path)


def test_messages_about_odd_names_are_clean() -> None:
    with pytest.raises(FileError) as caught:
        Source.open("no\x1b[31m\u202esuch.jsonl")
    assert caught.value.message.isprintable()
    assert "\u202e" not in caught.value.message


@pytest.mark.parametrize("name", ["a.jsonl.gz", "plain-name"])
def test_gzip_is_unpacked_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINE * 5) + gzip.compress(LINE * 7) + b"\0" * 100)
    with Source.open(path) as source:
        assert source.size == 12 * len(LINE)
        assert source.read(5 * len(LINE), len(LINE)) == LINE
    assert check_file(path).records == 12


def test_a_large_gzip_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    data = b"".join(b"%d " % n for n in range(700_000)) + bytes(5_000_000)
    path.write_bytes(gzip.compress(data))
    with Source.open(path) as source:
        assert source.read(0, len(data) + 1) == data


@pytest.mark.parametrize("damage", ["cut", "wrong"])
def test_damaged_gzip(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.jsonl.gz"
    data = gzip.compress(os.urandom(100_000))
    path.write_bytes(data[:-50] if damage == "cut" else data[:500] + b"\xff" * 500 + data[1000:])
    with pytest.raises(FileError, match="gzip"):
        Source.open(path)


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=lambda: pipe.write_bytes(gzip.compress(LINE * 12)), daemon=True
    )
    writer.start()
    with Source.open(pipe) as source:
        assert source.size == 12 * len(LINE)
        assert source.changed() is None
    writer.join()


def test_stopping_while_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(os.urandom(3_000_000)))
    with pytest.raises(FileError, match="stopped"):
        Source.open(path, cancelled=lambda: True)


COMMAND = [sys.executable, "-m", "tui", "check", "-", "--json"]


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_as_pipe_and_as_file(tmp_path: Path, packed: bool) -> None:
    data = gzip.compress(LINE * 12) if packed else LINE * 12
    piped = subprocess.run(COMMAND, input=data, capture_output=True, check=False)
    path = tmp_path / "in"
    path.write_bytes(data)
    with path.open("rb") as file:
        redirected = subprocess.run(COMMAND, stdin=file, capture_output=True, check=False)
    assert piped.stdout == redirected.stdout
    assert b'"records": 12' in piped.stdout
    assert piped.returncode == redirected.returncode == 0


def test_closed_standard_input() -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m tui check - <&-'], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_terminal_as_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(UsageError):
            Source.open("-")
    os.close(master)


def test_changes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE * 3)
    with Source.open(path) as source:
        assert source.changed() is None
        with path.open("ab") as file:
            file.write(LINE)
        assert source.changed() is Change.GROWN
        source.refresh()
        assert source.changed() is None
        assert source.size == 4 * len(LINE)
        os.truncate(path, 5)
        assert source.changed() is Change.SHRUNK
        source.refresh()
        info = path.stat()
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + 1))
        assert source.changed() is Change.EDITED
        other = tmp_path / "b"
        other.write_bytes(LINE)
        other.replace(path)
        assert source.changed() is Change.REPLACED
        path.unlink()
        assert source.changed() is Change.REPLACED
