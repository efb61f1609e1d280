"""Tell a pipe from a file, and open one so that reading it never waits."""

from __future__ import annotations

import os
import stat

from tui.errors import FileError, UsageError

STANDARD_INPUT = "-"
_OPEN_FILES = "/dev/fd/"


def is_open_file(path: str) -> bool:
    """Whether a path names a file by its number, as ``<(command)`` does in a shell."""
    return path.startswith(_OPEN_FILES)


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether a log is to be read once, as it comes."""
    name = os.fspath(path)
    try:
        mode = os.fstat(0).st_mode if name == STANDARD_INPUT else os.stat(name).st_mode
    except OSError:
        return False
    if name == STANDARD_INPUT:
        return not stat.S_ISREG(mode)
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_named(path: str) -> bool:
    """Whether a pipe stands in a folder, so that others may open it."""
    return path != STANDARD_INPUT and not is_open_file(path)


def open_pipe(path: str) -> int:
    """Return the number of a pipe that is opened; what is open already is only doubled.

    Raises:
        FileError: It cannot be opened.
        UsageError: Standard input is the keyboard.
    """
    try:
        if is_named(path):
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        file = os.dup(0 if path == STANDARD_INPUT else int(path.removeprefix(_OPEN_FILES)))
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read ({error})", "check the path") from error
    if os.isatty(file):
        os.close(file)
        hint = "pipe a trainer's output into 'tunedeck watch --log -'"
        raise UsageError("standard input is the keyboard", hint)
    return file
