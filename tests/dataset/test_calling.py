"""Records with tools that are accepted at a glance: none of them has a fault, and none is lost."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.dataset import (
    ON_REQUEST,
    SAFE,
    Format,
    Scan,
    Source,
    check_file,
    get_profile,
    mojibake,
    repair_record,
    rows,
)
from tui.dataset.checker import Checker, CheckSettings, quotes_match, shape
from tui.dataset.rules.calling import Calling

PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "days": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "exact": {"type": "boolean"},
    },
    "required": ["city"],
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "now", "description": "The time"}},
]


def call(name: str, function: str = "weather", **given: Any) -> dict[str, Any]:
    arguments = json.dumps(given or {"city": "Oslo"})
    return {
        "id": name, "type": "function", "function": {"name": function, "arguments": arguments}
    }  # fmt: skip


def talk(number: int = 0) -> dict[str, Any]:
    both = [call("a", city="Rome", unit="C", days=2), call("b", "now", zone=1)]
    both[1]["function"]["arguments"] = "{}"
    return {
        "messages": [
            {"role": "system", "content": "Help."},
            {"role": "user", "content": f"Question {number}?"},
            {"role": "assistant", "content": None, "tool_calls": both},
            {"role": "tool", "tool_call_id": "b", "content": ""},
            {"role": "tool", "tool_call_id": "a", "content": "Rain\\n"},
            {"role": "assistant", "content": f"Answer {number}."},
            {"role": "user", "content": "And in Oslo?"},
            {"role": "assistant", "tool_calls": [call("c", city="Oslo", tags=["x"])]},
        ],
        "tools": copy.deepcopy(TOOLS),
    }


def issues(record: Any) -> list[str]:
    checker = Checker(CheckSettings(get_profile("openai"), Format.CHAT))
    return [issue.code for issue in checker.check(json.dumps(record).encode(), 1).issues]


def test_an_ordinary_record_is_accepted() -> None:
    calling = Calling(shape)
    for _ in range(2):
        flags, kit = calling.plain(talk())
        assert flags & 3 == 3
        assert flags >> 4 == shape(talk())[0]
        assert kit is not None
        assert kit.tools == TOOLS
    assert issues(talk()) == []


_VALUES: list[Any] = [
    None, 0, 1, True, False, "", " ", "x", "user", "assistant", "tool", "system", "a", "b", "c",
    "weather", "nowhere", "{}", "[]", "{", '{"city": 7}', '{"unit": "K", "city": "Oslo"}',
    '{"city": "Oslo", "days": 1.5}', '{"city": "x", "more": 1}', '{"tags": [1], "city": "x"}',
    "<|endoftext|>", "I'm sorry, but I can't help with that.", "cafÃ©", [], {}, ["x"], {"a": 1},
    "object", "string", "function", "Question 0?",
]  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    entries: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            found += _places(inner)
    return found


def _change(record: dict[str, Any], data: st.DataObject) -> None:
    holder, key = data.draw(st.sampled_from(_places(record)))
    deed = data.draw(st.sampled_from(["set", "set", "drop", "twice", "add", "swap"]))
    if deed == "set":
        holder[key] = copy.deepcopy(data.draw(st.sampled_from(_VALUES)))
    elif deed == "drop":
        del holder[key]
    elif isinstance(holder, list) and deed == "twice":
        holder.insert(key, copy.deepcopy(holder[key]))
    elif isinstance(holder, list):
        other = data.draw(st.integers(0, len(holder) - 1))
        holder[key], holder[other] = holder[other], holder[key]
    else:
        name = data.draw(st.sampled_from(["name", "weight", "content", "strict", "refusal", "z"]))
        holder[name] = copy.deepcopy(data.draw(st.sampled_from(_VALUES)))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_is_accepted_has_no_fault(data: st.DataObject) -> None:
    record = copy.deepcopy(talk())
    for _ in range(data.draw(st.integers(1, 3))):
        if _places(record):
            _change(record, data)
    flags, kit = Calling(shape).plain(record)
    if kit is not None:
        assert issues(record) == [], record
        assert flags >> 4 == shape(record)[0]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_has_the_same_report_without_the_glance(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("calls") / "a.jsonl"
    records = [talk(i % 12) for i in range(20)]
    for record in records[::3]:
        _change(record, data)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))

    def report() -> dict[str, object]:
        with Source.open(path) as source:
            return Scan(source, facets=True, encoding="o200k_base").run().report.to_json()

    quick = report()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Calling, "plain", lambda *_: (0, None))
        assert report() == quick


def test_many_tools_are_not_all_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = []
    for number in range(600):
        record = talk(number)
        record["tools"] = [*TOOLS, {"type": "function", "function": {"name": f"f{number}"}}]
        records.append(record)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    report = check_file(path)
    assert (report.valid, report.errors, report.warnings) == (600, 0, 0)


@given(
    st.dictionaries(st.text(alphabet='a"\\\n', max_size=4), st.text(alphabet='b"\\', max_size=6))
)
def test_quotes_are_counted_right(value: dict[str, str]) -> None:
    strings = 2 * len(value)
    raw = json.dumps(value).encode()
    assert quotes_match(raw, strings)
    assert not value or not quotes_match(raw, strings - 1)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_repairs_are_the_same_without_the_glance(data: st.DataObject) -> None:
    record = talk()
    for _ in range(data.draw(st.integers(0, 2))):
        if _places(record):
            _change(record, data)
    raw = json.dumps(record, ensure_ascii=False).encode()
    codes = data.draw(st.sampled_from([None, frozenset(SAFE) | frozenset(ON_REQUEST)]))
    quick = repair_record(raw, copy.deepcopy(record), codes=codes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.dataset.repair.record.is_clean", lambda _: False)
        assert repair_record(raw, record, codes=codes) == quick


_LEADS = "".join(map(chr, [*range(0xC0, 0x100), 0x20AC, 0x2122, 0x9D, 0x80, 0xBF, 0x178, 0x41]))


@given(st.text(alphabet=_LEADS, max_size=12))
def test_wrongly_decoded_text_is_found_as_by_three_patterns(text: str) -> None:
    tail = mojibake._TAIL
    parts = [f"[\u00c2-\u00df]{tail}", f"[\u00e0-\u00ef]{tail}{{2}}", f"[\u00f0-\u00f4]{tail}{{3}}"]
    plainly = re.compile("|".join(parts))
    assert [m.span() for m in mojibake._pairs().finditer(text)] == [
        m.span() for m in plainly.finditer(text)
    ]


@given(st.binary(max_size=40), st.sampled_from([b"1e5", b"1E+5", b"123456789012345", b"12e", b""]))
def test_numbers_that_may_be_rounded_are_noticed(text: bytes, number: bytes) -> None:
    raw = text + number
    assert rows._may_be_rounded(raw) == (rows._LONG_NUMBER.search(raw) is not None)
