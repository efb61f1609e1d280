"""Faults of lines and files."""

from __future__ import annotations

import json

from tests.dataset.corpus import A, Case, S, U, chat, clean

GOOD = chat(S, U, A)
WIDE = chat(S, {"role": "user", "content": '😀 \\ " \t漢字 é'}, A)


def _join(rows: list[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


CASES = [
    Case("invalid_utf8", b'{"messages": [{"role": "user", "content": "caf\xe9?"}, '
         b'{"role": "assistant", "content": "Yes, it is."}]}', at="\ufffd", near=WIDE),
    Case("invalid_utf8", lambda rows: _join(rows).encode("utf-16")),
    Case("byte_order_mark", lambda rows: "\ufeff" + _join(rows), near=_join),
    # The exact comma, quote or bracket, each with text before it that is hard to count.
    Case("invalid_json", WIDE[:-1] + ",}", at=",}", near=WIDE),
    Case("invalid_json", WIDE[:-2] + ",]}", at=",]}", near=chat(S, U, A, tools=[])),
    Case("invalid_json", WIDE.replace('"role": "user"', "'role': \"user\""), at="'role"),
    Case("invalid_json", WIDE.replace('"role": "user"', "\"role\": 'user'"), at="'user"),
    Case("invalid_json", WIDE + " // note", at="//", near=WIDE + "   "),
    Case("invalid_json", WIDE[:-1] + ", /* a */ \"tools\": []}", at="/*"),
    Case("invalid_json", chat(S, U, A).replace('"content": "Jup', '"weight": NaN, "content": "Jup'),
         at="NaN", near=chat(S, U, {**A, "weight": 1})),
    Case("invalid_json", chat(S, U, A).replace('"content": "Jup',
         '"weight": -Infinity, "content": "Jup'), at="-Inf"),
    Case("invalid_json", WIDE.replace("漢字", "漢\x01字"), at="\x01"),
    Case("invalid_json", WIDE.replace("漢字", "漢\t字"), at="\t字", near=WIDE),
    Case("invalid_json", GOOD + GOOD, at='{"messages', nth=1, near=GOOD),
    Case("invalid_json", GOOD + " and more", at="and more"),
    Case("invalid_json", GOOD + ",", at=",", nth=GOOD.count(","), near=GOOD + "\r"),
    Case("invalid_json", GOOD[:-1], row=0, at="", near=GOOD),
    Case("invalid_json", GOOD[:-30], row=0, at="", near=GOOD),
    Case("invalid_json", WIDE.replace('"content": "😀', '"content" "😀'), at='"😀', near=WIDE),
    Case("invalid_json", WIDE.replace('}, {"role": "user"', '} {"role": "user"'), at='{"role": "u'),
    Case("invalid_json", WIDE.replace('{"role": "user"', '{role: "user"'), at="role: "),
    Case("invalid_json", WIDE.replace('"user"', '“user”'), at="“user"),
    Case("invalid_json", WIDE.replace("漢字", "\\x41"), at="\\x41"),
    Case("invalid_json", WIDE.replace("漢字", "say \"hi\" to"), at="hi"),
    Case("invalid_json", WIDE[:-1] + ']', at="]", nth=WIDE.count("]")),
    Case("invalid_json", GOOD.replace('"content": "Jup', '"weight": 01, "content": "Jup'),
         at="01"),
    Case("invalid_json", GOOD.replace('"content": "Jup', '"weight": True, "content": "Jup'),
         at="True"),
    Case("pretty_printed", json.dumps(json.loads(GOOD), indent=2), near=GOOD),
    Case("too_deep", "[" * 2000 + "]" * 2000, at="", near=chat(S, U, A, tools=[{
        "type": "function", "function": {"name": "f", "parameters": {"type": "object",
        "properties": {"a": {"type": "object", "properties": {"b": {"type": "array", "items": {
        "type": "array", "items": {"type": "object", "properties": {}}}}}}}}}}])),
    Case("blank_line", "", near=GOOD),
    Case("blank_line", "  \t"),
    Case("data_type", f"[{GOOD}]", at="[", near=GOOD),
    Case("data_type", "42", at="42"),
    Case("data_type", '"text"', at='"text"'),
    Case("duplicate_key", GOOD.replace('{"role": "user"', '{"role": "user", "role" : "user"'),
         "messages[1].role", '"role" :', near=chat(S, {**U, "content": 'say "role": "role"'}, A)),
    Case("duplicate_key", chat(S, U, A, tools=[])[:-1] + ', "tools" : []}', "tools", '"tools" :'),
    Case("lone_surrogate", GOOD.replace("Which", "\\ud83d Which"), "messages[1].content",
         '"\\ud83d', near=GOOD.replace("Which", "\\ud83d\\ude00 Which")),
    Case("too_few_examples", lambda rows: _join(rows[:9]), near=_join),
    Case("mixed_formats", clean(50, "completion"), at="{", near=GOOD),
    Case("mixed_formats", clean(50, "preference"), at="{"),
    Case("unknown_format", '{"instruction": "Add.", "input": "1 2", "output": "3"}', at="{",
         near=GOOD),
    Case("unknown_format", '{"conversations": [{"from": "human", "value": "a"}]}', at="{"),
    Case("unknown_format", '{"system": "a", "user": "b", "assistant": "c"}', at="{"),
    Case("unknown_format", '{"question": "a", "answer": "b"}', at="{"),
    Case("empty_file", lambda rows: "", near=_join),
    Case("empty_file", lambda rows: "\n\n \n"),
]  # fmt: skip
