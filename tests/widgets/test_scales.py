"""The y axis of a chart: outliers kept out and marked, gaps marked, zoomed by a person."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.test_charts import curve, drawn
from widgets.axes import log_ticks, ticks
from widgets.chart_tones import DARK, LIGHT
from widgets.chart_view import Marks, View, signs_of
from widgets.scales import Scales, usual
from widgets.strokes import means, runs


def falling(count: int = 200) -> list[float]:
    return [0.5 + 2 * math.exp(-5 * step / count) for step in range(count)]


def axes_of(values: list[float], view: View | None = None):
    scales = Scales()
    return scales.axes([curve(values)], view or View(), None, 80, 20), scales


def test_a_first_huge_loss_does_not_flatten_the_rest() -> None:
    axes, scales = axes_of([250.0, *falling()])
    assert axes.y1 <= 3
    assert scales.left_out == 1
    every, scales = axes_of([250.0, *falling()], View(outliers=True))
    assert every.y1 >= 250
    assert scales.left_out == 0


def test_a_curve_that_falls_far_is_no_outlier() -> None:
    axes, scales = axes_of([10.5 * math.exp(-step / 40) + 0.5 for step in range(400)])
    assert axes.y1 >= 11
    assert scales.left_out == 0


def test_a_run_that_diverges_is_shown() -> None:
    values = [*falling(400), 40.0]
    assert axes_of(values)[0].y1 < 5
    assert axes_of([*values, 60.0, 80.0])[0].y1 >= 80


def test_what_is_seldom_but_all_there_is_is_no_outlier() -> None:
    axes, _ = axes_of([0.0] * 50 + [1.0] + [0.0] * 50)
    assert axes.y1 >= 1


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=60))
def test_outliers_are_few_and_outside_of_the_rest(values: list[float]) -> None:
    found = usual([curve(values)], None, min(values), max(values))
    if found is not None:
        low, high, count = found
        assert min(values) <= low <= high <= max(values)
        assert count == sum(not low <= value <= high for value in values)
        assert 0 < count <= 0.1 * len(values) + 1


def test_a_mark_tells_where_values_are_outside_and_where_there_is_none() -> None:
    values = [250.0, *falling()]
    values[100] = math.nan
    _, rows, frame = drawn([curve(values)], View())
    assert rows[0][0][frame.left :].lstrip().startswith("↑")
    assert rows[-2][0].count("×") == 1
    assert rows[-2][1][rows[-2][0].index("×")] == "m"
    every = Scales().axes([curve(values)], View(outliers=True), None, 60, 16)
    assert not [sign for sign in signs_of([curve(values)], View(), Marks(), every, 60) if sign.head]


def test_a_metric_that_is_seldom_measured_has_no_gaps_marked() -> None:
    seldom = curve([1.0, math.nan, math.nan, 0.5] * 5, points=True)
    axes = Scales().axes([seldom], View(), None, 60, 16)
    assert not signs_of([seldom], View(), Marks(), axes, 60)


@pytest.mark.parametrize("log", [False, True])
def test_the_y_axis_is_zoomed_around_a_value_and_let_go(log: bool) -> None:
    view, lines, scales = View(log=log), [curve(falling())], Scales()
    before = scales.axes(lines, view, None, 80, 20)
    around = math.log10(0.6) if log else 0.6
    spans = [before.y1 - before.y0]
    axes = before
    for _ in range(4):
        scales.zoom(axes, 0.5, around)
        axes = scales.axes(lines, view, None, 80, 20)
        assert axes.y0 <= around <= axes.y1
        assert axes.y_ticks
        spans.append(axes.y1 - axes.y0)
    assert spans == sorted(spans, reverse=True)
    assert spans[-1] < spans[0] / 4
    assert scales.zoomed
    scales.whole()
    assert scales.axes(lines, view, None, 80, 20) == before


def test_a_part_that_is_zoomed_into_has_the_whole_height() -> None:
    axes, _ = axes_of(falling(), View(window=(150, 200)))
    assert axes.y0 > 0.4


def test_labels_of_huge_and_tiny_values_are_short() -> None:
    assert [text for _, text in ticks(0, 2.5e12, 5)] == [
        *("0", "5e11", "1.0e12", "1.5e12", "2.0e12", "2.5e12")
    ]
    both = ["-1.0e-7", "-5e-8", "0", "5e-8", "1.0e-7"]
    assert [text for _, text in ticks(-1e-7, 1e-7, 4)] == both
    assert [text for _, text in log_ticks(-9, -6, 5)] == ["1e-9", "1e-8", "1e-7", "1e-6"]
    assert [text for _, text in log_ticks(3, 6, 5)] == ["1000", "10000", "1e5", "1e6"]


@given(st.integers(1, 400), st.integers(1, 50))
def test_means_keep_their_ends_and_stay_in_order(count: int, columns: int) -> None:
    x = np.arange(float(count))
    at, y = means(x, np.sin(x), 0.0, float(max(1, count - 1)), columns)
    assert len(at) <= max(2 * columns, columns + 1)
    assert (at[0], at[-1]) == (0.0, count - 1)
    assert (np.diff(at) > 0).all()
    assert (np.abs(y) <= 1).all()


def test_gaps_too_narrow_to_be_seen_part_nothing() -> None:
    y = np.where(np.arange(100) % 2, 1.0, np.nan)
    assert len(runs(np.arange(100.0), y)) == 50
    assert len(runs(np.arange(100.0), y, 2.0)) == 1
    y[40:60] = np.nan
    assert [len(x) for x, _ in runs(np.arange(100.0), y, 2.0)] == [20, 20]


@pytest.mark.parametrize(("tones", "paper"), [(LIGHT, (255, 255, 255)), (DARK, (18, 18, 18))])
def test_every_colour_is_readable(tones: dict[str, str], paper: tuple[int, int, int]) -> None:
    def light(rgb: tuple[int, ...]) -> float:
        parts = [c / 255 for c in rgb]
        parts = [c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05

    for tone in tones.values():
        rgb = tuple(int(tone[at : at + 2], 16) for at in (1, 3, 5))
        both = sorted((light(rgb), light(paper)))
        assert both[1] / both[0] >= 4
