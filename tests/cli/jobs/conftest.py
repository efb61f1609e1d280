"""A server that misbehaves as the configured provider, and the commands called as scripts do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.aids import hurry, ten_examples
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
    hurry(monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ten_examples(tmp_path / "train.jsonl")
