"""What differs between two texts and two records, and how it is shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from widgets.conversation import conversation
from widgets.diff import MOST_TOKENS, json_diff, word_spans
from widgets.diff_view import DiffView
from widgets.record_data import Mark, RecordData
from widgets.record_layout import chat_rows
from widgets.text import cell_width, use_ascii

PIECES = [
    "a",
    "b",
    "ab",
    "  ",
    "\n",
    " ",
    ",",
    ". ",
    "猫",
    "犬",
    "é",
    "1",
    "\t",
    "\ud800",
    "e\u0301",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, here = [], 0
    for start, end in spans:
        assert here <= start < end <= len(text)
        parts.append(text[here:start])
        here = end
    return "".join(parts) + text[here:]


@given(TEXT, TEXT)
def test_what_is_not_marked_is_the_same_in_both(old: str, new: str) -> None:
    olds, news = word_spans(old, new)
    assert without(old, olds) == without(new, news)
    assert bool(olds or news) == (old != new)


def test_words_are_marked_whole() -> None:
    assert word_spans("It costs 20 dollars.", "It costs 25 dollars.") == ([(9, 11)], [(9, 11)])
    assert word_spans("received", "receive") == ([(0, 8)], [(0, 7)])
    assert word_spans("我要一杯咖啡", "我要两杯咖啡") == ([(2, 3)], [(2, 3)])


def test_long_texts_are_compared_sentence_by_sentence() -> None:
    sentences = [f"Sentence {n} says {n * n} things about {n % 7}." for n in range(900)]
    old = " ".join(sentences)
    sentences[100] = "Another one stands here."
    sentences[800] = "And here."
    new = " ".join(sentences)
    olds, news = word_spans(old, new)
    assert without(old, olds) == without(new, news)
    assert sum(end - start for start, end in news) < 100


def test_texts_with_nothing_to_hold_on_to_count_as_changed() -> None:
    old = " ".join(str(n) for n in range(MOST_TOKENS + 10))
    new = " ".join(str(-n) for n in range(MOST_TOKENS + 10))
    olds, news = word_spans(old, new)
    assert without(old, olds) == without(new, news)


RECORD = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["x", "y z", "猫", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "role"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(RECORD, RECORD, st.booleans())
def test_a_record_can_be_put_together_again_from_its_lines(
    old: object, new: object, spaced: bool
) -> None:
    before = json.dumps(old, ensure_ascii=False)
    after = json.dumps(new, ensure_ascii=False, separators=None if spaced else (",", ":"))
    lines = json_diff(before, after, context=10_000)
    if not lines:
        assert json.loads(before) == json.loads(after)
        return
    for text, gone, value in ((before, "+", old), (after, "-", new)):
        kept = [
            (before if line.sign == "-" else after)[line.start : line.end]
            for line in lines
            if line.sign != gone
        ]
        assert json.loads("".join(kept)) == value, text
        assert all(line.sign != "~" for line in lines)


class One(App[None]):
    def __init__(self, view: DiffView) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        yield self.view


def drawn(view: DiffView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def test_lines_have_signs_and_words_are_underlined() -> None:
    view = DiffView()
    async with One(view).run_test(size=(60, 20)) as pilot:
        view.show(
            '{"messages": [{"role": "gpt", "content": "Hi \u202e there"}]}',
            '{"messages": [{"role": "assistant", "content": "Hi \u202e there"}]}',
            [("unrecognized_role: rewritten", "")],
        )
        await pilot.pause()
        lines = drawn(view)
        assert lines[0] == " unrecognized_role: rewritten"
        at = next(i for i, line in enumerate(lines) if line.startswith("-"))
        assert lines[at].split() == ["-", '"role":', '"gpt",']
        assert lines[at + 1].split() == ["+", '"role":', '"assistant",']
        assert "‹202E›" in "".join(lines)
        marked = [s.text for s in view.render_line(at + 1) if s.style and s.style.underline]
        assert "".join(marked) == "assistant"


async def test_a_record_that_goes_is_all_minus_and_a_long_one_is_shown_in_part() -> None:
    view = DiffView()
    async with One(view).run_test(size=(60, 400)) as pilot:
        view.show('{"a": 1}', None)
        await pilot.pause()
        assert [line[:1] for line in drawn(view) if line] == ["-", "-", "-"]
        long = "word " * 100_000
        view.show(json.dumps({"a": long + "x"}), json.dumps({"a": long + "y"}))
        await pilot.pause()
        assert view.row_count < 400
        assert "characters not shown" in "\n".join(drawn(view))


# Answers side by side

USER = {"role": "user", "content": "How much is it?"}


def preference(left: str, right: str) -> RecordData:
    value = {
        "input": {"messages": [USER]},
        "preferred_output": [{"role": "assistant", "content": left}],
        "non_preferred_output": [{"role": "assistant", "content": right}],
    }
    turns, extra = conversation(value)
    marks = (Mark("error", "is wrong", "code", path="non_preferred_output[0].content"),)
    return RecordData(turns=turns, raw=json.dumps(value), marks=marks, extra=extra)


@pytest.mark.parametrize("width", [20, 50, 69, 70, 93, 200])
@given(left=TEXT, right=TEXT)
def test_every_row_fits_whatever_the_answers(width: int, left: str, right: str) -> None:
    rows = chat_rows(preference(left, right), width)
    for row in rows:
        cells = sum(cell_width(text) for text, _ in row.lead) + cell_width(row.text)
        assert cells <= (row.room or width + 1)
        if row.beside is not None:
            beside = sum(cell_width(text) for text, _ in row.beside.lead)
            assert row.room + beside + cell_width(row.beside.text) <= width
    assert any(row.announces(0) for row in rows)
    assert any(row.beside is not None for row in rows) == (width >= 70)


def test_answers_have_their_differences_marked() -> None:
    rows = chat_rows(preference("It costs 20 euros.", "It costs 25 euros."), 90)
    lefts = [row for row in rows if row.changed]
    rights = [row.beside for row in rows if row.beside is not None and row.beside.changed]
    assert [row.text[s:e].strip() for row in lefts for s, e in row.changed] == ["20"]
    assert [row.text[s:e].strip() for row in rights for s, e in row.changed] == ["25"]
    stacked = chat_rows(preference("It costs 20 euros.", "It costs 25 euros."), 50)
    assert sum(bool(row.changed) for row in stacked) == 2


def test_a_graders_fields_stand_beside_the_question() -> None:
    value = {"messages": [USER], "target": 77, "nums": [1, 2], "why": "line one\nline two"}
    turns, extra = conversation(value)
    record = RecordData(turns=turns, raw=json.dumps(value), extra=extra)
    wide = [row.beside.text for row in chat_rows(record, 100) if row.beside is not None]
    assert wide == [" FIELDS FOR THE GRADER", "77", "[1, 2]", "line one", "line two"]
    narrow = [row.text for row in chat_rows(record, 50)]
    assert narrow[-6:] == ["", " FIELDS FOR THE GRADER", "77", "[1, 2]", "line one", "line two"]


def test_tools_are_read_as_signatures() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "units": {"enum": ["C", "F"]},
            "days": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["city"],
    }
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    value = {"messages": [USER], "tools": [tool]}
    turns, extra = conversation(value)
    use_ascii(True)
    try:
        rows = chat_rows(RecordData(turns=turns, raw="{}", extra=extra), 60)
    finally:
        use_ascii(False)
    assert [row.text for row in rows][-5:] == [
        "-> weather",
        "city: string",
        "Where",
        'units: one of "C", "F", optional',
        "days: list of integer, optional",
    ]


@given(RECORD)
def test_tools_of_any_shape_are_shown(tools: object) -> None:
    turns, extra = conversation({"messages": [USER], "tools": tools, "functions": [tools]})
    assert chat_rows(RecordData(turns=turns, raw="{}", extra=extra), 40)
