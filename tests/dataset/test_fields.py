"""Fields by their paths, and records spread by them over two files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.test_split import chat, write
from tui.cli import run
from tui.dataset import overlap_files, split_file
from tui.dataset.fields import LONG, FieldPath
from tui.errors import UsageError

RECORD = {
    **chat("Q", "yes"),
    "metadata": {"topic": "lamps", "tags": ["a", "b"], "odd.name": 3, "none": None},
    "a.b": "whole",
    "a": {"b": "parts"},
    "reference": {"total": 7},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.topic", "lamps"),
        ("$.metadata.topic", "lamps"),
        ("messages[0].role", "user"),
        ("messages[-1].content", "yes"),
        ("metadata.tags[1]", "b"),
        ('metadata["odd.name"]', 3),
        ("metadata.none", None),
        ("a.b", "whole"),
        ("item.reference.total", 7),
        ("answer", "yes"),
        ("label", "yes"),
    ],
)
def test_paths_that_lead_somewhere(path: str, value: object) -> None:
    assert FieldPath.parse(path).of(RECORD) == (value, True)


@pytest.mark.parametrize(
    "path", ["metadata.colour", "messages[2].role", "metadata[0]", "topic", "messages.role", "item"]
)
def test_paths_that_lead_nowhere(path: str) -> None:
    assert FieldPath.parse(path).of(RECORD) == (None, False)


@pytest.mark.parametrize("path", ["", ".", "$", "a[", "a[x]", ".a", "a..b", 'a["b', "[]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(UsageError, match="no path"):
        FieldPath.parse(path)


def test_long_answers_are_no_labels() -> None:
    parts = [{"type": "text", "text": "n"}, {"type": "text", "text": "o"}]
    label = FieldPath.parse("label")
    assert label.of(chat("Q", "word " * 20)) == (LONG, True)
    assert label.of(chat("Q", parts)) == ("no", True)
    assert label.of({"messages": [{"role": "user", "content": "Q"}]}) == (None, False)
    assert label.of({**chat("Q", "x"), "label": 1}) == (1, True)


def test_a_nested_field_is_spread_evenly(tmp_path: Path) -> None:
    records = [
        chat(f"q{i}", metadata={"topic": "rare" if i % 5 == 0 else "usual"}) for i in range(50)
    ]
    report = split_file(write(tmp_path / "d.jsonl", records), 0.2, by="metadata.topic")
    assert report.strata == {"rare": (8, 2), "usual": (32, 8)}
    assert report.lacking == 0


def test_labels_are_spread_evenly(tmp_path: Path) -> None:
    records = [chat(f"q{i}", "yes" if i % 4 else "no") for i in range(40)]
    report = split_file(write(tmp_path / "d.jsonl", records), 0.2, by="label")
    assert report.strata == {"no": (8, 2), "yes": (24, 6)}


def test_it_is_said_where_the_field_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [chat(f"q{i}", metadata={"topic": "t"} if i else {}) for i in range(20)]
    path = write(tmp_path / "d.jsonl", records)
    command = ["split", str(path), "--validation", "0.1", "--by", "metadata.topic", "--force"]
    assert run(command) == 0
    assert "1 of 20 records have no metadata.topic" in capsys.readouterr().err
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["without_field"] == 1
    with pytest.raises(UsageError, match="no record has the field"):
        split_file(path, 0.1, by="metadata.colour", force=True)
    with pytest.raises(UsageError, match="too long to be labels"):
        split_file(write(path, [chat(f"{i}", "long " * 50) for i in range(9)]), 1, by="label")


# The same text under other instructions


def instructed(system: str, asked: str, answer: str = "a") -> dict[str, Any]:
    record = chat(asked, answer)
    record["messages"].insert(0, {"role": "system", "content": system})
    return record


def test_a_text_under_two_system_messages_is_one_prompt(tmp_path: Path) -> None:
    records = [instructed(f"s{i % 3}", f"q{i // 3}") for i in range(60)]
    path = write(tmp_path / "d.jsonl", records)
    report = split_file(path, 0.3, folder=tmp_path)
    assert report.prompts == 20
    shared = overlap_files(report.train, report.validation)
    assert shared.overlapping == shared.train_overlapping == 0
    assert split_file(path, 0.3, with_system=True, force=True).prompts == 60


def test_overlap_under_another_system_message_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write(tmp_path / "t.jsonl", [instructed("s", "q"), instructed("s", "r"), chat("u")])
    held = write(tmp_path / "v.jsonl", [instructed("t", "Q"), instructed("s", "r", "b")])
    report = overlap_files(train, held)
    assert [(e.line, e.train_line, e.same, e.other_system) for e in report.shared] == [
        (1, 1, False, True), (2, 2, False, False)
    ]  # fmt: skip
    assert (report.overlapping, report.other_system) == (2, 1)
    assert overlap_files(train, held, with_system=True).overlapping == 1
    assert run(["overlap", str(train), str(held)]) == 1
    assert "under another system message, as line 1" in capsys.readouterr().out
    assert run(["overlap", str(train), str(held), "--with-system", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["validation"]["overlapping"] == 1


def test_system_messages_that_hold_what_is_asked_about(tmp_path: Path) -> None:
    records = [instructed(f"Text {i}", "Summarize.") for i in range(20)]
    path = write(tmp_path / "d.jsonl", records)
    with pytest.raises(UsageError, match="same prompt") as refused:
        split_file(path, 0.2)
    assert "--with-system" in refused.value.hint
    assert split_file(path, 0.2, with_system=True).validation_records == 4


def test_a_system_message_alone_is_a_prompt(tmp_path: Path) -> None:
    records = [instructed(f"Text {i}", "x") for i in range(20)]
    for record in records:
        del record["messages"][1]
    assert split_file(write(tmp_path / "d.jsonl", records), 0.2).prompts == 20


def test_a_training_record_counts_once(tmp_path: Path) -> None:
    train = write(tmp_path / "t.jsonl", [chat("q"), chat("q", "b"), chat("z")])
    held = write(tmp_path / "v.jsonl", [chat("q"), chat("r"), chat("q"), chat("q", "c")])
    report = overlap_files(train, held)
    assert (report.overlapping, report.train_overlapping, report.identical) == (3, 2, 2)
