"""Every event and every metric point once, in order, whatever the provider does."""

from __future__ import annotations

import json
import math
from contextlib import aclosing
from typing import Any

import pytest

from tests.jobs.faultserver import FaultServer, message, metrics
from tui.jobs import Ledger, Provider, Update, Watcher

pytestmark = pytest.mark.usefixtures("hurried")
EVENTS = r"/v1/fine_tuning/jobs/ftjob-one/events"
JOB = r"/v1/fine_tuning/jobs/ftjob-one"


class Seen:
    def __init__(self) -> None:
        self.updates: list[Update] = []

    @property
    def steps(self) -> list[int]:
        return [point.step for update in self.updates for point in update.points]

    @property
    def ids(self) -> list[str]:
        return [event.id for update in self.updates for event in update.events]

    @property
    def values(self) -> list[dict[str, float]]:
        return [dict(point.values) for update in self.updates for point in update.points]


async def follow(watcher: Watcher) -> Seen:
    seen = Seen()
    async with aclosing(watcher.updates()) as updates:
        async for update in updates:
            seen.updates.append(update)
    assert seen.updates[-1].ended
    return seen


@pytest.fixture
def watcher(provider: Provider, ledger: Ledger) -> Watcher:
    return Watcher("ftjob-one", provider, ledger, patience=1e9)


def growing(
    server: FaultServer, events: list[dict[str, Any]], *, each: int = 3, final: str = "succeeded"
) -> None:
    """Show ``each`` more events at every look at the job, and the end after all of them."""
    job = server.add_job()
    left = list(events)

    def more(_job: dict[str, Any]) -> None:
        for event in left[:each]:
            server.events["ftjob-one"].append(event)
        if not left:
            job["status"] = final
        del left[:each]

    server.on_retrieve = more


async def test_follows_a_job_to_its_end(server: FaultServer, watcher: Watcher) -> None:
    growing(server, [message(1, "Created"), *[metrics(n + 1, n) for n in range(1, 31)]])
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 31))
    assert seen.ids == [f"ftevent-{n}" for n in range(1, 32)]
    assert seen.updates[-1].job is not None
    assert seen.updates[-1].job.status == "succeeded"
    assert seen.values[0] == {"train_loss": 3.0}


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize("has_more", [True, False])
@pytest.mark.parametrize("page", [100, 5])
async def test_any_order_and_page_size(
    server: FaultServer, watcher: Watcher, order: str, has_more: bool, page: int
) -> None:
    server.order, server.has_more, server.page_limit = order, has_more, page
    growing(server, [metrics(n, n) for n in range(1, 17)], each=4)
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 17))
    assert len(seen.ids) == len(set(seen.ids)) == 16


async def test_events_that_appear_late_and_out_of_order(
    server: FaultServer, watcher: Watcher
) -> None:
    events = [metrics(n, n) for n in range(1, 31)]
    server.random.shuffle(events)
    watcher._timeline.patience = 1e9
    growing(server, events, each=2)
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 31))


async def test_every_kind_of_trouble_at_once(server: FaultServer, watcher: Watcher) -> None:
    events = []
    for n in range(1, 31):
        events.append(metrics(n, n, created_at=1_700_000_000 + n // 5))
        if n % 4 == 0:
            events.append(events[-1])
    events[3]["data"] = None
    events[6]["data"]["train_loss"] = math.nan
    del events[9]["created_at"]
    del events[10]["level"]
    events[12]["data"]["step"] = float(events[12]["data"]["step"])
    events[13]["data"]["extra"] = {"deep": {"value": "0.5"}, "list": [1, None, "x"]}
    server.order = "shuffled"
    for path in (JOB, EVENTS):
        server.fault("GET", path, "status", status=500)
        server.fault("GET", path, "status", status=429, retry_after="0")
        server.fault("GET", path, "cut")
        server.fault("GET", path, "html")
        server.fault("GET", path, "body", body=b"null")
        server.fault("GET", path, "body", body=b"[")
        server.fault("GET", path, "drop")
    growing(server, events)
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 31))
    assert len(seen.ids) == len(set(seen.ids)) == 30
    troubles = [update.trouble for update in seen.updates]
    assert any(troubles)
    assert troubles[-1] is None
    assert not any(fault.times for fault in server.faults)
    assert seen.values[3] == {"train_loss": 0.75}, "read from the message where data is null"
    assert any(math.isnan(value) for values in seen.values for value in values.values())
    assert any(v.get("extra.deep.value") == 0.5 for v in seen.values)


async def test_nan_literals_and_null_data_on_the_wire(
    server: FaultServer, watcher: Watcher
) -> None:
    growing(server, [])
    events = [
        {"id": "a", "data": {"step": 1, "train_loss": math.nan}, "type": "metrics"},
        {"id": "b", "data": None, "type": None, "message": None, "created_at": None},
        {"message": "Step 2/2: training loss=nan", "created_at": "1700000000"},
        "not an event",
        None,
    ]
    server.fault("GET", EVENTS, "body", times=99, body=json.dumps({"data": events}).encode())
    seen = await follow(watcher)
    assert seen.steps == [1, 2]
    assert all(math.isnan(values["train_loss"]) for values in seen.values)
    assert len(seen.ids) == 3


async def test_events_without_ids_are_known_again(server: FaultServer, watcher: Watcher) -> None:
    events = [metrics(n, n) for n in range(1, 11)]
    for event in events:
        del event["id"]
    growing(server, events, each=1)
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 11))
    assert len(seen.ids) == 10


async def test_pages_that_never_end(server: FaultServer, watcher: Watcher) -> None:
    server.ignore_after = True
    growing(server, [metrics(n, n) for n in range(1, 11)])
    assert (await follow(watcher)).steps == list(range(1, 11))


async def test_bare_array_of_events(server: FaultServer, watcher: Watcher) -> None:
    server.bare_array = True
    growing(server, [metrics(n, n) for n in range(1, 11)])
    assert (await follow(watcher)).steps == list(range(1, 11))


async def test_two_events_of_one_step_are_one_point(server: FaultServer, watcher: Watcher) -> None:
    events = [metrics(n, n) for n in range(1, 4)]
    events.append(metrics(4, 3, data={"step": 3, "full_valid_loss": 0.5}))
    growing(server, events, each=4)
    seen = await follow(watcher)
    assert seen.steps == [1, 2, 3]
    assert seen.values[2] == {"train_loss": 1.0, "full_valid_loss": 0.5}


async def test_values_that_come_later_amend_the_point(
    server: FaultServer, watcher: Watcher
) -> None:
    events = [metrics(n, n) for n in range(1, 4)]
    events.append(metrics(4, 2, data={"step": 2, "full_valid_loss": 0.5}))
    growing(server, events, each=1)
    seen = await follow(watcher)
    assert seen.steps == [1, 2, 3]
    amended = [point for update in seen.updates for point in update.amended]
    assert [(p.step, p.values["full_valid_loss"]) for p in amended] == [(2, 0.5)]


async def test_one_id_for_two_steps(server: FaultServer, watcher: Watcher) -> None:
    growing(server, [metrics(1, 1), metrics(1, 2), metrics(2, 3)], each=3)
    assert (await follow(watcher)).steps == [1, 2, 3]


async def test_second_watcher_starts_from_the_ledger(
    server: FaultServer, watcher: Watcher, provider: Provider, ledger: Ledger
) -> None:
    growing(server, [metrics(n, n) for n in range(1, 21)])
    await follow(watcher)
    pages = server.count("GET", EVENTS)
    again = await follow(Watcher("ftjob-one", provider, ledger))
    assert again.steps == list(range(1, 21))
    assert len(again.updates[0].points) == 20
    assert server.count("GET", EVENTS) == pages + 1


async def test_finished_job_is_shown_when_the_provider_is_gone(
    server: FaultServer, watcher: Watcher, provider: Provider, ledger: Ledger
) -> None:
    growing(server, [metrics(n, n) for n in range(1, 6)])
    await follow(watcher)
    server.fault("GET", ".*", "status", times=1000, status=503)
    again = await follow(Watcher("ftjob-one", provider, ledger))
    assert again.steps == [1, 2, 3, 4, 5]


async def test_watcher_killed_between_pages_leaves_no_hole(
    server: FaultServer, provider: Provider, ledger: Ledger
) -> None:
    server.page_limit = 10
    server.add_job()
    server.events["ftjob-one"] = [metrics(n, n, total=60) for n in range(1, 31)]
    # The second page fails for long, so only the first is in the ledger when the watcher ends.
    server.on_events = lambda _job, after: (_ for _ in ()).throw(OSError()) if after else None
    first = Watcher("ftjob-one", provider, ledger)
    async with aclosing(first.updates()) as updates:
        async for update in updates:
            if update.trouble:
                break
    assert ledger.has_gap(provider.endpoint, "ftjob-one")
    server.on_events = lambda _job, _after: None
    server.jobs[0]["status"] = "succeeded"
    assert (await follow(Watcher("ftjob-one", provider, ledger))).steps == list(range(1, 31))


async def test_events_added_after_the_end(server: FaultServer, watcher: Watcher) -> None:
    growing(server, [metrics(1, 1)])
    looks = 0

    def late(_job: str, _after: str | None) -> None:
        nonlocal looks
        looks += server.jobs[0]["status"] == "succeeded"
        if looks == 2:
            server.events["ftjob-one"].append(message(2, "Training tokens billed: 5000"))
            looks += 1

    server.on_events = late
    assert (await follow(watcher)).ids == ["ftevent-1", "ftevent-2"]


async def test_no_status_and_a_lagging_replica(server: FaultServer, watcher: Watcher) -> None:
    growing(server, [metrics(n, n) for n in range(1, 11)])
    server.fault("GET", JOB, "body", times=1, body=b'{"id": "ftjob-one"}')
    seen = await follow(watcher)
    assert seen.steps == list(range(1, 11))


async def test_full_disk_is_told_and_nothing_is_lost(
    server: FaultServer, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.errors import FileError

    def full(*_: object, **__: object) -> None:
        raise FileError("the disk is full", "free some space")

    monkeypatch.setattr(Ledger, "keep_events", full)
    growing(server, [metrics(n, n) for n in range(1, 6)])
    seen = await follow(watcher)
    assert seen.steps == [1, 2, 3, 4, 5]
    assert any("disk is full" in (update.trouble or "") for update in seen.updates)


async def test_points_are_in_the_ledger_before_they_are_shown(
    server: FaultServer, watcher: Watcher, provider: Provider, ledger: Ledger
) -> None:
    growing(server, [metrics(n, n) for n in range(1, 11)])
    async with aclosing(watcher.updates()) as updates:
        async for update in updates:
            stored = {event.id for event in ledger.events(provider.endpoint, "ftjob-one")}
            assert {event.id for event in update.events} <= stored
    row = ledger.job(provider.endpoint, "ftjob-one")
    assert row is not None
    assert row.progress is not None
    assert row.progress.step == 10


@pytest.mark.parametrize("status", [404, 405])
async def test_a_provider_without_events_is_followed_by_its_status(
    server: FaultServer, watcher: Watcher, status: int
) -> None:
    growing(server, [metrics(n, n) for n in range(1, 6)])
    server.fault("GET", EVENTS, "status", times=1000, status=status)
    seen = await follow(watcher)
    assert seen.ids == []
    assert not any(update.trouble for update in seen.updates)
    assert seen.updates[-1].job is not None
    assert seen.updates[-1].job.status == "succeeded"
