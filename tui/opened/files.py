"""Which files can be opened: datasets of a folder, and completion of a path being typed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

_PACKED = ("", ".gz", ".zst")
SUFFIXES = tuple(kind + packed for kind in (".jsonl", ".ndjson") for packed in _PACKED)
"""What the names of datasets end in."""

MAYBE = tuple(f".json{packed}" for packed in _PACKED)
"""What the names of files end in that are datasets when they hold an array."""

MAX_LISTED = 500
OTHER = "other"
"""The kind of a file whose records are of no format a provider takes."""

NONE = "none"
"""The kind of a JSON file that is not an array, and so no dataset."""

# The part of a name that says that a file is held back from training.
_HELD_BACK = re.compile(r"[._-]?(validation|valid|val|eval|dev|test)(?=[._-]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A choice in the Open dialog.

    Attributes:
        path: What is opened, or put into the input when it is a folder.
        folder: Whether it is a folder.
        size: Bytes; 0 for folders.
        maybe: Whether only its content shows that it is a dataset (see `kind_of`).
    """

    path: str
    folder: bool = False
    size: int = 0
    maybe: bool = False


def find_datasets(folder: str) -> list[str]:
    """Return the dataset files directly in a folder, by name; none if it cannot be read.

    JSON files, which must be opened to tell, are looked at only where there is nothing else.
    """
    files = [entry for entry in _scan(folder) if not entry.folder]
    sure = [entry.path for entry in files if not entry.maybe]
    return sure or [entry.path for entry in files if kind_of(entry.path) != NONE]


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
        found = [replace(entry, path=os.path.normpath(entry.path)) for entry in found]
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


def kind_of(path: str) -> str:
    """Return what a file holds: a format's name, `OTHER`, or nothing where that is not known.

    `NONE` is for a JSON file that is no array. Reads the first records only; may be called in a
    thread.
    """
    from tui.dataset import Format, Source, sniff_format
    from tui.errors import TunedeckError

    maybe = path.lower().endswith(MAYBE)
    try:
        source = Source.open(path, partly=True)
    except (TunedeckError, OSError):
        return NONE if maybe else ""
    try:
        if maybe and not source.read(0, 4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            return NONE
        known = sniff_format(source)
    except (TunedeckError, OSError):
        return ""
    finally:
        source.close()
    return OTHER if known is Format.UNKNOWN else str(known)


def best_first(entries: Iterable[Entry], kinds: Mapping[str, str]) -> list[Entry]:
    """Return choices in the order in which somebody looks for a file to train on.

    Chat files first, and of these the ones made for training: their name says so, or a validation
    file stands beside them. Then other formats, what is not known, and folders.

    Args:
        entries: The choices, in order of their names.
        kinds: What is known of them, by path (see `kind_of`).
    """
    entries = list(entries)
    stems = {entry.path: _stem(entry.path) for entry in entries}
    bases = {path: _HELD_BACK.sub("", stem) for path, stem in stems.items()}
    paired = {bases[path] for path, stem in stems.items() if bases[path] != stem}

    def order(entry: Entry) -> tuple[bool, int, bool, str, bool]:
        base, stem = bases[entry.path], stems[entry.path]
        kind = kinds.get(entry.path, "")
        rank = 0 if kind == "chat" else 3 if kind == OTHER else 2 if not kind else 1
        for_training = "train" in stem.lower() or base in paired
        return entry.folder, rank, not for_training, base, base != stem

    return sorted(entries, key=order)


def _stem(path: str) -> str:
    """A file's name without what all datasets end in."""
    name = os.path.basename(path)
    endings = (*SUFFIXES, *MAYBE)
    return next((name.removesuffix(end) for end in endings if name.endswith(end)), name)


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
                elif entry.name.endswith((*SUFFIXES, *MAYBE)) and entry.is_file():
                    maybe = entry.name.endswith(MAYBE)
                    files.append(Entry(entry.path, size=entry.stat().st_size, maybe=maybe))
    except (OSError, ValueError):
        return []
    files.sort(key=lambda entry: entry.path)
    folders.sort(key=lambda entry: entry.path)
    return [*files[:MAX_LISTED], *folders[:MAX_LISTED]]
