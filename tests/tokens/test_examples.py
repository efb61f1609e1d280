"""Whole examples are counted by the formula that providers bill, and nothing breaks the counter."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.tokens import ExampleCounter, TokenTable, get_encoding
from tui.tokens.rows import COLUMNS
from tui.tokens.tools import function_objects, render_namespace

BILLED = Path(__file__).parent.parent / "data" / "billed"
ENCODING = "cl100k_base"

slow_ok = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def counter() -> ExampleCounter:
    return ExampleCounter(ENCODING)


def n(text: str) -> int:
    return len(get_encoding(ENCODING).encode_ordinary(text))


def one(counter: ExampleCounter, value: object) -> dict[str, Any]:
    table = counter.rows([value])
    assert len(table) == 1
    return {"approximate": table.approximate, **{c: int(getattr(table, c)[0]) for c in COLUMNS}}


def read(name: str) -> list[Any]:
    path = BILLED / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]


CASES = [
    ("qtran_norec.jsonl", "o200k_base", 3, 19956, False),
    ("qtran_dqe.jsonl", "o200k_base", 4, 37616, False),
    ("llamaindex_react_finetuning_events_10q.jsonl.gz", "cl100k_base", 3, 449481, False),
    ("mslearn_travel_finetune_hotel.jsonl", "o200k_base", 10, 15670, False),
    ("azure_clippy_training_set.jsonl", "o200k_base", 10, 4780, False),
    ("cookbook_drone_training.jsonl.gz", "cl100k_base", 3, 145983, True),
]


@pytest.mark.parametrize(("name", "encoding", "epochs", "billed", "approximate"), CASES)
def test_public_bills(
    name: str, encoding: str, epochs: int, billed: int, approximate: bool
) -> None:
    table = ExampleCounter(encoding).count(read(name))
    assert table.billed.sum() * epochs == billed
    assert table.approximate is approximate


def naive(messages: list[dict[str, Any]]) -> dict[str, int]:
    """Count as the cookbook does, one call a value, and as bills are measured."""
    billed, classic, assistant, trained = 1, 3, 0, 0
    for message in messages:
        billed += 3 + n(message["role"]) + n(message["content"])
        classic += 3 + sum(n(message[key]) for key in ("role", "content", "name") if key in message)
        classic += "name" in message
        if message["role"] == "assistant":
            assistant += n(message["content"])
            trained += (n(message["content"]) + 2) * (message.get("weight", 1) != 0)
    return {"billed": billed, "classic": classic, "assistant": assistant, "trained": trained}


MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool", "critic"]),
        "content": st.text(max_size=20),
    },
    optional={"name": st.text("abc ", max_size=5), "weight": st.sampled_from([0, 1])},
)


@slow_ok
@given(st.lists(st.lists(MESSAGES, min_size=1, max_size=5), max_size=6))
def test_counts_equal_the_naive_loop(counter: ExampleCounter, chats: list[Any]) -> None:
    table = counter.rows([{"messages": chat} for chat in chats])
    assert len(table) == len(chats)
    for i, chat in enumerate(chats):
        assert {key: int(getattr(table, key)[i]) for key in naive(chat)} == naive(chat)
    assert table.messages.tolist() == [len(chat) for chat in chats]
    roles = [message["role"] for chat in chats for message in chat]
    assert table.roles == {role: roles.count(role) for role in set(roles)}
    assert table.missing_user == sum(all(m["role"] != "user" for m in chat) for chat in chats)
    assert table.missing_system == sum(all(m["role"] != "system" for m in chat) for chat in chats)
    assert not table.approximate


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "role",
                    "content",
                    "text",
                    "name",
                    "weight",
                    "refusal",
                    "tool_calls",
                    "function",
                    "tools",
                    "input",
                    "arguments",
                    "function_call",
                    "parameters",
                    "properties",
                    "enum",
                    "type",
                    "items",
                    "anyOf",
                    "required",
                    "preferred_output",
                    "non_preferred_output",
                    "prompt",
                    "completion",
                    "image_url",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@slow_ok
@given(
    st.lists(
        JSON
        | st.fixed_dictionaries({"messages": st.lists(JSON, max_size=4)}, optional={"tools": JSON})
        | st.fixed_dictionaries(
            {
                "input": st.fixed_dictionaries({"messages": JSON}),
                "preferred_output": JSON,
                "non_preferred_output": JSON,
            }
        ),
        max_size=5,
    )
)
def test_any_json_is_counted_or_left_out(counter: ExampleCounter, values: list[Any]) -> None:
    table = counter.rows(values)
    assert len(table) <= len(values)
    assert all(len(getattr(table, name)) == len(table) for name in COLUMNS)
    assert all(getattr(table, name).typecode == "q" for name in COLUMNS)
    assert all(
        classic >= billed for classic, billed in zip(table.classic, table.billed, strict=True)
    )


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, {"messages": []}, {"messages": "no"}])
def test_what_is_no_example_gets_no_row(counter: ExampleCounter, value: object) -> None:
    assert len(counter.rows([value])) == 0


def test_depth_does_not_matter(counter: ExampleCounter) -> None:
    deep: Any = {"type": "object"}
    for _ in range(3_000):
        deep = {"anyOf": [deep], "properties": {"a": deep}, "items": deep, "type": ["array"]}
    message = {"role": "user", "content": deep}
    tools = [{"type": "function", "function": {"name": "f", "parameters": deep}}]
    assert len(counter.rows([{"messages": [message], "tools": tools}])) == 1


def test_lines_are_kept(counter: ExampleCounter) -> None:
    chat = {"messages": [{"role": "user", "content": "x"}]}
    assert counter.rows([chat, None, chat]).line.tolist() == [1, 3]
    assert counter.rows([chat, None, chat], lines=[7, 9, 12]).line.tolist() == [7, 12]


def test_parts_of_a_file_join_to_the_whole(counter: ExampleCounter) -> None:
    values = read("cookbook_toy_chat_fine_tuning.jsonl")
    joined = TokenTable.concat([counter.count(values[:2]), counter.count(values[2:])])
    assert joined == counter.count(values)


def test_content_in_parts_is_its_texts(counter: ExampleCounter) -> None:
    parts = [{"type": "text", "text": "Hello there"}, {"type": "text", "text": " friend"}]
    found = one(counter, {"messages": [{"role": "user", "content": parts}]})
    assert found["billed"] == 1 + 3 + n("user") + n("Hello there") + n(" friend")
    assert not found["approximate"]


def test_images_are_estimates(counter: ExampleCounter) -> None:
    def cost(detail: str) -> int:
        image = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": detail}}
        found = one(counter, {"messages": [{"role": "user", "content": [image]}]})
        assert found["approximate"]
        return int(found["billed"])

    assert cost("low") - (1 + 3 + n("user")) == 85
    assert cost("high") > cost("low")


def test_tool_calls_and_definitions(counter: ExampleCounter) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "fly", "arguments": '{"up": 3}'}}
    tools = [{"type": "function", "function": {"name": "fly"}}]
    bare = {"messages": [{"role": "assistant", "tool_calls": [call]}]}
    found = one(counter, bare)
    assert found["billed"] == 1 + 3 + n("assistant") + n("fly") + n('{"up": 3}') + 3
    assert found["assistant"] == 0
    assert found["approximate"]
    rendered = render_namespace(function_objects(tools))
    assert one(counter, {**bare, "tools": tools})["billed"] == found["billed"] + n(rendered) - 5
    old = {"role": "assistant", "content": None, "function_call": call["function"]}
    assert one(counter, {"messages": [old]})["billed"] == found["billed"]


def test_preference_pairs_count_input_and_both_outputs(counter: ExampleCounter) -> None:
    found = one(
        counter,
        {
            "input": {"messages": [{"role": "user", "content": "Which?"}]},
            "preferred_output": [{"role": "assistant", "content": "This one"}],
            "non_preferred_output": [{"role": "assistant", "content": "That"}],
        },
    )
    answers = n("This one") + n("That")
    assert found["billed"] == 1 + 9 + n("user") + 2 * n("assistant") + n("Which?") + answers
    assert found["trained"] == answers + 4
    assert found["messages"] == 3
    assert found["approximate"]


def test_completions_count_prompt_and_completion(counter: ExampleCounter) -> None:
    found = one(counter, {"prompt": "One two", "completion": " three"})
    assert found["billed"] == n("One two") + n(" three")
    assert found["assistant"] == found["trained"] == n(" three")
    assert found["approximate"]


def test_rendering_of_tools() -> None:
    parameters = {
        "type": "object",
        "required": ["city"],
        "properties": {
            "city": {"type": "string", "description": "Where\nexactly"},
            "unit": {"enum": ["c", "f", 3, None]},
            "days": {"type": "array", "items": {"type": "integer"}},
            "at": {"type": "object", "properties": {"x": {"type": ["number", "null"]}}},
            "any": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
            "odd": 7,
        },
    }
    functions = [
        {"name": "weather", "description": "Tells", "parameters": parameters},
        {"name": "stop", "parameters": {"type": "object", "properties": {}}},
    ]
    assert render_namespace(functions) == "\n".join(
        [
            "namespace functions {",
            "",
            "// Tells",
            "type weather = (_: {",
            "// Where",
            "// exactly",
            "city: string,",
            'unit?: "c" | "f" | 3 | null,',
            "days?: number[],",
            "at?: {",
            "  x?: number | null,",
            "},",
            "any?: boolean | string,",
            "odd?: any,",
            "}) => any;",
            "",
            "type stop = () => any;",
            "",
            "} // namespace functions",
        ]
    )


PLAIN = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello there"},
    ]
}
ODD = [
    {"messages": [{"role": "user", "content": "x", "name": "Ann"}]},
    {"messages": [{"role": "assistant", "content": "weighed", "weight": 0}]},
    {"messages": [{"role": "clown", "content": "honk"}, {"role": "user", "content": None}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]},
    {"messages": [], "prompt": "p", "completion": "c"},
    {"messages": {"role": "user", "content": "no list"}},
    {"messages": "text"},
    {"messages": [PLAIN["messages"][1]], "tools": []},
    *([], "text", 7, None, ["messages"], {"messages": [["role", "content"]]}, {"messages": [7]}),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from([PLAIN, PLAIN, *ODD]), max_size=9))
def test_records_count_alike_alone_and_together(records: list[object]) -> None:
    counter = ExampleCounter("cl100k_base")
    lines = [10 * i + 3 for i in range(len(records))]
    together = counter.rows(records, lines)
    alone = counter.rows([])
    for record, line in zip(records, lines, strict=True):
        alone.extend(counter.rows([record], [line]))
    assert together == alone
