"""Engines that outlived their service, which was killed before it could stop them.

Two trainings of one job would write over each other's checkpoints, so whatever still works on a
job is ended before the job is taken up again. Every process of a job carries the job in its
environment (`JOB_VARIABLE`), also one that an engine started and left behind; where environments
cannot be read, the command line tells.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from pathlib import Path

JOB_VARIABLE = "TUNEDECK_SERVICE_JOB"
_GONE_SECONDS = 5.0
_POLL_SECONDS = 0.01


def end_orphans(jobs: Collection[str]) -> int:
    """Kill what still works on these jobs, and wait until it is gone.

    Args:
        jobs: Ids of jobs that no process of this service works on.

    Returns:
        How many processes there were.
    """
    found = [pid for pid in _working_on(jobs) if pid not in (os.getpid(), os.getppid())]
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _GONE_SECONDS
    while any(map(_alive, found)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return len(found)


def _working_on(jobs: Collection[str]) -> Iterator[int]:
    if not jobs:
        return
    if not Path("/proc/self/environ").exists():
        yield from _by_command_line(jobs)
        return
    marks = {f"{JOB_VARIABLE}={job}".encode() for job in jobs}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if marks & set((entry / "environ").read_bytes().split(b"\0")):
                    yield int(entry.name)


def _by_command_line(jobs: Collection[str]) -> Iterator[int]:
    try:
        answer = subprocess.run(
            ["ps", "-axo", "pid=,command="], capture_output=True, check=False, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return
    for line in answer.stdout.decode("utf-8", "replace").splitlines():
        pid, _, command = line.strip().partition(" ")
        # An engine is COMMAND train FOLDER, and the folder is named by the job.
        if pid.isdecimal() and any(command.endswith(f"/{job}") for job in jobs):
            verb = command.rpartition("/jobs/")[0]
            if " train " in verb or " tui.service.validation " in verb:
                yield int(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc").is_dir()
    return stat.rpartition(")")[2].split()[:1] != ["Z"]
