"""Which stop rules hold for a job that is given none now: those it was given before, else standing.

Standing rules are those of the settings file, for whatever is watched::

    stop_if = ["train_loss is nan then cancel", "no event for 30m"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tui.errors import UsageError
from tui.run.stop_words import parse_all
from tui.run.stops import Action, StopRule

if TYPE_CHECKING:
    from tui.jobs import KeptRule


class Held(NamedTuple):
    """The rules of a job that is given none.

    Attributes:
        rules: What is held against it.
        words: Where they come from, as a title.
        left_out: Why others are not held, in words; not cleaned.
    """

    rules: tuple[StopRule, ...]
    words: str
    left_out: tuple[str, ...]


def held(kept: Sequence[KeptRule], settings: Sequence[str], no_cancel: str) -> Held:
    """Return the rules that hold for a job that is given none now.

    Args:
        kept: The rules that the job was given before; those that acted are done with.
        settings: The rules of the settings file.
        no_cancel: Why no rule can cancel the job; empty where they can.
    """
    texts, words = [one.text for one in kept if one.acted_at is None], "Stop rules from before"
    if not texts:
        texts, words = list(settings), "Stop rules of the settings"
    done = {one.text for one in kept if one.acted_at is not None}
    rules: dict[StopRule, None] = {}
    left_out = []
    for text in texts:
        try:
            found = parse_all([text])
        except UsageError as error:
            left_out.append(str(error))
            continue
        for rule in found:
            if no_cancel and rule.action is Action.CANCEL:
                left_out.append(f"{rule}: {no_cancel}")
            elif str(rule) not in done:
                rules[rule] = None
    return Held(tuple(rules), words, tuple(left_out))
