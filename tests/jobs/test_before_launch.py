"""Before money moves: what this machine and the provider can say, past jobs, launches left open."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.aids import FREE, row
from tests.jobs.faultserver import KEY, FaultServer
from tui.config import LOCAL, Paths, ProviderConfig
from tui.errors import ProviderError, SafetyError, UsageError
from tui.jobs import (
    LaunchRequest,
    LaunchState,
    Ledger,
    Preflight,
    Provider,
    ask_provider,
    clear_launch,
    find_launch,
    launch,
    leftovers,
    preflight,
    reconcile,
    relaunch,
    request_of,
    standing,
    what_is_left,
)
from tui.jobs.parts import PartialUpload
from tui.jobs.rows import Owner
from tui.service import Endpoint

pytestmark = pytest.mark.usefixtures("hurried")
TODAY = datetime.date(2026, 11, 22)


@pytest.fixture
def request_(file: Path) -> LaunchRequest:
    return LaunchRequest(file, "gpt-4.1-mini", hyperparameters={"n_epochs": 3}, suffix="s")


def codes(found: Preflight) -> list[str]:
    return [problem.code for problem in found.problems]


# --- this machine -------------------------------------------------------------------------------


def here(request: LaunchRequest, **config: Any) -> Preflight:
    more = {"api_key": "k", "base_url": "http://127.0.0.1:9/v1", **config}
    return preflight(request, ProviderConfig("lab", "compatible", **more), today=TODAY)


def test_a_method_the_model_is_not_tuned_by(request_: LaunchRequest) -> None:
    found = here(dataclasses.replace(request_, model="gpt-3.5-turbo", method="dpo"))
    assert "method_not_for_model" in codes(found)
    assert found.blocked


def test_everything_is_said_at_once(request_: LaunchRequest, tmp_path: Path) -> None:
    wrong = dataclasses.replace(
        request_,
        suffix="x" * 65,
        seed=-1,
        max_cost=0.0,
        validation=tmp_path / "gone.jsonl",
        hyperparameters={"n_epochs": 99},
        method="dpo",
    )
    found = here(wrong)
    said = set(codes(found))
    assert {"bad_suffix", "bad_seed", "validation_unreadable", "bad_n_epochs"} <= said
    assert "format_method_mismatch" in said
    assert found.refusal().details["problems"]


@pytest.mark.parametrize(
    ("lacking", "kind", "severity"),
    [(10, "compatible", "error"), (1, "compatible", "warning"), (1, "local", "error")],
)
def test_a_field_that_the_grader_reads_and_records_lack(
    request_: LaunchRequest, lacking: int, kind: str, severity: str
) -> None:
    lines = [
        {"messages": [{"role": "user", "content": f"{n}?"}], **({"a": "b"} if n >= lacking else {})}
        for n in range(10)
    ]
    request_.file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    grader = {"type": "string_check", "name": "g", "operation": "eq", "reference": "{{item.a}}"}
    asked = dataclasses.replace(
        request_, method="reinforcement", grader={**grader, "input": "{{sample.output_text}}"}
    )
    config = ProviderConfig("lab", kind, "http://127.0.0.1:9/v1", api_key="k")
    (found,) = [
        problem
        for problem in preflight(asked, config, today=TODAY).problems
        if problem.code == "grader_field_missing"
    ]
    assert found.severity == severity
    assert f"item.a, which {lacking} of 10 records of train.jsonl lack" in found.message


def test_the_openai_key_and_a_foreign_host(
    request_: LaunchRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    more = {"base_url": "https://gateway.invalid/v1", "api_key": "sk-mine"}
    found = here(request_, **more)
    assert "key_consent" in codes(found)
    assert not found.errors[0].forceable
    trusted = here(request_, trusted_hosts=frozenset({"gateway.invalid"}), **more)
    assert "key_consent" not in codes(trusted)


def test_a_file_too_large_for_the_provider(
    request_: LaunchRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = ProviderConfig("lab", "openai", None).known
    small = dataclasses.replace(kind, upload_max_bytes=100, parts_max_bytes=200)
    monkeypatch.setattr(ProviderConfig, "known", property(lambda self: small))
    assert "file_too_large" in codes(here(request_))


def test_a_file_that_only_the_provider_has(request_: LaunchRequest) -> None:
    found = here(dataclasses.replace(request_, file=Path("old.jsonl"), file_id="file-1"))
    assert codes(found) == ["not_checked"]
    assert not found.blocked
    limited = dataclasses.replace(request_, file=Path("o"), file_id="file-1", max_cost=1.0)
    assert "price_unknown" in codes(here(limited))


# --- the provider -------------------------------------------------------------------------------


def model(shutdown: str | None = None) -> dict[str, Any]:
    return {"id": "gpt-4.1-mini", "object": "model", "shutdown_date": shutdown}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([], []),
        ([model()], []),
        ([{"id": "gpt-4.1-mini-2025-04-14"}], []),
        ([{"id": "another"}], ["model_not_listed"]),
        ([model("2027-01-14")], ["shutdown"]),
        ([model("2026-11-22")], ["shut_down"]),
        ([model("soon")], []),
    ],
)
async def test_what_the_models_say(
    server: FaultServer,
    provider: Provider,
    request_: LaunchRequest,
    listed: list[dict[str, Any]],
    expected: list[str],
) -> None:
    server.models = listed
    found = await ask_provider(request_, FREE, provider, today=TODAY)
    assert codes(found) == expected
    assert found.blocked == ("shut_down" in expected)
    assert not server.count("POST", ".*")


@pytest.mark.parametrize(
    ("listed", "expected"), [("micro", ["not_trainable"]), ("gpt-4.1-mini", [])]
)
async def test_the_embedded_service_knows_what_it_trains(
    server: FaultServer,
    paths: Paths,
    request_: LaunchRequest,
    monkeypatch: pytest.MonkeyPatch,
    listed: str,
    expected: list[str],
) -> None:
    running = Endpoint(server.url, "key", 0)
    monkeypatch.setattr("tui.service.ensure_running", lambda _paths: running)
    server.models = [{"id": listed}]
    config = ProviderConfig(LOCAL, LOCAL, None, profile=LOCAL)
    doubtful = preflight(request_, config, today=TODAY)
    assert "not_trainable" in codes(doubtful)
    assert not doubtful.blocked
    provider = Provider(config, paths)
    found = await ask_provider(request_, doubtful, provider, today=TODAY)
    await provider.aclose()
    assert [code for code in codes(found) if "train" in code] == expected
    assert found.blocked == bool(expected)


@pytest.mark.parametrize(
    ("status", "body", "code", "blocked"),
    [
        (401, b'{"error": {"code": "invalid_api_key", "message": "no"}}', "invalid_api_key", True),
        (
            403,
            b'{"error": {"code": "training_not_available", "message": "winding down"}}',
            "training_not_available",
            True,
        ),
        (404, b"", None, False),
        (503, b"", "provider_unheard", False),
    ],
)
async def test_what_its_refusal_means(
    server: FaultServer,
    provider: Provider,
    request_: LaunchRequest,
    status: int,
    body: bytes,
    code: str | None,
    blocked: bool,
) -> None:
    server.fault("GET", "/v1/models", "status", times=10, status=status, body=body)
    found = await ask_provider(request_, FREE, provider)
    assert codes(found) == ([code] if code else [])
    assert found.blocked is blocked


@pytest.mark.parametrize(
    ("action", "more", "code"),
    [("html", {}, "web_page"), ("status", {"status": 308}, "redirect")],
)
async def test_something_else_at_the_address_stops_a_launch(
    server: FaultServer,
    provider: Provider,
    request_: LaunchRequest,
    action: str,
    more: dict[str, Any],
    code: str,
) -> None:
    server.fault("GET", "/v1/.*", action, times=10, **more)
    forced = dataclasses.replace(request_, force=True)
    found = await ask_provider(forced, FREE, provider)
    assert codes(found) == [code]
    assert found.blocked
    assert not server.count("POST", ".*")


async def test_a_page_where_a_list_of_models_would_be_stops_none(
    server: FaultServer, provider: Provider, request_: LaunchRequest
) -> None:
    server.fault("GET", "/v1/models", "html", times=10)
    found = await ask_provider(request_, FREE, provider)
    assert codes(found) == ["provider_unheard"]
    assert not found.blocked


async def test_whose_refusal_it_is(
    server: FaultServer, provider: Provider, request_: LaunchRequest
) -> None:
    server.fault("GET", "/v1/models", "status", times=10, status=401, body=b"{}")
    found = await ask_provider(request_, FREE, provider)
    assert isinstance(found.refusal(), ProviderError)
    assert found.refusal().exit_code == 3
    dear = dataclasses.replace(request_, max_cost=0.0, seed=-1)
    both = await ask_provider(dear, here(dear), provider)
    assert isinstance(both.refusal(), SafetyError)
    assert both.refusal().exit_code == 4


async def test_a_grader_the_provider_does_not_take(
    server: FaultServer, provider: Provider, request_: LaunchRequest
) -> None:
    asked = dataclasses.replace(request_, method="reinforcement", grader={"type": "python"})
    path = "/v1/fine_tuning/alpha/graders/validate"
    assert codes(await ask_provider(asked, FREE, provider)) == [], "it checks none"
    body = b'{"error": {"message": "no name"}}'
    server.fault("POST", path, "status", status=400, body=body)
    found = await ask_provider(asked, FREE, provider)
    assert codes(found) == ["bad_grader"]
    assert "no name" in found.problems[0].message


async def test_read_only(
    paths: Paths, server: FaultServer, request_: LaunchRequest, ledger: Ledger
) -> None:
    config = ProviderConfig("lab", "compatible", server.url, api_key=KEY, read_only=True)
    provider = Provider(config, paths)
    found = await ask_provider(request_, FREE, provider)
    assert codes(found) == ["read_only"]
    with pytest.raises(SafetyError) as caught:
        await launch(request_, FREE, provider, ledger)
    assert caught.value.code == "read_only"
    assert not ledger.launches()
    assert not server.seen


# --- a past job ---------------------------------------------------------------------------------


async def test_a_job_of_this_machine_is_asked_for_as_it_was(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    asked = dataclasses.replace(request_, max_cost=5.0, force=True, metadata={"team": "a"})
    priced = preflight(asked, ProviderConfig("o", "openai", None, api_key="k"), today=TODAY)
    made = await launch(asked, priced, provider, ledger)
    again = await relaunch(made.job.id, provider, ledger)
    assert again.request == dataclasses.replace(asked, max_cost=None, force=False)
    assert again.notes == ()
    await launch(again.request, FREE, provider, ledger)
    first, second = server.jobs
    assert first["method"] == second["method"]
    assert len(server.files) == 1


async def test_a_file_that_moved_is_found_by_its_hash(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    made = await launch(request_, FREE, provider, ledger)
    moved = request_.file.with_name("moved.jsonl")
    request_.file.rename(moved)
    await launch(dataclasses.replace(request_, file=moved), FREE, provider, ledger)
    again = await relaunch(made.job.id, provider, ledger)
    assert again.request.file == moved
    assert again.request.file_id is None


@pytest.mark.parametrize("how", ["gone", "changed"])
async def test_the_providers_copy_stands_in_for_a_lost_file(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest, how: str
) -> None:
    made = await launch(request_, FREE, provider, ledger)
    if how == "gone":
        request_.file.unlink()
    else:
        request_.file.write_text("{}\n")
    again = await relaunch(made.job.id, provider, ledger)
    assert again.request.file_id == "file-1"
    assert "provider's copy" in again.notes[0]
    result = await launch(again.request, FREE, provider, ledger)
    assert result.upload.reused
    assert server.jobs[1]["training_file"] == "file-1"
    server.files.clear()
    with pytest.raises(SafetyError, match="has no file file-1 any more"):
        await launch(again.request, FREE, provider, ledger)
    assert len(server.jobs) == 2


async def test_a_job_of_elsewhere(server: FaultServer, provider: Provider, ledger: Ledger) -> None:
    hyperparameters = {"n_epochs": 4, "batch_size": "auto"}
    server.add_job(
        "ftjob-far",
        model="gpt-4.1-mini-2025-04-14",
        training_file="file-far",
        validation_file="file-check",
        user_provided_suffix="far",
        seed=3,
        method={"type": "dpo", "dpo": {"hyperparameters": {**hyperparameters, "beta": 0.1}}},
        metadata={"team": "b", "tunedeck_launch": "x"},
        integrations=[{"type": "wandb", "wandb": {"project": "p"}}],
    )
    request = (await relaunch("ftjob-far", provider, ledger)).request
    assert request.method == "dpo"
    assert request.hyperparameters == {"n_epochs": 4, "beta": 0.1}
    assert (request.file_id, request.validation_id) == ("file-far", "file-check")
    assert request.metadata == {"team": "b"}
    assert (request.suffix, request.seed) == ("far", 3)
    assert request.integrations == ({"type": "wandb", "wandb": {"project": "p"}},)
    with pytest.raises(ProviderError):
        await relaunch("ftjob-none", provider, ledger)


# --- left open ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LaunchState.PLANNED, "stopped while uploading"),
        (LaunchState.UPLOADED, "stopped after its upload"),
        (LaunchState.CREATING, "made none"),
        (LaunchState.UNKNOWN, "made none"),
    ],
)
async def test_where_it_stands_is_said_until_it_is_finished_or_cleared(
    server: FaultServer,
    provider: Provider,
    ledger: Ledger,
    request_: LaunchRequest,
    state: LaunchState,
    words: str,
) -> None:
    left = row(provider, request_, LaunchState.PLANNED)
    ledger.plan(left)
    if state is not LaunchState.PLANNED:
        ledger.advance(left.id, state)
        old = "UPDATE launches SET updated_at=updated_at-100, creating_at=creating_at-100"
        with ledger._write() as db:
            db.execute(old)
    (done,) = await reconcile(ledger, provider)
    assert done.state is LaunchState.INTERRUPTED
    assert await reconcile(ledger, provider) == ()
    (one,) = leftovers(ledger, provider.endpoint)
    assert words in one.words
    assert "train.jsonl for gpt-4.1-mini" in one.words
    assert one.launch.id[:8] in one.next_step
    assert one.can_finish
    found = find_launch(ledger, "aaaa")
    assert request_of(found) == request_
    said = await clear_launch(provider, ledger, found)
    assert said.startswith("Cleared; no job was made")
    assert leftovers(ledger) == ()
    with pytest.raises(UsageError, match="no launch was left open"):
        find_launch(ledger)


async def test_one_under_way_is_not_cleared(
    provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    mine = dataclasses.replace(Owner.me(), pid=1, started=0)
    ledger.plan(row(provider, request_, LaunchState.PLANNED, owner=mine))
    (one,) = leftovers(ledger, provider.endpoint)
    assert "under way in process 1" in one.words
    assert not one.can_finish
    with pytest.raises(SafetyError, match="under way"):
        await clear_launch(provider, ledger, one.launch)


async def test_one_that_made_a_job_is_taken_over_and_not_cleared(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    left = row(provider, request_, LaunchState.PLANNED)
    ledger.plan(left)
    ledger.advance(left.id, LaunchState.CREATING)
    server.add_job(
        "ftjob-there", metadata={"tunedeck_launch": left.id}, created_at=int(time.time())
    )
    with pytest.raises(SafetyError, match="had made job ftjob-there"):
        await clear_launch(provider, ledger, find_launch(ledger))
    assert leftovers(ledger) == ()


async def test_a_launch_takes_the_place_of_an_interrupted_one(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    ledger.plan(row(provider, request_, LaunchState.PLANNED))
    await reconcile(ledger, provider)
    await launch(request_, FREE, provider, ledger)
    assert leftovers(ledger) == ()
    assert len(server.jobs) == 1


async def test_a_launch_of_an_older_ledger_can_only_be_cleared(
    provider: Provider, request_: LaunchRequest
) -> None:
    old = row(provider, request_, LaunchState.INTERRUPTED, recipe={})
    assert standing(old).can_finish
    with pytest.raises(UsageError, match="not known any more"):
        request_of(old)


async def test_what_a_stopped_launch_left_where(
    server: FaultServer, provider: Provider, ledger: Ledger, request_: LaunchRequest
) -> None:
    left = row(provider, request_, LaunchState.PLANNED)
    ledger.plan(left)
    assert "had not ended" in what_is_left(ledger, left)
    partial = PartialUpload("upload-1", 900, 300, ("part-1",), time.time() + 1000)
    ledger.keep_partial_upload(provider.endpoint, left.sha256, partial.state())
    assert "1 of 3 parts" in what_is_left(ledger, left)
    ledger.keep_partial_upload(provider.endpoint, left.sha256, {})
    ledger.keep_upload(provider.endpoint, left.sha256, "file-9", 900)
    assert "stays at the provider as file-9" in what_is_left(ledger, left)
    ledger.advance(left.id, LaunchState.CREATING)
    assert "may have reached" in what_is_left(ledger, left)
    ledger.advance(left.id, LaunchState.CREATED, job_id="ftjob-1")
    assert "ftjob-1 was created" in what_is_left(ledger, left)
