"""The terminal the application needs: whether there is one, its keys, its mouse."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tui.config import Settings
from tui.errors import UsageError


def require_terminal(paths: Sequence[str]) -> None:
    """Refuse to start where nothing can be drawn or typed.

    Args:
        paths: What was to be opened, for the hint.

    Raises:
        UsageError: There is no terminal, or one that cannot draw screens.
    """
    name = paths[0] if paths else "FILE"
    hint = f"use 'tunedeck check {name}', 'stats' or 'cost'; 'tunedeck --help' lists all commands"
    piped = "-" in paths
    keys = piped or (sys.stdin and sys.stdin.isatty())
    if not (keys and sys.stdout and sys.stdout.isatty()):
        raise UsageError("this is not a terminal, so there is nothing to draw on", hint)
    if not (sys.stderr and sys.stderr.isatty()):  # Textual draws on standard error
        raise UsageError("standard error is not the terminal", "leave out the 2> redirection")
    if os.environ.get("TERM", "") in ("dumb", ""):
        raise UsageError("this terminal (TERM=dumb) cannot draw screens", hint)


def keys_from_terminal() -> None:
    """Take the keys from the terminal itself: standard input was the dataset.

    Raises:
        UsageError: There is no terminal.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise UsageError("there is no terminal for the keys", "name the file instead") from error
    os.dup2(terminal, 0)
    os.close(terminal)


def wants_mouse(flag: bool | None, settings: Settings) -> bool:
    """Return whether to use the mouse: as told, as set, else only where the terminal is near."""
    if flag is not None:
        return flag
    if settings.mouse != "auto":
        return settings.mouse == "on"
    return not os.environ.get("SSH_CONNECTION")
