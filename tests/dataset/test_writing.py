"""New files: what a process that was killed leaves behind goes away, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tui.dataset import NewFile

_WRITER = """
import sys, time
from tui.dataset import NewFile
new = NewFile(sys.argv[1])
new.write(b"half")
new._raw.flush()
if sys.argv[2:] == ["finish"]:
    new.finish()
print(new.temporary, flush=True)
time.sleep(600)
"""


def writer(path: Path, *more: str) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", _WRITER, str(path), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    temporary = Path(process.stdout.readline().strip())
    os.utime(temporary, (1, 1))
    return process, temporary


def write(path: Path) -> None:
    with NewFile(path, force=True) as new:
        new.write(b"whole")
        new.commit()


@pytest.mark.parametrize("finish", [(), ("finish",)])
def test_what_a_killed_process_left_goes_with_the_next_write(
    tmp_path: Path, finish: tuple[str, ...]
) -> None:
    process, temporary = writer(tmp_path / "a.jsonl", *finish)
    try:
        write(tmp_path / "b.jsonl")
        # Its writer lives, however old it looks.
        assert temporary.read_bytes() == b"half"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert temporary.exists()
    write(tmp_path / "b.jsonl")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.jsonl"]


def test_other_hidden_files_stay(tmp_path: Path) -> None:
    names = [
        ".a.jsonl.0123456789ab", ".a.jsonl.0123456789ab.tunedeck~", "a.0123456789ab.tunedeck",
        ".a.0123456789AB.tunedeck", ".tunedeck", ".a.01234567.tunedeck",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".d.0123456789ab.tunedeck").mkdir()
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    (tmp_path / ".l.0123456789ab.tunedeck").symlink_to(target)
    fresh = tmp_path / ".f.0123456789ab.tunedeck"
    fresh.write_bytes(b"just made")
    before = {entry.name for entry in tmp_path.iterdir()}
    write(tmp_path / "b.jsonl")
    assert {entry.name for entry in tmp_path.iterdir()} == before | {"b.jsonl"}
    os.utime(fresh, (1, 1))
    write(tmp_path / "b.jsonl")
    assert {entry.name for entry in tmp_path.iterdir()} == (before | {"b.jsonl"}) - {fresh.name}


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        write(tmp_path / "b.jsonl")
        with NewFile(tmp_path / "c.jsonl"):
            pass
    assert len(os.listdir("/dev/fd")) == before
