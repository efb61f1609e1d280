"""What is done to the open dataset in threads: unpacking, the index, the scan.

These functions change nothing but the index and the source they are given; what they find goes
home in messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.errors import FileError
from tui.messages import FormatKnown, FromWorker, IndexGrew, IndexReady, ScanEnded, ScanGrew

if TYPE_CHECKING:
    from tui.dataset import LineIndex, ScanUpdate, Source

# What moves by itself moves at most twice a second: every frame is bytes on the line.
NEWS_SECONDS = 0.5
_UNPACK_STEP = 8 << 20


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


@dataclass(frozen=True, slots=True)
class Work:
    """What a thread works on.

    Attributes:
        source: The dataset's bytes.
        index: Its records.
        generation: Which opening it belongs to.
        post: Sends a message home.
        cancelled: Whether to stop.
        indexing: Held by the one thread that makes the index longer.
    """

    source: Source
    index: LineIndex
    generation: int
    post: Callable[[FromWorker], object]
    cancelled: Callable[[], bool]
    indexing: threading.Lock
    due: Pace = field(default_factory=Pace)


def index_lines(work: Work) -> None:
    """Unpack what is packed, and find all records.

    Raises:
        FileError: The file cannot be read, is not whole, or changed meanwhile.
    """
    from tui.dataset import sniff_format

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
        index.extend(source, cancelled=work.cancelled, progress=progress)
    if not work.cancelled():
        work.post(IndexReady(work.generation))


def _unpack(work: Work, progress: Callable[[int, int], None]) -> None:
    """Unpack to the end, and index lines as they come; an array is indexed in one go."""
    source, index, stop = work.source, work.index, work.cancelled
    try:
        while not (stop() or source.fill(source.size + _UNPACK_STEP, cancelled=stop)):
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


def scan_all(work: Work, model: str, profile: str) -> None:
    """Check and count all records.

    Args:
        work: What to work on.
        model: The model whose limits and encoding apply.
        profile: The name of the rule profile.

    Raises:
        TunedeckError: The file cannot be read, or a worker process died.
    """
    from tui.dataset import Scan
    from tui.pricing import model_info

    scan = Scan(
        work.source,
        profile=profile,
        model=model,
        encoding=model_info(model).encoding,
        background=True,
        facets=True,
    )

    def news(update: ScanUpdate) -> None:
        if work.due():
            work.post(ScanGrew(work.generation, update))

    result = scan.run(news, work.cancelled)
    work.post(ScanEnded(work.generation, result))
