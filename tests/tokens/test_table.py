"""Tables join and travel, and distributions read as numpy reads them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.tokens import TokenRows, TokenTable, ValueCounts, distribution
from tui.tokens.rows import COLUMNS, MAX_ROLES

NUMBERS = st.lists(st.integers(0, 2**40) | st.integers(0, 300_000), min_size=1, max_size=60)


def table(*billed: int, **more: object) -> TokenTable:
    return TokenTable(billed=ValueCounts(billed), **more)  # type: ignore[arg-type]


def test_tables_join() -> None:
    one = table(1, 2, roles={"user": 2}, missing_user=1)
    two = table(3, roles={"user": 1, "tool": 1}, missing_system=1, approximate=True)
    both = TokenTable.concat([one, TokenTable.empty(), two])
    assert both.billed == ValueCounts([1, 2, 3])
    assert both.roles == {"user": 3, "tool": 1}
    assert (both.missing_user, both.missing_system, both.approximate) == (1, 1, True)
    assert len(both) == 3
    assert one.roles == {"user": 2}


def test_joining_nothing_gives_an_empty_table() -> None:
    assert len(TokenTable.concat([])) == 0
    assert TokenTable.empty().over(10) == 0


def rows(first: int, count: int, role: str) -> TokenRows:
    made = TokenRows(roles={role: count}, missing_user=1)
    for name in COLUMNS:
        getattr(made, name).extend(range(first, first + count))
    return made


@given(st.lists(st.integers(0, 9), max_size=12))
def test_a_table_that_grows_leaves_its_copies_as_they_were(sizes: list[int]) -> None:
    growing, total = TokenTable(), 0
    given_out = [growing.copy()]
    for size in sizes:
        growing.add(rows(total, size, "user"))
        total += size
        given_out.append(growing.copy())
    for count, seen in zip(np.cumsum([0, *sizes]), given_out, strict=True):
        assert seen.billed == ValueCounts(range(count))
        assert seen.roles.get("user", 0) == count
    assert given_out[-1].missing_user == len(sizes)


def test_tables_cross_processes() -> None:
    back = pickle.loads(pickle.dumps(table(5, 6, 1 << 30, roles={"user": 1})))
    assert back == table(5, 6, 1 << 30, roles={"user": 1})


def test_limits() -> None:
    counted = table(10, 20, 30)
    assert counted.billed.sum(20) == 50
    assert counted.billed.sum() == 60
    assert counted.over(20) == 1
    assert counted.over(None) == 0


@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=4), st.integers(0, 2**41))
def test_counts_of_values_say_what_the_values_say(parts: list[list[int]], limit: int) -> None:
    counts, numbers = ValueCounts(), [number for part in parts for number in part]
    for part in parts[::2]:
        counts.add(part)
    for part in parts[1::2]:
        counts.merge(ValueCounts(part))
    assert len(counts) == len(numbers)
    assert (counts.min, counts.max) == (min(numbers, default=None), max(numbers, default=None))
    assert counts.sum() == sum(numbers)
    assert counts.sum(limit) == sum(min(number, limit) for number in numbers)
    assert counts.above(limit) == sum(number > limit for number in numbers)
    assert ValueCounts.of(*counts.items()) == counts
    assert np.repeat(*counts.items()).tolist() == sorted(numbers)


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ValueCounts([3, -1])


def test_the_number_of_roles_is_bounded() -> None:
    parts = [table(1, roles={f"role {i}": 2}) for i in range(100)]
    roles = TokenTable.concat(parts).roles
    assert len(roles) <= MAX_ROLES + 1
    assert sum(roles.values()) == 200


@settings(deadline=None)
@given(NUMBERS)
def test_distribution_is_numpys(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=np.int64)
    spread = distribution(ValueCounts(values))
    assert (spread.min, spread.max) == (min(numbers), max(numbers))
    assert spread.mean == pytest.approx(values.mean())
    for percentile, value in spread.percentiles.items():
        assert value == pytest.approx(np.percentile(values, percentile))
    assert spread.p50 == spread.percentiles[50]


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 40))
def test_histograms_hold_every_value_once(numbers: list[int], bins: int) -> None:
    spread = distribution(ValueCounts(numbers), bins=bins)
    assert sum(spread.counts) == len(numbers)
    assert 1 <= len(spread.counts) <= max(bins, 2)
    assert len(spread.edges) == len(spread.counts) + 1
    widths = {high - low for low, high in zip(spread.edges, spread.edges[1:], strict=False)}
    assert len(widths) == 1
    assert spread.edges[0] <= min(numbers)
    assert max(numbers) < spread.edges[-1]


def test_a_distribution_of_nothing() -> None:
    shown = distribution(ValueCounts()).to_json()
    assert shown["min"] is shown["mean"] is shown["p99"] is None
    assert shown["histogram"] == {"edges": [], "counts": []}


def test_a_distribution_survives_pickling() -> None:
    spread = distribution(ValueCounts([1, 2, 3]))
    assert pickle.loads(pickle.dumps(spread)) == spread
    with pytest.raises(AttributeError):
        _ = spread.p77
