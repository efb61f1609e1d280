"""The open dataset and what is known of it so far.

The head of the file is read at once, with ``os`` and ``orjson`` only, so that the first records
are on screen before anything heavy is imported. The line index and then the scan run behind it in
worker threads, which change nothing here themselves: they post messages to the application, whose
handlers call :meth:`Workspace.apply`. Screens listen to :attr:`Workspace.changes`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.signal import Signal
from textual.worker import get_current_worker

from tui.background import NEWS_SECONDS as NEWS_SECONDS
from tui.background import Work, index_lines, index_tail, scan_all
from tui.errors import TunedeckError, UsageError
from tui.messages import (
    DiskChanged,
    FormatKnown,
    FromWorker,
    IndexGrew,
    IndexReady,
    Reloaded,
    ReloadFailed,
    ScanEnded,
    ScanGrew,
    WorkFailed,
)
from tui.opened.diskwatch import DiskWatch
from tui.opened.edits import Edits
from tui.opened.opening import Lease, Opened, load
from tui.opened.reading import Reading
from tui.opened.stages import Change as Change
from tui.opened.stages import Stage as Stage

if TYPE_CHECKING:
    from textual.app import App

    from tui.config import Paths
    from tui.dataset import (
        CheckReport,
        Facets,
        Format,
        Gathered,
        LineIndex,
        ScanUpdate,
        Source,
    )
    from tui.tokens import TokenTable

WATCH_SECONDS = 2.0


class Workspace(Reading):
    """The open dataset, its index, and the latest results of the scan.

    Args:
        app: The application whose workers and messages are used.
        paths: Where edits and results of scans are kept.
        model: The model to begin with.
        profile: The rule profile to begin with.

    Attributes:
        changes: Published on the event loop whenever something here changed.
        source: The open file, or ``None``.
        index: Its lines, as far as they are known.
        paths: The paths it was opened by.
        path: The path where it is one file; empty where it is several.
        format: What kind of records it holds; ``None`` until enough of it is read.
        stage: How far the work has got.
        report: The latest check report; partial until ``stage`` is ``DONE``.
        table: The latest token table; partial until ``stage`` is ``DONE``.
        facets: What is known of each record; partial until ``stage`` is ``DONE``.
        model: The model whose limits and encoding the scan uses.
        profile: The name of the rule profile.
        fraction: How much of the current work is done, 0 to 1.
        failure: Why the work failed; foreign text, not cleaned.
        stale: How the file changed on disk since it was opened (a word of `tui.dataset.Change`),
            or that the disk is ``silent``; empty when nothing happened.
        following: Whether what the file gains is shown as it comes, and another file in its place
            without asking.
        edits: Records a person edited and has not written to a new file yet.
    """

    def __init__(
        self,
        app: App[int],
        paths: Paths,
        *,
        model: str = "gpt-4.1-mini",
        profile: str = "openai",
    ) -> None:
        self._app = app
        self._folders = paths
        self.changes: Signal[Change] = Signal(app, "workspace")
        self.model = model
        self.profile = profile
        super().__init__()
        self._lease = None
        self._generation = 0
        self._watching = False
        self._disk = DiskWatch(self._looked)
        # The index is made longer by one thread at a time.
        self._indexing = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._forget_reads()
        self.source: Source | None = None
        self.index: LineIndex | None = None
        self.paths: tuple[str, ...] = ()
        self.path = ""
        self.format: Format | None = None
        self.stage = Stage.CLOSED
        self.report: CheckReport | None = None
        self.table: TokenTable | None = None
        self.facets: Facets | None = None
        self.fraction = 0.0
        self.failure = ""
        self.stale = ""
        self.following = False
        self.edits = Edits()
        self._behind = False
        self._keep = False
        self._reloading = False
        self._settled: Gathered | None = None

    @property
    def working(self) -> bool:
        """Whether the index or the scan is running."""
        return self.stage is Stage.HEAD or self._busy

    @property
    def _busy(self) -> bool:
        return self.stage in (Stage.UNPACKING, Stage.INDEXING, Stage.SCANNING)

    @property
    def complete(self) -> bool:
        """Whether all records are known that the file has."""
        index, source = self.index, self.source
        return index is not None and source is not None and index.complete and source.whole

    def open(self, path: str | Sequence[str]) -> None:
        """Open a file, or several as one; the work behind it begins with :meth:`start`.

        What was open before stays open when this fails.

        Raises:
            FileError: It cannot be read, is empty, or is not text.
        """
        self.adopt(load(path))

    def adopt(self, opened: Opened, *, again: bool = False) -> None:
        """Put an opened dataset in place of what was open.

        Args:
            opened: The dataset.
            again: It is the same one, as it is now: who looks at it keeps the place.
        """
        known, following = (self.format, self.following) if again else (None, False)
        self.close()
        self._lease = Lease(opened.source)
        self.source, self.index = opened.source, opened.index
        self.paths = opened.paths
        self.path = "" if len(opened.paths) > 1 else opened.paths[0]
        self.format, self.following = known, following
        self.stage = Stage.HEAD
        self.edits = Edits.of(opened.source, self._folders.state)
        self.changes.publish(Change.RELOADED if again else Change.OPENED)

    def close(self) -> None:
        """Close the dataset; workers that still read it notice and stop."""
        self._generation += 1
        for group in ("dataset", "tail", "reload"):
            self._app.workers.cancel_group(self._app, group)
        if self._lease is not None:
            self._lease.release()
        self._lease = None
        self._reset()

    def start(self, *, grown: bool = False) -> None:
        """Begin the index and then the scan in worker threads, or go on with them.

        Args:
            grown: Nothing but what the file has gained is new: what is known of the rest is shown
                until all of it is known.
        """
        if self._lease is None or self._busy:
            return
        self._generation += 1
        self._behind = False
        self._keep = grown and self.report is not None and self.report.complete
        if self.stale == "grown":
            self.stale = ""
        if not self._watching:
            self._watching = True
            self._app.set_interval(WATCH_SECONDS, self._watch)
        self.fraction = 0.0
        whole = self.source is None or self.source.whole
        self.stage = Stage.INDEXING if whole else Stage.UNPACKING
        self._work(index_lines)
        self.changes.publish(Change.LINES)

    def stop(self) -> bool:
        """Stop the work, keeping what it found; return whether there was any."""
        if not self._busy:
            return False
        self._app.workers.cancel_group(self._app, "dataset")
        self.stage = Stage.STOPPED
        self.changes.publish(Change.ENDED)
        return True

    def reload(self) -> None:
        """Open the same dataset again, as it is now, and begin the work anew.

        That is done in a thread, as a disk can be slow; what is open stays so where it fails.

        Raises:
            UsageError: It came from standard input.
        """
        if "-" in self.paths:
            raise UsageError("standard input can be read only once", "start tunedeck again")
        if not self.paths or self._reloading:
            return
        self._reloading = True
        paths, generation = self.paths, self._generation

        def run() -> None:
            worker = get_current_worker()
            try:
                opened = load(paths, cancelled=lambda: worker.is_cancelled)
            except (TunedeckError, OSError) as error:
                self._app.post_message(ReloadFailed(generation, str(error)))
            else:
                self._app.post_message(Reloaded(generation, opened))

        self._app.run_worker(
            run, name="reload", group="reload", thread=True, exclusive=True, exit_on_error=False
        )

    def follow(self) -> bool:
        """Begin to follow the file, or stop; return whether it is followed now.

        Raises:
            UsageError: It came from standard input, which is read to its end anyway.
        """
        if not self.following and "-" in self.paths:
            raise UsageError("standard input is not followed", "it is shown as it comes")
        self.following = not self.following and self._lease is not None
        if self.following and self.stale:
            what, self.stale = self.stale, ""
            self._disk_changed(what)
        self.changes.publish(Change.DISK)
        return self.following

    def use_model(self, model: str) -> None:
        """Count and check for another model from now on; scans again."""
        self.model, self._settled = model, None
        if self._lease is not None:
            self.stop()
            self.start()

    def edited(self) -> None:
        """Tell that :attr:`edits` changed."""
        self.changes.publish(Change.EDITED)

    def lease(self) -> Lease | None:
        """Return the open file for use in a worker: ``with lease as source``."""
        return self._lease

    def apply(self, message: FromWorker) -> None:
        """Take in news from a worker (called on the event loop only)."""
        if message.generation != self._generation:
            if isinstance(message, Reloaded):
                message.opened.source.close()
            return
        match message:
            case FormatKnown(format=known):
                if known != self.format:
                    self.format = known
                    self.changes.publish(Change.FORMAT)
            case IndexGrew():
                self._index_grew()
            case IndexReady():
                self._index_ready()
            case ScanGrew(update=update):
                self._scan_grew(update)
            case ScanEnded(result=result):
                self.report, self.table = result.report, result.table
                self.facets, self._settled = result.facets, result.settled
                self.stage = Stage.STOPPED if result.cancelled else Stage.DONE
                self.fraction = 0.0 if result.cancelled else 1.0
                self.changes.publish(Change.ENDED)
            case WorkFailed(text=text):
                self.failure, self.stage = text, Stage.FAILED
                self.changes.publish(Change.ENDED)
            case _:
                self._apply_disk(message)

    def _apply_disk(self, message: FromWorker) -> None:
        match message:
            case DiskChanged(what=what):
                self._disk_changed(what)
            case Reloaded(opened=opened):
                self.adopt(opened, again=True)
                self.start()
            case ReloadFailed():
                self._reloading = False

    def _disk_changed(self, what: str) -> None:
        if self.following and what == "grown":
            self._grow()
        elif self.following and what not in ("", "silent"):
            with contextlib.suppress(UsageError):
                self.reload()
        elif what != self.stale:
            self.stale = what
            self.changes.publish(Change.DISK)

    def _grow(self) -> None:
        """Take in what the file has gained: the one place where growth is handled.

        The index goes on from where it ended, and so does the scan. While a scan is running only
        the index does; the scan follows when that one is over.
        """
        if self.stage in (Stage.DONE, Stage.FAILED):
            self.start(grown=True)
        elif self.stage in (Stage.SCANNING, Stage.STOPPED):
            self._behind = self.stage is Stage.SCANNING
            self._work(index_tail, group="tail")

    def _scan_grew(self, update: ScanUpdate) -> None:
        if not self._keep:
            self.report, self.table = update.report, update.table
            self.facets = update.facets
        self.fraction = update.bytes_done / max(1, update.bytes_total)
        self.changes.publish(Change.SCAN)

    def _index_grew(self) -> None:
        if self.stage is Stage.UNPACKING and self.source is not None:
            self.fraction = self.source.filled
            if self.source.whole:
                self.stage = Stage.INDEXING
        elif self.stage is Stage.INDEXING and self.index is not None and self.source is not None:
            self.fraction = self.index.bytes_seen / max(1, self.source.size)
        self.changes.publish(Change.LINES)

    def _index_ready(self) -> None:
        if self.stage in (Stage.UNPACKING, Stage.INDEXING):
            self._scan()
        self.changes.publish(Change.LINES)

    def _scan(self) -> None:
        self.stage = Stage.SCANNING
        self.fraction = 0.0
        self._work(partial(scan_all, settled=self._settled))

    def _work(self, task: Callable[[Work], None], *, group: str = "dataset") -> None:
        """Run a task in a thread of its own, whose failure becomes a message, never a crash."""
        lease, index, generation = self._lease, self.index, self._generation
        if lease is None or index is None:
            return

        def run() -> None:
            worker = get_current_worker()
            try:
                with lease as source:
                    post, stop = self._app.post_message, lambda: worker.is_cancelled
                    about = (self.model, self.profile, self._folders.cache / "scans")
                    task(Work(source, index, generation, post, stop, self._indexing, *about))
            except (TunedeckError, OSError, MemoryError) as error:
                self._app.post_message(WorkFailed(generation, str(error) or "out of memory"))

        self._app.run_worker(
            run,
            name=f"dataset {group}",
            group=group,
            thread=True,
            exclusive=True,
            exit_on_error=False,
        )

    def _watch(self) -> None:
        if self._lease is None:
            return
        if self.following and self._behind and not self._busy:
            self.start(grown=True)
        if self._disk.silent:
            self._disk_changed("silent")
        elif self.stale == "silent":
            self._disk_changed("")
        self._disk.look(self._lease, self._generation)

    def _looked(self, lease: Lease, generation: int, change: object) -> None:
        """Tell, in the thread that looked, what happened to the file as it was read then."""
        if change is not None and lease is self._lease:
            self._app.post_message(DiskChanged(generation, str(change)))
