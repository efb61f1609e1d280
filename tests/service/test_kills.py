"""The service killed in the middle of its work, and started again on the same folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest

from tests.service.conftest import CHAT, TINY, Deck, jsonl
from tests.service.test_runs import gone
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

ENGINES = ("gated", "stubborn", "careful")
BEFORE = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    finished_at INTEGER, estimated_finish INTEGER, status TEXT NOT NULL, model TEXT NOT NULL,
    fine_tuned_model TEXT, training_file TEXT NOT NULL, validation_file TEXT,
    result_files TEXT NOT NULL DEFAULT '[]', trained_tokens INTEGER, error TEXT,
    hyperparameters TEXT NOT NULL, method TEXT NOT NULL, suffix TEXT, seed INTEGER NOT NULL,
    metadata TEXT, integrations TEXT NOT NULL DEFAULT '[]',
    n_examples INTEGER, tokens_per_epoch INTEGER, last_step INTEGER NOT NULL DEFAULT 0,
    total_steps INTEGER, restarts INTEGER NOT NULL DEFAULT 0, engine_pid INTEGER);
CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, filename TEXT NOT NULL,
    purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL);
INSERT INTO files VALUES (1, 'file-1', 'a.jsonl', 'fine-tune', 3, 1, '');
INSERT INTO jobs (id, created_at, status, model, training_file, hyperparameters, method, seed)
    VALUES ('ftjob-1', 1, 'succeeded', 'micro', 'file-1', '{"n_epochs": 3}',
            '{"type": "supervised"}', 1);
"""


class Served:
    """``tunedeck serve`` as a process, and a client for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        engines = [f"--engine={m}={sys.executable} {TINY} {m}" for m in ENGINES]
        command = [sys.executable, "-m", "tui", "serve", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(folder), *engines],
            stdout=subprocess.PIPE,
            env={**os.environ, "TUNEDECK_SERVICE_KEY": "k", "TUNEDECK_HOME": str(folder / "home")},
        )
        assert self.process.stdout
        url = json.loads(self.process.stdout.readline())["base_url"]
        self.client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        self.jobs = self.client.fine_tuning.jobs

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def launch(self, model: str, epochs: int = 3) -> str:
        file = self.client.files.create(file=("a.jsonl", jsonl(CHAT)), purpose="fine-tune")
        settings = {"n_epochs": epochs}
        return self.jobs.create(
            model=model, training_file=file.id, hyperparameters=settings, seed=1
        ).id

    def steps(self, job_id: str) -> list[int]:
        page = self.jobs.list_events(job_id, limit=1000)
        return [event.data["step"] for event in page.data if event.type == "metrics"][::-1]

    def status(self, job_id: str) -> str:
        return self.jobs.retrieve(job_id).status

    def pids(self, job_id: str) -> list[int]:
        try:
            text = (self.folder / "jobs" / job_id / "pids").read_text()
        except FileNotFoundError:
            return []
        return [int(line) for line in text.splitlines()]


def reached(served: Served, job_id: str, step: int) -> None:
    wait_for(lambda: served.steps(job_id)[-1:] >= [step])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    started: list[Served] = []

    def begin() -> Served:
        started.append(Served(tmp_path / "data"))
        return started[-1]

    yield begin
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
            served.process.wait()
            assert served.process.stdout
            served.process.stdout.close()


def test_an_engine_that_heard_nothing_of_the_kill_is_ended_first(
    start: Callable[[], Served],
) -> None:
    served = start()
    first, second = served.launch("stubborn"), served.launch("gated")
    wait_for(lambda: 6 in served.steps(first))
    (engine,) = served.pids(first)
    served.kill()
    # It ignores the stop and waits without a word: nothing tells it that its service has gone.
    assert not gone(engine)
    served = start()
    wait_for(lambda: len(served.pids(first)) == 2)
    assert gone(engine)
    wait_for(lambda: served.status(second) == "queued")
    assert not served.pids(second)
    for job_id in (first, second):
        (served.folder / "jobs" / job_id / "go").touch()
    for job_id in (first, second):
        wait_for(lambda job_id=job_id: served.status(job_id) == "succeeded")
        assert served.steps(job_id) == list(range(1, 13))
    assert len(served.pids(second)) == 1


def test_a_snapshot_saves_what_came_after_the_checkpoint(start: Callable[[], Served]) -> None:
    served = start()
    job_id = served.launch("careful")
    reached(served, job_id, 6)
    kept = served.folder / "jobs" / job_id / "checkpoints"
    wait_for(lambda: {path.name for path in kept.iterdir()} == {"step-4", "snapshot-6"})
    served.kill()
    served = start()
    wait_for(lambda: len(served.pids(job_id)) == 2)
    said = json.loads((served.folder / "jobs" / job_id / "job.json").read_text())
    assert said["resume"] == "checkpoints/snapshot-6"
    # Nobody sees it.
    assert [c.step_number for c in served.jobs.checkpoints.list(job_id)] == [4]
    (served.folder / "jobs" / job_id / "go").touch()
    wait_for(lambda: served.status(job_id) == "succeeded")
    assert served.steps(job_id) == list(range(1, 13))
    wait_for(lambda: {path.name for path in kept.iterdir()} == {"step-4", "step-8", "step-12"})


def test_a_run_killed_again_and_again_comes_to_its_end(start: Callable[[], Served]) -> None:
    served = start()
    job_id = served.launch("micro", epochs=4)
    for step in (3, 14, 26):
        reached(served, job_id, step)
        served.kill()
        served = start()
    wait_for(lambda: served.status(job_id) in ("succeeded", "failed"))
    assert served.status(job_id) == "succeeded"
    assert served.steps(job_id) == list(range(1, 41))
    messages = [event.message for event in served.jobs.list_events(job_id, limit=100)]
    assert sum("The service was restarted" in message for message in messages) == 3
    rows = served.client.files.content(served.jobs.retrieve(job_id).result_files[0]).text
    assert rows.count("\n") == 41


async def test_the_folder_of_an_earlier_version_is_taken_on(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "service.sqlite3")) as db:
        db.executescript(BEFORE)
    deck = Deck(tmp_path / "data")
    try:
        job = await deck.job("ftjob-1")
        assert (job.status, job.method.type) == ("succeeded", "supervised")
        assert job.hyperparameters.n_epochs == 3
        assert (await deck.client.files.retrieve("file-1")).expires_at is None
        assert (await deck.end(await deck.launch(epochs=1))).status == "succeeded"
    finally:
        await deck.close()


def test_the_mark_of_a_job_is_in_its_environment(start: Callable[[], Served]) -> None:
    served = start()
    job_id = served.launch("gated")
    wait_for(lambda: 6 in served.steps(job_id))
    (engine,) = served.pids(job_id)
    environ = Path(f"/proc/{engine}/environ")
    if not environ.exists():
        pytest.skip("this system shows no environments")
    assert f"TUNEDECK_SERVICE_JOB={job_id}".encode() in environ.read_bytes().split(b"\0")
    os.kill(engine, signal.SIGKILL)
    wait_for(lambda: served.status(job_id) == "failed")
    assert "by signal 9" in served.jobs.retrieve(job_id).error.message
