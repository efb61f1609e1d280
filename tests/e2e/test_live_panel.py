"""A person at a terminal: launch on the embedded service, watch the loss, cancel with a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import TUNEDECK, Terminal


def has_chart(terminal: Terminal) -> bool:
    return any("⠀" < character <= "⣿" for character in terminal.text)


@pytest.mark.timeout(240)
def test_launch_watch_and_cancel(home: Path) -> None:
    command = (
        *TUNEDECK,
        *("launch", "sample_data/support_chat.jsonl", "--model", "micro"),
        *("--epochs", "50", "--watch", "--yes"),
    )
    with Terminal(command, size=(120, 40)) as terminal:
        terminal.wait_for("● running").wait_for("Train loss").wait_for(has_chart)
        terminal.wait_for("Fine-tuning job started")
        terminal.type("x")
        terminal.wait_for("Cancel this run?").wait_for("costs nothing")
        terminal.type("n")
        terminal.wait_for(lambda term: "Cancel this run?" not in term.text)
        assert "running" in terminal.text
        terminal.type("x")
        terminal.wait_for("Cancel this run?")
        terminal.type("y")
        terminal.wait_for("■ cancelled").wait_for("Cancelled after")
        terminal.type("q")
        terminal.wait_for("1 run on this machine, none going on")
        terminal.type("\x11")
        terminal.wait_end()
