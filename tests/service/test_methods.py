"""Preferences and reinforcement: what the small engine learns of them."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service.conftest import CHAT, CITIES, ENGINES, TINY, Deck, jsonl
from tests.service.test_micro import SMALL, metrics, train, write_job
from tui.service.engines import Engine
from tui.service.engines.micro.model import Network
from tui.service.engines.micro.preferences import Preferences
from tui.service.engines.micro.reinforcement import ANSWER_BYTES, draw
from tui.service.engines.micro.train import StoppedError, Trainer

pytestmark = pytest.mark.slow

BOTH = ("yes", "no")
PAIRS = [
    {
        "input": {"messages": [{"role": "user", "content": f"Is {city} warm?"}]},
        "preferred_output": [{"role": "assistant", "content": "yes, it is"}],
        "non_preferred_output": [{"role": "assistant", "content": "who knows"}],
    }
    for city in CITIES
]
PROMPTS = [
    {"messages": [{"role": "user", "content": f"Is {city} warm?"}], "answer": "yes"}
    for city in CITIES
]
EXACT = {"type": "string_check", "name": "exact", "operation": "eq",
         "input": "{{sample.output_text}}", "reference": "{{item.answer}}"}  # fmt: skip
DPO = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.0, "beta": 0.2}
RFT = {"n_epochs": 8, "batch_size": 5, "learning_rate_multiplier": 1.0, "compute_multiplier": 1.0,
       "eval_interval": 4, "eval_samples": 4}  # fmt: skip


def test_the_gradient_is_the_slope_of_the_preference_loss(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    network, reference = (Network(SMALL, rng, dtype=np.float64) for _ in range(2))
    for one in (network, reference):
        one.parts["output"][...] = rng.standard_normal(one.parts["output"].shape)
    (tmp_path / "training.jsonl").write_bytes(jsonl(PAIRS))
    job = {"hyperparameters": DPO, "seed": 1, "training_file": "training.jsonl"}
    task, chosen = Preferences(tmp_path, job, network, reference), np.arange(10)
    gradient, unused = np.empty_like(network.flat), np.empty_like(network.flat)
    values = task.learn(chosen, 1, gradient, lambda: None)
    assert values
    before = network.flat.copy()
    for _ in range(10):
        direction, losses = rng.standard_normal(network.flat.size), []
        for side in (1e-6, -1e-6):
            network.flat[...] = before + side * direction
            moved = task.learn(chosen, 1, unused, lambda: None)
            assert moved
            losses.append(moved["train_loss"])
        slope = (losses[0] - losses[1]) / 2e-6
        assert slope == pytest.approx(gradient @ direction, rel=1e-4, abs=1e-6)


def test_preferences_are_learnt_and_a_resumed_run_gives_the_same(tmp_path: Path) -> None:
    whole = metrics(train(write_job(tmp_path / "a", PAIRS, method="dpo", hyperparameters=DPO)))
    assert whole[0]["train_loss"] == pytest.approx(math.log(2))
    assert whole[-1]["train_loss"] < 0.6
    assert whole[-1]["rewards"]["accuracies"] == 1.0
    folder = write_job(tmp_path / "b", PAIRS, method="dpo", hyperparameters=DPO)
    train(folder)
    again = write_job(folder, PAIRS, method="dpo", hyperparameters=DPO, resume="checkpoints/step-3")
    assert metrics(train(again)) == whole[3:]


@pytest.mark.parametrize("asked", [1, 4, 7, 10, 13])
@pytest.mark.parametrize("kind", ["supervised", "dpo"])
def test_a_stop_at_any_moment_loses_no_step(tmp_path: Path, kind: str, asked: int) -> None:
    settings = {**DPO, "n_epochs": 1}
    records = PAIRS if kind == "dpo" else CHAT
    if kind == "supervised":
        settings.pop("beta")
    more = {"method": kind, "hyperparameters": settings, "validation_file": "validation.jsonl"}
    folder = write_job(tmp_path / "a", records, **more)
    (folder / "validation.jsonl").write_bytes(jsonl(records))
    before: list[Any] = []
    questions = iter(range(asked))
    # The engine asks between pieces of work; here it is told at the question with this number.
    with contextlib.suppress(StoppedError):
        Trainer(folder, before.append, lambda: next(questions, None) is None).run()
    kept = [line["path"] for line in before if line["type"] == "checkpoint"]
    after: list[Any] = []
    write_job(folder, records, **more, resume=kept[-1] if kept else None)
    Trainer(folder, after.append, lambda: False).run()
    steps = [line["step"] for line in metrics(before) + metrics(after)]
    assert steps == [1, 2, 3]
    assert after[-1]["type"] == "done"


def test_a_run_goes_on_from_a_snapshot_as_if_never_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.service.engines.micro.train.SNAPSHOT_SECONDS", 0.0)
    folder, lines = write_job(tmp_path / "a", CHAT), list[Any]()
    Trainer(folder, lines.append, lambda: False).run()
    snapshots = [line for line in lines if line["type"] == "snapshot"]
    assert [line["step"] for line in snapshots] == [n for n in range(1, 20) if n != 10]
    write_job(folder, CHAT, resume="checkpoints/snapshot-15")
    again: list[Any] = []
    Trainer(folder, again.append, lambda: False).run()
    assert metrics(again) == metrics(lines)[15:]


def tuned(folder: Path) -> str:
    """The checkpoint of a model that answers half this, half that."""
    examples = [
        {"messages": [*prompt["messages"], {"role": "assistant", "content": BOTH[n % 2]}]}
        for n in range(8)
        for prompt in PROMPTS
    ]
    settings = {"n_epochs": 1, "batch_size": 2, "learning_rate_multiplier": 1.0}
    lines = train(write_job(folder, examples, hyperparameters=settings))
    return str(folder / lines[-1]["path"])


def reinforced(folder: Path, base: str | None, **changes: Any) -> list[dict[str, Any]]:
    folder.mkdir()
    (folder / "validation.jsonl").write_bytes(jsonl(PROMPTS))
    return train(
        write_job(
            folder, PROMPTS, method="reinforcement", hyperparameters={**RFT, **changes},
            grader=EXACT, base=base, validation_file="validation.jsonl",
        )
    )  # fmt: skip


def test_rewarded_answers_become_likelier(tmp_path: Path) -> None:
    base = tuned(tmp_path / "base")
    lines = reinforced(tmp_path / "better", base)
    points = metrics(lines)
    judged = [p["full_valid_mean_reward"] for p in points if "full_valid_mean_reward" in p]
    assert len(judged) == 4
    assert judged[-1] > max(0.7, points[0]["train_mean_reward"])
    assert set(points[3]["scores"]) == {"train_reward_mean", "valid_reward_mean"}
    assert points[3]["timing"]["step"]["eval"] > 0
    assert lines[-1]["type"] == "done"


def test_a_run_that_could_learn_nothing_says_so(tmp_path: Path) -> None:
    lines = reinforced(tmp_path / "nothing", None, n_epochs=1)
    assert (lines[-1]["type"], lines[-1]["code"]) == ("error", "no_learning_signal")
    assert "start from a fine-tuned model" in lines[-1]["message"]


def test_answers_are_drawn_by_their_likelihood() -> None:
    rng = np.random.default_rng(0)
    network = Network(SMALL, rng)
    network.parts["output_bias"][[ord("a"), ord("b"), 4]] = np.log([6e4, 3e4, 1e4])
    starts = np.zeros((500, SMALL.window), np.uint8)
    data, lengths = draw(
        network, starts, np.zeros((1, SMALL.features)), np.zeros(500, np.int64), rng
    )
    words = data[:, SMALL.window :]
    written = words[np.arange(ANSWER_BYTES) < lengths[:, None]]
    share = np.bincount(written, minlength=256)[[ord("a"), ord("b"), 4]] / len(written)
    assert share == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert (words[np.arange(500), lengths - 1] == 4).mean() > 0.95


@pytest.mark.parametrize("kind", ["dpo", "reinforcement"])
async def test_another_engine_takes_the_methods_it_was_registered_with(
    tmp_path: Path, kind: str
) -> None:
    command = (sys.executable, str(TINY), "tiny")
    able = Engine(model="able", command=command, methods=("supervised", "dpo", "reinforcement"))
    deck = Deck(tmp_path / "data", engines={**ENGINES, "able": able})
    try:
        data = await deck.upload(jsonl(PAIRS if kind == "dpo" else PROMPTS))
        inner: dict[str, Any] = {"hyperparameters": {"n_epochs": 2}}
        if kind == "reinforcement":
            inner["grader"] = EXACT
        request = {
            "model": "able", "training_file": data, "validation_file": data,
            "method": {"type": kind, kind: inner},
        }  # fmt: skip
        refused = await deck.http.post("/v1/fine_tuning/jobs", json={**request, "model": "tiny"})
        assert refused.json()["error"]["message"] == (
            "Finetuning with tiny requires the supervised method of finetuning."
        )
        answer = await deck.http.post("/v1/fine_tuning/jobs", json=request)
        assert answer.json()["hyperparameters"] is None
        job = await deck.end(answer.json()["id"])
        assert job.status == "succeeded", job.error
        assert job.method.type == kind
        said = json.loads((deck.job_folder(job.id) / "job.json").read_text())
        assert (said["method"], said["grader"]) == (kind, inner.get("grader"))
        header = (await deck.client.files.content(job.result_files[0])).text.split("\n")[0]
        assert "nested/deep/value" in header.split(",")
    finally:
        await deck.close()


async def test_reinforcement_keeps_the_best_checkpoints(tmp_path: Path) -> None:
    command = (sys.executable, str(TINY), "tiny")
    able = Engine(model="able", command=command, methods=("reinforcement",))
    deck = Deck(tmp_path / "data", engines={**ENGINES, "able": able})
    try:
        data = await deck.upload(jsonl(PROMPTS))
        request = {
            "model": "able", "training_file": data, "validation_file": data,
            "method": {"type": "reinforcement", "reinforcement": {
                "grader": EXACT, "hyperparameters": {"n_epochs": 6}}},
        }  # fmt: skip
        answer = await deck.http.post("/v1/fine_tuning/jobs", json=request)
        job = await deck.end(answer.json()["id"])
        assert job.status == "succeeded", job.error
        kept = (await deck.client.fine_tuning.jobs.checkpoints.list(job.id)).data
        assert sorted(one.step_number for one in kept) == [8, 12, 16]
        # The model itself is the last one, and all of them answer.
        for model, step in (
            (job.fine_tuned_model, 24),
            *((one.fine_tuned_model_checkpoint, one.step_number) for one in kept),
        ):
            said = await deck.client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "x"}]
            )
            assert said.choices[0].message.content.startswith(f"step {step}:")
    finally:
        await deck.close()


@pytest.mark.parametrize("paused", [False, True])
async def test_a_cancelled_reinforcement_job_keeps_no_more_than_one_that_succeeded(
    tmp_path: Path, paused: bool
) -> None:
    command = (sys.executable, str(TINY), "late")
    able = Engine(model="able", command=command, methods=("reinforcement",))
    deck = Deck(tmp_path / "data", engines={**ENGINES, "able": able})
    try:
        data = await deck.upload(jsonl(PROMPTS))
        request = {
            "model": "able", "training_file": data, "validation_file": data,
            "method": {"type": "reinforcement", "reinforcement": {
                "grader": EXACT, "hyperparameters": {"n_epochs": 6}}},
        }  # fmt: skip
        answer = await deck.http.post("/v1/fine_tuning/jobs", json=request)
        job_id = answer.json()["id"]
        await deck.reach_step(job_id, 18)
        jobs = deck.client.fine_tuning.jobs
        if paused:
            await jobs.pause(job_id)
            going_on = (await jobs.checkpoints.list(job_id)).data
            assert len(going_on) == 4, "the three best, and the newest to go on from"
        assert (await jobs.cancel(job_id)).status == "cancelled"
        kept = (await jobs.checkpoints.list(job_id)).data
        assert sorted(one.step_number for one in kept) == [8, 12, 16]
        folders = {path.name for path in (deck.job_folder(job_id) / "checkpoints").iterdir()}
        assert folders == {"step-8", "step-12", "step-16"}
    finally:
        await deck.close()


async def test_reinforcement_needs_a_grader_and_a_validation_file(deck: Deck) -> None:
    data = await deck.upload(jsonl(PROMPTS))
    body = {"model": "micro", "training_file": data, "method": {
        "type": "reinforcement", "reinforcement": {"grader": EXACT}}}  # fmt: skip
    answer = await deck.http.post("/v1/fine_tuning/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "validation_file")
    body["validation_file"] = data
    body["method"] = {"type": "reinforcement", "reinforcement": {}}
    answer = await deck.http.post("/v1/fine_tuning/jobs", json=body)
    assert answer.json()["error"]["param"] == "method.reinforcement.grader"


async def test_a_field_the_grader_reads_must_be_in_every_record(deck: Deck) -> None:
    lacking = await deck.upload(jsonl([*PROMPTS, {"messages": PROMPTS[0]["messages"]}]))
    body = {"model": "micro", "training_file": lacking, "validation_file": lacking, "method": {
        "type": "reinforcement", "reinforcement": {"grader": EXACT}}}  # fmt: skip
    answer = await deck.http.post("/v1/fine_tuning/jobs", json=body)
    job = await deck.end(answer.json()["id"])
    assert (job.status, job.error.param) == ("failed", "training_file")
    assert "Example 11" in job.error.message
    assert len(CHAT) == 10
