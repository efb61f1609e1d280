"""Exact copies among the records that are rewritten: found by their hashes, proved by their bytes.

A record is left out only where an earlier one, read again from the file and repaired in the same
way, says the very same. So however two hashes come to agree, nothing that differs is lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from tui.dataset.digests import DigestSet
from tui.dataset.rows import Row, content, digest
from tui.dataset.source import Source

Again = Callable[[bytes], tuple[bytes, object]]


class Originals:
    """The records that were kept, and whether a later one is a copy of one of them.

    Args:
        again: Repairs a record read from the file as it was repaired before; returns its bytes and
            value.

    Attributes:
        seen: Their hashes.
    """

    def __init__(self, again: Again) -> None:
        self.seen = DigestSet()
        self._again = again
        self._offsets = array("Q")
        self._sizes = array("I")
        self._edited: dict[int, bytes] = {}

    def is_copy(
        self,
        source: Source | None,
        row: Row,
        raw: bytes,
        value: object,
        *,
        size: int,
        edited: bool,
    ) -> bool:
        """Return whether a record says what an earlier one says; else keep it in mind.

        Args:
            source: The file, to read the earlier one from.
            row: The record as it was read.
            raw: As it would be written.
            value: Its value.
            size: Bytes it takes in the file.
            edited: Whether a person's text stands in its place, which is not in the file.

        Raises:
            FileError: The file cannot be read.
        """
        key = digest(raw, value)
        known = len(self.seen)
        if self.seen.add(key):
            if len(self.seen) > known:
                if edited:
                    self._edited[known] = row.raw
                self._offsets.append(row.offset)
                self._sizes.append(size)
            return False
        number = self.seen.number(key)
        before = self._edited.get(number)
        if before is None:
            if source is None:
                return False
            before = source.read(self._offsets[number], self._sizes[number])
        return content(*self._again(before)) == content(raw, value)
