"""How fast whole files are checked and counted, start of the program included.

The peers are the loop that everybody writes (``json.loads`` of every line and the cookbook's
checks; for ``stats`` also one call of tiktoken for every value) as a program of its own, and
``wc -l``, which no reader of a whole file can beat by much.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.bench_tokens import _lines
from tests.benchmarks.data import INSTALLED
from tests.benchmarks.table import Row
from tests.terminal import ROOT, TUNEDECK

SIZE_MB = int(os.environ.get("TUNEDECK_BENCH_CHECK_MB", "100"))
ROUNDS = 3
CHECK_LOOP = """
import json, sys
from collections import Counter
known = ("role", "content", "name", "function_call", "weight")
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
faults = Counter()
for row in rows:
    if not isinstance(row, dict) or not row.get("messages"):
        faults["messages"] += 1
        continue
    for message in row["messages"]:
        if "role" not in message or "content" not in message:
            faults["keys"] += 1
        if any(key not in known for key in message):
            faults["unknown"] += 1
        if message.get("role") not in ("system", "user", "assistant", "function"):
            faults["role"] += 1
        if not isinstance(message.get("content"), str):
            faults["content"] += 1
    if not any(message.get("role") == "assistant" for message in row["messages"]):
        faults["assistant"] += 1
print(len(rows), dict(faults))
"""
COUNT_LOOP = (
    CHECK_LOOP
    + """
from tui.tokens import get_encoding
encode = get_encoding("o200k_base").encode
total = assistant = 0
for row in rows:
    total += 3
    for message in row["messages"]:
        total += 3
        for value in message.values():
            total += len(encode(value, disallowed_special=()))
    for message in row["messages"]:
        if message["role"] == "assistant":
            assistant += len(encode(message["content"], disallowed_special=()))
print(total, assistant)
"""
)


def measure() -> list[Row]:
    """Return the times of ``check`` and ``stats`` against the loops, and of ``check`` to ``wc``."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "train.jsonl")
        Path(path).write_bytes(b"\n".join(_lines(SIZE_MB * 1_000_000)) + b"\n")
        loop = "the classic loop"
        check, classic, wc = _race(
            [*TUNEDECK, "check", path], [sys.executable, "-c", CHECK_LOOP, path], ["wc", "-l", path]
        )
        stats, counting = _race(
            [*TUNEDECK, "stats", path, "--json"], [sys.executable, "-c", COUNT_LOOP, path]
        )
    return [
        Row(f"tunedeck check, {SIZE_MB} MB", check, "s", f"{loop} and tiktoken", counting, 1 / 3),
        Row(f"tunedeck check, {SIZE_MB} MB", check, "s", f"{loop}, no tokens", classic, 1.0),
        Row(f"tunedeck check, {SIZE_MB} MB", check, "s", "wc -l", wc),
        Row(f"tunedeck check, {SIZE_MB} MB", check, "s", "60 MB/s", SIZE_MB / 60, 1.0),
        Row(f"tunedeck stats, {SIZE_MB} MB", stats, "s", f"{loop} and tiktoken", counting, 1 / 3),
    ]


def _race(*commands: Sequence[str]) -> list[float]:
    """Return the median time of each command, run in turn."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(ROUNDS):
        for command, seconds in zip(commands, times, strict=True):
            start = time.perf_counter()
            # A file with a fault, which the made one has, is no failure of the measurement.
            subprocess.run(
                command,
                check=False,
                cwd=ROOT,
                env={**os.environ, **INSTALLED},
                stdout=subprocess.DEVNULL,
            )
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]
