"""Commas too many, code fences and marks in the middle: told where they are, and taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataset.test_repair import A, among_good, fixed, good, write
from tui.dataset import Found, LineIndex, Source, Survey, check_file, preview, read_raw
from tui.dataset.clutter import is_fence, without_commas
from tui.dataset.rows import BROKEN, parse, rows_of

RECORD = json.dumps(good(50)).encode()


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (RECORD + b",", len(RECORD) + 1),
        (RECORD + b" , ", len(RECORD) + 2),
        (RECORD[:-1] + b",}", len(RECORD)),
        (RECORD[:-2] + b" , ] , },", len(RECORD)),
    ],
)
def test_a_comma_too_many_is_told_and_taken_away(tmp_path: Path, line: bytes, column: int) -> None:
    path = among_good(tmp_path / "in.jsonl", line)
    (issue,) = check_file(path).issues.by_code("invalid_json")
    assert (issue.line, issue.column, issue.fixable) == (13, column, True)
    report, lines = fixed(path)
    assert report.repairs == {"invalid_json": 1}
    assert report.changed == 1
    assert json.loads(lines[12]) == good(50)
    assert report.check is not None
    assert not report.check.errors


@pytest.mark.parametrize(
    "line",
    [
        b'{"messages": [,]}', b'{"messages": [1,,]}', b"{,}", RECORD + b",,", b"," + RECORD,
        RECORD + b"]", b'{"a": 1} {"b": 2},', b'{"a": "open},', b"[1, 2,]", b'{"a":,}',
    ],
)  # fmt: skip
def test_what_is_not_clear_is_left_alone(tmp_path: Path, line: bytes) -> None:
    path = among_good(tmp_path / "in.jsonl", line)
    (issue,) = check_file(path).issues.by_code("invalid_json")
    assert not issue.fixable
    report, lines = fixed(path)
    assert report.repairs == {}
    assert lines[12] == line


def test_objects_of_a_list_without_its_brackets(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(",\n".join(json.dumps(good(i), indent=2) for i in range(12)) + "\n")
    checked = check_file(path)
    assert checked.records == 12
    assert checked.counts["pretty_printed"] == 12
    assert checked.counts["invalid_json"] == checked.errors - 12 == 11
    assert {issue.fixable for issue in checked.issues.by_code("invalid_json")} == {True}
    report, lines = fixed(path)
    assert [json.loads(line) for line in lines] == [good(i) for i in range(12)]
    assert (report.changed, report.dropped) == (12, 0)


def test_code_fences_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    write(path, b"```json", *(good(i) for i in range(6)), b"```\r", b" ~~~~ jsonl", good(6))
    write(path, path.read_bytes()[:-1], *(good(i) for i in range(7, 12)), b"```")
    checked = check_file(path)
    assert [issue.line for issue in checked.issues.by_code("invalid_json")] == [1, 8, 9, 16]
    assert all(issue.fixable for issue in checked.issues.by_code("invalid_json"))
    assert "code fence" in checked.issues.by_code("invalid_json")[0].message
    report, lines = fixed(path)
    assert (report.records, report.written, report.changed, report.dropped) == (12, 12, 0, 0)
    assert report.repairs == {"invalid_json": 4}
    assert [json.loads(line) for line in lines] == [good(i) for i in range(12)]


@pytest.mark.parametrize("line", [b"``", b"```json {", b"``` json x", b"`````" + b"x" * 300, b""])
def test_other_lines_are_no_fences(line: bytes) -> None:
    assert not is_fence(line)


def test_a_mark_in_the_middle_is_a_change(tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl", b"\xef\xbb\xbf" + RECORD)
    (issue,) = check_file(path).issues.by_code("invalid_json")
    assert (issue.line, issue.column, issue.fixable) == (13, 1, True)
    assert "byte order mark" in issue.message
    report, lines = fixed(path)
    assert report.repairs == {"byte_order_mark": 1}
    assert report.changed == 1
    assert lines[12] == RECORD


def test_previews_show_what_is_written(tmp_path: Path) -> None:
    spread = json.dumps(good(51), indent=1).encode() + b","
    clutter = [RECORD + b",", b"```", b"\xef\xbb\xbf" + json.dumps(good(52)).encode(), spread]
    path = among_good(tmp_path / "in.jsonl", *clutter)
    _, lines = fixed(path)
    survey = Survey()
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        survey.run(source)
        made = []
        for position in (12, 13, 14, 15):
            found = survey.at(position)
            assert isinstance(found, Found)
            raw = read_raw(source, index, position, found.lines)
            assert raw is not None
            made.append(preview(raw, found, found.codes))
    assert [entry.after for entry in made] == [
        lines[12].decode(), None, lines[13].decode(), lines[14].decode()
    ]  # fmt: skip
    assert "fence" in made[1].reason
    assert survey.counts["invalid_json"] == 3


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), _JSON, min_size=1), st.data())
def test_only_commas_go_and_only_where_that_mends(
    value: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps(value, indent=data.draw(st.sampled_from([None, 1])))
    at = data.draw(st.integers(1, len(text)))
    broken = (text[:at] + "," + text[at:]).encode()
    if parse(broken) is not BROKEN:
        return
    raw, found = without_commas(broken)
    if found is BROKEN:
        assert raw == broken
    else:
        assert found == value
        assert next(iter(rows_of(broken + b"\n"))).lines == broken.count(b"\n") + 1


def test_answers_keep_their_commas() -> None:
    record = {"messages": [{"role": "user", "content": "a,]"}, {**A, "content": '",}'}]}
    raw = json.dumps(record).encode()
    assert without_commas(raw + b",") == (raw, record)


@pytest.mark.parametrize("more", ["", "\n"])
@pytest.mark.parametrize("count", [12, 2000])
def test_one_array_on_one_line(tmp_path: Path, count: int, more: str) -> None:
    """What ``json.dump`` of a list writes, whatever the file is called."""
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps([good(i) for i in range(count)]) + more)
    checked = check_file(path)
    assert checked.records == checked.valid == count
    assert checked.counts["pretty_printed"] == checked.errors == 1
    report, lines = fixed(path)
    assert [json.loads(line) for line in lines] == [good(i) for i in range(count)]
    assert report.check is not None
    assert not report.check.errors


def test_a_list_of_messages_is_no_list_of_records(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(good(1)["messages"]) + "\n")
    assert check_file(path).counts["data_type"] == 1
    path.write_text(json.dumps([good(1)]) + "\n" + json.dumps([good(2)]) + "\n")
    assert check_file(path).counts["data_type"] == 2


@pytest.mark.parametrize("end", [b"", b",", b" \n"])
def test_an_array_that_is_cut_off(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(json.dumps([good(i) for i in range(12)]).encode()[:-1] + end)
    checked = check_file(path)
    assert checked.records == checked.valid == 12
    (issue,) = checked.issues.by_code("invalid_json")
    assert "before the array is closed" in issue.message
    path.write_bytes(path.read_bytes()[:-8])
    checked = check_file(path)
    assert (checked.records, checked.valid, checked.counts["invalid_json"]) == (12, 11, 1)
