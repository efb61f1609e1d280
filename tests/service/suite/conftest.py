"""What the official SDK asks of a service: of the embedded one, or of any other.

Without settings, a service is started on loopback. To point it elsewhere::

    TUNEDECK_SUITE_BASE_URL=https://… TUNEDECK_SUITE_API_KEY=… TUNEDECK_SUITE_MODEL=… \
        pytest tests/service/suite -n 0

Tests marked ``costs`` start a training, so elsewhere they are skipped unless TUNEDECK_SUITE_SPEND
is 1. Tests that use what is this service's own (small models, no delay) are always skipped
elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import openai
import pytest

PREFIX = "TUNEDECK_SUITE_"


@dataclass(frozen=True)
class Target:
    """The service that is asked.

    Attributes:
        base_url: The root of its API.
        api_key: The key.
        model: What can be tuned there.
        own: Whether it is the embedded one.
        spend: Whether trainings may be started.
    """

    base_url: str
    api_key: str
    model: str
    own: bool
    spend: bool


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "costs: starts a training, which may cost money")
    config.addinivalue_line("markers", "own: asks what only the embedded service answers so")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    url = os.environ.get(f"{PREFIX}BASE_URL")
    if url:
        yield Target(
            url,
            os.environ.get(f"{PREFIX}API_KEY", "none"),
            os.environ.get(f"{PREFIX}MODEL", "gpt-4.1-nano-2025-04-14"),
            own=False,
            spend=os.environ.get(f"{PREFIX}SPEND") == "1",
        )
        return
    home = tmp_path_factory.mktemp("suite")
    command = [sys.executable, "-m", "tui", "serve", "--port", "0", "--json"]
    environment = {
        **os.environ,
        "TUNEDECK_HOME": str(home),
        "TUNEDECK_SERVICE_KEY": "suite-key",
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        yield Target(
            json.loads(process.stdout.readline())["base_url"], "suite-key", "micro", True, True
        )
        process.terminate()


@pytest.fixture(autouse=True)
def _allowed(request: pytest.FixtureRequest, target: Target) -> None:
    if request.node.get_closest_marker("costs") and not target.spend:
        pytest.skip("starts a training; TUNEDECK_SUITE_SPEND=1 allows it")
    if request.node.get_closest_marker("own") and not target.own:
        pytest.skip("only the embedded service answers so")


@pytest.fixture
def client(target: Target) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=target.base_url, api_key=target.api_key, max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(target: Target) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=target.base_url, api_key=target.api_key, max_retries=0
    ) as client:
        yield client
