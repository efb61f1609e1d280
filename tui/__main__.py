"""Entry point: ``tunedeck`` and ``python -m tui``."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import NoReturn

# Textual reads these once, at import: no animation and no smooth scrolling, because the terminal is
# far away and every frame is bytes on the line. The frames a second stay as they are: fewer would
# make each key wait for the next one, and what moves by itself keeps its own, slower pace.
_TEXTUAL_DEFAULTS = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
}
_INTERRUPTED = 130


def _run() -> int:
    """Run the command line and return its exit code."""
    try:
        _open_standard_streams()
        for name, value in _TEXTUAL_DEFAULTS.items():
            os.environ.setdefault(name, value)
        from tui.cli import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return _INTERRUPTED


def _open_standard_streams() -> None:
    """Put the null device where the caller closed stdin, stdout or stderr.

    Otherwise the next file that is opened, such as the ledger, would get the number and with it
    whatever is printed.
    """
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY)
        # A closed stdin stays ``None``: reading nothing from it would pass for an empty file.
        if number > 0 and getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def main() -> NoReturn:
    """Run the command line as the whole process, and end the process with its exit code.

    Taking the loaded modules apart, as Python does at its end, lasts up to 0.7 s and brings
    nothing: everything of worth is on disk by then. What registered itself for the end still runs.
    """
    code = _run()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
