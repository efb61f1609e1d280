"""Which runs were trained on a file of this machine, and where a run's file is now, by its hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import FileError

if TYPE_CHECKING:
    from tui.jobs import Ledger
    from tui.run.runlist import RunKey

_MOST = 2000


def runs_of_file(ledger: Ledger, path: str) -> list[RunKey]:
    """Return the runs that launches of this machine made of this very content, newest first.

    Reads the whole file; blocks.

    Raises:
        FileError: The file or the ledger cannot be read.
    """
    from tui.jobs.sending import sha256_of

    digest = sha256_of(Path(path))
    launches = ledger.launches(limit=_MOST)
    return [(row.provider, row.job_id) for row in launches if row.job_id and row.sha256 == digest]


def file_of_run(ledger: Ledger, key: RunKey) -> str:
    """Return a file of this machine that holds what a run was trained on; empty when none does.

    The path it was launched from counts only while it still holds the same bytes; a copy that
    another launch was made from counts too. Reads whole files; blocks.

    Raises:
        FileError: The ledger cannot be read.
    """
    from tui.jobs.sending import sha256_of

    provider, job_id = key
    launches = ledger.launches(limit=_MOST)
    made = [row for row in launches if row.job_id == job_id and row.provider == provider]
    if not made:
        return ""
    digest = made[0].sha256
    for path in dict.fromkeys(row.file for row in (*made, *launches) if row.sha256 == digest):
        try:
            if Path(path).is_file() and sha256_of(Path(path)) == digest:
                return path
        except FileError:
            continue
    return ""
