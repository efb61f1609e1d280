"""Results of earlier scans, kept so that a file that was seen before is open at once.

A result is used as it is while the file is the same to its last nanosecond. When it is not, the
checksums of what was read decide: where the file still begins with those very bytes, only what is
behind them is scanned. Nothing breaks when the folder is deleted or something in it is damaged.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.dataset.chest import Chest, Damaged, write
from tui.dataset.gather import Gathered
from tui.dataset.keeping import (
    Arrays,
    put_facets,
    put_gathered,
    put_index,
    take_facets,
    take_gathered,
    take_index,
)
from tui.dataset.scan import ScanResult
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.dataset.index import LineIndex
    from tui.dataset.scan import Scan
    from tui.dataset.source import Source

SMALLEST = 4 << 20
"""Smaller files are scanned faster than anybody looks."""

MOST_BYTES = 1 << 30
"""How much the folder may hold; what was not used for the longest time goes first."""

_END = ".scan"
# A clock that ticks this slowly may give a file that is changed the time it had before.
_TICK_NS = 2_000_000_000

Stamp = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known from an earlier scan.

    Attributes:
        result: All there is, where the file has not changed; else ``None``.
        settled: What a scan of the grown file may begin with.
        blocks: The blocks of its index, for `LineIndex.restore`; only where it has not changed.
    """

    result: ScanResult | None
    settled: Gathered
    blocks: list[tuple[int, Any]]


class ScanCache:
    """A folder of results.

    Args:
        folder: Where; made when the first result is kept.
        smallest: Files of fewer bytes are not kept; `SMALLEST` unless given.
        most: How many bytes the folder may hold.
    """

    def __init__(
        self, folder: Path, *, smallest: int | None = None, most: int = MOST_BYTES
    ) -> None:
        self._folder = folder
        self._smallest = SMALLEST if smallest is None else smallest
        self._most = most

    def find(
        self, scan: Scan, cancelled: Callable[[], bool] | None = None, *, verify: bool = True
    ) -> Kept | None:
        """Return what an earlier scan with the same settings found, as far as it still holds.

        Where the file has changed its beginning is read again, so call it from a thread.

        Args:
            scan: What would be done.
            cancelled: Asked while the file is read again; true gives up.
            verify: Read it again at all; otherwise a file that has changed is not known.
        """
        path, stamp = self._path(scan), stamp_of(scan.source)
        if stamp is None or scan.source.size < self._smallest:
            return None
        try:
            with Chest(path) as chest:
                kept = _take(chest, scan.source, stamp, cancelled or (lambda: False), verify)
        except FileNotFoundError:
            return None
        except (OSError, Damaged, TunedeckError):
            kept = None
        with contextlib.suppress(OSError):
            if kept is not None:
                os.utime(path)
            elif verify:
                path.unlink(missing_ok=True)
        return kept

    def keep(self, scan: Scan, stamp: Stamp | None, index: LineIndex, result: ScanResult) -> bool:
        """Keep what a scan found; return whether it could be.

        Args:
            scan: The scan.
            stamp: What `stamp_of` gave before the scan began.
            index: The complete index of the file.
            result: What it came to.
        """
        settled, facets = result.settled, result.facets
        if result.cancelled or settled is None or facets is None or not index.complete:
            return False
        whole = stamp is not None and stamp == stamp_of(scan.source)
        if not whole or index.is_array or scan.source.size < self._smallest:
            return False
        arrays: Arrays = {}
        final = Gathered(result.report, table=result.table, rows=facets.rows)
        put_index(index, arrays)
        put_facets(facets, arrays)
        head = {
            "stamp": stamp,
            "seen": time.time_ns(),
            "final": put_gathered("final", final, arrays),
            "settled": put_gathered("settled", settled, arrays),
        }
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self._path(scan), head, arrays)
        except (OSError, TunedeckError):
            return False
        self._prune()
        return True

    def _path(self, scan: Scan) -> Path:
        name = os.path.abspath(scan.source.path)
        key = json.dumps([name, scan.settings_key(), _program()]).encode()
        return self._folder / f"{blake2b(key, digest_size=16).hexdigest()}{_END}"

    def _prune(self) -> None:
        """Remove what was not used for the longest time until the rest fits."""
        found = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                with contextlib.suppress(OSError):
                    if entry.name.endswith(_END):
                        info = entry.stat()
                        found.append((info.st_mtime_ns, info.st_size, entry.path))
        total = 0
        for _, size, path in sorted(found, reverse=True):
            total += size
            if total > self._most:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def stamp_of(source: Source) -> Stamp | None:
    """Return what changes whenever the files behind a source do; ``None`` for what has no name."""
    stamp = []
    for fd in sorted({piece.fd for piece in source.pieces() if piece.fd >= 0}):
        info = os.fstat(fd)
        if not info.st_nlink:
            return None
        stamp.append((info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns))
    return tuple(stamp) or None


def _take(
    chest: Chest, source: Source, stamp: Stamp, cancelled: Callable[[], bool], verify: bool
) -> Kept | None:
    head: Mapping[str, Any] = chest.head
    try:
        rows = int(head["final"]["rows"])
        facets = take_facets(chest, rows)
        settled = take_gathered("settled", head["settled"], chest, facets)
        same = head["stamp"] == [list(entry) for entry in stamp]
        racy = any(entry[3] > int(head["seen"]) - _TICK_NS for entry in stamp)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Damaged(f"it lacks something ({error!r})") from error
    if (not same or racy) and (not verify or not settled.holds(source, cancelled)):
        return None
    if not same:
        return Kept(None, settled, [])
    final = take_gathered("final", head["final"], chest, facets)
    result = ScanResult(final.report, final.table, False, facets, settled)
    return Kept(result, settled, list(take_index(chest)))


def _program() -> list[list[object]]:
    """Return what changes when the rules or the counting do: the program's own files."""
    top = Path(__file__).parent
    found = []
    for folder in (top, *(top / name for name in ("rules", "rules/quality", "formats"))):
        with contextlib.suppress(OSError):
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                info = entry.stat()
                if entry.name.endswith((".py", ".toml")):
                    found.append([entry.name, info.st_size, info.st_mtime_ns])
    return found
