"""Tables join and travel, and distributions read as numpy reads them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.tokens import TableBuilder, TokenRows, TokenTable, distribution
from tui.tokens.rows import COLUMNS, MAX_ROLES

NUMBERS = st.lists(st.integers(0, 2**40), min_size=1, max_size=60)


def table(*billed: int, **more: object) -> TokenTable:
    column = np.array(billed, dtype=np.int64)
    columns = dict.fromkeys(COLUMNS, column)
    return TokenTable(**columns, **more)  # type: ignore[arg-type]


def test_tables_join_in_order() -> None:
    one = table(1, 2, roles={"user": 2}, missing_user=1)
    two = table(3, roles={"user": 1, "tool": 1}, missing_system=1, approximate=True)
    both = TokenTable.concat([one, TokenTable.empty(), two])
    assert both.billed.tolist() == one.append(two).billed.tolist() == [1, 2, 3]
    assert both.billed.dtype == np.int64
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


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 8))
def test_a_table_that_grows_leaves_the_ones_it_gave_as_they_were(
    sizes: list[int], room: int
) -> None:
    builder, total = TableBuilder(room), 0
    given_out = [builder.table()]
    for size in sizes:
        builder.add(rows(total, size, "user"), line=100)
        total += size
        given_out.append(builder.table())
    for count, seen in zip(np.cumsum([0, *sizes]), given_out, strict=True):
        assert seen.billed.tolist() == list(range(count))
        assert seen.line.tolist() == list(range(100, 100 + count))
        assert seen.roles.get("user", 0) == count
    assert given_out[-1].missing_user == len(sizes)


def test_tables_cross_processes() -> None:
    back = pickle.loads(pickle.dumps(table(5, 6, roles={"user": 1})))
    assert back.billed.tolist() == [5, 6]
    assert back.roles == {"user": 1}


def test_limits() -> None:
    counted = table(10, 20, 30)
    assert counted.truncated(20).tolist() == [10, 20, 20]
    assert counted.truncated(None).tolist() == [10, 20, 30]
    assert counted.over(20) == 1
    assert counted.over(None) == 0


def test_the_number_of_roles_is_bounded() -> None:
    parts = [table(1, roles={f"role {i}": 2}) for i in range(100)]
    roles = TokenTable.concat(parts).roles
    assert len(roles) <= MAX_ROLES + 1
    assert sum(roles.values()) == 200


@settings(deadline=None)
@given(NUMBERS)
def test_distribution_is_numpys(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=np.int64)
    spread = distribution(values)
    assert (spread.min, spread.max) == (min(numbers), max(numbers))
    assert spread.mean == pytest.approx(values.mean())
    for percentile, value in spread.percentiles.items():
        assert value == pytest.approx(np.percentile(values, percentile))
    assert spread.p50 == spread.percentiles[50]


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 40))
def test_histograms_hold_every_value_once(numbers: list[int], bins: int) -> None:
    spread = distribution(np.array(numbers, dtype=np.int64), bins=bins)
    assert sum(spread.counts) == len(numbers)
    assert 1 <= len(spread.counts) <= max(bins, 2)
    assert len(spread.edges) == len(spread.counts) + 1
    widths = {high - low for low, high in zip(spread.edges, spread.edges[1:], strict=False)}
    assert len(widths) == 1
    assert spread.edges[0] <= min(numbers)
    assert max(numbers) < spread.edges[-1]


def test_a_distribution_of_nothing() -> None:
    shown = distribution(np.zeros(0, dtype=np.int64)).to_json()
    assert shown["min"] is shown["mean"] is shown["p99"] is None
    assert shown["histogram"] == {"edges": [], "counts": []}


def test_a_distribution_survives_pickling() -> None:
    spread = distribution(np.array([1, 2, 3], dtype=np.int64))
    assert pickle.loads(pickle.dumps(spread)) == spread
    with pytest.raises(AttributeError):
        _ = spread.p77
