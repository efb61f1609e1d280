"""A pane of cells in tiles: what stands on the screen is what its rows say, at any size."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tests.widgets.losses import Losses
from widgets.loss_chart import LossChart


class Chart(App[None]):
    def compose(self) -> ComposeResult:
        yield LossChart()


def shown(app: App[None]) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def test_tiles_that_only_move_are_drawn_again() -> None:
    app = Chart()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(LossChart)
        steps = [(i, {"train_loss": 5 / i, "valid_loss": 6 / i}) for i in range(1, 200)]
        Losses(chart).take(steps, 200)
        for width in (50, 51, 52, 53, 77):
            await pilot.resize_terminal(width, 15)
            await pilot.pause()
            assert shown(app) == [row[0].rstrip() for row in chart.rows], width
