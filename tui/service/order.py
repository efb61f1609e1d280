"""Which examples the built-in engine trains on at a step: known before and after the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order in which an epoch, from 0, goes through the examples, from 0."""
    return np.random.default_rng((seed, 1, epoch)).permutation(count)


def examples_of_step(seed: int, step: int, batch_size: int, count: int) -> list[int]:
    """The examples of a batch.

    Args:
        seed: The run's seed.
        step: The step, from 1.
        batch_size: Examples a step.
        count: Examples in the training file.

    Returns:
        Their places in the file, from 0, blank lines not counted.
    """
    if step < 1 or batch_size < 1 or count < 1:
        return []
    epoch, place = divmod(step - 1, -(-count // batch_size))
    order = epoch_order(seed, epoch, count)
    return [int(i) for i in order[place * batch_size : (place + 1) * batch_size]]
