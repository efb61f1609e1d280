"""Opening a dataset: what is refused at the door, and who closes the file in the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, eq=False)
class Opened:
    """A dataset that is open, with the lines of its head.

    Attributes:
        paths: The files it is made of.
        source: Their bytes; of a pipe or a single packed file perhaps only the first ones.
        index: Where its first records are.
    """

    paths: tuple[str, ...]
    source: Source
    index: LineIndex


def load(
    paths: str | Sequence[str],
    *,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Opened:
    """Open a file, or several as one dataset, and read its head; may be called in a thread.

    A pipe or a packed file is read as far as its beginning; among several files it is unpacked
    whole, which takes a while.

    Args:
        paths: A file or several, ``-`` for standard input.
        cancelled: Asked while something is unpacked.
        progress: Told meanwhile how many bytes of that file were read, and of how many.

    Raises:
        FileError: One is missing, a folder, unreadable or not text, or there is nothing in them.
    """
    from tui.dataset import LineIndex

    names = (paths,) if isinstance(paths, str) else tuple(paths)
    source = _open(names, cancelled, progress)
    try:
        many = len(source.members) > 1
        for member in source.members:
            head = source.read(member.offset, 8192)
            if head or not many or not source.size:
                refuse_unreadable(head, clean(os.path.basename(member.name), limit=80))
        index = LineIndex()
        index.head(source, HEAD_BYTES)
    except BaseException:
        source.close()
        raise
    return Opened(names, source, index)


def _open(
    names: tuple[str, ...],
    cancelled: Callable[[], bool] | None,
    progress: Callable[[int, int], object] | None,
) -> Source:
    if len(names) == 1:
        from tui.dataset import Source

        return Source.open(names[0], cancelled=cancelled, partly=True)
    from tui.dataset import open_all

    return open_all(names, cancelled=cancelled, progress=progress)


def opens_at_once(paths: Sequence[str]) -> bool:
    """Return whether opening some files takes no time, as none of several must be unpacked.

    What cannot be opened at all is found out at once too.
    """
    from tui.dataset.signature import MAGIC_BYTES, packing

    for path in paths if len(paths) > 1 else ():
        try:
            if not os.path.isfile(path):
                return path != "-"
            with open(path, "rb", buffering=0) as file:
                head = file.read(64)
        except (OSError, ValueError):
            return True
        if packing(head[:MAGIC_BYTES]) or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
            return False
    return True


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
