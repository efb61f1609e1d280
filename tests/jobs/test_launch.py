"""A launch makes one job or none, whatever the server and the network do."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.aids import FREE
from tests.jobs.faultserver import KEY, FaultServer
from tui.config import Paths, ProviderConfig
from tui.errors import FileError, ProviderError, SafetyError
from tui.jobs import (
    LAUNCH_KEY,
    LaunchRequest,
    LaunchResult,
    LaunchState,
    Ledger,
    Preflight,
    Problem,
    Provider,
    launch,
    reconcile,
)
from tui.jobs.rows import LaunchRow, Owner

pytestmark = pytest.mark.usefixtures("hurried")
CREATE = r"/v1/fine_tuning/jobs"


@pytest.fixture
def request_(tmp_path: Path) -> LaunchRequest:
    file = tmp_path / "train.jsonl"
    file.write_text('{"messages": []}\n' * 10)
    return LaunchRequest(file, "micro", hyperparameters={"n_epochs": 3}, metadata={"team": "a"})


@pytest.fixture
def go(
    request_: LaunchRequest, provider: Provider, ledger: Ledger
) -> Callable[[], asyncio.Future[LaunchResult]]:
    def run():  # type: ignore[no-untyped-def]
        return launch(request_, FREE, provider, ledger)

    return run


async def test_plain_launch(server: FaultServer, go, ledger: Ledger, provider: Provider) -> None:
    result = await go()
    assert result.job.id == "ftjob-0001"
    assert not result.adopted
    assert not result.upload.reused
    body = server.jobs[0]
    assert body["metadata"]["team"] == "a"
    assert body["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 3}},
    }
    (row,) = ledger.launches()
    assert row.state is LaunchState.CREATED
    assert row.job_id == "ftjob-0001"
    assert body["metadata"][LAUNCH_KEY] == row.id
    assert b'{"messages": []}' in server.files["file-1"]
    assert all(s.headers["authorization"] == f"Bearer {KEY}" for s in server.seen)


async def test_second_launch_reuses_the_upload(server: FaultServer, go) -> None:
    await go()
    again = await go()
    assert again.upload.reused
    assert len(server.files) == 1
    assert len(server.jobs) == 2


async def test_a_vanished_upload_is_sent_again(server: FaultServer, go) -> None:
    await go()
    server.files.clear()
    again = await go()
    assert not again.upload.reused


@pytest.mark.parametrize("action", ["lose", "cut", "late500"])
async def test_lost_answer_is_adopted(server: FaultServer, go, action: str) -> None:
    server.fault("POST", CREATE, action)
    result = await go()
    assert result.adopted
    assert [job["id"] for job in server.jobs] == [result.job.id]
    assert server.count("POST", CREATE) == 1


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'"ok"', b""])
async def test_odd_answer_without_a_job_is_unknown_and_not_repeated(
    server: FaultServer, go, ledger: Ledger, body: bytes
) -> None:
    server.fault("POST", CREATE, "body", body=body)
    with pytest.raises(SafetyError) as caught:
        await go()
    assert caught.value.code == "launch_unknown"
    assert server.count("POST", CREATE) == 1
    assert ledger.launches()[0].state is LaunchState.UNKNOWN


async def test_login_page_then_a_later_launch_makes_the_one_job(server: FaultServer, go) -> None:
    server.fault("POST", CREATE, "html")
    with pytest.raises(SafetyError):
        await go()
    result = await go()
    assert not result.adopted
    assert len(server.jobs) == 1
    assert server.count("POST", CREATE) == 2


async def test_unreadable_list_keeps_the_launch_unknown_until_it_can_be_adopted(
    server: FaultServer, go, ledger: Ledger, provider: Provider
) -> None:
    server.fault("POST", CREATE, "lose")
    server.fault("GET", CREATE, "status", times=10_000, status=503)
    with pytest.raises(SafetyError):
        await go()
    server.faults.clear()
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.CREATED
    assert done.job is not None
    assert len(server.jobs) == 1


async def test_later_launch_adopts_what_an_unknown_one_made(server: FaultServer, go) -> None:
    server.fault("POST", CREATE, "lose")
    server.fault("GET", CREATE, "status", times=10_000, status=503)
    with pytest.raises(SafetyError):
        await go()
    server.faults.clear()
    result = await go()
    assert result.adopted
    assert len(server.jobs) == 1


async def test_server_that_ignores_the_filter(server: FaultServer, go) -> None:
    server.ignore_filter = True
    for number in range(250):
        server.add_job(f"ftjob-other{number}")
    server.fault("POST", CREATE, "lose")
    result = await go()
    assert result.adopted
    assert result.job.id == server.jobs[-1]["id"]


async def test_server_that_keeps_no_metadata(server: FaultServer, go) -> None:
    server.forget_metadata = True
    server.fault("POST", CREATE, "lose")
    result = await go()
    assert result.adopted
    assert len(server.jobs) == 1


async def test_jobs_list_without_end(server: FaultServer, go) -> None:
    server.ignore_after = True
    for number in range(30):
        server.add_job(f"ftjob-other{number}")
    server.fault("POST", CREATE, "drop")
    with pytest.raises(SafetyError):
        await go()
    assert server.count("POST", CREATE) == 1


async def test_bare_array_list(server: FaultServer, go) -> None:
    server.bare_array = True
    server.fault("POST", CREATE, "lose")
    assert (await go()).adopted


async def test_busy_server_is_asked_again_after_its_time(server: FaultServer, go) -> None:
    server.fault("POST", CREATE, "status", times=2, status=429, retry_after="0")
    result = await go()
    assert not result.adopted
    assert len(server.jobs) == 1
    assert server.count("POST", CREATE) == 3


async def test_spent_quota_is_refused_at_once(server: FaultServer, go, ledger: Ledger) -> None:
    body = b'{"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}}'
    server.fault("POST", CREATE, "status", status=429, body=body)
    with pytest.raises(ProviderError, match="quota"):
        await go()
    assert server.count("POST", CREATE) == 1
    assert ledger.launches()[0].state is LaunchState.REFUSED


async def test_training_not_available(server: FaultServer, go, ledger: Ledger) -> None:
    body = b'{"error": {"code": "training_not_available", "message": "winding down"}}'
    server.fault("POST", CREATE, "status", status=403, body=body)
    with pytest.raises(ProviderError) as caught:
        await go()
    assert caught.value.code == "training_not_available"
    assert "--provider local" in caught.value.hint
    assert ledger.launches()[0].state is LaunchState.REFUSED


async def test_lost_upload_answer_is_tried_again(server: FaultServer, go) -> None:
    server.fault("POST", "/v1/files", "status", status=500, retry_after="0")
    assert (await go()).job.id == "ftjob-0001"


async def test_nobody_there(paths: Paths, request_: LaunchRequest, ledger: Ledger) -> None:
    with FaultServer() as gone:
        url = gone.url
    config = ProviderConfig("lab", "compatible", url, api_key=KEY)
    nowhere = Provider(config, paths, attempts=1)
    with pytest.raises(ProviderError, match="connection refused") as caught:
        await nowhere.list_jobs()
    assert url.split("/")[2] in caught.value.message
    await nowhere.aclose()


async def test_blocked_preflight_sends_nothing(
    server: FaultServer, request_: LaunchRequest, provider: Provider, ledger: Ledger
) -> None:
    problem = Problem("error", "over_max_cost", "too dear", "raise it", forceable=False)
    with pytest.raises(SafetyError, match="too dear"):
        await launch(request_, Preflight((problem,), None, None, True), provider, ledger)
    assert not server.seen


async def test_file_that_changed_since_the_check(
    server: FaultServer, request_: LaunchRequest, provider: Provider, ledger: Ledger
) -> None:
    with pytest.raises(SafetyError, match="changed"):
        await launch(request_, Preflight((), None, None, False, "0" * 64), provider, ledger)
    assert not server.jobs


async def test_two_at_once_make_one_job(server: FaultServer, go) -> None:
    outcomes = await asyncio.gather(go(), go(), return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, SafetyError)]
    assert len(refused) == 1
    assert refused[0].code == "launch_in_progress"
    assert len(server.jobs) == 1


async def test_cancelled_in_the_middle_of_the_create(server: FaultServer, go, ledger) -> None:
    loop = asyncio.get_running_loop()
    task: asyncio.Task[LaunchResult]
    server.fault("POST", CREATE, "lose", hook=lambda: loop.call_soon_threadsafe(task.cancel))
    task = asyncio.ensure_future(go())
    with pytest.raises((asyncio.CancelledError, SafetyError)):
        await task
    result = await go()
    assert result.adopted
    assert len(server.jobs) == 1


def fill_disk(monkeypatch: pytest.MonkeyPatch, when: LaunchState) -> None:
    """Let the disk be full when the ledger shall write a state."""
    advance = Ledger.advance

    def full(self: Ledger, launch_id: str, state: LaunchState, **fields: Any) -> bool:
        if state is when:
            raise FileError("the disk is full", "free some space")
        return advance(self, launch_id, state, **fields)

    monkeypatch.setattr(Ledger, "advance", full)


async def test_a_full_disk_does_not_hide_a_refusal(
    server: FaultServer, go, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, LaunchState.REFUSED)
    server.fault("POST", CREATE, "status", status=403)
    with pytest.raises(ProviderError, match="403"):
        await go()


async def test_a_full_disk_does_not_hide_that_the_outcome_is_unknown(
    server: FaultServer, go, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, LaunchState.UNKNOWN)
    server.fault("POST", CREATE, "drop")
    with pytest.raises(SafetyError, match="not known whether"):
        await go()


async def test_a_server_that_cannot_create_jobs_is_not_asked_again(server, go, ledger) -> None:
    server.fault("POST", CREATE, "status", status=501)
    with pytest.raises(ProviderError, match="501"):
        await go()
    assert server.count("POST", CREATE) == 1
    assert ledger.launches()[0].state is LaunchState.REFUSED


async def test_a_file_that_changes_while_it_is_uploaded_is_not_kept(
    server: FaultServer, go, request_: LaunchRequest, provider: Provider, ledger: Ledger
) -> None:
    send = provider.upload

    async def change(path: Path, *args: Any, **more: Any) -> str:
        file_id = await send(path, *args, **more)
        path.write_text(path.read_text() * 2)
        return file_id

    provider.upload = change  # type: ignore[method-assign]
    before = hashlib.sha256(request_.file.read_bytes()).hexdigest()
    with pytest.raises(SafetyError, match="changed"):
        await go()
    assert ledger.upload_of(provider.endpoint, before) is None
    assert not server.jobs


async def test_list_from_old_to_new(server: FaultServer, go) -> None:
    server.ignore_filter = server.oldest_job_first = True
    for number in range(250):
        server.add_job(f"ftjob-other{number}")
    server.fault("POST", CREATE, "lose")
    result = await go()
    assert result.adopted
    assert result.job.id == server.jobs[-1]["id"]


async def test_two_jobs_of_one_create_without_metadata(server: FaultServer, go) -> None:
    server.forget_metadata = True

    def double() -> None:
        server.jobs.append({**server.jobs[0], "id": "ftjob-twin"})

    server.fault("POST", CREATE, "lose", hook=double)
    result = await go()
    assert result.adopted
    assert {result.job.id, *result.duplicates} == {"ftjob-0001", "ftjob-twin"}


async def test_a_launch_that_becomes_unknown_just_now_is_looked_for_too(
    server: FaultServer, go, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at earlier launches and the beginning of this one, another gave up."""
    plan = Ledger.plan

    def late(self: Ledger, mine: LaunchRow, since: float | None) -> LaunchRow | None:
        monkeypatch.setattr(Ledger, "plan", plan)
        plan(self, dataclasses.replace(mine, id="other"))
        self.advance("other", LaunchState.CREATING)
        self.advance("other", LaunchState.UNKNOWN)
        server.add_job("ftjob-other", metadata={LAUNCH_KEY: "other"}, created_at=int(time.time()))
        return plan(self, mine, since)

    monkeypatch.setattr(Ledger, "plan", late)
    result = await go()
    assert (result.job.id, result.adopted) == ("ftjob-other", True)
    assert server.count("POST", CREATE) == 0


async def test_a_launch_that_was_closed_by_another_command_creates_nothing(
    server: FaultServer, go, ledger: Ledger, provider: Provider
) -> None:
    send = provider.upload

    async def close(path: Path, *args: Any, **more: Any) -> str:
        (row,) = ledger.launches()
        ledger.advance(row.id, LaunchState.REFUSED, reason="taken for dead")
        return await send(path, *args, **more)

    provider.upload = close  # type: ignore[method-assign]
    with pytest.raises(SafetyError) as caught:
        await go()
    assert caught.value.code == "launch_closed"
    assert server.count("POST", CREATE) == 0


@pytest.mark.parametrize(("hours", "blocked"), [(1, True), (7, False)])
async def test_a_launch_on_another_machine_blocks_while_it_may_live(
    server: FaultServer, go, ledger: Ledger, monkeypatch, hours: int, blocked: bool
) -> None:
    plan = Ledger.plan

    def crowded(self: Ledger, mine: LaunchRow, since: float | None) -> LaunchRow | None:
        monkeypatch.setattr(Ledger, "plan", plan)
        then = time.time() - hours * 3600
        owner = Owner("another-machine", 1, 1)
        plan(self, dataclasses.replace(mine, id="other", owner=owner, updated_at=then))
        return plan(self, mine, since)

    monkeypatch.setattr(Ledger, "plan", crowded)
    if blocked:
        with pytest.raises(SafetyError, match="another-machine"):
            await go()
    else:
        assert not (await go()).adopted
    assert len(server.jobs) == (0 if blocked else 1)


async def test_full_disk_after_the_create_names_the_job(
    server: FaultServer, go, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Ledger.advance
    fill_disk(monkeypatch, LaunchState.CREATED)
    with pytest.raises(FileError, match="ftjob-0001 was created"):
        await go()
    monkeypatch.setattr(Ledger, "advance", advance)
    assert (await go()).adopted
    assert len(server.jobs) == 1
