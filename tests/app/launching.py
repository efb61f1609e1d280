"""The Launch screen as a person meets it: the form, the preflight, the question."""

from __future__ import annotations

from textual.pilot import Pilot

from tests.app.aids import screen_text
from tests.app.job_fakes import until
from tui.screens.launch import LaunchScreen


async def launch_screen(pilot: Pilot[int]) -> LaunchScreen:
    """Go to the form, whose preflight may still be under way."""
    app = pilot.app
    await pilot.pause()
    app.action_mode("launch")
    await until(pilot, lambda: isinstance(app.screen, LaunchScreen), "the Launch screen")
    return app.screen


async def ready(pilot: Pilot[int], words: str = "Ready") -> LaunchScreen:
    """Go to the form and wait for what its preflight says."""
    screen = await launch_screen(pilot)
    await until(pilot, lambda: words in screen_text(pilot.app), "the preflight")
    return screen


async def asked(pilot: Pilot[int], question: str = "Launch this run?") -> None:
    """Ask for the launch: nothing is sent before the question has its answer."""
    await pilot.press("ctrl+l")
    await until(pilot, lambda: question in screen_text(pilot.app), "the question")


async def said_yes(pilot: Pilot[int], question: str = "Launch this run?") -> None:
    """Ask for the launch and answer yes."""
    await asked(pilot, question)
    await pilot.press("y")
