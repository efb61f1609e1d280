"""Fast when something happens, slow when not, and never sooner than the provider asks for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from tests.jobs.faultserver import FaultServer, metrics
from tui.errors import FileError
from tui.jobs import Ledger, Provider, Update, Watcher
from tui.jobs.rest import Rest, Woken

pytestmark = pytest.mark.usefixtures("hurried")
JOB = r"/v1/fine_tuning/jobs/ftjob-one"


class Hurry(Rest):
    """Waits for nothing, and keeps how long it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def pause(self, seconds: float) -> Woken:
        self.waits.append(seconds)
        await asyncio.sleep(0)
        return Woken.TIME


@pytest.fixture
def rest() -> Hurry:
    return Hurry()


@pytest.fixture
def watcher(provider: Provider, ledger: Ledger, rest: Hurry) -> Watcher:
    return Watcher("ftjob-one", provider, ledger, patience=0.0, rest=rest)


async def test_fast_when_something_happens_and_slow_when_not(
    server: FaultServer, watcher: Watcher, rest: Hurry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.watcher._FAST_NEARBY", 0.5)
    monkeypatch.setattr("tui.jobs.watcher._SLOW_NEARBY", 1.5)
    monkeypatch.setattr("tui.jobs.watcher._LONG_BREATH", 0.0)
    job = server.add_job()
    looks = 0

    def more(_job: dict[str, Any]) -> None:
        nonlocal looks
        looks += 1
        if looks <= 10:
            server.events["ftjob-one"].append(metrics(looks, looks))
        if looks > 25:
            job["status"] = "succeeded"

    server.on_retrieve = more
    async with aclosing(watcher.updates()) as updates:
        _ = [update async for update in updates]
    assert set(rest.waits[1:10]) == {0.5}
    quiet = rest.waits[10:25]
    assert quiet == sorted(quiet)
    assert quiet[-1] == 1.5


async def test_what_the_provider_asks_for_is_kept(
    server: FaultServer, watcher: Watcher, rest: Hurry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.watcher._MAX_BACKOFF", 30.0)
    server.add_job(status="succeeded")
    server.fault("GET", JOB, "status", status=429, retry_after="120")
    server.fault("GET", JOB, "status", status=429, retry_after="99999999")
    async with aclosing(watcher.updates()) as updates:
        seen = [update async for update in updates]
    assert rest.waits[0] == 120.0
    assert 120.0 < rest.waits[1] <= 3600.0, "nobody waits for years"
    assert "too many requests" in (seen[0].trouble or "")
    assert seen[-1].ended
    assert seen[-1].trouble is None


async def test_a_refusal_is_asked_about_rarely(
    server: FaultServer, watcher: Watcher, rest: Hurry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.watcher._MAX_BACKOFF", 30.0)
    server.add_job(status="succeeded")
    server.fault("GET", JOB, "status", status=401, times=5)
    async with aclosing(watcher.updates()) as updates:
        seen: list[Update] = [update async for update in updates]
    assert len([update for update in seen if update.trouble]) == 5
    assert min(rest.waits[:5]) >= 20.0
    assert rest.waits[4] >= 100.0


async def test_the_run_is_told_before_its_long_history_is_read(
    server: FaultServer, watcher: Watcher
) -> None:
    server.add_job()
    server.events["ftjob-one"] = [metrics(n, n) for n in range(1, 31)]
    async with aclosing(watcher.updates()) as updates:
        first = await anext(updates)
        assert server.count("GET", JOB + "/events") == 0
        assert first.job is not None
        assert first.job.status == "running"
        assert len((await anext(updates)).points) == 30


async def test_what_a_full_disk_kept_out_is_kept_later(
    server: FaultServer,
    watcher: Watcher,
    ledger: Ledger,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep, full = Ledger.keep_events, 3

    def sometimes(*args: Any, **more: Any) -> None:
        nonlocal full
        full -= 1
        if full >= 0:
            raise FileError("the disk is full", "free some space")
        keep(*args, **more)

    monkeypatch.setattr(Ledger, "keep_events", sometimes)
    job = server.add_job()
    left = [metrics(n, n) for n in range(1, 11)]

    def more(_job: dict[str, Any]) -> None:
        server.events["ftjob-one"].extend(left[:2])
        del left[:2]
        if not left:
            job["status"] = "succeeded"

    server.on_retrieve = more
    async with aclosing(watcher.updates()) as updates:
        seen = [update async for update in updates]
    assert any("disk is full" in (update.trouble or "") for update in seen)
    assert len(ledger.events(provider.endpoint, "ftjob-one")) == 10
    assert not ledger.has_gap(provider.endpoint, "ftjob-one")
