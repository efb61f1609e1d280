"""The live panel over a thin line: what it sends for each metrics event, measured in a terminal.

The provider is a small server of the tests' own, which hands out one more step whenever the test
says so. Chart, facts and event log are all in view; everything the program sends is counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run_server import JOB, Run, configure, serving
from tests.terminal import QUIET, TUNEDECK, Terminal

EVENTS = 35
BUDGET = 400
FRAMES_A_SECOND = 2
TRUECOLOR = {"COLORTERM": "truecolor"}


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def panel(run: Run, home: Path) -> Iterator[Terminal]:
    with serving(run) as address:
        configure(home, address)
        command = (*TUNEDECK, "watch", JOB)
        with Terminal(command, size=(120, 40), env=TRUECOLOR) as terminal:
            yield terminal


def test_a_metrics_event_costs_a_few_hundred_bytes(run: Run, panel: Terminal) -> None:
    for _ in range(10):
        run.step()
    panel.wait_for(f"10 / {run.total}").wait_for("Fine-tuning job started")
    panel.read(1.5)
    found = []
    for _ in range(EVENTS):
        before = len(panel.sent)
        panel.wait_for(f"{run.step()} / {run.total}")
        panel.read(QUIET)
        found.append(len(panel.sent) - before)
    print(f"bytes an event: median {statistics.median(found)}, most {max(found)}")
    shown = panel.text
    assert any("⠀" < character <= "⣿" for character in shown), "no chart in view"
    assert "Train loss" in shown
    assert "Fine-tuning job started" in shown
    assert statistics.median(found) <= BUDGET


def test_nothing_is_sent_while_nothing_happens(run: Run, panel: Terminal) -> None:
    run.step()
    run.status = "paused"
    panel.wait_for("paused")
    panel.read(6)
    before = len(panel.sent)
    panel.read(4)
    assert len(panel.sent) == before


def test_a_held_view_sends_nothing_and_counts_on(run: Run, panel: Terminal) -> None:
    run.step()
    panel.wait_for(f"1 / {run.total}")
    panel.type(" ")
    panel.wait_for("view held")
    panel.read(1.5)
    before = len(panel.sent)
    for _ in range(20):
        run.step()
    panel.read(4)
    assert len(panel.sent) == before
    panel.type(" ")
    panel.wait_for(f"21 / {run.total}")


def test_no_more_than_two_frames_a_second_whatever_comes(run: Run, panel: Terminal) -> None:
    run.step()
    panel.wait_for(f"1 / {run.total}")
    panel.read(1.5)
    bursts: list[float] = []
    start = time.monotonic()
    while time.monotonic() - start < 6 and run.steps < run.total:
        run.step()
        if panel.read(0.02):
            now = time.monotonic()
            # What comes within a tenth of a second is one frame, cut up by the pipe.
            if not bursts or now - bursts[-1] > 0.1:
                bursts.append(now)
    assert len(bursts) >= 2
    took = bursts[-1] - bursts[0]
    assert len(bursts) - 1 <= FRAMES_A_SECOND * took + 1
