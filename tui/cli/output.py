"""How commands speak: JSON on stdout for machines, cleaned text for people, notes on stderr."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from typing import Any, TextIO

from tui.errors import FileError, TunedeckError
from widgets.text import clean


def json_safe(value: Any) -> Any:
    """Return ``value`` with NaN and infinities as ``None`` and lone surrogates replaced.

    JSON knows neither, and one of them would make the whole line unreadable for a strict parser.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {json_safe(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return value


def emit_json(value: Any) -> None:
    """Print one JSON document on stdout, indented for the person who pipes it to a pager."""
    _write(json.dumps(json_safe(value), ensure_ascii=False, indent=2))


def emit_line(value: Any) -> None:
    """Print one JSON object on one line of stdout and flush, for a reader that follows."""
    _write(json.dumps(json_safe(value), ensure_ascii=False, separators=(", ", ": ")))


def say(text: str = "") -> None:
    """Print a line for a person on stdout.

    The caller has passed every foreign part through :func:`widgets.text.clean`; styling codes of
    our own may stand in the line, so it is not cleaned again here.
    """
    _write(text)


def note(text: str) -> None:
    """Print one cleaned line for a person on stderr: progress that matters, warnings, errors.

    A stderr that cannot be written costs the line and nothing else: a launch goes on.
    """
    line = f"tunedeck: {clean(text)}\n"
    encoding = sys.stderr.encoding or "utf-8"
    try:
        sys.stderr.write(line.encode(encoding, "replace").decode(encoding))
        sys.stderr.flush()
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO) -> None:
    """Let a standard stream lead nowhere from here on.

    Python would try to write what it still holds at exit, fail again, and complain.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def report_error(error: TunedeckError, *, as_json: bool) -> int:
    """Tell of an error as the contract says and return its exit code."""
    if as_json:
        detail: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
        detail |= error.details
        # Where stdout is what failed, the line on stderr has to do.
        with contextlib.suppress(FileError, BrokenPipeError):
            emit_line({"error": detail})
    note(str(error))
    return error.exit_code


def is_interactive() -> bool:
    """Return whether a question may be asked: both ends of the conversation are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask a yes/no question on stderr; only ``y`` or ``yes`` means yes, and silence means no."""
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    try:
        answer = input()
    except EOFError:
        sys.stderr.write("\n")
        return False
    return answer.strip().lower() in ("y", "yes")


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up(sys.stdout)
        raise FileError(
            f"the output cannot be written ({error.strerror})",
            "free some space where it goes, or send it elsewhere",
        ) from error
