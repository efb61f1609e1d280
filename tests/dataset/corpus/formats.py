"""Faults of preference, reinforcement and prompt and completion records."""

from __future__ import annotations

import json
from typing import Any

from tests.dataset.corpus import A, Case, S, U, chat, clean

W: dict[str, Any] = {"role": "assistant", "content": "Mars, I think."}


def _pair(**more: Any) -> str:
    record: dict[str, Any] = {
        "input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [W], **more
    }  # fmt: skip
    return json.dumps({key: value for key, value in record.items() if value != "absent"})


def _preference(code: str, bad: str, path: str = "", at: str = "{", **more: Any) -> Case:
    return Case(code, bad, path, at, kind="preference", **more)


def _reinforcement(code: str, bad: str, path: str = "", at: str = "{", **more: Any) -> Case:
    return Case(code, bad, path, at, kind="reinforcement", **more)


def _completion(code: str, bad: Any, path: str = "", at: str = "{", **more: Any) -> Case:
    return Case(code, bad, path, at, kind="completion", provider="nebius", **more)


def _old(**more: Any) -> str:
    record = {"prompt": "Largest?\n\n###\n\n", "completion": " Jupiter END", **more}
    return json.dumps({key: value for key, value in record.items() if value != "absent"})


def _many(kind: str, count: int) -> str:
    return "".join(f"{clean(i, kind)}\n" for i in range(count))


def _unlike(rows: list[str], key: str) -> str:
    records = [json.loads(row) for row in rows]
    for i, record in enumerate(records):
        record[key] = record[key].rstrip("\n#").removesuffix(" END") + "abcdefgh"[i % 8]
    return "".join(json.dumps(record) + "\n" for record in records)


CASES = [
    _preference("missing_input", _pair(input="absent"), near=_pair()),
    _preference("missing_input", _pair(input={}), "input", "{}"),
    _preference("missing_messages_list", _pair(input={"messages": []}), "input.messages", "[]"),
    _preference("missing_output", _pair(preferred_output="absent"), near=_pair()),
    _preference("missing_output", _pair(non_preferred_output="absent")),
    _preference("invalid_output", _pair(preferred_output=A), "preferred_output", '{"role": "assi',
                near=_pair()),
    _preference("invalid_output", _pair(preferred_output=[]), "preferred_output", "[]"),
    _preference("invalid_output", _pair(preferred_output=[A, U, A]), "preferred_output[0].role",
                '"assistant"'),
    _preference("identical_outputs", _pair(non_preferred_output=[A]), "non_preferred_output",
                "[{", nth=2, near=_pair()),
    _preference("input_ends_with_assistant", _pair(input={"messages": [U, W]}),
                "input.messages[1].role", '"assistant"', near=_pair(input={"messages": [S, U]})),
    _preference("unrecognized_role", _pair(input={"messages": [{**U, "role": "human"}]}),
                "input.messages[0].role", '"human"', near=_pair()),
    _preference("missing_content", _pair(preferred_output=[{**A, "content": ""}]),
                "preferred_output[0].content", '""'),
    _preference("record_unrecognized_key", _pair(score=3), "score", '"score"'),
    _reinforcement("last_message_not_user", chat(U, A, solution="a"), "messages[1].role",
                   '"assistant"', near=chat(U, A, {**U, "content": "And?"}, solution="a")),
    _reinforcement("system_role", chat(S, U, solution="a"), "messages[0].role", '"system"',
                   near=chat({**S, "role": "developer"}, U, solution="a")),
    _reinforcement("message_missing_key", chat({"role": "user"}, solution="a"), "messages[0]",
                   '{"role"', near=chat(U, solution={"b": [1]}, anything=None)),
    Case("too_many_records", lambda _: _many("reinforcement", 50_001), kind="reinforcement",
         near=lambda _: _many("reinforcement", 50_000)),
    _completion("missing_prompt", _old(prompt="absent"), near=_old()),
    _completion("missing_completion", _old(completion="absent"), near=_old()),
    _completion("completion_type", _old(completion=["a"]), "completion", '["a"]', near=_old()),
    _completion("completion_type", _old(prompt=7), "prompt", "7"),
    _completion("empty_completion", _old(completion=" "), "completion", '" "', near=_old()),
    _completion("record_unrecognized_key", _old(label="a"), "label", '"label"'),
    _completion("no_common_separator", lambda rows: _unlike(rows, "prompt"),
                near="\n".join),
    _completion("no_common_ending", lambda rows: _unlike(rows, "completion"),
                near="\n".join),
    _completion("completion_no_leading_space",
                lambda rows: "\n".join(row.replace('": " ', '": "') for row in rows),
                near="\n".join),
    Case("models_retired", "\n".join, kind="completion",
         near=lambda rows: "\n".join(clean(i) for i in range(60))),
]  # fmt: skip
