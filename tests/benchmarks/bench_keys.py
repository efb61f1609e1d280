"""How soon a key is answered while the scan of a large file runs behind the screen.

Answered is the first byte the program sends after the key. The keys walk the list of records, so
that each one draws something; they come at a person's pace, not in step with anything else.
"""

from __future__ import annotations

import random
import select
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.data import INSTALLED, SIZE_MB, large_chat
from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal

KEYS = 300
LIMIT_SECONDS = 0.05
_KEY_TIMEOUT = 2.0


def measure() -> list[Row]:
    """Return the median and the 99th percentile of the answers during a scan."""
    with tempfile.TemporaryDirectory() as folder:
        data = large_chat(Path(folder) / "large.jsonl")
        home = str(Path(folder) / "home")
        with Terminal([*TUNEDECK, str(data)], env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
            terminal.wait_for("checking")
            waits = sorted(_answers(terminal))
    what = f"a key while {SIZE_MB} MB are scanned, {len(waits)} keys"
    return [
        Row(f"{what}: half within", waits[len(waits) // 2], "s", "the limit", LIMIT_SECONDS, 1.0),
        Row(
            f"{what}: 99 % within",
            waits[len(waits) * 99 // 100],
            "s",
            "the limit",
            LIMIT_SECONDS,
            1.0,
        ),
    ]


def _answers(terminal: Terminal) -> list[float]:
    program = psutil.Process(terminal.process.pid)
    pace = random.Random(1)
    waits: list[float] = []
    for i in range(KEYS):
        terminal.read(0.02 + pace.random() / 50)
        if not program.children():
            break  # the scan is over
        start = time.perf_counter()
        terminal.type("j" if i % 20 < 10 else "k")
        if select.select([terminal.fd], [], [], _KEY_TIMEOUT)[0]:
            waits.append(time.perf_counter() - start)
    if len(waits) < 50:
        raise RuntimeError(f"the scan was over after {len(waits)} keys: use a larger file")
    return waits
