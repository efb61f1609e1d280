"""Opening a dataset: what is refused at the door, and who closes the file in the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.errors import FileError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import LineIndex, Source

HEAD_BYTES = 256 * 1024
"""How much of a file is read for the first screen."""


class Lease:
    """A file that worker threads and the event loop share; the last to let go closes it.

    Closing it under a thread would let that thread read from whatever file gets the number next.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._users = 1
        self._lock = threading.Lock()

    def __enter__(self) -> Source:
        with self._lock:
            self._users += 1
        return self.source

    def __exit__(self, *_error: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of one use."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self.source.close()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open, with the lines of its head."""

    path: str
    source: Source
    index: LineIndex


def load(path: str, *, cancelled: Callable[[], bool] | None = None) -> Opened:
    """Open a file and read its head; may be called in a thread, as a gzip file takes a while.

    Args:
        path: A file, or ``-`` for standard input.
        cancelled: Asked while a pipe or a gzip file is unpacked.

    Raises:
        FileError: It is missing, a folder, unreadable, empty or not text.
    """
    from tui.dataset import LineIndex, Source

    source = Source.open(path, cancelled=cancelled)
    try:
        refuse_unreadable(source.read(0, 8192), clean(os.path.basename(source.name), limit=80))
        index = LineIndex()
        index.head(source, HEAD_BYTES)
    except BaseException:
        source.close()
        raise
    return Opened(path, source, index)


def refuse_unreadable(head: bytes, name: str) -> None:
    """Raise when the first bytes of a file say that nothing in it can be shown as records.

    Text in a wrong encoding is no reason: that is what the checks are for.

    Raises:
        FileError: The file is empty or binary; the hint says what it looks like.
    """
    from tui.dataset import foreign_kind

    if not head:
        raise FileError(
            f"{name} is empty", "a dataset has one JSON object a line", code="empty_file"
        )
    kind = foreign_kind(head)
    if kind is not None:
        raise FileError(f"{name} is {kind[0]}", kind[1])
    if _looks_binary(head):
        raise FileError(f"{name} is binary, not text", "name a file with one JSON object a line")


def _looks_binary(head: bytes) -> bool:
    """Whether control characters are too many for text; JSON is let in whatever it holds."""
    if head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"["):
        return False
    control = len(head) - len(head.translate(None, _CONTROL))
    return control * 20 > len(head)


_CONTROL = bytes(sorted({*range(32), 127} - {*b"\t\n\r\f\x1b"}))
