"""The open dataset and what is known of it so far.

The head of the file is read at once, with ``os`` and ``orjson`` only, so that the first records
are on screen before anything heavy is imported. The line index and then the scan run behind it in
worker threads, which change nothing here themselves: they post messages to the application, whose
handlers call :meth:`Workspace.apply`. Screens listen to :attr:`Workspace.changes`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from textual.signal import Signal

from tui.messages import FromWorker

if TYPE_CHECKING:
    from tui.dataset import CheckReport, LineIndex, Record, Source
    from tui.deck import Deck
    from tui.tokens import TokenTable


class Stage(StrEnum):
    """How far the work on the open dataset has got."""

    CLOSED = "closed"
    HEAD = "head"
    INDEXING = "indexing"
    SCANNING = "scanning"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Change(StrEnum):
    """What :attr:`Workspace.changes` tells of."""

    OPENED = "opened"
    LINES = "lines"
    SCAN = "scan"
    ENDED = "ended"
    DISK = "disk"


class Workspace:
    """The open dataset, its index, and the latest results of the scan.

    Attributes:
        changes: Published on the event loop whenever something here changed.
        source: The open file, or ``None``.
        index: Its lines, as far as they are known.
        stage: How far the work has got.
        report: The latest check report; partial until ``stage`` is ``DONE``.
        table: The latest token table; partial until ``stage`` is ``DONE``.
        model: The model whose limits and encoding the scan uses.
        fraction: How much of the current work is done, 0 to 1.
        failure: Why the work failed; foreign text, not cleaned.
        stale: How the file changed on disk since it was opened; empty when it did not.
    """

    def __init__(self, deck: Deck, *, model: str = "gpt-4.1-mini", profile: str = "openai") -> None:
        self._deck = deck
        self.changes: Signal[Change] = Signal(deck, "workspace")
        self.model = model
        self.profile = profile
        self.source: Source | None = None
        self.index: LineIndex | None = None
        self.path = ""
        self.stage = Stage.CLOSED
        self.report: CheckReport | None = None
        self.table: TokenTable | None = None
        self.fraction = 0.0
        self.failure = ""
        self.stale = ""

    @property
    def lines(self) -> int:
        """The number of lines known so far."""
        return self.index.lines if self.index is not None else 0

    def open(self, path: str) -> None:
        """Open a file and read its head; the work behind it begins with :meth:`start`.

        Raises:
            FileError: It cannot be read, is empty, or is not text.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Begin the index and the scan in worker threads."""

    def stop(self) -> bool:
        """Stop the work, keeping what it found; return whether there was any."""
        return False

    def reload(self) -> None:
        """Open the same file again, as it is now."""

    def record(self, i: int) -> Record:
        """Return the record on the 0-based line ``i`` with its issues."""
        raise NotImplementedError

    def apply(self, message: FromWorker) -> None:
        """Take in news from a worker (called on the event loop only)."""

    def close(self) -> None:
        """Close the dataset."""
