"""The ledger: what this machine knows of its launches, uploads, jobs and their events.

SQLite in WAL mode with full synchronisation, so that a row is on disk before the step it announces.
Several processes use it at once. Every method is safe to call from any thread, and raises
:class:`FileError` when the file cannot be read or written.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.errors import FileError, disk_is_full
from tui.jobs.models import Event, Job, MetricPoint
from tui.jobs.rows import OPEN_STATES, JobRow, LaunchRow, LaunchState, Owner, Progress

VERSION = 2
_BUSY_MS = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS launches (
    id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, provider TEXT NOT NULL, file TEXT NOT NULL,
    sha256 TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, file_id TEXT, job_id TEXT,
    reason TEXT NOT NULL DEFAULT '', request TEXT NOT NULL, estimate TEXT NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, pid_started INTEGER NOT NULL,
    planned_at REAL NOT NULL, creating_at REAL, updated_at REAL NOT NULL,
    recipe TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS launches_open ON launches (endpoint, state);
CREATE INDEX IF NOT EXISTS launches_job ON launches (endpoint, job_id);
CREATE TABLE IF NOT EXISTS uploads (
    endpoint TEXT NOT NULL, sha256 TEXT NOT NULL, purpose TEXT NOT NULL, file_id TEXT NOT NULL,
    bytes INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (endpoint, sha256, purpose));
CREATE TABLE IF NOT EXISTS partial_uploads (
    endpoint TEXT NOT NULL, sha256 TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (endpoint, sha256));
CREATE TABLE IF NOT EXISTS jobs (
    endpoint TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER, body TEXT NOT NULL,
    seen_at REAL NOT NULL, gap INTEGER NOT NULL DEFAULT 1, progress TEXT,
    PRIMARY KEY (endpoint, id));
CREATE INDEX IF NOT EXISTS jobs_newest ON jobs (endpoint, created_at DESC);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, job_id TEXT NOT NULL, id TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (endpoint, job_id, id));
"""


def _pack(value: Mapping[str, Any]) -> str:
    # ASCII, because SQLite cannot hold the lone surrogates that foreign JSON may bring.
    return json.dumps(value, default=str)


def _unpack(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _storables(values: Sequence[Any]) -> list[Any]:
    return [_storable(value) if isinstance(value, str) else value for value in values]


class Ledger:
    """The ledger in one file.

    Args:
        path: The database file; its folder is made if needed. ``":memory:"`` keeps nothing.

    Raises:
        FileError: The file or folder cannot be used.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._lock = threading.RLock()
        if self.path != ":memory:":
            folder = Path(self.path).parent
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise FileError(
                    f"cannot make the folder {folder} ({error.strerror})",
                    "make it writable, or set TUNEDECK_HOME to another place",
                ) from error
        with self._telling():
            self._db = sqlite3.connect(
                self.path, timeout=_BUSY_MS / 1000, check_same_thread=False, isolation_level=None
            )
            self._open()

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise FileError(
                f"{self.path} was written by a newer tunedeck", "update tunedeck on this machine"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if version < VERSION:
            with self._write():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                if version == 1:
                    self._db.execute(
                        "ALTER TABLE launches ADD COLUMN recipe TEXT NOT NULL DEFAULT '{}'"
                    )
                self._db.execute(f"PRAGMA user_version={VERSION}")
        if self.path != ":memory:":
            with contextlib.suppress(OSError):
                os.chmod(self.path, 0o600)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that other processes see whole or not at all."""
        with self._lock, self._telling():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._telling():
            return self._db.execute(sql, _storables(values)).fetchall()

    # --- launches -----------------------------------------------------------------------------

    def plan(self, row: LaunchRow) -> LaunchRow | None:
        """Begin a launch, unless one of the same provider, file and model is open.

        Args:
            row: The launch, in state ``planned``.

        Returns:
            The launch in the way (nothing was written), or ``None``.
        """
        with self._write() as db:
            others = self.open_launches(row.endpoint, row.sha256, row.model)
            if others:
                return others[0]
            db.execute(
                "INSERT INTO launches VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    row.id,
                    row.endpoint,
                    row.provider,
                    _storable(row.file),
                    row.sha256,
                    _storable(row.model),
                    row.state.value,
                    row.file_id,
                    row.job_id,
                    row.reason,
                    _pack(row.request),
                    _pack(row.estimate),
                    row.owner.host,
                    row.owner.pid,
                    row.owner.started,
                    row.planned_at,
                    row.creating_at,
                    row.updated_at,
                    _pack(row.recipe),
                ),
            )
        return None

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
                    _storable(reason),
                    now,
                    _storable(file_id) if file_id else None,
                    _storable(job_id) if job_id else None,
                    _pack(request) if request is not None else None,
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

    def keep_upload(
        self, endpoint: str, sha256: str, file_id: str, size: int, purpose: str = "fine-tune"
    ) -> None:
        """Remember an upload."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?,?,?,?,?,?)",
                (endpoint, sha256, purpose, _storable(file_id), size, time.time()),
            )

    def partial_upload(self, endpoint: str, sha256: str) -> dict[str, Any]:
        """Return how far an upload of this file in parts had come; empty when there is none."""
        rows = self._read(
            "SELECT state FROM partial_uploads WHERE endpoint=? AND sha256=?", (endpoint, sha256)
        )
        return _unpack(rows[0]["state"]) if rows else {}

    def keep_partial_upload(self, endpoint: str, sha256: str, state: Mapping[str, Any]) -> None:
        """Remember how far an upload in parts has come; an empty state forgets it."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO partial_uploads VALUES (?,?,?)",
                (endpoint, sha256, _pack(state)),
            )

    # --- jobs ---------------------------------------------------------------------------------

    def keep_jobs(self, endpoint: str, jobs: Iterable[Job]) -> None:
        """Remember what the provider just said of these jobs."""
        now = time.time()
        values = [
            (endpoint, _storable(job.id), job.created_at, _pack(job.raw), now) for job in jobs
        ]
        with self._write() as db:
            db.executemany(
                "INSERT INTO jobs (endpoint, id, created_at, body, seen_at) VALUES (?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET body=excluded.body, seen_at=excluded.seen_at,"
                " created_at=COALESCE(excluded.created_at, created_at)",
                values,
            )

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

    def _jobs(self, where: str, values: Sequence[Any], limit: int) -> list[JobRow]:
        rows = self._read(
            "SELECT j.*, l.estimate AS estimate, l.file AS file FROM jobs j LEFT JOIN launches l"
            f" ON l.endpoint=j.endpoint AND l.job_id=j.id WHERE {where}"
            " ORDER BY j.created_at DESC, j.seen_at DESC LIMIT ?",
            (*values, limit),
        )
        return [found for row in rows if (found := _job_of(row))]

    # --- events -------------------------------------------------------------------------------

    def keep_events(
        self,
        endpoint: str,
        job_id: str,
        events: Sequence[Event],
        newest: MetricPoint | None,
        *,
        complete: bool,
    ) -> None:
        """Remember events, each id once, and the newest metrics.

        Args:
            endpoint: The provider, as the ledger knows it.
            job_id: The job.
            events: Known ones may be among them.
            newest: The metrics of the highest step so far.
            complete: Whether everything older than these is in the ledger too.
        """
        job_id = _storable(job_id)
        with self._write() as db:
            db.execute(
                "INSERT OR IGNORE INTO jobs (endpoint, id, body, seen_at) VALUES (?,?,?,?)",
                (endpoint, job_id, _pack({"id": job_id}), time.time()),
            )
            db.executemany(
                "INSERT OR IGNORE INTO events (endpoint, job_id, id, body) VALUES (?,?,?,?)",
                [(endpoint, job_id, _storable(e.id), _pack(e.to_wire())) for e in events],
            )
            db.execute(
                "UPDATE jobs SET gap=?, progress=COALESCE(?, progress) WHERE endpoint=? AND id=?",
                (int(not complete), _pack_point(newest), endpoint, job_id),
            )

    def events(self, endpoint: str, job_id: str) -> list[Event]:
        """Return the events of a job in the order they came to this machine."""
        rows = self._read(
            "SELECT id, body FROM events WHERE endpoint=? AND job_id=? ORDER BY number",
            (endpoint, job_id),
        )
        return [
            event
            for row in rows
            if (event := Event.from_wire({**_unpack(row["body"]), "id": row["id"]}))
        ]

    def has_gap(self, endpoint: str, job_id: str) -> bool:
        """Return whether events older than the known ones may be missing; true for unknown jobs."""
        rows = self._read("SELECT gap FROM jobs WHERE endpoint=? AND id=?", (endpoint, job_id))
        return bool(rows[0]["gap"]) if rows else True


def _pack_point(point: MetricPoint | None) -> str | None:
    if point is None:
        return None
    return _pack(
        {
            "step": point.step,
            "total_steps": point.total_steps,
            "values": dict(point.values),
            "created_at": point.created_at,
        }
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
        request=_unpack(row["request"]),
        estimate=_unpack(row["estimate"]),
        owner=Owner(row["host"], row["pid"], row["pid_started"]),
        planned_at=row["planned_at"],
        creating_at=row["creating_at"],
        updated_at=row["updated_at"],
        recipe=_unpack(row["recipe"]),
    )


def _job_of(row: sqlite3.Row) -> JobRow | None:
    provider = str(row["endpoint"]).partition(" ")[0]
    job = Job.from_wire(_unpack(row["body"]), provider)
    if job is None:
        return None
    found = _unpack(row["progress"])
    progress = None
    if found:
        progress = Progress(
            int(found["step"]), found["total_steps"], found["values"], found["created_at"]
        )
    return JobRow(job, row["seen_at"], progress, _unpack(row["estimate"]), row["file"] or "")


def _explain(error: sqlite3.Error, path: str) -> FileError:
    text = str(error).lower()
    if "full" in text or ("i/o" in text and disk_is_full(Path(path).parent)):
        return FileError(f"the disk is full, so {path} cannot be written", "free some space")
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return FileError(
            f"{path} cannot be written",
            "check its owner and mode, or set TUNEDECK_HOME to another place",
        )
    if "locked" in text or "busy" in text:
        return FileError(f"{path} is in use by another program", "try again in a moment")
    if "not a database" in text or "malformed" in text:
        return FileError(
            f"{path} is damaged ({error})", "move it away; jobs themselves are safe at the provider"
        )
    return FileError(f"{path}: {error}", "check the disk and the folder")


def open_ledger(state: Path) -> Ledger:
    """Open the ledger in a state folder (``Paths.state``), making it the first time."""
    return Ledger(state / "ledger.db")
