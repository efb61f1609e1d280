"""What tests of jobs share with tests of the commands about them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.faultserver import KEY
from tui.config import Paths, ProviderConfig
from tui.jobs import LaunchRequest, LaunchState, Preflight, Provider
from tui.jobs.rows import LaunchRow, Owner

# What a launch goes by when nothing is known and nothing stands in its way.
FREE = Preflight((), None, None, False)

_SHORT = {
    "watcher._FAST_NEARBY": 0.02,
    "watcher._SLOW_NEARBY": 0.05,
    "watcher._MAX_BACKOFF": 0.05,
    "wire.BACKOFF": 0.01,
    "launcher._LOOK_SECONDS": 1.0,
    "recovery._GRACE_NEARBY": 0.3,
    "recovery._GRACE_LOCAL": 0.3,
}


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the waits short that protect people from slow networks: here no server is far."""
    for name, seconds in _SHORT.items():
        monkeypatch.setattr(f"tui.jobs.{name}", seconds)


def ten_examples(path: Path, **more: Any) -> Path:
    """Write ten good chat examples, each with what is given besides."""
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"Question {n}"},
                {"role": "assistant", "content": f"Answer {n}"},
            ],
            **more,
        }
        for n in range(10)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def row(provider: Provider, request: LaunchRequest, state: LaunchState, **more: Any) -> LaunchRow:
    """Return a launch of a process that is gone, as the ledger keeps it."""
    then = time.time() - 100
    base: dict[str, Any] = {
        "id": "aaaaaaaa-1111",
        "endpoint": provider.endpoint,
        "provider": provider.name,
        "file": str(request.file),
        "sha256": hashlib.sha256(request.file.read_bytes()).hexdigest(),
        "model": request.model,
        "state": state,
        "file_id": None,
        "job_id": None,
        "reason": "",
        "request": {},
        "estimate": {},
        "owner": Owner(Owner.me().host, 2**22 + 1, 1),
        "planned_at": then,
        "creating_at": then,
        "updated_at": then,
        "recipe": request.recipe(),
    }
    return LaunchRow(**{**base, **more})


class Heard(list[str]):
    """The words a launch tells on its way, for `launch` to call."""

    def __call__(self, _state: LaunchState, words: str) -> None:
        self.append(words)


@asynccontextmanager
async def opened(server: Any, paths: Paths, adapter: str, **more: Any) -> AsyncIterator[Provider]:
    """Open a server as the provider ``lab``, which wants the key and speaks in its own shapes."""
    server.keys = {KEY}
    settings = {"base_url": server.url, "api_key": KEY, **more}
    provider = Provider(ProviderConfig("lab", "compatible", adapter=adapter, **settings), paths)
    yield provider
    await provider.aclose()
