"""What the ledger keeps of stop rules: those set for a job, and what each has done.

A rule outlives the program that set it, so that a lost connection does not lift it; and what it
does besides telling is done by one of the processes that watch the job.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from tui.jobs.storage import Storage, storable

_SELECT = "SELECT rule, set_at, acted_at, seen FROM rules WHERE endpoint=? AND job_id=?"


class KeptRule(NamedTuple):
    """A stop rule of a job.

    Attributes:
        text: As it is written.
        set_at: When it was set, in seconds since 1970.
        acted_at: When it came true and was acted on; ``None`` while it has not.
        seen: What was seen then; not cleaned.
    """

    text: str
    set_at: float
    acted_at: float | None
    seen: str


class KeptRules(Storage):
    """Stop rules, in the ledger's file."""

    def keep_rules(
        self, endpoint: str, job_id: str, texts: Sequence[str], *, anew: Sequence[str] = ()
    ) -> None:
        """Remember the rules of a job; all others are forgotten.

        Args:
            endpoint: The provider, as the ledger knows it.
            job_id: The job.
            texts: The rules; what those have done that are known is not forgotten.
            anew: Those of them that may act again, whatever they have done.
        """
        at, job_id, now = (endpoint, storable(job_id)), storable(job_id), time.time()
        kept = [storable(text) for text in texts]
        with self._write() as db:
            known = {row["rule"] for row in db.execute(_SELECT, at).fetchall()}
            gone = known.difference(kept) | {storable(text) for text in anew}
            db.executemany(
                "DELETE FROM rules WHERE endpoint=? AND job_id=? AND rule=?",
                [(*at, text) for text in gone],
            )
            db.executemany(
                "INSERT OR IGNORE INTO rules (endpoint, job_id, rule, set_at) VALUES (?,?,?,?)",
                [(*at, text, now) for text in kept],
            )

    def kept_rules(self, endpoint: str, job_id: str) -> list[KeptRule]:
        """Return the rules that were set for a job, in the order they were set."""
        rows = self._read(f"{_SELECT} ORDER BY set_at, rowid", (endpoint, job_id))
        return [KeptRule(row["rule"], row["set_at"], row["acted_at"], row["seen"]) for row in rows]

    def claim_rule(self, endpoint: str, job_id: str, text: str, seen: str) -> bool:
        """Remember that a rule acts now; return whether it is the first to do so.

        Of several processes that watch a job, one is told yes.
        """
        at = (endpoint, storable(job_id), storable(text))
        now = time.time()
        with self._write() as db:
            db.execute(
                "INSERT OR IGNORE INTO rules (endpoint, job_id, rule, set_at) VALUES (?,?,?,?)",
                (*at, now),
            )
            done = db.execute(
                "UPDATE rules SET acted_at=?, seen=?"
                " WHERE endpoint=? AND job_id=? AND rule=? AND acted_at IS NULL",
                (now, storable(seen), *at),
            )
            return done.rowcount == 1
