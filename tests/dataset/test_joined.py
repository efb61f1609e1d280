"""Several files read as one dataset."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.dataset import Change, LineIndex, Scan, Source, open_all, place_of
from tui.errors import FileError, UsageError

LINE = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


def write(folder: Path, *contents: bytes) -> list[Path]:
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{number}.jsonl")
        paths[-1].write_bytes(content)
    return paths


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.lists(st.sampled_from([b"\n", b"ab", b"\xef\xbb\xbfx\n"])).map(b"".join),
        min_size=2,
        max_size=5,
    ),
    data=st.data(),
)
def test_the_bytes_of_one_after_the_other(
    tmp_path: Path, contents: list[bytes], data: st.DataObject
) -> None:
    paths = write(tmp_path, *contents)
    bare = [contents[0], *(content.removeprefix(b"\xef\xbb\xbf") for content in contents[1:])]
    closed = [c if not c or c.endswith(b"\n") else c + b"\n" for c in bare[:-1]]
    whole = b"".join([*closed, bare[-1]])
    with open_all(paths) as source:
        assert source.size == len(whole)
        assert source.read(0, len(whole) + 9) == whole
        offset = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, len(whole)))
        assert source.read(offset, length) == whole[offset : offset + length]
        index = LineIndex()
        index.extend(source)
        named = [
            (str(path), number)
            for path, content in zip(paths, [*closed, bare[-1]], strict=True)
            for number in range(1, 1 + len(content.split(b"\n")) - (content[-1:] in (b"\n", b"")))
        ]
        assert [place_of(source, index, i) for i in range(index.lines)] == named


def test_one_file_is_itself(tmp_path: Path) -> None:
    (path,) = write(tmp_path, LINE)
    with open_all([path]) as source:
        assert type(source) is Source
        assert source.members[0].name == str(path)
        index = LineIndex()
        index.head(source)
        assert place_of(source, index, 0) == (str(path), 1)


def test_nothing_and_standard_input_twice() -> None:
    with pytest.raises(UsageError):
        open_all([])
    with pytest.raises(UsageError):
        open_all(["-", "-"])


def test_packed_files_and_arrays_join_as_lines(tmp_path: Path) -> None:
    record = json.loads(LINE)
    array = tmp_path / "array.json"
    array.write_text("\n" + json.dumps([record, {"n": 1.50, "s": "ü"}, record], indent=1))
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(gzip.compress(LINE))
    (plain,) = write(tmp_path, LINE.rstrip())
    with open_all([plain, array, packed]) as source:
        index = LineIndex()
        index.extend(source)
        lines = source.read(0, source.size).split(b"\n")
        assert [json.loads(line) for line in lines[:-1]] == [
            record,
            record,
            {"n": 1.5, "s": "ü"},
            record,
            record,
        ]
        text = array.read_text()
        second = 1 + text[: text.index('"n"')].count("\n") - 1
        places = [place_of(source, index, i) for i in range(5)]
        assert places[0] == (str(plain), 1)
        assert places[1] == (str(array), 3)
        assert places[2] == (str(array), second)
        assert places[4] == (str(packed), 1)
        assert source.member_at(0).name == str(plain)
        assert source.member_at(source.size - 1).name == str(packed)


def test_a_break_inside_a_string_of_an_array_stays_an_error(tmp_path: Path) -> None:
    array = tmp_path / "array.json"
    array.write_text('[{"a": "x\ny"},\n{"b":\n1}]')
    (plain,) = write(tmp_path, LINE)
    with open_all([plain, array]) as source:
        report = Scan(source).run().report
        assert [issue.line for issue in report.issues if issue.code == "invalid_json"] == [2]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_scan_finds_the_same_as_in_one_file(tmp_path: Path, workers: int) -> None:
    bad = LINE.replace(b'"assistant"', b'"gpt"')
    contents = [LINE * 40_000 + bad, bad + LINE * 30_000 + LINE.rstrip(), b"", LINE * 10 + bad]
    whole = tmp_path / "whole.jsonl"
    whole.write_bytes(contents[0] + contents[1] + b"\n" + contents[3])
    with open_all(write(tmp_path, *contents)) as source, Source.open(whole) as one:
        joined = Scan(source, workers=workers, encoding="o200k_base").run()
        single = Scan(one, workers=workers, encoding="o200k_base").run()
        a, b = joined.report.to_json(), single.report.to_json()
        assert a.pop("file") != b.pop("file")
        for issue in a["issues"]:
            issue["message"] = issue["message"].removesuffix(" of 0.jsonl")
        assert a == b
        assert joined.table is not None
        assert single.table is not None
        assert len(joined.table) == len(single.table)


def test_an_unreadable_one_is_named(tmp_path: Path) -> None:
    good, bad = write(tmp_path, LINE, b"PAR1" + bytes(100))
    with pytest.raises(FileError, match=r"1\.jsonl is a Parquet table"):
        open_all([good, bad])
    with pytest.raises(FileError, match="does not exist"):
        open_all([good, tmp_path / "gone.jsonl"])


def test_changes_of_any_of_them_are_noticed(tmp_path: Path) -> None:
    first, last = write(tmp_path, LINE, LINE)
    with open_all([first, last]) as source:
        before = source.identity()
        assert source.changed() is None
        with last.open("ab") as file:
            file.write(LINE)
        assert source.changed() is Change.GROWN
        assert source.identity() != before
        source.refresh()
        assert source.changed() is None
        assert source.read(0, source.size) == LINE * 3
        with first.open("ab") as file:
            file.write(LINE)
        assert source.changed() is Change.EDITED
        os.replace(last, first)
        assert source.changed() is Change.REPLACED
    with pytest.raises(FileError):
        source.read(0, 1)


def test_copies_are_told_by_file_and_line(tmp_path: Path) -> None:
    def chat(asked: str, answer: str = "Yes.") -> dict[str, object]:
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        return {"messages": turns}

    (tmp_path / "sub").mkdir()
    names = ["a.jsonl", "b.json", "c.jsonl", "sub/c.jsonl"]
    paths = [tmp_path / name for name in names]
    paths[0].write_text(json.dumps(chat("a")) + "\n\n" + json.dumps(chat("b")))
    paths[1].write_text(json.dumps([chat("c"), chat("b"), chat("d")], indent=1))
    paths[2].write_text(json.dumps(chat("c")) + "\n" + json.dumps(chat("e")) + "\n")
    paths[3].write_text("".join(json.dumps(chat(*q)) + "\n" for q in (["a", "No."], ["e"])))
    with open_all(paths) as source:
        report = Scan(source).run().report
    told = {issue.line: issue.message for issue in report.issues if "the same" in issue.message}
    assert told == {
        5: "the same as line 3 of a.jsonl",
        7: "the same as line 2 of b.json",
        9: "the same prompt as line 1 of a.jsonl, with another answer",
        10: f"the same as line 2 of {paths[2]}",
    }
