"""Converting other people's formats: what comes over, what cannot, and what is said of it."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.dataset import ConvertReport, check_file, convert_file
from tui.errors import FileError, TunedeckError, UsageError

SAMPLES = Path(__file__).parent.parent.parent / "sample_data"
SYSTEM = {"role": "system", "content": "s"}


def u(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def a(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def turn(name: str, value: object) -> dict[str, Any]:
    return {"from": name, "value": value}


def converted(path: Path, **options: Any) -> tuple[ConvertReport, list[Any]]:
    out = path.with_name("out.jsonl")
    report = convert_file(path, out, force=True, **options)
    return report, [json.loads(line) for line in out.read_text().splitlines()]


def one(tmp_path: Path, record: object, **options: Any) -> Any:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(record) + "\n")
    return converted(path, **options)[1][0]


@pytest.mark.parametrize(
    ("record", "messages"),
    [
        pytest.param({"instruction": "i", "input": "", "output": "o"}, [u("i"), a("o")],
                     id="alpaca"),
        pytest.param({"instruction": "i", "input": "x", "output": "o"}, [u("i\n\nx"), a("o")],
                     id="alpaca with input"),
        pytest.param(
            {"instruction": "i", "output": "o", "system": "s", "history": [["h", "r"]]},
            [SYSTEM, u("h"), a("r"), u("i"), a("o")], id="alpaca with system and history"),
        pytest.param({"instruction": "i", "context": "c", "response": "o"},
                     [u("i\n\nc"), a("o")], id="instruction, context, response"),
        pytest.param({"prompt": "p", "completion": " c"}, [u("p"), a("c")], id="completion"),
        pytest.param({"prompt": "p\n\n###\n\n", "completion": " c END"}, [u("p"), a("c")],
                     id="completion with marks"),
        pytest.param({"prompt": "THE", "completion": "THE END"}, [u("THE"), a("THE END")],
                     id="an end that is meant"),
        pytest.param({"prompt": [u("p")], "completion": [a("c")]}, [u("p"), a("c")],
                     id="prompt and completion of messages"),
        pytest.param({"Question": "q", "Answer": 4}, [u("q"), a("4")], id="question and answer"),
        pytest.param({"query": "q", "response": "r"}, [u("q"), a("r")], id="query and response"),
        pytest.param({"system": "s", "user": "q", "assistant": "r"},
                     [SYSTEM, u("q"), a("r")], id="role keys"),
        pytest.param(
            {"conversations": [turn("system", "s"), turn("human", "q"), turn("gpt", "r"),
                               turn("human", "bye")]},
            [SYSTEM, u("q"), a("r")], id="sharegpt"),
        pytest.param({"conversation": [u("q"), a("r")], "system": "s"}, [SYSTEM, u("q"), a("r")],
                     id="sharegpt with roles"),
        pytest.param({"messages": [turn("user", "q"), turn("bot", "r")]}, [u("q"), a("r")],
                     id="messages with from"),
        pytest.param(
            {"conversations": [turn("human", "q"), {**turn("gpt", "r"), "weight": 0},
                               turn("human", "q"), turn("gpt", "r")]},
            [u("q"), {**a("r"), "weight": 0}, u("q"), a("r")], id="weights"),
        pytest.param(
            {"instruction": "<image>see", "output": "o", "images": ["https://x.example/a.png"]},
            [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
                {"type": "text", "text": "see"}]}, a("o")], id="pictures on the web"),
    ],
)  # fmt: skip
def test_chat(record: dict[str, Any], messages: list[Any], tmp_path: Path) -> None:
    assert one(tmp_path, record) == {"messages": messages}


def test_calls_and_results(tmp_path: Path) -> None:
    tool = {"name": "find", "description": "d", "parameters": {"type": "object", "properties": {}}}
    calls = [{"name": "find", "arguments": {"é": 1}}, {"name": "find", "arguments": "{}"}]
    record = {
        "conversations": [
            turn("human", "q"),
            turn("function_call", json.dumps(calls[0])),
            turn("observation", '{"n": 1}'),
            turn("gpt", "r"),
            turn("human", "more"),
            turn("function_call", json.dumps(calls)),
            turn("observation", '["x", {"y": 1}]'),
            turn("gpt", "done"),
        ],
        "tools": json.dumps([tool]),
    }
    done = one(tmp_path, record)
    assert done["tools"] == [{"type": "function", "function": tool}]
    messages = done["messages"]
    call = messages[1]["tool_calls"][0]
    assert call["function"] == {"name": "find", "arguments": '{"é": 1}'}
    assert messages[2] == {"role": "tool", "tool_call_id": call["id"], "content": '{"n": 1}'}
    ids = [call["id"] for call in messages[5]["tool_calls"]]
    assert len({*ids, call["id"]}) == 3
    assert [(m["tool_call_id"], m["content"]) for m in messages[6:8]] == [
        (ids[0], "x"), (ids[1], '{"y": 1}')
    ]  # fmt: skip
    report = check_file(tmp_path / "out.jsonl")
    assert set(report.counts) <= {"too_few_examples", "missing_system"}


PAIR = {"preferred_output": [a("good")], "non_preferred_output": [a("bad")]}


@pytest.mark.parametrize(
    ("record", "messages"),
    [
        ({"prompt": "p", "chosen": "good", "rejected": "bad"}, [u("p")]),
        ({"instruction": "i", "input": "x", "chosen": "good", "rejected": "bad"}, [u("i\n\nx")]),
        ({"system": "s", "question": "q", "chosen": "good", "rejected": "bad"}, [SYSTEM, u("q")]),
        ({"conversations": [turn("human", "q")], "chosen": turn("gpt", "good"),
          "rejected": turn("gpt", "bad")}, [u("q")]),
        ({"prompt": "q", "chosen": [u("q"), a("good")], "rejected": [u("q"), a("bad")]}, [u("q")]),
        ({"chosen": [u("q"), a("r"), u("s"), a("good")],
          "rejected": [u("q"), a("r"), u("s"), a("bad")]}, [u("q"), a("r"), u("s")]),
        ({"prompt": [SYSTEM, u("q")], "chosen": [a("good")], "rejected": [a("bad")]},
         [SYSTEM, u("q")]),
        ({"prompt": "q", "chosen": [SYSTEM, u("q"), a("good")],
          "rejected": [SYSTEM, u("q"), a("bad")]}, [SYSTEM, u("q")]),
        ({"prompt": "q", "messages": [u("q"), a("good")], "chosen": [u("q"), a("good")],
          "rejected": [u("q"), a("bad")]}, [u("q")]),
        ({"messages": [u("q"), a("good")], "chosen": [u("q"), a("good")],
          "rejected": [u("q"), a("bad")]}, [u("q")]),
        ({"messages": [u("q")], "chosen": "good", "rejected": "bad"}, [u("q")]),
        ({"chosen": "\n\nHuman: q\n\nAssistant: good",
          "rejected": "\n\nHuman: q\n\nAssistant: bad"}, [u("q")]),
    ],
)  # fmt: skip
def test_preference(record: dict[str, Any], messages: list[Any], tmp_path: Path) -> None:
    assert one(tmp_path, record) == {"input": {"messages": messages}, **PAIR}


BAD = [
    ({"instruction": "i", "output": ""}, "no answer"),
    ({"instruction": " ", "input": "", "output": "o"}, "an empty question"),
    ({"conversations": [turn("narrator", "q")]}, "a turn by 'narrator'"),
    ({"conversations": [turn("human", "q")]}, "no answer"),
    ({"conversations": [turn("human", "q"), turn("function_call", "{'a': 1}")]},
     "a function call that is not JSON"),
    ({"conversations": [turn("observation", "x"), turn("gpt", "r")]},
     "a function result without a call"),
    ({"conversations": [turn("human", "q"), turn("gpt", "r")], "tools": "[1]"},
     "tools that are not function definitions"),
    ({"instruction": "i", "output": "o", "images": ["a.png"]},
     "pictures, films or sounds that are files elsewhere"),
    ({"prompt": "p", "completion": "c", "label": False}, "an answer that is marked as bad"),
    ({"instruction": "i", "output": {"a": 1}}, "output is not text"),
    ({"prompt": "p", "chosen": "good", "rejected": "bad"},
     "preference data in a file of chat data"),
    ({"text": "all of it"}, "no known format, with the keys text"),
    ([1], "not an object"),
]  # fmt: skip


def test_what_cannot_come_over_is_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    records = [{"instruction": "i", "output": "o", "id": 1, "empty": ""}, *(bad for bad, _ in BAD)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + "{broken\n\n")
    report, done = converted(path)
    assert done == [{"messages": [u("i"), a("o")]}]
    assert report.left_out == {"the key id": 1}
    assert report.skipped_lines[:-1] == [(i + 2, why) for i, (_, why) in enumerate(BAD)]
    assert report.skipped_lines[-1][0] == len(BAD) + 2
    assert report.records == len(BAD) + 2
    assert report.kinds == {"alpaca": 1}
    assert sum(report.skipped.values()) == len(BAD) + 1


def test_samples(tmp_path: Path) -> None:
    for name, kind in (("sharegpt.json", "sharegpt"), ("alpaca_zh.json", "alpaca"),
                       ("completion.jsonl", "completion")):  # fmt: skip
        out = tmp_path / name
        report = convert_file(SAMPLES / name, out)
        assert report.kinds == {kind: report.records}
        assert report.check is not None
        assert report.check.errors == report.check.warnings == 0
        assert b"\\u" not in out.read_bytes()


def test_system_for_all(tmp_path: Path) -> None:
    record = {"prompt": "p", "completion": "c"}
    assert one(tmp_path, record, system="s")["messages"] == [SYSTEM, u("p"), a("c")]


TABLES = [
    pytest.param("in.csv", "question,answer\r\n\"a, \"\"b\"\"\nc\",d\r\n", 'a, "b"\nc', "d",
                 {}, id="quotes"),
    pytest.param("in.csv", "\ufeffQuestion;Answer\na,b;c\n\n", "a,b", "c", {}, id="semicolons"),
    pytest.param("in.tsv", "prompt\tcompletion\na;b\tc\n", "a;b", "c", {}, id="tabs"),
    pytest.param("in.csv", "frage,antwort,x\na,b,\n", "a", "b",
                 {"columns": {"user": "Frage", "assistant": "antwort"}}, id="columns"),
    pytest.param("table", "user,assistant\na,b\n", "a", "b", {}, id="no ending"),
    pytest.param("in.txt", "instruction,input,output\na,,b\n", "a", "b", {"kind": "csv"},
                 id="as told"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "user", "answer", "options"), TABLES)
def test_tables(name: str, text: str, user: str, answer: str, options: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert converted(path, **options)[1] == [{"messages": [u(user), a(answer)]}]
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert converted(packed, **options)[1] == [{"messages": [u(user), a(answer)]}]


def test_lines_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('q,a\n"x\ny",z\n\nno answer,\nq,a,more\nshort\nlast,one\n')
    report, done = converted(path)
    assert [record["messages"][0]["content"] for record in done] == ["x\ny", "last"]
    assert [line for line, _ in report.skipped_lines] == [5, 6, 7]


def test_columns_of_json(tmp_path: Path) -> None:
    record = {"Frage": "q", "Antwort": "r", "user": "someone", "messages_count": 3}
    options = {"columns": {"user": "Frage", "assistant": "Antwort"}}
    assert one(tmp_path, record, **options) == {"messages": [u("q"), a("r")]}


@pytest.mark.parametrize(
    ("name", "body", "options", "kind", "words"),
    [
        ("in.jsonl", '{"a": 1}\n', {}, TunedeckError, "none of 1 records could be converted"),
        ("in.jsonl", "", {}, TunedeckError, "holds no record"),
        ("in.jsonl", "just words\n", {}, TunedeckError, "not JSON: name a file of JSON objects"),
        ("in.csv", "", {}, FileError, "the table is empty"),
        ("in.csv", "a,b\n1,2\n", {"columns": {"user": "c", "assistant": "a"}}, UsageError,
         "no column 'c'"),
        ("in.csv", "a,b\n\xff,2\n", {}, FileError, "not UTF-8"),
        ("in.jsonl", '{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', {"kind": "csv"}, UsageError,
         "in.jsonl is JSON, not a table"),
        ("in.csv", '[\n{"a": 1, "b": 2}\n]\n', {"kind": "csv"}, UsageError, "is JSON, not a table"),
        ("in.jsonl", json.dumps({"messages": [u("q"), a("r")]}), {}, TunedeckError,
         "chat data already"),
    ],
)  # fmt: skip
def test_what_cannot_be(
    name: str, body: str, options: Any, kind: Any, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(body.encode("latin-1"))
    with pytest.raises(kind, match=words):
        converted(tmp_path / name, **options)
    assert os.listdir(tmp_path) == [name]


KEYS = st.sampled_from(
    ["instruction", "input", "output", "system", "history", "prompt", "completion", "chosen",
     "rejected", "conversations", "messages", "tools", "images", "user", "assistant", "label",
     "from", "value", "role", "content", "text", "name", "arguments", "weight"]
)  # fmt: skip
WORDS = st.sampled_from(["human", "gpt", "system", "function_call", "observation", "", "{}", "[1]"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
TURNS = st.lists(
    st.fixed_dictionaries({"from": WORDS, "value": VALUES}) | VALUES, max_size=4
)  # fmt: skip
RECORDS = st.dictionaries(KEYS, VALUES, max_size=6) | st.fixed_dictionaries(
    {"conversations": TURNS}, optional={"tools": VALUES, "chosen": VALUES, "rejected": VALUES}
)


@settings(max_examples=80, deadline=None)
@given(records=st.lists(RECORDS, max_size=4))
def test_no_record_stops_it(records: list[Any], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("convert")
    path = folder / "in.jsonl"
    sound = {"instruction": "i", "output": "o"}
    path.write_text("".join(json.dumps(record) + "\n" for record in [sound, *records]))
    report = convert_file(path, folder / "out.jsonl")
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert len(lines) == report.written
    assert report.written + sum(report.skipped.values()) == report.records == len(records) + 1
    assert json.loads(lines[0]) == {"messages": [u("i"), a("o")]}
