"""Killed (SIGKILL) at any step of a launch and started again: one job, never two, none lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.aids import FREE
from tests.jobs.faultserver import KEY, FaultServer
from tui.jobs import LaunchRequest, LaunchState, Ledger, Provider, launch, reconcile

pytestmark = pytest.mark.usefixtures("hurried")
CREATE = r"/v1/fine_tuning/jobs"

# A launch that kills its own process when told of a state for the n-th time; 0 means never.
SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from tui.config import Paths, ProviderConfig
from tui.jobs import LaunchRequest, Preflight, Provider, launch, open_ledger

url, key, file, kill_at = sys.argv[1:]
told = 0

def on_state(state, words):
    global told
    told += 1
    if told == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    paths = Paths.resolve()
    provider = Provider(ProviderConfig("lab", "compatible", url, api_key=key), paths)
    ledger = open_ledger(paths.state)
    request = LaunchRequest(Path(file), "micro")
    await launch(request, Preflight((), None, None, False), provider, ledger, on_state)

asyncio.run(main())
"""


def start(server: FaultServer, file: Path, kill_at: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, server.url, KEY, str(file), str(kill_at)],
        stderr=subprocess.PIPE,
    )


def kill(child: list[subprocess.Popen[bytes]]) -> None:
    child[0].kill()


async def ended(child: subprocess.Popen[bytes]) -> None:
    _, said = await asyncio.to_thread(child.communicate)
    assert child.returncode == -9, said.decode()


async def again(file: Path, provider: Provider, ledger: Ledger) -> str:
    request = LaunchRequest(file, "micro")
    result = await launch(request, FREE, provider, ledger)
    return result.job.id


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4])
async def test_killed_between_two_states(
    server: FaultServer, file: Path, provider: Provider, ledger: Ledger, kill_at: int
) -> None:
    await ended(start(server, file, kill_at))
    assert not server.jobs
    assert await again(file, provider, ledger) == server.jobs[0]["id"]
    assert len(server.jobs) == 1
    assert not ledger.open_launches(provider.endpoint)


@pytest.mark.parametrize("action", ["lose", "drop", "late"])
async def test_killed_while_the_create_is_on_its_way(
    server: FaultServer,
    file: Path,
    provider: Provider,
    ledger: Ledger,
    action: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if action == "late":
        monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 3.0)
    child: list[subprocess.Popen[bytes]] = []
    server.fault("POST", CREATE, action, hook=lambda: kill(child))
    child.append(start(server, file))
    await ended(child[0])
    (row,) = ledger.open_launches(provider.endpoint)
    assert row.state is LaunchState.CREATING
    assert await again(file, provider, ledger) == server.jobs[0]["id"]
    assert len(server.jobs) == 1


async def test_killed_while_uploading(
    server: FaultServer, file: Path, provider: Provider, ledger: Ledger
) -> None:
    child: list[subprocess.Popen[bytes]] = []
    server.fault("POST", "/v1/files", "lose", hook=lambda: kill(child))
    child.append(start(server, file))
    await ended(child[0])
    await again(file, provider, ledger)
    assert len(server.jobs) == 1


async def test_the_next_start_adopts_without_a_launch(
    server: FaultServer, file: Path, provider: Provider, ledger: Ledger
) -> None:
    child: list[subprocess.Popen[bytes]] = []
    server.fault("POST", CREATE, "lose", hook=lambda: kill(child))
    child.append(start(server, file))
    await ended(child[0])
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.CREATED
    assert done.job is not None
    row = ledger.job(provider.endpoint, done.job.id)
    assert row is not None
    assert row.file == str(file)
    assert not await reconcile(ledger, provider)


async def test_a_launch_that_still_runs_is_left_alone(
    server: FaultServer, file: Path, provider: Provider, ledger: Ledger
) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(gate.set)
        released.result(timeout=30)

    import concurrent.futures

    released: concurrent.futures.Future[None] = concurrent.futures.Future()
    server.fault("POST", CREATE, "lose", hook=hold)
    child = start(server, file)
    try:
        await asyncio.wait_for(gate.wait(), 30)
        assert not await reconcile(ledger, provider)
        with pytest.raises(Exception, match="is launching this very file"):
            await again(file, provider, ledger)
    finally:
        released.set_result(None)
        await asyncio.to_thread(child.communicate)
    assert child.returncode == 0, "it adopted its own job"
    assert len(server.jobs) == 1
