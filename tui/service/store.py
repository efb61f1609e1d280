"""What the service remembers: files, jobs, events, checkpoints and models, in one SQLite file.

One connection, write-ahead log, one lock: the service is one process, and the lock on its data
folder (see `tui.service.server`) keeps a second one out. Lists are newest first, by the order of
arrival rather than by the clock, whose grain of a second leaves ties.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tui.service.tables import prepare

_JSON = ("result_files", "error", "hyperparameters", "method", "metadata", "integrations", "data",
         "metrics", "messages", "answer", "snapshot")  # fmt: skip
UNFINISHED = ("validating_files", "queued", "running")
TERMINAL = ("succeeded", "failed", "cancelled")

Row = dict[str, Any]
_ALIVE = "(expires_at IS NULL OR expires_at > ?)"


def new_id(prefix: str) -> str:
    """Return a new random id such as ``ftjob-4f…`` with 24 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(12)}"


def now() -> int:
    """Return the time in whole seconds, the grain of the wire."""
    return int(time.time())


class Page:
    """A part of a list, and whether there is more after it."""

    def __init__(self, rows: list[Row], limit: int) -> None:
        self.rows = rows[:limit]
        self.has_more = len(rows) > limit


class UnknownCursorError(LookupError):
    """The ``after`` of a list names nothing in it."""


class Store:
    """The database; every method may be called from any thread.

    Args:
        path: The database file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._nested = False
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        prepare(self._db)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes made inside together, or none of them."""
        with self._lock:
            if self._nested:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._nested = True
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                self._nested = False
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        with self._lock:
            return [_decode(row) for row in self._db.execute(sql, values)]

    def _one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        rows = self._all(sql, values)
        return rows[0] if rows else None

    def _run(self, sql: str, values: Sequence[object] = ()) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def _insert(self, table: str, row: Mapping[str, object]) -> None:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self._run(f"INSERT INTO {table} ({names}) VALUES ({marks})", _encode(row))

    def _page(
        self, table: str, where: str, values: Sequence[object], after: str | None, limit: int,
        *, ascending: bool = False,
    ) -> Page:  # fmt: skip
        clauses, bound = [where], list(values)
        if after is not None:
            start = self._one(
                f"SELECT seq FROM {table} WHERE id = ? AND {where}",
                [after, *values],
            )
            if start is None:
                raise UnknownCursorError(after)
            clauses.append("seq > ?" if ascending else "seq < ?")
            bound.append(start["seq"])
        order = "ASC" if ascending else "DESC"
        rows = self._all(
            f"SELECT * FROM {table} WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?",
            [*bound, limit + 1],
        )
        return Page(rows, limit)

    # Files

    def add_file(self, row: Mapping[str, object]) -> None:
        """Remember a file."""
        self._insert("files", row)

    def file(self, file_id: str) -> Row | None:
        """Return a file, unless its time is over."""
        return self._one(f"SELECT * FROM files WHERE id = ? AND {_ALIVE}", [file_id, now()])

    def files(self, *, purpose: str | None, after: str | None, limit: int, ascending: bool) -> Page:
        """Return a page of files.

        Raises:
            UnknownCursorError: ``after`` is not one of them.
        """
        where: str = _ALIVE
        values: list[object] = [now()]
        if purpose:
            where, values = f"{where} AND purpose = ?", [*values, purpose]
        return self._page("files", where, values, after, limit, ascending=ascending)

    def expired_files(self) -> list[Row]:
        """Return the files whose time is over."""
        return self._all("SELECT * FROM files WHERE expires_at <= ?", [now()])

    def delete_file(self, file_id: str) -> bool:
        """Forget a file; return whether it was there."""
        return self._run("DELETE FROM files WHERE id = ?", [file_id]) > 0

    def add_upload(self, row: Mapping[str, object]) -> None:
        """Remember an upload in parts."""
        self._insert("uploads", row)

    def upload(self, upload_id: str) -> Row | None:
        """Return an upload in parts."""
        return self._one("SELECT * FROM uploads WHERE id = ?", [upload_id])

    def update_upload(self, upload_id: str, status: str) -> None:
        """Change the status of an upload."""
        self._run("UPDATE uploads SET status = ? WHERE id = ?", [status, upload_id])

    def pending_uploads(self) -> list[Row]:
        """Return the uploads that are not complete."""
        return self._all("SELECT * FROM uploads WHERE status = 'pending'")

    # Jobs

    def add_job(self, row: Mapping[str, object]) -> None:
        """Remember a new job."""
        self._insert("jobs", row)

    def job(self, job_id: str) -> Row | None:
        """Return a job."""
        return self._one("SELECT * FROM jobs WHERE id = ?", [job_id])

    def jobs(
        self, *, after: str | None, limit: int, metadata: Mapping[str, str] | str | None = "any"
    ) -> Page:
        """Return a page of jobs.

        Args:
            after: The last job of the page before.
            limit: Jobs a page.
            metadata: Pairs a job must carry, ``None`` for jobs that carry none, or ``"any"``.

        Raises:
            UnknownCursorError: ``after`` is not one of them.
        """
        where, values = _carrying("jobs", metadata)
        return self._page("jobs", where, values, after, limit)

    def jobs_in(self, statuses: Sequence[str]) -> list[Row]:
        """Return the jobs in one of these states, in the order of their turns."""
        marks = ", ".join("?" * len(statuses))
        return self._all(
            f"SELECT * FROM jobs WHERE status IN ({marks}) ORDER BY turn, seq",
            list(statuses),
        )

    def next_turn(self) -> int:
        """Return a place in the queue behind all others."""
        row = self._one("SELECT max(turn) AS last FROM jobs")
        return int((row and row["last"]) or 0) + 1

    def update_job(self, job_id: str, **changes: object) -> None:
        """Change columns of a job."""
        names = ", ".join(f"{name} = ?" for name in changes)
        self._run(
            f"UPDATE jobs SET {names} WHERE id = ?",
            [*_encode(changes), job_id],
        )

    # Events

    def add_event(
        self, job_id: str, message: str, *, level: str = "info", kind: str = "message",
        data: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        """Remember one event, now."""
        self.add_events(job_id, [event(message, level=level, kind=kind, data=data)])

    def add_events(self, job_id: str, events: Iterable[Row]) -> None:
        """Remember events in the order given, made by `event`."""
        with self.transaction():
            self._db.executemany(
                "INSERT INTO events (id, job_id, created_at, level, message, type, data)"
                " VALUES (:id, :job_id, :created_at, :level, :message, :type, :data)",
                [{**item, "job_id": job_id, "data": json.dumps(item["data"])} for item in events],
            )

    def events(self, job_id: str, *, after: str | None, limit: int) -> Page:
        """Return a page of a job's events.

        Raises:
            UnknownCursorError: ``after`` is not one of them.
        """
        return self._page("events", "job_id = ?", [job_id], after, limit)

    def metrics(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Row]:
        """Return some metrics events of a job, oldest first: their ``seq`` and ``data``.

        Args:
            job_id: The job.
            after: The ``seq`` of the last one that is known.
            limit: How many at most, so that a long run does not hold up the service.
        """
        return self._all(
            "SELECT seq, data FROM events WHERE job_id = ? AND seq > ? AND type = 'metrics'"
            " ORDER BY seq LIMIT ?",
            [job_id, after, limit],
        )

    # Checkpoints and models

    def add_checkpoint(
        self, job_id: str, step: int, path: str, metrics: Mapping[str, object]
    ) -> bool:
        """Remember a checkpoint, once a step; return whether it is new."""
        added = self._run(
            "INSERT OR IGNORE INTO checkpoints (id, job_id, created_at, step, path, metrics)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [new_id("ftckpt"), job_id, now(), step, path, json.dumps(metrics)],
        )
        return added > 0

    def checkpoints(self, job_id: str, *, after: str | None, limit: int) -> Page:
        """Return a page of a job's checkpoints.

        Raises:
            UnknownCursorError: ``after`` is not one of them.
        """
        return self._page("checkpoints", "job_id = ?", [job_id], after, limit)

    def drop_checkpoint(self, checkpoint_id: str) -> None:
        """Forget a checkpoint."""
        self._run("DELETE FROM checkpoints WHERE id = ?", [checkpoint_id])

    def drop_checkpoints_at(self, path: str) -> None:
        """Forget the checkpoints at a path."""
        self._run("DELETE FROM checkpoints WHERE path = ?", [path])

    def add_model(self, model_id: str, job_id: str, base: str, path: str) -> None:
        """Remember a model that can be used; again is not an error."""
        self._run(
            "INSERT OR IGNORE INTO models (id, job_id, base, path, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [model_id, job_id, base, path, now()],
        )

    def model(self, model_id: str) -> Row | None:
        """Return a fine-tuned model."""
        return self._one("SELECT * FROM models WHERE id = ?", [model_id])

    def models(self) -> list[Row]:
        """Return the fine-tuned models, oldest first."""
        return self._all("SELECT * FROM models ORDER BY seq")

    def delete_model(self, model_id: str) -> bool:
        """Forget a model; return whether it was there."""
        return self._run("DELETE FROM models WHERE id = ?", [model_id]) > 0

    def path_in_use(self, path: str) -> bool:
        """Tell whether a checkpoint or a model still lies at this path."""
        row = self._one(
            "SELECT (SELECT count(*) FROM models WHERE path = ?)"
            " + (SELECT count(*) FROM checkpoints WHERE path = ?) AS uses",
            [path, path],
        )
        return bool(row and row["uses"])

    # Stored chat completions

    def add_completion(self, row: Mapping[str, object]) -> None:
        """Remember a chat completion."""
        self._insert("completions", row)

    def completion(self, completion_id: str) -> Row | None:
        """Return a stored chat completion."""
        return self._one("SELECT * FROM completions WHERE id = ?", [completion_id])

    def completions(
        self, *, after: str | None, limit: int, ascending: bool, model: str | None,
        metadata: Mapping[str, str] | str | None = "any",
    ) -> Page:  # fmt: skip
        """Return a page of stored chat completions.

        Args:
            after: The id of the last one of the page before.
            limit: How many at most.
            ascending: Oldest first.
            model: Only those of this model.
            metadata: Only those that carry these pairs; ``None`` for those that carry none,
                ``"any"`` for all.

        Raises:
            UnknownCursorError: ``after`` is not one of them.
        """
        where, values = _carrying("completions", metadata)
        if model is not None:
            where, values = f"{where} AND model = ?", [*values, model]
        return self._page("completions", where, values, after, limit, ascending=ascending)

    def update_completion(self, completion_id: str, metadata: Mapping[str, str] | None) -> None:
        """Change the metadata of a stored chat completion."""
        self._run(
            "UPDATE completions SET metadata = ? WHERE id = ?",
            [None if metadata is None else json.dumps(metadata), completion_id],
        )

    def delete_completion(self, completion_id: str) -> bool:
        """Forget a stored chat completion; return whether it was there."""
        return self._run("DELETE FROM completions WHERE id = ?", [completion_id]) > 0


def _carrying(table: str, metadata: Mapping[str, str] | str | None) -> tuple[str, list[object]]:
    """Return the condition for rows that carry these pairs, or none, or any."""
    if metadata is None:
        return "(metadata IS NULL OR metadata IN ('{}', 'null'))", []
    clauses, values = ["1"], list[object]()
    if isinstance(metadata, Mapping):
        for key, value in metadata.items():
            clauses.append(
                f"EXISTS (SELECT 1 FROM json_each({table}.metadata) AS pair"
                " WHERE pair.key = ? AND pair.value = ?)"
            )
            values += [key, value]
    return " AND ".join(clauses), values


_last_stamp = 0


def event(
    message: str, *, level: str = "info", kind: str = "message",
    data: Mapping[str, object] | None = None,
) -> Row:  # fmt: skip
    """Return an event that happens now; `Store.add_events` gives it a place.

    The id ends in a number that grows, so that a client that sorts events of the same second by
    the end of their ids gets them in order.
    """
    global _last_stamp
    stamp = _last_stamp = max(time.time_ns() // 1000, _last_stamp + 1)
    return {
        "id": f"ftevent-{secrets.token_hex(5)}e{stamp:017d}",
        "created_at": stamp // 1_000_000,
        "level": level,
        "message": message,
        "type": kind,
        "data": dict(data or {}),
    }


def _encode(row: Mapping[str, object]) -> list[object]:
    return [
        json.dumps(value) if name in _JSON and value is not None else value
        for name, value in row.items()
    ]


def _decode(row: sqlite3.Row) -> Row:
    values = dict(row)
    for name in _JSON:
        if isinstance(values.get(name), str):
            values[name] = json.loads(values[name])
    return values
