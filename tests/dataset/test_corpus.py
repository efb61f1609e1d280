"""The corpus: every rule speaks where it must, exactly there, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dataset import corpus
from tests.dataset.corpus import calls, formats, good, lines, messages, quality
from tui.dataset import RULES, check_file

CASES = [*lines.CASES, *messages.CASES, *calls.CASES, *formats.CASES, *quality.CASES]
ELSEWHERE = {
    "file_too_large": "needs a file of that size: tests of profiles",
    "validation_required": "at launch: tests of preflight",
    "grader_field_missing": "needs a grader: tests of graders",
    "near_duplicate": "on request: tests of copies",
    "train_validation_overlap": "needs two files: tests of overlap",
}


def name(case: corpus.Case) -> str:
    number = [other for other in CASES if other.code == case.code].index(case)
    return f"{case.code}-{number}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_each_fault_is_found_alone_and_exactly_there(case: corpus.Case, tmp_path: Path) -> None:
    data, line = case.file(case.bad)
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    report = check_file(path, profile=case.provider, model="gpt-4.1-mini")
    found = [issue for issue in report.issues if issue.line or case.whole]
    assert case.code in [issue.code for issue in found], report.to_json()["issues"]
    if case.whole:
        return
    assert [issue.code for issue in found] == [case.code]
    issue = found[0]
    assert (issue.line, issue.path) == (line + case.row, case.path)
    if case.at:
        assert issue.column == case.column()
    assert report.records + report.blank_lines <= data.count(b"\n") + 1


@pytest.mark.parametrize("case", [case for case in CASES if case.near], ids=name)
def test_the_near_miss_raises_nothing(case: corpus.Case, tmp_path: Path) -> None:
    data, _ = case.file(case.near)
    path = tmp_path / "near.jsonl"
    path.write_bytes(data)
    report = check_file(path, profile=case.provider, model="gpt-4.1-mini")
    assert case.code not in report.counts, report.to_json()["issues"]
    assert not [issue for issue in report.issues if issue.line], report.to_json()["issues"]


def test_the_corpus_covers_every_rule() -> None:
    covered = {case.code for case in CASES}
    near = {case.code for case in CASES if case.near}
    assert covered | set(ELSEWHERE) == set(RULES)
    assert near == covered


@pytest.mark.parametrize("kind", ["chat", "preference", "reinforcement"])
def test_unusual_records_that_are_right_raise_nothing(kind: str, tmp_path: Path) -> None:
    rows = {"chat": good.CHAT, "preference": good.PREFERENCE, "reinforcement": good.REINFORCEMENT}
    path = tmp_path / "good.jsonl"
    clean = [corpus.clean(i, kind) for i in range(60)]
    # The same question twice with another answer would be a contradiction.
    odd = [row.replace("is the largest?", f"is {i}th?") for i, row in enumerate(rows[kind])]
    path.write_text("".join(f"{row}\n" for row in (*odd, *clean)), encoding="utf-8")
    report = check_file(path, model="gpt-4.1-mini")
    assert report.format == kind
    assert report.errors == 0
    # They use a name for several functions, which is odd only for records of one file.
    spoken = {issue.code for issue in report.issues if issue.line}
    assert spoken <= {"tools_differ"}
    assert report.warnings == 0


def test_the_developer_role_is_advice(tmp_path: Path) -> None:
    path = tmp_path / "good.jsonl"
    clean = [corpus.clean(i) for i in range(60)]
    path.write_text("".join(f"{row}\n" for row in (good.DEVELOPER, *clean)), encoding="utf-8")
    report = check_file(path)
    assert [issue.code for issue in report.issues] == ["developer_role"]
    assert report.errors == report.warnings == 0
