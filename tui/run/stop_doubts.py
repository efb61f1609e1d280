"""What may keep a stop rule from doing what is meant: a name misspelt, a number nobody tells."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.run.stops import OF_THE_RUN, SAME, StopRule, Test, metric_named, plain_name

if TYPE_CHECKING:
    from tui.run.state import RunState

_UNKNOWN = {
    "cost": "what the run costs",
    "tokens": "how many tokens were trained",
    "epoch": "the epoch",
    "step": "the step",
}


def unheard(rule: StopRule, metrics: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the names that a rule looks at and has not found, each with what may be meant by it.

    The second is empty where nothing reads alike.
    """
    found = []
    for one in rule.conditions if metrics else ():
        name = one.subject
        if not one.measured(metrics) or metric_named(metrics, name) is not None:
            continue
        # The first letter tells train from valid, which read alike otherwise.
        alike = [other for other in metrics if other[:1].casefold() == name[:1].casefold()]
        close = difflib.get_close_matches(plain_name(name), alike, 1, 0.8)
        found.append((name, next(iter(close), "")))
    return found


def doubt(rule: StopRule, metrics: Mapping[str, object]) -> str:
    """Say what is better held against a rule's limit, where chance may make it true."""
    full = "full_valid_loss"
    for one in rule.conditions:
        row = one.test in (Test.RISES, Test.FALLS) and not one.percent
        name = metric_named(metrics, one.subject) if row and full in metrics else None
        if name is not None and name != full and name in SAME[1]:
            way = one.test.value
            return (
                f"{name} is measured on a few examples each time and goes up and down by chance; "
                f"'{full} {way} {one.number:g}' and '{name} {way} 10%' are calmer"
            )
    return ""


def unknown(rule: StopRule, state: RunState) -> list[str]:
    """Return what a rule asks of a run that goes on and that nobody here can know."""
    if not state.step or state.terminal:
        return []
    found = []
    for one in rule.conditions:
        if one.test is Test.TIME:
            if state.elapsed(0.0) is None:
                found.append("when the run began")
        elif one.subject in OF_THE_RUN and not one.measured(state.metrics):
            found += [_UNKNOWN[one.subject]] if math.isnan(one.of_the_run(state)) else []
    return found
