"""The screens of the application by mode, and the keys that work on all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.binding import Binding, BindingType
from textual.screen import Screen

# Screens are imported when they are first shown, so that a cold one costs the first frame nothing.


def _data() -> Screen[Any]:
    from tui.screens.data import DataScreen

    return DataScreen()


def _issues() -> Screen[Any]:
    from tui.screens.issues import IssuesScreen

    return IssuesScreen()


def _tokens() -> Screen[Any]:
    from tui.screens.tokens import TokensScreen

    return TokensScreen()


def _price() -> Screen[Any]:
    from tui.screens.price import PriceScreen

    return PriceScreen()


def _launch() -> Screen[Any]:
    from tui.screens.launch import LaunchScreen

    return LaunchScreen()


def _jobs() -> Screen[Any]:
    from tui.screens.jobs import JobsScreen

    return JobsScreen()


def warm() -> None:
    """Import the screens a person goes to next, so that the first key to them is not slow."""
    import tui.screens.help
    import tui.screens.issues
    import tui.screens.open
    import tui.screens.palette
    import tui.screens.price
    import tui.screens.tokens  # noqa: F401


MODES: dict[str, str | Callable[[], Screen[Any]]] = {
    "data": _data,
    "issues": _issues,
    "tokens": _tokens,
    "price": _price,
    "launch": _launch,
    "jobs": _jobs,
}

KEYS: list[BindingType] = [
    *(
        Binding(
            str(number),
            f"mode('{mode}')",
            mode.title(),
            id=f"mode.{mode}",
            tooltip=f"Go to the {mode.title()} screen",
            show=False,
        )
        for number, mode in enumerate(MODES, 1)
    ),
    Binding("o", "open", "open file", id="app.open", tooltip="Open another dataset"),
    Binding(
        "l", "mode('launch')", "launch", id="app.launch", tooltip="Launch a run on this dataset"
    ),
    Binding(
        "r",
        "reload",
        "reload",
        id="app.reload",
        tooltip="Read the file again, or go on with a stopped check",
        show=False,
    ),
    Binding(
        "escape",
        "stop",
        "stop",
        id="app.stop",
        tooltip="Stop reading and checking; what was found stays",
        show=False,
    ),
    Binding("q", "back", "back", id="app.back", tooltip="Back to the screen before; never quits"),
    Binding("question_mark", "help", "help", id="app.help", tooltip="The keys of this screen"),
    Binding(
        "ctrl+l",
        "redraw",
        "redraw",
        id="app.redraw",
        tooltip="Draw the screen anew",
        show=False,
    ),
    Binding(
        "ctrl+z",
        "suspend_process",
        "suspend",
        id="app.suspend",
        tooltip="Suspend; the shell's fg comes back",
        show=False,
    ),
    Binding("ctrl+q", "quit", "quit", id="app.quit", tooltip="Quit", show=False, priority=True),
]
