"""The plain commands: everything the application can do, for scripts, CI and screen readers."""

from __future__ import annotations

from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    from tui.cli.main import run_command

    return run_command(argv)
