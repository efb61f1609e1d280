"""Numbers, axes, rasters, plain tables and record data: everything that needs no terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets import numbers, plain
from widgets.axes import Axes, StillLimits, nice_step, round_up, ticks, x_end
from widgets.cells import changed_runs
from widgets.conversation import conversation
from widgets.raster import draw
from widgets.record_data import Mark, RecordData
from widgets.record_layout import (
    chat_rows,
    fault_span,
    pretty_lines,
    raw_rows,
    shown_spans,
    token_end,
    turn_of,
)
from widgets.strokes import Series, buckets, runs
from widgets.text import cell_width, use_ascii

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "role", "content", "tool_calls", "function", "type", "text", "prompt"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.fixture(autouse=True)
def _unicode() -> Iterator[None]:
    yield
    use_ascii(False)


# Numbers


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.integer(1234567), "1,234,567"),
        (numbers.compact(950), "950"),
        (numbers.compact(999.6), "1k"),
        (numbers.compact(12345), "12.3k"),
        (numbers.compact(4_560_000), "4.56M"),
        (numbers.compact(float("nan")), "-"),
        (numbers.size(812), "812 B"),
        (numbers.size(12_300_000), "12.3 MB"),
        (numbers.duration(0.42), "0.4s"),
        (numbers.duration(59.7), "1m 00s"),
        (numbers.duration(185), "3m 05s"),
        (numbers.duration(7800), "2h 10m"),
        (numbers.duration(4 * 86400 + 3 * 3600), "4d 03h"),
        (numbers.usd(0.4306), "$0.4306"),
        (numbers.usd(1234.5), "$1,234.50"),
        (numbers.usd(0.00001), "<$0.0001"),
        (numbers.percent(1, 1000), "<1%"),
        (numbers.percent(999, 1000), ">99%"),
        (numbers.percent(0, 0), "-"),
        (numbers.metric(0.41234), "0.4123"),
        (numbers.metric(12.3456), "12.346"),
        (numbers.metric(0.0000314), "3.14e-05"),
        (numbers.metric(float("inf")), "inf"),
        (numbers.metric(None), "-"),
    ],
)
def test_numbers(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_never_fail(value: float) -> None:
    for show in (numbers.integer, numbers.compact, numbers.size, numbers.duration, numbers.metric):
        assert show(value)


# Axes


@given(st.floats(1e-9, 1e9), st.integers(1, 10))
def test_steps_are_round_and_enough(span: float, intervals: int) -> None:
    step = nice_step(span, intervals)
    assert step * intervals >= span * 0.999999
    assert f"{step:.6e}".split("e")[0] in ("1.000000", "2.000000", "2.500000", "5.000000")


def test_unknown_ends_are_round_and_near() -> None:
    assert [round_up(n) for n in (1, 11, 21, 51, 101, 5001)] == [10, 15, 30, 60, 150, 6_000]
    for n in range(10, 20_000, 7):
        assert n <= round_up(n) <= 1.5 * n + 5
    assert x_end(3, 150) == 150
    assert x_end(151, 150) == 200


def test_a_falling_loss_never_moves_the_axis() -> None:
    limits = StillLimits()
    seen = set()
    low = math.inf
    for step in range(1, 500):
        low = min(low, 2.3 * math.exp(-step / 80) + 0.2)
        high = 2.3 * math.exp(-1 / 80) + 0.2
        seen.add(limits.update(low, high, step, settled=step > 125))
    assert seen == {(0.0, 2.5)}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_limits_hold_the_data_and_change_rarely(values: list[float]) -> None:
    limits = StillLimits()
    low, high = math.inf, -math.inf
    for count, value in enumerate(values, 1):
        low, high = min(low, value), max(high, value)
        y0, y1 = limits.update(low, high, count)
        assert y0 <= low
        assert high <= y1
        assert limits.update(low, high, count) == (y0, y1)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 8))
def test_ticks_are_inside_and_differ(low: float, span: float, intervals: int) -> None:
    made = ticks(low, low + span, intervals)
    slack = span * 1e-6
    assert all(low - slack <= value <= low + span + slack for value, _ in made)
    assert len(made) <= intervals + 1


# Rasters

AXES = Axes(0, 100, 0, 2, ticks(0, 100, 4, whole=True), ticks(0, 2, 4))


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40),
    st.integers(1, 60),
    st.integers(1, 20),
    st.sampled_from(["braille", "block", "ascii"]),
)
@settings(max_examples=25, deadline=None)
def test_a_plot_is_a_grid_of_the_asked_size(
    values: list[float], width: int, height: int, marker: str
) -> None:
    y = np.array(values, dtype=float)
    series = Series(np.arange(len(y), dtype=float), y, "t", mark="o", line="o")
    rows, _ = draw([series], AXES, width, height, marker=marker)
    assert len(rows) == height
    for chars, keys in rows:
        assert len(chars) == len(keys) == width == cell_width(chars)
        assert marker != "ascii" or chars.isascii()


def test_what_a_small_plot_looks_like() -> None:
    x = np.arange(0.0, 101.0, 5)
    rows, frame = draw([Series(x, 2 - x / 60, "t")], AXES, 34, 9, marker="ascii")
    assert [chars.rstrip() for chars, _ in rows] == [
        " 2.0+****.   .   .   .   .   .   .",
        "    |    *****",
        " 1.5+.   .   .****** .   .   .   .",
        " 1.0+.   .   .   .  ******   .   .",
        " 0.5+.   .   .   .   .   .*****  .",
        "    |                          ***",
        " 0.0+.   .   .   .   .   .   .   .",
        "    ++------+------+------+------+",
        "     0     25     50     75    100",
    ]
    assert frame.width == 29


def test_a_gap_is_a_gap() -> None:
    x = np.arange(0.0, 101.0)
    y = np.ones(101)
    y[40:61] = np.nan
    rows, frame = draw([Series(x, y, "t")], AXES, 60, 10)
    drawn = {i for _, keys in rows for i, key in enumerate(keys) if key == "t"}
    middle = frame.left + frame.width // 2
    assert drawn
    assert not [i for i in drawn if abs(i - middle) < frame.width * 0.08]


@given(st.integers(0, 3000), st.integers(1, 120), st.integers(0, 2**32))
def test_two_points_a_column_keep_the_extremes(count: int, columns: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=count)
    x = np.arange(count, dtype=float)
    kept_x, kept_y = buckets(x, y, 0, max(1, count), columns)
    assert len(kept_x) <= 2 * columns
    assert list(kept_x) == sorted(kept_x)
    if count:
        assert kept_y.min() == y.min()
        assert kept_y.max() == y.max()


def test_runs_split_at_what_is_not_finite() -> None:
    y = np.array([np.nan, 1, 2, np.inf, 3, np.nan])
    assert [list(part[1]) for part in runs(np.arange(6.0), y)] == [[1, 2], [3]]


@given(st.text("ab ", min_size=30, max_size=30), st.text("ab ", min_size=30, max_size=30))
def test_changed_runs_are_enough(old: str, new: str) -> None:
    drawn = list(old)
    for start, end in changed_runs((old, "k" * 30), (new, "k" * 30)):
        drawn[start:end] = new[start:end]
    assert "".join(drawn) == new


# Plain text


def test_a_table_fits_and_is_clean() -> None:
    rows = [["gpt-4.1-mini-2025-04-14", 86120, "$0.43"], ["evil\x1b[31m中文", 5, None]]
    lines = plain.table(["model", "tokens", "usd"], rows, align="lrr", width=30)
    assert lines == [
        "model            tokens    usd",
        "───────────────  ──────  ─────",
        "gpt-4.1-mini-2…   86120  $0.43",
        "evil␛[31m中文         5      -",
    ]


def test_bars_say_values_and_limits() -> None:
    lines = plain.histogram([0, 512, 1024, 2048], [100, 3, 45], limit=1024, width=60)
    assert lines == [
        "    0 –   512  100  ██████████████████████████",
        "  512 – 1,024    3  ▊",
        "1,024 – 2,048   45  ███████████▊ over the limit",
    ]
    use_ascii(True)
    assert all(line.isascii() for line in plain.histogram([0, 5, 9], [1, 2], width=40))


def test_a_plain_plot_has_its_last_values_in_the_head() -> None:
    use_ascii(True)
    x = list(range(50))
    lines = plain.plot({"train": (x, [1 / (i + 1) for i in x])}, width=50, height=12, title="Loss")
    assert lines[0] == "Loss   * train 0.0200"
    assert len(lines) == 12
    assert all(line.isascii() and len(line) <= 50 for line in lines)
    assert plain.plot({"train": ([], [])}, title="Loss") == ["Loss: nothing to draw"]


# Records


@given(JSON)
def test_any_value_is_read_and_laid_out(value: object) -> None:
    turns, extra = conversation(value)
    raw = json.dumps(value)
    marks = (Mark("error", "bad", "code", "hint", "messages[0].role", 3), Mark("advice", "x"))
    record = RecordData(turns, raw, marks, len(raw), extra=extra)
    for rows in (chat_rows(record, 30), raw_rows(record, 30), raw_rows(record, 7, pretty=False)):
        assert rows
        assert any(row.mark == 0 for row in rows)
        assert any(row.mark == 1 for row in rows)


@given(st.text('{}[]:,"\\ab1 \n', max_size=60))
def test_indenting_changes_no_character(raw: str) -> None:
    lines = pretty_lines(raw)
    shown = "".join(raw[a:b] for _, a, b in lines)
    assert "".join(shown.split()) == "".join(raw.split())
    assert all(a < b for _, a, b in lines)


def test_indented_lines() -> None:
    raw = '{"a": [1, {"b": {}}], "c": "x,y"}'
    lines = [("  " * depth) + raw[a:b] for depth, a, b in pretty_lines(raw)]
    assert lines == [
        "{",
        '  "a": [',
        "    1,",
        "    {",
        '      "b": {}',
        "    }",
        "  ],",
        '  "c": "x,y"',
        "}",
    ]


def test_marks_find_their_turn_and_their_characters() -> None:
    raw = '{"messages": [{"role": "asistant", "content": "x"}]}'
    turns, extra = conversation(json.loads(raw))
    mark = Mark("error", "unknown", path="messages[0].role", start=raw.index('"asistant"'))
    record = RecordData(turns, raw, (mark,), len(raw), extra=extra)
    assert turn_of(record, mark) == 0
    assert turn_of(record, Mark("error", "x", path="messages[01]")) == -1
    span = fault_span(record, mark)
    assert span is not None
    assert raw[slice(*span)] == '"asistant"'
    rows = raw_rows(record, 60)
    at = next(i for i, row in enumerate(rows) if "asistant" in row.text)
    assert rows[at].text == '"role": "asistant",'
    assert rows[at + 1].text == "        ^^^^^^^^^^"
    assert rows[at + 2].text == "E unknown"


def test_token_ends() -> None:
    assert token_end('{"a": "b"}', 1) == 4
    assert token_end('{"a": "b"}', 0) == 1
    assert token_end('{"a": tru', 6) == 9
    assert token_end("x", 5) == 1


def test_huge_values_are_shown_in_part_and_say_so() -> None:
    text = "word " * 400_000
    raw = json.dumps({"messages": [{"role": "user", "content": text}]})
    turns, _ = conversation(json.loads(raw))
    at = len(raw) // 2
    record = RecordData(turns, raw, (Mark("error", "here", start=at, end=at + 4),), len(raw))
    rows = chat_rows(record, 80)
    assert len(rows) < 1_000
    assert any("1,960,000 more characters" in row.text for row in rows)
    rows = raw_rows(record, 80)
    assert len(rows) < 1_000
    assert any("^^^^" in row.text for row in rows)


def test_very_many_messages_are_shown_in_part_but_for_the_marked() -> None:
    value = {"messages": [{"role": "user", "content": f"hi {i}"} for i in range(20_000)]}
    raw = json.dumps(value)
    at = raw.index('"hi 15000"')
    mark = Mark("error", "here", path="messages[15000].content", start=at)
    record = RecordData(conversation(value)[0], raw, (mark,), len(raw))
    rows = chat_rows(record, 80)
    assert len(rows) < 5_000
    assert any(row.text == "hi 15000" for row in rows)
    assert sum("messages not shown" in row.text for row in rows) == 2
    rows = raw_rows(record, 80)
    assert len(rows) < 5_000
    caret = next(i for i, row in enumerate(rows) if "^" in row.text)
    assert "hi 15000" in rows[caret - 1].text


@given(
    st.integers(0, 500),
    st.integers(1, 100),
    st.lists(st.integers(0, 499), max_size=3),
)
def test_spans_are_ascending_and_keep_what_they_must(
    end: int, limit: int, places: list[int]
) -> None:
    spans = shown_spans(0, end, limit, [(place, place + 1) for place in places])
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    assert all(any(a <= place < b for a, b in spans) for place in places if place < end)


def test_a_preference_record_has_sections() -> None:
    turns, extra = conversation(
        {
            "input": {"messages": [{"role": "user", "content": "q"}], "tools": []},
            "preferred_output": [{"role": "assistant", "content": "a"}],
            "non_preferred_output": [{"role": "assistant", "content": "b"}],
        }
    )
    assert [(turn.section, turn.path) for turn in turns] == [
        ("", "input.messages[0]"),
        ("preferred output", "preferred_output[0]"),
        ("non-preferred output", "non_preferred_output[0]"),
    ]
    assert extra == (("tools", "[]"),)


def test_odd_content_is_told() -> None:
    turns, _ = conversation(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "look"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "noise"},
                    ],
                },
                {"role": 5, "content": 7, "weight": 2, "odd": True},
                "not a message",
            ]
        }
    )
    assert turns[0].text == "look"
    assert [part.kind for part in turns[0].parts] == ["image_url", "noise"]
    assert turns[0].parts[0].text == "image/png, 26 characters of data"
    assert (turns[1].role, turns[1].text, turns[1].extra) == ("5", "7", (("odd", "true"),))
    assert turns[2].text == '"not a message"'
