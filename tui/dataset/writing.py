"""A new file that appears whole or not at all, and never in the place of what was read."""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import gzip
import os
import re
import secrets
import stat
import tempfile
import time
from pathlib import Path
from typing import IO, Self

from tui.errors import FileError, UsageError

_BUFFER = 1 << 20
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_LEFT = re.compile(r"\..*\.[0-9a-f]{12}\.tunedeck", re.DOTALL)
_FRESH_SECONDS = 60

# A signal that ends the program may come before the `with` block is entered that would clean up:
# names are noted before their files exist, and what is still noted at the end is removed.
_unfinished: set[Path] = set()


@atexit.register
def _remove_unfinished() -> None:
    for path in _unfinished:
        with contextlib.suppress(OSError):
            path.unlink()


class NewFile:
    """Bytes that become a file when they are all written.

    They go to a hidden file in the same folder, which is synced to the disk and then takes the name
    in one step. Leaving the ``with`` block without `commit` removes it; where the process was
    killed, the next one that writes to the folder does. A name that ends in ``.gz`` or ``.zst`` is
    written packed.

    Args:
        path: Where it will stand; ``None`` for a file that is only tried out and never kept.
        force: Whether a file that is there already may be replaced.
        source: A file it must not be, by name; ``-`` for standard input.
        private: Nobody but the owner may read it.

    Raises:
        FileError: There is a file already, or the folder cannot be written to.
        UsageError: It would replace what is read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        force: bool = False,
        source: str = "-",
        private: bool = False,
    ) -> None:
        self.shown = "" if path is None else _quote(os.fspath(path))
        self._force = force
        self._private = private
        self._done = False
        folder, name = tempfile.gettempdir(), "trial"
        self.path: Path | None = None
        if path is not None:
            self.path = _target(os.fspath(path), self.shown)
            _refuse(self.path, self.shown, source, force)
            folder, name = str(self.path.parent), self.path.name
        _remove_left(folder)
        self.temporary = Path(folder, f".{name[:100]}.{secrets.token_hex(6)}.tunedeck")
        _unfinished.add(self.temporary)
        try:
            handle = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        except (OSError, ValueError) as error:
            _unfinished.discard(self.temporary)
            raise _write_error(self.shown, error) from error
        self._lock = _locked(handle)
        self._raw: IO[bytes] = os.fdopen(handle, "wb", buffering=_BUFFER)
        self._file: IO[bytes] = self._raw
        if name.endswith(".gz"):
            # No name and no time in it, so that the same content gives the same bytes.
            self._file = gzip.GzipFile(  # type: ignore[assignment]
                filename="", mode="wb", fileobj=self._raw, mtime=0
            )
        elif name.endswith(".zst"):
            from tui.dataset.unpack import zstd_writer

            self._file = zstd_writer(self._raw)

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            FileError: The disk is full or failed.
        """
        try:
            self._file.write(data)
        except OSError as error:
            raise _write_error(self.shown, error) from error

    def finish(self) -> None:
        """Bring everything to the disk; the file can be read under `temporary` then.

        Raises:
            FileError: The disk is full or failed.
        """
        if self._raw.closed:
            return
        try:
            if self._file is not self._raw:
                self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            if not self._private:
                umask = os.umask(0)
                os.umask(umask)
                os.fchmod(self._raw.fileno(), 0o666 & ~umask)
            self._raw.close()
        except OSError as error:
            raise _write_error(self.shown, error) from error

    def commit(self) -> None:
        """Give the file its name.

        Raises:
            FileError: The disk failed, or a file of that name appeared meanwhile.
        """
        self.finish()
        if self.path is None:
            return
        try:
            if self._force:
                os.replace(self.temporary, self.path)
            else:
                _take_name(self.temporary, self.path)
            self._done = True
            _unfinished.discard(self.temporary)
            self._unlock()
            _sync_folder(self.path.parent)
        except FileExistsError as error:
            raise _exists(self.shown) from error
        except OSError as error:
            raise _write_error(self.shown, error) from error

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        if self._done:
            return
        # What a full disk did not take cannot be flushed either; it is thrown away anyway.
        with contextlib.suppress(OSError):
            self._raw.close()
        self.temporary.unlink(missing_ok=True)
        _unfinished.discard(self.temporary)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def _locked(handle: int) -> int | None:
    """Mark an open file as one that somebody is writing; return what holds the mark.

    The system takes the mark away when the process ends, in whichever way it does.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.dup(handle)
    except OSError:
        # Not every file system can: then nothing of it is ever taken for left behind either.
        return None


def _remove_left(folder: str) -> None:
    """Remove what processes that were killed have left in a folder: only files of this pattern.

    A file is left behind where nobody holds its mark. One that was just made may not have it yet.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _LEFT.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry)


def _remove_if_left(entry: os.DirEntry[str]) -> None:
    there = entry.stat(follow_symlinks=False)
    fresh = time.time() - there.st_mtime < _FRESH_SECONDS
    if not stat.S_ISREG(there.st_mode) or there.st_uid != os.geteuid() or fresh:
        return
    # Some file systems lock only what is open for writing.
    handle = os.open(entry.path, os.O_RDWR | os.O_NONBLOCK | _FLAGS)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(entry.path)
    finally:
        os.close(handle)


def commit_all(files: list[NewFile]) -> None:
    """Give several files their names; where one cannot have its name, none keeps it.

    Raises:
        FileError: One of them could not be written.
    """
    for file in files:
        file.finish()
    done: list[NewFile] = []
    try:
        for file in files:
            file.commit()
            done.append(file)
    except FileError:
        for file in done:
            if file.path is not None:
                file.path.unlink(missing_ok=True)
        raise


def _target(name: str, shown: str) -> Path:
    if name == "-":
        raise UsageError("the result is written to a file, not to standard output", "name one: -o")
    try:
        path = Path(os.path.realpath(name))
        if path.is_dir():
            raise FileError(f"{shown} is a folder", "name a file in it")
        folder = path.parent.is_dir()
    except (OSError, ValueError) as error:
        raise _write_error(shown, error) from error
    if not folder:
        raise FileError(
            f"cannot write {shown}: its folder does not exist", "make the folder first: mkdir -p"
        )
    return path


def _refuse(path: Path, shown: str, source: str, force: bool) -> None:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _write_error(shown, error) from error
    if _is_read(there, source):
        raise UsageError(
            f"{shown} is the file that is read; nothing is ever changed in place",
            "give the result another name",
        )
    if not stat.S_ISREG(there.st_mode):
        raise FileError(f"{shown} is a device or a pipe, not a file", "name a file")
    if not force:
        raise _exists(shown)


def _is_read(there: os.stat_result, source: str) -> bool:
    try:
        # Standard input may be this very file as well.
        return os.path.samestat(there, os.fstat(0) if source == "-" else os.stat(source))
    except (OSError, ValueError):
        return False


def _take_name(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        # Some file systems have no links: then the moment between looking and naming is accepted.
        if error.errno in (errno.EEXIST, errno.ENOSPC, errno.EDQUOT) or path.exists():
            raise
        os.replace(temporary, path)
        return
    temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        # Not every file system can sync a folder; the file itself is safe.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _exists(shown: str) -> FileError:
    return FileError(f"{shown} exists already", "give another name, or --force to replace it")


def _write_error(shown: str, error: Exception) -> FileError:
    what = f"cannot write {shown or 'a temporary file'}"
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return FileError(f"{what}: the disk is full", "free some space; nothing was left behind")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FileError(f"{what}: no permission", "write to a folder that is yours")
    if number == errno.ENAMETOOLONG:
        return FileError(f"{what}: the name is too long", "give a shorter one")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FileError(f"{what} ({reason})", "check the folder and the disk")


def _quote(name: str) -> str:
    from widgets.text import clean

    return clean(name, limit=200)
