"""Repairs surveyed without writing, previewed one by one, and written with edited records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.dataset.test_repair import A, U, good, write
from tui.dataset import (
    SAFE,
    Found,
    LineIndex,
    Preview,
    Source,
    Survey,
    fix_file,
    fix_source,
    one_line,
    preview,
    read_raw,
    record_from,
    whole_record,
)
from tui.errors import FileError, TunedeckError

HUMAN = {"messages": [{"role": "human", "content": "Hi"}, A]}
EXTRA = {"messages": [{**U, "id": 7}, {"role": "bot", "content": "Yes"}]}
SPREAD = json.dumps(HUMAN, indent=1).encode()


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    lines = [good(1), HUMAN, b"", SPREAD, good(1), EXTRA, b'{"messages": [', good(2)]
    return write(tmp_path / "faulty.jsonl", *lines, *(good(n) for n in range(3, 14)))


def surveyed(path: Path, **options: object) -> Survey:
    survey = Survey(**options)  # type: ignore[arg-type]
    with Source.open(path) as source:
        survey.run(source)
    return survey


def previewed(path: Path, found: Found, codes: frozenset[str]) -> Preview:
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        raw = read_raw(source, index, found.position, found.lines)
        assert raw is not None
        return preview(raw, found, codes, element=index.is_array)


def test_counts_are_those_of_the_fix(faulty: Path, tmp_path: Path) -> None:
    report = fix_file(faulty, tmp_path / "out.jsonl")
    survey = surveyed(faulty)
    assert survey.complete
    assert survey.records == report.records
    # A record is counted once for each repair, however often it is made in it; a copy is left out
    # by the fix, and not repaired first.
    assert {c: n for c, n in survey.counts.items() if n} == {
        "blank_line": 1,
        "duplicate_example": 2,
        "message_unrecognized_key": 1,
        "pretty_printed": 1,
        "unrecognized_role": 3,
    }


def test_walks_from_one_record_to_the_next(faulty: Path) -> None:
    survey = surveyed(faulty)
    seen, at = [], -1
    while (found := survey.next(at, SAFE)) is not None:
        seen.append((found.position, found.lines))
        at = found.position
    spread = len(SPREAD.splitlines())
    assert seen == [(1, 1), (2, 1), (3, spread), (3 + spread, 1), (4 + spread, 1)]
    back = survey.next(at, {"blank_line"}, -1)
    assert back is not None
    assert back.position == 2
    assert survey.next(at, {"unrecognized_role"}) is None
    assert survey.at(0) is None


def test_what_is_previewed_is_what_is_written(faulty: Path, tmp_path: Path) -> None:
    fix_file(faulty, tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text().splitlines()
    survey = surveyed(faulty)
    at = -1
    while (found := survey.next(at, SAFE)) is not None:
        made = previewed(faulty, found, frozenset(SAFE))
        at = found.position
        if made.after is None:
            assert made.reason
        else:
            assert made.after in written
            assert made.changes


def test_a_repair_that_is_off_changes_nothing(faulty: Path) -> None:
    survey = surveyed(faulty)
    found = survey.at(1)
    assert found is not None
    made = previewed(faulty, found, frozenset({"blank_line"}))
    assert made.after == made.before
    assert not made.changes


def test_invalid_records_are_found_when_asked(faulty: Path) -> None:
    assert surveyed(faulty).counts["invalid"] == 0
    survey = surveyed(faulty, codes=SAFE, drop_invalid=True)
    assert survey.counts["invalid"] == 1
    found = survey.next(-1, {"invalid"})
    assert found is not None
    made = previewed(faulty, found, frozenset({*SAFE, "invalid"}))
    assert made.after is None
    assert "errors" in made.reason


def test_elements_of_an_array_are_found_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "array.json"
    path.write_text(json.dumps([good(1), HUMAN, good(2), EXTRA]))
    survey = surveyed(path)
    found = survey.next(-1, SAFE)
    assert found is not None
    assert found.position == 1
    assert previewed(path, found, frozenset(SAFE)).changes[0].code == "unrecognized_role"


def test_a_survey_stops_when_told(faulty: Path) -> None:
    survey = Survey()
    with Source.open(faulty) as source, pytest.raises(TunedeckError):
        survey.run(source, cancelled=lambda: True)
    assert not survey.complete


# Edited records


def edited(path: Path, edits: dict[int, bytes], **options: object) -> list[str]:
    out = path.with_name("edited.jsonl")
    with Source.open(path) as source:
        report = fix_source(source, out, edits=edits, force=True, **options)  # type: ignore[arg-type]
    assert report.edited == len(edits)
    return out.read_text().splitlines()


def test_edits_stand_in_place_and_all_else_is_copied(faulty: Path) -> None:
    before = faulty.read_text().splitlines()
    new = json.dumps(good(99))
    lines = edited(faulty, {0: new.encode()}, rules=None)
    assert lines == [new, *before[1:]]


def test_an_edit_takes_the_place_of_all_lines_of_a_record(faulty: Path) -> None:
    before = faulty.read_text().splitlines()
    new = json.dumps(good(99))
    spread = len(SPREAD.splitlines())
    lines = edited(faulty, {3: new.encode()}, rules=None)
    assert lines == [*before[:3], new, *before[3 + spread :]]


def test_edits_are_repaired_as_well_where_that_is_asked(faulty: Path) -> None:
    lines = edited(faulty, {0: json.dumps(EXTRA).encode()})
    assert json.loads(lines[0])["messages"][1]["role"] == "assistant"


def test_an_edit_of_no_record_writes_nothing(faulty: Path, tmp_path: Path) -> None:
    out = tmp_path / "never.jsonl"
    with Source.open(faulty) as source, pytest.raises(FileError):
        fix_source(source, out, edits={4: b"{}"})
    assert not out.exists()


def test_the_lines_of_one_object_belong_together(faulty: Path) -> None:
    spread = len(SPREAD.splitlines())
    with Source.open(faulty) as source:
        index = LineIndex()
        index.extend(source)
        for line in range(3, 3 + spread):
            assert whole_record(source, index, line) == (3, spread)
        assert whole_record(source, index, 0) == (0, 1)
        assert whole_record(source, index, 2) == (2, 1)
        assert whole_record(source, index, 3 + spread) == (3 + spread, 1)
        assert whole_record(source, index, 5 + spread) == (5 + spread, 1)


def test_one_line_keeps_the_spacing_of_the_file() -> None:
    text = b'{\n  "a": [1, 2],\n  "b c": "x, y: z"\n}'
    assert one_line(text) == b'{"a": [1, 2], "b c": "x, y: z"}'
    assert one_line(text, b'{"a": 1}') == b'{"a": [1, 2], "b c": "x, y: z"}'
    assert one_line(text, b'{"a":1}') == b'{"a":[1,2],"b c":"x, y: z"}'


def test_bytes_are_checked_as_a_record() -> None:
    record = record_from(json.dumps(HUMAN).encode(), line=7)
    assert [issue.code for issue in record.issues] == ["unrecognized_role"]
    assert record.issues[0].line == 7
