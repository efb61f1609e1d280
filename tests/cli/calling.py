"""Commands called as scripts call them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tui.cli import run

Out = Callable[..., tuple[int, str, str]]

HEAD = [
    "file",
    "bytes",
    "format",
    "records",
    "blank_lines",
    "valid",
    "errors",
    "warnings",
    "advice",
    "counts",
]
"""How the report on a file begins, in this order."""


def call(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    """Return the exit code of a command, and what it printed for scripts and for people."""
    code = run([str(word) for word in argv])
    printed = capsys.readouterr()
    return code, printed.out, printed.err
