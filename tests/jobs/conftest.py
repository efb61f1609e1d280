from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.jobs.aids import hurry, ten_examples
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
    """No test waits as one does for a far server."""
    hurry(monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ten_examples(tmp_path / "train.jsonl")


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """Servers entered here end with the test."""
    with ExitStack() as stack:
        yield stack
