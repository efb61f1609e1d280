"""Crusoe: OpenAI's shapes; metrics and a price estimate have addresses of their own.

From its documentation and its published example; not tried against the live service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.jobs.adapters.base import JOBS, Adapter, Rows, read_estimate
from tui.jobs.models import Estimate


class Crusoe(Adapter):
    """Crusoe."""

    async def events(
        self, job_id: str, after: str | None, limit: int, attempts: int | None
    ) -> Rows:
        """Return a page of events; the first one brings the metrics along, as metrics events."""
        return await super().events(job_id, after, limit, attempts)

    async def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """Ask for the price of a create."""
        return read_estimate(await self.wire.ask(f"{JOBS}/estimate_price", self.body(body)))
