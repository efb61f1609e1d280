"""Everything wrong at once, from two processes, with kills: each event and point once, in order."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from tests.jobs.wildserver import JOB, STEPS, Wild
from tui.config import Paths, ProviderConfig
from tui.jobs import Ledger, Provider, Update, Watcher, cancel_job, open_ledger
from tui.jobs.rest import Rest, Woken

pytestmark = pytest.mark.usefixtures("hurried")
ALL = list(range(1, STEPS + 1))

# Follows the run and prints its steps; killed when it was told so many updates.
FOLLOW = """
import asyncio, json, os, signal, sys
import tui.jobs.watcher as watcher, tui.jobs.wire as wire
watcher._FAST_NEARBY, watcher._SLOW_NEARBY, watcher._MAX_BACKOFF = 0.02, 0.05, 0.05
wire.BACKOFF = 0.01
from tui.config import Paths, ProviderConfig
from tui.jobs import Provider, Watcher, open_ledger

url, job, kill_after = sys.argv[1], sys.argv[2], int(sys.argv[3])

async def main():
    paths = Paths.resolve()
    provider = Provider(ProviderConfig("wild", "compatible", url, api_key="none"), paths)
    ledger = open_ledger(paths.state)
    ids, steps, left = [], [], kill_after
    async for update in Watcher(job, provider, ledger, patience=8.0).updates():
        ids += [event.id for event in update.events]
        steps += [point.step for point in update.points]
        if update.events and (left := left - 1) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps([ids, steps]))

asyncio.run(main())
"""


@asynccontextmanager
async def at(wild: Wild, home: Path) -> AsyncIterator[tuple[Provider, Ledger]]:
    paths = Paths.resolve({"TUNEDECK_HOME": str(home)})
    config = ProviderConfig("wild", "compatible", wild.url, api_key="none")
    provider, ledger = Provider(config, paths), open_ledger(paths.state)
    try:
        yield provider, ledger
    finally:
        await provider.aclose()
        ledger.close()


async def follow(watcher: Watcher) -> list[Update]:
    async with aclosing(watcher.updates()) as updates:
        return [update async for update in updates]


def steps_of(updates: list[Update]) -> list[int]:
    return [point.step for update in updates for point in update.points]


def ids_of(updates: list[Update]) -> list[str]:
    return [event.id for update in updates for event in update.events]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", ["one page", "pages", "forever"])
async def test_everything_at_once(home: Path, seed: int, shape: str) -> None:
    with Wild(seed, page=7 if shape == "pages" else 100, forever=shape == "forever") as wild:
        async with at(wild, home) as (provider, ledger):
            updates = await follow(Watcher(JOB, provider, ledger, patience=8.0))
            kept = ledger.events(provider.endpoint, JOB)
            assert not ledger.has_gap(provider.endpoint, JOB)
    assert steps_of(updates) == ALL
    assert len(ids_of(updates)) == len(set(ids_of(updates))) == STEPS
    assert {event.id for event in kept} == set(ids_of(updates))
    assert updates[-1].job is not None
    assert updates[-1].job.status == "succeeded"


@pytest.mark.parametrize("seed", range(3))
async def test_a_cancel_whose_answers_are_lost_is_confirmed(home: Path, seed: int) -> None:
    with Wild(seed, each=1) as wild:
        async with at(wild, home) as (provider, ledger):
            outcome = await cancel_job(provider, ledger, JOB)
            row = ledger.job(provider.endpoint, JOB)
    assert outcome.confirmed
    assert outcome.job.status == "cancelled"
    assert wild.cancels >= 1
    assert row is not None
    assert row.cancel_asked is None


@pytest.fixture
def wild() -> Iterator[Wild]:
    with Wild(11, badness=0.25, each=2, page=7) as running:
        yield running


def start(wild: Wild, kill_after: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", FOLLOW, wild.url, JOB, str(kill_after)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def told(child: subprocess.Popen[bytes]) -> tuple[list[str], list[int]]:
    out, said = await asyncio.to_thread(child.communicate)
    assert child.returncode == 0, said.decode()
    ids, steps = json.loads(out)
    return ids, steps


async def test_two_processes_follow_one_run(wild: Wild, home: Path) -> None:
    children = [start(wild), start(wild)]
    for ids, steps in await asyncio.gather(*(told(child) for child in children)):
        assert steps == ALL
        assert len(ids) == len(set(ids)) == STEPS
    async with at(wild, home) as (provider, ledger):
        kept = ledger.events(provider.endpoint, JOB)
    assert len(kept) == len({event.id for event in kept}) == STEPS


async def test_killed_again_and_again_beside_another(wild: Wild, home: Path) -> None:
    other = start(wild)
    for kill_after in (1, 2):
        child = start(wild, kill_after)
        await asyncio.to_thread(child.communicate)
        assert child.returncode in (0, -9)
    assert (await told(other))[1] == ALL
    ids, steps = await told(start(wild))
    assert steps == ALL
    assert len(ids) == len(set(ids)) == STEPS


# --- holes that two processes could leave between them ------------------------------------------


async def test_a_hole_left_by_another_is_filled(home: Path) -> None:
    with Wild(0, badness=0.0, each=STEPS, page=7) as wild:
        wild.done = STEPS
        async with at(wild, home) as (provider, ledger):
            page = await provider.events(JOB, limit=100)
            # Another process kept the newest page and was killed before it had the rest.
            ledger.keep_events(provider.endpoint, JOB, page.events, None, complete=False)
            assert steps_of(await follow(Watcher(JOB, provider, ledger))) == ALL


def test_a_hole_is_not_closed_by_a_walk_from_before_it(home: Path) -> None:
    ledger = open_ledger(home / "state")
    ledger.keep_events("e", "j", [], None, complete=True)
    before = ledger.gap("e", "j")
    ledger.keep_events("e", "j", [], None, complete=False)
    ledger.keep_events("e", "j", [], None, complete=True, since=before)
    assert ledger.has_gap("e", "j")
    ledger.keep_events("e", "j", [], None, complete=True, since=ledger.gap("e", "j"))
    assert not ledger.has_gap("e", "j")
    ledger.close()


# --- the laptop sleeps --------------------------------------------------------------------------


class Clocks:
    """A steady clock, and one that runs through the sleeps that a test lets happen."""

    def __init__(self) -> None:
        self.slept = 0.0

    def through(self) -> float:
        return time.monotonic() + self.slept

    def rest(self) -> Rest:
        return Rest(time.monotonic, self.through)


async def test_a_wait_ends_when_the_machine_slept() -> None:
    clocks = Clocks()
    rest = clocks.rest()
    clocks.slept += 3600.0
    assert await rest.pause(30.0) is Woken.SLEPT
    rest.nudge()
    assert await rest.pause(30.0) is Woken.NUDGE
    clocks.slept -= 3600.0
    rest.nudge()
    assert await rest.pause(30.0) is Woken.NUDGE, "a clock that is put back is no sleep"
    assert await rest.pause(0.0) is Woken.TIME


async def test_after_a_sleep_no_dead_connection_is_used(home: Path) -> None:
    clocks = Clocks()
    updates: list[Update] = []
    with Wild(0, badness=0.0, each=5) as wild:
        async with at(wild, home) as (provider, ledger):
            watcher = Watcher(JOB, provider, ledger, rest=clocks.rest())
            async with aclosing(watcher.updates()) as coming:
                async for update in coming:
                    updates.append(update)
                    if update.points and not clocks.slept:
                        wild.freeze()
                        clocks.slept = 3600.0
    assert clocks.slept
    assert steps_of(updates) == ALL
    assert not any(update.trouble for update in updates)
    assert wild.connections >= 2
