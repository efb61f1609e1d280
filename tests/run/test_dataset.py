"""From a run to its training file and back, by what is in the file and not by what it is called."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.jobs import LaunchRow, LaunchState, Ledger
from tui.jobs.rows import Owner
from tui.run.dataset import find_data, lines_of, runs_of_file

BYTES = b'{"messages": []}\n\n{"messages": [1]}\n'


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(str(tmp_path / "ledger.db"))
    yield found
    found.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def launched(ledger: Ledger, number: int, file: Path, data: bytes = BYTES) -> tuple[str, str]:
    digest = hashlib.sha256(data).hexdigest()
    ledger.plan(
        LaunchRow(
            f"launch-{number}", "lab", "lab", str(file), digest, "micro",
            LaunchState.PLANNED, None, None, "", {}, {}, Owner.me(), number, None, number,
        )
    )  # fmt: skip
    ledger.advance(f"launch-{number}", LaunchState.CREATED, job_id=f"job-{number}")
    ledger.keep_upload("lab", digest, "file-1", len(data))
    return "lab", f"job-{number}"


def test_runs_of_a_file_are_those_of_its_bytes(ledger: Ledger, folder: Path) -> None:
    first = launched(ledger, 1, folder / "train.jsonl")
    launched(ledger, 2, folder / "train.jsonl", b"something else\n")
    third = launched(ledger, 3, folder / "a copy.jsonl")
    (folder / "moved.jsonl").write_bytes(BYTES)
    assert runs_of_file(ledger, str(folder / "moved.jsonl")) == [third, first]
    packed = folder / "moved.jsonl.gz"
    packed.write_bytes(gzip.compress(BYTES))
    assert runs_of_file(ledger, str(packed)) == [third, first]
    (folder / "moved.jsonl").write_bytes(BYTES + b"\n")
    assert runs_of_file(ledger, str(folder / "moved.jsonl")) == []


def test_the_file_is_found_where_it_was(ledger: Ledger, folder: Path) -> None:
    key = launched(ledger, 1, folder / "train.jsonl")
    (folder / "train.jsonl").write_bytes(BYTES)
    assert find_data(ledger, key).path == str(folder / "train.jsonl")


@pytest.mark.parametrize("name", ["renamed.jsonl", "train.jsonl.gz"])
def test_an_edited_file_gives_way_to_one_beside_it(ledger: Ledger, folder: Path, name: str) -> None:
    key = launched(ledger, 1, folder / "train.jsonl")
    (folder / "train.jsonl").write_bytes(BYTES.upper())
    found = find_data(ledger, key)
    assert not found.path
    assert "was changed since this run" in found.why_not
    (folder / name).write_bytes(gzip.compress(BYTES) if name.endswith(".gz") else BYTES)
    assert find_data(ledger, key).path == str(folder / name)


def test_a_file_that_went_elsewhere_is_found_among_those_opened_last(
    ledger: Ledger, folder: Path, tmp_path: Path
) -> None:
    key = launched(ledger, 1, folder / "train.jsonl")
    found = find_data(ledger, key)
    assert "is not there any more" in found.why_not
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_bytes(BYTES)
    recent = [str(tmp_path / "gone.jsonl"), str(tmp_path), str(elsewhere)]
    assert find_data(ledger, key, recent).path == str(elsewhere)


def test_a_copy_that_another_launch_was_made_from_counts(ledger: Ledger, tmp_path: Path) -> None:
    key = launched(ledger, 1, tmp_path / "one" / "train.jsonl")
    launched(ledger, 2, tmp_path / "copy.jsonl")
    (tmp_path / "copy.jsonl").write_bytes(BYTES)
    assert find_data(ledger, key).path == str(tmp_path / "copy.jsonl")


def test_a_run_launched_elsewhere_has_no_file_here(ledger: Ledger) -> None:
    assert "not launched from this machine" in find_data(ledger, ("lab", "job-9")).why_not


def test_lines_of_a_file_packed_or_not(tmp_path: Path) -> None:
    for name, data in (("a", BYTES), ("b.gz", gzip.compress(BYTES)), ("c", BYTES.rstrip())):
        (tmp_path / name).write_bytes(data)
        assert list(lines_of(str(tmp_path / name))) == BYTES.splitlines()
