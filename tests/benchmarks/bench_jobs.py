"""How soon the Jobs screen shows its runs, with a small ledger and with a large one.

Both are opened in turn in the same run, in the same pseudo-terminal: from the key to the newest
run on the screen. Every provider is away, so that what is measured is this machine. The same is
done in the program, without a terminal, from the ledger to the rows.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmarks.data import INSTALLED
from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal
from tui.config import Paths, load_settings, resolve_provider
from tui.jobs import Event, Job, Ledger, open_ledger, point_of
from tui.run.feed import JobFeed

ROUNDS = 9
SMALL, SCREENFUL, LARGE = (5, 5), (60, 60), (500, 200_000)
LIMIT = 1.3
NOW = 1_800_000_000
ENDPOINT = "lab http://127.0.0.1:9/v1"
CONFIG = 'default_provider = "lab"\n[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n'
NEWEST = "ftjob-00000"


def measure() -> list[Row]:
    """Return the times with many runs and events beside those with five."""
    with tempfile.TemporaryDirectory() as folder:
        homes = [_home(Path(folder) / name, *size) for name, size in _SIZES.items()]
        shown: list[list[float]] = [[] for _ in homes]
        for _ in range(ROUNDS + 1):
            for times, home in zip(shown, homes, strict=True):
                times.append(_time_to_open(home))
        read = [_time_to_read(home) for home in homes]
    what = f"the Jobs screen with {LARGE[0]} runs and {LARGE[1]:,} events in the ledger"
    small, screenful, large = (statistics.median(times[1:]) for times in shown)
    return [
        Row(f"{what}: from the key to the first run", large, "s", "five runs", small, LIMIT),
        Row(f"{what}: the same", large, "s", "a screen full of runs", screenful, LIMIT),
        Row(f"{what}: all rows read from the ledger", read[2], "s", "five runs", read[0]),
    ]


_SIZES = {"small": SMALL, "screenful": SCREENFUL, "large": LARGE}


def _home(home: Path, jobs: int, events: int) -> Path:
    """Make a home whose ledger holds so many jobs, and events spread over them."""
    paths = Paths.resolve({"TUNEDECK_HOME": str(home)})
    paths.config.mkdir(parents=True)
    (paths.config / "config.toml").write_text(CONFIG)
    (home / "chat.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 9)
    ledger = open_ledger(paths.state)
    made = [_job(number) for number in range(jobs)]
    ledger.keep_jobs(ENDPOINT, made)
    for number, job in enumerate(made):
        _keep_events(ledger, job, range(number, events, jobs))
    ledger.close()
    return home


def _job(number: int) -> Job:
    raw = {
        "object": "fine_tuning.job",
        "id": f"ftjob-{number:05}",
        "model": "gpt-4.1-mini-2025-04-14",
        "created_at": NOW - 3600 * number,
        "finished_at": NOW - 3600 * number + 900,
        "status": "succeeded",
        "error": {},
        "fine_tuned_model": f"ft:gpt-4.1-mini-2025-04-14:acme:support:{number:08}",
        "trained_tokens": 60_000 + number,
        "training_file": f"file-{number:024}",
        "result_files": [f"file-r{number:023}"],
        "hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 2.0},
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
        "metadata": {"tunedeck_launch": f"{number:032x}"},
        "user_provided_suffix": "support",
        "seed": 7,
    }
    job = Job.from_wire(raw, "lab")
    assert job is not None
    return job


def _keep_events(ledger: Ledger, job: Job, numbers: range) -> None:
    events = []
    for step, number in enumerate(numbers, 1):
        data = {"step": step, "total_steps": len(numbers), "train_loss": 2.0 / step}
        wire = {"id": f"ftevent-{number}", "created_at": NOW + step, "type": "metrics"}
        event = Event.from_wire({**wire, "message": f"Step {step}", "data": data})
        assert event is not None
        events.append(event)
    ledger.keep_events(ENDPOINT, job.id, events, point_of(events[-1]), complete=True)


def _time_to_open(home: Path) -> float:
    command = [*TUNEDECK, str(home / "chat.jsonl")]
    with Terminal(command, env={"TUNEDECK_HOME": str(home), **INSTALLED}) as terminal:
        terminal.wait_for("9 records")
        terminal.read(0.5)
        start = time.perf_counter()
        terminal.type("6")
        terminal.wait_for(NEWEST)
        return time.perf_counter() - start


def _time_to_read(home: Path) -> float:
    paths = Paths.resolve({"TUNEDECK_HOME": str(home)})
    settings = load_settings(paths)

    async def read() -> float:
        feed = JobFeed(paths, lambda name: resolve_provider(settings, name))
        await feed.known("lab")
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            await feed.known("lab")
            times.append(time.perf_counter() - start)
        await feed.aclose()
        return statistics.median(times)

    return asyncio.run(read())
