"""The rows of the ledger, as plain frozen values."""

from __future__ import annotations

import enum
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.jobs.models import Job


class LaunchState(enum.StrEnum):
    """Where a launch stands.

    ``planned`` and ``uploaded`` cost nothing yet. ``creating`` is written before the request that
    may cost money is sent. ``unknown`` means that its answer was not understood and the provider's
    list did not show the job when looked at. ``interrupted`` means that nobody works on it any more
    and that it surely made no job: it can be finished, or cleared.
    """

    PLANNED = "planned"
    UPLOADED = "uploaded"
    CREATING = "creating"
    CREATED = "created"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"


OPEN_STATES = (
    LaunchState.PLANNED,
    LaunchState.UPLOADED,
    LaunchState.CREATING,
    LaunchState.UNKNOWN,
)


def provider_of(endpoint: str) -> str:
    """Return the name of the provider that the ledger knows under an endpoint.

    An endpoint is the name, then a blank and the address where there is one; names may hold blanks.
    """
    name, _, address = endpoint.rpartition(" ")
    return name if name and "://" in address else endpoint


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that works on a launch.

    Attributes:
        host: The machine's name.
        pid: The process id.
        started: When the process started, in clock ticks since boot; 0 where that is not told.
    """

    host: str
    pid: int
    started: int

    @classmethod
    def me(cls) -> Owner:
        """Return this very process."""
        return cls(socket.gethostname(), os.getpid(), _stat_of(os.getpid())[1])

    @property
    def here(self) -> bool:
        """Whether the process is or was one of this machine."""
        return self.host == socket.gethostname()

    def alive(self) -> bool:
        """Whether the process still runs; one on another machine counts as alive."""
        if not self.here:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        state, started = _stat_of(self.pid)
        # A process that was killed is there until whoever started it has taken note. Its id is used
        # again in time; the start time tells the two apart.
        return state not in ("Z", "X") and self.started in (0, started)


def began() -> float:
    """Return when this process started, as `time.time` tells it; now where that is not known."""
    ticks = _stat_of(os.getpid())[1]
    if not ticks:
        return time.time()
    tick = 1 / os.sysconf("SC_CLK_TCK")
    # A little late rather than early, as ticks are coarse.
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - (ticks + 2) * tick
    return time.time() - max(0.0, age)


def _stat_of(pid: int) -> tuple[str, int]:
    """Return the state of a process, a letter, and when it started, in clock ticks since boot."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        fields = text.rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", 0


@dataclass(frozen=True, slots=True)
class LaunchRow:
    """One launch that this machine began.

    Attributes:
        id: The unique value that the job carries in its metadata.
        endpoint: The provider, as the ledger knows it.
        provider: The provider's name for people.
        file: The training file's path.
        sha256: Of the training file.
        model: The model to tune.
        state: Where it stands.
        file_id: The uploaded training file.
        job_id: The job, once known.
        reason: Why it was refused or is unknown, in the words shown then.
        request: The body of the create request.
        estimate: The price shown before, as a cost row.
        owner: The process that worked on it.
        planned_at: Seconds since 1970.
        creating_at: When the create was last about to be sent; ``None`` before.
        updated_at: When the state was last written.
        recipe: What the person asked for, so that the launch can be finished or done again.
    """

    id: str
    endpoint: str
    provider: str
    file: str
    sha256: str
    model: str
    state: LaunchState
    file_id: str | None
    job_id: str | None
    reason: str
    request: Mapping[str, Any]
    estimate: Mapping[str, Any]
    owner: Owner
    planned_at: float
    creating_at: float | None
    updated_at: float
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def same_run(self, other: LaunchRow) -> bool:
        """Whether two launches ask for the same run; limits on cost make no other run."""
        left, right = dict(self.recipe), dict(other.recipe)
        for name in ("max_cost", "force", "file"):
            left.pop(name, None)
            right.pop(name, None)
        return left == right


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, by the newest step the ledger knows.

    Attributes:
        step: The newest step.
        total_steps: Of how many, where told.
        values: The metrics of that step.
        created_at: When, in seconds since 1970.
    """

    step: int
    total_steps: int | None
    values: Mapping[str, float]
    created_at: int | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """What this machine knows of a job.

    Attributes:
        job: As the provider last described it.
        seen_at: When it was last found changed, in seconds since 1970.
        progress: The newest metrics; ``None`` before the first.
        estimate: The price shown before the launch; empty for jobs launched elsewhere.
        file: The training file's path on this machine; empty for jobs launched elsewhere.
        launch: The state of its launch from this machine; empty for jobs launched elsewhere.
        cancel_asked: When a cancel was agreed to, in seconds since 1970, while the job goes on.
        cancel_heard: Whether the provider has answered that cancel.
        gone: The provider does not know the job any more, though it had not ended.
    """

    job: Job
    seen_at: float
    progress: Progress | None = None
    estimate: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    launch: str = ""
    cancel_asked: float | None = None
    cancel_heard: bool = False
    gone: bool = False
