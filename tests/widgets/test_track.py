"""Values in step order, under smoothing, and as dots: what the charts are drawn from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets import dots
from widgets.track import Smoothed, Track

values = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf))
steps = st.integers(0, 60)


def by_hand(track: Track, factor: float) -> list[float]:
    """Smoothing as it is defined: each value weighs `factor` to the power of its age."""
    out = []
    seen: list[float] = []
    for value in track.values:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        seen.append(value)
        weights = [factor**age for age in reversed(range(len(seen)))]
        out.append(sum(w * v for w, v in zip(weights, seen, strict=True)) / sum(weights))
    return out


@given(st.lists(st.tuples(steps, values), max_size=60))
def test_a_track_holds_the_last_value_of_each_step_in_order(pairs: list[tuple[int, float]]) -> None:
    track = Track()
    for step, value in pairs:
        track.add(step, value, step * 2.0)
    kept = dict(pairs)
    assert list(track.steps) == sorted(kept)
    assert [repr(v) for v in track.values] == [repr(float(kept[s])) for s in sorted(kept)]
    assert list(track.times) == [s * 2.0 for s in sorted(kept)]
    finite = [v for _, v in pairs if math.isfinite(v)]
    assert (track.low, track.high) == (
        min(finite, default=math.inf),
        max(finite, default=-math.inf),
    )


@given(
    st.lists(st.tuples(steps, values), max_size=40),
    st.lists(st.tuples(steps, values), max_size=40),
    st.sampled_from([0.0, 0.6, 0.9, 0.99]),
)
def test_smoothing_is_the_same_whenever_it_is_asked_for(first, more, factor) -> None:
    track = Track()
    smoothed = Smoothed(track, factor)
    for step, value in first:
        track.add(step, value)
    early = list(smoothed.values)
    assert np.allclose(early, by_hand(track, factor), equal_nan=True)
    for step, value in more:
        track.add(step, value)
    assert np.allclose(smoothed.values, by_hand(track, factor), equal_nan=True)


@pytest.mark.parametrize("factor", [0.0, 0.6, 0.99])
def test_many_values_at_once_are_smoothed_like_few(factor: float) -> None:
    rng = np.random.default_rng(1)
    found = rng.normal(size=3_000)
    found[[0, 7, 1_500]] = math.nan
    whole, bit_by_bit = Track(), Track()
    whole.extend(range(3_000), found.tolist(), [0.0] * 3_000)
    slow = Smoothed(bit_by_bit, factor)
    for step, value in enumerate(found.tolist()):
        bit_by_bit.add(step, value)
        if step % 100 == 0:
            assert len(slow.values) == step + 1
    assert np.allclose(Smoothed(whole, factor).values, slow.values, equal_nan=True)
    assert np.allclose(slow.values, by_hand(whole, factor), equal_nan=True)


def test_many_values_that_come_late_are_put_where_they_belong() -> None:
    track = Track()
    track.extend(range(500, 1_000), [1.0] * 500, [0.0] * 500)
    track.extend(range(700), [2.0] * 700, [0.0] * 700)
    assert list(track.steps) == list(range(1_000))
    assert track.values[699] == 2.0
    assert track.values[700] == 1.0


def test_what_is_best_is_the_first_of_equals_and_never_a_gap() -> None:
    track = Track()
    for step, value in enumerate([math.nan, 3.0, 1.0, 1.0, math.inf, 2.0]):
        track.add(step, value)
    assert track.best() == (1.0, 2)
    assert track.best(highest=True) == (3.0, 1)
    track.add(2, 5.0)
    track.add(3, 5.0)
    assert track.best() == (2.0, 5)
    assert Track().best() is None


def test_a_copy_does_not_grow() -> None:
    track = Track()
    track.add(1, 2.0)
    twin = track.copy()
    track.add(2, 3.0)
    assert (list(twin.steps), list(twin.values), twin.high) == ([1.0], [2.0], 2.0)


@given(
    st.lists(st.tuples(st.floats(-1, 11), st.floats(-1, 2)), max_size=200),
    st.sampled_from(["braille", "block", "ascii"]),
)
def test_every_point_inside_has_its_dot_and_none_else(points, marker) -> None:
    grid = dots.blank(10, 5, marker)
    x = np.array([point[0] for point in points])
    y = np.array([point[1] for point in points])
    dots.scatter(x, y, (0, 10, 0, 1), grid)
    rows = dots.characters(grid, marker)
    assert [len(row) for row in rows] == [10] * 5
    inside = [p for p in points if 0 <= p[0] <= 10 and 0 <= p[1] <= 1]
    if inside:
        assert any(row.strip() for row in rows)
    assert grid.sum() <= len(points)


def test_a_busy_line_is_drawn_from_its_lowest_to_its_highest_without_holes() -> None:
    grid = dots.blank(4, 2, "braille")
    x = np.linspace(0, 1, 1_000)
    dots.envelope(x, np.tile([0.0, 1.0], 500), (0, 1, 0, 1), grid)
    assert grid.all()
