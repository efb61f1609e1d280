"""Charts: axes in windows and logarithms, the cursor, guests, marks, and what is exported."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.axes import LogLimits, log_ticks, ticks
from widgets.chart_picture import Drawn, picture_of, svg
from widgets.chart_png import png
from widgets.chart_title import readout
from widgets.chart_view import (
    Curve,
    Marks,
    Place,
    View,
    next_position,
    series_of,
    signs_of,
)
from widgets.raster import draw
from widgets.scales import Scales
from widgets.strokes import Series
from widgets.track import Track


def curve(
    values: list[float], *, key: str = "t", points: bool = False, place: Place | None = None
) -> Curve:
    track = Track()
    for step, value in enumerate(values, 1):
        track.add(step, value, 100.0 + 2 * step)
    return Curve(
        track, "valid" if points else "train", key, "•" if points else "━", points, place or Place()
    )


def drawn(curves: list[Curve], view: View, marks: Marks | None = None, marker: str = "braille"):
    axes = Scales().axes(curves, view, None, 60, 16)
    signs = signs_of(curves, view, marks or Marks(), axes, 60)
    rows, frame = draw(series_of(curves, view, axes), axes, 60, 16, marker=marker, signs=signs)
    return axes, rows, frame


@given(st.floats(1e-9, 1e9), st.floats(1, 1e6))
def test_a_logarithmic_axis_holds_its_values_and_names_round_ones(low: float, ratio: float) -> None:
    y0, y1 = LogLimits().update(low, low * ratio)
    assert 10**y0 <= low * 1.000001
    assert 10**y1 >= low * ratio * 0.999999
    found = log_ticks(y0, y1, 5)
    assert 1 <= len(found) <= 7
    assert all(y0 - 1e-6 <= at <= y1 + 1e-6 for at, _ in found)


def test_labels_far_along_a_run_differ() -> None:
    labels = [label for _, label in ticks(100_000, 100_040, 4, whole=True)]
    assert len(set(labels)) == len(labels) >= 2


def test_values_that_a_logarithm_has_none_for_are_gaps() -> None:
    view = View(log=True)
    one = curve([10.0, 0.0, -1.0, 0.1])
    axes, _, _ = drawn([one], view)
    assert axes.log
    y = series_of([one], view, axes)[-1].y
    assert np.isnan(y[1:3]).all()
    assert y[0] == pytest.approx(1)
    assert drawn([curve([-1.0, -2.0])], view)[0].log is False


def test_smoothed_lines_have_their_points_under_them() -> None:
    view = View(factor=0.9)
    noisy = curve([1 + (-1) ** n * 0.5 for n in range(60)])
    seldom = curve([2.0, 1.0], key="v", points=True)
    axes, rows, _ = drawn([noisy, seldom], view)
    faint, line, marked = series_of([noisy, seldom], view, axes)
    assert faint.faint
    assert np.ptp(line.y[30:]) < np.ptp(faint.y) / 5
    assert list(marked.y) == [2.0, 1.0], "few values are told as they are"
    assert {"r", "t", "v"} <= set("".join(keys for _, keys in rows))


def test_a_window_shows_its_part_on_axes_of_its_own() -> None:
    one = curve([100.0] * 10 + [1.0, 1.2, 1.1, 1.3] * 5)
    axes, rows, _ = drawn([one], View(window=(12.0, 28.0)))
    assert (axes.x0, axes.x1) == (12, 28)
    assert axes.y1 < 3
    assert "t" in "".join(keys for _, keys in rows)


def test_the_cursor_goes_from_value_to_value_and_stops_at_the_ends() -> None:
    one = curve([float(n) for n in range(10)])
    axes, _, frame = drawn([one], View())
    x = 1.0
    seen = [x]
    for _ in range(20):
        x = next_position([one], axes, x, frame.width, 1)
        seen.append(x)
    assert seen[-1] == 10.0
    assert sorted(set(seen)) == [float(n) for n in range(1, 11)]
    assert next_position([one], axes, 1.0, frame.width, -1) == 1.0


def test_the_readout_tells_every_line_and_the_distance_to_the_best() -> None:
    train, valid = curve([3.0, 2.0, 1.0]), curve([2.5, 2.0], key="v", points=True)
    view = View(cursor=3.0)
    text = "".join(
        piece for piece, _ in readout("Loss", [train, valid], view, Marks(best=(2.0, 2.0)), 120)
    )
    assert "Loss at step 3" in text
    assert "train 1.0000" in text
    assert "valid 2.0000 at 2" in text
    assert "+0.0000 to best" in text


def test_a_narrow_readout_leaves_out_the_least_needed_first() -> None:
    lines = [curve([3.0] * 50), curve([2.5, 2.0], key="v", points=True)]
    view = View(cursor=50.0, factor=0.6)

    def told(width: int) -> str:
        pieces = readout("Loss", lines, view, Marks(best=(2.0, 2.0)), width)
        return "".join(piece for piece, _ in pieces)

    assert " at 2" in told(200)
    assert " at 2" not in told(75)
    assert "~3.0" in told(75)
    assert "~3.0" not in told(68)
    assert "to best" in told(68)
    assert told(50) == " Loss at step 50  ━ train 3.0000  • valid 2.0000"


def test_marks_stand_where_they_belong() -> None:
    one = curve([float(n) for n in range(20, 0, -1)])
    marks = Marks(epochs=(10.0,), checkpoints=(10.0, 20.0), best=(20.0, 1.0))
    _, rows, frame = drawn([one], View(), marks)
    column = frame.left + round(10 / 20 * (frame.width - 1))
    assert rows[0][0][column] == "┊"
    assert rows[-2][0].count("▲") == 2
    assert "◆" in "".join(text for text, _ in rows)
    many = Marks(epochs=tuple(float(n) for n in range(1, 20)))
    assert "┊" not in "".join(text for text, _ in drawn([one], View(), many)[1])


@pytest.mark.parametrize("marker", ["braille", "block", "ascii"])
def test_a_hundred_thousand_values_of_noise_fill_the_plot_in_every_style(marker: str) -> None:
    noise = np.random.default_rng(2).normal(size=100_000)
    axes = Scales().axes([curve([-4.0, 4.0])], View(window=(0, 100_000)), None, 80, 20)
    series = [Series(np.arange(100_000.0), noise, "t"), Series(np.arange(3.0), np.zeros(3), "v")]
    rows, _ = draw(series, axes, 80, 20, marker=marker)
    keys = "".join(row[1] for row in rows)
    assert keys.count("t") > 500
    assert "v" in keys
    assert all(len(text) == len(names) == 80 for text, names in rows)


def test_time_and_tokens_are_axes_too() -> None:
    late = curve([1.0, 2.0], place=Place("time", origin=100.0))
    assert list(late.place.positions(late.track)) == [2.0, 4.0]
    assert drawn([late], View(along="time"))[0].x_ticks[0] == (0, "0s")
    tokens = curve([1.0, 2.0], place=Place("tokens", factor=500.0))
    axes, _, _ = drawn([tokens], View(along="tokens"))
    assert axes.x1 >= 1_000
    unknown = Track()
    unknown.add(1, 1.0)
    assert math.isnan(Place("time").positions(unknown)[0])


def picture():
    lines = [curve([3.0, math.nan, 1.0]), curve([2.0, 1.5], key="v", points=True)]
    marks = Marks(epochs=(2.0,), checkpoints=(2.0,), best=(2.0, 1.5))
    return picture_of([Drawn("Loss <&>", lines, View(factor=0.6), 3, marks)] * 2, "run \x1b[31mx")


def test_the_drawing_is_well_formed_and_holds_only_what_is_clean() -> None:
    text = svg(picture())
    root = ElementTree.fromstring(text)
    assert root.get("viewBox") == f"0 0 960 {420 * 2 + 28}"
    words = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("Loss <&>") == 2
    assert "best 1.5000" in words
    assert "\x1b" not in text
    assert "nan" not in text.replace("prefers", "")


@pytest.mark.parametrize("dark", [False, True])
def test_the_image_is_a_png_twice_as_large(dark: bool) -> None:
    from PIL import Image

    data = png(picture(), dark=dark)
    assert data.startswith(b"\x89PNG\r\n")
    import io

    image = Image.open(io.BytesIO(data))
    assert image.size == (1920, 2 * (420 * 2 + 28))
    assert image.getpixel((3, 3)) == ((13, 17, 23) if dark else (255, 255, 255))
