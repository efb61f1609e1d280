from __future__ import annotations

import openai
import pytest

from tests.service.conftest import Deck, jsonl


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nope"}, {"api-key": "nope"}])
async def test_without_the_key_nothing_is_told(deck: Deck, headers: dict[str, str]) -> None:
    deck.http.headers.pop("Authorization")
    for path in ("/v1/models", "/v1/files", "/v1/nowhere", "/v1/fine_tuning/jobs"):
        answer = await deck.http.get(path, headers=headers)
        assert answer.status_code == 401
        # As at the hosted service: a missing key has no code, a wrong one has.
        assert answer.json()["error"]["code"] == ("invalid_api_key" if headers else None)
    health = (await deck.http.get("/v1/health", headers=headers)).json()
    assert health["status"] == "ok"
    assert "pid" not in health


async def test_the_key_may_come_in_the_other_header(deck: Deck) -> None:
    deck.http.headers.pop("Authorization")
    answer = await deck.http.get("/v1/models", headers={"api-key": "test-key"})
    assert answer.status_code == 200


async def test_unknown_addresses_and_methods(deck: Deck) -> None:
    answer = await deck.http.get("/v1/nowhere")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "Invalid URL (GET /v1/nowhere)",
    )
    answer = await deck.http.put("/v1/files")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_supported")
    answer = await deck.http.post("/v1/fine_tuning/jobs", content=b"{")
    assert answer.status_code == 400


async def test_the_base_models_are_listed_and_stay(deck: Deck) -> None:
    models = [model.id async for model in deck.client.models.list()]
    assert "micro" in models
    assert (await deck.client.models.retrieve("micro")).owned_by == "tunedeck"
    with pytest.raises(openai.BadRequestError):
        await deck.client.models.delete("micro")
    with pytest.raises(openai.NotFoundError) as caught:
        await deck.client.models.retrieve("gpt-4.1")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        await deck.client.models.delete("ft:micro:local::0000")


JOB = {"model": "tiny"}
WRONG = [
    ({"model": None}, "model", "missing_required_parameter"),
    ({"model": 3}, "model", "invalid_type"),
    ({"model": "gpt-4.1-mini"}, "model", "model_not_available"),
    ({"model": "ft:tiny:local::00000000"}, "model", "model_not_available"),
    ({"training_file": None}, "training_file", "missing_required_parameter"),
    ({"training_file": "file-0"}, "training_file", "file_not_found"),
    ({"validation_file": "file-0"}, "validation_file", "file_not_found"),
    ({"seed": -1}, "seed", "integer_below_min_value"),
    ({"seed": 2**31}, "seed", "integer_above_max_value"),
    ({"seed": 1.5}, "seed", "invalid_type"),
    ({"seed": True}, "seed", "invalid_type"),
    ({"suffix": ""}, "suffix", "string_below_min_length"),
    ({"suffix": "x" * 65}, "suffix", "string_above_max_length"),
    ({"suffix": 7}, "suffix", "invalid_type"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
    ({"metadata": {"k": 1}}, "metadata.k", "invalid_type"),
    ({"metadata": {"k": "v" * 513}}, "metadata", "string_above_max_length"),
    ({"metadata": []}, "metadata", "invalid_type"),
    ({"integrations": {}}, "integrations", "invalid_type"),
    ({"integrations": [{"type": "magic"}]}, "integrations[0].type", "invalid_value"),
    ({"integrations": [{"type": "wandb"}]}, "integrations[0].wandb", "invalid_type"),
    (
        {"integrations": [{"type": "wandb", "wandb": {}}]},
        "integrations[0].wandb.project",
        "missing_required_parameter",
    ),
    (
        {"integrations": [{"type": "wandb", "wandb": {"project": "p"}}] * 6},
        "integrations",
        "array_above_max_length",
    ),
    ({"method": "supervised"}, "method", "invalid_type"),
    ({"method": {"type": "magic"}}, "method.type", "invalid_value"),
    ({"method": {"type": "dpo"}}, "method", "unsupported_method"),
    ({"method": {"type": "reinforcement"}}, "method", "unsupported_method"),
    ({"method": {"type": "supervised", "magic": {}}}, "method.magic", "unknown_parameter"),
    (
        {"method": {"type": "supervised", "supervised": {"beta": 1}}},
        "method.supervised.beta",
        "unknown_parameter",
    ),
    ({"hyperparameters": []}, "hyperparameters", "invalid_type"),
    ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", "integer_below_min_value"),
    ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", "integer_above_max_value"),
    ({"hyperparameters": {"n_epochs": "3"}}, "hyperparameters.n_epochs", "invalid_type"),
    ({"hyperparameters": {"batch_size": 2.5}}, "hyperparameters.batch_size", "invalid_type"),
    ({"hyperparameters": {"beta": 0.1}}, "hyperparameters.beta", "unknown_parameter"),
    (
        {"method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 257}}}},
        "method.supervised.hyperparameters.batch_size",
        "integer_above_max_value",
    ),
    (
        {"hyperparameters": {"learning_rate_multiplier": 0}},
        "hyperparameters.learning_rate_multiplier",
        "decimal_below_min_value",
    ),
    ({"trainingType": "globalStandard"}, "trainingType", "unknown_parameter"),
]


async def test_wrong_parameters_are_named_and_make_no_job(deck: Deck) -> None:
    training = await deck.upload()
    for change, param, code in WRONG:
        body = {"model": "tiny", "training_file": training, **change}
        answer = await deck.http.post("/v1/fine_tuning/jobs", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (400, param, code), change
        assert error["message"]
    assert not (await deck.client.fine_tuning.jobs.list()).data


async def test_a_result_file_is_no_training_file(deck: Deck) -> None:
    job = await deck.end(await deck.launch())
    with pytest.raises(openai.BadRequestError) as caught:
        await deck.launch(training_file=job.result_files[0])
    assert caught.value.code == "invalid_file_purpose"


async def test_jobs_page_and_filter(deck: Deck) -> None:
    training = await deck.upload()
    ids = [
        await deck.launch(
            "gated",
            training_file=training,
            metadata={"run": str(n), 'team\'s "x"': "a&b=c[d]"} if n < 3 else None,
        )
        for n in range(5)
    ]
    jobs = deck.client.fine_tuning.jobs
    first = await jobs.list(limit=2)
    assert [job.id for job in first.data] == [ids[4], ids[3]]
    assert first.has_more
    assert [job.id async for job in jobs.list(limit=2)] == ids[::-1]
    assert [job.id async for job in jobs.list(metadata={"run": "1"})] == [ids[1]]
    odd = jobs.list(metadata={'team\'s "x"': "a&b=c[d]"}, limit=1)
    assert [job.id async for job in odd] == ids[2::-1]
    assert not [job async for job in jobs.list(metadata={"run": "1", "x": "y"})]
    answer = (await deck.http.get("/v1/fine_tuning/jobs", params={"metadata": "null"})).json()
    assert [job["id"] for job in answer["data"]] == [ids[4], ids[3]]
    assert not answer["has_more"]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "100000"])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/fine_tuning/jobs"])
async def test_a_wrong_limit_is_refused(deck: Deck, path: str, limit: str) -> None:
    answer = await deck.http.get(path, params={"limit": limit})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


async def test_a_wrong_cursor_is_refused(deck: Deck) -> None:
    job_id = await deck.launch("gated")
    for path in ("/v1/files", "/v1/fine_tuning/jobs", f"/v1/fine_tuning/jobs/{job_id}/events"):
        answer = await deck.http.get(path, params={"after": "ftevent-x"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


async def test_an_unknown_job_is_not_found(deck: Deck) -> None:
    jobs = deck.client.fine_tuning.jobs
    asks = (jobs.retrieve, jobs.cancel, jobs.pause, jobs.resume, jobs.list_events,
            jobs.checkpoints.list)  # fmt: skip
    for ask in asks:
        with pytest.raises(openai.NotFoundError) as caught:
            await ask("ftjob-none")
        assert caught.value.code == "fine_tune_not_found"


async def test_chat_asks_only_what_has_learnt(deck: Deck) -> None:
    say = [{"role": "user", "content": "Hello"}]
    with pytest.raises(openai.BadRequestError) as caught:
        await deck.client.chat.completions.create(model="micro", messages=say)
    assert caught.value.code == "model_not_trained"
    with pytest.raises(openai.NotFoundError):
        await deck.client.chat.completions.create(model="ft:micro:local::1", messages=say)
    model = (await deck.end(await deck.launch())).fine_tuned_model
    for wrong in ({"messages": []}, {"messages": ["x"]}, {"temperature": 3}, {"max_tokens": 0},
                  {"stop": 5}, {"n": 99}, {"seed": "x"}):  # fmt: skip
        body = {"model": model, "messages": say, **wrong}
        answer = await deck.http.post("/v1/chat/completions", json=body)
        assert (answer.status_code, answer.json()["error"]["param"] is None) == (400, False), wrong


async def test_chat_answers_at_once_and_as_a_stream(deck: Deck) -> None:
    model = (await deck.end(await deck.launch(epochs=2, suffix="talk"))).fine_tuned_model
    say = [{"role": "user", "content": "olleh"}]
    answer = await deck.client.chat.completions.create(model=model, messages=say, n=2)
    assert [choice.message.content for choice in answer.choices] == ["step 8: hello"] * 2
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 4)
    stream = await deck.client.chat.completions.create(
        model=model, messages=say, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "step 8: hello"
    assert chunks[-1].usage.total_tokens == 5


async def test_an_empty_body_and_a_list_are_refused(deck: Deck) -> None:
    for body in (b"", b"[]", b"3", jsonl([1, 2])):
        for path in ("/v1/fine_tuning/jobs", "/v1/chat/completions"):
            answer = await deck.http.post(path, content=body)
            assert answer.status_code == 400
