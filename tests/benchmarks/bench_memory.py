"""What memory the application and its workers take while they scan, small file and large.

Resident memory of all processes is added up every twentieth of a second, shared pages counted
once a process, so that the figure is an upper bound.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.bench_first_screen import MOST_SECONDS, _ended
from tests.benchmarks.data import INSTALLED, large_chat
from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal

SMALL_MB = 100
LARGE_MB = int(os.environ.get("TUNEDECK_BENCH_MEMORY_MB", "1000"))
LIMIT_MIB = 300
GROWTH = 1.1
"""How much more the large file may take than the small one: the offsets of its lines."""


def measure() -> list[Row]:
    """Return the peaks against the limit, and the large file's against the small one's."""
    peaks = {}
    for size in (SMALL_MB, LARGE_MB):
        with tempfile.TemporaryDirectory() as folder:
            data = large_chat(Path(folder) / "large.jsonl", size)
            peaks[size] = _peak(data, str(Path(folder) / "home"))
    what = "peak memory while {} MB are scanned, workers included"
    small, large = peaks[SMALL_MB], peaks[LARGE_MB]
    return [
        Row(what.format(LARGE_MB), large, "MiB", "the limit", LIMIT_MIB, 1.0),
        Row(what.format(LARGE_MB), large, "MiB", f"of {SMALL_MB} MB", small, GROWTH),
    ]


def _peak(data: Path, home: str) -> float:
    """Return the highest sum of the resident memory of the program and its workers, in MiB."""
    peak, end = 0.0, time.monotonic() + MOST_SECONDS
    with Terminal([*TUNEDECK, str(data)], env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        program = psutil.Process(terminal.process.pid)
        while not _ended(terminal) and time.monotonic() < end:
            terminal.read(0.05)
            total = 0
            for process in [program, *program.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            peak = max(peak, total / 2**20)
        assert _ended(terminal), f"the scan took longer than {MOST_SECONDS} s"
    return peak
