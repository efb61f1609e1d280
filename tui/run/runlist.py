"""The rows of the Jobs screen as plain values: runs of one provider, and how sure they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.run.state import Price
from tui.run.words import short_id

if TYPE_CHECKING:
    from tui.jobs import Job, JobRow, LaunchRow, Progress

RunKey = tuple[str, str]
"""What tells a run from all others: its provider's name and its id there."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list.

    Attributes:
        job: The run as last described.
        seen_at: When it was last found changed, in seconds since 1970.
        progress: Its newest metrics.
        price: The estimate made at its launch from this machine.
        file: Path of its training file on this machine; empty when launched elsewhere.
        cancel_asked: When a cancel was agreed to, in seconds since 1970, while the run goes on.
        cancel_heard: Whether the provider has answered that cancel.
        gone: The provider does not know the run any more, though it had not ended.
    """

    job: Job
    seen_at: float
    progress: Progress | None = None
    price: Price | None = None
    file: str = ""
    cancel_asked: float | None = None
    cancel_heard: bool = False
    gone: bool = False

    @property
    def key(self) -> RunKey:
        """What tells this run from all others."""
        return self.job.provider, self.job.id

    @property
    def going(self) -> bool:
        """Whether the run has not ended, as far as anybody knows."""
        return not self.job.terminal and not self.gone


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs of one provider, newest first, and how sure that is.

    Attributes:
        rows: The runs.
        unsettled: Launches of this machine whose outcome is not known.
        trouble: Why the provider did not answer; ``None`` when it did.
        seen_at: When the provider last answered, in seconds since 1970; ``None`` if never.
        asked: Whether the provider was asked; before, this is what the ledger knows.
    """

    rows: tuple[RunRow, ...] = ()
    unsettled: tuple[LaunchRow, ...] = ()
    trouble: str | None = None
    seen_at: float | None = None
    asked: bool = False

    def after_asking(self, trouble: str | None) -> RunList:
        """Return the same list, with why the provider did not answer, if it did not."""
        return replace(self, trouble=trouble, asked=True)


def run_names(rows: Sequence[RunRow]) -> list[str]:
    """Return what to call each run: its suffix, its file or its id.

    Where several would share a name, a part of the id tells them apart.
    """
    names = [row.job.suffix or os.path.basename(row.file) or row.job.id for row in rows]
    taken = Counter(names)
    return [
        name if taken[name] == 1 else f"{name} {short_id(row.job.id)}"
        for name, row in zip(names, rows, strict=True)
    ]


def price_of(estimate: Mapping[str, Any] | None) -> Price | None:
    """Read the estimate that the ledger keeps with a launch (a cost row)."""
    tokens = estimate.get("tokens_billed") if estimate else None
    if not isinstance(tokens, (int, float)) or estimate is None:
        return None
    usd = estimate.get("usd")
    return Price(int(tokens), float(usd) if isinstance(usd, (int, float)) else None)


def run_row(row: JobRow, provider: str, live: Progress | None = None) -> RunRow:
    """Return a row of the ledger as one of the list.

    Args:
        row: What the ledger knows.
        provider: The provider's name.
        live: Metrics seen since that nobody has kept.
    """
    job, progress = row.job, row.progress
    if job.provider != provider:
        job = replace(job, provider=provider)
    if live is not None and (progress is None or live.step > progress.step):
        progress = live
    return RunRow(
        job,
        row.seen_at,
        progress,
        price_of(row.estimate),
        row.file,
        row.cancel_asked,
        row.cancel_heard,
        row.gone,
    )
