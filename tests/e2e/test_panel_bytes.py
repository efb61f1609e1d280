"""The live panel over a thin line: what it sends for each metrics event, measured in a terminal.

The provider is a small server of the test's own, which hands out one more step whenever the test
says so. Chart, facts and event log are all in view; everything the program sends is counted.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from tests.terminal import TUNEDECK, Terminal

NOW = 1_800_000_000
TOTAL = 200
JOB = "ftjob-bytes"
EVENTS = 35
BUDGET = 1_000
AIM = 600


class Run:
    """A run whose steps the test lets happen."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.status = "running"
        self.say("Fine-tuning job started")

    def say(self, message: str) -> None:
        self._add(message, "message", {})

    def step(self) -> int:
        number = sum(event["type"] == "metrics" for event in self.events) + 1
        wobble = 0.08 * math.sin(number * 1.7) + 0.05 * math.sin(number * 0.61)
        data: dict[str, object] = {
            "step": number,
            "total_steps": TOTAL,
            "train_loss": 0.4 + 2.2 * math.exp(-number / 45) + wobble,
            "train_mean_token_accuracy": 0.9 - 0.6 * math.exp(-number / 45) + wobble / 9,
        }
        if number % 5 == 0:
            data["valid_loss"] = 0.5 + 2.2 * math.exp(-number / 45)
            data["valid_mean_token_accuracy"] = 0.88 - 0.6 * math.exp(-number / 45)
        self._add(f"Step {number}/{TOTAL}: training loss={data['train_loss']}", "metrics", data)
        return number

    def _add(self, message: str, kind: str, data: dict[str, object]) -> None:
        number = len(self.events)
        self.events.append(
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{number:06}",
                "created_at": NOW + number * 2,
                "level": "info",
                "message": message,
                "type": kind,
                "data": data,
            }
        )

    @property
    def job(self) -> dict[str, object]:
        return {
            "object": "fine_tuning.job",
            "id": JOB,
            "model": "gpt-4.1-mini-2025-04-14",
            "created_at": NOW,
            "finished_at": None,
            "status": self.status,
            "error": {},
            "hyperparameters": {"n_epochs": 4, "batch_size": 8, "learning_rate_multiplier": 2.0},
            "seed": 42,
            "training_file": "file-1",
            "user_provided_suffix": "support",
        }


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def address(run: Run) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlparse(self.path)
            if url.path.endswith("/events"):
                newest = list(reversed(run.events))
                after = parse_qs(url.query).get("after", [""])[0]
                ids = [event["id"] for event in newest]
                page = newest[ids.index(after) + 1 if after in ids else 0 :][:100]
                answer: dict[str, object] = {"data": page, "has_more": page != newest[-len(page) :]}
            elif url.path.endswith("/checkpoints"):
                answer = {"data": [], "has_more": False}
            elif url.path.endswith(JOB):
                answer = run.job
            else:
                answer = {"data": [run.job], "has_more": False}
            body = json.dumps({"object": "list", **answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def panel(address: str, home: Path) -> Iterator[Terminal]:
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        f'default_provider = "lab"\n[providers.lab]\nbase_url = "{address}"\n'
    )
    with Terminal((*TUNEDECK, "watch", JOB), size=(120, 40)) as terminal:
        yield terminal


def test_a_metrics_event_costs_a_few_hundred_bytes(run: Run, panel: Terminal) -> None:
    for _ in range(10):
        run.step()
    panel.wait_for(f"10 / {TOTAL}").wait_for("Fine-tuning job started")
    panel.read(1.5)
    before = len(panel.sent)
    for _ in range(EVENTS):
        panel.wait_for(f"{run.step()} / {TOTAL}")
    panel.read(1.5)
    average = (len(panel.sent) - before) / EVENTS
    print(f"bytes an event: {average:.0f}")
    shown = panel.text
    assert any("⠀" < character <= "⣿" for character in shown), "no chart in view"
    assert "Train loss" in shown
    assert "Fine-tuning job started" in shown
    assert average <= BUDGET
    assert average <= AIM


def test_nothing_is_sent_while_nothing_happens(run: Run, panel: Terminal) -> None:
    run.step()
    run.status = "paused"
    panel.wait_for("paused")
    panel.read(6)
    before = len(panel.sent)
    panel.read(4)
    assert len(panel.sent) == before
