"""Where records start, at once for the first screen and in the end for all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.dataset import (
    Format,
    LineIndex,
    Source,
    check_record,
    sniff_format,
    unchecked_record,
)
from tui.errors import FileError

GOOD = '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'


def records(source: Source, index: LineIndex) -> list[bytes]:
    out = []
    for i in range(index.lines):
        offset, length = index.span(i)
        out.append(source.read(offset, length))
    return out


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.lists(st.sampled_from([b"\n", b"ab", b"\r", b"\xff", b"x" * 50])).map(b"".join))
def test_head_and_the_rest_give_every_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    with Source.open(path) as source:
        for head in (None, 1, 7, 10_000):
            index = LineIndex()
            if head:
                known = index.head(source, head)
                assert known <= len(expected)
                assert records(source, index) == expected[:known]
            assert index.extend(source)
            assert index.complete
            assert records(source, index) == expected
            for i in range(index.lines):
                offset, length = index.span(i)
                assert (
                    index.line_at(offset) == index.line_at(offset + length - 1 + (not length)) == i
                )
                assert index.line_number(i) == i + 1
            with pytest.raises(IndexError):
                index.span(index.lines)
            with pytest.raises(IndexError):
                index.line_at(len(data))


def test_growing_files_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one\ntwo")
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        assert index.lines == 2
        with path.open("a") as file:
            file.write("-and-a-half\nthree\n")
        assert index.extend(source)
        assert records(source, index) == [b"one", b"two-and-a-half", b"three"]
        assert index.extend(source)
        assert index.lines == 3


@pytest.mark.parametrize("change", ["shorter", "replaced", "rewritten"])
def test_other_changes_are_errors(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one\ntwo\n")
    with Source.open(path) as source:
        index = LineIndex()
        index.head(source)
        if change == "shorter":
            os.truncate(path, 2)
        elif change == "replaced":
            (tmp_path / "b").write_text("x")
            (tmp_path / "b").replace(path)
        else:
            info = path.stat()
            path.write_text("ONE\nTWO\n")
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + 10))
        with pytest.raises(FileError):
            index.extend(source)


def test_stopping_keeps_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 99 + b"\n")
    with path.open("ab") as file:
        for _ in range(60):
            file.write((b"y" * 99 + b"\n") * 2000)
    calls: list[int] = []
    told: list[int] = []

    def cancelled() -> bool:
        calls.append(1)
        return len(calls) > 20

    with Source.open(path) as source:
        index = LineIndex()
        assert not index.extend(source, cancelled=cancelled)
        assert 0 < index.lines < 120_001
        assert not index.complete
        assert index.extend(source, progress=lambda done, total: told.append(done))
        assert index.lines == 120_001
        assert told[-1] == source.size
        assert index.span(120_000) == (source.size - 100, 99)
        assert index.line_at(source.size - 1) == 120_000


def test_arrays_have_their_elements_as_records(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [json.loads(GOOD), {"messages": 7}, "é"]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
    lines = path.read_text().split("\n")
    with Source.open(path) as source:
        for whole in (False, True):
            index = LineIndex()
            if whole:
                index.extend(source)
            else:
                index.head(source)
            assert index.is_array
            assert index.lines == 3
            assert [json.loads(raw) for raw in records(source, index)] == rows
            record = check_record(unchecked_record(source, index, 1))
            assert record.line == lines.index("  {", 2) + 1
            (issue,) = record.issues
            assert (issue.line, issue.column) == (
                record.line + 1,
                lines[record.line].index("7") + 1,
            )
            assert index.record_of_line(record.line + 1) == 1
            assert index.record_of_line(1) == 0


def test_records_hold_what_a_screen_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = GOOD.replace("assistant", "gpt")
    path.write_bytes(f"\ufeff{GOOD}\r\n\n{bad}\n{GOOD[:20]}\n".encode() + b"\xff\n" + b"z" * 5000)
    with Source.open(path) as source:
        index = LineIndex()
        index.head(source)
        first, blank, third, cut, bytes_, long = (
            check_record(unchecked_record(source, index, i, limit=1000)) for i in range(6)
        )
    assert first.value == json.loads(GOOD)
    assert not first.issues
    assert (blank.line, blank.value, blank.issues) == (2, None, ())
    assert [issue.code for issue in third.issues] == ["unrecognized_role"]
    assert third.issues[0].line == third.line == 3
    assert [issue.code for issue in cut.issues] == ["invalid_json"]
    assert cut.value is None
    assert bytes_.text == "\ufffd"
    assert (long.cut, long.size, len(long.raw), long.issues) == (True, 5000, 1000, ())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([json.loads(GOOD)], Format.CHAT),
        ([{"messages": [{"role": "user", "content": "q"}]}], Format.CHAT),
        ([{"messages": [{"role": "user", "content": "q"}]}] * 10, Format.REINFORCEMENT),
        ([{"messages": [{"role": "user", "content": "q"}], "answer": 1}], Format.REINFORCEMENT),
        (
            [{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]}]
            * 10,
            Format.CHAT,
        ),
        ([{"input": {"messages": []}, "preferred_output": []}], Format.PREFERENCE),
        ([{"prompt": "a", "completion": "b"}], Format.COMPLETION),
        ([{"prompt": "a", "chosen": "b", "rejected": "c"}], Format.UNKNOWN),
        ([{"conversations": []}], Format.UNKNOWN),
        ([{}, 7, None, []], Format.UNKNOWN),
        ([{"prompt": "a", "completion": "b"}, json.loads(GOOD), json.loads(GOOD)], Format.CHAT),
    ],
)
def test_the_format_is_told_from_the_first_records(
    tmp_path: Path, rows: list[object], expected: Format
) -> None:
    path = tmp_path / "a.jsonl"
    for indent in (None, 1):
        path.write_text("\n".join(json.dumps(row, indent=indent) for row in rows))
        with Source.open(path) as source:
            assert sniff_format(source) is expected


def test_the_format_of_a_file_whose_first_record_is_huge(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD.replace('"q"', json.dumps("q" * 3_000_000)) + f"\n{GOOD}\n")
    with Source.open(path) as source:
        assert sniff_format(source) is Format.CHAT


def test_the_first_screen_loads_neither_numpy_nor_a_tokenizer(sample_data: Path) -> None:
    program = f"""
import sys
from tui.dataset import LineIndex, Source, check_record, sniff_format, unchecked_record
source = Source.open({str(sample_data / "support_chat.jsonl")!r})
index = LineIndex()
index.head(source)
check_record(unchecked_record(source, index, 0), format=sniff_format(source))
heavy = {{"numpy", "tiktoken", "textual", "openai", "plotext", "multiprocessing", "subprocess"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.sampled_from(["a", '"', "\\", "[", "]", "{", ",", "\n", "é"]), max_size=40),
    block=st.integers(1, 9),
)
def test_strings_of_an_array_may_end_anywhere(tmp_path: Path, texts: list[str], block: int) -> None:
    from tui.dataset import arrays

    path = tmp_path / "a.json"
    elements = [["".join(texts[:n]), {"k": n}] for n in range(len(texts))]
    path.write_text(json.dumps(elements))
    with Source.open(path) as source, pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_BLOCK", block)
        index = LineIndex()
        index.extend(source)
        assert [json.loads(raw) for raw in records(source, index)] == elements


def test_the_head_of_an_array_does_not_wait_for_an_element_that_is_huge(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([1, "x" * 1_000_000, 2]))
    with Source.open(path) as source:
        index = LineIndex()
        assert index.head(source, 1000) == 1
        assert not index.complete
        assert index.extend(source)
        assert index.lines == 3
        assert index.span(0) == (1, 1)
        assert index.extend(source)
