"""What is new about a job or a log: what those who follow one hand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.jobs.models import Event, Job, MetricPoint


@dataclass(frozen=True, slots=True)
class Update:
    """What is new about a job.

    Attributes:
        job: The job as last seen; ``None`` before the provider answered once.
        events: New events, oldest first; those that carry metrics are among them. A long history
            is read from the ledger when it is looked at; see `told`.
        points: New metric points, by step, each step once in the life of a watcher; those of a
            long history are a :class:`tui.jobs.columns.PointColumns`.
        amended: Points handed out before, with values that other events added; the id is that of
            the event that added them.
        trouble: Why nothing new can be had now, in plain words; ``None`` when all is well.
        ended: This is the last update: the job has ended and nothing is missing.
        kept: The provider has not told its events yet: what is here may be long past.
    """

    job: Job | None
    events: Sequence[Event] = ()
    points: Sequence[MetricPoint] = ()
    amended: tuple[MetricPoint, ...] = ()
    trouble: str | None = None
    ended: bool = False
    kept: bool = False

    @property
    def told(self) -> Sequence[Event]:
        """The events that people read; those that only tell metrics may be left out."""
        told: Sequence[Event] = getattr(self.events, "told", self.events)
        return told
