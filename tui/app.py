"""The terminal application: wiring only.

Modes, keys and signals stand here; the state of the dataset is in :mod:`tui.workspace`, what
screens may ask is in :mod:`tui.deck`, and everything a person sees is in :mod:`tui.screens`.
"""

from __future__ import annotations

from collections.abc import Sequence


def run_app(
    paths: Sequence[str] = (),
    *,
    provider: str | None = None,
    open_job: str | None = None,
    ascii: bool = False,  # noqa: A002 - the name of the flag
    mouse: bool | None = None,
) -> int:
    """Open the application on a dataset, a folder, or nothing, and return its exit code.

    Args:
        paths: Files to open (the first is shown, the others are offered), or one folder.
        provider: The provider to use; the configured default if ``None``.
        open_job: Open on the live panel of this run.
        ascii: Draw with ASCII only.
        mouse: Turn the mouse on or off; ``None`` takes the setting, which is off over SSH.

    Raises:
        FileError: A path is missing, empty, unreadable, not text, or a folder without datasets.
        UsageError: There is no terminal to draw on.
        ConfigError: The settings file is malformed.
    """
    raise NotImplementedError
