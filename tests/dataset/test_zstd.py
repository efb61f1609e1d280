"""Datasets packed with zstd: read whatever their name, refused plainly, and written."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from tui.dataset import NewFile, Source, check_file
from tui.dataset.unpack import zstd_writer
from tui.errors import FileError

# What the examples teach has tests of its own.
check_file = partial(check_file, quality=False)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINE = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'
SKIPPED = b"\x50\x2a\x4d\x18\x05\x00\x00\x00about"


def read(path: Path) -> bytes:
    with Source.open(path) as source:
        return source.read(0, source.size + 1)


@pytest.mark.parametrize("name", ["a.jsonl.zst", "plain-name"])
def test_frames_one_after_the_other_are_one_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    frames = (
        SKIPPED,
        zstd.compress(LINE * 5),
        SKIPPED,
        zstd.compress(b""),
        zstd.compress(LINE * 7),
    )
    path.write_bytes(b"".join(frames))
    assert read(path) == LINE * 12
    assert check_file(path).records == 12


def test_a_large_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    data = b"".join(b"%d " % n for n in range(700_000)) + bytes(9_000_000)
    path.write_bytes(zstd.compress(data) + zstd.compress(data))
    assert read(path) == data + data


def test_an_array_is_known_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json.zst"
    path.write_bytes(zstd.compress(b"[" + b",".join([LINE.strip()] * 3) + b"]"))
    assert check_file(path).records == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-20], "cut-off zstd"),
        (lambda data: data[: len(data) // 2], "cut-off zstd"),
        (lambda data: data + data[:3], "cut-off zstd"),
        (lambda data: data[:500] + b"\xff" * 500 + data[1000:], "damaged zstd"),
        (lambda data: data + b"rubbish", "damaged zstd"),
    ],
    ids=["end", "half", "begun", "wrong", "after"],
)
def test_damaged_files_are_told_plainly(tmp_path: Path, damage: object, said: str) -> None:
    path = tmp_path / "a.jsonl.zst"
    options = {zstd.CompressionParameter.checksum_flag: 1}
    assert callable(damage)
    path.write_bytes(damage(zstd.compress(os.urandom(100_000), options=options)))
    with pytest.raises(FileError, match=said):
        Source.open(path)


def test_a_dictionary_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    samples = [b'{"n": %d, "text": "%d words"}' % (n, n * n) for n in range(2000)]
    words = zstd.train_dict(samples, 4096)
    path.write_bytes(zstd.compress(LINE) + zstd.compress(LINE, zstd_dict=words))
    with pytest.raises(FileError, match="dictionary") as caught:
        Source.open(path)
    assert "-D" in caught.value.hint


def test_a_frame_that_wants_very_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})
    path.write_bytes(packer.compress(LINE) + packer.flush())
    with pytest.raises(FileError, match="memory") as caught:
        Source.open(path)
    assert "--long" in caught.value.hint


@pytest.mark.parametrize("kind", ["zst", "gz"])
def test_a_bomb_stops_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import gzip

    path = tmp_path / f"a.{kind}"
    data = bytes(200_000_000)
    path.write_bytes(zstd.compress(data) if kind == "zst" else gzip.compress(data, 1))
    asked = []

    def room(fd: int) -> SimpleNamespace:
        asked.append(fd)
        return SimpleNamespace(f_bavail=(250 << 20) - (len(asked) << 25), f_frsize=1)

    monkeypatch.setattr(os, "fstatvfs", room)
    with pytest.raises(FileError, match="no room") as caught:
        Source.open(path)
    assert "TMPDIR" in caught.value.hint
    assert len(asked) == 4


def test_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    data = os.urandom(20_000_000)
    path.write_bytes(zstd.compress(data))
    with Source.open(path, partly=True) as source:
        assert not source.whole
        assert source.read(0, 100) == data[:100]
        begun = source.size
        assert 100 < begun < len(data)
        assert not source.fill(cancelled=lambda: True)
        assert not source.fill(begun + 5_000_000)
        assert begun < source.size < len(data)
        assert 0 < source.filled < 1
        told: list[tuple[int, int]] = []
        assert source.fill(progress=lambda done, total: told.append((done, total)))
        assert told[-1] == (path.stat().st_size,) * 2
        assert source.whole
        assert source.size == len(data)
        assert source.read(0, len(data)) == data


def test_what_came_before_the_damage_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    data = os.urandom(5_000_000)
    path.write_bytes(zstd.compress(data)[:-1000])
    with Source.open(path, partly=True) as source:
        for _ in range(2):
            with pytest.raises(FileError, match="cut-off"):
                source.fill()
        assert not source.whole
        assert source.read(0, source.size) == data[: source.size]
        assert source.size > 4_000_000


def test_a_packed_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    path.write_bytes(zstd.compress(LINE))
    with Source.open(path) as source:
        assert source.changed() is None
        with path.open("ab") as file:
            file.write(zstd.compress(LINE))
        assert source.changed() == "edited"
        assert source.size == len(LINE)


def test_standard_input_is_unpacked() -> None:
    command = [sys.executable, "-m", "tui", "check", "-", "--json"]
    done = subprocess.run(command, input=zstd.compress(LINE * 12), capture_output=True, check=False)
    assert b'"records": 12' in done.stdout
    assert done.returncode == 0


def test_new_files_are_packed_by_their_name(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.zst"
    with NewFile(path) as new:
        new.write(LINE * 1000)
        new.commit()
    packed = path.read_bytes()
    assert zstd.decompress(packed) == LINE * 1000
    assert len(packed) < 1000
    assert read(path) == LINE * 1000
    with (tmp_path / "plain").open("wb") as file:
        writer = zstd_writer(file)
        writer.close()
        assert not file.closed


def test_fix_reads_and_writes_packed_files(tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl.zst", tmp_path / "b.jsonl.zst"
    path.write_bytes(zstd.compress(LINE * 12 + b"\n"))
    command = [sys.executable, "-m", "tui", "fix", str(path), "-o", str(out)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert zstd.decompress(out.read_bytes()) == LINE * 12
