"""The provider's own price: what it decides, and what becomes of a question that makes a job."""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.aids import FREE, Heard, opened
from tests.jobs.wireserver import CrusoeServer, MistralServer
from tui.config import Paths, ProviderConfig
from tui.errors import ProviderError, SafetyError
from tui.jobs import (
    CallError,
    LaunchRequest,
    LaunchState,
    Ledger,
    Watcher,
    launch,
    leftovers,
    preflight,
)
from tui.run.named import ModelName, resolve_model

pytestmark = pytest.mark.usefixtures("hurried")
TODAY = datetime.date(2026, 11, 22)


@pytest.fixture
def request_(file: Path) -> LaunchRequest:
    return LaunchRequest(file, "base", hyperparameters={"n_epochs": 2}, max_cost=2.0)


@pytest.mark.parametrize("kind", ["crusoe", "mistral"])
def test_an_unknown_price_is_left_to_a_provider_that_tells_it(
    request_: LaunchRequest, kind: str
) -> None:
    found = preflight(request_, ProviderConfig("lab", kind, None, api_key="k"), today=TODAY)
    assert "price_asked_later" in {problem.code for problem in found.problems}
    assert "price_unknown" not in {problem.code for problem in found.problems}
    other = preflight(request_, ProviderConfig("lab", "nebius", None, api_key="k"), today=TODAY)
    assert "price_unknown" in {problem.code for problem in other.errors}


async def test_a_price_in_another_currency_keeps_no_limit(
    running: ExitStack, paths: Paths, ledger: Ledger, request_: LaunchRequest
) -> None:
    server = running.enter_context(MistralServer())
    server.on("POST", "/files", {"id": "file-9", "bytes": 1})
    said = Heard()
    async with opened(server, paths, "mistral") as provider:
        with pytest.raises(SafetyError, match=r"4\.50 EUR.*US dollars") as caught:
            await launch(request_, FREE, provider, ledger, said)
        assert caught.value.code == "price_unknown"
        assert not server.jobs
        unlimited = dataclasses.replace(request_, max_cost=None)
        await launch(unlimited, FREE, provider, ledger, said)
    assert len(server.jobs) == 1
    assert any("4.50 EUR" in words for words in said)


async def test_a_job_made_of_a_dry_run_is_the_launches_own(
    running: ExitStack, paths: Paths, ledger: Ledger, request_: LaunchRequest
) -> None:
    server = running.enter_context(MistralServer())
    server.on("POST", "/files", {"id": "file-9", "bytes": 1})
    create = server.create

    def forgetful(seen: Any, match: re.Match[str]) -> Any:
        seen.query.clear()
        return create(seen)

    server.on("POST", "/fine_tuning/jobs", forgetful)
    async with opened(server, paths, "mistral") as provider:
        with pytest.raises(CallError, match="made a job of a dry run") as caught:
            await launch(request_, FREE, provider, ledger)
        job_id = server.jobs[0]["id"]
        assert job_id in caught.value.hint
        row = ledger.launches(provider.endpoint, 1)[0]
        assert (row.state, row.job_id) == (LaunchState.CREATED, job_id)
        assert "dry run" in row.reason
        assert not leftovers(ledger, provider.endpoint)
    assert len(server.jobs) == 1


# --- a model that is named after the end --------------------------------------------------------


def ended(server: CrusoeServer, seconds_ago: float) -> dict[str, Any]:
    job: dict[str, Any] = server.create({"model": "base", "training_file": "file-1"})
    made = server.jobs[0] if server.jobs else job
    made.update(status="succeeded", finished_at=int(time.time() - seconds_ago))
    made["fine_tuned_model"] = None
    return made


async def test_a_run_is_followed_until_its_model_has_a_name(
    running: ExitStack, paths: Paths, ledger: Ledger
) -> None:
    server = running.enter_context(CrusoeServer())
    job = ended(server, 1)
    async with opened(server, paths, "crusoe") as provider:
        with pytest.raises(ProviderError, match="not named its model yet"):
            await resolve_model(ModelName(job=job["id"]), provider)
        models = []
        async for update in Watcher(job["id"], provider, ledger).updates():
            models.append(update.job.fine_tuned_model if update.job else None)
            job["fine_tuned_model"] = "ft-base-1"
        assert (models[0], models[-1]) == (None, "ft-base-1")
        assert update.ended
        found = await resolve_model(ModelName(job=job["id"]), provider)
        assert found.model == "ft-base-1"


async def test_a_name_that_never_comes_is_not_waited_for(
    running: ExitStack, paths: Paths, ledger: Ledger
) -> None:
    server = running.enter_context(CrusoeServer())
    job = ended(server, 300)
    async with opened(server, paths, "crusoe") as provider:
        updates = [u async for u in Watcher(job["id"], provider, ledger).updates()]
    assert updates[-1].ended
