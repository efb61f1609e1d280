"""What the tests of the commands about jobs share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.calling import Out
from tests.jobs.faultserver import FaultServer, message, metrics

CREATE = r"/v1/fine_tuning/jobs"


def launch(out: Out, file: Path, *more: str) -> tuple[int, str, str]:
    return out("launch", str(file), "--model", "gpt-4.1-mini", "--epochs", "3", *more)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def finished(server: FaultServer, status: str = "succeeded", **fields: Any) -> None:
    server.add_job(status=status, **fields)
    server.events["ftjob-one"] = [
        message(1, "Created"),
        *[metrics(n + 1, n) for n in range(1, 6)],
        message(7, "Done \x1b[31m", level="warn"),
    ]
