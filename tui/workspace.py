"""The open dataset and what is known of it so far.

The head of the file is read at once, with ``os`` and ``orjson`` only, so that the first records
are on screen before anything heavy is imported. The line index and then the scan run behind it in
worker threads, which change nothing here themselves: they post messages to the application, whose
handlers call :meth:`Workspace.apply`. Screens listen to :attr:`Workspace.changes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.signal import Signal
from textual.worker import get_current_worker

from tui.edits import Edits
from tui.errors import FileError, TunedeckError
from tui.messages import (
    DiskChanged,
    FormatKnown,
    FromWorker,
    IndexGrew,
    IndexReady,
    ScanEnded,
    ScanGrew,
    WorkFailed,
)
from tui.opening import Lease, Opened, load

if TYPE_CHECKING:
    from tui.dataset import (
        CheckReport,
        Facets,
        Format,
        Issue,
        LineIndex,
        Record,
        ScanUpdate,
        Source,
    )
    from tui.deck import Deck
    from tui.tokens import TokenTable

WATCH_SECONDS = 2.0
# What moves by itself moves at most twice a second: every frame is bytes on the line.
NEWS_SECONDS = 0.5


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
    FORMAT = "format"
    LINES = "lines"
    SCAN = "scan"
    ENDED = "ended"
    DISK = "disk"
    EDITED = "edited"


class Workspace:
    """The open dataset, its index, and the latest results of the scan.

    Attributes:
        changes: Published on the event loop whenever something here changed.
        source: The open file, or ``None``.
        index: Its lines, as far as they are known.
        path: The path it was opened by.
        format: What kind of records it holds; ``None`` until enough of it is read.
        stage: How far the work has got.
        report: The latest check report; partial until ``stage`` is ``DONE``.
        table: The latest token table; partial until ``stage`` is ``DONE``.
        facets: What is known of each record; partial until ``stage`` is ``DONE``.
        model: The model whose limits and encoding the scan uses.
        profile: The name of the rule profile.
        fraction: How much of the current work is done, 0 to 1.
        failure: Why the work failed; foreign text, not cleaned.
        stale: How the file changed on disk since it was opened; empty when it did not.
        edits: Records a person edited and has not written to a new file yet.
    """

    def __init__(self, deck: Deck, *, model: str = "gpt-4.1-mini", profile: str = "openai") -> None:
        self._deck = deck
        self.changes: Signal[Change] = Signal(deck, "workspace")
        self.model = model
        self.profile = profile
        self._lease: Lease | None = None
        self._generation = 0
        self._watching = False
        self._reset()

    def _reset(self) -> None:
        self.source: Source | None = None
        self.index: LineIndex | None = None
        self.path = ""
        self.format: Format | None = None
        self.stage = Stage.CLOSED
        self.report: CheckReport | None = None
        self.table: TokenTable | None = None
        self.facets: Facets | None = None
        self.fraction = 0.0
        self.failure = ""
        self.stale = ""
        self.edits = Edits()

    @property
    def lines(self) -> int:
        """The number of lines known so far."""
        return self.index.lines if self.index is not None else 0

    @property
    def working(self) -> bool:
        """Whether the index or the scan is running."""
        return self.stage in (Stage.HEAD, Stage.INDEXING, Stage.SCANNING)

    def open(self, path: str) -> None:
        """Open a file and read its head; the work behind it begins with :meth:`start`.

        What was open before stays open when this fails.

        Raises:
            FileError: It cannot be read, is empty, or is not text.
        """
        self.adopt(load(path))

    def adopt(self, opened: Opened) -> None:
        """Put an opened file in place of what was open."""
        self.close()
        self._lease = Lease(opened.source)
        self.source, self.index, self.path = opened.source, opened.index, opened.path
        self.stage = Stage.HEAD
        self.edits = Edits.of(opened.source, self._deck.paths.state)
        self.changes.publish(Change.OPENED)

    def close(self) -> None:
        """Close the dataset; workers that still read it notice and stop."""
        self._generation += 1
        self._deck.workers.cancel_group(self._deck, "dataset")
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        self._reset()

    def start(self) -> None:
        """Begin the index and then the scan in worker threads."""
        if self._lease is None or self.stage in (Stage.INDEXING, Stage.SCANNING):
            return
        self._generation += 1
        if not self._watching:
            self._watching = True
            self._deck.set_interval(WATCH_SECONDS, self._watch)
        self.fraction = 0.0
        self.stage = Stage.INDEXING
        self._work(self._index_lines)
        self.changes.publish(Change.LINES)

    def stop(self) -> bool:
        """Stop the work, keeping what it found; return whether there was any."""
        if self.stage not in (Stage.INDEXING, Stage.SCANNING):
            return False
        self._deck.workers.cancel_group(self._deck, "dataset")
        self.stage = Stage.STOPPED
        self.changes.publish(Change.ENDED)
        return True

    def reload(self) -> None:
        """Open the same file again, as it is now, and begin the work anew.

        Raises:
            FileError: It is gone, or no longer readable; the old one stays open.
        """
        if self.path:
            self.open(self.path)
            self.start()

    def use_model(self, model: str) -> None:
        """Count and check for another model from now on; scans again."""
        self.model = model
        if self._lease is not None:
            self.stop()
            self.start()

    def record(self, i: int) -> Record:
        """Return the record ``i`` (0-based) with its issues.

        Raises:
            FileError: The file can no longer be read there.
        """
        from tui.dataset import Format, read_record, record_from

        if self.source is None or self.index is None:
            raise FileError("no dataset is open", "press o to open one")
        known = self.format or Format.CHAT
        edited = self.edits.get(i)
        if edited is not None:
            return record_from(
                edited,
                line=self.line_of(i),
                column=self.column_of(i),
                profile=self.profile,
                format=known,
            )
        return read_record(self.source, self.index, i, profile=self.profile, format=known)

    def head_of(self, i: int, limit: int) -> tuple[bytes, int]:
        """Return the first ``limit`` bytes of the record ``i`` (0-based), and its whole size."""
        if self.source is None or self.index is None:
            return b"", 0
        edited = self.edits.get(i)
        if edited is not None:
            return edited[:limit], len(edited)
        offset, length = self.index.span(i)
        return self.source.read(offset, min(length, limit)), length

    def line_of(self, i: int) -> int:
        """Return the 1-based line of the file on which the record ``i`` (0-based) starts."""
        return self.index.line_number(i) if self.index is not None else i + 1

    def column_of(self, i: int) -> int:
        """Return the 1-based column at which the record ``i`` (0-based) starts on its line."""
        if self.index is None or self.source is None or not self.index.is_array:
            return 1
        return self.index.place(self.source, i)[1]

    def record_of(self, line: int) -> int:
        """Return the record (0-based) that a 1-based line of the file belongs to."""
        return self.index.record_of_line(line) if self.index is not None else 0

    def issues_of(self, i: int) -> list[Issue]:
        """Return what the scan has found so far in the record ``i`` (0-based)."""
        if self.report is None or self.index is None:
            return []
        if i in self.edits:
            return list(self.record(i).issues)
        log = self.report.issues
        first = self.line_of(i)
        found = log.for_line(first)
        if self.index.is_array:
            # An element of a JSON array may stand on several lines.
            end = self.line_of(i + 1) if i + 1 < self.lines else 1 << 62
            line = log.next_line(first)
            while line is not None and line < end:
                found += log.for_line(line)
                line = log.next_line(line)
        return found

    def tokens_of(self, i: int) -> int | None:
        """Return the tokens of the record ``i`` (0-based), once it has been counted."""
        if self.facets is None or i >= self.facets.rows:
            return None
        return int(self.facets.read("tokens", i, i + 1)[0]) or None

    def edited(self) -> None:
        """Tell that :attr:`edits` changed."""
        self.changes.publish(Change.EDITED)

    def lease(self) -> Lease | None:
        """Return the open file for use in a worker: ``with lease as source``."""
        return self._lease

    def apply(self, message: FromWorker) -> None:
        """Take in news from a worker (called on the event loop only)."""
        if message.generation != self._generation:
            return
        match message:
            case FormatKnown(format=known):
                self.format = known
                self.changes.publish(Change.FORMAT)
            case IndexGrew():
                self._index_grew()
            case IndexReady():
                self._index_ready()
            case ScanGrew(update=update):
                self.report, self.table = update.report, update.table
                self.facets = update.facets
                self.fraction = update.bytes_done / max(1, update.bytes_total)
                self.changes.publish(Change.SCAN)
            case ScanEnded(result=result):
                self.report, self.table = result.report, result.table
                self.facets = result.facets
                self.stage = Stage.STOPPED if result.cancelled else Stage.DONE
                self.fraction = 0.0 if result.cancelled else 1.0
                self.changes.publish(Change.ENDED)
            case WorkFailed(text=text):
                self.failure, self.stage = text, Stage.FAILED
                self.changes.publish(Change.ENDED)
            case DiskChanged(what=what):
                self.stale = what
                self.changes.publish(Change.DISK)

    def _index_grew(self) -> None:
        if self.index is not None and self.source is not None:
            self.fraction = self.index.bytes_seen / max(1, self.source.size)
        self.changes.publish(Change.LINES)

    def _index_ready(self) -> None:
        if self.stage is Stage.INDEXING:
            self._scan()
        self.changes.publish(Change.LINES)

    def _scan(self) -> None:
        self.stage = Stage.SCANNING
        self.fraction = 0.0
        self._work(self._scan_all)

    def _work(self, task: Callable[[Lease, LineIndex, int, Callable[[], bool]], None]) -> None:
        """Run a task in a thread of its own, whose failure becomes a message, never a crash."""
        lease, index, generation = self._lease, self.index, self._generation
        if lease is None or index is None:
            return

        def run() -> None:
            worker = get_current_worker()
            try:
                with lease:
                    task(lease, index, generation, lambda: worker.is_cancelled)
            except (TunedeckError, OSError, MemoryError) as error:
                self._deck.post_message(WorkFailed(generation, str(error) or "out of memory"))

        self._deck.run_worker(
            run,
            name=task.__name__,
            group="dataset",
            thread=True,
            exclusive=True,
            exit_on_error=False,
        )

    def _index_lines(
        self, lease: Lease, index: LineIndex, generation: int, cancelled: Callable[[], bool]
    ) -> None:
        from tui.dataset import sniff_format

        self._deck.post_message(FormatKnown(generation, sniff_format(lease.source)))
        due = _Pace()

        def progress(_done: int, _total: int) -> None:
            if due():
                self._deck.post_message(IndexGrew(generation))

        index.extend(lease.source, cancelled=cancelled, progress=progress)
        if not cancelled():
            self._deck.post_message(IndexReady(generation))

    def _scan_all(
        self, lease: Lease, _index: LineIndex, generation: int, cancelled: Callable[[], bool]
    ) -> None:
        from tui.dataset import Scan
        from tui.pricing import model_info

        due = _Pace()
        scan = Scan(
            lease.source,
            profile=self.profile,
            model=self.model,
            encoding=model_info(self.model).encoding,
            background=True,
            facets=True,
        )

        def news(update: ScanUpdate) -> None:
            if due():
                self._deck.post_message(ScanGrew(generation, update))

        result = scan.run(news, cancelled)
        self._deck.post_message(ScanEnded(generation, result))

    def _watch(self) -> None:
        """Look, in a thread because a network folder can hang, whether the file changed."""
        lease, generation = self._lease, self._generation
        if lease is None or self.stale:
            return

        def look() -> None:
            with lease as source:
                changed = source.changed()
            if changed:
                self._deck.post_message(DiskChanged(generation, str(changed)))

        self._deck.run_worker(look, group="disk", thread=True, exclusive=True, exit_on_error=False)


class _Pace:
    """Says yes at most twice a second; the first time at once."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + NEWS_SECONDS
        return True
