"""Find the training logs below a folder, one a run."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.errors import FileError
from tui.logs.detect import beginning, kind_of
from tui.logs.output import Output
from tui.logs.pipe import STANDARD_INPUT, is_open_file, is_pipe

_ENDS = (".jsonl", ".csv", ".tsv", ".log", ".txt", ".out", ".err", ".ndjson")
_CHECKPOINT = re.compile(r"checkpoint-\d+")
_COMMON = (
    "trainer_log.jsonl",
    "trainer_state.json",
    "metrics.csv",
    "metrics.jsonl",
    "log.jsonl",
    "log.txt",
    "train.log",
    "training.log",
    "nohup.out",
)
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 8
_MOST_FILES = 20_000
# Where a run has several logs, the one that says most while it grows.
_ORDER = ("jsonl", "events", "output", "csv", "state")


@dataclass(frozen=True, slots=True)
class FoundLog:
    """A log.

    Attributes:
        path: The file; the folder for event files and trainer states, of which there are several.
        title: What tells it from the others found with it; not cleaned.
        kind: A key of :data:`tui.logs.KINDS`.
    """

    path: str
    title: str
    kind: str


def find_logs(path: str | os.PathLike[str]) -> list[FoundLog]:
    """Return the logs in a folder and below it, one a run, by name; a file is itself.

    So is a pipe, of which nothing is read; ``-`` is standard input.

    Raises:
        FileError: There is nothing there, or it cannot be read.
    """
    if is_pipe(path):
        return [FoundLog(os.fspath(path), log_title(os.fspath(path)), "output")]
    base = Path(path if path != STANDARD_INPUT else "/dev/stdin")
    try:
        is_folder = base.is_dir()
        if not is_folder:
            head = _head(base)
            kind = kind_of(head)
            if kind is None:
                raise _no_log(base, head)
            return [FoundLog(str(base.absolute()), base.name, kind or "output")]
    except OSError as error:
        raise FileError(f"{base}: {error.strerror or error}", "check the path") from error
    runs: dict[Path, list[tuple[str, Path]]] = defaultdict(list)
    for kind, found in _candidates(base):
        runs[_root(found, kind, base)].append((kind, found))
    logs = [log for root, found in runs.items() for log in _of_run(root, found, base)]
    return sorted(logs, key=lambda log: _natural(log.title))


def event_files(folder: Path) -> list[Path]:
    """Return the event files of a run, oldest first: its own, else those in its ``runs``.

    Raises:
        OSError: The folder cannot be read.
    """
    for pattern in ("*.tfevents.*", "runs/*/*.tfevents.*"):
        if found := sorted(folder.glob(pattern), key=lambda path: (path.name, path)):
            return found
    return []


def log_title(path: str, parts: int = 1) -> str:
    """Return a short name for a log by its path: of its folder where all logs are called so.

    Args:
        path: Its path.
        parts: How many parts of the path to name it by.
    """
    where = Path(path)
    if path in (STANDARD_INPUT, "/dev/stdin") or is_open_file(path):
        return "standard input"
    if where.name in _COMMON or where.parent.name == "runs":
        where = where.parent
    if where.name == "runs":
        where = where.parent
    return os.sep.join(where.parts[-parts:]) or path


def _no_log(path: Path, head: bytes = b"") -> FileError:
    if head.startswith(_PACKED):
        hint = f"unpack it: zcat {path} | tunedeck watch --log -"
        return FileError(f"{path} is packed", hint)
    if head.startswith(_UTF_16):
        return FileError(f"{path} is UTF-16", "write it as UTF-8: iconv -f UTF-16 -t UTF-8")
    return FileError(
        f"{path} is no training log",
        "give a trainer's output, trainer_log.jsonl, trainer_state.json, a TensorBoard file or a "
        "table of numbers",
    )


def _candidates(base: Path) -> Iterator[tuple[str, Path]]:
    seen = 0
    for folder, names, files in os.walk(base):
        depth = len(Path(folder).relative_to(base).parts)
        names[:] = sorted(n for n in names if not n.startswith(".") and depth < _DEEPEST)
        for name in sorted(files):
            seen += 1
            if seen > _MOST_FILES:
                return
            kind = _kind_by_name(Path(folder, name))
            if kind:
                yield kind, Path(folder, name)


def _kind_by_name(path: Path) -> str:
    """Look into a file only when its name may be that of a log."""
    if ".tfevents." in path.name:
        return "events"
    if path.name == "trainer_state.json":
        return "state"
    if not path.name.lower().endswith(_ENDS):
        return ""
    if path.name.startswith("debug") and "wandb" in path.parts:
        return ""  # what W&B notes about itself
    try:
        head = _head(path)
    except (OSError, FileError):
        return ""
    kind = kind_of(head) or ""
    if kind == "output":
        reader = Output()
        return kind if reader.feed(head).rows or reader.settle(final=True).rows else ""
    return kind


def _head(path: Path) -> bytes:
    if not path.is_file():
        path.stat()
        raise _no_log(path)
    with path.open("rb") as file:
        return beginning(file.fileno())[1]


def _root(path: Path, kind: str, base: Path) -> Path:
    """Return the folder of the run that a log belongs to."""
    folder = path.parent
    if kind == "state" and _CHECKPOINT.fullmatch(folder.name) and folder != base:
        return folder.parent
    if kind == "events" and folder.parent.name == "runs" and folder != base:
        above = folder.parent.parent
        if (above / "trainer_state.json").exists() or any(above.glob("checkpoint-*")):
            return above
    return folder


def _of_run(root: Path, found: list[tuple[str, Path]], base: Path) -> Iterator[FoundLog]:
    """Return the logs of a folder: the best of one run, or each where there are several runs."""
    trainer = [
        (k, p) for k, p in found if k in ("events", "state") or p.name == "trainer_log.jsonl"
    ]
    others = [item for item in found if item not in trainer]
    if trainer:
        kind = min((k for k, _ in trainer), key=_ORDER.index)
        paths = sorted({p.parent if kind == "events" else p for k, p in trainer if k == kind})
        if kind == "state" or all(path.parent == root / "runs" for path in paths):
            # Training that goes on from a checkpoint writes events to a folder of their own.
            paths = [root]
        for path in paths:
            title = root if len(paths) == 1 else path
            yield FoundLog(str(path.absolute()), _title(title, base), kind)
        return
    for kind, path in others:
        alone = len(others) == 1 and path.name in _COMMON and root != base
        yield FoundLog(str(path.absolute()), _title(root if alone else path, base), kind)


def _title(path: Path, base: Path) -> str:
    relative = str(path.relative_to(base))
    return path.absolute().name if relative == "." else relative


def _natural(text: str) -> list[tuple[int, str]]:
    """Order run-2 before run-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
