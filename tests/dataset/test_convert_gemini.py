"""Calls of functions as Gemini's tuning takes them, and who else takes none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.test_convert_outward import CALL, MORE, TALK, A, S, U, converted
from tui.errors import TunedeckError

PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where", "enum": ["Oslo", "Rome"]},
        "days": {"type": ["integer", "null"], "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
    },
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "f", "description": "Weather", "parameters": PARAMETERS, "strict": True
    },
}  # fmt: skip
BARE = {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}


def test_calls_and_their_answers(tmp_path: Path) -> None:
    record = {"messages": [S, *TALK], "tools": [WEATHER, BARE]}
    written, told = converted(tmp_path, "gemini", record)
    assert written == [
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Größe?"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": [1]}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {"output": "7"}}}],
                },
                {"role": "model", "parts": [{"text": "Groß."}]},
            ],
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "description": "Weather",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {
                                    "city": {
                                        "type": "STRING",
                                        "description": "Where",
                                        "enum": ["Oslo", "Rome"],
                                    },
                                    "days": {"type": "INTEGER", "nullable": True, "minimum": 1},
                                    "tags": {"type": "ARRAY", "items": {"type": "STRING"}},
                                    "either": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
                                },
                                "required": ["city"],
                            },
                        },
                        {"name": "g"},
                    ]
                }
            ],
        }
    ]
    assert told["left_out"] == {"strict": 1, "additionalProperties of a schema": 1}


def test_several_calls_at_once_and_a_call_at_the_end(tmp_path: Path) -> None:
    second = {**CALL, "id": "two", "function": {"name": "g", "arguments": "{}"}}
    called = {"role": "assistant", "content": "Looking.", "tool_calls": [CALL, second]}
    answers = [
        {"role": "tool", "tool_call_id": "two", "content": "b"},
        {"role": "tool", "tool_call_id": "call_abc", "content": [{"type": "text", "text": "a"}]},
    ]
    last = {"role": "assistant", "tool_calls": [second]}
    written, _ = converted(tmp_path, "gemini", {"messages": [U, called, *answers, last]})
    parts = [content["parts"] for content in written[0]["contents"]]
    assert parts[1] == [
        {"text": "Looking."},
        {"functionCall": {"name": "f", "args": {"a": [1]}}},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    assert [part["functionResponse"]["name"] for part in parts[2]] == ["g", "f"]
    assert parts[2][1]["functionResponse"]["response"] == {"output": "a"}
    assert parts[3] == [{"functionCall": {"name": "g", "args": {}}}]
    assert "tools" not in written[0]


def bad(**more: Any) -> list[Any]:
    return [U, {"role": "assistant", "tool_calls": [{**CALL, **more}]}]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": bad(function={"name": "f", "arguments": "[1]"})}, "not a JSON object"),
        ({"messages": bad(function={"name": "f", "arguments": "{"})}, "not a JSON object"),
        ({"messages": bad(function=None)}, "a call that cannot be read"),
        ({"messages": TALK[:3]}, "no answer at the end"),
        ({"messages": TALK[2:]}, "answers no call"),
        ({"messages": TALK[1:]}, "no question at the start"),
        ({"messages": [*TALK[:3], {**A, "weight": 0}]}, "weight 0"),
        ({"messages": TALK, "tools": [{"type": "function"}]}, "a function that cannot be read"),
        (
            {"messages": TALK, "tools": [{"function": {"name": "f", "parameters": {
                "type": "object", "properties": {"a": {"$ref": "#/b"}}}}}]},
            "a schema",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_passed_over(tmp_path: Path, record: Any, reason: str) -> None:
    written, told = converted(tmp_path, "gemini", record, {"messages": [U, *MORE]})
    assert len(written) == 1
    (why,) = told["skipped_reasons"]
    assert reason in why


@pytest.mark.parametrize("target", ["bedrock", "anthropic", "alpaca", "completion"])
def test_those_whose_tuning_takes_no_tools(tmp_path: Path, target: str) -> None:
    with pytest.raises(TunedeckError, match="none of 1") as refused:
        converted(tmp_path, target, {"messages": TALK, "tools": [BARE]})
    assert "tools" in str(refused.value)
    assert "gemini" in refused.value.hint


def test_arguments_stay_as_they_are(tmp_path: Path) -> None:
    text = json.dumps({"n": 1.5, "deep": {"a": [None, True]}, "ü": "é"})
    call = {**CALL, "function": {"name": "f", "arguments": text}}
    messages = [U, {"role": "assistant", "tool_calls": [call]}]
    written, _ = converted(tmp_path, "gemini", {"messages": messages})
    assert written[0]["contents"][1]["parts"][0]["functionCall"]["args"] == json.loads(text)
