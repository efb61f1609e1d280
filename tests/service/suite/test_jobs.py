from __future__ import annotations

from itertools import pairwise
from typing import Any

import openai
import pytest

from tests.service.suite.conftest import Target
from tests.service.suite.data import CHAT, CITIES, supervised, upload, wait

NOWHERE = "ftjob-000000000000000000000000"


def test_nothing_is_found_under_an_unknown_id(client: openai.OpenAI) -> None:
    jobs = client.fine_tuning.jobs
    for ask in (jobs.retrieve, jobs.cancel, jobs.list_events, jobs.checkpoints.list):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(NOWHERE)
        assert caught.value.type == "invalid_request_error"


@pytest.mark.own
@pytest.mark.parametrize("ask", ["pause", "resume"])
def test_nor_paused(client: openai.OpenAI, ask: str) -> None:
    with pytest.raises(openai.NotFoundError):
        getattr(client.fine_tuning.jobs, ask)(NOWHERE)


def test_the_models_are_listed(client: openai.OpenAI, target: Target) -> None:
    models = {model.id for model in client.models.list()}
    assert models
    if target.own:
        assert target.model in models
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    "change",
    [
        {"training_file": "file-nothing"},
        {"model": "no-such-model"},
        {"suffix": "x" * 65},
        {"seed": -1},
        {"metadata": {str(n): "x" for n in range(17)}},
        {"metadata": {"k" * 65: "x"}},
        {"metadata": {"k": "x" * 513}},
        {"method": supervised(n_epochs=0)},
        {"method": supervised(n_epochs=51)},
        {"method": supervised(batch_size=257)},
        {"method": supervised(learning_rate_multiplier=0)},
        {"method": {"type": "nonsense"}},
        {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3}}}},
        {"method": {"type": "reinforcement", "reinforcement": {}}},
        {"validation_file": "file-nothing"},
        {"integrations": [{"type": "nonsense", "wandb": {"project": "p"}}]},
    ],
)
def test_a_wrong_request_makes_no_job(
    client: openai.OpenAI, target: Target, change: dict[str, Any]
) -> None:
    file_id = upload(client)
    before = {job.id for job in client.fine_tuning.jobs.list(limit=5).data}
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
        client.fine_tuning.jobs.create(
            **{"model": target.model, "training_file": file_id, **change}
        )
    assert caught.value.type == "invalid_request_error"
    assert {job.id for job in client.fine_tuning.jobs.list(limit=5).data} == before
    client.files.delete(file_id)


@pytest.mark.costs
def test_a_run_from_file_to_model(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client)
    jobs = client.fine_tuning.jobs
    job = jobs.create(
        model=target.model,
        training_file=file_id,
        validation_file=file_id,
        method=supervised(n_epochs=3),
        suffix="suite",
        seed=7,
        metadata={"suite": "yes"},
        integrations=[{"type": "wandb", "wandb": {"project": "p", "tags": ["a"]}}]
        if target.own
        else [],
    )
    assert job.status in ("validating_files", "queued")
    assert job.object == "fine_tuning.job"
    assert not (job.error and job.error.code)
    done = wait(client, job.id, seconds=90 if target.own else 3 * 3600)
    # At once: nothing about the end may come later than the status.
    events = list(jobs.list_events(job.id, limit=7))
    assert done.status == "succeeded", done.error
    assert "successfully completed" in events[0].message
    assert len({event.id for event in events}) == len(events)
    assert all(a.created_at >= b.created_at for a, b in pairwise(events))
    points = [event for event in events if event.type == "metrics"]
    assert {"step", "train_loss"} <= set(points[0].data)
    assert points[0].data["step"] == 3 * len(CITIES)
    assert done.finished_at >= done.created_at
    assert done.trained_tokens > 0
    assert (done.seed, done.metadata) == (7, {"suite": "yes"})
    assert ":suite:" in done.fine_tuned_model
    assert done.hyperparameters.n_epochs == 3
    if target.own:
        assert done.integrations[0].wandb.project == "p"
    checkpoints = list(jobs.checkpoints.list(job.id, limit=1))
    assert [c.step_number for c in checkpoints] == [30, 20, 10]
    assert checkpoints[0].metrics.train_loss is not None
    text = client.files.content(done.result_files[0]).text
    assert text
    for wrong in (jobs.cancel, jobs.pause, jobs.resume):
        with pytest.raises(openai.BadRequestError):
            wrong(job.id)
    assert job.id in [one.id for one in jobs.list(metadata={"suite": "yes"}, limit=1)]
    assert job.id not in [one.id for one in jobs.list(metadata={"suite": "no"})]
    assert client.models.retrieve(done.fine_tuned_model).id == done.fine_tuned_model
    assert client.models.delete(done.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(done.fine_tuned_model)
    client.files.delete(file_id)


@pytest.mark.costs
def test_a_file_with_too_few_examples_fails_its_job(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client, CHAT.split(b"\n")[0] + b"\n")
    job = client.fine_tuning.jobs.create(model=target.model, training_file=file_id)
    failed = wait(client, job.id, seconds=1800)
    assert (failed.status, failed.error.code) == ("failed", "invalid_n_examples")
    assert failed.error.param == "training_file"
    client.files.delete(file_id)


@pytest.mark.costs
def test_a_cancelled_job_says_so(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client)
    jobs = client.fine_tuning.jobs
    job = jobs.create(model=target.model, training_file=file_id, method=supervised(n_epochs=50))
    cancelled = jobs.cancel(job.id)
    assert cancelled.id == job.id
    assert wait(client, job.id, "cancelled").status == "cancelled"
    client.files.delete(file_id)


@pytest.mark.own
def test_pause_and_resume(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client, CHAT * 20)
    jobs = client.fine_tuning.jobs
    job = jobs.create(model=target.model, training_file=file_id, method=supervised(n_epochs=2))
    assert wait(client, job.id, "running").status == "running"
    while not any(event.type == "metrics" for event in jobs.list_events(job.id).data):
        assert jobs.retrieve(job.id).status == "running"
    assert jobs.pause(job.id).status == "paused"
    kept = jobs.checkpoints.list(job.id).data
    assert kept[0].step_number > 0
    assert jobs.resume(job.id).status == "queued"
    assert wait(client, job.id).status == "succeeded"
    steps = [e.data["step"] for e in jobs.list_events(job.id, limit=1000) if e.type == "metrics"]
    assert steps == list(range(400, 0, -1))
    client.files.delete(file_id)


@pytest.mark.own
async def test_jobs_by_the_asynchronous_client(aclient: openai.AsyncOpenAI, target: Target) -> None:
    file = await aclient.files.create(file=("train.jsonl", CHAT), purpose="fine-tune")
    jobs = aclient.fine_tuning.jobs
    ids = [
        (await jobs.create(model=target.model, training_file=file.id, method=supervised())).id
        for _ in range(3)
    ]
    listed = [job.id async for job in jobs.list(limit=2)]
    assert [one for one in listed if one in ids] == ids[::-1]
    for job_id in ids:
        await jobs.cancel(job_id)
        events = [event async for event in jobs.list_events(job_id, limit=1)]
        assert events[0].message == "Fine-tuning job cancelled"
    await aclient.files.delete(file.id)


@pytest.mark.own
def test_sharing_a_checkpoint_takes_an_admin_key(client: openai.OpenAI) -> None:
    permissions = client.fine_tuning.checkpoints.permissions
    with pytest.raises(openai.NotFoundError):
        list(permissions.list("ft:micro:local::0"))
