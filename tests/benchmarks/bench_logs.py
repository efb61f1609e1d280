"""A local log in the live panel beside terminalboard and wandb leet: chart, memory, bytes.

All three are whole programs in terminals of 120x40 and show the same numbers: six metrics, in a
TensorBoard event file for two of them, in a ``.wandb`` file that wandb's own writer made for the
third. The peers are taken from the path, or from the folder that ``TUNEDECK_BENCH_PEERS`` names
(the ``bin`` of an environment they are installed in); one that is not there is left out, and that
is said. Bytes a second are counted while one step of six metrics comes every half second. What a
long log costs is the CPU time until all of it is shown, beside that of a log of a few steps.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal
from tui.logs.checksum import masked

SIZE = (120, 40)
METRICS = 6
SHORT, LONG = 1_000, 50_000
FEW, MANY = 60, 100_000
ROUNDS = int(os.environ.get("TUNEDECK_BENCH_ROUNDS", "3"))
LIVE_SECONDS = 12.0
LIVE_PAUSE = 0.5
PEERS = "TUNEDECK_BENCH_PEERS"

_WANDB = """
import os, sys, time
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
import wandb
folder, first, steps, pause = sys.argv[1], 0, int(sys.argv[2]), float(sys.argv[3])
settings = wandb.Settings(x_disable_stats=True, console="off")
run = wandb.init(project="bench", dir=folder, settings=settings)
for step in range(steps):
    run.log({f"train/m{k}": 2.0 / (1 + step / 100) + k for k in range(6)}, step=step)
print("ready", flush=True)
while pause:
    time.sleep(pause)
    step += 1
    run.log({f"train/m{k}": 2.0 / (1 + step / 100) + k for k in range(6)}, step=step)
run.finish()
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one program needed.

    Attributes:
        first: Seconds to the first chart.
        memory: Resident megabytes of it and its children then.
    """

    first: float
    memory: float


class EventWriter:
    """Appends scalars to a TensorBoard event file, as the format's description says."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / "events.out.tfevents.1700000000.host"
        self._random = random.Random(7)
        self._record(b"\x09" + struct.pack("<d", 1.7e9) + b"\x1a\x0dbrain.Event:2")

    def _record(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        with self._path.open("ab") as file:
            file.write(self._frame(length, data))

    def _frame(self, length: bytes, data: bytes) -> bytes:
        crc, body = struct.pack("<I", masked(length)), struct.pack("<I", masked(data))
        return length + crc + data + body

    def steps(self, first: int, count: int) -> None:
        """Write some steps of all metrics."""
        parts = []
        for step in range(first, first + count):
            for k in range(METRICS):
                value = 2.0 / (1 + step / 100) + k + self._random.gauss(0, 0.02)
                tag = b"train/m%d" % k
                inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
                summary = b"\x0a" + bytes([len(inner)]) + inner
                data = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + _varint(step)
                data += b"\x2a" + bytes([len(summary)]) + summary
                parts.append(self._frame(struct.pack("<Q", len(data)), data))
        with self._path.open("ab") as file:
            file.write(b"".join(parts))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def measure() -> list[Row]:
    """Return the figures beside those of each peer that is installed."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        board, leet = _program("terminalboard"), _program("wandb")
        for steps in (SHORT, LONG):
            events = EventWriter(folder / f"events-{steps}")
            events.steps(0, steps)
            ours = _opened((*TUNEDECK, "watch", "--log", str(events.folder)), folder)
            what = f"{steps:,} steps of {METRICS} metrics from a log"
            if board:
                theirs = _opened((board, str(events.folder)), folder)
                rows += _beside(what, ours, "terminalboard", theirs)
            if leet:
                wandb = _wandb_run(leet, folder / f"wandb-{steps}", steps)
                rows += _beside(what, ours, "wandb leet", _opened((leet, "leet", wandb), folder))
        rows += _long_rows(folder)
        rows += _live_rows(folder, board, leet)
    return rows


def _beside(what: str, ours: Measured, peer: str, theirs: Measured) -> list[Row]:
    return [
        Row(f"{what}: first chart", ours.first, "s", peer, theirs.first),
        Row(f"{what}: memory", ours.memory, "MB", peer, theirs.memory),
    ]


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get(PEERS)) or shutil.which(name)
    if found is None:
        print(f"{name} is not installed: left out", file=sys.stderr)
    return found or ""


def _charted(terminal: Terminal) -> bool:
    return sum("\u2800" < char <= "\u28ff" for char in terminal.text) > 20


def _opened(command: Sequence[str], folder: Path) -> Measured:
    """Start a program some times; the medians of the first chart and of its memory then."""
    found = []
    for _ in range(ROUNDS):
        with Terminal(command, size=SIZE, env=_env(folder)) as terminal:
            terminal.wait_for(_charted)
            first = time.perf_counter() - terminal.started
            _take_for(terminal, 0.5)
            found.append(Measured(first, _memory(terminal.process.pid)))
    return Measured(
        statistics.median(each.first for each in found),
        statistics.median(each.memory for each in found),
    )


def _env(folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"TUNEDECK_HOME": str(home), "HOME": str(home), "COLORTERM": "truecolor"}


def _memory(pid: int) -> float:
    process = psutil.Process(pid)
    every = [process, *process.children(recursive=True)]
    return sum(each.memory_info().rss for each in every) / 1e6


def _wandb_run(leet: str, folder: Path, steps: int) -> str:
    """Let wandb's own writer make a run; return the folder to look at."""
    folder.mkdir()
    python = str(Path(leet).parent / "python")
    subprocess.run(
        [python, "-c", _WANDB, str(folder), str(steps), "0"],
        check=True, timeout=600, capture_output=True, cwd=folder,
    )  # fmt: skip
    return str(next(folder.glob("**/*.wandb")))


def _long_rows(folder: Path) -> list[Row]:
    """What all of a long log costs, in each form, over what the start of the program does."""
    rows = []
    for name, write in (
        ("trainer_log.jsonl", _json_lines),
        ("metrics.csv", _table),
        ("trainer_state.json", _state),
        ("events", _events),
    ):
        costs = []
        for steps in (MANY, FEW):
            path = folder / f"long-{steps}" / name
            path.parent.mkdir(exist_ok=True)
            write(path, steps)
            shown = f"{steps:,}"
            costs.append(statistics.median(_cost(path, shown, folder) for _ in range(ROUNDS)))
        rows.append(Row(f"{name} of {MANY:,} steps: CPU", costs[0], "s", f"{FEW} steps", costs[1]))
    return rows


def _cost(path: Path, shown: str, folder: Path) -> float:
    """Return the seconds of CPU until the last step is shown."""
    command = (*TUNEDECK, "watch", "--log", str(path))
    with Terminal(command, size=SIZE, env=_env(folder)) as terminal:
        terminal.wait_for(lambda it: re.search(rf"Step +{shown}\b", it.text) is not None)
        return sum(psutil.Process(terminal.process.pid).cpu_times()[:2])


def _numbers(step: int, steps: int) -> dict[str, float]:
    loss = 2.0 / (1 + step / 100) + step % 7 / 100
    return {
        "loss": round(loss, 4),
        "grad_norm": 1 + step % 11 / 10,
        "learning_rate": 2e-5 * (1 - step / steps),
        "epoch": round(3 * step / steps, 4),
        "mean_token_accuracy": step % 13 / 13,
        "entropy": round(loss / 2, 4),
    }


def _json_lines(path: Path, steps: int) -> None:
    with path.open("w") as file:
        for step in range(1, steps + 1):
            file.write(json.dumps({"current_steps": step, **_numbers(step, steps)}) + "\n")


def _table(path: Path, steps: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *_numbers(1, steps)])
        for step in range(1, steps + 1):
            writer.writerow([step, *_numbers(step, steps).values()])


def _state(path: Path, steps: int) -> None:
    history = [{"step": step, **_numbers(step, steps)} for step in range(1, steps + 1)]
    path.write_text(json.dumps({"log_history": history, "max_steps": steps}, indent=2))


def _events(path: Path, steps: int) -> None:
    EventWriter(path).steps(1, steps)


def _live_rows(folder: Path, board: str, leet: str) -> list[Row]:
    ours = _live(folder, lambda path: (*TUNEDECK, "watch", "--log", path))
    what = f"a step of {METRICS} metrics each {LIVE_PAUSE:g} s"
    rows = []
    if board:
        theirs = _live(folder, lambda path: (board, path))
        rows.append(Row(f"{what}: line", ours, "bytes/s", "terminalboard", theirs, 1.0))
    if leet:
        theirs = _live_leet(folder, leet)
        rows.append(Row(f"{what}: line", ours, "bytes/s", "wandb leet", theirs, 1.0))
    return rows


def _live(folder: Path, command: Callable[[str], Sequence[str]]) -> float:
    """Count the bytes a second while a log grows."""
    writer = EventWriter(Path(tempfile.mkdtemp(dir=folder)))
    writer.steps(0, SHORT)
    with Terminal(command(str(writer.folder)), size=SIZE, env=_env(folder)) as terminal:
        terminal.wait_for(_charted)
        _take_for(terminal, 1.5)
        step, before, began = SHORT, len(terminal.sent), time.monotonic()
        while time.monotonic() - began < LIVE_SECONDS:
            writer.steps(step, 1)
            step += 1
            _take_for(terminal, LIVE_PAUSE)
        return (len(terminal.sent) - before) / (time.monotonic() - began)


def _live_leet(folder: Path, leet: str) -> float:
    where = Path(tempfile.mkdtemp(dir=folder))
    python = str(Path(leet).parent / "python")
    writer = subprocess.Popen(
        [python, "-c", _WANDB, str(where), str(SHORT), str(LIVE_PAUSE)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=where,
    )  # fmt: skip
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        run = str(next(where.glob("**/*.wandb")))
        with Terminal((leet, "leet", run), size=SIZE, env=_env(folder)) as terminal:
            terminal.wait_for(_charted)
            _take_for(terminal, 1.5)
            before, began = len(terminal.sent), time.monotonic()
            _take_for(terminal, LIVE_SECONDS)
            return (len(terminal.sent) - before) / (time.monotonic() - began)
    finally:
        writer.kill()
        writer.wait()


def _take_for(terminal: Terminal, seconds: float) -> None:
    """Take in what comes for so long; some programs are never quiet."""
    end = time.monotonic() + seconds
    terminal.wait_for(lambda _: time.monotonic() >= end, timeout=seconds + 60)
