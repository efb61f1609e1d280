"""Every rule for a single record: one record that must raise it, exactly there, and a near miss."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import RULES, Format, Issue, Severity, get_profile
from tui.dataset.checker import Checker, CheckSettings, quotes_match, shape
from tui.dataset.rules import chat

S = {"role": "system", "content": "s"}
U = {"role": "user", "content": "q"}
A = {"role": "assistant", "content": "a"}


def checked(
    raw: str | bytes, *, kind: Format = Format.CHAT, profile: str = "openai"
) -> list[Issue]:
    data = raw.encode() if isinstance(raw, str) else raw
    return Checker(CheckSettings(get_profile(profile), kind)).check(data, 1).issues


def chat_line(*messages: Any, **more: Any) -> str:
    return json.dumps({"messages": list(messages), **more}, ensure_ascii=False)


def with_(message: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**message, **changes}


# (code, path, the record, the text whose first character is the place, near miss)
CASES: list[tuple[str, str, str, str, str]] = [
    ("data_type", "", '["a"]', '["a"]', '{"messages": [{"role": "assistant", "content": "a"}]}'),
    ("data_type", "", "  null", "null", chat_line(U, A)),
    ("data_type", "", json.dumps(chat_line(U, A)), '"', chat_line(U, A)),
    (
        "duplicate_key",
        "messages[0].role",
        '{"messages": [{"role": "user", "content": "q", "role" : "user"}, '
        '{"role": "assistant", "content": "a"}]}',
        '"role" :',
        '{"messages": [{"role" : "user", "content": "\\"role\\": \\"role\\":"}, '
        '{"role": "assistant", "content": ":x"}]}',
    ),
    (
        "lone_surrogate",
        "messages[0].content",
        '{"messages": [{"role": "user", "content": "é \\ud83d!"}, '
        '{"role": "assistant", "content": "a"}]}',
        '"é',
        '{"messages": [{"role": "user", "content": "\\ud83d\\ude00 \\\\ud83d"}, '
        '{"role": "assistant", "content": "a"}]}',
    ),
    ("missing_messages_list", "", ' {"message": []}', '{"message', chat_line(U, A)),
    ("missing_messages_list", "messages", '{"messages": {}}', "{}", chat_line(U, A)),
    ("missing_messages_list", "messages", '{"messages" :\t[]}', "[]", chat_line(U, A)),
    (
        "record_unrecognized_key",
        "weight",
        chat_line(U, A, weight=1),
        '"weight"',
        chat_line(U, A, tools=[], parallel_tool_calls=True),
    ),
    ("message_not_object", "messages[1]", chat_line(U, 'a\u0301 "x"', A), '"a', chat_line(U, A)),
    (
        "message_missing_key",
        "messages[0]",
        chat_line({"content": "q"}, A),
        '{"content"',
        chat_line(U, A),
    ),
    (
        "message_missing_key",
        "messages[1]",
        chat_line(U, {"role": "assistant"}),
        '{"role": "assistant"',
        chat_line(U, {"role": "assistant", "refusal": "no"}),
    ),
    (
        "message_unrecognized_key",
        "messages[0].time",
        chat_line(with_(U, time=1), A),
        '"time"',
        chat_line(with_(U, name="time"), A),
    ),
    (
        "message_unrecognized_key",
        "messages[0].tool_calls",
        chat_line(with_(U, tool_calls=[]), A),
        '"tool_calls"',
        chat_line(with_(U, tool_calls=None), with_(A, function_call=None, refusal=None)),
    ),
    (
        "unrecognized_role",
        "messages[0].role",
        chat_line({"role": "Human ", "content": "日本語😀"}, A),
        '"Human ',
        chat_line(with_(U, content="Human"), A),
    ),
    ("unrecognized_role", "messages[1].role", chat_line(U, {"role": 7, "content": "a"}), "7", ""),
    (
        "developer_role",
        "messages[0].role",
        chat_line({"role": "developer", "content": "d"}, U, A),
        '"developer"',
        chat_line(S, U, A),
    ),
    (
        "missing_content",
        "messages[0].content",
        chat_line(with_(U, content=None), A),
        "null",
        chat_line(U, with_(A, content=None, tool_calls=[{"id": "1"}])),
    ),
    (
        "missing_content",
        "messages[1].content",
        chat_line(U, with_(A, content="")),
        '""',
        chat_line(U, with_(A, content="", tool_calls=[{"id": "1"}])),
    ),
    (
        "missing_content",
        "messages[0].content",
        chat_line(with_(U, content=[]), A),
        "[]",
        chat_line(with_(U, content=[{"type": "text", "text": "q"}]), A),
    ),
    (
        "blank_content",
        "messages[0].content",
        chat_line(with_(U, content=" \n\u3000"), A),
        '" \\n',
        chat_line(with_(U, content=" \n."), A),
    ),
    (
        "blank_content",
        "messages[0].content",
        chat_line(with_(U, content=[{"type": "text", "text": " "}]), A),
        '[{"type"',
        chat_line(
            with_(U, content=[{"type": "text", "text": " "}, {"type": "text", "text": "x"}]), A
        ),
    ),
    (
        "content_type",
        "messages[0].content",
        chat_line(with_(U, content={"a": 1}), A),
        '{"a"',
        chat_line(with_(U, content='{"a": 1}'), A),
    ),
    (
        "content_type",
        "messages[1].content",
        chat_line(U, {"role": "function", "name": "f", "content": [{"type": "text"}]}, A),
        '[{"type"',
        chat_line(U, {"role": "function", "name": "f", "content": "1"}, A),
    ),
    (
        "invalid_content_part",
        "messages[0].content[1].type",
        chat_line(with_(U, content=[{"type": "text", "text": "q"}, {"type": "file"}]), A),
        '"file"',
        chat_line(with_(U, content=[{"type": "image_url", "image_url": {"url": "https://x"}}]), A),
    ),
    (
        "invalid_content_part",
        "messages[0].content[0]",
        chat_line(with_(U, content=[{"type": "text", "value": "q"}]), A),
        '{"type"',
        "",
    ),
    (
        "invalid_content_part",
        "messages[0].content[0]",
        chat_line(with_(U, content=["q"]), A),
        '"q"',
        "",
    ),
    (
        "example_missing_assistant_message",
        "messages",
        chat_line(S, U),
        '[{"role"',
        chat_line(S, U, A),
    ),
    (
        "last_message_not_assistant",
        "messages[2].role",
        chat_line(U, A, with_(U, content="thanks")),
        '"user", "content": "thanks"',
        chat_line(U, A),
    ),
    (
        "nothing_trained",
        "messages",
        chat_line(U, with_(A, weight=0)),
        '[{"role"',
        chat_line(U, with_(A, weight=0), with_(U, content="more"), with_(A, weight=1)),
    ),
    ("invalid_weight", "messages[1].weight", chat_line(U, with_(A, weight=2)), "2}", ""),
    ("invalid_weight", "messages[1].weight", chat_line(U, with_(A, weight=1.0)), "1.0", ""),
    ("invalid_weight", "messages[1].weight", chat_line(U, with_(A, weight=True)), "true", ""),
    (
        "invalid_weight",
        "messages[0].weight",
        chat_line(with_(U, weight=1), A),
        '"weight"',
        chat_line(U, with_(A, weight=1)),
    ),
    (
        "invalid_name",
        "messages[0].name",
        chat_line(with_(U, name="Jo Ann"), A),
        '"Jo Ann"',
        chat_line(with_(U, name="Jo-Ann_1"), A),
    ),
    (
        "special_token",
        "messages[1].content",
        chat_line(U, with_(A, content="x<|fim_suffix|>")),
        '"x<|',
        chat_line(U, with_(A, content="<|not a token|> <| endoftext |>")),
    ),
    (
        "system_not_first",
        "messages[1].role",
        chat_line(U, S, A),
        '"system"',
        chat_line({"role": "developer", "content": "d"}, U, A),
    ),
    (
        "consecutive_same_role",
        "messages[1].role",
        chat_line(U, with_(U, content="again"), A),
        '"user", "content": "again"',
        chat_line(U, with_(A, content=None, tool_calls=[{}]), {"role": "tool", "content": "1"}, A),
    ),
    ("unknown_format", "", '{"instruction": "a", "output": "b"}', "{", chat_line(U, A)),
    ("mixed_formats", "", '{"prompt": "a", "completion": "b"}', "{", chat_line(U, A)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_rule_speaks_at_the_place_and_not_beside_it(
    case: tuple[str, str, str, str, str],
) -> None:
    code, path, raw, place, near = case
    issues = checked(raw)
    assert [(issue.code, issue.path) for issue in issues] == [(code, path)]
    (issue,) = issues
    assert (issue.line, issue.column) == (1, raw.index(place) + 1)
    assert issue.severity == RULES[code].severity
    assert issue.message
    assert issue.hint
    if near:
        assert code not in [issue.code for issue in checked(near)]


OTHER_FORMATS = [
    (
        Format.PREFERENCE,
        "missing_input",
        '{"preferred_output": [%s], "non_preferred_output": [%s]}',
    ),
    (Format.COMPLETION, "missing_prompt", '{"completion": "b"}'),
    (Format.COMPLETION, "missing_completion", '{"prompt": "b"}'),
    (Format.COMPLETION, "completion_type", '{"prompt": "b", "completion": 1}'),
    (Format.COMPLETION, "empty_completion", '{"prompt": "b", "completion": " "}'),
]


@pytest.mark.parametrize(("kind", "code", "raw"), OTHER_FORMATS)
def test_other_formats_have_their_basic_rules(kind: Format, code: str, raw: str) -> None:
    good = json.dumps(A), json.dumps(with_(A, content="b"))
    raw = raw % good if "%s" in raw else raw
    assert [issue.code for issue in checked(raw, kind=kind)] == [code]


INVALID_JSON = [
    ('{"a": 1,}', ",}", "comma before the closing }"),
    ("[1, 2,]", ",]", "comma before the closing ]"),
    ("{'a': 1}", "'a", "single quotes"),
    ("{\"a\": 'b'}", "'b", "single quotes"),
    ('{"a": “b”}', "“b", "quote"),
    ('{"a": 1} // x', "//", "comment"),
    ('{/* x */ "a": 1}', "/*", "comment"),
    ('# x {"a": 1}', "#", "comment"),
    ('{"a": NaN}', "NaN", "NaN"),
    ('{"a": Infinity}', "Infinity", "Infinity"),
    ('{"a": -Infinity}', "-Inf", "-Infinity"),
    ('{"a": None}', "None", "None"),
    ('{"a": True}', "True", "True"),
    ('{"é": "x\ty"}', "\t", "tab"),
    ('{"é": "x\0y"}', "\0", "NUL"),
    ('{"a": 1} {"b": 2}', '{"b"', "second value"),
    ('{"a": 1}{"b": 2}', '{"b"', "second value"),
    ('{"a": 1} x', "x", "after the record"),
    ('{"a": 1},', ",", "comma after the record"),
    ('{"a": 1}}', "}}", "too many"),
    ('{"a" 1}', "1", "colon"),
    ('{"a": 1 "b": 2}', '"b"', "comma is missing"),
    ('{"a": "say "no" twice"}', 'no"', "follows a finished value"),
    ("{a: 1}", "a", "without quotes"),
    ('{"a": "\\x41"}', "\\", "backslash"),
    ('{"a": 01}', "01", "number"),
    ('{"a": +1}', "+1", "number"),
    ('{"a": .5}', ".5", "number"),
    ('{"a": [1}', "}", "]"),
    ('{"a": 1]', "]", "}"),
    ('{"a": }', "}", "value is missing"),
    ("hello", "h", "not JSON"),
    ('{"a": 1e999}', "1e", "too large"),
]


@pytest.mark.parametrize(("raw", "place", "word"), INVALID_JSON)
def test_invalid_json_is_told_by_its_shape(raw: str, place: str, word: str) -> None:
    (issue,) = checked(raw)
    expected = raw.index(place) + 1
    if word == "too many":
        expected += 1
    assert (issue.code, issue.column) == ("invalid_json", expected)
    assert word in issue.message
    assert issue.hint


@pytest.mark.parametrize(
    "raw", ['{"a": [1, {"b": 2', '{"a": "b', '{"a', '{"a":', '{"a": "b\\', '{"日本": ["😀",']
)
def test_a_line_that_is_cut_off_says_so_at_its_end(raw: str) -> None:
    (issue,) = checked(raw)
    assert (issue.code, issue.column) == ("invalid_json", len(raw) + 1)
    assert "cut off" in issue.hint


def test_bytes_that_are_not_utf8_are_placed_and_guessed() -> None:
    raw = '{"messages": [{"role": "user", "content": "日本 caf'.encode() + b'\xe9"}, '
    raw += b'{"role": "assistant", "content": "a"}]}'
    (issue,) = checked(raw)
    assert (issue.code, issue.column) == (
        "invalid_utf8",
        len('{"messages": [{"role": "user", "content": "日本 caf') + 1,
    )
    assert "Latin-1" in issue.hint


def test_all_issues_of_a_record_are_told_even_beside_bad_bytes() -> None:
    raw = b'{"messages": [{"role": "user", "content": "\xff", "id": 1}, '
    raw += b'{"role": "bot", "content": null}]}'
    assert [issue.code for issue in checked(raw)] == [
        "invalid_utf8",
        "message_unrecognized_key",
        "unrecognized_role",
        "missing_content",
    ]


@pytest.mark.parametrize("depth", [300, 1023, 2000, 100_000])
def test_deep_nesting_is_one_issue(depth: int) -> None:
    (issue,) = checked('{"messages": ' + "[" * depth + "]" * depth + "}")
    assert issue.code == "too_deep"
    (issue,) = checked("[" * depth)
    assert issue.code == ("too_deep" if depth > 256 else "invalid_json")


def test_severity_follows_the_profile() -> None:
    raw = '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]}'
    for profile, severity in (("openai", Severity.WARNING), ("azure", Severity.ERROR)):
        (issue,) = checked(raw, kind=Format.REINFORCEMENT, profile=profile)
        assert (issue.code, issue.severity) == ("system_role", severity)


def test_every_rule_is_listed_with_its_reasons() -> None:
    for code, rule in RULES.items():
        assert rule.code == code
        assert rule.summary
        assert rule.evidence
        assert rule.section


def test_the_special_tokens_of_openai_are_all_known() -> None:
    from tui.dataset.rules.text import special_tokens
    from tui.tokens import get_encoding

    for name in ("cl100k_base", "o200k_base", "p50k_base"):
        for token in get_encoding(name).special_tokens_set:
            assert special_tokens(name).fullmatch(token), (name, token)


# What the quick path accepts, the rules find nothing in.

roles = st.sampled_from(["system", "user", "assistant", "tool", "developer", "human", "", 1, None])
contents = st.one_of(
    st.text(max_size=8), st.none(), st.integers(), st.sampled_from([" ", "<|endoftext|>", "ok"])
)
message = st.fixed_dictionaries(
    {"role": roles, "content": contents},
    optional={"name": st.text(max_size=3), "weight": st.integers(0, 2)},
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.lists(st.one_of(message, json_values), max_size=5))
def test_the_quick_path_accepts_only_clean_records(messages: list[Any]) -> None:
    value = {"messages": messages}
    quick = chat.plain(value)
    slow = list(chat.check(value, "o200k_base"))
    if quick:
        assert not slow
        assert quick >> chat.PLAIN_SHIFT == shape(value)[0]


@given(json_values, st.booleans())
def test_strings_are_counted_alike_in_text_and_value(value: Any, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert quotes_match(raw, shape(value)[0])


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_for_one_record(raw: bytes) -> None:
    for issue in checked(raw):
        assert issue.column >= 1
        assert issue.message.isprintable()


@given(st.data())
def test_a_damaged_record_is_never_passed_and_never_fails(data: st.DataObject) -> None:
    raw = bytearray(chat_line(S, with_(U, content='a "quoted" ü 😀 text\n'), A).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    issues = checked(bytes(raw))
    try:
        value = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        assert issues
        return
    if not issues:
        assert isinstance(value, dict)
