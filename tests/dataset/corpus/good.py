"""Records that are right, however odd they look: none of them may raise an error or a warning."""

from __future__ import annotations

import json
from typing import Any

from tests.dataset.corpus import A, S, U, chat
from tests.dataset.corpus.calls import SCHEMA


def _call(number: int = 1, arguments: str = "{}", name: str = "now") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _tool(name: str = "now", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def _asks(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(calls), **more}


def _says(number: int = 1, content: Any = "12:00") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


def _u(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def _a(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def _parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def _image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


NOW = [_tool()]
NESTED = {
    "type": "object",
    "properties": {
        "filter": {"type": "object", "properties": {"tags": {
            "type": "array", "items": {"type": "string"}}, "max": {"type": ["number", "null"]}}},
        "kind": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
}  # fmt: skip
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"

CHAT = [
    chat(S, U, _asks(_call(), content=""), _says(), A, tools=NOW),
    chat(S, U, _asks(_call(), content=None), _says(), A, tools=NOW),
    chat(S, U, _asks(_call()), _says(), A, tools=NOW),
    chat(S, U, _asks(_call(), content="One moment."), tools=NOW),
    chat(S, U, _asks(_call(1), _call(2)), _says(2), _says(1), A, tools=NOW,
         parallel_tool_calls=True),
    chat(S, U, _asks(_call()), _says(content=""), A, tools=NOW, parallel_tool_calls=False),
    chat(S, U, _asks(_call()), _says(content=_parts("12:00", "UTC")), A, tools=NOW),
    chat(S, U, _asks(_call(arguments='{"filter": {"tags": ["a"], "max": null}, "kind": 3}')),
         tools=[_tool(parameters=NESTED)]),
    chat(S, U, _asks(_call(arguments='{ "city" :\n"Zürich \\"HB\\"" }', name="weather")),
         tools=[_tool("weather", description="Tells the weather.", parameters=SCHEMA)]),
    chat(S, U, A, tools=[_tool(parameters={"type": "object", "properties": {}}, strict=True)]),
    chat(S, U, A, tools=[]),
    chat(S, U, _a("Wait.", weight=0), _u("And now?"), _a("Now it is so.", weight=1)),
    chat(S, U, _a("Jupiter, the fifth.", weight=1)),
    chat(S, _u("Which one?", name="Ada_1"), _a("The fifth.", name="bot-7")),
    chat({**S, "name": "rules"}, U, A),
    chat(S, _u(_parts("Which planet", "is the largest?")), A),
    chat({**S, "content": _parts("Answer briefly.")}, U, _a(_parts("Jupiter is."))),
    chat(S, _u([*_parts("What is it?"), _image("https://example.org/a.jpg?x=1#y")]), A),
    chat(S, _u([_image(PNG, detail="low"), *_parts("And this?")]), A),
    chat(S, _u([_image("HTTPS://EXAMPLE.ORG/A.WEBP", detail="auto"), *_parts("So?")]), A),
    chat(S, U, {"role": "assistant", "content": None, "refusal": "I would rather not."}),
    chat(S, U, {"role": "assistant", "refusal": "I would rather not."}),
    chat(S, U, {**A, "refusal": None, "tool_calls": None, "function_call": None}),
    chat(S, _u("日本語で答えて。😀👩‍👩‍👧‍👦"), _a("はい、わかりました。")),
    chat(S, _u("مرحبا، كيف حالك؟"), _a("أنا بخير.")),
    chat(S, _u("e\u0301 ≠ é; zero width: a\u200bb; nbsp:\u00a0x"), A),
    chat(S, _u("Quotes \" and \\ and / and \b\f\n\r\t"), A),
    chat(S, _u("Ceci n'est pas « français » – c’était l’été à Zürich ; ÑANDÚ, NÃO, Ânimo."), A),
    chat(S, _u('{"role": "user", "content": "a JSON text"}'), _a('{"planet": "Jupiter"}')),
    chat(S, _u("a < b | c > d <|> <tag>"), A),
    chat(S, _u("Yes."), _a("0")),
    chat(S, _u("x" * 20_000), A),
    chat(S, *[_u(f"Number {i}?") if i % 2 == 0 else _a(f"It is {i}.") for i in range(200)]),
    chat(S, U, A, _u("Why?"), _a("It formed first."), _u("When?"), _a("Long ago.")),
    chat(S, _u("What is 2^200?"),
         _a("1606938044258990275541962092341162602522202993782792835301376.")),
    chat(S, U, _asks(_call(arguments='{"n": 12345678901234567890123, "x": 1e400, "y": -0.0}')),
         tools=[_tool(parameters={"type": "object", "additionalProperties": True})]),
    "  " + chat(S, U, _a("Jupiter, with spaces around.")) + "  \r",
    chat(S, _u("Escaped:"), _a("naïve 😀, é.")).encode("ascii", "backslashreplace").decode()
    .replace("\\U0001f600", "\\ud83d\\ude00").replace("\\xe", "\\u00e"),
    json.dumps({"messages": [
        {"content": "Which is the order of keys?", "role": "user"},
        {"content": "It does not matter.", "role": "assistant"}]}),
    chat(_u("Hello there!"), _a("Hello! What may I do for you?")),
    chat(S, {"role": "assistant", "content": "Welcome!"}, U, A),
    chat(S, U, {**A, "tool_calls": []}),
    chat(S, _u("Write to support@example.org, or to noreply@example.org."), A),
    chat(S, _u("On 2024-01-15 order 12345678 cost 1,234,567.89 (v1.2.3, 10.0.0.1)."), A),
    chat(S, _u("uuid 123e4567-e89b-12d3-a456-426614174000"), A),
    chat(S, _u("sha 9f86d081884c7d659a2feaa0c55ad015"), A),
    chat(S, U, _asks(_call()), _says(), A, _u("Again?"), _asks(_call(2)), _says(2), A, tools=NOW),
    chat({"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."},
         U, A),
]  # fmt: skip

DEVELOPER = chat({"role": "developer", "content": "Be brief."}, U, A)
"""Right, but said to be new: advice, and nothing more."""


def _pair(**more: Any) -> str:
    record = {"input": {"messages": [U]}, "preferred_output": [A],
              "non_preferred_output": [_a("Mars.")], **more}  # fmt: skip
    return json.dumps(record)


PREFERENCE = [
    _pair(),
    _pair(input={"messages": [S, U, A, _u("And?")], "tools": NOW, "parallel_tool_calls": True}),
    _pair(preferred_output=[_asks(_call(), content=None)], input={"messages": [U], "tools": NOW}),
    _pair(preferred_output=[_a(_parts("Jupiter."))]),
    json.dumps({"non_preferred_output": [_a("Mars.")], "preferred_output": [_a("Jupiter!")],
                "input": {"messages": [U]}}),
]  # fmt: skip

REINFORCEMENT = [
    chat(U, solution="a", difficulty=3, nested={"a": [1, {"b": None}]}),
    chat({"role": "developer", "content": "Be brief."}, U, weight=1, id=7, name="x", target=["y"]),
    chat(U, A, _u("And then?"), answer=None),
    chat(U, tools=NOW, expected={"name": "now"}),
    chat(_u([*_parts("What?"), _image("https://example.org/a.png")]), solution="b"),
]
