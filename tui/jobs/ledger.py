"""The ledger: what this machine knows of its launches, uploads, jobs and their events.

SQLite in WAL mode with full synchronisation, so that a row is on disk before the step it announces.
Several processes use it at once. Every method is safe to call from any thread, and raises
:class:`FileError` when the file cannot be read or written.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.jobs.bills import Bills
from tui.jobs.history import History
from tui.jobs.kept_rules import KeptRules
from tui.jobs.rows import OPEN_STATES, LaunchRow, LaunchState, Owner
from tui.jobs.storage import pack, storable, unpack


class Ledger(Bills, KeptRules, History):
    """The ledger in one file: launches and uploads here, jobs and their events in its base.

    Args:
        path: The database file; its folder is made if needed. ``":memory:"`` keeps nothing.

    Raises:
        FileError: The file or folder cannot be used.
    """

    # --- launches -----------------------------------------------------------------------------

    def plan(self, row: LaunchRow, since: float | None = None) -> LaunchRow | None:
        """Begin a launch, unless one of the same provider, file and model is open.

        Args:
            row: The launch, in state ``planned``.
            since: When it was asked for: what another process has made of the very same run since
                then is in the way too, since both were begun at once.

        Returns:
            The launch in the way (nothing was written), or ``None``.
        """
        with self._write() as db:
            others = self.open_launches(row.endpoint, row.sha256, row.model)
            if since is not None:
                others += self._made_since(row, since)
            if others:
                return others[0]
            db.execute(
                "INSERT INTO launches VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    row.id,
                    row.endpoint,
                    row.provider,
                    storable(row.file),
                    row.sha256,
                    storable(row.model),
                    row.state.value,
                    row.file_id,
                    row.job_id,
                    row.reason,
                    pack(row.request),
                    pack(row.estimate),
                    row.owner.host,
                    row.owner.pid,
                    row.owner.started,
                    row.planned_at,
                    row.creating_at,
                    row.updated_at,
                    pack(row.recipe),
                ),
            )
        return None

    def _made_since(self, row: LaunchRow, since: float) -> list[LaunchRow]:
        made = self._read(
            "SELECT * FROM launches WHERE endpoint=? AND sha256=? AND model=? AND state=?"
            " AND updated_at>=?",
            (row.endpoint, row.sha256, row.model, LaunchState.CREATED.value, since),
        )
        others = [_launch_of(one) for one in made]
        return [one for one in others if one.owner != row.owner and one.same_run(row)]

    def advance(
        self,
        launch_id: str,
        state: LaunchState,
        *,
        file_id: str | None = None,
        job_id: str | None = None,
        reason: str = "",
        request: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write that a launch has reached a state; it is on disk when this returns.

        Returns:
            Whether it was written: a settled launch stays as it is, unless a job of it turns up.
        """
        now = time.time()
        marks = ",".join("?" * len(OPEN_STATES))
        with self._write() as db:
            done = db.execute(
                "UPDATE launches SET state=?, reason=?, updated_at=?,"
                " file_id=COALESCE(?, file_id), job_id=COALESCE(?, job_id),"
                " request=COALESCE(?, request), creating_at=COALESCE(?, creating_at)"
                f" WHERE id=? AND (state IN ({marks}) OR state=? OR ?)",
                (
                    state.value,
                    storable(reason),
                    now,
                    storable(file_id) if file_id else None,
                    storable(job_id) if job_id else None,
                    pack(request) if request is not None else None,
                    now if state is LaunchState.CREATING else None,
                    launch_id,
                    *(known.value for known in OPEN_STATES),
                    # One that was taken for dead may be cleared, but must not go on.
                    LaunchState.INTERRUPTED.value if state is LaunchState.REFUSED else "",
                    state is LaunchState.CREATED,
                ),
            )
            return done.rowcount > 0

    def open_launches(
        self, endpoint: str, sha256: str | None = None, model: str | None = None
    ) -> list[LaunchRow]:
        """Return the launches whose outcome is not settled, oldest first."""
        marks = ",".join("?" * len(OPEN_STATES))
        rows = self._read(
            f"SELECT * FROM launches WHERE endpoint=? AND state IN ({marks})"
            " AND (? IS NULL OR sha256=?) AND (? IS NULL OR model=?) ORDER BY planned_at",
            (endpoint, *(s.value for s in OPEN_STATES), sha256, sha256, model, model),
        )
        return [_launch_of(row) for row in rows]

    def interrupted(self, endpoint: str | None = None) -> list[LaunchRow]:
        """Return the launches that stopped before any job, oldest first."""
        rows = self._read(
            "SELECT * FROM launches WHERE state=? AND (? IS NULL OR endpoint=?)"
            " ORDER BY planned_at",
            (LaunchState.INTERRUPTED.value, endpoint, endpoint),
        )
        return [_launch_of(row) for row in rows]

    def launch_of(self, endpoint: str, job_id: str) -> LaunchRow | None:
        """Return the launch of this machine that made a job."""
        rows = self._read(
            "SELECT * FROM launches WHERE endpoint=? AND job_id=? ORDER BY planned_at DESC",
            (endpoint, job_id),
        )
        return _launch_of(rows[0]) if rows else None

    def launches(self, endpoint: str | None = None, limit: int = 100) -> list[LaunchRow]:
        """Return launches, newest first."""
        rows = self._read(
            "SELECT * FROM launches WHERE (? IS NULL OR endpoint=?)"
            " ORDER BY planned_at DESC LIMIT ?",
            (endpoint, endpoint, limit),
        )
        return [_launch_of(row) for row in rows]

    def launched_jobs(self, endpoint: str) -> set[str]:
        """Return the ids of the jobs that launches of this machine made."""
        rows = self._read(
            "SELECT job_id FROM launches WHERE endpoint=? AND job_id IS NOT NULL", (endpoint,)
        )
        return {row["job_id"] for row in rows}

    # --- uploads ------------------------------------------------------------------------------

    def upload_of(self, endpoint: str, sha256: str, purpose: str = "fine-tune") -> str | None:
        """Return the id of an identical file that was uploaded before."""
        rows = self._read(
            "SELECT file_id FROM uploads WHERE endpoint=? AND sha256=? AND purpose=?",
            (endpoint, sha256, purpose),
        )
        return str(rows[0]["file_id"]) if rows else None

    def upload_size(self, sha256: str) -> int | None:
        """Return the bytes of a file that was uploaded anywhere; ``None`` where none was."""
        rows = self._read("SELECT bytes FROM uploads WHERE sha256=? LIMIT 1", (sha256,))
        return int(rows[0]["bytes"]) if rows else None

    def keep_upload(
        self, endpoint: str, sha256: str, file_id: str, size: int, purpose: str = "fine-tune"
    ) -> None:
        """Remember an upload."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?,?,?,?,?,?)",
                (endpoint, sha256, purpose, storable(file_id), size, time.time()),
            )

    def partial_upload(self, endpoint: str, sha256: str) -> dict[str, Any]:
        """Return how far an upload of this file in parts had come; empty when there is none."""
        rows = self._read(
            "SELECT state FROM partial_uploads WHERE endpoint=? AND sha256=?", (endpoint, sha256)
        )
        return unpack(rows[0]["state"]) if rows else {}

    def keep_partial_upload(self, endpoint: str, sha256: str, state: Mapping[str, Any]) -> None:
        """Remember how far an upload in parts has come; an empty state forgets it."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO partial_uploads VALUES (?,?,?)",
                (endpoint, sha256, pack(state)),
            )


def _launch_of(row: sqlite3.Row) -> LaunchRow:
    return LaunchRow(
        id=row["id"],
        endpoint=row["endpoint"],
        provider=row["provider"],
        file=row["file"],
        sha256=row["sha256"],
        model=row["model"],
        state=LaunchState(row["state"]),
        file_id=row["file_id"],
        job_id=row["job_id"],
        reason=row["reason"],
        request=unpack(row["request"]),
        estimate=unpack(row["estimate"]),
        owner=Owner(row["host"], row["pid"], row["pid_started"]),
        planned_at=row["planned_at"],
        creating_at=row["creating_at"],
        updated_at=row["updated_at"],
        recipe=unpack(row["recipe"]),
    )


def open_ledger(state: Path) -> Ledger:
    """Open the ledger in a state folder (``Paths.state``), making it the first time."""
    return Ledger(state / "ledger.db")
