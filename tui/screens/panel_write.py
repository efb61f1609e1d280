"""Export of the panel: the points as CSV or JSON, the charts as SVG, PNG, or the text as seen."""

from __future__ import annotations

from tui.screens.panel_charts import PanelCharts


class PanelWrite(PanelCharts):
    """The part of the panel that writes files."""
