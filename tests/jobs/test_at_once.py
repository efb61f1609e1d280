"""Launches of the very same that meet: begun at once, killed before they told, or found late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.jobs.aids import FREE, row
from tests.jobs.faultserver import KEY, FaultServer
from tui.config import LOCAL, Paths, ProviderConfig
from tui.errors import SafetyError
from tui.jobs import LAUNCH_KEY, LaunchRequest, LaunchState, Ledger, Provider, launch, reconcile
from tui.jobs.recovery import UNTOLD, grace_of
from tui.jobs.rows import Owner, began

pytestmark = pytest.mark.usefixtures("hurried")
CREATE = r"/v1/fine_tuning/jobs"


@pytest.fixture
def request_(file: Path) -> LaunchRequest:
    return LaunchRequest(file, "micro")


def test_two_processes_started_at_once_make_one_job(
    server: FaultServer, file: Path, home: Path
) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "config.toml").write_text(
        f'default_provider = "lab"\n[providers.lab]\nbase_url = "{server.url}"\n'
        'api_key_env = "LAB_KEY"\n'
    )
    words = ("launch", str(file), "--model", "gpt-4.1-mini", "--yes", "--force", "--json")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tui", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TUNEDECK_HOME": str(home), "LAB_KEY": KEY},
        )
        for _ in range(2)
    ]
    ended = [(*child.communicate(timeout=120), child.returncode) for child in started]
    assert len(server.jobs) == 1, ended
    assert server.count("POST", CREATE) == 1
    for out, _, code in ended:
        told = json.loads(out)
        if code == 0:
            assert told["job"]["id"] == server.jobs[0]["id"]
        else:
            assert code == 4
            assert told["error"]["code"] in ("launch_in_progress", "launched_meanwhile")


def test_when_a_process_began() -> None:
    before = time.time()
    said = subprocess.run(
        [sys.executable, "-c", "from tui.jobs.rows import began; print(began())"],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert before - 0.05 <= float(said) <= time.time()
    assert began() <= time.time()


async def made_by_another(
    ledger: Ledger, provider: Provider, request: LaunchRequest, server: FaultServer, reason: str
) -> None:
    job = server.add_job("ftjob-other")
    one = row(
        provider, request, LaunchState.CREATING, owner=Owner(Owner.me().host, os.getppid(), 0)
    )
    ledger.plan(one)
    ledger.advance(one.id, LaunchState.CREATED, job_id=job["id"], reason=reason)


@pytest.mark.parametrize(("earlier", "stopped"), [(True, True), (False, False)])
async def test_what_another_made_since_it_was_asked_for_is_in_the_way(
    server: FaultServer,
    provider: Provider,
    ledger: Ledger,
    request_: LaunchRequest,
    earlier: bool,
    stopped: bool,
) -> None:
    asked_at = time.time()
    await made_by_another(ledger, provider, request_, server, "")
    since = asked_at if earlier else time.time()
    if stopped:
        with pytest.raises(SafetyError, match="ftjob-other") as caught:
            await launch(request_, FREE, provider, ledger, since=since)
        assert caught.value.code == "launched_meanwhile"
    else:
        await launch(request_, FREE, provider, ledger, since=since)
    assert server.count("POST", CREATE) == (0 if stopped else 1)


async def test_another_run_of_the_same_file_is_not_in_the_way(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    asked_at = time.time()
    await made_by_another(ledger, provider, request_, server, "")
    other = LaunchRequest(request_.file, "micro", hyperparameters={"n_epochs": 2})
    assert not (await launch(other, FREE, provider, ledger, since=asked_at)).adopted


async def test_a_job_nobody_was_told_of_is_taken_over_though_its_process_seems_to_live(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    await made_by_another(ledger, provider, request_, server, UNTOLD)
    result = await launch(request_, FREE, provider, ledger)
    assert (result.job.id, result.adopted) == ("ftjob-other", True)
    assert server.count("POST", CREATE) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_process_that_was_killed_is_gone_before_anybody_has_taken_note() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner(Owner.me().host, child.pid, 0)
    assert owner.alive()
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not owner.alive()
    child.communicate()


async def test_time_that_passes_while_the_list_is_read_does_not_count(
    server: FaultServer,
    provider: Provider,
    ledger: Ledger,
    request_: LaunchRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [time.time()]
    clock = SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic)
    monkeypatch.setattr("tui.jobs.recovery.time", clock)
    grace = grace_of(provider)
    ledger.plan(row(provider, request_, LaunchState.CREATING, creating_at=now[0] - grace / 2))

    def slow(_query: object) -> None:
        now[0] += grace

    server.on_list = slow
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.UNKNOWN
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.INTERRUPTED


async def test_a_job_that_turns_up_after_its_launch_was_given_up(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    one = row(provider, request_, LaunchState.CREATING)
    ledger.plan(one)
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.INTERRUPTED
    server.add_job("ftjob-late", metadata={LAUNCH_KEY: one.id}, created_at=int(time.time()))
    result = await launch(request_, FREE, provider, ledger)
    assert (result.job.id, result.adopted) == ("ftjob-late", True)
    assert server.count("POST", CREATE) == 0


def test_only_the_embedded_service_is_known_to_answer_at_once(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    near = grace_of(Provider(ProviderConfig("a", "compatible", "http://127.0.0.1:1/v1"), paths))
    far = grace_of(Provider(ProviderConfig("b", "compatible", "https://example.org/v1"), paths))
    own = grace_of(Provider(ProviderConfig(LOCAL, LOCAL, None), paths))
    # Half a minute is what a launch itself waits for the answer.
    assert own < 30 < near < far
