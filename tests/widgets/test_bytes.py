"""What the widgets send to a terminal far away, counted in a real pseudo-terminal at 120x40."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from tests.terminal import QUIET, ROOT, Terminal

APP = Path(__file__).with_name("byte_app.py")
ENV = {
    "COLORTERM": "truecolor",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_FPS": "20",
    "PYTHONPATH": str(ROOT),
}


def app_with(widget: str, **env: str) -> Terminal:
    """A small application with one widget, in a terminal of 120x40."""
    return Terminal((sys.executable, str(APP), widget), env={**ENV, **env})


def costs(terminal: Terminal, key: str, times: int) -> list[int]:
    """Bytes of each of several key presses, each of which changes the screen."""
    terminal.read(QUIET)
    found = []
    for _ in range(times):
        before = terminal.text
        found.append(terminal.cost(key, lambda now, before=before: now.text != before))
    return found


def test_one_new_point_costs_a_few_hundred_bytes() -> None:
    with app_with("chart") as terminal:
        terminal.wait_for("train")
        found = costs(terminal, "+", 7)
        assert statistics.median(found) <= 450
        assert max(found) <= 900


@pytest.mark.parametrize(
    ("widget", "ready", "key", "most"),
    [
        ("records", "Record 3", "j", 700),
        ("issues", "rule_1", "j", 700),
        ("issues", "rule_1", "+", 500),
        ("log", "Event 4", "+", 350),
        ("histogram", "Tokens", "+", 600),
        ("answer", "an answer", "+", 450),
    ],
)
def test_a_change_costs_its_rows(widget: str, ready: str, key: str, most: int) -> None:
    with app_with(widget) as terminal:
        terminal.wait_for(ready)
        assert max(costs(terminal, key, 4)[1:]) <= most


def test_a_list_that_grows_sends_nothing() -> None:
    with app_with("records") as terminal:
        terminal.wait_for("Record 3")
        terminal.read(QUIET)
        before = len(terminal.sent)
        terminal.type("+++")
        terminal.read(QUIET)
        assert len(terminal.sent) == before


@pytest.mark.parametrize("env", [{"COLORTERM": "", "TERM": "xterm"}, {"NO_COLOR": "1"}])
def test_few_colours_and_none(env: dict[str, str]) -> None:
    with app_with("chart", **env) as terminal:
        terminal.wait_for("valid")
        terminal.read(QUIET)
        assert "•" in terminal.text
        if env.get("TERM") == "xterm":
            assert b"38;2;" not in terminal.sent
