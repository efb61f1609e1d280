"""Direct preference optimisation: make better answers likelier than worse ones.

For each pair, with ``log p`` summed over an answer's bytes (at most 256 of them, drawn evenly) and
the reference being the network before the first step::

    margin = beta · [(log p − log p_ref)(better) − (log p − log p_ref)(worse)]
    loss = −log σ(margin)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.service.engines.micro.corpus import Sampler, read_pairs
from tui.service.engines.micro.model import Batch, Floats, Network
from tui.service.engines.micro.tasks import JUDGED_STEPS, CheckStop, Examples, turn

# Pairs at a time, so that a large batch does not take the memory of all its positions.
PAIRS = 8


class Preferences:
    """Learn from pairs.

    Args:
        folder: The job folder.
        job: What ``job.json`` says.
        network: What is trained.
        reference: The network before the first step.
    """

    rate = 3e-4

    def __init__(
        self, folder: Path, job: Mapping[str, Any], network: Network, reference: Network
    ) -> None:
        self._network, self._reference = network, reference
        self._beta = float(job["hyperparameters"]["beta"])
        self._batch_size = int(job["hyperparameters"]["batch_size"])
        seed, shape = int(job["seed"]), network.shape
        corpus = read_pairs(folder / job["training_file"], shape)
        self.count = corpus.count // 2
        self._sampler = Sampler(corpus, shape, seed)
        self._scratch: Floats = np.zeros_like(network.flat)
        self._validation: Sampler | None = None
        if job.get("validation_file"):
            corpus = read_pairs(folder / job["validation_file"], shape)
            self._validation_count = corpus.count // 2
            self._validation = Sampler(corpus, shape, seed)

    def learn(
        self, examples: Examples, step: int, out: Floats, check_stop: CheckStop
    ) -> dict[str, Any] | None:
        """Take the gradient of the mean loss of these pairs."""
        out[...] = 0
        rewards = []
        for at in range(0, len(examples), PAIRS):
            check_stop()
            batch, counts = _pairs(self._sampler, examples[at : at + PAIRS], step)
            if batch is not None:
                rewards.append(self._add(batch, counts, len(examples), out))
        if not rewards:
            return None
        table = np.concatenate(rewards)
        better, worse = table[:, 0], table[:, 1]
        return {
            "train_loss": _loss(table),
            "rewards": {
                "chosen": float(better.mean()),
                "rejected": float(worse.mean()),
                "accuracies": float(np.mean(better > worse)),
                "margins": float((better - worse).mean()),
            },
        }

    def _add(
        self, batch: Batch, counts: NDArray[np.int64], pairs: int, out: Floats
    ) -> NDArray[np.float64]:
        reference = _sums(self._reference.logprobs(batch), counts)
        found = np.zeros(0)

        def weigh(logprobs: Floats) -> Floats:
            nonlocal found
            found = self._beta * (_sums(logprobs, counts) - reference)
            better, worse = found[0::2], found[1::2]
            slope = self._beta * _sigmoid(worse - better) / pairs
            each = np.stack([slope, -slope], axis=1).ravel()
            weights: Floats = np.repeat(each, counts).astype(logprobs.dtype)
            return weights

        self._network.weighted_gradient(batch, weigh, self._scratch)
        out += self._scratch
        return found.reshape(-1, 2)

    def judge_part(self, step: int, total: int, check_stop: CheckStop) -> dict[str, Any]:
        """Judge some pairs of the validation file."""
        every = max(1, total // JUDGED_STEPS)
        if self._validation is None or (step % every and step != total):
            return {}
        check_stop()
        chosen = turn(step, self._validation_count, self._batch_size)
        return {"valid_loss": _loss(self._rewards(self._validation, chosen, step))}

    def judge_all(self, check_stop: CheckStop) -> dict[str, Any]:
        """Judge every pair of the validation file."""
        if self._validation is None:
            return {}
        found = []
        for at in range(0, self._validation_count, PAIRS):
            check_stop()
            chosen = list(range(at, min(at + PAIRS, self._validation_count)))
            found.append(self._rewards(self._validation, chosen, 0))
        return {"full_valid_loss": _loss(np.concatenate(found))}

    def _rewards(self, sampler: Sampler, chosen: list[int], step: int) -> NDArray[np.float64]:
        found = []
        for at in range(0, len(chosen), PAIRS):
            batch, counts = _pairs(sampler, np.array(chosen[at : at + PAIRS]), step)
            if batch is not None:
                now = _sums(self._network.logprobs(batch), counts)
                before = _sums(self._reference.logprobs(batch), counts)
                found.append((self._beta * (now - before)).reshape(-1, 2))
        return np.concatenate(found) if found else np.zeros((0, 2))

    def finish(self) -> None:
        """Nothing is to be said."""


def _pairs(
    sampler: Sampler, examples: Examples, step: int
) -> tuple[Batch | None, NDArray[np.int64]]:
    both = np.stack([2 * examples, 2 * examples + 1], axis=1).ravel()
    return sampler.each(both, step)


def _sums(logprobs: Floats, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of each answer's positions, which lie one answer after the other."""
    ends = np.cumsum(counts)
    totals = np.concatenate([[0.0], np.cumsum(logprobs, dtype=np.float64)])
    return np.asarray(totals[ends] - totals[ends - counts])


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -values)))


def _loss(rewards: NDArray[np.float64]) -> float:
    return float(np.logaddexp(0, rewards[:, 1] - rewards[:, 0]).mean()) if len(rewards) else 0.0
