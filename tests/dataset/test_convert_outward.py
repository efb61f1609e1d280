"""Chat data as other providers and tools want it, and what that leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.cli import run
from tui.dataset import convert_file
from tui.dataset.convert.outward import TARGETS
from tui.errors import TunedeckError

S = {"role": "system", "content": "Be brief."}
U = {"role": "user", "content": "Größe?"}
A = {"role": "assistant", "content": "Groß."}
MORE = [{"role": "user", "content": "And?"}, {"role": "assistant", "content": "No more."}]
CALL = {
    "id": "call_abc",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": [1]}'},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
TALK = [
    U,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_abc", "content": "7"},
    A,
]


def converted(tmp_path: Path, target: str, *records: Any) -> tuple[list[Any], dict[str, Any]]:
    path, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    report = convert_file(path, out, target=target, force=True)
    written = [json.loads(line) for line in out.read_text().splitlines()]
    return written, report.to_json()


def test_each_shape(tmp_path: Path) -> None:
    record = {"messages": [S, U, A, *MORE]}
    shapes: dict[str, Any] = {
        "gemini": {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Größe?"}]},
                {"role": "model", "parts": [{"text": "Groß."}]},
                {"role": "user", "parts": [{"text": "And?"}]},
                {"role": "model", "parts": [{"text": "No more."}]},
            ],
        },
        "bedrock": {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": entry["role"], "content": [{"text": entry["content"]}]}
                for entry in (U, A, *MORE)
            ],
        },
        "anthropic": {"system": "Be brief.", "messages": [U, A, *MORE]},
        "mistral": record,
        "together": record,
        "fireworks": record,
        "alpaca": {
            "instruction": "And?",
            "input": "",
            "output": "No more.",
            "system": "Be brief.",
            "history": [["Größe?", "Groß."]],
        },
        "sharegpt": {
            "conversations": [
                {"from": "human", "value": "Größe?"},
                {"from": "gpt", "value": "Groß."},
                {"from": "human", "value": "And?"},
                {"from": "gpt", "value": "No more."},
            ],
            "system": "Be brief.",
        },
    }
    assert {*shapes, "completion"} == set(TARGETS)
    for target, shape in shapes.items():
        written, told = converted(tmp_path, target, record)
        assert written == [shape], target
        assert told["to"] == target
        assert told["left_out"] == {}
    written, _ = converted(tmp_path, "completion", {"messages": [S, U, A]})
    assert written == [{"prompt": "Be brief.\n\nGröße?", "completion": "Groß."}]


def test_calls_keep_their_answers_under_new_ids(tmp_path: Path) -> None:
    written, _ = converted(tmp_path, "mistral", {"messages": TALK, "tools": [TOOL]})
    messages = written[0]["messages"]
    name = messages[1]["tool_calls"][0]["id"]
    assert len(name) == 9
    assert name.isalnum()
    assert messages[2]["tool_call_id"] == name
    assert written[0]["tools"] == [TOOL]


@pytest.mark.parametrize("target", ["sharegpt", "alpaca", "completion"])
def test_what_goes_out_comes_back(tmp_path: Path, target: str) -> None:
    record: dict[str, Any] = {"messages": [S, U, A]}
    if target == "sharegpt":
        record = {"messages": [S, *TALK], "tools": [TOOL]}
    converted(tmp_path, target, record)
    convert_file(tmp_path / "out.jsonl", tmp_path / "back.jsonl")
    back = json.loads((tmp_path / "back.jsonl").read_text())
    if target == "completion":
        assert back["messages"][-1] == A
        return
    assert [entry["role"] for entry in back["messages"]] == [
        entry["role"] for entry in record["messages"]
    ]
    assert [entry.get("content") for entry in back["messages"]] == [
        entry.get("content") for entry in record["messages"]
    ]
    assert ("tools" in back) == ("tools" in record)


def test_what_has_no_place_is_said(tmp_path: Path) -> None:
    good = {"messages": [U, A]}
    picture = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    written, told = converted(
        tmp_path,
        "gemini",
        good,
        {"messages": [{"role": "user", "content": picture}, A]},
        {"messages": [U, {**A, "weight": 0}, *MORE]},
        {"messages": [U, *MORE], "parallel_tool_calls": True},
        {"messages": [{**U, "name": "Ada"}, A]},
    )
    assert len(written) == 3
    assert told["skipped"] == 2
    assert set(told["left_out"]) == {
        "parallel_tool_calls",
        "name",
        "the border between two messages of one role",
    }
    assert any("images" in reason for reason in told["skipped_reasons"])
    with pytest.raises(TunedeckError, match="none of 1"):
        converted(tmp_path, "anthropic", {"messages": [U]})


def test_the_command_says_whom_it_wrote_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"instruction": "Add 1.", "output": "2"}) + "\n")
    out = tmp_path / "b.jsonl"
    assert run(["convert", str(path), "-o", str(out), "--to", "gemini"]) == 0
    assert "for gemini, from alpaca 1" in capsys.readouterr().out
    assert json.loads(out.read_text())["contents"][1]["parts"] == [{"text": "2"}]
