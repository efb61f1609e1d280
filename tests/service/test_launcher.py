from __future__ import annotations

import concurrent.futures
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.service.conftest import CHAT, jsonl
from tests.waiting import wait_for
from tui.config import Paths
from tui.errors import FileError, ProviderError
from tui.service import Endpoint, ensure_running, find_running, stop
from tui.service.launcher import read_state, write_state

START = "from tui.config import Paths; from tui.service import ensure_running as e; " \
        "print(e(Paths.resolve()).pid)"  # fmt: skip


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.resolve()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_starts_once_answers_and_stops(paths: Paths) -> None:
    assert find_running(paths) is None
    endpoint = ensure_running(paths)
    assert endpoint == ensure_running(paths) == find_running(paths)
    state = paths.state / "service.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert endpoint.api_key not in repr(endpoint)
    assert endpoint.base_url.startswith("http://127.0.0.1:")
    assert os.getsid(endpoint.pid) == endpoint.pid != os.getsid(0)
    client = openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.api_key)
    assert "micro" in [model.id for model in client.models.list()]
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=endpoint.base_url, api_key="wrong").models.list()
    assert stop(paths)
    assert not alive(endpoint.pid)
    assert not state.exists()
    assert not stop(paths)


def test_callers_at_once_start_one_service(paths: Paths) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(subprocess.run, [sys.executable, "-c", START], capture_output=True)
            for _ in range(4)
        ]
        answers = [run.result() for run in runs]
    assert [answer.stderr for answer in answers] == [b""] * 4
    pids = {int(answer.stdout) for answer in answers}
    assert len(pids) == 1
    # It outlives the commands that started it.
    assert find_running(paths).pid in pids


def test_a_stale_state_file_does_no_harm(paths: Paths) -> None:
    paths.state.mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        # This very process: alive, and no service.
        write_state(paths, Endpoint(f"http://127.0.0.1:{port}/v1", "key", os.getpid()))
        assert find_running(paths) is None
        assert not stop(paths)
    for junk in ("", "{", "[]", '{"base_url": 1}', '{"base_url": "x", "api_key": "", "pid": 0}'):
        (paths.state / "service.json").write_text(junk)
        assert find_running(paths) is None
    endpoint = ensure_running(paths)
    assert read_state(paths) == endpoint


def test_a_killed_service_is_replaced_and_its_jobs_go_on(paths: Paths) -> None:
    first = ensure_running(paths)
    client = openai.OpenAI(base_url=first.base_url, api_key=first.api_key, max_retries=0)
    file = client.files.create(file=("train.jsonl", jsonl(CHAT)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model="micro", training_file=file.id, seed=5, hyperparameters={"n_epochs": 4}
    )

    def steps(client: openai.OpenAI) -> list[int]:
        page = client.fine_tuning.jobs.list_events(job.id, limit=1000)
        return [event.data["step"] for event in page.data if event.type == "metrics"][::-1]

    wait_for(lambda: len(steps(client)) >= 12)
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: not alive(first.pid))
    second = ensure_running(paths)
    assert second.pid != first.pid
    client = openai.OpenAI(base_url=second.base_url, api_key=second.api_key, max_retries=0)
    retrieve = client.fine_tuning.jobs.retrieve
    wait_for(lambda: retrieve(job.id).status in ("succeeded", "failed"))
    assert retrieve(job.id).status == "succeeded"
    assert steps(client) == list(range(1, 41))


def test_a_service_that_cannot_start_says_why(paths: Paths) -> None:
    paths.state.mkdir(parents=True)
    (paths.state / "service").write_text("a file where a folder should be")
    with pytest.raises(ProviderError) as caught:
        ensure_running(paths)
    assert "ended at once" in caught.value.message
    assert "cannot be used" in caught.value.message
    assert "service.log" in caught.value.hint


def test_a_full_disk_is_named(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.state.mkdir(parents=True)
    (paths.state / "service").write_text("in the way, as no data folder can be made")
    monkeypatch.setattr("tui.service.launcher.disk_is_full", lambda _: True)
    with pytest.raises(FileError, match="is full"):
        ensure_running(paths)


class Served:
    """``tunedeck serve`` in the foreground."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", "serve", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})}, **options,
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def served(home: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*arguments: str, **options: Any) -> Served:
        started.append(Served(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_serve_ends_in_order_when_told_to(
    served: Callable[..., Served], paths: Paths, number: signal.Signals
) -> None:
    service = served("--port", "0")
    assert service.line()
    assert service.end(number) == (0, "")
    assert not (paths.state / "service.json").exists()


def test_serve_says_where_and_ends_on_ctrl_c(served: Callable[..., Served], paths: Paths) -> None:
    service = served("--port", "0")
    line = service.line()
    found = re.search(r"OPENAI_BASE_URL=(\S+) OPENAI_API_KEY=([^\s;]+)", line)
    assert found, line
    url = found[1]
    client = openai.OpenAI(base_url=url, api_key=found[2])
    assert client.models.list()
    # What talks to "local" finds this one, and a second one on the same data is refused.
    assert ensure_running(paths).base_url == url
    second = served("--port", "0")
    second.process.wait(30)
    code, errors = second.end()
    assert (code, errors.count("\n")) == (3, 1)
    assert "already uses" in errors
    code, errors = service.end()
    assert code in (0, 130)
    assert "Traceback" not in errors
    assert find_running(paths) is None


def test_serve_stop_ends_the_one_in_the_background(paths: Paths) -> None:
    endpoint = ensure_running(paths)
    command = [sys.executable, "-m", "tui", "serve", "--stop", "--json"]
    run = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(run.stdout) == {"stopped": True, "unfinished_jobs": 0}
    assert not alive(endpoint.pid)
    run = subprocess.run(command[:-1], capture_output=True, check=True)
    assert run.stdout == b"No local service is running.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "TUNEDECK_SERVICE_KEY"),
        (["--host", "203.0.113.1", "--port", "0"], "cannot listen"),
        (["--port", "99999"], "cannot listen"),
        (["--jobs", "0"], "--jobs"),
        (["--engine", "lab"], "MODEL=COMMAND"),
    ],
)
def test_serve_refuses_in_one_line(
    served: Callable[..., Served], arguments: list[str], words: str
) -> None:
    env = {"TUNEDECK_SERVICE_KEY": "k" if "203.0.113.1" in arguments else ""}
    service = served(*arguments, env=env)
    service.process.wait(30)
    code, errors = service.end()
    assert (code, errors.count("\n")) == (2, 1)
    assert words in errors


def test_a_busy_port_is_one_clear_line(served: Callable[..., Served]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = served("--port", str(taken.getsockname()[1]))
        service.process.wait(30)
        code, errors = service.end()
    assert (code, errors.count("\n")) == (2, 1)
    assert "already in use" in errors


def test_the_key_from_the_environment_is_not_printed(
    served: Callable[..., Served], tmp_path: Path
) -> None:
    service = served(
        "--port", "0", "--data-dir", str(tmp_path / "other"),
        env={"TUNEDECK_SERVICE_KEY": "secret-of-mine"},
    )  # fmt: skip
    line = service.line()
    assert "secret-of-mine" not in line
    url = line.split("OPENAI_BASE_URL=")[1].split()[0]
    assert openai.OpenAI(base_url=url, api_key="secret-of-mine").models.list()


def test_a_full_disk_is_an_error_that_keeps_nothing(
    served: Callable[..., Served], tmp_path: Path
) -> None:
    data = tmp_path / "full"

    def limit() -> None:
        # For a process, a limit on the size of its files is what a full disk looks like.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    service = served(
        "--port", "0", "--data-dir", str(data), env={"TUNEDECK_SERVICE_KEY": "k"}, preexec_fn=limit
    )
    url = service.line().split("OPENAI_BASE_URL=")[1].split()[0]
    client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
    with pytest.raises(openai.InternalServerError) as caught:
        client.files.create(file=("big.jsonl", b"x" * 5_000_000), purpose="fine-tune")
    assert (caught.value.status_code, caught.value.code) == (507, "insufficient_storage")
    assert not list((data / "files").iterdir())
    small = client.files.create(file=("train.jsonl", jsonl(CHAT)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="micro", training_file=small.id)
    retrieve = client.fine_tuning.jobs.retrieve
    wait_for(lambda: retrieve(job.id).status in ("succeeded", "failed"))
    error = retrieve(job.id).error
    assert error.code == "checkpoint_failed"
    assert "the disk is full" in error.message


def test_an_idle_service_ends_by_itself(home: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tui.service import serve;"
        "serve('127.0.0.1', 0, Path(sys.argv[1]), 'k', idle_seconds=0.2,"
        " on_ready=lambda e: print(e.base_url, flush=True))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0
    url = run.stdout.decode().strip()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/health", timeout=2)
