"""Which files can be opened: datasets of a folder, and completion of a path being typed."""

from __future__ import annotations

import os
from dataclasses import dataclass

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson")
MAX_LISTED = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A choice in the Open dialog.

    Attributes:
        path: What is opened, or put into the input when it is a folder.
        folder: Whether it is a folder.
        size: Bytes; 0 for folders.
    """

    path: str
    folder: bool = False
    size: int = 0


def find_datasets(folder: str) -> list[str]:
    """Return the dataset files directly in a folder, by name; none if it cannot be read."""
    return [entry.path for entry in _scan(folder) if not entry.folder]


def matching(typed: str) -> list[Entry]:
    """Return what a half-typed path may become: datasets first, then folders.

    Args:
        typed: The text of the input; ``~`` is understood. A path that ends in a separator, or is
            empty, lists that folder.
    """
    folder, beginning = os.path.split(os.path.expanduser(typed))
    found = [
        entry
        for entry in _scan(folder or ".")
        if os.path.basename(entry.path).lower().startswith(beginning.lower())
    ]
    if not folder:
        found = [Entry(os.path.normpath(e.path), e.folder, e.size) for e in found]
    return found


def existing(paths: list[str]) -> list[Entry]:
    """Return those of some paths that are files now, in the same order."""
    found = []
    for path in dict.fromkeys(paths):
        try:
            if os.path.isfile(path):
                found.append(Entry(path, size=os.stat(path).st_size))
        except (OSError, ValueError):
            continue
    return found


def _scan(folder: str) -> list[Entry]:
    files: list[Entry] = []
    folders: list[Entry] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(Entry(entry.path, folder=True))
                elif entry.name.endswith(SUFFIXES) and entry.is_file():
                    files.append(Entry(entry.path, size=entry.stat().st_size))
    except (OSError, ValueError):
        return []
    files.sort(key=lambda entry: entry.path)
    folders.sort(key=lambda entry: entry.path)
    return [*files[:MAX_LISTED], *folders[:MAX_LISTED]]
