"""What the ledger keeps of jobs: how the provider last described them, and all their events.

Several processes may watch one job. Each keeps what it finds; an event is kept once by its id. A
walk through a provider's pages may break off, which leaves a hole between what was found and what
is older. ``gap`` counts such walks: it is 0 while everything older than the newest kept event is
here, and a walk to the last page puts it back to 0 only when no other walk broke off meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tui.jobs.models import Event, Job, MetricPoint
from tui.jobs.rows import JobRow, Progress, provider_of
from tui.jobs.storage import Storage, pack, storable, unpack

if TYPE_CHECKING:
    from tui.jobs.columns import Columns

_HEARD_EVERY = 60.0
PART_LEAST, PART_MOST = 2_000, 20_000
"""Events kept as columns together, at least and at most."""

_COLUMNS = "SELECT last, body FROM columns WHERE endpoint=? AND job_id=? ORDER BY last"
_LAST = "SELECT COALESCE(MAX(last), -1) AS last FROM columns WHERE endpoint=? AND job_id=?"
_BODIES = (
    "SELECT number, id, body FROM events WHERE endpoint=? AND job_id=? AND number>?"
    " ORDER BY number LIMIT ?"
)
_JOB_ROWS = (
    "SELECT j.*, l.estimate AS estimate, l.file AS file, l.state AS launch"
    " FROM jobs j LEFT JOIN launches l ON l.id="
    "(SELECT id FROM launches WHERE endpoint=j.endpoint AND job_id=j.id"
    " ORDER BY planned_at DESC LIMIT 1)"
)


class History(Storage):
    """Jobs and events, in the ledger's file."""

    # --- jobs ---------------------------------------------------------------------------------

    def keep_jobs(self, endpoint: str, jobs: Iterable[Job]) -> None:
        """Remember what the provider just said of these jobs.

        Nothing is written for jobs that are known to be just so: lists are asked for again and
        again, and a disk should not be busy with what it holds.
        """
        said = {storable(job.id): (job.created_at, pack(job.raw)) for job in jobs}
        known = self._bodies(endpoint, list(said))
        now = time.time()
        values = [
            (endpoint, job_id, created_at, body, now)
            for job_id, (created_at, body) in said.items()
            if known.get(job_id) != body
        ]
        if not values:
            return
        with self._write() as db:
            db.executemany(
                "INSERT INTO jobs (endpoint, id, created_at, body, seen_at) VALUES (?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET body=excluded.body, seen_at=excluded.seen_at, gone=0,"
                " created_at=COALESCE(excluded.created_at, created_at)",
                values,
            )

    def _bodies(self, endpoint: str, ids: Sequence[str]) -> dict[str, str]:
        """Return how jobs are described in here, those that are gone left out."""
        if len(ids) > 1:
            rows = self._read("SELECT id, body FROM jobs WHERE endpoint=? AND gone=0", (endpoint,))
        else:
            rows = self._read(
                "SELECT id, body FROM jobs WHERE endpoint=? AND id=? AND gone=0",
                (endpoint, *(ids or [""])),
            )
        return {row["id"]: row["body"] for row in rows}

    def job(self, endpoint: str, job_id: str) -> JobRow | None:
        """Return what is known of one job."""
        rows = self._jobs("j.endpoint=? AND j.id=?", (endpoint, job_id), 1)
        return rows[0] if rows else None

    def jobs(self, endpoint: str, limit: int = 500) -> list[JobRow]:
        """Return the known jobs of a provider, newest first."""
        return self._jobs("j.endpoint=?", (endpoint,), limit)

    def find_jobs(self, prefix: str) -> list[tuple[str, str]]:
        """Return ``(endpoint, id)`` of the known jobs whose id begins so, at most 20."""
        rows = self._read(
            "SELECT endpoint, id FROM jobs WHERE substr(id, 1, ?)=? LIMIT 20", (len(prefix), prefix)
        )
        return [(row["endpoint"], row["id"]) for row in rows]

    def endpoints_of(self, provider: str) -> list[str]:
        """Return under which endpoints jobs of a provider are kept; its address may change."""
        rows = self._read("SELECT DISTINCT endpoint FROM jobs")
        return [row["endpoint"] for row in rows if provider_of(row["endpoint"]) == provider]

    def mark_gone(self, endpoint: str, job_id: str) -> None:
        """Remember that the provider does not know a job any more."""
        with self._write() as db:
            db.execute(
                "UPDATE jobs SET gone=1, cancel_asked=NULL WHERE endpoint=? AND id=?",
                (endpoint, storable(job_id)),
            )

    def _jobs(self, where: str, values: Sequence[Any], limit: int) -> list[JobRow]:
        rows = self._read(
            f"{_JOB_ROWS} WHERE {where} ORDER BY j.created_at DESC, j.seen_at DESC LIMIT ?",
            (*values, limit),
        )
        return [found for row in rows if (found := _job_of(row))]

    # --- providers ----------------------------------------------------------------------------

    def keep_heard(self, endpoint: str) -> None:
        """Remember that a provider answered just now, to the minute."""
        now = time.time()
        last = self.heard_at(endpoint)
        if last is None or not 0 <= now - last < _HEARD_EVERY:
            with self._write() as db:
                db.execute("INSERT OR REPLACE INTO heard VALUES (?,?)", (endpoint, now))

    def heard_at(self, endpoint: str) -> float | None:
        """Return when a provider last answered, in seconds since 1970; ``None`` if never."""
        rows = self._read("SELECT at FROM heard WHERE endpoint=?", (endpoint,))
        return float(rows[0]["at"]) if rows else None

    # --- cancels ------------------------------------------------------------------------------

    def keep_cancel(self, endpoint: str, job_id: str, *, heard: bool = False) -> None:
        """Remember that a cancel was agreed to, or that the provider has heard it."""
        with self._write() as db:
            db.execute(
                "UPDATE jobs SET cancel_asked=COALESCE(cancel_asked, ?), cancel_heard=?"
                " WHERE endpoint=? AND id=?",
                (time.time(), int(heard), endpoint, storable(job_id)),
            )

    def drop_cancel(self, endpoint: str, job_id: str) -> None:
        """Forget a cancel that the provider refused or never heard."""
        with self._write() as db:
            db.execute(
                "UPDATE jobs SET cancel_asked=NULL, cancel_heard=0 WHERE endpoint=? AND id=?",
                (endpoint, storable(job_id)),
            )

    # --- events -------------------------------------------------------------------------------

    def keep_events(
        self,
        endpoint: str,
        job_id: str,
        events: Sequence[Event],
        newest: MetricPoint | None,
        *,
        complete: bool,
        since: int | None = None,
    ) -> None:
        """Remember events, each id once, and the newest metrics.

        Args:
            endpoint: The provider, as the ledger knows it.
            job_id: The job.
            events: Known ones may be among them.
            newest: The metrics of the highest step so far.
            complete: Whether everything older than these is in the ledger too.
            since: The gap as it was before these events were asked for: it is closed only when
                it still is the same. Without it, it is closed in any case.
        """
        job_id = storable(job_id)
        with self._write() as db:
            db.execute(
                "INSERT OR IGNORE INTO jobs (endpoint, id, body, seen_at) VALUES (?,?,?,?)",
                (endpoint, job_id, pack({"id": job_id}), time.time()),
            )
            db.executemany(
                "INSERT OR IGNORE INTO events (endpoint, job_id, id, body) VALUES (?,?,?,?)",
                [(endpoint, job_id, storable(e.id), pack(e.to_wire())) for e in events],
            )
            row = db.execute(
                "SELECT gap, progress FROM jobs WHERE endpoint=? AND id=?", (endpoint, job_id)
            ).fetchone()
            gap = int(row["gap"])
            if not complete:
                gap += 1
            elif since is None or since == gap:
                gap = 0
            db.execute(
                "UPDATE jobs SET gap=?, progress=? WHERE endpoint=? AND id=?",
                (gap, _newer(row["progress"], newest), endpoint, job_id),
            )

    def keep_progress(self, endpoint: str, job_id: str, newest: MetricPoint) -> None:
        """Remember the newest metrics of a run whose history nobody has read."""
        with self._write() as db:
            row = db.execute(
                "SELECT progress FROM jobs WHERE endpoint=? AND id=?", (endpoint, storable(job_id))
            ).fetchone()
            if row is not None:
                db.execute(
                    "UPDATE jobs SET progress=? WHERE endpoint=? AND id=?",
                    (_newer(row["progress"], newest), endpoint, storable(job_id)),
                )

    def events(self, endpoint: str, job_id: str) -> list[Event]:
        """Return the events of a job in the order they came to this machine."""
        return self.history(endpoint, job_id)[0]

    def history(self, endpoint: str, job_id: str) -> tuple[list[Event], int]:
        """Return the events of a job in the order they came, and the gap, of one moment."""
        job_id = storable(job_id)
        with self._snapshot() as db:
            rows = db.execute(
                "SELECT id, body FROM events WHERE endpoint=? AND job_id=? ORDER BY number",
                (endpoint, job_id),
            ).fetchall()
            gap = db.execute(
                "SELECT gap FROM jobs WHERE endpoint=? AND id=?", (endpoint, job_id)
            ).fetchone()
        events = [
            event
            for row in rows
            if (event := Event.from_wire({**unpack(row["body"]), "id": row["id"]}))
        ]
        return events, int(gap["gap"]) if gap else 1

    def columns(self, endpoint: str, job_id: str) -> tuple[Columns | None, int, int]:
        """Return the events of a job as columns, of one moment.

        Returns:
            The columns (``None`` where there are few events, or some that do not fit into
            columns), the gap, and how many events are not kept as columns yet.
        """
        job_id = storable(job_id)
        with self._snapshot() as db:
            kept = db.execute(_COLUMNS, (endpoint, job_id)).fetchall()
            last = kept[-1]["last"] if kept else -1
            rows = db.execute(_BODIES, (endpoint, job_id, last, -1)).fetchall()
            gap = db.execute(
                "SELECT gap FROM jobs WHERE endpoint=? AND id=?", (endpoint, job_id)
            ).fetchone()
        loose = len(rows)
        if not kept and loose < PART_LEAST:
            return None, int(gap["gap"]) if gap else 1, loose
        from tui.jobs.columns import columns_of, from_bytes, joined

        parts: list[Columns | None] = [from_bytes(row["body"]) for row in kept]
        if rows:
            parts.append(columns_of(rows))
        whole = [part for part in parts if part is not None]
        found = joined(whole) if whole and len(whole) == len(parts) else None
        return found, int(gap["gap"]) if gap else 1, loose

    def keep_columns(self, endpoint: str, job_id: str) -> int:
        """Keep the events that are not in columns yet as columns, a part of them at a time.

        Columns are made of events that stay as they are, so it does not matter which of several
        processes makes them, or if one dies meanwhile.

        Returns:
            How many were kept; none when they are few.
        """
        from tui.jobs.columns import columns_of, to_bytes

        job_id = storable(job_id)
        last = self._read(_LAST, (endpoint, job_id))[0]["last"]
        rows = self._read(_BODIES, (endpoint, job_id, last, PART_MOST))
        if len(rows) < PART_LEAST:
            return 0
        columns = columns_of(tuple(row) for row in rows)
        if columns is None:
            return 0
        body = to_bytes(columns)
        with self._write() as db:
            if db.execute(_LAST, (endpoint, job_id)).fetchone()["last"] != last:
                return 0
            db.execute(
                "INSERT INTO columns VALUES (?,?,?,?)", (endpoint, job_id, rows[-1]["number"], body)
            )
        return len(rows)

    def events_by_number(self, endpoint: str, job_id: str, last: int) -> dict[int, Event]:
        """Return the events of a job up to a number, by their numbers."""
        from tui.jobs.columns import event_of

        rows = self._read(_BODIES, (endpoint, storable(job_id), -1, -1))
        found = ((row["number"], event_of(row["id"], row["body"])) for row in rows)
        return {number: event for number, event in found if event is not None and number <= last}

    def gap(self, endpoint: str, job_id: str) -> int:
        """Return how many walks broke off since the last whole one; 1 for unknown jobs."""
        rows = self._read("SELECT gap FROM jobs WHERE endpoint=? AND id=?", (endpoint, job_id))
        return int(rows[0]["gap"]) if rows else 1

    def has_gap(self, endpoint: str, job_id: str) -> bool:
        """Return whether events older than the known ones may be missing; true for unknown jobs."""
        return self.gap(endpoint, job_id) > 0


def _newer(known: str | None, point: MetricPoint | None) -> str | None:
    """Return the progress to keep: another process may be further already."""
    if point is None or int(unpack(known).get("step", -1)) > point.step:
        return known
    return pack(
        {
            "step": point.step,
            "total_steps": point.total_steps,
            "values": dict(point.values),
            "created_at": point.created_at,
        }
    )


def _job_of(row: sqlite3.Row) -> JobRow | None:
    job = Job.from_wire(unpack(row["body"]), provider_of(row["endpoint"]))
    if job is None:
        return None
    found = unpack(row["progress"])
    progress = None
    if found:
        progress = Progress(
            int(found["step"]), found["total_steps"], found["values"], found["created_at"]
        )
    return JobRow(
        job,
        row["seen_at"],
        progress,
        unpack(row["estimate"]),
        row["file"] or "",
        row["launch"] or "",
        row["cancel_asked"] if not job.terminal else None,
        bool(row["cancel_heard"]),
        bool(row["gone"]) and not job.terminal,
    )
