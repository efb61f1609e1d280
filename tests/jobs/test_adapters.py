"""Each provider is spoken to in its own shapes and heard in OpenAI's."""

from __future__ import annotations

import dataclasses
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.aids import FREE, Heard, opened
from tests.jobs.wireserver import (
    Answer,
    AzureServer,
    CrusoeServer,
    MistralServer,
    NebiusServer,
    WireServer,
)
from tui.config import Paths, ProviderConfig
from tui.errors import SafetyError
from tui.jobs import CallError, LaunchRequest, Ledger, Provider, Watcher, launch

pytestmark = pytest.mark.usefixtures("hurried")
BODY = {
    "model": "base",
    "training_file": "file-1",
    "validation_file": "file-2",
    "suffix": "mine",
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
    "metadata": {"tunedeck_launch": "abc"},
}


async def collect(provider: Provider, ledger: Ledger, job_id: str) -> list[Any]:
    return [update async for update in Watcher(job_id, provider, ledger).updates()]


# --- azure --------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["key", "token"])
async def test_azure_classic(running: ExitStack, paths: Paths, tmp_path: Path, auth: str) -> None:
    server = running.enter_context(AzureServer(classic=True))
    more = {"style": "classic", "api_version": "2024-10-21", "auth": auth}
    more |= {"base_url": server.host, "training_type": "GlobalStandard"}
    async with opened(server, paths, "azure", **more) as provider:
        job = await provider.create(BODY)
        assert (job.id, job.status) == ("ftjob-90ee01aa55", "queued")
        assert [one.id for one in (await provider.list_jobs()).jobs] == [job.id]
        assert (await provider.cancel(job.id)).id == job.id
        (tmp_path / "a.jsonl").write_text("{}\n")
        assert await provider.upload(tmp_path / "a.jsonl") == "file-1"
    sent = server.calls("POST", "/openai/fine_tuning/jobs")[0].body
    assert sent["hyperparameters"] == {"n_epochs": 3}
    assert sent["trainingType"] == "GlobalStandard"
    assert "method" not in sent
    for seen in server.seen:
        assert seen.query["api-version"] == "2024-10-21"
        assert ("api-key" in seen.headers) == (auth == "key")
        assert ("authorization" in seen.headers) == (auth == "token")


async def test_azure_v1(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(AzureServer(classic=False))
    async with opened(server, paths, "azure", training_type="developerTier") as provider:
        await provider.create(BODY)
        found = await provider.models()
    sent = server.calls("POST", "/openai/v1/fine_tuning/jobs")[0].body
    assert sent == {**BODY, "trainingType": "developerTier"}
    assert not any("api-version" in seen.query for seen in server.seen)
    assert [(m.trainable, m.tuned, m.shutdown_date) for m in found] == [
        (True, False, "2027-10-13"),
        (False, True, "2027-10-13"),
    ]


@pytest.mark.parametrize("classic", [True, False])
async def test_azure_answers_by_deployment(running: ExitStack, paths: Paths, classic: bool) -> None:
    server = running.enter_context(AzureServer(classic))
    more = {"style": "classic", "api_version": "2024-10-21"} if classic else {}
    async with opened(server, paths, "azure", **more) as provider:
        said = [piece async for piece in provider.chat("my-deployment", [{"role": "user"}])]
        assert said == ["hi"]
        with pytest.raises(CallError) as caught:
            [piece async for piece in provider.chat("ft:model", [{"role": "user"}])]
        assert provider.can("chat").yes
    assert "deployed" in caught.value.hint
    path = (
        "/openai/deployments/my-deployment/chat/completions"
        if classic
        else ("/openai/v1/chat/completions")
    )
    assert server.calls("POST", path)


def test_azure_is_one_place_by_either_way(paths: Paths) -> None:
    root = "https://res.openai.azure.com"
    places = {
        Provider(
            ProviderConfig("az", "compatible", url, adapter="azure", style=style), paths
        ).endpoint
        for url, style in [
            (root, "classic"),
            (f"{root}/openai", "classic"),
            (f"{root}/openai/v1", "v1"),
        ]
    }
    assert places == {f"az {root}"}


async def test_azure_keeps_dpo_in_the_method(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(AzureServer(classic=False))
    dpo = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    async with opened(server, paths, "azure", style="v1") as provider:
        await provider.create({**BODY, "method": dpo})
    assert server.seen[0].body["method"] == dpo


# --- nebius -------------------------------------------------------------------------------------


async def test_nebius_has_its_settings_at_the_top(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(NebiusServer())
    async with opened(server, paths, "nebius") as provider:
        job = await provider.create(BODY)
        assert job.hyperparameters == {"n_epochs": 3}
        # What is in its place already stays there.
        flat = {key: value for key, value in BODY.items() if key != "method"}
        await provider.create({**flat, "hyperparameters": {"lora": True}})
        with pytest.raises(CallError) as caught:
            await provider.create({**BODY, "method": {"type": "dpo", "dpo": {}}})
        assert not caught.value.unclear
        assert provider.can("resume").yes is False
        with pytest.raises(CallError, match="cannot resume"):
            await provider.resume(job.id)
    assert len(server.calls("POST", "/v1/fine_tuning/jobs")) == 2
    assert server.seen[1].body["hyperparameters"] == {"lora": True}
    assert not server.calls("POST", ".*/resume")


# --- crusoe -------------------------------------------------------------------------------------


async def test_crusoe_metrics_are_watched_as_events(
    running: ExitStack, paths: Paths, ledger: Ledger
) -> None:
    server = running.enter_context(CrusoeServer())
    async with opened(server, paths, "crusoe") as provider:
        job = await provider.create(BODY)
        server.events = [
            {
                "id": f"ftevent-x-{n}",
                "created_at": 1_700_000_000,
                "message": f"m{n}",
                "level": "info",
            }
            for n in range(3)
        ]
        server.steps = [(2.5, None), (2.0, 2.25), (1.5, None)]
        server.jobs[0]["status"] = "succeeded"
        updates = await collect(provider, ledger, job.id)
        points = await provider.metrics(job.id)
    shown = [point for update in updates for point in update.points]
    values = {(p.step, name): v for p in shown for name, v in p.values.items()}
    assert values == {
        (1, "train_loss"): 2.5,
        (2, "train_loss"): 2.0,
        (3, "train_loss"): 1.5,
        (2, "valid_loss"): 2.25,
    }
    assert {p.total_steps for p in shown} == {40}
    assert len({p.id for p in points}) == 4
    assert {p.id for p in shown} <= {p.id for p in points}
    messages = [event.message for update in updates for event in update.events]
    assert [text for text in messages if text.startswith("m")] == ["m0", "m1", "m2"]


async def test_crusoe_before_there_are_metrics(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(CrusoeServer())
    none = Answer({"error": {"message": "no metrics yet for this job"}}, 404)
    server.on("GET", "/fine_tuning/jobs/[^/]+/metrics", none)
    server.events = [{"id": "ftevent-1", "message": "queued"}]
    async with opened(server, paths, "crusoe") as provider:
        await provider.create(BODY)
        assert [event.id for event in (await provider.events("ftjob-1")).events] == ["ftevent-1"]


async def test_crusoe_price_and_checkpoints(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(CrusoeServer())
    server.checkpoints = [
        {
            "id": "c1",
            "step_number": 5,
            "fine_tuned_model_checkpoint": "n",
            "fine_tuned_model_id": "d",
        },
        {"id": "c2", "step_number": 9, "fine_tuned_model_checkpoint": "m"},
    ]
    async with opened(server, paths, "crusoe", read_only=True) as provider:
        estimate = await provider.estimate(BODY)
        assert (estimate.price, estimate.currency, estimate.tokens) == (1.25, "USD", 120_000)
        found = await provider.checkpoints("ftjob-1")
        assert [one.model for one in found] == ["d", "m"]
        assert provider.can("estimate").yes


# --- mistral ------------------------------------------------------------------------------------


async def test_mistral_from_create_to_the_end(
    running: ExitStack, paths: Paths, ledger: Ledger
) -> None:
    server = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        job = await provider.create(BODY)
        assert (job.status, job.training_file, job.validation_file) == (
            "queued",
            "file-1",
            "file-2",
        )
        assert job.hyperparameters["n_epochs"] == 3
        assert job.metadata == {}
        raw = server.jobs[0]
        raw["events"].append(
            {"name": "status-updated", "created_at": 1_700_000_009, "data": {"status": "SUCCESS"}}
        )
        raw["checkpoints"] = [
            {
                "created_at": 1_700_000_000 + step,
                "step_number": step,
                "metrics": {"train_loss": 3 - step / 10, "valid_loss": None},
            }
            for step in (10, 5)
        ]
        raw.update(status="SUCCESS", fine_tuned_model="ft:base:mine:1", trained_tokens=77)
        updates = await collect(provider, ledger, job.id)
        checkpoints = await provider.checkpoints(job.id)
    end = updates[-1].job or next(u.job for u in reversed(updates) if u.job)
    assert (end.status, end.fine_tuned_model, end.trained_tokens) == (
        "succeeded",
        "ft:base:mine:1",
        77,
    )
    assert end.finished_at is not None
    points = [point for update in updates for point in update.points]
    assert [(p.step, p.total_steps, dict(p.values)) for p in points] == [
        (5, 10, {"train_loss": 2.5}),
        (10, 10, {"train_loss": 2.0}),
    ]
    assert [one.step for one in checkpoints] == [10, 5]
    messages = [event.message for update in updates for event in update.events]
    assert messages.count("status-updated: SUCCESS") == 1
    sent = server.calls("POST", "/v1/fine_tuning/jobs")[0].body
    assert sent["training_files"] == [{"file_id": "file-1", "weight": 1}]
    assert sent["hyperparameters"] == {"epochs": 3}
    assert sent["auto_start"] is True


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("QUEUED", "queued"),
        ("STARTED", "running"),
        ("VALIDATING", "validating_files"),
        ("VALIDATED", "queued"),
        ("RUNNING", "running"),
        ("FAILED_VALIDATION", "failed"),
        ("FAILED", "failed"),
        ("SUCCESS", "succeeded"),
        ("CANCELLED", "cancelled"),
        ("CANCELLATION_REQUESTED", "cancelling"),
    ],
)
async def test_mistral_statuses(running: ExitStack, paths: Paths, theirs: str, ours: str) -> None:
    server = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        job = await provider.create(BODY)
        server.jobs[0]["status"] = theirs
        server.jobs[0]["events"].append({"name": "job", "data": {"error": "bad row 3"}})
        found = await provider.retrieve(job.id)
    assert found.status == ours
    assert found.error_message == ("bad row 3" if ours == "failed" else None)


async def test_mistral_pages_by_number_and_ends(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        for _ in range(5):
            await provider.create(BODY)
        found, after = [], None
        while True:
            listed = await provider.list_jobs(2, after)
            found += [job.id for job in listed.jobs]
            if not listed.has_more:
                break
            after = listed.last_id
        files = await provider.list_files()
        models = await provider.models()
    assert found == [job["id"] for job in reversed(server.jobs)]
    assert [(f.id, f.bytes) for f in files.files] == [("f1", 5)]
    assert (models[0].trainable, models[0].shutdown_date) == (True, "2026-12-01")


async def test_mistral_dry_run_is_the_estimate(running: ExitStack, paths: Paths) -> None:
    server = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        estimate = await provider.estimate(BODY)
        assert (estimate.price, estimate.currency, estimate.tokens) == (4.5, "EUR", 1_310_720)
        assert not server.jobs
        assert server.seen[-1].body["auto_start"] is False
        said = [piece async for piece in provider.chat("m", [], seed=7)]
        assert said == ["seed 7"]
    # Something between that loses the query makes a job: it is not started, and it is told.
    create = server.create

    def forgetful(seen: Any, match: re.Match[str]) -> Any:
        seen.query.clear()
        return create(seen)

    server.on("POST", "/fine_tuning/jobs", forgetful)
    async with opened(server, paths, "mistral") as provider:
        with pytest.raises(CallError, match="made a job of a dry run") as caught:
            await provider.estimate(BODY)
    assert server.jobs[0]["id"] in caught.value.hint


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"seed": 7}, "seed"),
        ({"method": {"type": "dpo", "dpo": {}}}, "dpo"),
        (
            {"method": {"supervised": {"hyperparameters": {"batch_size": 4}}}},
            "batch size",
        ),
        ({"integrations": [{"type": "wandb"}]}, "integrations"),
        ({"metadata": {"team": "a"}}, "metadata"),
    ],
)
async def test_what_mistral_does_not_take_is_refused_here(
    running: ExitStack, paths: Paths, more: dict[str, Any], words: str
) -> None:
    server = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        with pytest.raises(CallError, match=words) as caught:
            provider.check_body({**BODY, **more})
        with pytest.raises(CallError, match=words):
            await provider.create({**BODY, **more})
    assert caught.value.code == "setting_not_supported"
    assert not caught.value.unclear
    assert not server.seen


async def test_a_lost_answer_is_found_again_without_metadata(
    running: ExitStack, paths: Paths, ledger: Ledger, tmp_path: Path
) -> None:
    server = running.enter_context(MistralServer())
    create = server.create

    def lose(seen: Any, match: re.Match[str]) -> Answer:
        create(seen)
        return Answer(b"<html>bad gateway</html>", 502)

    server.on("POST", "/fine_tuning/jobs", lose)
    server.on("POST", "/files", {"id": "file-9", "bytes": 1})
    file = tmp_path / "train.jsonl"
    file.write_text('{"messages": []}\n')
    request = LaunchRequest(file, "base", hyperparameters={"n_epochs": 2})
    async with opened(server, paths, "mistral") as provider:
        result = await launch(request, FREE, provider, ledger)
        assert result.adopted
        assert result.job.id == server.jobs[0]["id"]
        refused = LaunchRequest(file, "base", seed=3)
        with pytest.raises(CallError, match="seed"):
            await launch(refused, FREE, provider, ledger)
    assert len(server.jobs) == 1
    assert len(server.calls("POST", "/v1/files")) == 1


async def test_the_providers_own_price_is_told_and_kept_to(
    running: ExitStack, paths: Paths, ledger: Ledger, tmp_path: Path
) -> None:
    server = running.enter_context(CrusoeServer())
    file = tmp_path / "train.jsonl"
    file.write_text('{"messages": []}\n')
    request = LaunchRequest(file, "base", hyperparameters={"n_epochs": 2}, max_cost=1.0)
    said = Heard()
    async with opened(server, paths, "crusoe") as provider:
        with pytest.raises(SafetyError, match=r"1\.25 USD.*over the limit") as caught:
            await launch(request, FREE, provider, ledger, said)
        assert caught.value.code == "over_max_cost"
        assert not server.jobs
        enough = dataclasses.replace(request, max_cost=2.0)
        await launch(enough, FREE, provider, ledger, said)
        assert "lab estimates 1.25 USD for 120,000 tokens" in said
        # Without a price nobody can keep the limit; without a limit no price stops no launch.
        server.on("POST", "/fine_tuning/jobs/estimate_price", Answer(b"", 500))
        with pytest.raises(SafetyError, match="cannot be kept by lab") as caught:
            await launch(enough, FREE, provider, ledger, said)
        assert caught.value.code == "price_unknown"
        assert len(server.jobs) == 1
        await launch(dataclasses.replace(request, max_cost=None), FREE, provider, ledger, said)
    assert len(server.jobs) == 2
    assert any("does not tell a price" in words for words in said)


async def test_what_mistral_cannot_do_is_said_without_asking(
    running: ExitStack, paths: Paths
) -> None:
    server: WireServer = running.enter_context(MistralServer())
    async with opened(server, paths, "mistral") as provider:
        for call in (provider.pause, provider.resume):
            with pytest.raises(CallError, match="cannot") as caught:
                await call("x")
            assert caught.value.code == "not_supported"
            assert "only cancel" in caught.value.hint
    assert not server.seen
