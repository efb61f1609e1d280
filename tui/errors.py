"""One hierarchy of errors: what went wrong, what to do, and the exit code that says so.

Exit codes are part of the command line's contract: 1 the thing asked about is bad, 2 wrong usage
or an unreadable file, 3 the provider refused or could not be reached, 4 refused for safety.
"""

from __future__ import annotations

import os
from pathlib import Path

_HARDLY_ANYTHING = 64 * 1024


class TunedeckError(Exception):
    """An error a user can act on.

    Args:
        message: What went wrong, in plain words, without a full stop.
        hint: What to do next; may be empty.
        code: A stable word for scripts; the class's own unless given.

    Attributes:
        details: What else ``--json`` says of it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.details: dict[str, object] = {}
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        """Return the one line a person reads: ``what went wrong: what to do``."""
        return f"{self.message}: {self.hint}" if self.hint else self.message


class UsageError(TunedeckError):
    """The command was called wrongly."""

    code = "usage"
    exit_code = 2


class FileError(TunedeckError):
    """A file cannot be read or written (missing, a folder, no permission, full disk)."""

    code = "file"
    exit_code = 2


def disk_is_full(folder: Path) -> bool:
    """Return whether nothing more can be written in a folder; false where that is not told.

    SQLite and child processes report a full disk in ways that do not name it.
    """
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _HARDLY_ANYTHING


class ConfigError(TunedeckError):
    """A settings, model or price file is malformed."""

    code = "config"
    exit_code = 2


class JobFailedError(TunedeckError):
    """The job asked about ended badly."""

    code = "job_failed"
    exit_code = 1


class ProviderError(TunedeckError):
    """The provider refused, answered nonsense, or could not be reached.

    Args:
        message: What went wrong.
        hint: What to do next.
        code: The provider's own error code where it gave one.
        status: The HTTP status, where there was an answer.
    """

    code = "provider"
    exit_code = 3

    def __init__(
        self, message: str, hint: str = "", *, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, hint, code=code)
        self.status = status


class SafetyError(TunedeckError):
    """Refused so that no money is spent by mistake."""

    code = "safety"
    exit_code = 4
