"""Records of an event file that are found many at a time are those that are there."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.logs.checksum import masked, masked_all
from tui.logs.frames import Frames


def frame(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked(length)) + record + struct.pack("<I", masked(record))


@settings(max_examples=60, deadline=None)
@given(
    pattern=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    turns=st.integers(1, 400),
    odd=st.dictionaries(st.integers(0, 1500), st.integers(10, 20), max_size=4),
    cut=st.integers(0, 40),
)
def test_records_that_repeat_are_found_where_they_are(
    pattern: list[int], turns: int, odd: dict[int, int], cut: int
) -> None:
    sizes = [odd.get(at, size) for at, size in enumerate(pattern * turns)]
    data = b"".join(frame(bytes(size)) for size in sizes)
    data = data[: len(data) - cut]
    frames = Frames()
    starts, lengths = frames.find(data)
    expected, at = [], 0
    for size in sizes:
        if at + size + 16 > len(data):
            break
        expected.append((at + 12, size))
        at += size + 16
    assert list(zip(starts.tolist(), lengths.tolist(), strict=True)) == expected
    assert frames.at == at
    assert not frames.damaged


def test_a_damaged_header_among_those_that_repeat_ends_the_file() -> None:
    data = bytearray(frame(b"12345") * 2000)
    data[21 * 1500] ^= 1
    frames = Frames()
    starts, _ = frames.find(bytes(data))
    assert len(starts) == 1500
    assert frames.damaged


@given(
    rows=st.integers(0, 20).flatmap(
        lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=1)
    )
)
def test_checksums_at_once_are_those_of_each(rows: list[bytes]) -> None:
    array = np.array([list(row) for row in rows], np.uint8)
    assert masked_all(array).tolist() == [masked(row) for row in rows]
