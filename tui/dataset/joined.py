"""Several files read as one dataset, and how worker processes read what their parent has open."""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

from tui.dataset.places import in_file
from tui.dataset.signature import BOM, foreign_kind
from tui.dataset.source import Change, Identity, Member, Piece, Source, quote, read_at, spool_error
from tui.errors import FileError, UsageError

if TYPE_CHECKING:
    from tui.dataset.index import LineIndex
    from tui.dataset.unpack import Cancelled, Progress

_BLOCK = 1 << 20
_LINE_FEED = -1
"""The number that stands for no open file but for one line feed."""


def open_all(
    paths: Sequence[str | os.PathLike[str]],
    *,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
    partly: bool = False,
) -> Source:
    """Open one file, or several as one dataset: the records of each after those of the one before.

    The elements of a JSON array become lines where there are several files.

    Args:
        paths: What to open, in order; ``-`` for standard input at most once.
        cancelled: Asked while something is unpacked; true gives up.
        progress: Told meanwhile how many bytes of that file were read, and of how many.
        partly: A single file that must be unpacked is unpacked as far as its beginning only.

    Raises:
        FileError: One of them cannot be read, or is no text.
        UsageError: No path, or standard input twice.
    """
    if not paths:
        raise UsageError("no file is named", "name a JSONL file, or - for standard input")
    if len(paths) == 1:
        return Source.open(paths[0], cancelled=cancelled, progress=progress, partly=partly)
    if [os.fspath(path) for path in paths].count("-") > 1:
        raise UsageError("standard input can be read only once", "name - once")
    opened: list[Source] = []
    numbers: list[array[int] | None] = []
    try:
        for path in paths:
            opened.append(Source.open(path, cancelled=cancelled, progress=progress))
            opened[-1], lines = _as_lines(opened[-1], cancelled)
            numbers.append(lines)
        return JoinedSource(opened, numbers)
    except BaseException:
        for source in opened:
            source.close()
        raise


class JoinedSource(Source):
    """Several files as one; a line feed stands between two where the first does not end with one.

    Args:
        sources: The files, which this closes in the end.
        numbers: For each whose lines are not those of its file: the line on which each stands.
    """

    def __init__(self, sources: Sequence[Source], numbers: Sequence[array[int] | None]) -> None:
        self._sources = tuple(sources)
        self._numbers = tuple(numbers)
        self.path = " + ".join(source.path for source in sources)
        first = os.path.basename(sources[0].name)
        self.name = f"{first} and {len(sources) - 1} more"
        self.spooled = all(source.spooled for source in sources)
        self._unpacker = None
        self._first_lines: list[int] = []
        self._lay_out()

    def _lay_out(self) -> None:
        pieces: list[Piece] = []
        members: list[Member] = []
        at = 0
        last = self._sources[-1]
        for number, source in enumerate(self._sources):
            members.append(Member(source.name, at))
            skip = len(BOM) if number and source.read(0, len(BOM)) == BOM else 0
            size = source.size - skip
            if source is last:
                # What it gains is read as soon as it is known to be there.
                pieces.append(Piece(source.fileno(), at, skip))
                at += size
            elif size:
                pieces.append(Piece(source.fileno(), at, skip, size))
                at += size
                if source.read(source.size - 1, 1) != b"\n":
                    pieces.append(Piece(_LINE_FEED, at, 0, 1))
                    at += 1
        self._members = tuple(members)
        self._pieces = tuple(pieces)
        self._starts = [piece.at for piece in pieces]
        self.size = at

    @property
    def members(self) -> tuple[Member, ...]:
        """The files that this is made of, in order."""
        return self._members

    def line_in(self, member: Member, line: int) -> int:
        """Return the 1-based line of a file on which the line ``line`` (0-based) of it stands."""
        numbers = self._numbers[self._members.index(member)]
        return numbers[line] if numbers is not None and line < len(numbers) else line + 1

    def line_words(self, line: int) -> str:
        """Name a line of the whole by its file and its line there."""
        if not self._first_lines:
            self._first_lines = self._count_lines()
        number = bisect_right(self._first_lines, line - 1) - 1
        member = self._members[number]
        here = self.line_in(member, line - 1 - self._first_lines[number])
        names = [os.path.basename(each.name) for each in self._members]
        name = names[number] if names.count(names[number]) == 1 else member.name
        return f"{in_file(here)} of {quote(name)}"

    def _count_lines(self) -> list[int]:
        """Return on which line of the whole, from 0, each file begins."""
        firsts, lines = [0], 0
        for before, member in pairwise(self._members):
            for at in range(before.offset, member.offset, _BLOCK):
                lines += self.read(at, min(_BLOCK, member.offset - at)).count(b"\n")
            firsts.append(lines)
        return firsts

    def pieces(self) -> tuple[Piece, ...]:
        """Return where the bytes stand in open files, for worker processes that inherit those."""
        return self._pieces

    def fileno(self) -> int:
        """Refuse: there is more than one descriptor; see `pieces`."""
        raise OSError("several files have no single descriptor")

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes at ``offset``, fewer than ``length`` only at the end.

        Raises:
            FileError: The disk failed, or the source is closed.
        """
        try:
            return _read_pieces(self._pieces, self._starts, offset, length)
        except OSError as error:
            raise FileError(
                f"cannot read {quote(self.name)} ({error.strerror or error})",
                "check the disk and open them again",
            ) from error

    def identity(self) -> Identity:
        """Return what changes when one of the files does, or another stands in its place."""
        known = [source.identity() for source in self._sources]
        digest = blake2b(repr([each[:2] for each in known]).encode(), digest_size=7).digest()
        size = sum(each[2] for each in known)
        return len(known), int.from_bytes(digest), size, max(each[3] for each in known)

    def changed(self) -> Change | None:
        """Return what happened to the files since they were opened or refreshed, or ``None``.

        They count as grown only when the last one has grown, so that nothing else moved.
        """
        for source in self._sources[:-1]:
            change = source.changed()
            if change is not None:
                return Change.REPLACED if change is Change.REPLACED else Change.EDITED
        return self._sources[-1].changed()

    def refresh(self) -> None:
        """Take the last file's present size as its size, after it has grown."""
        last = self._sources[-1]
        before = last.size
        last.refresh()
        self.size += last.size - before

    def close(self) -> None:
        """Close all files; closing twice does nothing."""
        self._pieces = tuple(piece._replace(fd=1 << 30) for piece in self._pieces)
        for source in self._sources:
            source.close()


class InheritedSource(Source):
    """What a parent process has open, read by its worker.

    Args:
        pieces: Where the bytes stand, by the descriptors of this process.
        size: How many they are.
    """

    def __init__(self, pieces: Sequence[Piece], size: int) -> None:
        self.path = self.name = "the file"
        self.spooled = True
        self.size = size
        self._unpacker = None
        self._pieces = tuple(pieces)
        self._starts = [piece.at for piece in pieces]

    def pieces(self) -> tuple[Piece, ...]:
        """Return where the bytes stand."""
        return self._pieces

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes at ``offset``; see `Source.read`.

        Raises:
            FileError: The disk failed.
        """
        try:
            return _read_pieces(self._pieces, self._starts, offset, length)
        except OSError as error:
            raise FileError(
                f"cannot read the file ({error.strerror or error})",
                "check the disk and open it again",
            ) from error

    def changed(self) -> Change | None:
        """Return nothing: that is for the parent to notice."""
        return None

    def close(self) -> None:
        """Leave the files to the end of the process."""


def place_of(source: Source, index: LineIndex, i: int) -> tuple[str, int]:
    """Return which file a record comes from, and the 1-based line of that file it starts on.

    Args:
        source: The source.
        index: Its records.
        i: The record, from 0; must be indexed.
    """
    if not isinstance(source, JoinedSource):
        return source.name, index.line_number(i)
    member = source.member_at(index.span(i)[0])
    first = index.line_at(member.offset) if member.offset else 0
    return member.name, source.line_in(member, i - first)


def _read_pieces(pieces: Sequence[Piece], starts: Sequence[int], offset: int, length: int) -> bytes:
    number = max(0, bisect_right(starts, offset) - 1)
    if len(pieces) == 1:
        return read_at(pieces[0].fd, offset - pieces[0].at + pieces[0].skip, length)
    parts: list[bytes] = []
    while length > 0 and number < len(pieces):
        piece = pieces[number]
        inside = offset - piece.at
        most = length if piece.size < 0 else min(length, piece.size - inside)
        if most > 0:
            feed = piece.fd == _LINE_FEED
            data = b"\n" if feed else read_at(piece.fd, inside + piece.skip, most)
            parts.append(data)
            offset += len(data)
            length -= len(data)
            if len(data) < most:
                break
        number += 1
    return b"".join(parts)


def _as_lines(source: Source, cancelled: Cancelled | None) -> tuple[Source, array[int] | None]:
    """Return a file whose records are lines, and where they stood if they were elements."""
    from tui.dataset.arrays import array_spans, is_array
    from tui.dataset.unpack import Spool

    name = quote(os.path.basename(source.name))
    kind = foreign_kind(source.read(0, 4096))
    if kind is not None:
        raise FileError(f"{name} is {kind[0]}", kind[1])
    if not is_array(source):
        return source, None
    stop = cancelled or (lambda: False)
    numbers = array("q")
    try:
        with tempfile.TemporaryFile(prefix="tunedeck-") as file:
            spool = Spool(name, file)
            for span in array_spans(source, 0, source.size):
                for at in range(0, span.length, _BLOCK):
                    if stop():
                        raise FileError(f"stopped reading {name}", "open it again to read it whole")
                    block = source.read(span.offset + at, min(_BLOCK, span.length - at))
                    # To JSON a carriage return is what a line feed is, inside strings and outside.
                    spool.write(block.replace(b"\n", b"\r"))
                spool.write(b"\n")
                numbers.append(span.line)
            file.flush()
            lines = source.as_lines(os.dup(file.fileno()))
    except OSError as error:
        raise spool_error(source.name, error) from error
    source.close()
    return lines, numbers
