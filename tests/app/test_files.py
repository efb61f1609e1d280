"""The Open dialog's list of files, and what is remembered from start to start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.config import Paths
from tui.opened.files import Entry, best_first, existing, find_datasets, kind_of, matching
from tui.opened.remember import MAX_RECENT, Memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl", "notes.txt", ".hidden.jsonl", "c.jsonl.gz"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "deeper").mkdir()
    return tmp_path


def test_lists_datasets_by_name(folder: Path) -> None:
    names = [os.path.basename(path) for path in find_datasets(str(folder))]
    assert names == ["a.jsonl", "b.jsonl", "c.jsonl.gz"]
    assert find_datasets(str(folder / "missing")) == []


def test_completes_files_then_folders(folder: Path) -> None:
    found = matching(f"{folder}/")
    assert [os.path.basename(e.path) for e in found] == [
        "a.jsonl",
        "b.jsonl",
        "c.jsonl.gz",
        "deeper",
    ]
    assert found[-1].folder
    assert [os.path.basename(e.path) for e in matching(f"{folder}/B")] == ["b.jsonl"]
    assert matching(f"{folder}/\0") == []


def test_the_file_to_train_on_stands_first() -> None:
    names = ("a", "b", "b_validation", "c.test", "c", "d", "e", "my-train", "prefs", "unknown")
    kinds = dict.fromkeys((f"{name}.jsonl" for name in names), "chat")
    kinds |= {"prefs.jsonl": "preference", "a.jsonl": "other", "unknown.jsonl": ""}
    entries = [*(Entry(f"{name}.jsonl") for name in names), Entry("deeper", folder=True)]
    assert [e.path.removesuffix(".jsonl") for e in best_first(entries, kinds)] == [
        *("b", "b_validation", "c", "c.test", "my-train", "d", "e"),
        *("prefs", "unknown", "a", "deeper"),
    ]


def test_what_a_file_holds(sample_data: Path, tmp_path: Path) -> None:
    assert kind_of(str(sample_data / "support_chat.jsonl")) == "chat"
    assert kind_of(str(sample_data / "preference.jsonl")) == "preference"
    assert kind_of(str(sample_data / "alpaca_zh.json")) == "other"
    assert kind_of(str(tmp_path / "gone.jsonl")) == ""
    assert kind_of(str(tmp_path)) == ""


def test_offers_only_what_is_still_there(folder: Path) -> None:
    there = str(folder / "a.jsonl")
    assert [e.path for e in existing([there, str(folder / "gone.jsonl"), there])] == [there]


def test_remembers_the_latest_first(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path / "state", tmp_path)
    memory = Memory.load(paths)
    for number in range(MAX_RECENT + 3):
        memory.opened(f"/data/{number}.jsonl")
    memory.opened("/data/5.jsonl")
    again = Memory.load(paths)
    assert again.recent[0] == "/data/5.jsonl"
    assert len(again.recent) == len(set(again.recent)) == MAX_RECENT


@pytest.mark.parametrize("content", [b"", b"not json", b"[1]", b'{"recent": 7, "theme": []}'])
def test_a_damaged_memory_is_a_fresh_start(tmp_path: Path, content: bytes) -> None:
    paths = Paths(tmp_path, tmp_path, tmp_path)
    (tmp_path / "app.json").write_bytes(content)
    memory = Memory.load(paths)
    assert memory.recent == []
    assert memory.theme == ""


def test_a_name_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path, tmp_path)
    Memory.load(paths).opened(os.fsdecode(b"/data/\xff.jsonl"))
    assert len(Memory.load(paths).recent) == 1


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    memory = Memory.load(Paths(tmp_path, tmp_path / "state", tmp_path))
    memory.opened("/data/a.jsonl")
    assert memory.recent == ["/data/a.jsonl"], "known until the end, and kept nowhere"
