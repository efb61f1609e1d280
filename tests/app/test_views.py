"""Views map rows to records and back; figures and words lead to filters that mean them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import Filter, Sort
from tui.figures import bar, percentile, percentile_count, totals
from tui.opened.filterwords import Choice, narrowed, partial_word, picked, used_words
from tui.opened.views import EVERYTHING, View, file_slug, said, wish
from tui.tokens import TokenTable, distribution
from tui.tokens.counts import ValueCounts

CHOICES = [
    Choice("severity:error", "refused", 3),
    Choice("severity:advice", "better", 2),
    Choice("code:blank_content", "nothing said", 3),
    Choice("tokens:", "so many tokens"),
    Choice("has:tools", "define tools", 9),
]
KNOWN = frozenset(choice.text for choice in CHOICES if choice.whole)


@given(st.lists(st.integers(0, 200), unique=True, max_size=30), st.integers(0, 200))
def test_rows_and_records_answer_each_other(positions: list[int], record: int) -> None:
    view = View(positions=np.array(positions, dtype=np.int64))
    assert view.count(1000) == len(positions)
    assert all(view.row(view.position(row)) == row for row in range(len(positions)))
    assert (view.row(record) is None) == (record not in positions)
    if positions:
        near = view.position(view.nearest(record))
        later = [p for p in sorted(positions) if p >= record] or [max(positions)]
        assert near == later[0]


def test_everything_is_itself() -> None:
    assert EVERYTHING.count(7) == 7
    assert (EVERYTHING.row(3), EVERYTHING.position(3), EVERYTHING.nearest(3)) == (3, 3, 3)
    assert wish(Filter(), Sort.FILE).everything


def test_what_is_shown_is_said() -> None:
    wanted = wish(Filter.parse("severity:error has:tools"), Sort.TOKENS_DOWN)
    view = View(wanted, np.arange(1204))
    words = "1,204 of 88,000 records: errors, with tools, most tokens first"
    assert said(view, 88_000, complete=True) == words
    assert "88,000 so far" in said(view, 88_000, complete=False)
    sorted_only = View(wish(None, Sort.SIZE), np.arange(9))
    assert said(sorted_only, 9, complete=True) == "9 records, smallest first"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("severity:error has:tools", "severity-error-has-tools"),
        ("text:../../etc/passwd", "text-etc-passwd"),
        ("/日本/", "records"),
    ],
)
def test_a_file_name_is_made_of_plain_letters(text: str, slug: str) -> None:
    assert file_slug(wish(Filter.parse(text))) == slug


@pytest.mark.parametrize(
    ("line", "choice", "result"),
    [
        ("", 0, "severity:error "),
        ("sev", 0, "severity:error "),
        ("has:tools ", 0, "has:tools severity:error "),
        ("has:tools", 0, "has:tools severity:error "),
        ("has:tools severity:error ", 0, "has:tools "),
        ("severity:error,advice has:tools", 0, "severity:advice has:tools "),
        ("has:tools ", 3, "has:tools tokens:"),
        ('label:a="b  c" tool', 4, 'label:a="b  c" has:tools '),
    ],
)
def test_words_are_put_in_and_taken_out(line: str, choice: int, result: str) -> None:
    assert picked(line, CHOICES[choice], KNOWN) == result


def test_the_word_being_typed_narrows_the_choices() -> None:
    assert [c.text for c in narrowed(CHOICES, "has:tools sev")] == [
        "severity:error",
        "severity:advice",
    ]
    assert [c.text for c in narrowed(CHOICES, "tool")] == ["has:tools"]
    assert narrowed(CHOICES, "has:tools") == CHOICES
    assert narrowed(CHOICES, "zebra") == []
    assert partial_word("a b ") == ""
    assert used_words("severity:error,advice x") == {"severity:error", "severity:advice", "x"}


def _table(values: list[int]) -> TokenTable:
    table = TokenTable.empty()
    for name in ("billed", "classic", "assistant", "messages"):
        setattr(table, name, ValueCounts(values))
    return table


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_figures_count_what_their_filters_let_through(values: list[int]) -> None:
    table = _table(values)
    spread = distribution(table.classic)
    for name in ("min", "p10", "p50", "mean", "p90", "max"):
        value = getattr(spread, name)
        low, high = Filter.parse(percentile("classic", name, value, spread.min or 0)).tokens
        inside = [v for v in values if (low or 0) <= v and (high is None or v <= high)]
        assert percentile_count(table, "classic", name, value) == len(inside)
    for low_edge, high_edge, count in zip(
        spread.edges, spread.edges[1:], spread.counts, strict=False
    ):
        low, high = Filter.parse(bar("classic", low_edge, high_edge)).tokens
        assert low is not None
        assert high is not None
        assert sum(low <= v <= high for v in values) == count


def test_totals_name_what_is_missing_and_every_role() -> None:
    table = _table([5, 9])
    table.roles.update({"user": 2, "gpt": 7})
    table.missing_system = 2
    found = {figure.name: figure for figure in totals(table, 6)}
    assert Filter.parse(found["no system"].filter).without == {"system", "developer"}
    assert found["over limit"].count == 1
    assert Filter.parse(found["gpt"].filter).roles == {"other"}
    assert list(found)[-2:] == ["gpt", "user"]
