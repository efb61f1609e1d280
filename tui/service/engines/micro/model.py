"""The network: its shape, its prediction, and the exact gradient of its loss.

``logits = relu(concat(E[window]) · W1 + (F · P) · W2 + b1) · W3 + b2``

E maps each byte to a vector; the window is the ``window`` bytes before the one to predict; F holds
hashed three-byte features of the message being answered, one row a message; P shrinks them.
All parameters lie in one flat array, so that an optimiser step is a handful of vector operations
and a checkpoint is one array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

BYTES = 256


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network.

    Attributes:
        window: Bytes of context before the one to predict.
        embedding: Length of a byte's vector.
        hidden: Hidden units.
        features: Buckets of the hashed features of the message being answered.
        summary: Length of the vector that those features are shrunk to.
    """

    window: int = 64
    embedding: int = 32
    hidden: int = 1024
    features: int = 2048
    summary: int = 64

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Return each parameter's shape, in the order they lie in the flat array."""
        return {
            "embedding": (BYTES, self.embedding),
            "window": (self.window * self.embedding, self.hidden),
            "features": (self.features, self.summary),
            "summary": (self.summary, self.hidden),
            "hidden_bias": (self.hidden,),
            "output": (self.hidden, BYTES),
            "output_bias": (BYTES,),
        }

    def to_json(self) -> dict[str, int]:
        """Return the sizes as a plain mapping."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """Positions to learn or judge.

    Attributes:
        windows: uint8, (positions, window): the bytes before each position, oldest first.
        targets: uint8, (positions,): the byte that comes next.
        group: int64, (positions,): row of ``features`` of each position, ascending.
        features: (groups, features): hashed features of the messages being answered.
    """

    windows: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    group: NDArray[np.int64]
    features: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """How well a batch was predicted: mean loss in nats a byte, share of bytes right, positions."""

    loss: float
    accuracy: float
    positions: int


class Network:
    """Parameters and what can be done with them.

    Args:
        shape: Sizes of the network.
        rng: Where the first parameters come from; ``None`` leaves them zero, to be loaded.
        dtype: float32 for use; float64 lets a test check the gradient by differences.
    """

    def __init__(
        self, shape: Shape, rng: np.random.Generator | None = None, dtype: Any = np.float32
    ) -> None:
        self.shape = shape
        sizes = shape.sizes()
        total = sum(int(np.prod(size)) for size in sizes.values())
        self.flat: Floats = np.zeros(total, dtype=dtype)
        self.parts = _views(self.flat, sizes)
        if rng is not None:
            self._initialise(rng)

    def _initialise(self, rng: np.random.Generator) -> None:
        # The output starts at zero, so the first loss is exactly that of guessing: ln 256.
        fan_in = self.shape.window * self.shape.embedding
        spread = {
            "embedding": 1.0,
            "window": float(np.sqrt(1.0 / fan_in)),
            "features": 0.2,
            "summary": float(np.sqrt(1.0 / self.shape.summary)),
        }
        for name, scale in spread.items():
            part = self.parts[name]
            part[...] = rng.standard_normal(part.shape) * scale

    def logits(self, batch: Batch) -> Floats:
        """Return the scores of each next byte, (positions, 256)."""
        return self._hidden(batch)[1] @ self.parts["output"] + self.parts["output_bias"]

    def _hidden(self, batch: Batch) -> tuple[Floats, Floats, Floats]:
        parts = self.parts
        inputs = parts["embedding"][batch.windows].reshape(len(batch.targets), -1)
        summary = batch.features @ parts["features"]
        hidden = inputs @ parts["window"]
        hidden += (summary @ parts["summary"] + parts["hidden_bias"])[batch.group]
        np.maximum(hidden, 0, out=hidden)
        return inputs, hidden, summary

    def score(self, batch: Batch) -> Score:
        """Return loss and accuracy of a batch, without a gradient."""
        return _judge(self.logits(batch), batch.targets)[0]

    def gradient(self, batch: Batch, out: Floats) -> Score:
        """Write the gradient of the batch's mean loss to ``out`` and return the score.

        Args:
            batch: At least one position.
            out: An array shaped like ``flat``; overwritten.
        """
        inputs, hidden, summary = self._hidden(batch)
        logits = hidden @ self.parts["output"] + self.parts["output_bias"]
        score, d_logits = _judge(logits, batch.targets)
        self._backward(batch, (inputs, hidden, summary), d_logits, out)
        return score

    def logprobs(self, batch: Batch) -> Floats:
        """Return the natural logarithm of the probability of each target, (positions,)."""
        return _logprobs(self.logits(batch), batch.targets)[0]

    def weighted_gradient(
        self, batch: Batch, weigh: Callable[[Floats], Floats], out: Floats
    ) -> Floats:
        """Write the gradient of a weighted sum of ``-log p`` to ``out`` and return each ``log p``.

        Args:
            batch: At least one position.
            weigh: Given ``log p`` of each target, returns each one's weight, which counts as fixed;
                a negative one makes its target less likely.
            out: An array shaped like ``flat``; overwritten.
        """
        inputs, hidden, summary = self._hidden(batch)
        logits = hidden @ self.parts["output"] + self.parts["output_bias"]
        logprobs, d_logits = _logprobs(logits, batch.targets)
        d_logits *= weigh(logprobs)[:, None]
        self._backward(batch, (inputs, hidden, summary), d_logits, out)
        return logprobs

    def _backward(
        self, batch: Batch, layers: tuple[Floats, Floats, Floats], d_logits: Floats, out: Floats
    ) -> None:
        parts, into = self.parts, _views(out, self.shape.sizes())
        inputs, hidden, summary = layers
        np.matmul(hidden.T, d_logits, out=into["output"])
        np.sum(d_logits, axis=0, out=into["output_bias"])
        d_hidden = d_logits @ parts["output"].T
        d_hidden *= hidden > 0
        np.matmul(inputs.T, d_hidden, out=into["window"])
        self._summary_gradient(batch, summary, d_hidden, into)
        _scatter(batch.windows.ravel(), d_hidden @ parts["window"].T, into["embedding"])

    def _summary_gradient(
        self, batch: Batch, summary: Floats, d_hidden: Floats, into: dict[str, Floats]
    ) -> None:
        starts = np.flatnonzero(np.diff(batch.group, prepend=-1))
        by_group = np.zeros((len(summary), self.shape.hidden), dtype=d_hidden.dtype)
        by_group[batch.group[starts]] = np.add.reduceat(d_hidden, starts, axis=0)
        np.sum(by_group, axis=0, out=into["hidden_bias"])
        np.matmul(summary.T, by_group, out=into["summary"])
        np.matmul(batch.features.T, by_group @ self.parts["summary"].T, out=into["features"])


def _views(flat: Floats, sizes: dict[str, tuple[int, ...]]) -> dict[str, Floats]:
    parts, start = {}, 0
    for name, size in sizes.items():
        end = start + int(np.prod(size))
        parts[name] = flat[start:end].reshape(size)
        start = end
    return parts


def _judge(logits: Floats, targets: NDArray[np.uint8]) -> tuple[Score, Floats]:
    """Return the score and the gradient of the mean loss with respect to the logits."""
    count = len(targets)
    rows = np.arange(count)
    accuracy = float(np.mean(logits.argmax(axis=1) == targets))
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    totals = weights.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(totals[:, 0]) - logits[rows, targets]))
    weights /= totals
    weights[rows, targets] -= 1
    weights /= count
    return Score(loss, accuracy, count), weights


def _logprobs(logits: Floats, targets: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return ``log p`` of each target and the gradient of its negative for the logits."""
    rows = np.arange(len(targets))
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    totals = weights.sum(axis=1, keepdims=True)
    logprobs = logits[rows, targets] - np.log(totals[:, 0])
    weights /= totals
    weights[rows, targets] -= 1
    return logprobs, weights


def _scatter(index: NDArray[np.uint8], values: Floats, out: Floats) -> None:
    """Add each row of ``values`` to the row of ``out`` that ``index`` names."""
    out[...] = 0
    rows = values.reshape(len(index), -1)
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.diff(ordered.astype(np.int64), prepend=-1))
    out[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)


class Adam:
    """The Adam optimiser on one flat array, with clipping of the gradient's length.

    Attributes:
        first: Running mean of the gradient.
        second: Running mean of its square.
        steps: Steps taken so far.
    """

    def __init__(self, size: int, *, clip: float = 1.0) -> None:
        self.first: Floats = np.zeros(size, dtype=np.float32)
        self.second: Floats = np.zeros(size, dtype=np.float32)
        self.steps = 0
        self._clip = clip
        self._scratch: Floats = np.zeros(size, dtype=np.float32)

    def step(self, flat: Floats, gradient: Floats, rate: float) -> None:
        """Move ``flat`` one step against ``gradient``, which is used up.

        Args:
            flat: The parameters, changed in place.
            gradient: The gradient; overwritten.
            rate: The learning rate of this step.
        """
        self.steps += 1
        length = float(np.sqrt(np.dot(gradient, gradient)))
        if length > self._clip:
            gradient *= self._clip / length
        scratch = self._scratch
        self.first *= 0.9
        np.multiply(gradient, 0.1, out=scratch)
        self.first += scratch
        self.second *= 0.99
        np.multiply(gradient, gradient, out=gradient)
        gradient *= 0.01
        self.second += gradient
        np.multiply(self.second, 1 / (1 - 0.99**self.steps), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += 1e-8
        np.divide(self.first, scratch, out=scratch)
        scratch *= rate / (1 - 0.9**self.steps)
        flat -= scratch
