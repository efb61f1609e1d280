"""Rules of images, preference, reinforcement and completions, each with a near miss."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataset.test_rules import A, S, U, chat_line, checked, json_values, with_
from tests.dataset.test_rules_tools import ANSWER, CALLER, TOOL
from tui.dataset import RULES, Format, check_file, get_profile
from tui.dataset.rules.tally import Tally

# What the examples teach has tests of its own.
check_file = partial(check_file, quality=False)

B = with_(A, content="b")
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()


def image(url: object = PNG, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def shown(*parts: object) -> str:
    return chat_line(with_(U, content=[{"type": "text", "text": "what?"}, *parts]), A)


def one(kind: Format, raw: str, profile: str = "openai") -> tuple[str, str, int]:
    (issue,) = checked(raw, kind=kind, profile=profile)
    assert issue.line == 1
    assert issue.message
    assert issue.hint
    assert issue.severity == get_profile(profile).severity(issue.code, RULES[issue.code].severity)
    return issue.code, issue.path, issue.column


def place(raw: str, text: str) -> int:
    return raw.index(text) + 1


# Images

URL = "messages[0].content[1].image_url.url"
BAD_IMAGES = [
    ("invalid_image_url", URL, image("lamp.png"), '"lamp.png"'),
    ("invalid_image_url", URL, image("ftp://x.org/a.png"), '"ftp'),
    ("invalid_image_url", URL, image("https://"), '"https'),
    ("invalid_image_url", URL, image(""), '""'),
    ("invalid_image_url", URL, image(7), "7"),
    ("invalid_image_url", URL, image("data:image/gif;base64,R0lGODlh"), '"data'),
    ("invalid_image_url", URL, image("data:image/png;base64,R0lGODlh"), '"data'),
    ("invalid_image_url", URL, image("data:image/png,abc"), '"data'),
    ("invalid_image_url", URL, image("data:image/png;base64,"), '"data'),
    ("invalid_image_url", URL, image("data:image/png;base64,<svg>"), '"data'),
    ("invalid_image_url", URL, image("data:text/plain;base64,QUJD"), '"data'),
    ("invalid_image_url", URL[:-4], {"type": "image_url", "image_url": "https://x.org"}, '"https'),
    ("invalid_image_url", URL[:-4], {"type": "image_url", "image_url": {}}, "{}"),
    ("invalid_image_detail", URL[:-3] + "detail", image(detail="max"), '"max"'),
    ("invalid_image_detail", URL[:-3] + "detail", image(detail=["low"]), '["low"]'),
    ("invalid_content_part", URL[:-14], {"type": "image_url"}, '{"type": "image_url"}'),
]


@pytest.mark.parametrize("case", BAD_IMAGES, ids=lambda case: case[0])
def test_bad_images(case: tuple[str, str, dict[str, Any], str]) -> None:
    code, path, part, text = case
    raw = shown(part)
    assert one(Format.CHAT, raw) == (code, path, place(raw, text))


@pytest.mark.parametrize(
    "part",
    [
        image(),
        image("HTTPS://x.org/a%20b?c=ü#d"),
        image("http://127.0.0.1:80/a.gif", detail="auto"),
        image("data:image/jpeg;base64,/9j/4AAQ", detail=None),
        image("data:image/jpg;charset=utf-8;base64,AAAA"),
        image("DATA:IMAGE/WEBP;BASE64,UklGRg==", detail="low"),
    ],
)
def test_good_images(part: dict[str, Any]) -> None:
    assert checked(shown(part)) == []


def test_an_image_may_have_ten_megabytes() -> None:
    limit = get_profile().max_image_bytes
    assert limit == 10 << 20
    head = "data:image/png;base64,"
    raw = shown(image(head + "A" * (limit - len(head))))
    assert checked(raw) == []
    raw = shown(image(head + "A" * (limit - len(head) + 1)))
    assert one(Format.CHAT, raw) == ("image_too_large", URL, place(raw, '"data:'))


def test_a_record_may_have_ten_images() -> None:
    raw = shown(*[image() for _ in range(10)])
    assert checked(raw) == []
    raw = shown(*[image() for _ in range(10)], image("https://eleven.org"), image())
    path = "messages[0].content[11]"
    column = place(raw, '{"type": "image_url", "image_url": {"url": "https://el')
    assert one(Format.CHAT, raw) == ("too_many_images", path, column)
    assert checked(raw, profile="azure") == []


def test_no_image_in_an_answer() -> None:
    answer = with_(A, content=[{"type": "text", "text": "this"}, image()])
    raw = chat_line(U, answer)
    column = place(raw, '{"type": "image_url"')
    assert one(Format.CHAT, raw) == ("image_in_output", "messages[1].content[1]", column)
    raw = pair(output=[answer])
    path = "preferred_output[0].content[1]"
    assert one(Format.PREFERENCE, raw) == ("image_in_output", path, place(raw, '{"type": "image_'))
    raw = pair(messages=[with_(U, content=[image()])])
    assert checked(raw, kind=Format.PREFERENCE) == []


@given(st.lists(json_values, max_size=3), json_values, json_values)
def test_no_image_is_too_odd(content: list[Any], url: Any, detail: Any) -> None:
    part = {"type": "image_url", "image_url": url}
    messages = [with_(U, content=[*content, image(url, detail=detail), part]), content, A]
    for issue in checked(chat_line(*messages)):
        assert issue.column >= 1
        assert issue.message.isprintable()


def many(path: Path, line: str, count: int) -> Path:
    path.write_text(f"{line}\n" * count, encoding="utf-8")
    return path


def test_a_file_may_have_fifty_thousand_records_with_images(tmp_path: Path) -> None:
    path = many(tmp_path / "a.jsonl", shown(image("https://x.org")), 50_000)
    with path.open("a") as file:
        file.write(chat_line(S, U, A) + "\n")
    assert "too_many_images" not in check_file(path).counts
    with path.open("a") as file:
        file.write(shown(image("https://x.org")) + "\n")
    report = check_file(path)
    assert report.counts["too_many_images"] == 1
    issue = report.issues.by_code("too_many_images")[0]
    assert issue.line == 0
    assert "50,001" in issue.message


# Preference


def pair(
    *,
    messages: object = None,
    output: object = None,
    worse: object = None,
    inside: dict[str, object] | None = None,
    **more: object,
) -> str:
    given = {"messages": [U] if messages is None else messages, **(inside or {})}
    record = {
        "input": given,
        "preferred_output": [A] if output is None else output,
        "non_preferred_output": [B] if worse is None else worse,
        **more,
    }
    return json.dumps(record, ensure_ascii=False)


PREFERENCE = [
    ("missing_input", "input", pair(input="q"), '"q"'),
    ("missing_input", "input", pair(input={}), "{}"),
    ("missing_messages_list", "input.messages", pair(messages=[]), "[]"),
    ("missing_messages_list", "input.messages", pair(messages="hello"), '"hello"'),
    ("missing_output", "", '{"input": {"messages": [%s]}, "preferred_output": [%s]}', "{"),
    ("invalid_output", "preferred_output", pair(output="yes"), '"yes"'),
    ("invalid_output", "preferred_output", pair(output=B), '{"role": "assistant", "content": "b"}'),
    ("invalid_output", "non_preferred_output", pair(worse=[]), "[]"),
    ("invalid_output", "preferred_output[0].role", pair(output=[with_(U, content="x"), A]),
     '"user", "content": "x"'),
    ("invalid_output", "preferred_output[0].role", pair(output=[{"role": "user", "content": "x"}]),
     '"user", "content": "x"'),
    ("invalid_output", "preferred_output[0].role", pair(output=[S, A]), '"system"'),
    ("invalid_output", "preferred_output[0].role", pair(output=[B, A]), '"assistant"'),
    ("identical_outputs", "non_preferred_output",
     pair(worse=[A]), '[{"role": "assistant", "content": "a"}]}'),
    ("identical_outputs", "non_preferred_output",
     pair(worse=[with_(A, content=[{"type": "text", "text": "a"}])]),
     '[{"role": "assistant", "content": [{'),
    ("input_ends_with_assistant", "input.messages[1].role",
     pair(messages=[U, with_(A, content="x")]),
     '"assistant", "content": "x"'),
    ("record_unrecognized_key", "tools", pair(tools=[TOOL]), '"tools"'),
    ("record_unrecognized_key", "input.id", pair(inside={"id": 7}), '"id"'),
    ("functions_deprecated", "input.functions", pair(inside={"functions": []}), '"functions"'),
    ("invalid_parallel_tool_calls", "input.parallel_tool_calls",
     pair(inside={"parallel_tool_calls": "no"}), '"no"'),
    ("invalid_tools", "input.tools", pair(inside={"tools": {}}), "{}"),
    ("unrecognized_role", "preferred_output[0].role", pair(output=[with_(A, role="gpt")]), '"gpt"'),
    ("missing_content", "non_preferred_output[0].content",
     pair(worse=[with_(A, content=None)]), "null"),
    ("message_unrecognized_key", "input.messages[0].id", pair(messages=[with_(U, id=1)]), '"id"'),
    ("unknown_function", "preferred_output[0].tool_calls[0].function.name", pair(output=[CALLER]),
     '"weather"'),
    ("tool_message_orphan", "input.messages[1].tool_call_id",
     pair(messages=[U, with_(ANSWER, tool_call_id="zz"), with_(U, content="and?")]), '"zz"'),
    ("special_token", "preferred_output[0].content",
     pair(output=[with_(A, content="<|endoftext|>")]),
     '"<|end'),
]  # fmt: skip


@pytest.mark.parametrize("case", PREFERENCE, ids=lambda case: f"{case[0]}-{case[1]}")
def test_preference_rules(case: tuple[str, str, str, str]) -> None:
    code, path, raw, text = case
    raw = raw % (json.dumps(U), json.dumps(A)) if "%s" in raw else raw
    assert one(Format.PREFERENCE, raw) == (code, path, place(raw, text))


@pytest.mark.parametrize(
    "raw",
    [
        pair(),
        pair(worse=[with_(A, content="a ")]),
        pair(messages=[S, U, A, with_(U, content="more")]),
        pair(inside={"tools": [TOOL], "parallel_tool_calls": False}, output=[CALLER]),
        pair(inside={"tools": [TOOL]}, output=[CALLER], worse=[with_(CALLER, content="hm")]),
        pair(inside={"tools": [TOOL]}, messages=[U, CALLER, ANSWER]),
        pair(inside={"tools": [TOOL]}, messages=[U, CALLER], output=[ANSWER, A]),
    ],
)
def test_good_preference_records(raw: str) -> None:
    codes = [issue.code for issue in checked(raw, kind=Format.PREFERENCE)]
    assert codes in ([], ["input_ends_with_assistant"])


def test_older_names_of_outputs_are_fixable_where_they_hold_one() -> None:
    for value, fixable in (([A], True), ("text", False)):
        record = {"input": {"messages": [U]}, "preferred_completion": value}
        raw = json.dumps({**record, "non_preferred_output": [B]})
        (issue,) = checked(raw, kind=Format.PREFERENCE)
        assert (issue.code, issue.fixable) == ("missing_output", fixable)


# Reinforcement


def test_reinforcement_rules() -> None:
    kind = Format.REINFORCEMENT
    raw = chat_line(U, A, answer="7")
    column = place(raw, '"assistant"')
    assert one(kind, raw) == ("last_message_not_user", "messages[1].role", column)
    raw = chat_line(S, U)
    for profile in ("openai", "azure"):
        column = place(raw, '"system"')
        assert one(kind, raw, profile) == ("system_role", "messages[0].role", column)
    raw = chat_line(U, tools=[{"type": "tool"}])
    assert one(kind, raw) == ("invalid_tools", "tools[0].type", place(raw, '"tool"'))


@pytest.mark.parametrize(
    "raw",
    [
        chat_line(U, reference=1, parallel_tool_calls="yes", functions=["f"], chosen=[None]),
        chat_line({"role": "developer", "content": "d"}, U),
        chat_line(U, CALLER, ANSWER, with_(U, content="so?"), tools=[TOOL]),
    ],
)
def test_good_reinforcement_records(raw: str) -> None:
    assert checked(raw, kind=Format.REINFORCEMENT, profile="azure") == []


def test_reinforcement_takes_fifty_thousand_records(tmp_path: Path) -> None:
    path = many(tmp_path / "a.jsonl", chat_line(U, answer="7"), 50_000)
    assert check_file(path).counts == {}
    with path.open("a") as file:
        file.write(chat_line(U, answer="7") + "\n")
    report = check_file(path)
    assert report.format is Format.REINFORCEMENT
    assert report.counts == {"too_many_records": 1}
    assert report.issues[0].line == 0
    assert check_file(path, profile="nebius").counts == {}


# Prompt and completion

PROMPT, DONE = "Why {}?\n\n###\n\n", " Because {}. END"


def pairs(path: Path, prompt: str = PROMPT, completion: str = DONE, count: int = 12) -> Path:
    lines = [
        json.dumps({"prompt": prompt.format(i), "completion": completion.format(i)})
        for i in range(count)
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("prompt", "completion", "codes"),
    [
        (PROMPT, DONE, set()),
        ("Why {}", DONE, {"no_common_separator"}),
        ("Why {} thing", DONE, set()),
        ("Why {}thing", DONE, {"no_common_separator"}),
        (PROMPT, " Because {}", {"no_common_ending"}),
        (PROMPT, "Because {}. END", {"completion_no_leading_space"}),
        (PROMPT, "\nBecause {}. END", set()),
    ],
)
def test_habits_of_completions(
    tmp_path: Path, prompt: str, completion: str, codes: set[str]
) -> None:
    report = check_file(pairs(tmp_path / "a.jsonl", prompt, completion))
    assert report.counts == dict.fromkeys({*codes, "models_retired"}, 1)
    assert all(issue.line == 0 for issue in report.issues)


def test_some_providers_still_take_completions(tmp_path: Path) -> None:
    path = pairs(tmp_path / "a.jsonl")
    assert check_file(path, profile="nebius").counts == {}
    assert check_file(path, profile="azure").counts == {"models_retired": 1}


words = st.fixed_dictionaries({"prompt": st.text(max_size=5), "completion": st.text(max_size=5)})


@given(st.lists(words, max_size=8), st.integers(0, 8))
def test_parts_of_a_file_add_up_to_the_whole(records: list[dict[str, object]], at: int) -> None:
    whole, first, second = Tally(), Tally(), Tally()
    for number, record in enumerate(records):
        whole.add(record, Format.COMPLETION, 0)
        (first if number < at else second).add(record, Format.COMPLETION, 0)
    first.merge(second)
    assert first == whole


def test_deep_tools_do_not_end_a_scan(tmp_path: Path) -> None:
    deep = "[" * 1010 + "]" * 1010
    line = f'{{"messages": [], "tools": [{{"function": {{"name": "f", "x": {deep}}}}}]}}'
    report = check_file(many(tmp_path / "a.jsonl", line, 12))
    assert report.counts == {"too_deep": 12}


# What is fixable


@pytest.mark.parametrize(
    ("raw", "fixable"),
    [
        (chat_line(U, with_(A, weight="1")), True),
        (chat_line(U, with_(A, weight=0.5)), False),
        (chat_line(with_(U, weight=1), A), True),
        (chat_line(with_(U, images=["a.png"]), A), False),
        (chat_line(with_(U, files=["a"]), A), False),
        (chat_line(with_(U, images=2), A), True),
        (chat_line(with_(U, id="x"), A), True),
        (chat_line(U, A, id="x"), True),
        (chat_line(U, A, weight=1), True),
        (chat_line(U, A, weight=0.3), False),
        (chat_line(U, A, chosen="x"), False),
        (chat_line(U, A, completion="x"), False),
        (chat_line(with_(U, role="observation"), with_(U, content="x"), A), False),
        (chat_line(with_(U, role="Human"), A), True),
        (chat_line(with_(U, role="narrator"), A), False),
    ],
)
def test_fixable_is_what_a_repair_repairs(raw: str, fixable: bool) -> None:
    (issue,) = checked(raw)
    assert issue.fixable == fixable
    from tui.dataset import repair_record

    done = repair_record(raw.encode(), json.loads(raw))
    after = checked(done.raw)
    assert (issue.code not in [left.code for left in after]) == fixable


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("query", "response"), "query and response"),
        (("question", "answer"), "question and answer"),
        (("prompt", "chosen", "rejected"), "chosen and rejected"),
        (("instruction", "output"), "Alpaca"),
        (("conversations",), "ShareGPT"),
    ],
)
def test_foreign_records_are_sent_to_the_converter(keys: tuple[str, ...], name: str) -> None:
    (issue,) = checked(json.dumps(dict.fromkeys(keys, "x")))
    assert issue.code == "unknown_format"
    assert name in issue.message
    assert "tunedeck convert FILE -o OUT" in issue.hint


def test_an_array_of_short_strings_is_read_in_blocks_of_one_size(tmp_path: Path) -> None:
    from tui.dataset import Source
    from tui.dataset.arrays import array_spans

    class Counting:
        longest = 0

        def read(self, offset: int, length: int) -> bytes:
            self.longest = max(self.longest, length)
            return source.read(offset, length)

    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"prompt": "x" * 9_000, "completion": "y" * 9_000}] * 600))
    source, counting = Source.open(path), Counting()
    try:
        spans = list(array_spans(counting, 0, source.size))  # type: ignore[arg-type]
    finally:
        source.close()
    assert len(spans) == 600
    assert counting.longest <= 1 << 20
