"""Where a loss jumps, and which records of the training file stood behind it, where that is known.

No Textual. The order of the data is known of runs of the built-in engine only: its order follows
from the seed. Hosted providers shuffle and do not tell how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tui.run.dataset import Whereabouts, lines_of
from widgets.track import Track

if TYPE_CHECKING:
    from tui.run.state import RunState

_WINDOW = 25
_FAR = 6.0
_SEEN = 0.05
_LEAST_POINTS = 12
_MOST_LINES = 50_000_000


@dataclass(frozen=True, slots=True)
class Behind:
    """The records behind a step, or why they are not known.

    Attributes:
        lines: Physical lines of the training file, from 1.
        why_not: Why they are not known; empty when they are.
    """

    lines: tuple[int, ...] = ()
    why_not: str = ""


def spikes(track: Track, *, upwards: bool = True) -> list[float]:
    """The steps whose value stands far out of those before and after.

    Far is six times the usual distance from the median of the 25 values around, and a twentieth of
    all that the values span: what nobody would see on the chart is no spike.

    Args:
        track: What is looked at.
        upwards: Look for values far above; else for values far below.

    Returns:
        Steps, ascending.
    """
    steps, values = track.arrays()
    good = np.isfinite(values)
    steps, values = steps[good], values[good] * (1 if upwards else -1)
    if len(values) < _LEAST_POINTS:
        return []
    size = min(_WINDOW, (len(values) - 1) // 2 * 2 - 1)
    # At the ends the window is the nearest whole one; how a run begins is no spike.
    windows = np.lib.stride_tricks.sliding_window_view(values, size)
    nearest = np.clip(np.arange(len(values)) - size // 2, 0, len(windows) - 1)
    middle = np.median(windows, axis=1)
    usual = np.median(np.abs(windows - middle[:, None]), axis=1)
    apart = values - middle[nearest]
    least = np.maximum(_FAR * usual[nearest], _SEEN * float(np.ptp(values)))
    apart[: size // 2] = 0.0
    return [float(step) for step in steps[(apart > least) & (apart > 0)]]


def records_behind(state: RunState, step: int, kind: str, data: Whereabouts) -> Behind:
    """Say which records were trained on at a step. Reads the training file.

    Args:
        state: The run.
        step: The step, from 1.
        kind: The kind of its provider, as in ``tui.config.ProviderConfig``; ``log`` for a log.
        data: Where its training file is.

    Raises:
        FileError: The training file cannot be read.
    """
    job = state.job
    if job is None:
        return Behind(why_not="Nothing is known of this run yet")
    if kind != "local" or _base(job.model) != "micro":
        who = {"log": "this log does not", "local": "this engine does not"}
        teller = who.get(kind, "this provider shuffles the data and does not")
        return Behind(
            why_not=f"Which records a step trained on is not known: {teller} tell their order"
        )
    batch = job.hyperparameters.get("batch_size")
    if not isinstance(batch, int) or job.seed is None:
        return Behind(why_not="The batch size and the seed of this run are not known yet")
    if not data.path:
        return Behind(why_not=data.why_not)
    lines = _examples(data.path)
    from tui.service import examples_of_step

    chosen = examples_of_step(job.seed, step, batch, len(lines))
    return Behind(tuple(sorted(lines[i] for i in chosen)))


def _base(model: str) -> str:
    """The model that was tuned in the first place: a tuned one names it after ``ft:``."""
    return model.removeprefix("ft:").partition(":")[0]


def _examples(path: str) -> list[int]:
    """The physical lines that hold a record: all that are not blank."""
    numbered = zip(range(1, _MOST_LINES), lines_of(path), strict=False)
    return [number for number, line in numbered if line.removeprefix(b"\xef\xbb\xbf").strip()]
