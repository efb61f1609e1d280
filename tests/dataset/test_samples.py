"""The sample files that ship say exactly what their names promise."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tui.dataset import RULES, Format, Severity, check_file

# What the examples teach has tests of its own.
check_format = partial(check_file, quality=False)

SAMPLES = ROOT / "sample_data"
MODEL = "gpt-4.1-mini"

VALID = {
    "support_chat.jsonl": Format.CHAT,
    "support_chat_validation.jsonl": Format.CHAT,
    "travel_chat.jsonl": Format.CHAT,
    "sarcastic_chat.jsonl": Format.CHAT,
    "tools.jsonl": Format.CHAT,
    "tools_stock.jsonl": Format.CHAT,
    "weights.jsonl": Format.CHAT,
    "text_parts.jsonl": Format.CHAT,
    "images.jsonl": Format.CHAT,
    "preference.jsonl": Format.PREFERENCE,
    "reinforcement.jsonl": Format.REINFORCEMENT,
    "completion.jsonl": Format.COMPLETION,
}
BROKEN = sorted((SAMPLES / "broken").iterdir())
# Nobody ships a file this large as a sample.
WITHOUT_SAMPLE = {
    *("file_too_large", "image_too_large", "too_many_records", "near_duplicate"),
    *("validation_required", "grader_field_missing", "train_validation_overlap"),
}
# Every file of this format is told that no model takes it any more.
RETIRED = {"models_retired": 1}


@pytest.mark.parametrize("name", VALID)
def test_valid_files_raise_no_error_and_no_warning(name: str) -> None:
    report = check_format(SAMPLES / name, model=MODEL)
    assert report.format == VALID[name]
    warnings = {issue.code for issue in report.issues if issue.severity is not Severity.ADVICE}
    retired = report.format is Format.COMPLETION
    assert warnings == (set(RETIRED) if retired else set()), list(report.issues)
    assert report.valid == report.records >= 10


def test_the_support_chat_is_a_clean_training_file() -> None:
    train = check_file(SAMPLES / "support_chat.jsonl", model=MODEL)
    assert train.records >= 50
    assert not train.counts
    lines = (SAMPLES / "support_chat.jsonl").read_text(encoding="utf-8").splitlines()
    other = (SAMPLES / "support_chat_validation.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(set(lines)) == len(lines)
    assert not set(lines) & set(other)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_files_raise_their_code_and_nothing_else(path: Path) -> None:
    check = check_file if RULES[path.stem].section == "Quality" else check_format
    report = check(path, model=MODEL)
    retired = RETIRED if report.format is Format.COMPLETION else {}
    assert report.counts == {path.stem: 1} | retired
    issue = report.issues.by_code(path.stem)[0]
    assert issue.severity == RULES[path.stem].severity
    assert issue.message
    assert issue.hint
    if issue.line:
        assert issue.line == (1 if path.stem == "byte_order_mark" else 7)
        assert issue.column >= 1


def test_every_rule_has_a_broken_sample() -> None:
    assert {path.stem for path in BROKEN} == set(RULES) - WITHOUT_SAMPLE


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "hostile").iterdir()), ids=lambda path: path.stem
)
def test_hostile_files_are_reported_in_clean_words(path: Path) -> None:
    report = check_format(path, model=MODEL)
    assert report.records >= 10
    for issue in report.issues:
        for word in (issue.path, issue.message, issue.hint):
            assert word.isprintable(), word
            assert not set(word) & set("\u202e\u2066\u2069\u200d\u200b\ufeff")


def test_foreign_formats_are_named() -> None:
    for name, word in (("sharegpt.json", "ShareGPT"), ("alpaca_zh.json", "Alpaca")):
        report = check_format(SAMPLES / name)
        assert report.counts["unknown_format"] == report.records == 12
        issue = report.issues.by_code("unknown_format")[0]
        assert word in issue.message
        assert "tunedeck convert" in issue.hint


def test_the_folder_is_small_and_described() -> None:
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    described = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for path in files:
        if path.parent == SAMPLES and path.suffix != ".md":
            assert path.name in described


def test_advice_alone_keeps_a_file_ready() -> None:
    report = check_format(SAMPLES / "broken" / "missing_system.jsonl")
    assert report.advice == 1
    assert next(iter(report.issues)).severity is Severity.ADVICE
    assert report.valid == report.records
