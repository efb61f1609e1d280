"""What was estimated against what was billed, kept for each run of this machine that has ended.

The bill is the job's own count of trained tokens. Azure's is larger than what it bills by a part
that nobody has explained; its event "Training tokens billed" is the bill, in whole thousands.
"""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass

from tui.jobs.models import Event, Job
from tui.jobs.storage import Storage, storable, unpack

LAST = 5
"""Runs that a ratio is made of."""

_BILLED = re.compile(r"training tokens billed:\s*([\d,]+)", re.IGNORECASE)
_ROUNDED_TO = 1000


@dataclass(frozen=True, slots=True)
class Bill:
    """What one run was estimated to bill, and what it billed.

    Attributes:
        job_id: The run.
        model: What was tuned.
        method: As in :class:`tui.jobs.Job`.
        estimated: Tokens said before the launch.
        billed: Tokens the provider counted.
        approximate: The estimate was said to be one that may be off.
        rounded: The provider tells its bill in whole thousands.
        ended_at: Seconds since 1970.
    """

    job_id: str
    model: str
    method: str
    estimated: int
    billed: int
    approximate: bool
    rounded: bool
    ended_at: float

    @property
    def ratio(self) -> float:
        """Billed to estimated; 1 where the two are the same but for the rounding."""
        return 1.0 if self.agrees else self.billed / self.estimated

    @property
    def agrees(self) -> bool:
        """Whether the estimate was right to the token, or to the provider's rounding."""
        if not self.rounded:
            return self.billed == self.estimated
        return self.billed == max(1, round(self.estimated / _ROUNDED_TO)) * _ROUNDED_TO


@dataclass(frozen=True, slots=True)
class BilledRatio:
    """How a provider's bills compared to the estimates.

    Attributes:
        runs: Runs it is made of, at most :data:`LAST`.
        exact: How many of them were estimated right.
        ratio: All their billed tokens to all that were estimated.
        least: The smallest ratio of one of them.
        most: The largest.
    """

    runs: int
    exact: int
    ratio: float
    least: float
    most: float

    def words(self, provider: str) -> str:
        """Say it in a sentence; the provider's name is foreign."""
        if self.runs == 1:
            return f"{provider} billed {self.ratio:.2f}x of the estimate in the last run"
        text = f"{provider} billed {self.ratio:.2f}x of the estimate in the last {self.runs} runs"
        if f"{self.least:.2f}" == f"{self.most:.2f}":
            return text
        return f"{text} ({self.least:.2f}x to {self.most:.2f}x)"


def billed_tokens(job: Job, events: list[Event], profile: str) -> tuple[int, bool] | None:
    """Return the tokens on the bill of an ended job, and whether they are rounded to thousands.

    Args:
        job: The job.
        events: Its events, in any order.
        profile: The provider's rule profile.

    Returns:
        ``None`` where the provider has not told.
    """
    for event in events:
        told = _BILLED.search(event.message)
        if told:
            return int(told.group(1).replace(",", "")), True
    if profile == "azure" or not job.trained_tokens:
        return None
    return job.trained_tokens, False


class Bills(Storage):
    """Bills, in the ledger's file."""

    def keep_bill(self, endpoint: str, job: Job, profile: str) -> Bill | None:
        """Remember what an ended job of this machine billed, and return it.

        Args:
            endpoint: The provider, as the ledger knows it.
            job: The job as last described.
            profile: The provider's rule profile.

        Returns:
            ``None`` for a job that goes on, was launched elsewhere, or has no bill (yet).
        """
        if job.status != "succeeded":
            return None
        rows = self._read(
            "SELECT estimate FROM launches WHERE endpoint=? AND job_id=?"
            " ORDER BY planned_at DESC LIMIT 1",
            (endpoint, job.id),
        )
        estimate = unpack(rows[0]["estimate"]) if rows else {}
        estimated = estimate.get("tokens_billed")
        found = billed_tokens(job, self._billing_events(endpoint, job.id), profile)
        if not isinstance(estimated, int) or estimated < 1 or found is None:
            return None
        ended = float(job.finished_at or time.time())
        bill = Bill(
            job_id=job.id,
            model=job.model,
            method=job.method,
            estimated=estimated,
            billed=found[0],
            approximate=bool(estimate.get("approximate")),
            rounded=found[1],
            ended_at=ended,
        )
        if self.bill(endpoint, job.id) == bill:
            return bill
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO bills VALUES (?,?,?,?,?,?,?,?,?,?)",
                (
                    endpoint,
                    storable(job.id),
                    storable(job.model),
                    storable(job.method),
                    estimated,
                    bill.billed,
                    bill.approximate,
                    bill.rounded,
                    ended,
                    time.time(),
                ),
            )
        return bill

    def keep_bills(self, endpoint: str, profile: str) -> None:
        """Remember the bills of all known jobs that have ended since this was last called."""
        rows = self._read(
            "SELECT j.body AS body FROM jobs j JOIN launches l"
            " ON l.endpoint=j.endpoint AND l.job_id=j.id WHERE j.endpoint=?"
            " AND NOT EXISTS (SELECT 1 FROM bills b WHERE b.endpoint=j.endpoint AND b.job_id=j.id)",
            (endpoint,),
        )
        for row in rows:
            job = Job.from_wire(unpack(row["body"]), endpoint)
            if job is not None:
                self.keep_bill(endpoint, job, profile)

    def bill(self, endpoint: str, job_id: str) -> Bill | None:
        """Return what is kept of one run's bill."""
        rows = self._read("SELECT * FROM bills WHERE endpoint=? AND job_id=?", (endpoint, job_id))
        return _bill_of(rows[0]) if rows else None

    def billed_ratio(self, endpoint: str, last: int = LAST) -> BilledRatio | None:
        """Return how the last bills of a provider compared to the estimates; ``None`` without."""
        rows = self._read(
            "SELECT * FROM bills WHERE endpoint=? ORDER BY ended_at DESC, kept_at DESC LIMIT ?",
            (endpoint, last),
        )
        bills = [_bill_of(row) for row in rows]
        if not bills:
            return None
        ratios = [bill.ratio for bill in bills]
        billed = sum(bill.ratio * bill.estimated for bill in bills)
        return BilledRatio(
            runs=len(bills),
            exact=sum(bill.agrees for bill in bills),
            ratio=billed / sum(bill.estimated for bill in bills),
            least=min(ratios),
            most=max(ratios),
        )

    def _billing_events(self, endpoint: str, job_id: str) -> list[Event]:
        rows = self._read(
            "SELECT id, body FROM events WHERE endpoint=? AND job_id=?"
            " AND body LIKE '%tokens billed%'",
            (endpoint, job_id),
        )
        return [
            event
            for row in rows
            if (event := Event.from_wire({**unpack(row["body"]), "id": row["id"]}))
        ]


def _bill_of(row: sqlite3.Row) -> Bill:
    return Bill(
        job_id=row["job_id"],
        model=row["model"],
        method=row["method"],
        estimated=row["estimated"],
        billed=row["billed"],
        approximate=bool(row["approximate"]),
        rounded=bool(row["rounded"]),
        ended_at=row["ended_at"],
    )
