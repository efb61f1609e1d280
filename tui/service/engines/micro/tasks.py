"""What a step of `micro` learns: one class a method, behind what the training loop asks of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tui.service.engines.micro.corpus import Corpus, Sampler, read_corpus
from tui.service.engines.micro.model import Floats, Network, Score

JUDGED_STEPS = 100

Examples = NDArray[np.int64]
# Asked between pieces of work; ends the run by an exception when it was told to stop.
CheckStop = Callable[[], None]


class NoSignalError(Exception):
    """The run came to its end and nothing was learnt."""


class Task(Protocol):
    """What the training loop needs of a method.

    Attributes:
        count: Examples in the training file.
        rate: The learning rate, before the multiplier of the job.
    """

    count: int
    rate: float

    def learn(
        self, examples: Examples, step: int, out: Floats, check_stop: CheckStop
    ) -> dict[str, Any] | None:
        """Write the gradient of a step to ``out`` and return its metrics; ``None`` for no step.

        The network stays as it is: a stop in here leaves the run before this step.
        """

    def judge_part(self, step: int, total: int, check_stop: CheckStop) -> dict[str, Any]:
        """Return metrics of some validation examples, where this step has any."""

    def judge_all(self, check_stop: CheckStop) -> dict[str, Any]:
        """Return metrics of all validation examples."""

    def finish(self) -> None:
        """Say after the last step whether there was anything to learn.

        Raises:
            NoSignalError: There was not.
        """


class Supervised:
    """Learn to say what the examples say.

    Args:
        folder: The job folder.
        job: What ``job.json`` says.
        network: What is trained.
    """

    rate = 1.5e-3

    def __init__(self, folder: Path, job: Mapping[str, Any], network: Network) -> None:
        self._network = network
        self._seed = int(job["seed"])
        self._batch_size = int(job["hyperparameters"]["batch_size"])
        corpus = read_corpus(folder / job["training_file"], network.shape)
        self.count = corpus.count
        self._sampler = Sampler(corpus, network.shape, self._seed)
        self._validation: tuple[Corpus, Sampler] | None = None
        if job.get("validation_file"):
            corpus = read_corpus(folder / job["validation_file"], network.shape)
            self._validation = corpus, Sampler(corpus, network.shape, self._seed)

    def learn(
        self,
        examples: Examples,
        step: int,
        out: Floats,
        check_stop: CheckStop,  # noqa: ARG002 - a step is short
    ) -> dict[str, Any] | None:
        """Take the gradient of the mean loss."""
        batch = self._sampler.batch(examples, step)
        if batch is None:
            # Examples with weight 0 only: the step passes, and there is no loss to tell.
            return None
        score = self._network.gradient(batch, out)
        return {"train_loss": score.loss, "train_mean_token_accuracy": score.accuracy}

    def judge_part(self, step: int, total: int, check_stop: CheckStop) -> dict[str, Any]:
        """Judge a batch of the validation file."""
        every = max(1, total // JUDGED_STEPS)
        if self._validation is None or (step % every and step != total):
            return {}
        check_stop()
        corpus, sampler = self._validation
        batch = sampler.batch(turn(step, corpus.count, self._batch_size), step)
        if batch is None:
            return {}
        score = self._network.score(batch)
        return {"valid_loss": score.loss, "valid_mean_token_accuracy": score.accuracy}

    def judge_all(self, check_stop: CheckStop) -> dict[str, Any]:
        """Judge the whole validation file."""
        if self._validation is None:
            return {}
        scores: list[Score] = []
        for batch in self._validation[1].everything():
            check_stop()
            scores.append(self._network.score(batch))
        weights = [score.positions for score in scores]
        return {
            "full_valid_loss": float(np.average([s.loss for s in scores], weights=weights)),
            "full_valid_mean_token_accuracy": float(
                np.average([s.accuracy for s in scores], weights=weights)
            ),
        }

    def finish(self) -> None:
        """Nothing is to be said."""


def turn(step: int, count: int, size: int) -> list[int]:
    """Return the validation examples whose turn it is: the file round and round."""
    size = min(count, max(1, size))
    start = step * size % count
    return [(start + index) % count for index in range(size)]
