"""Faults of tools, their calls and images."""

from __future__ import annotations

from typing import Any

from tests.dataset.corpus import A, Case, S, U, chat

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
    "required": ["city"],
}


def _tool(**more: Any) -> dict[str, Any]:
    function = {"name": "weather", "parameters": SCHEMA, **more}
    return {"type": "function", "function": function}


def _call(arguments: Any = '{"city": "Rome"}', **more: Any) -> dict[str, Any]:
    function = {"name": more.pop("name", "weather"), "arguments": arguments}
    return {"id": "call_1", "type": "function", "function": function, **more}


def _asks(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


T: dict[str, Any] = {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}
CALL = "messages[2].tool_calls[0]"


def _talk(*calls: Any, tools: Any = None, answer: Any = T, **more: Any) -> str:
    tools = [_tool()] if tools is None else tools
    return chat(S, U, _asks(*(calls or (_call(),))), answer, A, tools=tools, **more)


GOOD = _talk()


def _image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def _seen(*parts: Any) -> str:
    return chat(S, {**U, "content": [{"type": "text", "text": "What is it?"}, *parts]}, A)


WEB = "https://example.org/a.png"
PART = "messages[1].content[1]"

CASES = [
    Case("invalid_tools", chat(S, U, A, tools={"a": 1}), "tools", '{"a"',
         near=chat(S, U, A, tools=[_tool()])),
    Case("invalid_tools", chat(S, U, A, tools=[{"name": "weather"}]), "tools[0]", '{"name"'),
    Case("invalid_tools", chat(S, U, A, tools=[_tool(parameters=[])]),
         "tools[0].function.parameters", "[]}"),
    Case("invalid_tools", chat(S, U, A, tools=[{**_tool(), "type": "retrieval"}]), "tools[0].type",
         '"retrieval"'),
    Case("invalid_tools", chat(S, U, A, tools=[{"type": "function", "function": {}}]),
         "tools[0].function", "{}"),
    Case("invalid_function_name", chat(S, U, A, tools=[_tool(name="get weather")]),
         "tools[0].function.name", '"get weather"',
         near=chat(S, U, A, tools=[_tool(name="g-w_2")])),
    Case("invalid_function_name", _talk(_call(name="we.ather")), f"{CALL}.function.name",
         '"we.ather"'),
    Case("invalid_tool_call", _talk(_call(id=None)), f"{CALL}.id", "null", nth=1, near=GOOD),
    Case("invalid_tool_call", _talk({"type": "function", "function": _call()["function"]}), CALL,
         '{"type": "function"'),
    Case("invalid_tool_call", _talk(_call(type="tool")), f"{CALL}.type", '"tool"'),
    Case("invalid_tool_call", _talk(_call({"city": "Rome"})), f"{CALL}.function.arguments",
         '{"city"'),
    Case("invalid_tool_call", _talk({"id": "call_1", "type": "function",
         "function": {"arguments": "{}"}}), f"{CALL}.function", '{"arguments"'),
    Case("tool_arguments_not_json", _talk(_call("city=Rome")), f"{CALL}.function.arguments",
         '"city=Rome"', near=_talk(_call('{"city": "R\\u00f6m \\"x\\""}'))),
    Case("tool_arguments_not_json", _talk(_call("{'city': 'Rome'}")), f"{CALL}.function.arguments",
         "\"{'city"),
    Case("tool_arguments_not_json", _talk(_call("[]")), f"{CALL}.function.arguments", '"[]"'),
    Case("tool_arguments_mismatch", _talk(_call("{}")), f"{CALL}.function.arguments", '"{}"',
         near=_talk(_call('{"city": "Rome", "unit": null}'))),
    Case("tool_arguments_mismatch", _talk(_call('{"city": 3}')), f"{CALL}.function.arguments",
         '"{\\"city\\": 3}"'),
    Case("tool_arguments_mismatch", _talk(_call('{"city": "Rome", "unit": "K"}')),
         f"{CALL}.function.arguments", '"{\\"city'),
    Case("tool_arguments_mismatch", _talk(_call('{"city": "Rome", "zip": 1}')),
         f"{CALL}.function.arguments", '"{\\"city'),
    Case("unknown_function", _talk(_call(name="climate")), f"{CALL}.function.name", '"climate"',
         near=GOOD),
    Case("tool_call_unanswered", chat(S, U, _asks(_call()), A, tools=[_tool()]), f"{CALL}.id",
         '"call_1"', near=chat(S, U, _asks(_call()), tools=[_tool()])),
    Case("tool_call_unanswered", _talk(_call(), _call(id="call_2")),
         "messages[2].tool_calls[1].id", '"call_2"'),
    Case("tool_message_orphan", _talk(answer={"role": "tool", "content": "21 degrees"}),
         "messages[3]", '{"role": "tool"', near=GOOD),
    Case("tool_message_orphan", chat(S, U, {**T, "tool_call_id": "call_9"}, A, tools=[_tool()]),
         "messages[2].tool_call_id", '"call_9"'),
    Case("duplicate_tool_call_id", _talk(_call(), _call()), "messages[2].tool_calls[1].id",
         '"call_1"', nth=1,
         near=chat(S, U, _asks(_call(), _call(id="call_2")), T, {**T, "tool_call_id": "call_2"}, A,
                   tools=[_tool()])),
    Case("invalid_parallel_tool_calls", chat(S, U, A, parallel_tool_calls="false"),
         "parallel_tool_calls", '"false"', near=chat(S, U, A, parallel_tool_calls=False)),
    Case("functions_deprecated", chat(S, U, A, functions=[{"name": "f"}]), "functions",
         '"functions"', near=chat(S, U, A, functions=None)),
    Case("functions_deprecated", chat(S, U, {**A, "content": None, "function_call": {
         "name": "f", "arguments": "{}"}}, functions=[{"name": "f"}]), "functions", '"functions"'),
    Case("tools_differ", lambda rows: "".join(f"{row}\n" for row in rows)
         + chat(S, U, A, tools=[_tool()]) + "\n"
         + chat(S, {**U, "content": "And Mars?"}, A, tools=[_tool(description="Tells it.")]) + "\n",
         near=lambda rows: "".join(f"{row}\n" for row in rows)
         + chat(S, U, A, tools=[_tool()]) + "\n"
         + chat(S, {**U, "content": "And Mars?"}, A, tools=[_tool()]) + "\n"),
    Case("invalid_image_url", _seen(_image("a.png")), f"{PART}.image_url.url", '"a.png"',
         near=_seen(_image(WEB))),
    Case("invalid_image_url", _seen(_image("data:image/gif;base64,R0lGODlhAQABAAAAACw=")),
         f"{PART}.image_url.url", '"data:'),
    Case("invalid_image_url", _seen({"type": "image_url", "image_url": WEB}), f"{PART}.image_url",
         '"https'),
    Case("invalid_image_url", _seen(_image("file:///a.png")), f"{PART}.image_url.url", '"file:'),
    Case("invalid_image_detail", _seen(_image(WEB, detail="medium")),
         f"{PART}.image_url.detail", '"medium"', near=_seen(_image(WEB, detail="low"))),
    Case("too_many_images", _seen(*[_image(f"{WEB}?{i}") for i in range(11)]),
         "messages[1].content[11]", '{"type": "image_url"', nth=10,
         near=_seen(*[_image(f"{WEB}?{i}") for i in range(10)])),
    Case("image_too_large", _seen(_image("data:image/png;base64," + "A" * (11 << 20))),
         f"{PART}.image_url.url", '"data:',
         near=_seen(_image("data:image/png;base64,iVBORw0KGgo="))),
    Case("image_in_output", chat(S, U, {**A, "content": [_image(WEB)]}),
         "messages[2].content[0]", '{"type"', near=_seen(_image(WEB))),
]  # fmt: skip
