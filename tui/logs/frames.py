"""Find the records of an event file: TFRecord frames, many at a time.

A run writes the same tags again and again, so the lengths of its records repeat. The records to
come are taken to be as long as those before, and numpy confirms that by their headers, all at once;
where they are not, they are read one after the other.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tui.logs.checksum import masked_length
from tui.logs.columns import Whole

_HEADER = struct.Struct("<QI")
_AROUND = _HEADER.size + 4  # a checksum follows the record
# Larger records hold pictures or graphs.
_LARGEST = 1 << 20
# So many records are read one by one, to see how they repeat.
_SEEN = 128
_LONGEST_PERIOD = _SEEN // 2


class Frames:
    """Takes records out of the bytes of an event file.

    Attributes:
        at: Where the first record begins that is not whole yet.
        skip: How many bytes of a record that is too large are yet to come.
        damaged: Whether a header is damaged; nothing is known of what comes after it.
    """

    def __init__(self) -> None:
        self.at = 0
        self.skip = 0
        self.damaged = False
        self._checksums: dict[int, int] = {}

    def find(self, data: bytes) -> tuple[Whole, Whole]:
        """Return offset and length of the whole records in the next bytes."""
        starts: list[Whole] = [np.empty(0, np.int64)]
        lengths: list[Whole] = [np.empty(0, np.int64)]
        self.at, few, ahead = 0, _SEEN, 8 * _SEEN
        while few == _SEEN:
            seen = self._one_by_one(data)
            few = len(seen)
            found = np.array(seen, np.int64).reshape(-1, 2)
            while len(found):
                starts.append(found[:, 0])
                lengths.append(found[:, 1])
                found = self._alike(data, found[-_SEEN:], ahead) if few == _SEEN else found[:0]
                ahead = 4 * ahead if len(found) else 8 * _SEEN
        return np.concatenate(starts), np.concatenate(lengths)

    def _one_by_one(self, data: bytes) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        at, end, checksums = self.at, len(data), self._checksums
        while len(found) < _SEEN and at + _HEADER.size <= end:
            length, checksum = _HEADER.unpack_from(data, at)
            after = at + length + _AROUND
            if checksums.get(length) != checksum:
                if masked_length(length) != checksum:
                    self.damaged = True
                    break
                if length > _LARGEST:
                    self.skip, at = max(0, after - end), min(after, end)
                    continue
                checksums[length] = checksum
            if after > end:
                break
            found.append((at + _HEADER.size, length))
            at = after
        self.at = at
        return found

    def _alike(self, data: bytes, seen: Whole, most: int) -> Whole:
        """Return offset and length of records that go on as those before do."""
        lengths = seen[:, 1].tolist()
        periods = range(1, _LONGEST_PERIOD)
        period = next((p for p in periods if lengths[p:] == lengths[:-p]), _SEEN)
        before = seen[-period:]
        sizes = before[:, 1] + _AROUND
        turns = min(most // period, (len(data) - self.at) // int(sizes.sum()))
        if period == _SEEN or not turns:
            return seen[:0]
        places = self.at + np.cumsum(np.concatenate([[0], np.tile(sizes, turns)]))
        headers = sliding_window_view(np.frombuffer(data, np.uint8), _HEADER.size)
        expected = headers[before[:, 0] - _HEADER.size].view("<u4")
        told = headers[places[:-1]].view("<u4").reshape(turns, period, -1)
        same = (told == expected).all(axis=2).ravel()
        count = len(same) if same.all() else int(same.argmin())
        self.at = int(places[count])
        found = np.tile(before, (turns, 1))[:count]
        found[:, 0] = places[:count] + _HEADER.size
        return found
