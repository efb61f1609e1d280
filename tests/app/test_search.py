"""The way from match to match, and how a text on the search line is taken."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.opened.search import Ask, Matches, calm, context, snippet
from tui.opened.views import View, walk

POSITIONS = st.lists(st.integers(0, 60), unique=True, max_size=20)


def found(positions: list[int], origin: int, *, ended: bool = True) -> Matches:
    """Matches as a search from ``origin`` brings them: what follows it first."""
    matches = Matches(Ask("x"), origin)
    matches.add(sorted(p for p in positions if p >= origin))
    matches.add(sorted(p for p in positions if p < origin))
    matches.ended = ended
    return matches


@given(POSITIONS, st.integers(0, 60))
def test_matches_are_kept_in_the_order_of_the_file(positions: list[int], origin: int) -> None:
    matches = found(positions, origin)
    assert matches.positions().tolist() == sorted(positions)
    assert len(matches) == len(positions)
    assert all((p in matches) == (p in positions) for p in range(61))


def test_a_record_looked_at_twice_counts_once() -> None:
    matches = found([3, 7], 5)
    matches.add([7, 9])
    assert matches.positions().tolist() == [3, 7, 9]


@given(
    positions=POSITIONS.filter(bool),
    order=st.permutations(range(61)) | st.none(),
    start=st.integers(0, 60),
    step=st.sampled_from([1, -1]),
)
def test_walking_agrees_with_a_plain_loop(
    positions: list[int], order: list[int] | None, start: int, step: int
) -> None:
    view = View(positions=None if order is None else np.array(order))
    rows = order or list(range(61))
    way = [(start + step * n) % 61 for n in range(1, 62)]
    expected = next(row for row in way if rows[row] in positions)
    taken = walk(view, found(positions, 0), start, step)
    assert taken.row == expected
    assert taken.wrapped == (expected <= start if step > 0 else expected >= start)
    assert taken.of == len(positions)


def test_the_way_does_not_go_round_before_everything_is_searched() -> None:
    running = found([4, 9], 4, ended=False)
    assert walk(View(), running, 4, 1).row == 9
    assert walk(View(), running, 9, 1).row is None
    assert walk(View(), running, 4, -1).row is None
    running.turned = True
    running.add([1])
    assert walk(View(), running, 9, 1).row == 1
    assert walk(View(), running, 1, -1).row is None


def test_matches_outside_the_view_are_passed_by() -> None:
    view = View(positions=np.array([8, 2, 5]))
    matches = found([2, 3, 8], 0)
    assert [walk(view, matches, row, 1).row for row in (-1, 0, 1)] == [0, 1, 0]
    assert walk(View(positions=np.array([1, 7])), matches, 0, 1).row is None


@pytest.mark.parametrize(
    ("ask", "matters"),
    [
        (Ask("refund"), False),
        (Ask("Refund"), True),
        (Ask(r"\Sx\D", regex=True), False),
        (Ask("refund", case="match"), True),
        (Ask("Refund", case="ignore"), False),
    ],
)
def test_capitals_matter_when_one_is_typed(ask: Ask, matters: bool) -> None:
    assert ask.matches_case is matters
    pattern = ask.pattern()
    assert pattern is not None
    assert bool(pattern.flags & re.IGNORECASE) is not matters


def test_a_wrong_expression_is_an_error_and_the_same_text_is_none() -> None:
    with pytest.raises(re.error):
        Ask("(", regex=True).pattern()
    assert Ask("(").pattern() is not None
    assert Ask("").pattern() is None


@pytest.mark.parametrize(
    ("text", "is_calm"),
    [
        ("refund", True),
        (r"\d+ EUR", True),
        ("a.*b.*c", True),
        ("(?:ab)+", True),
        (r"[(+*]{3}\+\*", True),
        ("(a+)+$", False),
        ("(a|aa)+$", False),
        ("a*a*a*a*b", False),
        ("(x{1,9}){1,9}", False),
    ],
)
def test_only_quick_expressions_are_marked(text: str, is_calm: bool) -> None:
    assert calm(Ask(text, regex=True)) is is_calm
    assert calm(Ask(text))


def test_a_snippet_begins_at_a_word_before_the_match() -> None:
    text = "a long beginning that nobody needs to see, and then the refund at its end"
    shown = snippet(text, re.compile("refund"))
    assert shown is not None
    assert shown.startswith("… ")
    assert shown.endswith("and then the refund at its end")
    assert snippet(text, re.compile("zebra")) is None


def test_the_context_is_that_of_the_message() -> None:
    record = {"messages": [{"role": "user", "content": 'He said: "wait"\nfor the refund'}]}
    raw = json.dumps(record).encode()
    assert context(raw, len(raw), re.compile("refund")).endswith("for the refund")
    assert "refund" in context(raw[:90], len(raw), re.compile("refund"))
    assert context(raw, len(raw), re.compile("zebra")) == ""
