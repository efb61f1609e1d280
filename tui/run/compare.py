"""Runs side by side: what each of them is, what it was told, and which of its numbers count.

Hosted jobs and local logs are the same here: a :class:`Compared` is a run's state and its name.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tui.run.measures import Measure, measures_of
from tui.run.words import short_id
from widgets.track import Track

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from tui.run.state import RunState

LOG = "log"
"""The name of the provider of local logs in a :data:`tui.run.runlist.RunKey`."""

LETTERS = "abcdefgh"
"""What runs are called on the chart; it shows so many at most."""

MOST = 100
"""Runs that are compared at most."""

_LOWER = re.compile(r"loss|perplexity|ppl|error|reject|penalty|(?<![a-z])(?:wer|cer|kl|mse)")
_HIGHER = re.compile(
    r"reward|acc|score|f1|bleu|rouge|win|margin|chosen|precision|recall|auc|match|pass|similar|r2"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one run by which runs are compared.

    Attributes:
        train: On training data; empty when not told.
        valid: On validation data, all of it where that is told; empty when not told.
        highest: Whether more is better.
    """

    train: Track
    valid: Track
    highest: bool


@dataclass(slots=True, eq=False)
class Compared:
    """One of the runs.

    Attributes:
        key: Its provider and its id there; the path of a log.
        title: Its name for people; not cleaned.
        state: What is known of it.
        file: Path of its training file, where this machine knows it.
        sha256: Of its training file, where this machine launched it.
        validation: Path of its validation file, where this machine knows it.
        trouble: Why nothing new is known of it; not cleaned.
    """

    key: RunKey
    title: str
    state: RunState
    file: str = ""
    sha256: str = ""
    validation: str = ""
    trouble: str = ""

    @property
    def status(self) -> str:
        """Its status; ``unknown`` while nothing is known."""
        return self.state.status or "unknown"

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """What it was told to train with, method and model among it."""
        job = self.state.job
        if job is None:
            return {}
        found = {name: value for name, value in job.hyperparameters.items() if value is not None}
        if job.model:
            found["model"] = job.model
        if job.method != "supervised":
            found["method"] = job.method
        if job.seed is not None:
            found["seed"] = job.seed
        return found

    @property
    def data(self) -> str:
        """What it was trained on: the file's name here, else the provider's id of it."""
        if self.file:
            return os.path.basename(self.file)
        return (self.state.job.training_file or "") if self.state.job else ""

    @property
    def data_id(self) -> str:
        """What is the same for runs that were trained on the same bytes; empty where unknown.

        Runs of which one tells a hash and the other only a provider's id cannot be told apart by
        it.
        """
        job = self.state.job
        if self.sha256:
            return self.sha256
        return f"{self.key[0]} {job.training_file}" if job and job.training_file else ""

    @property
    def valid_data(self) -> str:
        """What it was validated on: the file's name here, else the provider's id of it."""
        job = self.state.job
        if job is None or not job.validation_file:
            return ""
        return os.path.basename(self.validation) or job.validation_file

    @property
    def valid_id(self) -> str:
        """What is the same for runs that one provider validated on the same file; else empty."""
        job = self.state.job
        return f"{self.key[0]} {job.validation_file}" if job and job.validation_file else ""

    def reading(self, measure: str) -> Reading:
        """Return the numbers of a measure, as in :class:`tui.run.measures.Measure`."""
        found = _measure_of(tuple(self.state.metrics), measure)
        train, valid = Track(), Track()
        for part in found.parts if found else ():
            track = self.state.metrics[part.name]
            if part.label in ("valid", "full valid"):
                # All of the validation data says more than a batch of it; it comes last.
                valid = track
            elif not len(train):
                train = track
        return Reading(train, valid, higher_is_better(measure))


@lru_cache(maxsize=1024)
def _measure_of(names: tuple[str, ...], measure: str) -> Measure | None:
    return next((each for each in measures_of(names) if each.name == measure), None)


def higher_is_better(measure: str) -> bool:
    """Return whether more of a measure is better, by its name; of unknown ones less is."""
    name = measure.lower()
    return not _LOWER.search(name) and bool(_HIGHER.search(name))


def measures(runs: Sequence[Compared]) -> dict[str, int]:
    """Return what can be compared, the most telling first, and how many runs tell it."""
    told = Counter(tuple(run.state.metrics) for run in runs)
    counts: Counter[str] = Counter()
    for names, count in told.items():
        counts.update({each.name: count for each in measures_of(names)})
    every = measures_of(dict.fromkeys(name for names in told for name in names))
    known = [each.name for each in every if each.name in counts]
    return {name: counts[name] for name in dict.fromkeys((*known, *counts))}


def usual_measure(runs: Sequence[Compared]) -> str:
    """Return what runs are compared by unless chosen: loss or reward, whichever most of them tell.

    Where none tells either, the most telling of what they do tell.
    """
    found = measures(runs)
    judged = {name: count for name, count in found.items() if name in ("loss", "reward")}
    most = max(judged.values(), default=0)
    return next((n for n, c in judged.items() if c == most), next(iter(found), "loss"))


def differing(runs: Sequence[Compared]) -> list[str]:
    """Return the hyperparameters in which the runs differ, in the order they are first told.

    One that only some of the runs tell of differs too, but not where just one run tells anything.
    """
    telling = [run.hyperparameters for run in runs if run.hyperparameters]
    names = dict.fromkeys(name for found in telling for name in found)
    if len(telling) < 2:
        return []
    return [name for name in names if len({said(found.get(name)) for found in telling}) > 1]


def said(value: object) -> str:
    """Return a setting in words; ``-`` for none."""
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def name_apart(runs: Sequence[Compared]) -> None:
    """Give the runs names that differ: logs by their folders, jobs of one suffix by their ids."""
    from tui.logs import log_title

    logs = [run for run in runs if run.key[0] == LOG]
    for depth in range(1, 5):
        names = [log_title(run.key[1], depth) for run in logs]
        for run, name in zip(logs, names, strict=True):
            run.title = name
        if len(set(names)) == len(names):
            break
    for run in runs:
        if run.key[0] != LOG:
            run.title = _name_of(run)
    taken = Counter(run.title for run in runs)
    for run in runs:
        if taken[run.title] > 1 and run.key[0] != LOG and run.title != run.key[1]:
            run.title = f"{run.title} {short_id(run.key[1])}"
    again = Counter(run.title for run in runs)
    for run in runs:
        if again[run.title] > 1:
            run.title = f"{run.title} {run.key[0] if run.key[0] != LOG else run.key[1]}"


def _name_of(run: Compared) -> str:
    suffix = run.state.job.suffix if run.state.job else None
    # A provider may leave nothing of a suffix but a dash.
    return suffix if suffix and any(each.isalnum() for each in suffix) else run.key[1]
