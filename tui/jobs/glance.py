"""The names in the ledger, read in passing: for what is completed while a command is typed.

Nothing is made, brought up to date or waited for: what cannot be read at once is as good as empty.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.jobs.models import Job
from tui.jobs.rows import OPEN_STATES, LaunchState, provider_of
from tui.jobs.storage import unpack

_WAIT = 0.1
_MOST = 500
_JOBS = (
    "SELECT endpoint, body FROM jobs WHERE gone=0 ORDER BY created_at DESC, seen_at DESC LIMIT ?"
)
_LEFT = (*OPEN_STATES, LaunchState.INTERRUPTED)
_LAUNCHES = (
    f"SELECT id, provider, model, file FROM launches WHERE state IN ({','.join('?' * len(_LEFT))})"
    " ORDER BY planned_at DESC LIMIT ?"
)
_UPLOADS = "SELECT endpoint, file_id, bytes FROM uploads ORDER BY at DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Named:
    """Something the ledger has a name for.

    Attributes:
        id: Its id, as its provider or this machine gave it; foreign, not cleaned.
        provider: The name of the provider it is at.
        about: What tells it from others, in a few words; foreign, not cleaned.
    """

    id: str
    provider: str
    about: str


def known_jobs(state: Path) -> list[Job]:
    """Return the newest jobs in the ledger of a state folder (``Paths.state``), newest first."""
    found = []
    for endpoint, body in _read(state, _JOBS, (_MOST,)):
        job = Job.from_wire(unpack(body), provider_of(endpoint))
        if job is not None:
            found.append(job)
    return found


def known_leftovers(state: Path) -> list[Named]:
    """Return the launches that were left open, newest first."""
    rows = _read(state, _LAUNCHES, (*(one.value for one in _LEFT), _MOST))
    return [Named(row[0], row[1], f"{Path(row[3]).name}, {row[2]}") for row in rows]


def known_uploads(state: Path) -> list[Named]:
    """Return the files that were uploaded from this machine, newest first."""
    rows = _read(state, _UPLOADS, (_MOST,))
    return [Named(row[1], provider_of(row[0]), f"{row[2]:,} bytes") for row in rows]


def _read(state: Path, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    path = (state / "ledger.db").absolute()
    if not path.is_file():
        return []
    # While nobody has it open the ledger is one file, and stays one: SQLite would put its helpers
    # beside it again, to read as to write.
    beside = all(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    how = "mode=ro" if beside else "mode=ro&immutable=1"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=_WAIT)
        ) as db:
            return db.execute(sql, values).fetchall()
    except (sqlite3.Error, OSError, ValueError):
        return []
