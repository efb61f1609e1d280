"""Which runs were trained on a file of this machine, and where a run's file is now, by its hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.jobs import LaunchRow, Ledger
    from tui.run.runlist import RunKey

_MOST = 2000
_PACKED = (".gz", ".zst")
_BLOCK = 4 << 20
# Files beside the one of the launch that are read to see whether they are it under another name.
_MOST_BESIDE = 20


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where what a run was trained on is now.

    Attributes:
        path: A file that holds the very bytes, packed or not; empty where there is none.
        why_not: Why there is none, for people; empty where there is one; not cleaned.
    """

    path: str = ""
    why_not: str = ""


def runs_of_file(ledger: Ledger, path: str) -> list[RunKey]:
    """Return the runs that launches of this machine made of this very content, newest first.

    A packed file stands for what is in it. Reads the whole file; blocks.

    Raises:
        FileError: The file or the ledger cannot be read.
    """
    digests = set(_digests(path))
    rows = [row for row in ledger.launches(limit=_MOST) if row.job_id and row.sha256 in digests]
    return list(dict.fromkeys((row.provider, row.job_id or "") for row in rows))


def find_data(ledger: Ledger, key: RunKey, also: Sequence[str] = ()) -> Whereabouts:
    """Find a file of this machine that holds what a run was trained on.

    The path it was launched from counts only while it still holds the same bytes. Else it may be a
    copy that another launch was made from, one of some other files, or one that stands beside and
    has another name, packed or not. Reads whole files; blocks.

    Args:
        ledger: What this machine knows of its launches.
        key: The run.
        also: Files that may hold it, such as those opened last.

    Raises:
        FileError: The ledger cannot be read.
    """
    provider, job_id = key
    launches = ledger.launches(limit=_MOST)
    made = [row for row in launches if row.job_id == job_id and row.provider == provider]
    if not made:
        return Whereabouts(
            why_not="This run was not launched from this machine: what it was trained on is not "
            "known here"
        )
    digest = made[0].sha256
    known = [row.file for row in (*made, *launches) if row.sha256 == digest]
    beside = (name for path in dict.fromkeys(known) for name in _beside(path, ledger, made[0]))
    for path in _each_once(known, also, beside):
        try:
            if os.path.isfile(path) and digest in _digests(path):
                return Whereabouts(path)
        except TunedeckError:
            continue
    name = made[0].file
    if os.path.isfile(name):
        return Whereabouts(
            why_not=f"{name} was changed since this run, and no other file here has its bytes"
        )
    return Whereabouts(why_not=f"{name} is not there any more, and no file here has its bytes")


def _each_once(*several: Sequence[str] | Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for paths in several:
        for path in paths:
            if path not in seen:
                seen.add(path)
                yield path


def _beside(path: str, ledger: Ledger, launch: LaunchRow) -> Iterator[str]:
    """The files of the same size in a file's folder, and those that are it packed."""
    size = ledger.upload_size(launch.sha256)
    folder, name = os.path.split(path)
    found = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                packed = entry.name in [name + ending for ending in _PACKED]
                if entry.is_file() and (packed or entry.stat().st_size == size):
                    found.append(entry.path)
    except OSError:
        return
    yield from sorted(found)[:_MOST_BESIDE]


def _digests(path: str) -> Iterator[str]:
    """The SHA-256 of a file, then of what is packed in it."""
    from tui.jobs.sending import sha256_of

    yield sha256_of(Path(path))
    if path.lower().endswith(_PACKED):
        digest = hashlib.sha256()
        for block in blocks_of(path):
            digest.update(block)
        yield digest.hexdigest()


def blocks_of(path: str) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks, unpacked.

    Raises:
        FileError: It cannot be read.
    """
    from tui.dataset import Source

    with Source.open(path) as source:
        for offset in range(0, source.size, _BLOCK):
            yield source.read(offset, min(_BLOCK, source.size - offset))


def lines_of(path: str) -> Iterator[bytes]:
    """Yield the lines of a file without their ends, unpacked.

    Raises:
        FileError: It cannot be read.
    """
    rest = b""
    for block in blocks_of(path):
        first, *others = (rest + block).split(b"\n")
        yield from (first, *others)[:-1]
        rest = others[-1] if others else first
    if rest:
        yield rest
