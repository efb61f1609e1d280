"""What is done to the open dataset in threads: unpacking, the index, the scan.

These functions change nothing but the index and the source they are given; what they find goes
home in messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import FileError
from tui.messages import (
    DiskChanged,
    FormatKnown,
    FromWorker,
    IndexGrew,
    IndexReady,
    ScanEnded,
    ScanGrew,
)

if TYPE_CHECKING:
    from tui.dataset import Gathered, LineIndex, Scan, ScanUpdate, Source

# What moves by itself moves at most twice a second: every frame is bytes on the line.
NEWS_SECONDS = 0.5
_UNPACK_STEP = 8 << 20
# Pieces of 4 MiB that are looked at again before what is behind them is believed to be new.
_PROBES = 8


class Pace:
    """Says yes at most twice a second; the first time at once."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self) -> bool:
        """Return whether it is time."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + NEWS_SECONDS
        return True


@dataclass(eq=False, repr=False)
class Work:
    """What a thread works on.

    Attributes:
        source: The dataset's bytes.
        index: Its records.
        generation: Which opening it belongs to.
        post: Sends a message home.
        cancelled: Whether to stop.
        indexing: Held by the one thread that makes the index longer.
        model: The model whose limits and encoding apply.
        profile: The name of the rule profile.
        cache: The folder of earlier results.
    """

    source: Source
    index: LineIndex
    generation: int
    post: Callable[[FromWorker], object]
    cancelled: Callable[[], bool]
    indexing: threading.Lock
    model: str
    profile: str
    cache: Path
    due: Pace = field(default_factory=Pace)


def index_lines(work: Work) -> None:
    """Unpack what is packed, and find all records.

    Raises:
        FileError: The file cannot be read, is not whole, or changed meanwhile.
    """
    from tui.dataset import ScanCache, sniff_format

    source, index = work.source, work.index
    work.post(FormatKnown(work.generation, sniff_format(source)))

    def progress(_done: int, _total: int) -> None:
        if work.due():
            work.post(IndexGrew(work.generation))

    with work.indexing:
        if not source.whole:
            _unpack(work, progress)
            if work.cancelled():
                return
            work.post(FormatKnown(work.generation, sniff_format(source)))
        kept = ScanCache(work.cache).find(_scan_of(work), verify=False)
        if kept is not None and not index.complete:
            index.restore(source, kept.blocks)
        index.extend(source, cancelled=work.cancelled, progress=progress)
    if not work.cancelled():
        work.post(IndexReady(work.generation))


def _unpack(work: Work, progress: Callable[[int, int], None]) -> None:
    """Unpack to the end, and index lines as they come; an array is indexed in one go."""
    source, index, stop = work.source, work.index, work.cancelled
    late = 0.0

    def pause() -> bool:
        return stop() or time.monotonic() > late

    try:
        while not stop():
            late = time.monotonic() + NEWS_SECONDS
            if source.fill(source.size + _UNPACK_STEP, cancelled=pause):
                return
            if not index.is_array:
                index.extend(source, cancelled=stop)
            progress(source.size, 0)
    except FileError:
        # What came before the damage is there to be read.
        index.extend(source, cancelled=stop)
        raise


def index_tail(work: Work) -> None:
    """Find the records that the file has gained.

    Raises:
        FileError: The file cannot be read, or changed otherwise.
    """
    with work.indexing:
        work.index.extend(work.source, cancelled=work.cancelled)
    work.post(IndexGrew(work.generation))


def scan_all(work: Work, settled: Gathered | None = None) -> None:
    """Check and count all records, as far as that is not known from an earlier time.

    Args:
        work: What to work on.
        settled: What was found before the file grew; only what is behind it is read.

    Raises:
        TunedeckError: The file cannot be read, or a worker process died.
    """
    from tui.dataset import ScanCache, stamp_of

    cache, source = ScanCache(work.cache), work.source
    scan, stamp = _scan_of(work), stamp_of(source)
    if settled is not None and not settled.holds(source, pieces=_PROBES):
        work.post(DiskChanged(work.generation, "edited"))
        settled = None
    fresh = settled is None
    if settled is None:
        kept = cache.find(scan, work.cancelled)
        if kept is not None and kept.result is not None:
            work.post(ScanEnded(work.generation, kept.result))
            return
        settled = None if kept is None else kept.settled
    if settled is not None:
        scan = _scan_of(work, settled)

    def news(update: ScanUpdate) -> None:
        if work.due():
            work.post(ScanGrew(work.generation, update))

    result = scan.run(news, work.cancelled)
    work.post(ScanEnded(work.generation, result))
    if fresh:
        # While a file is followed it is scanned every two seconds; keeping that is of no use.
        cache.keep(scan, stamp, work.index, result)


def _scan_of(work: Work, settled: Gathered | None = None) -> Scan:
    from tui.dataset import Scan
    from tui.pricing import model_info

    return Scan(
        work.source,
        profile=work.profile,
        model=work.model,
        encoding=model_info(work.model).encoding,
        background=True,
        facets=True,
        settled=settled,
    )
