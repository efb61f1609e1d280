"""Which of the runs that are compared did best, and in what it differs from the next."""

from __future__ import annotations

from collections.abc import Sequence

from tui.run.compare import LOG, Compared, differing, said, usual_measure
from tui.run.sidebyside import LABELS, best_of
from widgets.numbers import integer, metric

_MOST_SAID = 3


def verdict(runs: Sequence[Compared], measure: str = "") -> str:
    """Say which run did best, and in what it differs from the next, in one line.

    Names are not cleaned.

    Args:
        runs: The runs.
        measure: By what they are compared; by the usual unless given.

    Returns:
        The line; empty where there is nothing to judge by.
    """
    measure = measure or usual_measure(runs)
    judged = []
    for run in runs:
        reading = run.reading(measure)
        best = best_of(reading.valid, highest=reading.highest)
        if best is not None:
            judged.append((-best[0] if reading.highest else best[0], best, reading.highest, run))
    if len(judged) < 2:
        return ""
    (_, best, highest, first), (_, next_best, _, second) = sorted(judged, key=lambda e: e[0])[:2]
    same = _same_validation(first, second)
    if best[0] == next_best[0]:
        level = sum(each[1][0] == best[0] for each in judged) - 2
        more = f", {second.title} and {level} more" if level else f" and {second.title}"
        return f"{first.title}{more} are level: {metric(best[0])}{same}"
    return (
        f"{first.title} has the {'highest' if highest else 'lowest'} validation "
        f"{measure.replace('_', ' ')}, {metric(best[0])} at step {integer(best[1])}; "
        f"{second.title} has {metric(next_best[0])}{_why(first, second)}{same}"
    )


def _why(first: Compared, second: Compared) -> str:
    """Say in what the first differs from the second."""
    told = [
        f"{LABELS.get(name, name)} {said(first.hyperparameters.get(name))} against "
        f"{said(second.hyperparameters.get(name))}"
        for name in differing([first, second])
    ]
    # A number says more than a word: none of them is known to be the reason.
    if first.data_id and second.data_id and first.data_id != second.data_id:
        told.insert(0, "other data")
    if not told:
        return ""
    more = f" and {len(told) - _MOST_SAID} more" if len(told) > _MOST_SAID else ""
    return f" ({', '.join(told[:_MOST_SAID])}{more})"


def _same_validation(first: Compared, second: Compared) -> str:
    if first.valid_id and first.valid_id == second.valid_id:
        return ""
    if first.valid_id and second.valid_id and first.key[0] == second.key[0]:
        return "; they were validated on different files"
    if LOG in (first.key[0], second.key[0]) or first.valid_id or second.valid_id:
        return "; whether on the same validation data is not known"
    return ""
