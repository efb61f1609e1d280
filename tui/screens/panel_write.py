"""Export of the panel: the points as CSV or JSON, the charts as SVG, PNG, or the text as seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.screens.export import Exporting, when
from tui.screens.panel_charts import PanelCharts

KINDS = {
    ".csv": "every point as measured, a row a step",
    ".json": "every point as measured, a list a metric",
    ".svg": "the charts as looked at, a drawing",
    ".png": "the charts as looked at, an image",
    ".txt": "the charts as seen here",
}


class PanelWrite(Exporting, PanelCharts):
    """The part of the panel that writes files."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "w",
            "export",
            "export",
            id="job.export",
            tooltip="Write points as CSV or JSON, charts as SVG, PNG or text",
        ),
    ]

    job_id: str

    def action_export(self) -> None:
        """Ask what is written and where."""
        if not self.state.metrics:
            self.say("There is nothing to export: no number has arrived yet")
            return
        job = self.state.job
        name = (job.suffix if job else "") or os.path.basename(self.job_id)
        self.export(name, KINDS, self._making)

    def _making(self, kind: str) -> Callable[[], bytes]:
        if kind == ".txt":
            rows = [row[0].rstrip() for chart in self.grid for row in chart.rows]
            return ("\n".join(rows) + "\n").encode
        return self._picture(kind) if kind in (".svg", ".png") else self._points(kind)

    def _points(self, kind: str) -> Callable[[], bytes]:
        from tui.run.points import as_csv, as_json

        # Two runs of one name would be one run to whoever reads the file.
        names = [self.job_id, *(guest.name for guest in self.guests)]
        states = self.charted()
        runs = [
            (name if names.count(name) == 1 else f"{name} {state.job_id}", state)
            for name, state in zip(names, states, strict=True)
        ]
        text = (as_csv if kind == ".csv" else as_json)(runs)
        return lambda: text.encode("utf-8", "replace")

    def _picture(self, kind: str) -> Callable[[], bytes]:
        job = self.state.job
        about = (self.job_id, job.suffix if job else "", job.model if job else "")
        caption = "  ".join(part for part in (*about, when(self.clock())) if part)
        return self.picture(kind, [chart for chart in self.grid if chart.curves], caption)
