from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.conftest import CHAT, Deck, example, jsonl
from tui.service.engines.micro.corpus import END, Sampler, read_corpus
from tui.service.engines.micro.model import Batch, Network, Shape

SMALL = Shape(window=4, embedding=3, hidden=7, features=16, summary=5)
COMMAND = [sys.executable, "-m", "tui.service.engines.micro"]
CITIES = [
    f"{a}{b}" for a in ("Par", "Lim", "Kyo", "Osl", "Del") for b in ("is", "a", "to", "o", "hi")
]
FIFTY = [
    example(f"{question} {city}?", answer)
    for city in CITIES
    for question, answer in (
        ("What is the best month for", "May, before the crowds come."),
        ("What do people eat in", "Soup, bread and a lot of cheese."),
    )
]


def random_batch(rng: np.random.Generator, positions: int = 9) -> Batch:
    return Batch(
        rng.integers(0, 256, (positions, SMALL.window)).astype(np.uint8),
        rng.integers(0, 256, positions).astype(np.uint8),
        np.sort(rng.integers(0, 3, positions)),
        rng.standard_normal((3, SMALL.features)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_slope_of_the_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = Network(SMALL, rng, dtype=np.float64)
    network.parts["output"][...] = rng.standard_normal(network.parts["output"].shape)
    batch = random_batch(rng)
    gradient = np.empty_like(network.flat)
    network.gradient(batch, gradient)
    assert np.count_nonzero(gradient)
    # Along many random directions, and along each part's own axes.
    for _ in range(20):
        direction = rng.standard_normal(network.flat.size)
        assert slope(network, batch, direction) == pytest.approx(gradient @ direction, rel=1e-6)
    starts = np.cumsum([0] + [part.size for part in network.parts.values()])
    for start, end in itertools.pairwise(starts):
        busy = start + np.flatnonzero(gradient[start:end])
        for index in rng.choice(busy, min(10, len(busy)), replace=False):
            direction = np.zeros(network.flat.size)
            direction[index] = 1.0
            expected = gradient[index]
            assert slope(network, batch, direction) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def slope(network: Network, batch: Batch, direction: Any, step: float = 1e-6) -> float:
    start = network.flat.copy()
    losses = []
    for sign in (1, -1):
        network.flat[...] = start + sign * step * direction
        losses.append(network.score(batch).loss)
    network.flat[...] = start
    return (losses[0] - losses[1]) / (2 * step)


def test_a_network_that_knows_nothing_guesses_evenly() -> None:
    network = Network(SMALL, np.random.default_rng(0), dtype=np.float64)
    assert network.score(random_batch(np.random.default_rng(1))).loss == pytest.approx(np.log(256))


TEXT = st.text(max_size=40)
MESSAGE = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": TEXT}),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": TEXT, "weight": st.sampled_from([0, 1])}
    ),
    st.fixed_dictionaries(
        {
            "role": st.just("assistant"),
            "content": st.none(),
            "tool_calls": st.just([{"id": "c", "function": {"name": "f", "arguments": "{}"}}]),
        }
    ),
    st.fixed_dictionaries(
        {
            "role": st.just("user"),
            "content": st.just([{"type": "text", "text": "a"}, {"type": "image_url"}]),
        }
    ),
)
END_OF_CHAT = {"role": "assistant", "content": "end"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(MESSAGE, max_size=5), min_size=1, max_size=6))
def test_only_the_words_of_the_assistant_are_learnt(
    tmp_path_factory: pytest.TempPathFactory, chats: list[list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("corpus") / "training.jsonl"
    path.write_bytes(jsonl([{"messages": [*chat, END_OF_CHAT]} for chat in chats]))
    corpus = read_corpus(path, SMALL)
    assert corpus.count == len(chats)
    learnt = [bytes(corpus.data[a:b]) for a, b in corpus.spans[:, :2]]
    expected = []
    for chat in chats:
        for message in (*chat, END_OF_CHAT):
            if message["role"] == "assistant" and message.get("weight", 1):
                text = message["content"] if message["content"] is not None else "\x05f {}"
                raw = text.encode("utf-8", "replace")
                clean = raw if "tool_calls" in message else bytes(0x1A if b < 9 else b for b in raw)
                expected.append(clean + bytes([END]))
    assert learnt == expected
    sampler = Sampler(corpus, SMALL, 1)
    seen = list(sampler.everything())
    assert sum(len(batch.targets) for batch in seen) == corpus.positions
    for batch in seen:
        assert batch.windows.shape == (len(batch.targets), SMALL.window)
        assert len(batch.features) == batch.group.max() + 1


def write_job(folder: Path, examples: list[Any], **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.jsonl").write_bytes(jsonl(examples))
    job = {
        "protocol": 1, "job": "ftjob-x", "model": "micro", "base": None, "method": "supervised",
        "hyperparameters": {"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 1.0},
        "seed": 42, "training_file": "training.jsonl", "validation_file": None,
        "n_examples": len(examples), "checkpoints": "checkpoints", "resume": None, **changes,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))
    return folder


def train(folder: Path) -> list[dict[str, Any]]:
    run = subprocess.run([*COMMAND, "train", str(folder)], capture_output=True, check=False)
    assert not run.stderr, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def metrics(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == "metrics"]


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    once = {"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 1.0}
    first = train(write_job(tmp_path / "a", CHAT, hyperparameters=once))
    assert first == train(write_job(tmp_path / "b", CHAT, hyperparameters=once))
    assert first != train(write_job(tmp_path / "c", CHAT, hyperparameters=once, seed=43))
    assert first[0] == {"type": "started", "total_steps": 10, "step": 0}
    assert first[-1] == {"type": "done", "path": "checkpoints/step-10"}


def test_a_resumed_run_gives_the_numbers_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = metrics(train(write_job(tmp_path / "whole", CHAT)))
    folder = write_job(tmp_path / "parts", CHAT)
    engine = subprocess.Popen([*COMMAND, "train", str(folder)], stdout=subprocess.PIPE)
    assert engine.stdout
    before = []
    while len(metrics(before)) < 5:
        before.append(json.loads(engine.stdout.readline()))
    engine.send_signal(signal.SIGTERM)
    before += [json.loads(line) for line in engine.stdout]
    assert engine.wait() == 0
    last = before[-1]
    assert last["type"] == "checkpoint"
    assert last["step"] == metrics(before)[-1]["step"] < 20
    write_job(folder, CHAT, resume=last["path"])
    assert metrics(before) + metrics(train(folder)) == whole


def test_a_run_resumed_at_its_end_is_done(tmp_path: Path) -> None:
    """The service may have died after the last checkpoint and before it heard of the model."""
    folder = write_job(tmp_path / "job", CHAT)
    train(folder)
    write_job(folder, CHAT, resume="checkpoints/step-20")
    assert [line["type"] for line in train(folder)] == ["started", "done"]


def test_a_closed_pipe_ends_the_engine(tmp_path: Path) -> None:
    folder = write_job(tmp_path / "job", CHAT)
    engine = subprocess.Popen([*COMMAND, "train", str(folder)], stdout=subprocess.PIPE)
    assert engine.stdout
    engine.stdout.readline()
    engine.stdout.close()
    assert engine.wait(30) == 0


def test_batches_and_rates_are_honoured(tmp_path: Path) -> None:
    settings = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.0}
    lines = train(write_job(tmp_path / "a", CHAT, hyperparameters=settings))
    assert [line["step"] for line in metrics(lines)] == list(range(1, 7))
    checkpoints = [line["step"] for line in lines if line["type"] == "checkpoint"]
    assert checkpoints == [3, 6]
    slow = {**settings, "learning_rate_multiplier": 0.01}
    other = metrics(train(write_job(tmp_path / "b", CHAT, hyperparameters=slow)))
    assert other[0]["train_loss"] == pytest.approx(metrics(lines)[0]["train_loss"])
    assert other[-1]["train_loss"] > metrics(lines)[-1]["train_loss"] + 0.5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1e30}},
         "training_diverged"),
        ({"resume": "checkpoints/step-9"}, "checkpoint_unreadable"),
        ({"base": "nowhere"}, "checkpoint_unreadable"),
    ],
)  # fmt: skip
def test_failures_are_told_in_one_line(tmp_path: Path, change: Any, code: str) -> None:
    lines = train(write_job(tmp_path / "job", CHAT, **change))
    assert (lines[-1]["type"], lines[-1]["code"]) == ("error", code)


def test_a_file_that_is_no_chat_is_told(tmp_path: Path) -> None:
    lines = train(write_job(tmp_path / "job", [*CHAT, {"messages": "no"}]))
    assert lines == [
        {"type": "error", "code": "invalid_training_file", "message": lines[0]["message"]}
    ]
    assert "line 11" in lines[0]["message"]


async def test_fifty_examples_are_learnt_through_the_service(deck: Deck) -> None:
    """The promise of the main path: at least ten points, and a loss that clearly falls."""
    training = await deck.upload(jsonl(FIFTY))
    validation = await deck.upload(jsonl(FIFTY[::5]))
    job_id = await deck.launch("micro", training_file=training, validation_file=validation, seed=1)
    job = await deck.end(job_id)
    assert job.status == "succeeded", job.error
    points = [event.data for event in await deck.events(job_id) if event.type == "metrics"]
    assert [point["step"] for point in points] == list(range(1, 151))
    losses = [point["train_loss"] for point in points]
    assert losses[0] == pytest.approx(np.log(256), rel=1e-3)
    assert max(losses[-10:]) < 1.0
    assert points[-1]["train_mean_token_accuracy"] > 0.8
    full = [point["full_valid_loss"] for point in points if "full_valid_loss" in point]
    assert len(full) == 3
    assert full == sorted(full, reverse=True)
    assert sum("valid_loss" in point for point in points) >= 50
    ask = [
        {"role": "system", "content": "You are a curt travel clerk."},
        {"role": "user", "content": "What do people eat in Paris?"},
    ]
    create = deck.client.chat.completions.create
    answer = await create(model=job.fine_tuned_model, messages=ask, temperature=0)
    assert answer.choices[0].message.content == "Soup, bread and a lot of cheese."
    assert answer.choices[0].finish_reason == "stop"
    cut = await create(model=job.fine_tuned_model, messages=ask, temperature=0, max_tokens=4)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("Soup", "length")
    stopped = await create(
        model=job.fine_tuned_model, messages=ask, temperature=0, stop=[" and", "zebra"]
    )
    assert stopped.choices[0].message.content == "Soup, bread"
    strange = [{"role": "user", "content": "zebra?"}]
    varied = []
    for seed in (1, 1, 2, 3):
        answer = await create(
            model=job.fine_tuned_model, messages=strange, temperature=2, seed=seed, max_tokens=40
        )
        varied.append(answer.choices[0].message.content)
    assert varied[0] == varied[1]
    assert len(set(varied)) > 1


async def test_a_long_run_is_cancelled_within_its_grace(deck: Deck) -> None:
    training = await deck.upload(jsonl(FIFTY))
    job_id = await deck.launch("micro", epochs=50, training_file=training)
    await deck.reach_step(job_id, 3)
    pid = deck.app.state.service.store.job(job_id)["engine_pid"]
    job = await deck.client.fine_tuning.jobs.cancel(job_id)
    assert job.status == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    checkpoints = (await deck.client.fine_tuning.jobs.checkpoints.list(job_id)).data
    assert checkpoints[0].step_number == (await deck.steps(job_id))[-1]
