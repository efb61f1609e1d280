"""One call from a path to what a scan finds, for commands and other packages."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.dataset.scan import Cancelled, Scan, ScanResult, ScanUpdate
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.dataset.profile import Profile
    from tui.dataset.report import CheckReport


def check_file(
    path: str | os.PathLike[str],
    *,
    profile: Profile | str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    max_issues: int | None = None,
    quality: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Cancelled | None = None,
) -> CheckReport:
    """Check a file and return the report.

    Args:
        path: The file, or ``-`` for standard input.
        profile: Whose limits and severities apply.
        format: ``auto``, or the format its records must have.
        model: The model whose context limit applies.
        max_issues: Issues kept with their words.
        quality: Apply the rules about what the examples teach, too.
        workers: Worker processes; ``None`` chooses by size.
        progress: Told bytes done and bytes in all, at most five times a second.
        cancelled: Asked often; true stops.

    Raises:
        FileError: The file cannot be read.
        UsageError: An unknown profile or format.
    """
    return scan_file(
        path,
        profile=profile,
        format=format,
        model=model,
        max_issues=max_issues,
        quality=quality,
        workers=workers,
        progress=progress,
        cancelled=cancelled,
    ).report


def scan_file(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    profile: Profile | str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    max_issues: int | None = None,
    quality: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Cancelled | None = None,
) -> ScanResult:
    """Check a file and, with an encoding, count its tokens; the rest is as in `check_file`."""

    def on_update(update: ScanUpdate) -> None:
        if progress is not None:
            progress(update.bytes_done, update.bytes_total)

    with Source.open(path, cancelled=cancelled) as source:
        scan = Scan(
            source,
            profile=profile,
            format=format,
            model=model,
            encoding=encoding,
            max_issues=max_issues,
            quality=quality,
            workers=workers,
        )
        return scan.run(on_update, cancelled)
