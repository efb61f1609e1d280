"""A search finds what stands in the records, however it is spelled, and nothing else."""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.dataset import LineIndex, Search, Source, find
from tui.dataset.query.walk import BLOCK
from tui.errors import UsageError

ROLES = ("system", "user", "assistant", "tool")
# Letters of many scripts, signs that JSON escapes, and letters with unusual other cases.
LETTERS = 'abksiS Éé/\\"\n\tüßςσΣжЖКд日本\u2019🙂🚀İıſ\u212a\u2028<'
TEXTS = st.text(LETTERS, max_size=12)
NEEDLES = st.text(LETTERS, min_size=1, max_size=4)
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t"}


@pytest.fixture
def search_in(tmp_path: Path) -> Callable[..., list[int]]:
    def search(data: bytes, wanted: Search, name: str = "data.jsonl") -> list[int]:
        path = tmp_path / name
        path.write_bytes(data)
        return found_in(path, wanted)

    return search


def found_in(path: Path, wanted: Search, start: int = 0) -> list[int]:
    found: list[int] = []
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        count = find(source, index, wanted, start=start, on_found=lambda new, _: found.extend(new))
    assert count == len(found)
    assert found == sorted(set(found))
    return found


def spelled(text: str, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """Spell a text in JSON, every character in one of its ways."""
    out = []
    for char in text:
        units = char.encode("utf-16-be")
        escape = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        ways = [escape, escape.upper().replace("\\U", "\\u")]
        if char in SHORT:
            ways.append(SHORT[char])
        if char not in '"\\\n\t':
            ways.append(char)
        out.append(draw(st.sampled_from(ways)))
    return '"' + "".join(out) + '"'


@st.composite
def files(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[list[dict[str, Any]], bytes]:
    """Return records and a file that holds them in all kinds of spelling."""
    records, lines = [], []
    for _ in range(draw(st.integers(1, 6))):
        style = draw(st.sampled_from(("mixed", "raw", "ascii")))
        messages, parts = [], []
        for _ in range(draw(st.integers(0, 3))):
            role, content = draw(st.sampled_from(ROLES)), draw(TEXTS)
            messages.append({"role": role, "content": content})
            text = (
                spelled(content, draw)
                if style == "mixed"
                else json.dumps(content, ensure_ascii=style == "ascii")
            )
            parts.append(f'{{"role": "{role}", "content": {text}}}')
        records.append({"messages": messages})
        lines.append(f'{{"messages": [{", ".join(parts)}]}}')
    end = draw(st.sampled_from(("", "\n")))
    return records, ("\n".join(lines) + end).encode()


def fold(text: str) -> str:
    """Put letters together that differ in case only; the letters of ASCII with no others."""
    return "".join(char.lower() if char.isascii() else _class(char) for char in text)


def _class(char: str) -> str:
    forms = {c for c in LETTERS + "ЖКДÜŞSς" if re.fullmatch(re.escape(char), c, re.I)}
    return min({c for c in forms if not c.isascii()} | {char})


def contents(record: dict[str, Any], role: str | None = None) -> list[str]:
    return [m["content"] for m in record["messages"] if role is None or m["role"] == role]


def readable(record: dict[str, Any]) -> str:
    """The record as it is looked at: as it is written, without escapes."""
    parts = [f'{{"role": "{m["role"]}", "content": "{m["content"]}"}}' for m in record["messages"]]
    return f'{{"messages": [{", ".join(parts)}]}}'


@settings(max_examples=400)
@given(files(), NEEDLES, st.booleans(), st.sampled_from((None, *ROLES)), st.integers(1, 150))
def test_a_text_is_found_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[list[dict[str, Any]], bytes],
    needle: str,
    case: bool,
    role: str | None,
    block: int,
) -> None:
    records, data = made
    path = tmp_path_factory.getbasetemp() / "spelled.jsonl"
    path.write_bytes(data)
    same = str if case else fold
    expected = [
        number
        for number, record in enumerate(records)
        if any(
            same(needle) in same(text)
            for text in (contents(record, role) if role else [readable(record)])
        )
    ]
    wanted = Search(needle, case=case, role=role)
    assert found_in(path, wanted) == expected
    with pytest.MonkeyPatch.context() as patch:
        # Small blocks cut records and texts anywhere, small pieces make every record a long one.
        patch.setattr("tui.dataset.query.walk.BLOCK", block)
        patch.setattr("tui.dataset.query.finding.PIECE", 24)
        patch.setattr("tui.dataset.query.texts.PIECE", 24)
        assert found_in(path, wanted) == expected


PATTERNS = st.sampled_from(
    (
        "a+b", "[ab]k", "k|ß", "(?:ab|ks)i?", "(?i:s)", "^a", "a$", r"\bk", "é.", r"\s", "日本?",
        "(ж|д)к", r"\\", "x*", r"[^\x00-\x7f]{2}", "(?:si){2}", "s(?=i)", "(?s)a.b", "🙂|🚀", "is",
    )
)  # fmt: skip


@settings(max_examples=60)
@given(files(), PATTERNS, st.booleans(), st.sampled_from((None, "user")))
def test_a_pattern_is_found_where_it_matches(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[list[dict[str, Any]], bytes],
    pattern: str,
    case: bool,
    role: str | None,
) -> None:
    records, data = made
    path = tmp_path_factory.getbasetemp() / "patterns.jsonl"
    path.write_bytes(data)
    compiled = re.compile(pattern, 0 if case else re.I)
    anchored = "^" in pattern[:1] or "$" in pattern
    expected = []
    for number, record in enumerate(records):
        texts = contents(record, role) if role else [readable(record)]
        if anchored and not role:
            texts += [*contents(record), *(m["role"] for m in record["messages"])]
        if any(compiled.search(text) for text in texts):
            expected.append(number)
    assert found_in(path, Search(pattern, regex=True, case=case, role=role)) == expected


def chat(content: str, **more: Any) -> str:
    return json.dumps({"messages": [{"role": "user", "content": content, **more}]})


@pytest.mark.parametrize(
    "line",
    [
        '{"a": "caf\\u00e9 au lait"}',
        '{"a": "caf\\u00E9 au lait"}',
        '{"a": "café au lait"}',
        '{"a": "c\\u0061f\\u00e9 \\u0061u lait"}',
        '{"a": "\\\\\\u0063af\\u00e9 au lait"}',
    ],
)
def test_every_spelling(search_in: Callable[..., list[int]], line: str) -> None:
    data = f'{{"a": "other"}}\n{line}\n'.encode()
    assert search_in(data, Search("café au lait", case=True)) == [1]
    assert search_in(data, Search("CAFÉ AU LAIT")) == [1]
    assert search_in(data, Search("CAFÉ AU LAIT", case=True)) == []
    assert search_in(data, Search(r"caf\w au", regex=True, case=True)) == [1]


@pytest.mark.parametrize(
    ("line", "needle", "there"),
    [
        ('{"a": "\\nice"}', "nice", False),
        ('{"a": "\\\\nice"}', "nice", True),
        ('{"a": "x\\u00e9"}', "u00e9", False),
        ('{"a": "x\\\\u00e9"}', "u00e9", True),
        ('{"a": "x\\u0065d"}', "65d", False),
        ('{"a": "1\\/2"}', "1/2", True),
        ('{"a": "say \\"so\\""}', 'say "so"', True),
        ('{"a": "two\\nlines"}', "two\nlines", True),
        ('{"weight": 0}', '"weight": 0', True),
        ('{"a": "\\ud83d\\ude42"}', "🙂", True),
        ('{"a": "\\ud83d"}', "\ud83d", True),
        ('{"a": broken, no \\u006ason', "no json", True),
    ],
)
def test_what_is_read_is_what_is_found(
    search_in: Callable[..., list[int]], line: str, needle: str, there: bool
) -> None:
    assert search_in(line.encode() + b"\n", Search(needle, case=True)) == ([0] if there else [])
    pattern = Search(re.escape(needle), regex=True, case=True)
    assert search_in(line.encode() + b"\n", pattern) == ([0] if there else [])


def test_bytes_that_are_not_text_do_no_harm(search_in: Callable[..., list[int]]) -> None:
    data = b'\xef\xbb\xbf{"a": "caf\xe9 one"}\n\n\xff\xfe\x00\n{"a": "one"}'
    assert search_in(data, Search("one")) == [0, 3]
    assert search_in(data, Search("^one", regex=True)) == [3]


@example(BLOCK - 4)
@given(st.integers(BLOCK - 60, BLOCK + 30))
@settings(max_examples=30)
def test_a_text_across_the_edge_of_a_block(
    tmp_path_factory: pytest.TempPathFactory, before: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "edge.jsonl"
    for spelling in ("needle", "n\\u0065edle", "привет", "\\u043f\\u0440ивет"):
        wanted = "needle" if spelling[0] == "n" else "привет"
        with path.open("wb") as file:
            file.write(b'{"a": "' + b"x" * (before - 20) + b'"}\n')
            file.write(f'{{"b": "{spelling} or so"}}\n{{"c": 1}}\n'.encode())
        assert found_in(path, Search(wanted, case=True)) == [1]
        assert found_in(path, Search(wanted.upper())) == [1]


@pytest.mark.parametrize("spelling", ["needle", "n\\u0065edle", "\\u006eeedl\\u0065"])
def test_a_long_record(search_in: Callable[..., list[int]], spelling: str) -> None:
    filler = "\\u0434\\ud83d\\ude42é\\\\" * 40_000
    data = f'{{"a": "x"}}\n{{"a": "{filler}{spelling}{filler}"}}\n{{"a": "needle"}}'.encode()
    assert search_in(data, Search("needle", case=True)) == [1, 2]
    assert search_in(data, Search("д🙂é\\needle", case=True)) == [1]
    assert search_in(data, Search("needle\\\\")) == []
    assert search_in(data, Search("ne+dle", regex=True)) == [1, 2]


def test_roles_and_tool_calls(search_in: Callable[..., list[int]]) -> None:
    call = {"id": "call_1", "type": "function"}
    call["function"] = {"name": "look_up", "arguments": json.dumps({"city": "München"})}  # type: ignore[assignment]
    lines = [
        {"messages": [{"role": "user", "content": "look_up"}, {"role": "assistant"}]},
        {"messages": [{"role": "assistant", "tool_calls": [call]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "look_up"}]}]},
        {"preferred_output": [{"role": "assistant", "content": "look_up"}], "input": {}},
        {"prompt": "München", "completion": "look_up"},
        {"tools": [{"type": "function", "function": {"name": "look_up"}}], "messages": []},
    ]  # fmt: skip
    data = "\n".join(map(json.dumps, lines)).encode() + b"\n{broken look_up"
    assert search_in(data, Search("look_up", role="assistant")) == [1, 2, 3, 4]
    assert search_in(data, Search("look.up", regex=True, role="assistant")) == [1, 2, 3, 4]
    assert search_in(data, Search("look_up", role="user")) == [0]
    assert search_in(data, Search("münchen", role="assistant")) == [1]
    assert search_in(data, Search("münchen", role="user")) == [4]
    assert search_in(data, Search("look_up")) == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("indent", [None, 2])
def test_elements_of_an_array(search_in: Callable[..., list[int]], indent: int | None) -> None:
    values = [{"a": f"row {i}", "b": ["x", "grün" if i % 3 == 0 else "y"]} for i in range(700)]
    data = json.dumps(values, indent=indent).encode()
    assert search_in(data, Search("GRÜN"), "data.json") == list(range(0, 700, 3))
    assert search_in(data, Search("row 699", case=True), "data.json") == [699]
    assert search_in(data, Search(r"row 1\d\d\b", regex=True), "data.json") == list(range(100, 200))


def test_from_a_position_on(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(chat(f"word {i % 2}") + "\n" for i in range(20)))
    assert found_in(path, Search("word 1"), start=8) == [9, 11, 13, 15, 17, 19]
    assert found_in(path, Search("word 1"), start=20) == []


def test_many_matches_come_in_order_and_as_they_are_found(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(chat(f"word {i}") + "\n" for i in range(30_000)))
    for search in (Search("word"), Search("w.rd", regex=True), Search("word", role="user")):
        told: list[tuple[Sequence[int], int]] = []
        with Source.open(path) as source:
            index = LineIndex()
            index.extend(source)
            find(source, index, search, on_found=lambda *news: told.append(news))  # noqa: B023
        assert [position for news, _ in told for position in news] == list(range(30_000))
        assert len(told) > 1
        done = [byte for _, byte in told]
        assert done == sorted(done)
        assert done[-1] == path.stat().st_size


@pytest.mark.parametrize("name", ["data.jsonl", "data.json"])
def test_a_growing_index_is_searched_to_its_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    filler = "x" * 4000
    rows = [chat(f"word {i} {filler}") for i in range(3000)]
    path.write_text(f"[{','.join(rows)}]" if name == "data.json" else "\n".join(rows) + "\n")
    with Source.open(path) as source:
        index = LineIndex()
        index.head(source)
        first = threading.Event()
        found: list[int] = []

        def on_found(new: Sequence[int], _: int) -> None:
            found.extend(new)
            if found:
                first.set()

        worker = threading.Thread(
            target=find, args=(source, index, Search("word")), kwargs={"on_found": on_found}
        )
        worker.start()
        assert first.wait(30), "what is indexed is searched at once"
        assert len(found) < 3000
        index.extend(source)
        worker.join(30)
        assert found == list(range(3000))


def test_a_search_that_waits_for_the_index_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text((chat("x" * 1000) + "\n") * 1000)
    with Source.open(path) as source:
        index = LineIndex()
        index.head(source)
        asked = 0

        def cancelled() -> bool:
            nonlocal asked
            asked += 1
            return asked > 5

        assert find(source, index, Search("nothing"), cancelled=cancelled) == 0


def test_a_pattern_without_end_can_be_stopped_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(chat("a" * 5000) + "\n")
    me = psutil.Process(os.getpid())
    before = {child.pid for child in me.children()}
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        started = threading.Event()

        def cancelled() -> bool:
            if any(child.pid not in before for child in me.children()):
                started.set()
            return started.is_set()

        assert find(source, index, Search("(a+)+b", regex=True), cancelled=cancelled) == 0
    assert started.is_set()
    assert {child.pid for child in me.children()} <= before


def test_a_pattern_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.dataset.query.jury.PATIENCE", 0.2)
    path = tmp_path / "data.jsonl"
    path.write_text(chat("a" * 5000) + "\n")
    with pytest.raises(UsageError, match="does not come to an end"):
        found_in(path, Search("(a+)+b", regex=True))


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("(a", "character 1"), ("a**", "character 3"), ("[z-a]", "character 2"), ("(?P<1>a)", "")],
)
def test_a_wrong_pattern_is_refused(tmp_path: Path, pattern: str, told: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("{}\n")
    with pytest.raises(UsageError) as caught:
        found_in(path, Search(pattern, regex=True))
    assert told in caught.value.message


def test_nothing_to_look_for(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("")
    with pytest.raises(UsageError):
        found_in(path, Search(""))
    assert found_in(path, Search("x")) == []


def test_a_search_is_stopped_between_blocks(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text((chat("x" * 4000) + "\n") * 2000)
    asked = itertools.count(1)

    reached = []
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        find(
            source, index, Search("none"), cancelled=lambda: next(asked) >= 3,
            on_found=lambda _, done: reached.append(done),
        )  # fmt: skip
        assert max(reached, default=0) <= 2 * BLOCK
