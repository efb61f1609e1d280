"""Rules of tools: definitions, calls, arguments, answers; each with its place and a near miss."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataset.test_rules import A, U, chat_line, checked, json_values
from tui.dataset import RULES, Format, check_file
from tui.dataset.rules.arguments import mismatches
from tui.dataset.rules.tally import Tally

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["C", "F"]},
    },
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Zürich 🏔"}'},
}
CALLER = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWER = {"role": "tool", "tool_call_id": "c1", "content": "8 °C"}
RECORD = {"messages": [U, CALLER, ANSWER, A], "tools": [TOOL]}

FIRST = "messages[1].tool_calls[0]"
CALLED = f"{FIRST}.function.name"
ARGUMENTS = f"{FIRST}.function.arguments"

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> str:
    record = copy.deepcopy(RECORD)
    change(record)
    return json.dumps(record, ensure_ascii=False)


def call(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["messages"][1]["tool_calls"][0]
    return found


def caller(name: str, text: str) -> dict[str, Any]:
    used = {"name": "weather", "arguments": text}
    called = {"id": name, "type": "function", "function": used}
    return {"role": "assistant", "content": None, "tool_calls": [called]}


def answer(name: str) -> dict[str, Any]:
    return {**ANSWER, "tool_call_id": name}


def function(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["tools"][0]["function"]
    return found


def arguments(text: str) -> Change:
    return lambda record: call(record)["function"].update(arguments=text)


def parameters(value: object) -> Change:
    """Give the function other parameters, and call it without arguments."""

    def change(record: dict[str, Any]) -> None:
        arguments("{}")(record)
        function(record)["parameters"] = value

    return change


def old(record: dict[str, Any]) -> None:
    """Write the record as it was done before tools."""
    record["functions"] = [record.pop("tools")[0]["function"]]
    used = call(record)["function"]
    record["messages"][1] = {"role": "assistant", "content": None, "function_call": used}
    record["messages"][2] = {"role": "function", "name": "weather", "content": "8 °C"}


def half_old(record: dict[str, Any]) -> None:
    old(record)
    record["tools"] = [TOOL]
    del record["functions"]


def without_answer(record: dict[str, Any]) -> None:
    old(record)
    del record["messages"][2]


def old_with(**changes: object) -> Change:
    def change(record: dict[str, Any]) -> None:
        old(record)
        record["messages"][1]["function_call"].update(changes)

    return change


CASES: list[tuple[str, str, Change, str]] = [
    ("invalid_tools", "tools", lambda r: r.update(tools={"a": 1}), '{"a"'),
    ("invalid_tools", "tools", lambda r: r.update(tools=json.dumps([TOOL])), '"[{'),
    ("invalid_tools", "tools[0]", lambda r: r.update(tools=["weather"]), '"weather"]'),
    ("invalid_tools", "tools[0]", lambda r: r["tools"][0].pop("type"), '{"function": {"name": "we'),
    ("invalid_tools", "tools[0].type", lambda r: r["tools"][0].update(type="tool"), '"tool", "fu'),
    ("invalid_tools", "tools[0]", lambda r: r.update(tools=[TOOL["function"]]),
     '{"name": "weather", "parameters"'),
    ("invalid_tools", "tools[1]",
     lambda r: r["tools"].append({"type": "function"}), '{"type": "function"}'),
    ("invalid_tools", "tools[1].type",
     lambda r: r["tools"].append({"type": "web_search"}), '"web_search"'),
    ("invalid_tools", "tools[0].function", lambda r: r["tools"][0].update(function="x"), '"x"'),
    ("invalid_tools", "tools[0].function", lambda r: function(r).pop("name"), '{"parameters"'),
    ("invalid_tools", "tools[0].function.description",
     lambda r: function(r).update(description=["d"]), '["d"]'),
    ("invalid_tools", "tools[0].function.parameters", parameters("none"), '"none"'),
    ("invalid_tools", "tools[0].function.parameters",
     parameters({"properties": {}}), '{"properties"'),
    ("invalid_tools", "tools[0].function.parameters.type",
     parameters({"type": "string"}), '"string"'),
    ("invalid_tools", "tools[0].function.parameters.properties",
     parameters({"type": "object", "properties": ["city"]}), '["city"]'),
    ("invalid_tools", "tools[0].function.parameters.properties.city",
     parameters({"type": "object", "properties": {"city": "text"}}), '"text"'),
    ("invalid_function_name", "tools[1].function.name",
     lambda r: r["tools"].append({"type": "function", "function": {"name": "get time"}}),
     '"get time"'),
    ("invalid_function_name", "tools[1].function.name",
     lambda r: r["tools"].append({"type": "function", "function": {"name": "x" * 65}}), '"xxx'),
    ("invalid_function_name", CALLED,
     lambda r: call(r)["function"].update(name="weather.now"), '"weather.now"'),
    ("invalid_tool_call", "messages[1].tool_calls",
     lambda r: r["messages"][1].update(tool_calls={"a": 1}), '{"a"'),
    ("invalid_tool_call", FIRST,
     lambda r: r["messages"][1].update(tool_calls=["weather"]), '"weather"]'),
    ("invalid_tool_call", FIRST,
     lambda r: call(r).pop("id"), '{"type": "function", "function": {"name": "weather", "arg'),
    ("invalid_tool_call", "messages[1].tool_calls[0].id", lambda r: call(r).update(id=17), "17"),
    ("invalid_tool_call", FIRST, lambda r: call(r).pop("type"), '{"id"'),
    ("invalid_tool_call", "messages[1].tool_calls[0].type",
     lambda r: call(r).update(type="tool"), '"tool", "fun'),
    ("invalid_tool_call", FIRST, lambda r: call(r).pop("function"), '{"id"'),
    ("invalid_tool_call", "messages[1].tool_calls[0].function",
     lambda r: call(r).update(function="f"), '"f"'),
    ("invalid_tool_call", "messages[1].tool_calls[0].function",
     lambda r: call(r)["function"].pop("name"), '{"arguments"'),
    ("invalid_tool_call", "messages[1].tool_calls[0].function",
     lambda r: call(r)["function"].pop("arguments"), '{"name": "weather"}'),
    ("invalid_tool_call", ARGUMENTS,
     lambda r: call(r)["function"].update(arguments={"city": "x"}), '{"city"'),
    ("tool_arguments_not_json", ARGUMENTS, arguments("{'city': 1}"), "\"{'city"),
    ("tool_arguments_not_json", ARGUMENTS, arguments(""), '""'),
    ("tool_arguments_not_json", ARGUMENTS, arguments('["x"]'), '"[\\"'),
    ("tool_arguments_not_json", ARGUMENTS, arguments('{"city": NaN}'), '"{\\"city'),
    ("tool_arguments_not_json", ARGUMENTS, arguments("[" * 5000), '"[['),
    ("tool_arguments_mismatch", ARGUMENTS, arguments("{}"), '"{}"'),
    ("tool_arguments_mismatch", ARGUMENTS, arguments('{"city": 1}'), '"{\\"city'),
    ("tool_arguments_mismatch", ARGUMENTS,
     arguments('{"city": "x", "unit": "K"}'), '"{\\"city'),
    ("tool_arguments_mismatch", ARGUMENTS,
     arguments('{"city": "x", "when": 1}'), '"{\\"city'),
    ("unknown_function", CALLED,
     lambda r: call(r)["function"].update(name="wether"), '"wether"'),
    ("unknown_function", CALLED, lambda r: r.pop("tools"), '"weather"'),
    ("tool_call_unanswered", "messages[1].tool_calls[0].id",
     lambda r: r["messages"].pop(2), '"c1"'),
    ("tool_call_unanswered", "messages[1].tool_calls[1].id",
     lambda r: r["messages"][1]["tool_calls"].append({**CALL, "id": "c2"}), '"c2"'),
    ("tool_message_orphan", "messages[2]",
     lambda r: r["messages"][2].pop("tool_call_id"), '{"role": "tool"'),
    ("tool_message_orphan", "messages[2].tool_call_id",
     lambda r: r["messages"][2].update(tool_call_id=7), "7"),
    ("tool_message_orphan", "messages[3].tool_call_id",
     lambda r: r["messages"].insert(3, {**ANSWER, "tool_call_id": "c9"}), '"c9"'),
    ("duplicate_tool_call_id", "messages[5].tool_calls[0].id",
     lambda r: r["messages"].extend([U, caller("c1", '{"city": "x"}'), ANSWER, A]),
     '"c1", "type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"x'),
    ("invalid_parallel_tool_calls", "parallel_tool_calls",
     lambda r: r.update(parallel_tool_calls="false"), '"false"'),
    ("invalid_parallel_tool_calls", "parallel_tool_calls",
     lambda r: r.update(parallel_tool_calls=0), "0}"),
    ("functions_deprecated", "functions", old, '"functions"'),
    ("functions_deprecated", "messages[1].function_call",
     half_old, '"function_call"'),
    ("special_token", ARGUMENTS,
     arguments('{"city": "<|endoftext|>"}'), '"{\\"city'),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1][-24:]}")
def test_the_rule_speaks_at_the_place(case: tuple[str, str, Change, str]) -> None:
    code, path, change, place = case
    raw = changed(change)
    (issue,) = checked(raw)
    assert (issue.code, issue.path) == (code, path)
    assert (issue.line, issue.column) == (1, raw.index(place) + 1)
    assert issue.severity == RULES[code].severity
    assert issue.message
    assert issue.hint


GOOD: list[Change] = [
    lambda r: None,
    lambda r: r["messages"].__delitem__(slice(2, None)),
    lambda r: r.update(tools=[TOOL], parallel_tool_calls=True),
    lambda r: r.update(parallel_tool_calls=None, functions=None),
    lambda r: function(r).update(description=None, strict=True),
    lambda r: r["tools"].append({"type": "function", "function": {"name": "x" * 64}}),
    parameters({}),
    parameters(None),
    parameters({"type": "object"}),
    parameters({"type": "object", "properties": {}}),
    parameters({"$ref": "#/x"}),
    arguments(' {"city": "x", "days": 2.0, "unit": null} '),
    arguments('{"city": "\\ud83d"}'),
    lambda r: (
        r["messages"][1]["tool_calls"].append({**CALL, "id": "c2"}),
        r["messages"].insert(2, {**ANSWER, "tool_call_id": "c2"}),
    ),
    lambda r: r["messages"][2].update(content=""),
    lambda r: r["messages"][2].update(name="weather"),
    lambda r: r["messages"][2].update(content=[{"type": "text", "text": "8"}]),
    lambda r: r["messages"][1].update(weight=1, refusal=None, function_call=None, content=""),
    lambda r: r["messages"].extend([U, caller("c2", '{"city": "x"}')]),
    lambda r: r["messages"].extend([U, caller("c2", '{"city": "x"}'), answer("c2"), A]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_what_is_right_raises_nothing(number: int) -> None:
    codes = [issue.code for issue in checked(changed(GOOD[number]))]
    assert codes in ([], ["lone_surrogate"])


def test_one_fault_is_not_told_twice() -> None:
    def odd_role(record: dict[str, Any]) -> None:
        record["messages"][2] = {"role": "observation", "content": "8"}

    (issue,) = checked(changed(odd_role))
    assert (issue.code, issue.fixable) == ("unrecognized_role", False)

    def odd_role_with_id(record: dict[str, Any]) -> None:
        record["messages"][2]["role"] = "observation"

    (issue,) = checked(changed(odd_role_with_id))
    assert (issue.code, issue.fixable) == ("unrecognized_role", True)


def test_a_wrong_id_leaves_the_call_unanswered_too() -> None:
    raw = changed(lambda r: r["messages"][2].update(tool_call_id="c7"))
    assert [issue.code for issue in checked(raw)] == ["tool_call_unanswered", "tool_message_orphan"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (old_with(arguments="{"), "tool_arguments_not_json"),
        (old_with(name="a b"), "invalid_function_name"),
        (old_with(name="other"), "unknown_function"),
        (old_with(arguments='{"city": true}'), "tool_arguments_mismatch"),
        (old_with(arguments=1), "invalid_tool_call"),
    ],
)
def test_old_calls_are_checked_like_new_ones(change: Change, code: str) -> None:
    codes = {issue.code: issue for issue in checked(changed(change))}
    assert set(codes) == {"functions_deprecated", code}


def test_old_functions_are_fixable_where_every_call_is_clear() -> None:
    (issue,) = checked(changed(old))
    assert issue.fixable
    unclear = changed(without_answer)
    issue = next(i for i in checked(unclear) if i.code == "functions_deprecated")
    assert not issue.fixable


def test_broken_definitions_leave_calls_alone() -> None:
    raw = changed(lambda r: r.update(tools=[{"type": "function", "function": {}}, *r["tools"]]))
    assert [issue.code for issue in checked(raw)] == ["invalid_tools"]
    raw = changed(lambda r: (r["tools"].append(TOOL), arguments("{}")(r)))
    assert checked(raw) == []


P = {"type": "object"}
MISMATCHES: list[tuple[object, object, list[str]]] = [
    ({"a": 1}, {**P, "properties": {"a": {"type": "number"}}}, []),
    ({"a": True}, {**P, "properties": {"a": {"type": "integer"}}}, ["not a whole number"]),
    ({"a": 1.5}, {**P, "properties": {"a": {"type": "integer"}}}, ["not a whole number"]),
    ({"a": None}, {**P, "properties": {"a": {"type": "string"}}}, []),
    ({"a": None}, {**P, "properties": {"a": {"type": "string"}}, "required": ["a"]}, ["null"]),
    ({"a": None}, {**P, "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}, []),
    ({"a": "x"}, {**P, "properties": {"a": {"type": "datetime"}}}, []),
    ({"a": 1}, {**P, "properties": {"a": {"anyOf": [{"type": "string"}]}}}, []),
    ({"a": 1}, {**P, "properties": {"a": {"enum": [True, "1"]}}}, ["not one of"]),
    ({"a": 1}, {**P, "properties": {"a": {"type": "integer", "enum": ["1"]}}}, []),
    ({}, {**P, "properties": {"a": {"default": 1}}, "required": ["a"]}, []),
    ({}, {**P, "required": ["a"]}, ["required a"]),
    ({"b": 1}, {**P, "properties": {}}, []),
    ({"b": 1}, {**P, "properties": {}, "additionalProperties": False}, ["no parameter"]),
    ({"b": 1}, {**P, "properties": {"a": {}}, "additionalProperties": True}, []),
    ({"b": 1}, {**P, "properties": {"a": {}}, "patternProperties": {"b": {}}}, []),
    ({"a": ["x", 1]}, {**P, "properties": {"a": {"items": {"type": "string"}}}}, ["a[1]"]),
    (
        {"a": {"b": 1}},
        {**P, "properties": {"a": {**P, "properties": {"c": {}}, "required": ["c"]}}},
        ["required a.c", "a.b is no parameter"],
    ),
    ({"a": 1}, "object", []),
    ({"a": 1}, {"properties": [], "required": "a", "additionalProperties": False}, ["no param"]),
]


@pytest.mark.parametrize(("value", "schema", "words"), MISMATCHES)
def test_arguments_are_doubted_only_where_it_is_certain(
    value: dict[str, object], schema: object, words: list[str]
) -> None:
    found = list(mismatches(value, schema))
    assert len(found) == len(words)
    for text, word in zip(found, words, strict=True):
        assert word in text


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4), json_values)
def test_no_schema_is_too_odd(value: dict[str, object], schema: object) -> None:
    for text in mismatches(value, schema):
        assert text.isprintable()


paths = st.sampled_from(
    [
        ("tools",), ("tools", 0), ("tools", 0, "type"), ("tools", 0, "function"),
        ("tools", 0, "function", "name"), ("tools", 0, "function", "parameters"),
        ("tools", 0, "function", "parameters", "properties"), ("messages", 0), ("messages", 1),
        ("messages", 1, "tool_calls"), ("messages", 1, "tool_calls", 0),
        ("messages", 1, "tool_calls", 0, "id"), ("messages", 1, "tool_calls", 0, "function"),
        ("messages", 1, "tool_calls", 0, "function", "arguments"), ("messages", 1, "role"),
        ("messages", 1, "function_call"), ("messages", 2, "tool_call_id"), ("messages", 2, "role"),
        ("functions",), ("parallel_tool_calls",), ("input",), ("preferred_output",),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(paths, json_values), min_size=1, max_size=3), st.sampled_from(Format))
def test_no_tools_are_too_odd(edits: list[tuple[tuple[Any, ...], object]], kind: Format) -> None:
    record: Any = copy.deepcopy(RECORD)
    record["input"] = {"messages": [U, CALLER, ANSWER], "tools": [TOOL]}
    record["preferred_output"] = [A]
    for path, value in edits:
        here = record
        try:
            for name in path[:-1]:
                here = here[name]
            here[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            # An earlier edit took away what this one was to change.
            continue
    for issue in checked(json.dumps(record), kind=kind):
        assert issue.line == 1
        assert issue.column >= 1
        assert issue.message.isprintable()
        assert issue.hint.isprintable()


def test_tools_that_differ_are_said_once_a_file(tmp_path: Path) -> None:
    other = copy.deepcopy(TOOL)
    other["function"]["description"] = "d"  # type: ignore[index]
    lines = [chat_line(U, A, tools=[TOOL])] * 20
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    assert "tools_differ" not in check_file(path).counts
    turned = {"function": dict(reversed(TOOL["function"].items())), "type": "function"}  # type: ignore[attr-defined]
    path.write_text("\n".join([*lines, chat_line(U, A, tools=[turned])]))
    assert "tools_differ" not in check_file(path).counts
    path.write_text("\n".join([*lines, chat_line(U, A, tools=[other]), *lines]))
    report = check_file(path)
    assert report.counts["tools_differ"] == 1
    issue = report.issues.by_code("tools_differ")[0]
    assert (issue.line, issue.column) == (21, 1)
    assert "“weather” is defined otherwise than on line 1" in issue.message
    assert [shown.line for shown in report.issues if shown.line] == sorted(
        shown.line for shown in report.issues if shown.line
    )


@pytest.mark.parametrize("quality", [True, False])
def test_the_line_of_tools_that_differ_is_that_of_the_file(tmp_path: Path, quality: bool) -> None:
    other = copy.deepcopy(TOOL)
    other["function"]["description"] = "d"  # type: ignore[index]
    filler = {**U, "content": "x" * 900_000}
    lines = [chat_line(filler, A, tools=[TOOL])] * 12 + [chat_line(U, A, tools=[other])] * 2
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(["", *lines]))
    report = check_file(path, quality=quality)
    issue = report.issues.by_code("tools_differ")[0]
    assert (issue.line, issue.column) == (14, 1)
    assert "line 2" in issue.message
    array = tmp_path / "a.json"
    array.write_text("[\n" + ",\n".join(lines) + "\n]")
    assert check_file(array, quality=quality).issues.by_code("tools_differ")[0].line == 14


@pytest.mark.parametrize(
    "parameters", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}]
)
def test_no_parameters_are_the_same_however_written(tmp_path: Path, parameters: Any) -> None:
    bare = {"type": "function", "function": {"name": "now"}}
    same = {"type": "function", "function": {"name": "now", "parameters": parameters}}
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([chat_line(U, A, tools=[bare]), chat_line(U, A, tools=[same])]))
    assert "tools_differ" not in check_file(path).counts


@given(st.lists(st.sampled_from("abc"), max_size=9), st.integers(0, 9))
def test_where_tools_differ_does_not_depend_on_where_a_file_is_cut(kinds: str, at: int) -> None:
    whole, first, second = Tally(), Tally(), Tally()
    at = min(at, len(kinds))
    for number, kind in enumerate(kinds):
        function = {"name": "f" if kind < "c" else "g", "description": kind}
        record: dict[str, object] = {"tools": [{"type": "function", "function": function}]}
        whole.add(record, Format.CHAT, 0, (number + 1, 1))
        part, line = (first, number + 1) if number < at else (second, number + 1 - at)
        part.add(record, Format.CHAT, 0, (line, 1))
    first.merge(second, at)
    assert (first.functions, first.differing) == (whole.functions, whole.differing)
    assert Tally.restored(first.state()).differing == whole.differing


def test_a_broken_definition_is_one_fault(tmp_path: Path) -> None:
    """Neither its calls nor the definitions of other records are blamed as well."""

    def report(change: Change) -> dict[str, int]:
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join([changed(lambda _: None)] * 3 + [changed(change)]))
        return check_file(path).counts

    def rename(record: dict[str, Any]) -> None:
        function = record["tools"][0]["function"]
        function["name"] = function["name"] + " now"

    def spoil(record: dict[str, Any]) -> None:
        record["tools"][0]["function"]["parameters"] = "city"

    for change, code in ((rename, "invalid_function_name"), (spoil, "invalid_tools")):
        counts = report(change)
        assert counts[code] == 1
        assert not {"unknown_function", "tools_differ"} & counts.keys()
