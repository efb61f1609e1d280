"""What a scan knows of each record, and scans that go on where an earlier one ended."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset import generate
from tui.dataset import Facets, LineIndex, Scan, ScanResult, Source, scan
from tui.dataset.columns import Column
from tui.dataset.describe import FEATURES, ROLES, SCRIPTS, SEVERITIES, flag
from tui.tokens import ExampleCounter


def chat(*messages: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in messages], **more}


def run(path: Path, **options: Any) -> ScanResult:
    with Source.open(path) as source:
        return Scan(source, facets=True, encoding="o200k_base", **options).run()


def facets_of(path: Path, **options: Any) -> Facets:
    facets = run(path, **options).facets
    assert facets is not None
    return facets


def write(path: Path, *records: object) -> Path:
    rows = (r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def words(flags: int) -> set[str]:
    groups = {"role": ROLES, "feature": FEATURES, "severity": SEVERITIES, "script": SCRIPTS}
    return {
        f"{group}:{name}"
        for group, names in groups.items()
        for name in names
        if flags & flag(group, name)
    }


FUNCTION = {"name": "f", "arguments": "{}"}
RECORDS: list[tuple[object, set[str]]] = [
    (
        chat(("user", "Hi"), ("assistant", "Hello")),
        {"role:user", "role:assistant", "script:latin"},
    ),
    (
        chat(("system", "…"), ("user", "Привет, γειά"), ("assistant", "你好 ですか 안녕 שלום")),
        {
            "role:system", "role:user", "role:assistant", "script:cyrillic", "script:greek",
            "script:han", "script:kana", "script:hangul", "script:hebrew",
        },
    ),
    (
        chat(("user", "123"), ("assistant", "é")),
        {"role:user", "role:assistant", "script:latin"},
    ),
    ("", {"feature:blank", "severity:advice"}),
    (
        chat(("user", "1"), ("assistant", "2"), ("bot", "3")),
        {"role:user", "role:assistant", "role:other", "severity:error"},
    ),
    (
        {
            "messages": [
                {"role": "user", "content": "١٢ مرحبا", "name": "al"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": FUNCTION}],
                },
                {"role": "tool", "tool_call_id": "c", "content": "สวัสดี"},
                {"role": "assistant", "content": "नमस्ते", "weight": 1},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
                }
            ],
        },
        {
            "role:user", "role:assistant", "role:tool", "feature:tools", "feature:calls",
            "feature:names", "feature:weights", "script:arabic", "script:thai", "script:devanagari",
        },
    ),
    ("{", {"severity:error"}),
]  # fmt: skip


def test_every_record_is_described(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(record for record, _ in RECORDS))
    facets = facets_of(path)
    assert facets.complete
    assert facets.rows == len(RECORDS)
    found = [words(int(flags)) for flags in facets.read("flags")]
    ignored = {"severity:advice", "severity:warning"}
    for (record, expected), seen in zip(RECORDS, found, strict=True):
        assert seen - ignored == expected - ignored, record
    assert facets.read("messages").tolist() == [2, 3, 2, 0, 3, 4, 0]
    with pytest.raises(KeyError):
        facets.read("weights")


def test_tokens_stand_at_their_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(record for record, _ in RECORDS))
    values = [record if isinstance(record, dict) else None for record, _ in RECORDS]
    rows = ExampleCounter("o200k_base").rows(values)
    facets = facets_of(path)
    tokens, answers = facets.read("tokens"), facets.read("assistant")
    for at, place in enumerate(rows.line):
        assert tokens[place - 1] == rows.classic[at]
        assert answers[place - 1] == rows.assistant[at]
    assert (tokens > 0).sum() == len(rows)


@pytest.mark.parametrize("spread", [None, 1])
def test_late_codes_find_elements_of_an_array(tmp_path: Path, spread: int | None) -> None:
    one, two = chat(("user", "é1"), ("assistant", "x")), chat(("user", "2"), ("assistant", "y"))
    bad = chat(("user", "1"), ("bot", ""), ("assistant", "x"))
    other = chat(("user", "2"), ("assistant", "z"))
    path = tmp_path / "a.json"
    records = [one, 7, two, one, bad, other, bad]
    path.write_text(json.dumps(records, indent=spread, ensure_ascii=False), encoding="utf-8")
    facets = facets_of(path)
    assert facets.with_codes(["duplicate_example"]).tolist() == [3, 6]
    assert facets.with_codes(["conflicting_answers"]).tolist() == [5]
    assert facets.with_codes(["data_type"]).tolist() == [1]
    issues = facets.read("issues").tolist()
    assert issues[6] == issues[4] + 1
    assert issues[3] == issues[5] == 1


def test_codes_find_their_records(tmp_path: Path) -> None:
    bad = chat(("user", "1"), ("bot", ""), ("assistant", "x"))
    good, other = (chat(("user", word), ("assistant", "x")) for word in "34")
    facets = facets_of(write(tmp_path / "a.jsonl", bad, good, bad, "{", other))
    assert facets.with_codes(["duplicate_example"]).tolist() == [2]
    assert facets.read("issues")[2] == facets.read("issues")[0] + 1
    assert facets.with_codes(["unrecognized_role"]).tolist() == [0, 2]
    assert facets.with_codes(["invalid_json", "unrecognized_role"]).tolist() == [0, 2, 3]
    assert facets.with_codes([]).tolist() == facets.with_codes(["no_such_code"]).tolist() == []
    assert facets.read("issues")[[0, 3, 4]].tolist()[1:] == [1, 0]


def test_elements_of_an_array_are_positions_too(tmp_path: Path) -> None:
    records = [chat(("user", "a"), ("assistant", "b")), {"x": 1}, chat(("assistant", "c"))]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records, indent=1))
    facets = facets_of(path, format="chat")
    assert facets.rows == 3
    assert facets.with_codes(["missing_messages_list"]).tolist() == [1]
    assert facets.read("messages").tolist() == [2, 0, 1]


def test_processes_describe_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.jsonl"
    generate.write(path, 3 << 20)
    alone = facets_of(path, workers=0)
    monkeypatch.setattr(scan, "RANGE", 300_000)
    together = facets_of(path, workers=2)
    with Source.open(path) as source:
        index = LineIndex(source)
        index.extend(source)
    assert alone.rows == together.rows == index.lines
    for name, column in alone.columns.items():
        assert np.array_equal(column.read(), together.columns[name].read()), name


@pytest.mark.parametrize("ends", [b"\n", b""])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_grown_file_costs_only_its_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, ends: bytes
) -> None:
    monkeypatch.setattr(scan, "RANGE", 200_000)
    path = tmp_path / "big.jsonl"
    generate.write(path, 2 << 20)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b'\n{"messages": [{"ro' + ends)
    first = run(path, workers=workers)
    before = (first.report.to_json(), first.table)
    assert first.settled is not None
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    read: list[int] = []
    with Source.open(path) as source:
        real = source.read

        def note(offset: int, length: int) -> bytes:
            read.append(offset)
            return real(offset, length)

        monkeypatch.setattr(source, "read", note)
        again = Scan(
            source, facets=True, encoding="o200k_base", settled=first.settled, workers=workers
        ).run()
    whole = run(path, workers=workers)
    assert again.report.to_json() == whole.report.to_json()
    assert again.table == whole.table
    assert again.facets is not None
    assert whole.facets is not None
    for name, column in whole.facets.columns.items():
        assert np.array_equal(column.read(), again.facets.columns[name].read()), name
    assert (first.report.to_json(), first.table) == before
    assert not [offset for offset in read if 4096 <= offset < first.settled.offset - 1]


def test_what_was_read_has_its_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_INLINE_STEP", 50_000)
    path = tmp_path / "big.jsonl"
    path.write_text("".join(f"{json.dumps(chat(('user', 'x' * n)))}\n" for n in range(600)))
    settled = run(path, workers=0).settled
    assert settled is not None
    at, data = 0, path.read_bytes()
    for offset, length, checksum in settled.prints:
        assert offset == at
        assert zlib.crc32(data[offset : offset + length]) == checksum
        at += length
    assert at == len(data) == settled.offset


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=200_000 // 4), max_size=4), st.data())
def test_columns_give_back_what_they_took(parts: list[list[int]], data: st.DataObject) -> None:
    column = Column(np.uint32)
    parts = [part * 40 for part in parts]
    for part in parts:
        column.extend(np.array(part, dtype=np.uint32).tobytes())
    whole = [number for part in parts for number in part]
    assert len(column) == len(whole)
    start = data.draw(st.integers(0, len(whole) + 2))
    stop = data.draw(st.none() | st.integers(0, len(whole) + 2))
    assert column.read(start, stop).tolist() == whole[start:stop]
    head = column.head(min(start, len(whole)))
    head.extend(np.array([7], dtype=np.uint32).tobytes())
    assert head.read().tolist() == [*whole[: min(start, len(whole))], 7]
    assert len(column) == len(whole)
