"""Models that get their name some time after their job has succeeded."""

from __future__ import annotations

import time

from tui.jobs.models import Job
from tui.kinds import Kind


def is_still_unnamed(job: Job, kind: Kind, now: float | None = None) -> bool:
    """Whether a job is over and its model's name may yet come, so that looking again pays.

    Args:
        job: The job.
        kind: The kind of its provider, which tells how long the name may take.
        now: Seconds since 1970; the clock's unless given.
    """
    if job.status != "succeeded" or job.fine_tuned_model or job.finished_at is None:
        return False
    since = (time.time() if now is None else now) - job.finished_at
    return since < kind.names_model_within
