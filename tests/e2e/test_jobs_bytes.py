"""The list of runs over a thin line: a row that changes costs a row, and nothing costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.faultserver import FaultServer, metrics
from tests.terminal import TUNEDECK, Terminal

RUNS = 30
ROW = 450
"""Bytes for one row of 120 cells with its colours."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def screen(server: FaultServer, home: Path) -> Iterator[Terminal]:
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'default_provider = "lab"\n[providers.lab]\n'
        f'base_url = "{server.url}"\n[providers.away]\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    file = home / "chat.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 9)
    for number in range(RUNS):
        server.add_job(f"ftjob-{number:02}", status="running" if number > 27 else "succeeded")
        server.events[f"ftjob-{number:02}"] = [metrics(1, 1)]
    with Terminal((*TUNEDECK, str(file)), size=(120, 40)) as terminal:
        yield terminal


def polls(server: FaultServer) -> int:
    return server.count("GET", "/v1/fine_tuning/jobs")


def test_only_what_changes_is_sent(server: FaultServer, screen: Terminal) -> None:
    screen.wait_for("9 records").type("6")
    screen.wait_for("ftjob-29").wait_for("1/30").wait_for("nothing answers")
    screen.read(3)
    before, asked = len(screen.sent), polls(server)
    screen.wait_for(lambda _: polls(server) >= asked + 2)
    screen.read(0.5)
    assert screen.sent[before:] == b"", "nothing changed and something was sent"
    with server.lock:
        server.events["ftjob-29"].append(metrics(2, 2))
    screen.wait_for("2/30")
    screen.read(0.5)
    sent = len(screen.sent) - before
    print(f"bytes for a step of one run: {sent}")
    assert sent <= ROW
