from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.jobs.faultserver import KEY, FaultServer
from tui.config import Paths, ProviderConfig
from tui.jobs import Ledger, Provider, open_ledger


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.resolve({"TUNEDECK_HOME": str(home)})


@pytest.fixture
async def provider(server: FaultServer, paths: Paths) -> AsyncIterator[Provider]:
    config = ProviderConfig("lab", "compatible", server.url, api_key=KEY, api_key_env="LAB_KEY")
    made = Provider(config, paths)
    yield made
    await made.aclose()


@pytest.fixture
def ledger(paths: Paths) -> Iterator[Ledger]:
    opened = open_ledger(paths.state)
    yield opened
    opened.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that protect people from slow networks are short against a server in this process."""
    monkeypatch.setattr("tui.jobs.watcher._FAST_NEARBY", 0.02)
    monkeypatch.setattr("tui.jobs.watcher._SLOW_NEARBY", 0.05)
    monkeypatch.setattr("tui.jobs.watcher._MAX_BACKOFF", 0.05)
    monkeypatch.setattr("tui.jobs.wire.BACKOFF", 0.01)
    monkeypatch.setattr("tui.jobs.launcher._LOOK_SECONDS", 1.0)
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 0.3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "!"}]}
        for n in range(10)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
