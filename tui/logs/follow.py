"""Read a log again and again as it grows, through restarts of the training that writes it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tui.errors import FileError
from tui.logs.beside import facts_beside
from tui.logs.detect import HEAD, KINDS, beginning, kind_of, reader_of
from tui.logs.find import event_files, find_logs
from tui.logs.rows import Batch
from tui.logs.state import TrainerState
from tui.logs.text import Reader

_CHUNK = 1 << 20
_MOST_STATE = 256 << 20
# Enough of the beginning to tell that another file stands in its place.
_MARK = 256


class Follower:
    """Follows one log: a file, a folder of event files, or a folder of trainer states.

    Args:
        path: Where it is. A folder must hold just one run.

    Attributes:
        path: Absolute.
        modified: When the log last changed, in seconds since 1970; 0 while it is not there.

    Raises:
        FileError: There is no log there, or there are several.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given = Path(path)
        self._logs: list[_File] = []
        if given.is_dir():
            given = _only_run(given)
        self.path = str(given.absolute())
        self.modified = 0.0
        self._folder = given if given.is_dir() else None
        self._state: _State | None = None
        self._looked_beside = False
        if self._folder is None:
            self._logs.append(_File(given))
            if not given.exists():
                raise FileError(f"there is no {given}", "check the path")
        elif not event_files(self._folder):
            self._state = _State(self._folder)

    @property
    def kind(self) -> str:
        """What the log is, for people."""
        if self._state is not None:
            return TrainerState.kind
        return self._logs[0].kind if self._logs else KINDS["events"]

    def poll(self) -> Batch:
        """Return what is new; blocks for the reading of 1 MB at most, first of the beginning."""
        batch = self._poll()
        if not self._looked_beside and batch.rows:
            self._looked_beside = True
            batch.facts = {**facts_beside(Path(self.path)), **batch.facts}
        return batch

    def _poll(self) -> Batch:
        if self._state is None and self._folder is not None:
            self._more_files()
        if self._state is not None:
            batch = self._state.poll()
            self.modified = self._state.modified
            return batch
        batch = Batch()
        for log in self._logs:
            batch = log.poll()
            self.modified = max(self.modified, log.modified)
            if batch.rows or batch.notes or batch.more or batch.restart or batch.trouble:
                break
        if self._logs and self._logs[0].is_state:
            self._state = _State(Path(self.path))
            return self._poll()
        return batch

    def finish(self) -> Batch:
        """Return what has waited for more that will not come."""
        batch = Batch()
        for log in self._logs:
            last = log.finish()
            batch.rows, batch.notes = last.rows or batch.rows, batch.notes + last.notes
            batch.status = last.status or batch.status
        return batch

    def _more_files(self) -> None:
        assert self._folder is not None
        known = {log.path for log in self._logs}
        try:
            names = event_files(self._folder)
        except OSError:
            return
        self._logs += [_File(path) for path in names if path not in known]


def _only_run(folder: Path) -> Path:
    found = find_logs(folder)
    # Logs of its own count before those in folders of it, as TensorBoard's hparams make them.
    found = [log for log in found if log.path == str(folder.absolute())] or found
    if not found:
        raise FileError(
            f"no training log in {folder}", "give the folder that the trainer writes to"
        )
    if len(found) > 1:
        raise FileError(
            f"{folder} holds {len(found)} runs", f"compare them: tunedeck compare {folder}"
        )
    return Path(found[0].path)


class _File:
    """One file, read from where it was left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modified = 0.0
        self.is_state = False
        self._reader: Reader | None = None
        self._offset = 0
        self._inode = 0
        self._mark = b""
        self._quiet = 0

    @property
    def kind(self) -> str:
        return self._reader.kind if self._reader is not None else KINDS["output"]

    def poll(self) -> Batch:
        try:
            found = self.path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise FileError(f"{self.path} is no file", "give a log file or a folder")
            self.modified = found.st_mtime
            with self.path.open("rb") as file:
                return self._read(file.fileno(), found)
        except OSError as error:
            return Batch(trouble=f"the log cannot be read ({error.strerror or error})")

    def _read(self, file: int, found: os.stat_result) -> Batch:
        why = self._replaced(file, found)
        if why:
            self._reader, self._offset, self._mark, self._quiet = None, 0, b"", 0
        self._inode = found.st_ino
        if self._reader is None:
            self._offset, head = beginning(file)
            kind = kind_of(head)
            if kind is None:
                raise FileError(
                    f"{self.path} is no training log", "give a file that a trainer wrote"
                )
            self.is_state = kind == "state"
            if not kind or self.is_state:
                self._offset = 0
                return Batch(restart=why)
            self._reader = reader_of(kind)
        data = os.pread(file, _CHUNK if self._offset else HEAD, self._offset)
        if len(self._mark) < _MARK and self._offset <= _MARK:
            self._mark = os.pread(file, _MARK, 0)[: self._offset + len(data)]
        self._offset += len(data)
        batch = self._reader.feed(data) if data else self._settled()
        self._quiet = 0 if data else self._quiet + 1
        batch.more = self._offset < found.st_size
        batch.restart = why
        return batch

    def _settled(self) -> Batch:
        """Give a line without its end one more look before it is taken as it is."""
        if self._quiet == 1 and self._reader is not None:
            return self._reader.settle(final=False)
        return Batch()

    def _replaced(self, file: int, found: os.stat_result) -> str:
        """Say why the file is not the one read so far; nothing when it is."""
        if not self._offset:
            return ""
        if found.st_ino != self._inode:
            return "another file stands in the log's place"
        if found.st_size < self._offset:
            return "the log was emptied and is written anew"
        if os.pread(file, len(self._mark), 0) != self._mark:
            return "the log was written anew"
        return ""

    def finish(self) -> Batch:
        return self._reader.settle(final=True) if self._reader is not None else Batch()


class _State:
    """A trainer's state, or the newest of several that its checkpoints hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = TrainerState()
        self._known: tuple[str, int, int] = ("", 0, 0)
        self.modified = 0.0

    def poll(self) -> Batch:
        try:
            newest = max(self._candidates(), key=lambda found: found[1].st_mtime_ns, default=None)
            if newest is None:
                return Batch(trouble="the trainer state is gone")
            path, found = newest
            if found.st_size > _MOST_STATE:
                return Batch(trouble="the trainer state is larger than 256 MB")
            known = (str(path), found.st_mtime_ns, found.st_size)
            if known == self._known:
                return Batch()
            self.modified = found.st_mtime
            batch = self._reader.whole(path.read_bytes())
        except OSError as error:
            return Batch(trouble=f"the log cannot be read ({error.strerror or error})")
        if batch is None:
            # It is just being written.
            return Batch()
        self._known = known
        return batch

    def _candidates(self) -> list[tuple[Path, os.stat_result]]:
        if not self._path.is_dir():
            return [(self._path, self._path.stat())]
        paths = [
            *self._path.glob("trainer_state.json"),
            *self._path.glob("checkpoint-*/trainer_state.json"),
        ]
        return [(path, path.stat()) for path in paths if path.exists()]
