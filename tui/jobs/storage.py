"""The file beneath the ledger: one SQLite database that several processes use at once.

WAL mode with full synchronisation, so that a row is on disk before the step it announces. Whatever
SQLite raises becomes a :class:`FileError` in plain words.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.errors import FileError, disk_is_full

VERSION = 6
_BUSY_MS = 10_000
_LAUNCHES = """
CREATE TABLE IF NOT EXISTS launches (
    id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, provider TEXT NOT NULL, file TEXT NOT NULL,
    sha256 TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, file_id TEXT, job_id TEXT,
    reason TEXT NOT NULL DEFAULT '', request TEXT NOT NULL, estimate TEXT NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, pid_started INTEGER NOT NULL,
    planned_at REAL NOT NULL, creating_at REAL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS launches_open ON launches (endpoint, state);
CREATE INDEX IF NOT EXISTS launches_job ON launches (endpoint, job_id);
CREATE TABLE IF NOT EXISTS uploads (
    endpoint TEXT NOT NULL, sha256 TEXT NOT NULL, purpose TEXT NOT NULL, file_id TEXT NOT NULL,
    bytes INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (endpoint, sha256, purpose));
CREATE TABLE IF NOT EXISTS jobs (
    endpoint TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER, body TEXT NOT NULL,
    seen_at REAL NOT NULL, gap INTEGER NOT NULL DEFAULT 1, progress TEXT,
    PRIMARY KEY (endpoint, id));
CREATE INDEX IF NOT EXISTS jobs_newest ON jobs (endpoint, created_at DESC);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, job_id TEXT NOT NULL, id TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (endpoint, job_id, id));
"""
_PARTS = """
ALTER TABLE launches ADD COLUMN recipe TEXT NOT NULL DEFAULT '{}';
CREATE TABLE IF NOT EXISTS partial_uploads (
    endpoint TEXT NOT NULL, sha256 TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (endpoint, sha256));
"""
_CANCELS = """
ALTER TABLE jobs ADD COLUMN cancel_asked REAL;
ALTER TABLE jobs ADD COLUMN cancel_heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS heard (endpoint TEXT PRIMARY KEY, at REAL NOT NULL);
"""
_BILLS = """
CREATE TABLE IF NOT EXISTS bills (
    endpoint TEXT NOT NULL, job_id TEXT NOT NULL, model TEXT NOT NULL, method TEXT NOT NULL,
    estimated INTEGER NOT NULL, billed INTEGER NOT NULL, approximate INTEGER NOT NULL,
    rounded INTEGER NOT NULL, ended_at REAL NOT NULL, kept_at REAL NOT NULL,
    PRIMARY KEY (endpoint, job_id));
"""
_COLUMNS = """
CREATE TABLE IF NOT EXISTS columns (
    endpoint TEXT NOT NULL, job_id TEXT NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (endpoint, job_id, last));
"""
_RULES = """
CREATE TABLE IF NOT EXISTS rules (
    endpoint TEXT NOT NULL, job_id TEXT NOT NULL, rule TEXT NOT NULL, set_at REAL NOT NULL,
    acted_at REAL, seen TEXT NOT NULL DEFAULT '', PRIMARY KEY (endpoint, job_id, rule));
"""
# What makes each version of the file out of the one before it.
_STEPS = (_LAUNCHES, _PARTS, _CANCELS, _BILLS, _COLUMNS, _RULES)


def pack(value: Mapping[str, Any]) -> str:
    """Return a mapping as text that SQLite can hold.

    ASCII, because it cannot hold the lone surrogates that foreign JSON may bring.
    """
    return json.dumps(value, default=str)


def unpack(text: str | None) -> dict[str, Any]:
    """Return what :func:`pack` was given; empty for anything else."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def storable(text: str) -> str:
    """Return text without what SQLite cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _storables(values: Sequence[Any]) -> list[Any]:
    return [storable(value) if isinstance(value, str) else value for value in values]


class Storage:
    """One database file.

    Args:
        path: The file; its folder is made if needed. ``":memory:"`` keeps nothing.

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
            self._renew()
        if self.path != ":memory:":
            with contextlib.suppress(OSError):
                os.chmod(self.path, 0o600)

    def _renew(self) -> None:
        """Bring the file to this version; another process may do the same at the same time."""
        with self._write() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            for step in _STEPS[version:]:
                for statement in step.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")

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

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment, whatever other processes write meanwhile."""
        with self._lock, self._telling():
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("COMMIT")

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._telling():
            return self._db.execute(sql, _storables(values)).fetchall()


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
