"""The training loop of `micro`, from a job folder to a model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tui.service.engines.micro import checkpoint
from tui.service.engines.micro.model import Adam, Network, Shape
from tui.service.engines.micro.preferences import Preferences
from tui.service.engines.micro.reinforcement import Reinforcement
from tui.service.engines.micro.tasks import Examples, Supervised, Task
from tui.service.order import epoch_order

WARMUP = 5
LOST = 1e6
SNAPSHOT_SECONDS = 30.0

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
        self._seed = int(job["seed"])
        self._checkpoints = folder / job.get("checkpoints", "checkpoints")
        self.network, self._optimiser = self._load(job)
        self._task = self._make_task(job)
        self._rate = self._task.rate * float(settings["learning_rate_multiplier"])
        self._steps_an_epoch = -(-self._task.count // self._batch_size)
        self.total_steps = self._steps_an_epoch * self._epochs
        self._gradient = np.zeros_like(self.network.flat)
        self._last: dict[str, Any] = {}
        self._saved_at = time.monotonic()
        # A snapshot is no checkpoint: a stop right after it still writes one.
        snapshot = "snapshot-" in (job.get("resume") or "")
        self._saved_step = -1 if snapshot else self._optimiser.steps
        self._saved = [folder / job["resume"]] if job.get("resume") else []

    def _load(self, job: Mapping[str, Any]) -> tuple[Network, Adam]:
        if job.get("resume"):
            folder = self._folder / job["resume"]
            network = checkpoint.load(folder)
            return network, checkpoint.load_optimiser(folder, network)
        network = self._first(job)
        return network, Adam(network.flat.size)

    def _first(self, job: Mapping[str, Any]) -> Network:
        """Return the network as it is before the first step, also when a run is resumed."""
        if job.get("base"):
            return checkpoint.load(self._folder / job["base"])
        return Network(Shape(), np.random.default_rng((self._seed, 0)))

    def _make_task(self, job: Mapping[str, Any]) -> Task:
        match job.get("method", "supervised"):
            case "supervised":
                return Supervised(self._folder, job, self.network)
            case "dpo":
                return Preferences(self._folder, job, self.network, self._first(job))
            case "reinforcement":
                return Reinforcement(self._folder, job, self.network, self._first(job))
            case other:
                raise ValueError(f"the method {other} is not known")

    def run(self) -> None:
        """Train to the end and report the model.

        Raises:
            StoppedError: Told to stop; a checkpoint was written and reported.
            DivergedError: The loss is out of all bounds.
            NoSignalError: There was nothing to learn.
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
                order, order_of = epoch_order(self._seed, epoch, self._task.count), epoch
            chosen = order[place * self._batch_size : (place + 1) * self._batch_size]
            values = self._learn(chosen, step)
            check_stop = partial(self._check_stop, step, values)
            values = _merged(values, self._task.judge_part(step, self.total_steps, check_stop))
            epoch_ends = place + 1 == self._steps_an_epoch
            if epoch_ends:
                values |= self._task.judge_all(check_stop)
            self._tell(step, values)
            if epoch_ends:
                self._save(step, final=step == self.total_steps)
            elif time.monotonic() - self._saved_at > SNAPSHOT_SECONDS:
                self._save_snapshot(step)
        self._task.finish()
        self._emit({"type": "done", "path": self._relative(self.total_steps)})

    def _learn(self, examples: Examples, step: int) -> dict[str, Any]:
        values = self._task.learn(
            examples, step, self._gradient, partial(self._check_stop, step - 1)
        )
        if values is None:
            self._optimiser.steps += 1
            return {}
        self._optimiser.step(self.network.flat, self._gradient, self._rate_at(step))
        # The parameters too: a step that spoils them shows in the loss only at the next one.
        loss = values.get("train_loss", 0.0)
        if not (loss < LOST and np.isfinite(self.network.flat).all()):
            raise DivergedError(f"the loss is out of all bounds at step {step}")
        return values

    def _rate_at(self, step: int) -> float:
        """Rise over the first steps, then fall in a straight line to a tenth."""
        if step <= WARMUP:
            return self._rate * step / WARMUP
        left = (self.total_steps - step) / max(1, self.total_steps - WARMUP)
        return self._rate * (0.1 + 0.9 * left)

    def _tell(self, step: int, values: dict[str, Any]) -> None:
        self._last = values
        self._emit({"type": "metrics", "step": step, "total_steps": self.total_steps, **values})

    def _check_stop(self, step: int, values: dict[str, Any] | None = None) -> None:
        """End the run after ``step`` if it was told to; what that step gave is told first."""
        if self._stopped():
            if values is not None:
                self._tell(step, values)
            self.save_stopped(step)
            raise StoppedError

    def save_stopped(self, step: int) -> None:
        """Write the checkpoint of a run that stops after ``step``; none before the first step."""
        if step > 0 and step != self._saved_step:
            self._save(step, final=False)

    def _save_snapshot(self, step: int) -> None:
        """Keep what a run that is killed goes on from, where an epoch takes long."""
        folder = self._checkpoints / f"snapshot-{step}"
        checkpoint.save(folder, self.network, self._optimiser, step)
        self._saved_at = time.monotonic()
        self._emit(
            {"type": "snapshot", "step": step, "path": f"{self._checkpoints.name}/{folder.name}"}
        )

    def _relative(self, step: int) -> str:
        return f"{self._checkpoints.name}/step-{step}"

    def _save(self, step: int, *, final: bool) -> None:
        folder = self._checkpoints / f"step-{step}"
        checkpoint.save(folder, self.network, None if final else self._optimiser, step)
        # The one before stays resumable: the service may die before it hears of this one.
        self._saved_step = step
        self._saved_at = time.monotonic()
        self._saved = [path for path in self._saved if path != folder] + [folder]
        for old in self._saved[:-2]:
            checkpoint.drop_state(old)
        self._saved = self._saved[-2:]
        metrics = {"step": step, **self._last}
        self._emit(
            {"type": "checkpoint", "step": step, "path": self._relative(step), "metrics": metrics}
        )


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, what is nested under the same name side by side."""
    found = dict(first)
    for name, value in second.items():
        old = found.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merged(old, value)
        found[name] = value
    return found
