"""Where a repaired file is written: never over what was read, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest

from tests.dataset import generate
from tests.dataset.test_repair import among_good, good, write
from tui.dataset import fix_file
from tui.errors import FileError, UsageError


def test_the_file_read_is_never_replaced(tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl")
    (tmp_path / "link.jsonl").symlink_to(path)
    os.link(path, tmp_path / "hard.jsonl")
    for name in ("in.jsonl", "link.jsonl", "hard.jsonl"):
        with pytest.raises(UsageError, match="is the file that is read"):
            fix_file(path, tmp_path / name, force=True)


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl")
    out = write(tmp_path / "out.jsonl", b"precious")
    with pytest.raises(FileError, match="exists already"):
        fix_file(path, out)
    assert out.read_bytes() == b"precious\n"
    fix_file(path, out, force=True)
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".", "is a folder"), ("missing/out.jsonl", "does not exist"), ("pipe", "is a device"),
        ("x" * 300, "too long"), ("a\0b", "cannot write"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be(name: str, words: str, tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(FileError, match=words):
        fix_file(path, f"{tmp_path}/{name}", force=True)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = among_good(tmp_path / "in.jsonl")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="the disk is full"):
        fix_file(path, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_stopping_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    generate.write(path, 3 << 20)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(Exception, match="stopped"):
        fix_file(path, tmp_path / "out.jsonl", cancelled=stop)
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_trying_writes_nothing(tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl", b"", {**good(12), "id": 1})
    report = fix_file(path, None)
    assert report.output is None
    assert report.repairs == {"blank_line": 1, "record_unrecognized_key": 1}
    assert report.check is not None
    assert report.check.errors == 0
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_packed_files(tmp_path: Path) -> None:
    plain = among_good(tmp_path / "in.jsonl", b"")
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    out = tmp_path / "out.jsonl.gz"
    report = fix_file(packed, out)
    assert gzip.decompress(out.read_bytes()) == plain.read_bytes()[:-1]
    assert report.check is not None
    assert report.check.errors == 0


@pytest.mark.parametrize("head", ["\ufeffx".encode("utf-16"), b"PK\x03\x04", b"SQLite format 3\0"])
def test_what_is_no_text_is_refused(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(head + bytes(100))
    with pytest.raises(FileError):
        fix_file(path, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["in.jsonl"]
