"""How soon a run of 100,000 steps is on the chart, out of the ledger and out of a log.

The program runs already, in a pseudo-terminal, and shows its runs; the time is from Enter on the
run to the drawn chart of all its steps, and is told as seconds on the wall and as seconds of CPU.
A first opening makes sure that the ledger and the files are in the machine's memory.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.data import INSTALLED
from tests.benchmarks.table import Row
from tests.run_server import losses
from tests.terminal import TUNEDECK, Terminal
from tui.config import Paths
from tui.jobs import Event, Job, open_ledger

STEPS = 100_000
ROUNDS = 5
NOW = 1_790_000_000
ENDPOINT = "lab http://127.0.0.1:9/v1"
CONFIG = 'default_provider = "lab"\n[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n'
LIMIT = 0.5


def measure() -> list[Row]:
    """Return the times beside the limit, and those of a short run for comparison."""
    what = f"a run of {STEPS:,} steps of 3 metrics"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        long, short = _home(home / "long", STEPS), _home(home / "short", 50)
        wall, cpu = _opened(long, f"{STEPS:,}")
        short_wall, short_cpu = _opened(short, "50 / 50")
        log = _log(home / "trainer_log.jsonl")
        log_wall, log_cpu = _watched(log)
    return [
        Row(f"{what}, out of the ledger: Enter to the chart", wall, "s", "the limit", LIMIT, 1.0),
        Row(f"{what}, out of the ledger: the same", wall, "s", "a run of 50 steps", short_wall),
        Row(f"{what}, out of the ledger: CPU", cpu, "s", "a run of 50 steps", short_cpu),
        Row(f"{what}, out of a log: start to all", log_wall, "s", "CPU of it", log_cpu),
    ]


def _home(home: Path, steps: int) -> Path:
    paths = Paths.resolve({"TUNEDECK_HOME": str(home)})
    paths.config.mkdir(parents=True)
    (paths.config / "config.toml").write_text(CONFIG)
    (home / "chat.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 9)
    job = Job.from_wire(
        {"id": "ftjob-long", "status": "succeeded", "model": "gpt-4.1-mini", "created_at": NOW},
        "lab",
    )
    assert job is not None
    ledger = open_ledger(paths.state)
    ledger.keep_jobs(ENDPOINT, [job])
    events = [event for n in range(1, steps + 1) if (event := Event.from_wire(_event(n, steps)))]
    ledger.keep_events(ENDPOINT, job.id, events, None, complete=True)
    while ledger.keep_columns(ENDPOINT, job.id):
        pass
    ledger.close()
    return home


def _values(step: int) -> dict[str, float]:
    return {"train_loss": losses(step)[0], "grad_norm": 1 + step % 7, "accuracy": 0.5}


def _event(step: int, total: int) -> dict[str, object]:
    return {
        "id": f"ftevent-{step:07}",
        "created_at": NOW + step,
        "type": "metrics",
        "message": f"Step {step}/{total}: training loss={losses(step)[0]:.2f}",
        "data": {"step": step, "total_steps": total, **_values(step)},
    }


def _opened(home: Path, shown: str) -> tuple[float, float]:
    """Seconds on the wall and of CPU from Enter to the chart, the medians."""
    walls, cpus = [], []
    for _ in range(ROUNDS + 1):
        command = [*TUNEDECK, str(home / "chat.jsonl")]
        env = {"TUNEDECK_HOME": str(home), **INSTALLED}
        with Terminal(command, size=(120, 40), env=env) as terminal:
            terminal.wait_for("9 records")
            terminal.type("6")
            terminal.wait_for("ftjob-long")
            terminal.read(1.5)
            process = psutil.Process(terminal.process.pid)
            before, start = sum(process.cpu_times()[:2]), time.perf_counter()
            terminal.type("\r")
            while not (shown in terminal.text and "smooth 0.6" in terminal.text):
                terminal.read(0.01)
            walls.append(time.perf_counter() - start)
            cpus.append(sum(process.cpu_times()[:2]) - before)
    return statistics.median(walls[1:]), statistics.median(cpus[1:])


def _log(path: Path) -> Path:
    with path.open("w") as log:
        for step in range(1, STEPS + 1):
            log.write(json.dumps({"step": step, **_values(step)}) + "\n")
    return path


def _watched(path: Path) -> tuple[float, float]:
    walls, cpus = [], []
    for _ in range(ROUNDS):
        env = {"TUNEDECK_HOME": str(path.parent / "log-home"), **INSTALLED}
        start = time.perf_counter()
        command = [*TUNEDECK, "watch", "--log", str(path)]
        with Terminal(command, size=(120, 40), env=env) as terminal:
            while not (f"{STEPS:,}" in terminal.text and "smooth 0.6" in terminal.text):
                terminal.read(0.01)
            walls.append(time.perf_counter() - start)
            cpus.append(sum(psutil.Process(terminal.process.pid).cpu_times()[:2]))
    return statistics.median(walls), statistics.median(cpus)
