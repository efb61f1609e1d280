"""A run at a provider of the test's own, which goes on a step whenever the test says so."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

NOW = 1_800_000_000
JOB = "ftjob-bytes"


class Run:
    """A run whose steps the test lets happen."""

    def __init__(self, total: int = 200) -> None:
        self.total = total
        self.events: list[dict[str, object]] = []
        self.status = "running"
        self.steps = 0
        self.say("Fine-tuning job started")

    def say(self, message: str) -> None:
        """Add an event that is no measurement."""
        self._add(message, "message", {})

    def step(self) -> int:
        """Train one more step, and tell of it."""
        self.steps += 1
        number = self.steps
        train, valid = losses(number)
        data: dict[str, object] = {
            "step": number,
            "total_steps": self.total,
            "train_loss": train,
            "train_mean_token_accuracy": 0.9 - 0.6 * math.exp(-number / 45) + (train % 0.01),
        }
        if valid is not None:
            data["valid_loss"] = valid
            data["valid_mean_token_accuracy"] = 0.88 - 0.6 * math.exp(-number / 45)
        self._add(f"Step {number}/{self.total}: training loss={train}", "metrics", data)
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
        """The run as the provider describes it."""
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


def losses(step: int) -> tuple[float, float | None]:
    """Training and, at every fifth step, validation loss of a step."""
    wobble = 0.08 * math.sin(step * 1.7) + 0.05 * math.sin(step * 0.61)
    train = 0.4 + 2.2 * math.exp(-step / 45) + wobble
    return train, 0.5 + 2.2 * math.exp(-step / 45) if step % 5 == 0 else None


@contextlib.contextmanager
def serving(run: Run) -> Iterator[str]:
    """Serve a run on loopback; the value is the base URL."""

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
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def configure(home: Path, address: str) -> None:
    """Make this server the only provider of a home folder."""
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        f'default_provider = "lab"\n[providers.lab]\nbase_url = "{address}"\n'
    )
