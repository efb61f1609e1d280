"""What converting an open file would do, and doing it: counts, single records, edits, members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.dataset import (
    Conversion,
    ConvertSurvey,
    Source,
    convert_source,
    named_columns,
    open_all,
    sniff_kind,
)
from tui.errors import FileError, TunedeckError, UsageError

ALPACA = [{"instruction": f"i{n}", "output": f"o{n}"} for n in range(4)]
SPREAD = '{\n  "instruction": "i9",\n  "output": "o9",\n  "id": 9\n}'


def lines(path: Path, *records: Any) -> Path:
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(texts) + "\n")
    return path


def survey_of(path: Path, **plan: Any) -> ConvertSurvey:
    survey = ConvertSurvey(Conversion(**plan))
    with Source.open(path) as source:
        survey.run(source)
    return survey


@pytest.mark.parametrize("array", [False, True])
def test_tells_what_would_come_of_each(tmp_path: Path, array: bool) -> None:
    path = tmp_path / "in.json"
    records = [*ALPACA, {"instruction": "i", "output": ""}, json.loads(SPREAD)]
    if array:
        path.write_text(json.dumps(records, indent=1))
    else:
        lines(path, *records[:-1], SPREAD)
    survey = survey_of(path)
    assert survey.complete
    assert survey.trouble is None
    report = survey.report
    assert (report.records, report.written) == (6, 5)
    assert report.kinds == {"alpaca": 5}
    assert report.skipped == {"no answer": 1}
    assert report.left_out == {"the key id": 1}
    assert list(tmp_path.iterdir()) == [path]
    with Source.open(path) as source:
        first = survey.first("alpaca")
        assert first is not None
        shown = survey.show(source, first)
        assert json.loads(shown.before) == ALPACA[0]
        assert shown.after is not None
        assert json.loads(shown.after)["messages"][1]["content"] == "o0"
        (skipped,) = survey.skipped("no answer")
        shown = survey.show(source, skipped)
        assert json.loads(shown.before) == records[4]
        assert (shown.after, shown.reason) == (None, "no answer")


def test_rows_of_a_table_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("q,a\n1,2\n3,\n1,2,3\n")
    survey = survey_of(path)
    assert survey.report.skipped == {"no answer": 1, "more cells than columns": 1}
    with Source.open(path) as source:
        shown = survey.show(source, survey.skipped("no answer")[0])
        assert json.loads(shown.before) == {"q": "3", "a": ""}
        assert survey.show(source, survey.skipped("more cells than columns")[0]).before == ""


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([{"messages": [{"role": "user", "content": "x"}]}], "nothing_to_convert"),
        ([{"colour": "red"}], "nothing_converted"),
        ([" "], "no_record"),
    ],
)
def test_says_why_nothing_would_be_written(tmp_path: Path, records: list[Any], code: str) -> None:
    survey = survey_of(lines(tmp_path / "in.jsonl", *records))
    assert survey.trouble is not None
    assert survey.trouble.code == code


@pytest.mark.parametrize(
    ("name", "records", "kind"),
    [
        ("a.jsonl", ALPACA, "alpaca"),
        ("a.jsonl", [SPREAD], "alpaca"),
        ("a.jsonl", [{"conversations": []}, "not JSON"], "sharegpt"),
        ("a.jsonl", [{"messages": [{"role": "user", "content": "x"}]}], ""),
        ("a.jsonl", [{"colour": "red"}], ""),
        ("a.jsonl", ["not, JSON"], ""),
        ("a.CSV", ["a,b", "1,2"], "csv"),
    ],
)
def test_finds_the_format(tmp_path: Path, name: str, records: list[Any], kind: str) -> None:
    with Source.open(lines(tmp_path / name, *records)) as source:
        assert sniff_kind(source) == kind


def test_edited_records_stand_in_their_places(tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", *ALPACA)
    edit = json.dumps({"instruction": "new", "output": "newer"}).encode()
    out = tmp_path / "out.jsonl"
    with Source.open(path) as source:
        convert_source(source, out, Conversion(edits={2: edit}))
        with pytest.raises(FileError, match="edited record"):
            convert_source(source, out, Conversion(edits={9: edit}), force=True)
    assert "newer" in out.read_text().splitlines()[2]
    assert "o2" not in out.read_text()


def test_none_of_several_files_is_replaced(tmp_path: Path) -> None:
    paths = [lines(tmp_path / name, *ALPACA) for name in ("a.jsonl", "b.jsonl")]
    before = paths[1].read_bytes()
    with open_all(paths) as source:
        with pytest.raises(UsageError, match="one of the files"):
            convert_source(source, paths[1], Conversion(), force=True)
        report = convert_source(source, tmp_path / "out.jsonl", Conversion())
    assert report.written == 8
    assert paths[1].read_bytes() == before


def test_tables_are_converted_one_by_one(tmp_path: Path) -> None:
    paths = []
    for name in ("a.csv", "b.csv"):
        paths.append(tmp_path / name)
        paths[-1].write_text("q,a\n1,2\n")
    with open_all(paths) as source, pytest.raises(UsageError, match="one by one"):
        convert_source(source, tmp_path / "out.jsonl", Conversion())


@pytest.mark.parametrize("stop_at", ["Reading", "Checking"])
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
def test_stops_with_nothing_written(tmp_path: Path, stop_at: str, name: str) -> None:
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text("q,a\n" + "1,2\n" * 1000)
    else:
        lines(path, *ALPACA)
    at = ""

    def reading(*_: int) -> None:
        nonlocal at
        at = "Reading"

    def checking(*_: int) -> None:
        nonlocal at
        at = "Checking"

    with Source.open(path) as source, pytest.raises(TunedeckError, match="stopped"):
        convert_source(
            source,
            tmp_path / "out.jsonl",
            Conversion(),
            progress=reading,
            checking=checking,
            cancelled=lambda: at == stop_at,
        )
    assert list(tmp_path.iterdir()) == [path]


def test_columns_in_words() -> None:
    assert named_columns("User = Question, assistant=A") == {"user": "Question", "assistant": "A"}
    for words in ("user", "user=a", "who=a,assistant=b", "user=,assistant=b"):
        with pytest.raises(ValueError, match=r"ROLE=NAME|must name"):
            named_columns(words)
