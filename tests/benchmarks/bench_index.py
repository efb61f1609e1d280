"""How fast the line index of a large file is made, beside ``wc -l`` of the same file.

Both read a file that the system has in memory, in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.benchmarks.data import SIZE_MB, large_chat
from tests.benchmarks.table import Row
from tui.dataset import LineIndex, Source

ROUNDS = 5


def measure() -> list[Row]:
    """Return the time to index every line, against the time to count them."""
    with tempfile.TemporaryDirectory() as folder:
        path = large_chat(Path(folder) / "large.jsonl")
        ours, peer = [], []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            counted = subprocess.run(["wc", "-l", path], capture_output=True, check=True)
            peer.append(time.perf_counter() - start)
            lines, seconds = _index(path)
            ours.append(seconds)
            assert lines == int(counted.stdout.split()[0]), "the two disagree"
    what = f"line index of {SIZE_MB} MB"
    seconds, theirs = statistics.median(ours[1:]), statistics.median(peer[1:])
    return [Row(what, seconds, "s", "wc -l", theirs, 2.0)]


def _index(path: Path) -> tuple[int, float]:
    with Source.open(path) as source:
        start = time.perf_counter()
        index = LineIndex()
        index.extend(source)
        return index.lines, time.perf_counter() - start
