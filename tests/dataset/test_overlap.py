"""Prompts in two files are found with the lines of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.cli import run
from tui.dataset import overlap, overlap_files


def chat(asked: str, answer: str = "Yes.") -> str:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages})


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    train = write(
        tmp_path / "t.jsonl", chat("a"), "", "{broken", chat("B  b"), chat("c"), chat("c")
    )
    held = write(tmp_path / "v.jsonl", chat("x"), chat("b B"), chat("c", "No."), chat("c"), "[1]")
    return train, held


def pairs(report: overlap.OverlapReport) -> list[tuple[int, int, bool]]:
    return [(entry.line, entry.train_line, entry.same) for entry in report.shared]


@pytest.mark.parametrize("part", [1, 2, 250_000])
def test_lines_of_both_are_told(
    files: tuple[Path, Path], part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "BATCH", part)
    report = overlap_files(*files)
    assert pairs(report) == [(2, 4, False), (3, 5, False), (4, 5, True)]
    assert (report.train_records, report.validation_records) == (4, 4)
    assert (report.overlapping, report.identical) == (3, 1)


def test_files_that_share_nothing(tmp_path: Path) -> None:
    report = overlap_files(
        write(tmp_path / "a.jsonl", chat("a")), write(tmp_path / "b.jsonl", chat("b"), chat("c"))
    )
    assert report.overlapping == report.train_overlapping == 0
    assert (report.train_records, report.validation_records) == (1, 2)


def test_the_command(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train, held = files
    assert run(["overlap", str(train), str(held), "--json"]) == 1
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["code"] == "train_validation_overlap"
    assert told["shared"][0] == {
        "line": 2, "train_line": 4, "identical": False, "other_system": False
    }  # fmt: skip
    assert run(["overlap", str(train), str(held)]) == 1
    assert "line 4: the same record as line 5 of the training file" in capsys.readouterr().out
    assert run(["overlap", str(held), str(write(train, chat("q")))]) == 0
    assert run(["overlap", "-", "-"]) == 2


def test_both_sides_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "f.jsonl", chat("a"), chat("b"))
    assert run(["overlap", str(file), str(file)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"training    {file}: 2 prompts\nvalidation  {file}: 2 prompts\n")
    assert "Both are the same file." in out
    assert run(["overlap", str(file), str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["same_file"] is True
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "f.jsonl", chat("a"))
    assert run(["overlap", str(file), str(tmp_path / "other" / "f.jsonl")]) == 1
    assert "the same file" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("/d/a.jsonl", "/d/b.jsonl", ("a.jsonl", "b.jsonl")),
        ("/d/x/a.jsonl", "/d/y/a.jsonl", ("x/a.jsonl", "y/a.jsonl")),
        ("/d/x/z/a.jsonl", "/d/y/z/a.jsonl", ("x/z/a.jsonl", "y/z/a.jsonl")),
        ("/a.jsonl", "/d/a.jsonl", ("/a.jsonl", "d/a.jsonl")),
        ("/d/a.jsonl", "/d/a.jsonl", ("/d/a.jsonl", "/d/a.jsonl")),
    ],
)
def test_the_shortest_ends_that_tell_two_paths_apart(
    one: str, other: str, apart: tuple[str, str]
) -> None:
    assert overlap.told_apart(one, other) == apart
