"""A filter passes the records it says, in the order asked for, and they can be written."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.dataset import (
    Facets,
    Filter,
    LineIndex,
    Scan,
    Search,
    Selection,
    Sort,
    Source,
    open_all,
    select,
    write_selection,
)
from tui.errors import FileError, TunedeckError, UsageError

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def records() -> list[dict[str, Any] | None]:
    """Chats of every kind; ``None`` is a blank line."""
    made: list[dict[str, Any] | None] = []
    words = ("refund please", "заказ готов", "注文 ok", "", "plain words " * 30)
    for number, (system, word, tool, answer) in enumerate(
        itertools.product((False, True), words, (False, True), ("yes", " No ", "yes"))
    ):
        messages: list[dict[str, Any]] = [{"role": "system", "content": "be kind"}] * system
        messages.append({"role": "user", "content": f"{word}"})
        if tool:
            messages.append({"role": "assistant", "content": None, "tool_calls": [CALL]})
            messages.append({"role": "tool", "tool_call_id": "c", "content": "done"})
        messages.append({"role": "assistant", "content": answer})
        record: dict[str, Any] = {"messages": messages}
        if tool:
            record["tools"] = TOOLS
        if number % 3 == 0:
            record["metadata"] = {"kind": number % 5, "tags": ["a", f"t{number % 2}"]}
        made.append(record)
        if number % 17 == 0:
            made.append(None)
    return made


RECORDS = records()


class Opened:
    """A file with all that is known of it."""

    def __init__(self, path: Path) -> None:
        self.source = Source.open(path)
        self.index = LineIndex()
        self.index.extend(self.source)
        result = Scan(self.source, facets=True, encoding="o200k_base").run()
        assert result.facets is not None
        self.facets: Facets = result.facets

    def select(self, text: str, sort: Sort = Sort.FILE) -> list[int]:
        found = self.selection(text, sort).positions
        return list(range(self.index.lines)) if found is None else found.tolist()

    def selection(self, text: str, sort: Sort = Sort.FILE) -> Selection:
        chosen = select(self.source, self.index, self.facets, Filter.parse(text), sort)
        assert chosen.complete
        return chosen


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path = tmp_path_factory.mktemp("select") / "data.jsonl"
    lines = ["" if r is None else json.dumps(r, ensure_ascii=False) for r in RECORDS]
    path.write_text("\n".join(lines) + "\n{broken\n")
    made = Opened(path)
    yield made
    made.source.close()


def roles(record: dict[str, Any]) -> set[str]:
    return {message["role"] for message in record["messages"]}


def has_script(record: dict[str, Any], name: str) -> bool:
    text = "".join(m["content"] or "" for m in record["messages"])
    return any(unicodedata.name(char, "").startswith(name) for char in text)


def answer(record: dict[str, Any]) -> str:
    return str(record["messages"][-1]["content"]).strip()


# A part of the filter language beside the same in Python.
PARTS: dict[str, Any] = {
    "role:tool": lambda r: "tool" in roles(r),
    "role:system,tool": lambda r: {"system", "tool"} <= roles(r),
    "without:system": lambda r: "system" not in roles(r),
    "without:system,tool": lambda r: not {"system", "tool"} & roles(r),
    "has:tools": lambda r: "tools" in r,
    "has:calls,tools": lambda r: "tools" in r,
    "script:cyrillic": lambda r: has_script(r, "CYRILLIC"),
    "script:han": lambda r: has_script(r, "CJK"),
    "messages:>3": lambda r: len(r["messages"]) > 3,
    "messages:2": lambda r: len(r["messages"]) == 2,
    "messages:..3": lambda r: len(r["messages"]) <= 3,
    "label:answer=yes": lambda r: answer(r) == "yes",
    "label:answer=No": lambda r: answer(r) == "No",
    "label:metadata.kind=3": lambda r: r.get("metadata", {}).get("kind") == 3,
    "label:metadata.tags[1]=t1": lambda r: r.get("metadata", {}).get("tags", "--")[1] == "t1",
    "/REFUND/i": lambda r: "refund" in json.dumps(r),
    "/REFUND/": lambda r: False,
    "/за?каз|plain/r": lambda r: any(
        w in json.dumps(r, ensure_ascii=False) for w in ("заказ", "plain")
    ),
    "/yes/ in:assistant": lambda r: answer(r) == "yes",
}


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted(PARTS)), unique=True, max_size=3))
def test_every_part_must_be_true(opened: Opened, parts: list[str]) -> None:
    keys = [part.split(":")[0] for part in parts]
    if any(keys.count(key) > 1 for key in ("messages", "label")):
        return
    if sum(part.startswith("/") for part in parts) > 1:
        return
    expected = [
        number
        for number, record in enumerate(RECORDS)
        if record is not None and all(PARTS[part](record) for part in parts)
    ]
    if not parts:
        expected = list(range(opened.index.lines))
    text = " ".join(parts)
    broken = len(RECORDS)
    found = opened.select(text)
    # What is broken has no messages, and that is fewer than any number.
    if "messages:..3" in parts and found[-1:] == [broken]:
        found.pop()
    assert found == expected


def test_codes_and_severities(opened: Opened) -> None:
    blanks = [number for number, record in enumerate(RECORDS) if record is None]
    broken = len(RECORDS)
    assert opened.select("code:blank_line") == blanks
    assert opened.select("has:blank") == blanks
    assert opened.select("code:invalid_json") == [broken]
    assert opened.select("code:blank_line,invalid_json") == [*blanks, broken]
    assert opened.select("code:blank_line severity:error") == []
    assert broken in opened.select("severity:error")
    assert set(opened.select("severity:error")) <= set(opened.select("severity:error,advice"))


def test_tokens_are_those_of_examples(opened: Opened) -> None:
    tokens = opened.facets.read("tokens").tolist()
    some = sorted(set(tokens))[len(set(tokens)) // 2]
    assert opened.select(f"tokens:>{some}") == [i for i, t in enumerate(tokens) if t > some]
    assert opened.select(f"tokens:..{some}") == [i for i, t in enumerate(tokens) if 0 < t <= some]
    spoken = opened.facets.read("assistant").tolist()
    assert opened.select("assistant:<2") == [i for i, t in enumerate(tokens) if t and spoken[i] < 2]
    assert opened.select(f"tokens:{some}") == [i for i, t in enumerate(tokens) if t == some]


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("text", ["", "role:tool", "/refund/"])
def test_orders_are_stable(opened: Opened, sort: Sort, text: str) -> None:
    among = opened.select(text)
    if sort.column == "file":
        expected = among[::-1] if sort.descending else among
    else:
        if sort.column == "size":
            keys = [opened.index.span(i)[1] for i in range(opened.index.lines)]
        else:
            keys = opened.facets.read(sort.column).tolist()
        expected = sorted(among, key=lambda i: -keys[i] if sort.descending else keys[i])
    chosen = opened.selection(text, sort)
    assert opened.select(text, sort) == expected
    assert len(chosen) == len(expected)
    assert (chosen.positions is None) == (not text and sort is Sort.FILE)


@pytest.mark.parametrize("name", ["data.json", "data.jsonl"])
@pytest.mark.parametrize("sort", [Sort.SIZE, Sort.SIZE_DOWN])
def test_sizes(tmp_path: Path, name: str, sort: Sort) -> None:
    path = tmp_path / name
    values = [json.dumps({"a": "x" * (i * 7 % 11)}) for i in range(900)]
    text = f"[{', '.join(values)}]" if name == "data.json" else "\n".join(values)
    path.write_text(text)
    with Source.open(path) as source:
        index = LineIndex()
        index.head(source)
        index.extend(source)
        chosen = select(source, index, None, Filter(), sort)
        assert chosen.positions is not None
        sizes = [len(value) for value in values]
        order = sorted(range(900), key=lambda i: -sizes[i] if sort.descending else sizes[i])
        assert chosen.positions.tolist() == order


def test_what_needs_the_check_says_so(opened: Opened) -> None:
    for text, sort in (("role:tool", Sort.FILE), ("", Sort.TOKENS)):
        with pytest.raises(UsageError, match="needs the check"):
            select(opened.source, opened.index, None, Filter.parse(text), sort)
    found = select(opened.source, opened.index, None, Filter.parse("/refund/"), Sort.SIZE)
    assert len(found) == 12


def test_a_scan_that_still_runs(opened: Opened) -> None:
    part = opened.facets.head(20)
    chosen = select(opened.source, opened.index, part, Filter.parse("role:user"))
    assert not chosen.complete
    assert chosen.looked_at == 20
    assert chosen.positions is not None
    assert chosen.positions.tolist() == [i for i, r in enumerate(RECORDS[:20]) if r]


@pytest.mark.parametrize("text", ["role:user", "/please/", "label:answer=yes", "role:tool /done/"])
def test_stopped_at_once(opened: Opened, text: str) -> None:
    chosen = select(
        opened.source, opened.index, opened.facets, Filter.parse(text), cancelled=lambda: True
    )
    assert not chosen.complete
    assert len(chosen) == 0


def test_few_among_many_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    lines = [
        {"messages": [{"role": "tool" if i % 90 == 0 else "user", "content": f"w {i % 4} ü"}]}
        for i in range(2000)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = Opened(path)
    steps: list[tuple[int, int]] = []
    for text in ("/w 2 ü/", "/W . Ü/ir"):
        wanted = Filter.parse(f"role:tool {text}")
        chosen = select(
            made.source, made.index, made.facets, wanted, progress=lambda *step: steps.append(step)
        )
        assert chosen.positions is not None
        expected = [i for i in range(0, 2000, 90) if i % 4 == 2 or text.endswith("r")]
        assert chosen.positions.tolist() == expected
    assert all(0 <= done <= total for done, total in steps)
    made.source.close()


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("answer=yes please", [0, 1, 2, 4]),
        ("answer=5", [5, 6]),
        ("a.b=1000.0", [7, 8]),
        ("a.b=true", [9]),
        ("a=null", [10]),
        ("a.b[0].c=x", [11]),
        ("a.b.0.c=x", [11]),
        ("a.b=x", [12]),
        ("a=[1, 2]", [13]),
    ],
)
def test_labels_of_every_kind(tmp_path: Path, label: str, found: list[int]) -> None:
    parts = [{"type": "text", "text": "yes pl"}, {"type": "text", "text": "ease"}]

    def chat(answer: Any) -> str:
        return json.dumps({"messages": [{"role": "assistant", "content": answer}]})

    path = tmp_path / "data.jsonl"
    lines = [
        chat("yes please"),
        chat(" yes please\n"),
        chat(parts),
        chat("yes please not"),
        '{"prompt": "?", "completion": "\\u0079es please"}',
        chat("5"),
        chat(5),
        '{"a": {"b": 1e3}}',
        '{"a": {"b": 1000.0}}',
        '{"a": {"b": true}}',
        '{"a": null}',
        '{"a": {"b": [{"c": "x"}]}}',
        '{"a.b": "x"}',
        '{"a": [1,2]}',
        "{broken yes please",
        "[]",
    ]
    path.write_text("\n".join(lines))
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        wanted = Filter(label=tuple(label.split("=", 1)))  # type: ignore[arg-type]
        chosen = select(source, index, None, wanted)
        assert chosen.positions is not None
        assert chosen.positions.tolist() == found


# Writing


def test_what_is_written(opened: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    chosen = opened.selection("has:tools", Sort.TOKENS_DOWN)
    steps: list[tuple[int, int]] = []
    manifest = write_selection(
        opened.source, opened.index, chosen, out, progress=lambda *step: steps.append(step)
    )
    lines = Path(opened.source.path).read_bytes().split(b"\n")
    assert chosen.positions is not None
    expected = b"".join(lines[i] + b"\n" for i in chosen.positions)
    assert out.read_bytes() == expected
    written = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert written == manifest
    data = Path(opened.source.path).read_bytes()
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["output_sha256"] == hashlib.sha256(expected).hexdigest()
    assert manifest["bytes"] == len(data)
    assert manifest["source"] == opened.source.name
    assert manifest["records"] == manifest["counts"]["records"] == len(chosen)
    assert Filter.parse(manifest["filter"]["text"]) == chosen.filter
    assert manifest["filter"]["features"] == ["tools"]
    assert manifest["sort"] == "-tokens"
    assert manifest["complete"] is True
    assert steps
    assert all(0 <= done <= total for done, total in steps)


def test_all_of_a_file_is_the_file(tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n{"b":\t"\\u00e9"}\n{"c": "\xff"}'
    path.write_bytes(data)
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        write_selection(source, index, Selection(None, looked_at=index.lines), out)
    assert gzip.decompress(out.read_bytes()) == data[3:] + b"\n"


def test_elements_of_an_array_become_lines(tmp_path: Path) -> None:
    path, out = tmp_path / "a.json", tmp_path / "b.jsonl"
    path.write_text('[\n  {"a": 1.0,\n   "b": "x  y"},\n  {"c":2}, {"a": 3}\n]\n')
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        chosen = select(source, index, None, Filter(search=Search('"a"')))
        manifest = write_selection(source, index, chosen, out)
    assert out.read_text() == '{"a": 1.0, "b": "x  y"}\n{"a": 3}\n'
    assert manifest["counts"]["put_on_one_line"] == 1


def test_several_files_become_one(tmp_path: Path) -> None:
    one, two, out = tmp_path / "1.jsonl", tmp_path / "2.jsonl", tmp_path / "o.jsonl"
    one.write_text('{"a": "x"}\n{"a": "y"}')
    two.write_text('{"a": "y"}\n{"a": "x"}\n')
    with open_all([one, two]) as source:
        index = LineIndex()
        index.extend(source)
        chosen = select(source, index, None, Filter.parse("/x/"))
        manifest = write_selection(source, index, chosen, out)
        assert out.read_text() == '{"a": "x"}\n{"a": "x"}\n'
        assert manifest["files"] == [str(one), str(two)]
        for target in (one, two):
            with pytest.raises(UsageError, match="in place"):
                write_selection(source, index, chosen, target, force=True)


def test_nothing_is_replaced_unasked_and_nothing_is_left_behind(
    opened: Opened, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    manifest = tmp_path / "out.jsonl.manifest.json"
    chosen = opened.selection("role:tool")

    def write(**more: Any) -> None:
        write_selection(opened.source, opened.index, chosen, out, **more)

    with pytest.raises(TunedeckError) as caught:
        write(cancelled=lambda: True)
    assert caught.value.code == "cancelled"
    assert list(tmp_path.iterdir()) == []
    manifest.write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == [manifest.name]
    assert manifest.read_text() == "mine"
    write(force=True)
    assert out.exists()
    assert manifest.read_text() != "mine"
    with pytest.raises(UsageError, match="in place"):
        write_selection(opened.source, opened.index, chosen, opened.source.path, force=True)
