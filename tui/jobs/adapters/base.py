"""OpenAI's wire, which is also that of the embedded service and of most gateways.

An adapter turns what the program asks for, in OpenAI's shapes, into what one provider takes, and
turns its answers back into OpenAI's shapes; everything above it knows only those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.jobs.models import Estimate, mapping_of, text_of
from tui.jobs.transport import CallError, not_what_was_asked
from tui.jobs.wire import Wire
from tui.loose import number_of

JOBS = "/fine_tuning/jobs"


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list answer.

    Attributes:
        rows: The objects, in OpenAI's shapes.
        has_more: Whether more may follow.
        cursor: What to pass as ``after`` for the next page.
    """

    rows: list[Any]
    has_more: bool
    cursor: str | None


class Adapter:
    """OpenAI's own way; the others differ from it in a few methods each."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    # --- what is sent ---------------------------------------------------------------------------

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a create from one in OpenAI's shape."""
        return dict(request)

    def prompt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a chat completion from one in OpenAI's shape."""
        return dict(body)

    # --- what comes back ------------------------------------------------------------------------

    def job(self, raw: Any) -> Any:
        """Return a job in OpenAI's shape."""
        return raw

    def checkpoint(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a checkpoint in OpenAI's shape."""
        return row

    async def jobs(
        self,
        limit: int,
        after: str | None,
        metadata: Mapping[str, str] | None,
        attempts: int | None,
    ) -> Rows:
        """Return one page of jobs."""
        query: dict[str, Any] = {"limit": limit}
        if after:
            query["after"] = after
        if metadata:
            query["metadata"] = dict(metadata)
        return self.page(await self.wire.get(JOBS, query, attempts), "a list of jobs")

    async def events(
        self, job_id: str, after: str | None, limit: int, attempts: int | None
    ) -> Rows:
        """Return one page of a job's events; ``job_id`` is escaped already."""
        query: dict[str, Any] = {"limit": limit}
        if after:
            query["after"] = after
        answer = await self.wire.get(f"{JOBS}/{job_id}/events", query, attempts)
        return self.page(answer, "a list of events")

    async def checkpoints(self, job_id: str) -> list[Any]:
        """Return a job's checkpoints (first page of 100)."""
        answer = await self.wire.get(f"{JOBS}/{job_id}/checkpoints", {"limit": 100})
        return self.page(answer, "a list of checkpoints").rows

    async def metrics(self, job_id: str, attempts: int | None = None) -> list[Any]:  # noqa: ARG002
        """Return a job's metrics as events of type ``metrics``, oldest first.

        Raises:
            CallError: This provider has no address for them (``not_supported``).
        """
        raise self.cannot("metrics_endpoint")

    async def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """Return the provider's own price estimate of a create.

        Raises:
            CallError: This provider makes none (``not_supported``).
        """
        if self.wire.config.known.abilities.get("estimate") is not None:
            raise self.cannot("estimate")
        answer = await self.wire.ask(f"{JOBS}/estimate_price", self.body(body))
        return read_estimate(answer)

    async def files(self, limit: int, after: str | None, purpose: str | None) -> Rows:
        """Return one page of files."""
        query: dict[str, Any] = {"limit": limit}
        if after:
            query["after"] = after
        if purpose:
            query["purpose"] = purpose
        return self.page(await self.wire.get("/files", query), "a list of files")

    # --- helpers --------------------------------------------------------------------------------

    def page(self, data: object, what: str) -> Rows:
        """Read a list answer, also a bare array."""
        if isinstance(data, list):
            return Rows(data, False, _cursor(data))
        answer = mapping_of(data)
        rows = answer.get("data")
        if rows is None and "data" in answer:
            rows = []
        if not isinstance(rows, list):
            raise not_what_was_asked(what, self.wire.base_url)
        has_more = answer.get("has_more") is not False and bool(rows)
        return Rows(rows, has_more, _cursor(rows))

    def cannot(self, what: str) -> CallError:
        """Return the error for something this provider cannot do, with the reason."""
        from tui.kinds import ABILITIES

        known = self.wire.config.known
        can = known.abilities.get(what)
        why = can.why if can is not None else f"{known.title} has no address for it"
        return CallError(
            f"{self.wire.config.name} cannot {ABILITIES[what]}", why, code="not_supported"
        )


def _cursor(rows: Sequence[Any]) -> str | None:
    return text_of(mapping_of(rows[-1]).get("id")) if rows else None


def read_estimate(data: object) -> Estimate:
    """Read an estimate of any shape: the first number whose name speaks of a price, and tokens."""
    answer = mapping_of(data)
    price = tokens = None
    for key, value in answer.items():
        name = str(key).lower()
        number = number_of(value)
        if number is None:
            continue
        if price is None and ("price" in name or "cost" in name or "usd" in name):
            price = number
        if tokens is None and "tokens" in name:
            tokens = int(number)
    currency = text_of(answer.get("currency")) or text_of(answer.get("cost_currency")) or "USD"
    return Estimate(price, currency.upper(), tokens, answer)
