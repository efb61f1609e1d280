"""Charts and histograms as they are drawn."""

from __future__ import annotations

import math

import pytest

from tests.widgets.losses import Losses
from tests.widgets.showing import Watch, shown, text
from widgets.histogram import Histogram
from widgets.loss_chart import LossChart
from widgets.text import use_ascii


def points(count: int) -> list[tuple[int, dict[str, float]]]:
    return [
        (
            step,
            {"train_loss": 2 * math.exp(-step / 40) + 0.3}
            | ({"valid_loss": 2 * math.exp(-step / 40) + 0.5} if step % 10 == 0 else {}),
        )
        for step in range(1, count + 1)
    ]


async def test_a_chart_in_ascii_tells_its_lines_apart() -> None:
    use_ascii(True)
    widget = LossChart()
    async with shown(widget, 50, 12):
        assert text(widget)[5].strip() == "No metrics yet"
        Losses(widget).take(points(60), 100)
        widget.redraw()
        assert text(widget) == GOLDEN_CHART


GOLDEN_CHART = [
    " Loss   * train 0.7463    o valid 0.9463",
    "  |",
    "  |***  o",
    " 2+.  ***oo.   .   .   .   .   .   .   .   .   .",
    "  |      **ooooooo",
    "  |           ****oooo",
    " 1+.   .   .   .   .**oooooooooo   .   .   .   .",
    "  |                          ***",
    "  |",
    " 0+.   .   .   .   .   .   .   .   .   .   .   .",
    "  ++----------------------+----------------------+",
    "   0                     50                    100",
]


async def test_points_late_twice_and_nan_are_taken() -> None:
    widget = LossChart()
    async with shown(widget, 50, 12):
        losses = Losses(widget)
        losses.take([(1, {"train_loss": 2.0}), (3, {"train_loss": math.nan})], 4)
        losses.take([(2, {"train_loss": 1.0}), (1, {"train_loss": 1.5}), (4, {})], 4)
        widget.redraw()
        assert [len(curve.track) for curve in widget.curves] == [3]
        assert widget.rows[0][0].split() == ["Loss", "━", "train", "NaN", "×", "1", "NaN"]


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (20, 5), (15, 30), (200, 3)])
async def test_tiny_charts_do_not_fail(size: tuple[int, int]) -> None:
    widget = LossChart()
    async with shown(widget, *size) as pilot:
        Losses(widget).take(points(30))
        widget.redraw()
        await pilot.resize_terminal(size[0] + 3, size[1] + 1)
        await pilot.pause()
        assert len(widget.rows) == widget.content_size.height


async def test_nothing_new_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = LossChart()
    async with shown(widget, 80, 20) as pilot:
        losses = Losses(widget)
        losses.take(points(50), 100)
        widget.redraw()
        watches = [Watch(tile, monkeypatch) for tile in widget.children]
        losses.take(points(50), 100)
        widget.redraw()
        await pilot.pause()
        assert not any(watch.regions or watch.whole for watch in watches)
        losses.take([(51, {"train_loss": 0.8})], 100)
        widget.redraw()
        assert sum(region.area for watch in watches for region in watch.regions) < 30


async def test_a_histogram_reads_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = Histogram()
    async with shown(widget, 40, 10) as pilot:
        widget.set_data(
            [0, 10, 20, 30], [4, 8, 1], limit=20, title="Tokens", percentiles={"p50": 12}
        )
        await pilot.press("right")
        await pilot.pause()
        assert text(widget) == GOLDEN_HISTOGRAM
        await pilot.press("end", "enter")
        await pilot.pause()
        assert text(widget)[1] == " 20–29 tokens: 1 (8%), over the limit"
        chosen = pilot.app.of(Histogram.Selected)  # type: ignore[attr-defined]
        assert [(m.index, m.low, m.high, m.count) for m in chosen] == [(2, 20, 30, 1)]
    with pytest.raises(ValueError, match="edge"):
        widget.set_data([1, 2], [1, 2])


GOLDEN_HISTOGRAM = [
    " Tokens",
    " 10–19 tokens: 8 (62%)",
    "  10 │",
    "     │        ███████",
    "     │        ███████",
    "     │███████ ███████",
    "     │███████ ███████ ▄▄▄▄▄▄▄",
    "     └────────▲───────!───────",
    "      0               20",
    " p50 12",
]


async def test_many_bins_are_joined() -> None:
    widget = Histogram()
    async with shown(widget, 30, 8) as pilot:
        widget.set_data(list(range(501)), [1] * 500)
        await pilot.press("end")
        await pilot.pause()
        assert "499" in text(widget)[1]
