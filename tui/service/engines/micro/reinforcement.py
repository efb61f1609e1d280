"""Reinforcement: answer, have the answers graded, and make the better ones likelier.

For each prompt the network writes several answers, drawn byte by byte at temperature 1. An answer's
advantage is its reward less the mean of its prompt's answers, over their spread; a step follows the
gradient of ``−advantage · log p``, averaged over all bytes written (REINFORCE with the group's mean
as the baseline), while drifting away from the network before the first step costs `HOLD` times the
difference in ``log p``. Where all answers to every prompt are worth the same, nothing is learnt,
and the run says so at its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.service.engines.micro.corpus import CALL, END, PER_STEP, read_records
from tui.service.engines.micro.model import Batch, Floats, Network
from tui.service.engines.micro.sample import question
from tui.service.engines.micro.tasks import CheckStop, Examples, NoSignalError
from tui.service.graders import Grade, grade

ANSWERS = 8
HOLD = 0.5
MOST_ANSWERS = 64
ANSWER_BYTES = 96
PROMPTS = 16
JUDGED = 64


@dataclass(frozen=True, slots=True)
class _Prompt:
    item: Mapping[str, Any]
    start: NDArray[np.uint8]
    features: NDArray[np.float32]


@dataclass(slots=True)
class _Answers:
    """Answers to some prompts, one row each, those of a prompt together.

    Attributes:
        data: uint8, (answers, window + longest): the window before each, then its bytes.
        lengths: int64, (answers,): bytes of each, the closing `END` among them.
        group: int64, (answers,): the prompt of each.
        grades: What the grader says of each.
    """

    data: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    group: NDArray[np.int64]
    grades: list[Grade]

    def rewards(self) -> NDArray[np.float64]:
        return np.array([item.reward for item in self.grades])


class Reinforcement:
    """Learn from graded answers.

    Args:
        folder: The job folder.
        job: What ``job.json`` says.
        network: What is trained.
        reference: The network before the first step.
    """

    rate = 1e-4

    def __init__(
        self, folder: Path, job: Mapping[str, Any], network: Network, reference: Network
    ) -> None:
        settings = job["hyperparameters"]
        self._network, self._reference, self._grader = network, reference, job["grader"]
        self._seed = int(job["seed"])
        wanted = round(ANSWERS * float(settings.get("compute_multiplier", 1.0)))
        self._answers = min(MOST_ANSWERS, max(2, wanted))
        self._interval = int(settings.get("eval_interval", 1))
        self._eval_samples = int(settings.get("eval_samples", 1))
        self._prompts = _read(folder / job["training_file"], network)
        self.count = len(self._prompts)
        self._validation: list[_Prompt] = []
        if job.get("validation_file"):
            prompts = _read(folder / job["validation_file"], network)
            # An even part of a long file: every answer takes as long as a step.
            self._validation = prompts[:: max(1, -(-len(prompts) // JUDGED))]
        self._scratch: Floats = np.zeros_like(network.flat)
        self._learnt = bool(job.get("resume"))

    def learn(
        self, examples: Examples, step: int, out: Floats, check_stop: CheckStop
    ) -> dict[str, Any] | None:
        """Answer these prompts and take the gradient."""
        rng = np.random.default_rng((self._seed, 3, step))
        start, sampling = time.perf_counter(), 0.0
        found: list[_Answers] = []
        for at in range(0, len(examples), PROMPTS):
            check_stop()
            prompts = [self._prompts[int(index)] for index in examples[at : at + PROMPTS]]
            found.append(self._answer(prompts, self._answers, rng))
        sampling = time.perf_counter() - start
        out[...] = 0
        total = sum(int(answers.lengths.sum()) for answers in found)
        for at, answers in zip(range(0, len(examples), PROMPTS), found, strict=True):
            check_stop()
            prompts = [self._prompts[int(index)] for index in examples[at : at + PROMPTS]]
            self._add(prompts, answers, total, out)
        values = _values(found, "train", self._grader)
        values["timing"] = {
            "step": {
                "sampling": sampling,
                "training": time.perf_counter() - start - sampling,
                "full_iteration": time.perf_counter() - start,
            }
        }
        return values

    def _answer(self, prompts: Sequence[_Prompt], each: int, rng: np.random.Generator) -> _Answers:
        group = np.repeat(np.arange(len(prompts)), each)
        starts = np.stack([prompt.start for prompt in prompts])[group]
        features = np.stack([prompt.features for prompt in prompts])
        data, lengths = draw(self._network, starts, features, group, rng)
        window = self._network.shape.window
        grades = []
        for row, length, index in zip(data, lengths.tolist(), group.tolist(), strict=True):
            text = _text(bytes(row[window : window + length]))
            grades.append(grade(self._grader, prompts[index].item, text))
        return _Answers(data, lengths, group, grades)

    def _add(self, prompts: Sequence[_Prompt], answers: _Answers, total: int, out: Floats) -> None:
        advantages = _advantages(answers)
        self._learnt = self._learnt or bool(advantages.any())
        features = np.stack([prompt.features for prompt in prompts])
        for batch, weights in _positions(answers, advantages, features):
            before = self._reference.logprobs(batch)
            weigh = partial(_weights, weights, before, total)
            self._network.weighted_gradient(batch, weigh, self._scratch)
            out += self._scratch

    def judge_part(self, step: int, total: int, check_stop: CheckStop) -> dict[str, Any]:
        """Grade answers to the validation file at every evaluation step, and at the last one."""
        if not self._validation or (step % self._interval and step != total):
            return {}
        start, rng = time.perf_counter(), np.random.default_rng((self._seed, 4, step))
        found = []
        for at in range(0, len(self._validation), PROMPTS):
            check_stop()
            prompts = self._validation[at : at + PROMPTS]
            found.append(self._answer(prompts, self._eval_samples, rng))
        values = _values(found, "valid", self._grader)
        values["timing"] = {"step": {"eval": time.perf_counter() - start}}
        return values

    def judge_all(self, check_stop: CheckStop) -> dict[str, Any]:  # noqa: ARG002
        """Nothing more: `judge_part` goes through all of it."""
        return {}

    def finish(self) -> None:
        """Say whether any prompt had answers of different worth.

        Raises:
            NoSignalError: None had, so that nothing was learnt.
        """
        if not self._learnt:
            raise NoSignalError(
                "no training example produced usable learning signal: all answers to each prompt"
                " got the same reward; start from a fine-tuned model, or use a grader that gives"
                " part of the reward for a part of the answer"
            )


def _weights(
    advantages: NDArray[np.float64], before: Floats, total: int, logprobs: Floats
) -> Floats:
    drift = logprobs - before
    return np.asarray((advantages - HOLD * drift) / total, dtype=logprobs.dtype)


def _read(path: Path, network: Network) -> list[_Prompt]:
    found = []
    for number, record in read_records(path):
        try:
            context, features = question(record["messages"], network.shape)
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"line {number} is not a conversation ({error})") from error
        start = np.frombuffer(context[-network.shape.window :], dtype=np.uint8)
        found.append(_Prompt(record, start, features))
    if not found:
        raise ValueError("there is no example")
    return found


def draw(
    network: Network,
    starts: NDArray[np.uint8],
    features: Floats,
    group: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Write an answer for each row of ``starts`` and return the bytes and how many there are.

    Args:
        network: What writes.
        starts: uint8, (answers, window): the bytes before each answer.
        features: One row a prompt.
        group: The prompt of each answer.
        rng: Where chance comes from.

    Returns:
        The starts with the answers behind them, and the length of each answer.
    """
    window = network.shape.window
    data = np.zeros((len(starts), window + ANSWER_BYTES), dtype=np.uint8)
    data[:, :window] = starts
    lengths = np.full(len(starts), ANSWER_BYTES, dtype=np.int64)
    alive = np.arange(len(starts))
    for at in range(ANSWER_BYTES):
        nothing = np.zeros(len(alive), dtype=np.uint8)
        logits = network.logits(
            Batch(data[alive, at : at + window], nothing, group[alive], features)
        )
        # The largest after adding this noise is a fair draw.
        byte = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        data[alive, at + window] = byte
        lengths[alive[byte == END]] = at + 1
        alive = alive[byte != END]
        if not len(alive):
            break
    return data, lengths


def _text(data: bytes) -> str:
    return data.split(bytes([END]))[0].replace(bytes([CALL]), b"\n").decode("utf-8", "replace")


def _advantages(answers: _Answers) -> NDArray[np.float64]:
    rewards = answers.rewards().reshape(answers.group.max() + 1, -1)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray((centred / np.maximum(spread, 1e-3)).ravel())


def _positions(
    answers: _Answers, weights: NDArray[np.float64], features: Floats
) -> Iterator[tuple[Batch, NDArray[np.float64]]]:
    """Yield every byte written with its answer's weight, some at a time."""
    window = answers.data.shape[1] - ANSWER_BYTES
    rows = np.repeat(np.arange(len(answers.lengths)), answers.lengths)
    places = np.concatenate([np.arange(length) for length in answers.lengths.tolist()])
    offsets = np.arange(window)
    for at in range(0, len(rows), PER_STEP):
        row, place = rows[at : at + PER_STEP], places[at : at + PER_STEP]
        batch = Batch(
            answers.data[row[:, None], place[:, None] + offsets],
            answers.data[row, place + window],
            answers.group[row],
            features,
        )
        yield batch, weights[row]


def _values(found: Sequence[_Answers], part: str, grader: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of graded answers, under the hosted service's names."""
    grades = [item for answers in found for item in answers.grades]
    lengths = np.concatenate([answers.lengths for answers in found])
    reward = float(np.mean([item.reward for item in grades]))
    parsed = float(np.mean(["sample_parse_error" in item.errors for item in grades]))
    values: dict[str, Any] = {"scores": {f"{part}_reward_mean": reward}}
    names = grades[0].scores
    if names:
        values["scores"] |= {
            f"{part}_{name}_mean": float(np.mean([item.scores[name] for item in grades]))
            for name in names
        }
    failed = float(np.mean(["invalid_variable_error" in item.errors for item in grades]))
    values["errors"] = {
        str(grader["name"]): {
            f"{part}_sample_parse_error_mean": parsed,
            f"{part}_invalid_variable_error_mean": failed,
        }
    }
    if part == "valid":
        return {"full_valid_mean_reward": reward, "full_valid_mean_parse_error": parsed, **values}
    return {
        "train_mean_reward": reward,
        "mean_unresponsive_rewards": float(np.mean(lengths <= 1)),
        "completion_tokens_mean": float(lengths.mean()),
        "reasoning_tokens_mean": 0.0,
        **values,
    }
