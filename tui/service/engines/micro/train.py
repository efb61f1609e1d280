"""The training loop of `micro`, from a job folder to a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tui.service.engines.micro import checkpoint
from tui.service.engines.micro.corpus import Corpus, Sampler, read_corpus
from tui.service.engines.micro.model import Adam, Network, Score, Shape

RATE = 1.5e-3
WARMUP = 5
JUDGED_STEPS = 100
LOST = 1e6

Emit = Callable[[Mapping[str, Any]], None]


class StoppedError(Exception):
    """The service asked the engine to stop; a checkpoint was written."""


class DivergedError(Exception):
    """The loss is no longer a number, or far beyond any guess."""


class Trainer:
    """One run.

    Args:
        folder: The job folder.
        emit: Writes one protocol line.
        stopped: Says whether the engine was told to stop.
    """

    def __init__(self, folder: Path, emit: Emit, stopped: Callable[[], bool]) -> None:
        self._folder = folder
        self._emit = emit
        self._stopped = stopped
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        settings = job["hyperparameters"]
        self._epochs = int(settings["n_epochs"])
        self._batch_size = int(settings["batch_size"])
        self._rate = RATE * float(settings["learning_rate_multiplier"])
        self._seed = int(job["seed"])
        self._checkpoints = folder / job.get("checkpoints", "checkpoints")
        self.network, self._optimiser = self._load(job)
        shape = self.network.shape
        corpus = read_corpus(folder / job["training_file"], shape)
        self._sampler = Sampler(corpus, shape, self._seed)
        self._steps_an_epoch = -(-corpus.count // self._batch_size)
        self.total_steps = self._steps_an_epoch * self._epochs
        self._validation = self._read_validation(job.get("validation_file"))
        self._gradient = np.zeros_like(self.network.flat)
        self._last: dict[str, float] = {}
        self._saved_step = self._optimiser.steps
        self._saved = [folder / job["resume"]] if job.get("resume") else []

    def _load(self, job: Mapping[str, Any]) -> tuple[Network, Adam]:
        if job.get("resume"):
            folder = self._folder / job["resume"]
            network = checkpoint.load(folder)
            return network, checkpoint.load_optimiser(folder, network)
        if job.get("base"):
            network = checkpoint.load(self._folder / job["base"])
        else:
            network = Network(Shape(), np.random.default_rng((self._seed, 0)))
        return network, Adam(network.flat.size)

    def _read_validation(self, name: str | None) -> tuple[Corpus, Sampler] | None:
        if not name:
            return None
        corpus = read_corpus(self._folder / name, self.network.shape)
        return corpus, Sampler(corpus, self.network.shape, self._seed)

    def run(self) -> None:
        """Train to the end and report the model.

        Raises:
            StoppedError: Told to stop; a checkpoint was written and reported.
            DivergedError: The loss is out of all bounds.
            OSError: A checkpoint could not be written.
        """
        # Overflows end in a loss that is no number, which is checked at every step.
        np.seterr(all="ignore")
        first = self._optimiser.steps
        self._emit({"type": "started", "total_steps": self.total_steps, "step": first})
        order, order_of = None, -1
        for step in range(first + 1, self.total_steps + 1):
            self._check_stop(step - 1)
            epoch, place = divmod(step - 1, self._steps_an_epoch)
            if order is None or order_of != epoch:
                order, order_of = self._sampler.order(epoch), epoch
            chosen = order[place * self._batch_size : (place + 1) * self._batch_size]
            values = self._learn(chosen, step)
            values |= self._judge_part(step)
            epoch_ends = place + 1 == self._steps_an_epoch
            if epoch_ends:
                values |= self._judge_all(step)
            self._last = values
            self._emit({"type": "metrics", "step": step, "total_steps": self.total_steps, **values})
            if epoch_ends:
                self._save(step, final=step == self.total_steps)
        self._emit({"type": "done", "path": self._relative(self.total_steps)})

    def _learn(self, examples: np.ndarray[Any, np.dtype[np.int64]], step: int) -> dict[str, float]:
        batch = self._sampler.batch(examples, step)
        if batch is None:
            # Examples with weight 0 only: the step passes, and there is no loss to tell.
            self._optimiser.steps += 1
            return {}
        score = self.network.gradient(batch, self._gradient)
        self._optimiser.step(self.network.flat, self._gradient, self._rate_at(step))
        # The parameters too: a step that spoils them shows in the loss only at the next one.
        if not (score.loss < LOST and np.isfinite(self.network.flat).all()):
            raise DivergedError(f"the loss is out of all bounds at step {step}")
        return {"train_loss": score.loss, "train_mean_token_accuracy": score.accuracy}

    def _rate_at(self, step: int) -> float:
        """Rise over the first steps, then fall in a straight line to a tenth."""
        if step <= WARMUP:
            return self._rate * step / WARMUP
        left = (self.total_steps - step) / max(1, self.total_steps - WARMUP)
        return self._rate * (0.1 + 0.9 * left)

    def _judge_part(self, step: int) -> dict[str, float]:
        every = max(1, self.total_steps // JUDGED_STEPS)
        if self._validation is None or (step % every and step != self.total_steps):
            return {}
        corpus, sampler = self._validation
        count = min(corpus.count, max(1, self._batch_size))
        start = step * count % corpus.count
        batch = sampler.batch([(start + i) % corpus.count for i in range(count)], step)
        if batch is None:
            return {}
        score = self.network.score(batch)
        return {"valid_loss": score.loss, "valid_mean_token_accuracy": score.accuracy}

    def _judge_all(self, step: int) -> dict[str, float]:
        if self._validation is None:
            return {}
        scores: list[Score] = []
        for batch in self._validation[1].everything():
            self._check_stop(step)
            scores.append(self.network.score(batch))
        weights = [score.positions for score in scores]
        return {
            "full_valid_loss": float(np.average([s.loss for s in scores], weights=weights)),
            "full_valid_mean_token_accuracy": float(
                np.average([s.accuracy for s in scores], weights=weights)
            ),
        }

    def _check_stop(self, step: int) -> None:
        if self._stopped():
            self.save_stopped(step)
            raise StoppedError

    def save_stopped(self, step: int) -> None:
        """Write the checkpoint of a run that stops after ``step``; none before the first step."""
        if step > 0 and step != self._saved_step:
            self._save(step, final=False)

    def _relative(self, step: int) -> str:
        return f"{self._checkpoints.name}/step-{step}"

    def _save(self, step: int, *, final: bool) -> None:
        folder = self._checkpoints / f"step-{step}"
        checkpoint.save(folder, self.network, None if final else self._optimiser, step)
        # The one before stays resumable: the service may die before it hears of this one.
        self._saved_step = step
        self._saved = [path for path in self._saved if path != folder] + [folder]
        for old in self._saved[:-2]:
            checkpoint.drop_state(old)
        self._saved = self._saved[-2:]
        metrics = {"step": step, **self._last}
        self._emit(
            {"type": "checkpoint", "step": step, "path": self._relative(step), "metrics": metrics}
        )
