"""Faults of chat records and their messages."""

from __future__ import annotations

from typing import Any

from tests.dataset.corpus import A, Case, S, U, chat

Q = "messages[1]"
R = "messages[2]"


def _u(**more: Any) -> dict[str, Any]:
    return {**U, **more}


def _a(**more: Any) -> dict[str, Any]:
    return {**A, **more}


def _text(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


GOOD = chat(S, U, A)
CASES = [
    Case("missing_messages_list", "{}", at="{", near=GOOD),
    Case("missing_messages_list", '{"Messages": []}', at="{"),
    Case("missing_messages_list", '{"messages": []}', "messages", "[]"),
    Case("missing_messages_list", '{"messages": null}', "messages", "null"),
    Case("missing_messages_list", '{"messages": "a"}', "messages", '"a"'),
    Case("record_unrecognized_key", chat(S, U, A, id="x1"), "id", '"id"',
         near=chat(S, U, A, tools=[], parallel_tool_calls=False)),
    Case("record_unrecognized_key", chat(S, U, A, weight=1), "weight", '"weight"'),
    Case("record_unrecognized_key", chat(S, U, A, metadata={"a": "b"}), "metadata", '"metadata"'),
    Case("message_not_object", chat(S, U, "And?", A), R, '"And?"', near=GOOD),
    Case("message_not_object", chat(S, None, U, A), Q, "null"),
    Case("message_missing_key", chat(S, {"content": "Which?"}, A), Q, '{"content": "Which',
         near=chat(S, U, {"role": "assistant", "refusal": "No."})),
    Case("message_missing_key", chat(S, {"role": "user"}, A), Q, '{"role": "user"}'),
    Case("message_missing_key", chat(S, U, {"role": "assistant"}), R, '{"role": "assistant"}'),
    Case("message_unrecognized_key", chat(S, _u(time=3), A), f"{Q}.time", '"time"',
         near=chat(S, _u(name="time"), A)),
    Case("message_unrecognized_key", chat(S, _u(tool_call_id="c"), A), f"{Q}.tool_call_id",
         '"tool_call_id"', near=chat(S, _u(tool_calls=None), A)),
    Case("message_unrecognized_key", chat(S, _u(refusal="No."), A), f"{Q}.refusal", '"refusal"'),
    Case("unrecognized_role", chat(S, _u(role="human"), A), f"{Q}.role", '"human"', near=GOOD),
    Case("unrecognized_role", chat(S, _u(role="User"), A), f"{Q}.role", '"User"'),
    Case("unrecognized_role", chat(S, U, _a(role="gpt")), f"{R}.role", '"gpt"'),
    Case("unrecognized_role", chat(S, _u(role=""), A), f"{Q}.role", '""'),
    Case("unrecognized_role", chat(S, _u(role=None), A), f"{Q}.role", "null"),
    Case("unrecognized_role", chat(S, _u(role="moderator"), A), f"{Q}.role", '"moderator"'),
    Case("developer_role", chat({**S, "role": "developer"}, U, A), "messages[0].role",
         '"developer"', near=GOOD),
    Case("missing_content", chat(S, _u(content=None), A), f"{Q}.content", "null", near=GOOD),
    Case("missing_content", chat(S, _u(content=""), A), f"{Q}.content", '""'),
    Case("missing_content", chat(S, U, _a(content="")), f"{R}.content", '""'),
    Case("missing_content", chat(S, U, _a(content=None)), f"{R}.content", "null"),
    Case("missing_content", chat(S, _u(content=[]), A), f"{Q}.content", "[]"),
    Case("blank_content", chat(S, _u(content=" \n\t"), A), f"{Q}.content", '" \\n',
         near=chat(S, _u(content=" \n\t."), A)),
    Case("blank_content", chat(S, U, _a(content="\u00a0\u3000")), f"{R}.content", '"\u00a0'),
    Case("blank_content", chat(S, _u(content=_text(" ")), A), f"{Q}.content", '[{"type"',
         near=chat(S, _u(content=_text(" ", "Which?")), A)),
    Case("content_type", chat(S, _u(content=42), A), f"{Q}.content", "42",
         near=chat(S, _u(content="42"), A)),
    Case("content_type", chat(S, U, _a(content={"text": "a"})), f"{R}.content", '{"text"'),
    Case("content_type", chat(S, _u(content=True), A), f"{Q}.content", "true"),
    Case("invalid_content_part", chat(S, _u(content=[{"type": "input_audio", "input_audio": {}}]),
         A), f"{Q}.content[0].type", '"input_audio"', near=chat(S, _u(content=_text("a b")), A)),
    Case("invalid_content_part", chat(S, _u(content=[{"type": "text"}]), A), f"{Q}.content[0]",
         '{"type"'),
    Case("invalid_content_part", chat(S, _u(content=[{"type": "text", "text": 5}]), A),
         f"{Q}.content[0].text", "5"),
    Case("invalid_content_part", chat(S, _u(content=[{"type": "image_url"}]), A),
         f"{Q}.content[0]", '{"type"'),
    Case("invalid_content_part", chat(S, _u(content=[{"text": "a"}]), A), f"{Q}.content[0]",
         '{"text"'),
    Case("invalid_content_part", chat(S, _u(content=["Which?"]), A), f"{Q}.content[0]", '"Which'),
    Case("example_missing_assistant_message", chat(S, U), "messages", '[{"role"', near=GOOD),
    Case("last_message_not_assistant", chat(S, U, A, _u(content="Thank you!")),
         "messages[3].role", '"user"', nth=1, near=chat(S, U, A, _u(content="And?"), A)),
    Case("nothing_trained", chat(S, U, _a(weight=0)), "messages", '[{"role"',
         near=chat(S, U, _a(weight=0), _u(content="And?"), _a(weight=1))),
    Case("invalid_weight", chat(S, U, _a(weight=2)), f"{R}.weight", "2", near=chat(
         S, U, _a(weight=1))),
    Case("invalid_weight", chat(S, U, _a(weight=0.5)), f"{R}.weight", "0.5"),
    Case("invalid_weight", chat(S, U, _a(weight="1")), f"{R}.weight", '"1"'),
    Case("invalid_weight", chat(S, U, _a(weight=True)), f"{R}.weight", "true"),
    Case("invalid_weight", chat(S, U, _a(weight=None)), f"{R}.weight", "null"),
    Case("invalid_weight", chat(S, _u(weight=1), A), f"{Q}.weight", '"weight"'),
    Case("invalid_name", chat(S, _u(name="Jane Doe"), A), f"{Q}.name", '"Jane Doe"',
         near=chat(S, _u(name="Jane-Doe_1"), A)),
    Case("invalid_name", chat(S, _u(name=""), A), f"{Q}.name", '""'),
    Case("invalid_name", chat(S, _u(name="x" * 65), A), f"{Q}.name", '"xxx',
         near=chat(S, _u(name="x" * 64), A)),
    Case("invalid_name", chat(S, _u(name="Zoë"), A), f"{Q}.name", '"Zoë"'),
    Case("special_token", chat(S, U, _a(content="Jupiter.<|endoftext|>")), f"{R}.content",
         '"Jupiter', near=chat(S, U, _a(content="Jupiter <| end of text |> and a < b | c."))),
    Case("special_token", chat(S, _u(content="<|im_start|>user"), A), f"{Q}.content", '"<|im'),
    Case("system_not_first", chat(U, S, A), "messages[1].role", '"system"', near=GOOD),
    Case("consecutive_same_role", chat(S, U, _u(content="Well?"), A), f"{R}.role", '"user"', nth=1,
         near=chat(S, U, A, _u(content="Well?"), A)),
    Case("consecutive_same_role", chat(S, U, A, _a(content="It is big.")), "messages[3].role",
         '"assistant"', nth=1),
    Case("missing_user", lambda rows: "".join(f"{row}\n" for row in rows) + chat(S, A) + "\n",
         near=lambda rows: "".join(f"{row}\n" for row in rows)),
    Case("missing_system", lambda rows: "".join(f"{row}\n" for row in rows) + chat(U, A) + "\n",
         near=lambda rows: "".join(f"{row}\n" for row in rows)),
    Case("over_context", chat(S, _u(content="word " * 70_000 + "?"), A), "messages", '[{"role"',
         near=chat(S, _u(content="word " * 60_000 + "?"), A)),
]  # fmt: skip
