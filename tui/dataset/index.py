"""Where each record of a file starts, kept in blocks of 64-bit integers.

The first screen needs :meth:`LineIndex.head` only, which loads no numpy. :meth:`LineIndex.extend`
does the rest in one pass, and may run in a thread while another one reads what is there.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tui.dataset.signature import BOM
from tui.dataset.source import Change, Source
from tui.errors import FileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.dataset.lines import Span

_READ = 256 << 10
_PUBLISH = 4 << 20
_HEAD_BYTES = 256 << 10


class LineIndex:
    """Offsets of the records of one file: its lines, or the elements of its JSON array.

    Attributes:
        lines: Records known so far.
        complete: Whether the file was read to the end it had then.
        bytes_seen: Bytes read so far.
    """

    def __init__(self, source: Source | None = None) -> None:
        self.lines = 0
        self.complete = False
        self.bytes_seen = 0
        self._array = False
        self._decided = False
        self._reset()
        if source is not None:
            self._decide(source)

    def _reset(self) -> None:
        # Each block holds where records end (at their line feed), less the block's base, in 32
        # bits; `_firsts` tells which record a block starts with, `_lasts` where its last one ends.
        # In an array, blocks hold whole offsets, and starts and line numbers are kept beside them.
        self._blocks: list[npt.NDArray[np.uint32] | array[int]] = []
        self._bases: list[int] = []
        self._lasts: list[int] = []
        self._firsts: list[int] = []
        self._starts: list[array[int]] = []
        self._numbers: list[array[int]] = []
        self._closed = 0
        self._end = 0
        self.lines = 0
        self.bytes_seen = 0
        self.complete = False

    @property
    def is_array(self) -> bool:
        """Whether the records are the elements of one JSON array."""
        return self._array

    def head(self, source: Source, n_bytes: int = _HEAD_BYTES) -> int:
        """Index the start of the file, for a first screen; return how many records are known.

        Does nothing where something is indexed already.
        """
        self._decide(source)
        if self.lines or self.bytes_seen:
            return self.lines
        if self._array:
            self._elements(source, lambda: self.lines >= 1000, None, n_bytes)
            return self.lines
        data = source.read(0, n_bytes)
        ends = array("I")
        at = data.find(b"\n")
        while at >= 0:
            ends.append(at)
            at = data.find(b"\n", at + 1)
        self._append(0, ends)
        self._reach(len(data), source)
        return self.lines

    def extend(
        self,
        source: Source,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> bool:
        """Index on to the end of the file; may be called again after the file has grown.

        Args:
            source: The file.
            cancelled: Asked at least every few milliseconds; true stops and keeps what is known.
            progress: Told bytes seen and bytes in all, every 4 MiB.

        Returns:
            Whether the end was reached.

        Raises:
            FileError: The file cannot be read, or was shortened, replaced or rewritten.
        """
        stop = cancelled or (lambda: False)
        self._decide(source)
        self._notice(source)
        if self.complete and self.bytes_seen == source.size:
            return True
        self.complete = False
        if self._array:
            return self._elements(source, stop, progress)
        import numpy as np

        gathered: list[npt.NDArray[np.uint32]] = []
        at = self.bytes_seen
        published = at
        stopped = False
        while at < source.size:
            if stop():
                stopped = True
                break
            data = source.read(at, min(_READ, source.size - at))
            if not data:
                raise FileError("the file became shorter while it was read", "open it again")
            found = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
            if found.size:
                gathered.append((found + (at - published)).astype(np.uint32))
            at += len(data)
            if at - published >= _PUBLISH:
                self._publish(published, gathered, at, source)
                gathered, published = [], at
                if progress is not None:
                    progress(at, source.size)
        self._publish(published, gathered, at, source)
        if progress is not None:
            progress(at, source.size)
        return not stopped

    def blocks(self) -> list[tuple[int, npt.NDArray[np.uint32] | array[int]]]:
        """Return where the lines end, in blocks: a base, and what to add to it for each line.

        Raises:
            ValueError: The records are no lines but the elements of an array.
        """
        if self._array:
            raise ValueError("an array is not kept as lines")
        return list(zip(self._bases, self._blocks, strict=True))

    def restore(self, source: Source, blocks: Iterable[tuple[int, npt.NDArray[np.uint32]]]) -> None:
        """Take in what `blocks` gave for the same file, instead of reading it to its end."""
        skip = self._closed
        for base, ends in blocks:
            self._append(base, ends[skip:])
            skip = max(0, skip - len(ends))
        self._reach(source.size, source)

    def span(self, i: int) -> tuple[int, int]:
        """Return offset and length in bytes of record ``i`` (0-based), without its line feed.

        Raises:
            IndexError: The index does not reach that far.
        """
        if not 0 <= i < self.lines:
            raise IndexError(i)
        if self._array:
            block = bisect_right(self._firsts, i) - 1
            start = self._starts[block][i - self._firsts[block]]
            return start, int(self._blocks[block][i - self._firsts[block]]) - start
        start = self._end_of(i - 1) + 1 if i else 0
        end = self._end_of(i) if i < self._closed else self._end
        return start, end - start

    def line_at(self, offset: int) -> int:
        """Return the number (0-based) of the record that holds a byte offset.

        Raises:
            IndexError: Nothing is indexed there.
        """
        if not 0 <= offset < self.bytes_seen or not self.lines:
            raise IndexError(offset)
        if self._array:
            count = sum(bisect_right(starts, offset) for starts in self._starts)
            return max(0, count - 1)
        block = bisect_left(self._lasts, offset)
        if block == len(self._lasts):
            return min(self._closed, self.lines - 1)
        return self._firsts[block] + bisect_left(self._blocks[block], offset - self._bases[block])

    def line_number(self, i: int) -> int:
        """Return the 1-based line of the file on which record ``i`` starts."""
        if not self._array:
            return i + 1
        block = bisect_right(self._firsts, i) - 1
        return self._numbers[block][i - self._firsts[block]]

    def record_of_line(self, line: int) -> int:
        """Return the record (0-based) that a 1-based line of the file belongs to."""
        if not self._array:
            return min(max(line - 1, 0), max(self.lines - 1, 0))
        count = sum(bisect_right(numbers, line) for numbers in self._numbers)
        return max(0, count - 1)

    def place(self, source: Source, i: int) -> tuple[int, int]:
        """Return the 1-based line and column at which record ``i`` starts."""
        line = self.line_number(i)
        if not self._array:
            return line, 1
        start, _ = self.span(i)
        before = source.read(max(0, start - _READ), min(start, _READ))
        return line, len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1

    def _decide(self, source: Source) -> None:
        if not self._decided:
            # Only what may be an array is looked at more closely: that takes modules which the
            # first screen of any other file does without.
            start = source.read(0, 4096).removeprefix(BOM).lstrip()[:1]
            if start in (b"[", b""):
                from tui.dataset.arrays import is_array

                self._array = is_array(source)
            self._decided = True

    def _notice(self, source: Source) -> None:
        change = source.changed()
        if change is Change.GROWN:
            source.refresh()
        elif change is Change.SHRUNK:
            raise FileError("the file became shorter", "open it again")
        elif change is Change.REPLACED:
            raise FileError("another file has taken its place", "open it again")
        elif change is Change.EDITED and self.bytes_seen:
            raise FileError("the file was changed", "open it again")

    def _elements(
        self,
        source: Source,
        stop: Callable[[], bool],
        progress: Callable[[int, int], None] | None,
        most: int | None = None,
    ) -> bool:
        """Index the elements of an array, from its start; of the first ``most`` bytes where given.

        What was known before stays so until as much is known anew: others read meanwhile.
        """
        starts, ends, numbers = array("q"), array("q"), array("q")
        fresh = LineIndex()

        def publish(*, over: bool = False) -> None:
            nonlocal starts, ends, numbers
            if ends:
                fresh._starts.append(starts)
                fresh._numbers.append(numbers)
                fresh._blocks.append(ends)
                fresh._firsts.append(fresh.lines)
                fresh.lines += len(ends)
            starts, ends, numbers = array("q"), array("q"), array("q")
            if over or fresh.lines >= self.lines:
                self.lines = min(self.lines, fresh.lines)
                self._starts, self._numbers = fresh._starts, fresh._numbers
                self._blocks, self._firsts = fresh._blocks, fresh._firsts
                self.lines = fresh.lines

        stopped = most is not None and most < source.size
        for count, span in enumerate(_elements_of(source, most if stopped else None)):
            starts.append(span.offset)
            ends.append(span.offset + span.length)
            numbers.append(span.line)
            self.bytes_seen = span.offset + span.length
            if count % 256 == 255:
                publish()
                if progress is not None:
                    progress(self.bytes_seen, source.size)
            if stop():
                stopped = True
                break
        publish(over=not stopped)
        self.complete = not stopped
        if self.complete:
            self.bytes_seen = source.size
            if progress is not None:
                progress(source.size, source.size)
        return self.complete

    def _publish(
        self, base: int, gathered: list[npt.NDArray[np.uint32]], seen: int, source: Source
    ) -> None:
        if gathered:
            import numpy as np

            self._append(base, np.concatenate(gathered) if len(gathered) > 1 else gathered[0])
        self._reach(seen, source)

    def _append(self, base: int, ends: npt.NDArray[np.uint32] | array[int]) -> None:
        # In this order a reader in another thread never sees a count without its block.
        if len(ends):
            self._blocks.append(ends)
            self._bases.append(base)
            self._lasts.append(base + int(ends[-1]))
            self._firsts.append(self._closed)
            self._closed += len(ends)

    def _reach(self, seen: int, source: Source) -> None:
        self.bytes_seen = seen
        self._end = seen
        last = self._end_of(self._closed - 1) + 1 if self._closed else 0
        at_end = seen >= source.size
        self.lines = self._closed + (1 if at_end and last < seen else 0)
        self.complete = at_end

    def _end_of(self, i: int) -> int:
        block = bisect_right(self._firsts, i) - 1
        return self._bases[block] + int(self._blocks[block][i - self._firsts[block]])


def _elements_of(source: Source, most: int | None) -> Iterator[Span]:
    """Yield the elements of an array, or those that end in its first ``most`` bytes."""
    from tui.dataset.arrays import array_spans

    for span in array_spans(source, 0, source.size if most is None else most):
        if most is not None and span.offset + span.length >= most:
            return
        yield span
