"""How soon the first record of a 400 MB file shows, and what memory the scan behind it takes.

The peer is the smallest Textual application there can be, one word on a screen, in the same
pseudo-terminal of the same run, the two in turn.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.data import INSTALLED, SIZE_MB, WORD, large_chat
from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal

ROUNDS = 7
MEMORY_LIMIT_MIB = 400
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("TUNEDECKFIRSTRECORD", markup=False)

Bare().run(mouse=False)
"""


def measure() -> list[Row]:
    """Return the time to the first record and the peak memory, each against its limit."""
    with tempfile.TemporaryDirectory() as folder:
        data = large_chat(Path(folder) / "large.jsonl")
        home = str(Path(folder) / "home")
        ours, bare = [], []
        for _ in range(ROUNDS + 1):
            bare.append(_time_to_word([sys.executable, "-c", BARE], home))
            ours.append(_time_to_word([*TUNEDECK, str(data)], home))
        seconds, peer = statistics.median(ours[1:]), statistics.median(bare[1:])
        memory = _peak_memory(data, home)
    what = f"first record of a {SIZE_MB} MB file on the screen"
    return [
        Row(what, seconds, "s", "a bare Textual application", peer, 1.5),
        Row(
            f"peak memory while {SIZE_MB} MB are scanned, workers included",
            memory,
            "MiB",
            "the limit",
            MEMORY_LIMIT_MIB,
            1.0,
        ),
    ]


def _time_to_word(command: list[str], home: str) -> float:
    with Terminal(command, env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        terminal.wait_for(lambda term: WORD.encode() in term.sent)
        return time.perf_counter() - terminal.started


def _peak_memory(data: Path, home: str) -> float:
    """Return the highest sum of the resident memory of the program and its workers, in MiB."""
    peak = 0.0
    with Terminal([*TUNEDECK, str(data)], env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        program = psutil.Process(terminal.process.pid)
        quiet_since = deadline = time.monotonic()
        deadline += 120
        while time.monotonic() < deadline and time.monotonic() - quiet_since < 3:
            if terminal.read(0.05):
                quiet_since = time.monotonic()
            total = 0
            for process in [program, *program.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            peak = max(peak, total / 2**20)
    return peak
