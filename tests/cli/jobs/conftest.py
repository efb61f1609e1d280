"""A server that misbehaves as the configured provider, and the commands called as scripts do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.jobs.common import records
from tests.jobs.faultserver import KEY, FaultServer


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(autouse=True)
def settings(home: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'default_provider = "lab"\n[providers.lab]\n'
        f'base_url = "{server.url}"\napi_key_env = "LAB_KEY"\n'
    )
    (config / "prices.toml").write_text('[lab.models]\n"gpt-4.1-mini" = { training = 4.0 }\n')
    monkeypatch.setenv("LAB_KEY", KEY)
    monkeypatch.setattr("tui.jobs.watcher._FAST_NEARBY", 0.02)
    monkeypatch.setattr("tui.jobs.watcher._MAX_BACKOFF", 0.05)
    monkeypatch.setattr("tui.jobs.wire.BACKOFF", 0.01)
    monkeypatch.setattr("tui.jobs.launcher._LOOK_SECONDS", 1.0)
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 0.3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return records(tmp_path / "train.jsonl")
