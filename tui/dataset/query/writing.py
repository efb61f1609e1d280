"""A selection as a file of its own, with a manifest of where it comes from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from tui.dataset.index import LineIndex
from tui.dataset.query.model import Selection
from tui.dataset.rows import on_one_line
from tui.dataset.signature import BOM
from tui.dataset.source import Change, Source
from tui.dataset.writing import NewFile, commit_all
from tui.errors import FileError, TunedeckError, UsageError

MANIFEST = ".manifest.json"

_BLOCK = 1 << 20


def write_selection(
    source: Source,
    index: LineIndex,
    selection: Selection,
    output: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write the selected records to a new file, in their order, and a manifest beside it.

    Each record is written as its bytes stand in the source and ends with a line feed; only an
    element of a JSON array that takes several lines is put on one. The manifest is
    ``OUT.manifest.json``. Both files appear when all is written, or neither does.

    Args:
        source: The file.
        index: Its records.
        selection: Which, in which order.
        output: The new file; packed where its name ends in ``.gz``.
        force: Whether files that exist may be replaced; the source never is.
        progress: Told bytes read and bytes to read.
        cancelled: Asked often; true ends with an error and leaves nothing behind.

    Returns:
        The manifest.

    Raises:
        FileError: A file cannot be read or written, or one is there already.
        UsageError: It would replace the source.
        TunedeckError: It was stopped (code ``cancelled``).
    """
    name = os.fspath(output)
    _refuse_sources(source, name)
    # The first member may be standard input, of which only NewFile knows how to ask.
    read = source.members[0].name if source.path != "-" else "-"
    with (
        NewFile(name, force=force, source=read) as records,
        NewFile(name + MANIFEST, force=force, source=read) as described,
    ):
        copy = _Copy(source, index, records, progress, cancelled)
        copy.run(selection)
        manifest = _manifest(source, index, selection, copy)
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        described.write(text.encode("utf-8", "replace"))
        if source.changed() not in (None, Change.GROWN):
            raise FileError(
                "the file changed while it was read", "wait until it is written, then retry"
            )
        commit_all([records, described])
    return manifest


def _refuse_sources(source: Source, output: str) -> None:
    for name in (output, output + MANIFEST):
        for member in source.members[1:]:
            try:
                same = os.path.samefile(member.name, name)
            except (OSError, ValueError):
                same = False
            if same:
                raise UsageError(
                    "that is a file that is read; nothing is ever changed in place",
                    "give the result another name",
                )


class _Copy:
    """Brings records from one file to another and hashes both.

    Attributes:
        records: Records written.
        size: Bytes written, before any packing.
        joined: Records put on one line.
    """

    def __init__(
        self,
        source: Source,
        index: LineIndex,
        target: NewFile,
        progress: Callable[[int, int], object] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._source = source
        self._index = index
        self._target = target
        self._progress = progress or (lambda _done, _total: None)
        self._cancelled = cancelled or (lambda: False)
        self._digest = hashlib.sha256()
        self._source_digest = hashlib.sha256()
        self._read = 0
        self._total = 0
        self._next = 0
        self.records = 0
        self.size = 0
        self.joined = 0

    @property
    def digests(self) -> tuple[str, str]:
        """The hashes of what was read from and of what was written."""
        return self._source_digest.hexdigest(), self._digest.hexdigest()

    def run(self, selection: Selection) -> None:
        """Copy the records, then read the whole source for its hash."""
        self._total = 2 * self._source.size
        copied = self._source.size / max(1, len(selection))
        for first, last in _runs(selection):
            if self._index.is_array:
                for position in range(first, last + 1):
                    self._element(position)
            else:
                self._lines(first, last)
            self.records += last + 1 - first
            self._read = int(self.records * copied)
        self._read = self._source.size
        for _, block in self._blocks(0, self._source.size):
            self._source_digest.update(block)

    def _blocks(self, offset: int, size: int) -> Iterator[tuple[int, bytes]]:
        end = offset + size
        while offset < end:
            self._watch()
            block = self._source.read(offset, min(_BLOCK, end - offset))
            if not block:
                raise FileError("the file became shorter while it was read", "open it again")
            yield offset, block
            offset += len(block)
            self._read += len(block)

    def _watch(self) -> None:
        if self._cancelled():
            raise TunedeckError("stopped before the end", "nothing was written", code="cancelled")
        if self._read >= self._next:
            self._next = self._read + _BLOCK
            self._progress(min(self._read, self._total), self._total)

    def _lines(self, first: int, last: int) -> None:
        begin, _ = self._index.span(first)
        offset, size = self._index.span(last)
        # Lines that follow each other stand in the file as they are written.
        for at, block in self._blocks(begin, offset + size - begin):
            self._write(block.removeprefix(BOM) if at == 0 else block)
        self._write(b"\n")

    def _element(self, position: int) -> None:
        offset, size = self._index.span(position)
        parts = [block for _, block in self._blocks(offset, size)]
        raw = b"".join(parts).strip(b" \t\r\n")
        if b"\n" in raw or b"\r" in raw:
            raw = on_one_line(raw)
            self.joined += 1
        self._write(raw)
        self._write(b"\n")

    def _write(self, data: bytes) -> None:
        self._target.write(data)
        self._digest.update(data)
        self.size += len(data)


def _runs(selection: Selection) -> Iterator[tuple[int, int]]:
    """Yield the first and last position of records that follow each other in the file."""
    if selection.positions is None:
        if selection.looked_at:
            yield 0, selection.looked_at - 1
        return
    first = last = -2
    for position in selection.positions.tolist():
        if position != last + 1:
            if first >= 0:
                yield first, last
            first = position
        last = position
    if first >= 0:
        yield first, last


def _manifest(
    source: Source, index: LineIndex, selection: Selection, copy: _Copy
) -> dict[str, Any]:
    read, written = copy.digests
    chosen = selection.filter
    return {
        "source": source.name,
        "files": [member.name for member in source.members],
        "sha256": read,
        "bytes": source.size,
        "filter": {"text": chosen.to_text(), "words": chosen.words(), **chosen.to_json()},
        "sort": str(selection.sort),
        "complete": selection.complete,
        "records": copy.records,
        "counts": {
            "source_records": index.lines,
            "records": copy.records,
            "bytes": copy.size,
            "put_on_one_line": copy.joined,
        },
        "output_sha256": written,
    }
