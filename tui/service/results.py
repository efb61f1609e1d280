"""The results file of a finished job: one row a step, in the columns of its method."""

from __future__ import annotations

import asyncio
import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tui.service.blobs import Incoming
from tui.service.folders import files_folder
from tui.service.store import Row, Store, new_id, now

# Column and metric of supervised jobs, where the two have different names.
SUPERVISED = (
    ("step", "step"),
    ("train_loss", "train_loss"),
    ("train_accuracy", "train_mean_token_accuracy"),
    ("valid_loss", "valid_loss"),
    ("valid_mean_token_accuracy", "valid_mean_token_accuracy"),
    ("full_valid_loss", "full_valid_loss"),
    ("full_valid_mean_token_accuracy", "full_valid_mean_token_accuracy"),
)
DPO = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)
REINFORCEMENT = (
    "step",
    "train_mean_reward",
    "full_valid_mean_reward",
    "full_valid_mean_parse_error",
    "completion_tokens_mean",
    "mean_unresponsive_rewards",
)
_PAGE = 2000
_MOST_COLUMNS = 500


async def write_results(store: Store, data_dir: Path, job: Row) -> dict[str, Any]:
    """Write the results of a job and return the row of the file, not stored yet.

    In a thread and in pages, because a long run has very many steps.

    Raises:
        ApiError: The disk is full; nothing is kept.
    """
    return await asyncio.to_thread(_write, store, data_dir, job)


def _write(store: Store, data_dir: Path, job: Row) -> dict[str, Any]:
    columns = _columns(store, job)
    file_id = new_id("file")
    incoming = Incoming(files_folder(data_dir), 1 << 40)
    try:
        incoming.write(_lines([list(columns)]))
        for page in _pages(store, job["id"]):
            points = [_flat(row["data"]) for row in page]
            rows = [[_cell(point.get(key)) for key in columns.values()] for point in points]
            incoming.write(_lines(rows))
        sha256 = incoming.keep(files_folder(data_dir) / file_id)
    finally:
        incoming.discard()
    return {
        "id": file_id,
        "filename": "step_metrics.csv",
        "purpose": "fine-tune-results",
        "bytes": incoming.size,
        "created_at": now(),
        "sha256": sha256,
    }


def _pages(store: Store, job_id: str) -> Iterator[list[Row]]:
    after = 0
    while page := store.metrics(job_id, after=after, limit=_PAGE):
        yield page
        after = page[-1]["seq"]


def _columns(store: Store, job: Row) -> dict[str, str]:
    """Return the metric under each column: those of the method, then whatever else was told."""
    kind = job["method"]["type"]
    if kind == "supervised":
        return dict(SUPERVISED)
    found = {name: name for name in (DPO if kind == "dpo" else REINFORCEMENT)}
    for page in _pages(store, job["id"]):
        for row in page:
            for name, value in _flat(row["data"]).items():
                if len(found) < _MOST_COLUMNS and isinstance(value, (int, float)):
                    found.setdefault(name, name)
    return found


def _flat(data: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Return nested values side by side, their ways joined with slashes."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and depth < 8:
            found |= _flat(value, f"{name}/", depth + 1)
        elif not isinstance(value, bool) and name != "total_steps":
            found[name] = value
    return found


def _lines(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.5f}" if math.isfinite(value) else ""
    return value if isinstance(value, (int, str)) else ""
