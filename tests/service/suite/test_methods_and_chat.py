from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.service.suite.conftest import Target
from tests.service.suite.data import (
    CHAT,
    GRADER,
    PAIRS,
    PROMPTS,
    ask,
    supervised,
    upload,
    wait,
)


@pytest.mark.costs
def test_preferences_are_trained(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client, PAIRS)
    settings = {"n_epochs": 2, "batch_size": 2, "beta": 0.2}
    job = client.fine_tuning.jobs.create(
        model=target.model,
        training_file=file_id,
        validation_file=file_id,
        method={"type": "dpo", "dpo": {"hyperparameters": settings}},
    )
    done = wait(client, job.id, seconds=90 if target.own else 3 * 3600)
    assert done.status == "succeeded", done.error
    assert done.method.type == "dpo"
    assert done.method.dpo.hyperparameters.beta == 0.2
    points = [
        event.data
        for event in client.fine_tuning.jobs.list_events(job.id, limit=100)
        if event.type == "metrics"
    ]
    assert points[-1]["train_loss"] == pytest.approx(math.log(2), abs=0.01)
    assert points[0]["train_loss"] < points[-1]["train_loss"]
    assert points[0]["full_valid_loss"] < math.log(2)
    client.files.delete(file_id)


@pytest.mark.costs
def test_reinforcement_is_trained(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client, PROMPTS)
    job = client.fine_tuning.jobs.create(
        model=target.model,
        training_file=file_id,
        validation_file=file_id,
        method={
            "type": "reinforcement",
            "reinforcement": {
                "grader": GRADER,
                "hyperparameters": {"n_epochs": 1, "batch_size": 5, "eval_interval": 1},
            },
        },
    )
    done = wait(client, job.id, seconds=90 if target.own else 24 * 3600)
    assert done.status == "succeeded", done.error
    assert done.method.reinforcement.grader.name == "close"
    assert done.method.reinforcement.hyperparameters.eval_interval == 1
    points = [
        event.data
        for event in client.fine_tuning.jobs.list_events(job.id, limit=100)
        if event.type == "metrics"
    ]
    for name in ("train_mean_reward", "full_valid_mean_reward", "completion_tokens_mean"):
        assert math.isfinite(points[0][name])
    header = client.files.content(done.result_files[0]).text.split("\n")[0]
    assert header.startswith("step,train_mean_reward,full_valid_mean_reward")
    client.files.delete(file_id)


@pytest.mark.own
@pytest.mark.parametrize(("data", "provided"), [(CHAT, "dpo"), (PAIRS, "supervised")])
def test_a_file_of_another_method_is_told(
    client: openai.OpenAI, target: Target, data: bytes, provided: str
) -> None:
    file_id = upload(client, data)
    method: dict[str, Any] = {"type": provided}
    job = client.fine_tuning.jobs.create(model=target.model, training_file=file_id, method=method)
    failed = wait(client, job.id)
    assert (failed.status, failed.error.code) == ("failed", "invalid_training_file")
    assert f"(provided method={provided})" in failed.error.message
    client.files.delete(file_id)


def test_a_grader_is_tried(client: openai.OpenAI) -> None:
    graders = client.fine_tuning.alpha.graders
    valid = graders.validate(grader=GRADER)
    assert valid.grader
    assert valid.grader.name == "close"
    result = graders.run(grader=GRADER, model_sample="yes", item={"answer": "yes"})
    assert result.reward == pytest.approx(1.0)
    assert not result.metadata.errors.invalid_variable_error
    lost = graders.run(grader=GRADER, model_sample="yes", item={})
    assert lost.metadata.errors.invalid_variable_error
    exact = {**GRADER, "type": "string_check", "operation": "eq"}
    exact.pop("evaluation_metric")
    multi = {
        "type": "multi", "name": "both", "graders": {"near": GRADER, "same": exact},
        "calculate_output": "0.5 * near + 0.5 * same",
    }  # fmt: skip
    both = graders.run(grader=multi, model_sample="yes!", item={"answer": "yes"})
    assert 0.3 < both.reward < 0.5
    for wrong in ({**GRADER, "evaluation_metric": "magic"}, {"type": "magic", "name": "x"},
                  {**multi, "calculate_output": "far + 1"}):  # fmt: skip
        with pytest.raises(openai.BadRequestError):
            graders.validate(grader=wrong)


@pytest.fixture(scope="module")
def tuned(target: Target) -> Iterator[str]:
    if not target.own:
        pytest.skip("only the embedded service has a model in seconds")
    with openai.OpenAI(base_url=target.base_url, api_key=target.api_key) as client:
        job = client.fine_tuning.jobs.create(
            model=target.model, training_file=upload(client), method=supervised(n_epochs=10), seed=1
        )
        done = wait(client, job.id)
        assert done.status == "succeeded"
        yield done.fine_tuned_model


def test_words_from_the_model(client: openai.OpenAI, tuned: str) -> None:
    create = client.chat.completions.create
    answer = create(model=tuned, messages=ask("Paris"), temperature=0)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "yes"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    cut = create(model=tuned, messages=ask("Paris"), temperature=0, max_tokens=2, n=3)
    assert [choice.message.content for choice in cut.choices] == ["ye"] * 3
    assert cut.choices[2].finish_reason == "length"
    assert create(
        model=tuned, messages=ask("Paris"), temperature=0, stop=["s"]
    ).choices[0].message.content == "ye"  # fmt: skip
    drawn = [
        create(model=tuned, messages=ask("Rome"), temperature=2, seed=5, max_completion_tokens=20)
        for _ in range(2)
    ]
    assert drawn[0].choices[0].message.content == drawn[1].choices[0].message.content


def test_likelihoods(client: openai.OpenAI, tuned: str) -> None:
    answer = client.chat.completions.create(
        model=tuned, messages=ask("Paris"), temperature=0, logprobs=True, top_logprobs=2
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    assert "".join(item.token for item in logprobs.content) == "yes"
    for item in logprobs.content:
        assert item.logprob <= 0
        assert item.top_logprobs[0].token == item.token
        assert len(item.top_logprobs) == 2


async def test_words_as_a_stream(aclient: openai.AsyncOpenAI, tuned: str) -> None:
    stream = await aclient.chat.completions.create(
        model=tuned, messages=ask("Paris"), temperature=0, stream=True, n=2,
        stream_options={"include_usage": True},
    )  # fmt: skip
    texts, reasons, usage = ["", ""], set(), None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons.add(choice.finish_reason)
    assert texts == ["yes", "yes"]
    assert "stop" in reasons
    assert usage
    assert usage.completion_tokens == 8


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": [{"role": "nobody", "content": "x"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"temperature": 3},
        {"top_p": 2},
        {"max_tokens": 0},
        {"n": 0},
        {"n": 1000},
        {"stop": ["a"] * 5},
        {"top_logprobs": 2},
        {"response_format": {"type": "json_object"}},
        {"extra_body": {"magic": True}},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_question_is_refused(
    client: openai.OpenAI, tuned: str, change: dict[str, Any], stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            **{"model": tuned, "messages": ask("Paris"), "stream": stream, **change}
        )
    assert caught.value.type == "invalid_request_error"


def test_kept_answers(client: openai.OpenAI, tuned: str) -> None:
    completions = client.chat.completions
    ids = [
        completions.create(
            model=tuned, messages=ask("Paris"), store=True, temperature=0, metadata={"n": str(n)}
        ).id
        for n in range(3)
    ]
    completions.create(model=tuned, messages=ask("Paris"), temperature=0)
    assert [one.id for one in completions.list(limit=2)] == ids
    assert [one.id for one in completions.list(order="desc", limit=2)] == ids[::-1]
    assert [one.id for one in completions.list(metadata={"n": "1"})] == [ids[1]]
    assert [one.id for one in completions.list(model=tuned)] == ids
    assert completions.retrieve(ids[0]).choices[0].message.content == "yes"
    assert [m.content for m in completions.messages.list(ids[0])] == ["Is Paris warm?"]
    assert completions.update(ids[0], metadata={"n": "9"}).metadata == {"n": "9"}
    assert completions.retrieve(ids[0]).metadata == {"n": "9"}
    assert completions.delete(ids[0]).deleted
    with pytest.raises(openai.NotFoundError):
        completions.retrieve(ids[0])


def test_sharing_takes_an_admin_key(client: openai.OpenAI, tuned: str) -> None:
    permissions = client.fine_tuning.checkpoints.permissions
    for ask_ in (
        lambda: list(permissions.list(tuned)),
        lambda: permissions.create(tuned, project_ids=["proj_1"]).data,
        lambda: permissions.delete("cp_1", fine_tuned_model_checkpoint=tuned),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            ask_()
