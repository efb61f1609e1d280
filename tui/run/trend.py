"""The course of a run in words: for people who listen to a screen, for cron, for a glance.

``train_loss fell from 2.31 to 0.42 over 120 steps; best valid_loss 0.51 at step 100; its last 3
measurements rose``
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from widgets.numbers import integer, metric

if TYPE_CHECKING:
    from tui.run.state import RunState
    from widgets.track import Track

# A change smaller than this part of the first value is none.
_SAME = 0.01
# So many rises or falls at the end are worth a word.
_WORTH = 2
# Of many noisy values, the mean of the first and last twentieth says more than one.
_ENDS = 20
_MOST_AVERAGED = 25


def trend(state: RunState) -> str:
    """Say how a run went so far, in one line without a full stop; names are not cleaned."""
    parts = []
    name = _name_of(state, state.train)
    if name:
        parts.append(_course(name, state.train))
        parts += _gaps(name, state.train)
    if state.best is not None:
        parts += _validation(state.best[0], state)
    if not parts and state.metrics:
        name, track = next(iter(state.metrics.items()))
        parts.append(_course(name, track))
    return "; ".join(parts) or "nothing has been measured yet"


def _name_of(state: RunState, track: Track) -> str:
    return next((name for name, found in state.metrics.items() if found is track), "")


def _course(name: str, track: Track) -> str:
    places = [at for at, value in enumerate(track.values) if math.isfinite(value)]
    if not places:
        return f"{name} has no finite value in {len(track)} measurements"
    if len(places) == 1:
        at = places[0]
        return f"{name} is {metric(track.values[at])} at step {integer(track.steps[at])}"
    count = max(1, min(_MOST_AVERAGED, len(places) // _ENDS))
    first = math.fsum(track.values[at] for at in places[:count]) / count
    last = math.fsum(track.values[at] for at in places[-count:]) / count
    steps = track.steps[places[-1]] - track.steps[places[0]]
    over = f"over {integer(steps)} step{'' if steps == 1 else 's'}"
    about = ""
    if count > 1:
        # The last value stands in the plot's head and in the panel, and is another number.
        about, over = "about ", f"{over}, {metric(track.values[places[-1]])} at the last"
    if abs(last - first) <= _SAME * abs(first):
        return f"{name} hardly changed, {about}{metric(first)} to {metric(last)} {over}"
    way = "rose" if last > first else "fell"
    return f"{name} {way} from {about}{metric(first)} to {about}{metric(last)} {over}"


def _gaps(name: str, track: Track) -> list[str]:
    places = [at for at, value in enumerate(track.values) if not math.isfinite(value)]
    if not places:
        return []
    times = "once" if len(places) == 1 else f"{len(places)} times"
    return [f"{name} was no finite number {times}, first at step {integer(track.steps[places[0]])}"]


def _validation(name: str, state: RunState) -> list[str]:
    track = state.metrics[name]
    best = track.best(highest=state.higher_is_better)
    if best is None:
        return []
    said = [f"best {name} {metric(best[0])} at step {integer(best[1])}"]
    newest = track.last_finite
    if newest is not None and newest != best[0]:
        said[0] += f", {metric(newest)} at the last"
    rises, falls = ends_rising(track.values), ends_rising([-value for value in track.values])
    if rises >= _WORTH:
        said.append(f"its last {rises} measurements rose")
    elif falls >= _WORTH:
        said.append(f"its last {falls} measurements fell")
    return said


def ends_rising(values: Iterable[float]) -> int:
    """Return how many of the last values were each higher than the one before it.

    What is no number neither counts nor ends the row.
    """
    finite = [v for v in values if math.isfinite(v)]
    count = 0
    for later, earlier in zip(reversed(finite), reversed(finite[:-1]), strict=False):
        if later <= earlier:
            break
        count += 1
    return count
