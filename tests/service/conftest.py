"""A service in the test's own process, driven by the official SDK."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from tui.service import ServiceConfig, create_app
from tui.service.engines import BUILTIN, Engine

KEY = "test-key"
TINY = Path(__file__).with_name("tiny_engine.py")
MODES = ("tiny", "gated", "stubborn", "crashing", "failing", "garbage", "lying", "careful")
ENGINES = {mode: Engine(model=mode, command=(sys.executable, str(TINY), mode)) for mode in MODES}
ENGINES["absent"] = Engine(model="absent", command=("/nowhere/engine",))
ENDED = ("succeeded", "failed", "cancelled")


def example(question: str, answer: str) -> dict[str, Any]:
    """One chat example."""
    return {
        "messages": [
            {"role": "system", "content": "You are a curt travel clerk."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def jsonl(examples: list[Any]) -> bytes:
    """Examples as the bytes of a file."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in examples)


CITIES = (
    "Paris",
    "Lima",
    "Kyoto",
    "Nairobi",
    "Oslo",
    "Quito",
    "Delhi",
    "Madrid",
    "Havana",
    "Accra",
)
CHAT = [example(f"When should I visit {city}?", f"In May, {city} is best.") for city in CITIES]


async def until(
    ask: Callable[[], Awaitable[Any]], good: Callable[[Any], bool], seconds: float = 60
) -> Any:
    """Ask until the answer is good, and return it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert asyncio.get_running_loop().time() < deadline, f"still {answer!r}"
        await asyncio.sleep(0.02)


class Deck:
    """A service on a folder, and the SDK's client for it; can be started again on the same."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = {"engines": {**BUILTIN, **ENGINES}, **settings}
        self.start()

    def start(self) -> None:
        config = ServiceConfig(data_dir=self.folder, api_key=KEY, **self.settings)
        self.app = create_app(config)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=False),
            base_url="http://service",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        self.client = AsyncOpenAI(
            api_key=KEY, base_url="http://service/v1", http_client=self.http, max_retries=0
        )

    async def close(self) -> None:
        await self.client.close()
        await self.app.state.service.close()

    async def restart(self) -> None:
        await self.close()
        self.start()

    async def upload(self, data: bytes | None = None, name: str = "train.jsonl") -> str:
        content = jsonl(CHAT) if data is None else data
        file = await self.client.files.create(file=(name, content), purpose="fine-tune")
        return file.id

    async def launch(self, model: str = "tiny", *, epochs: int = 3, **extra: Any) -> str:
        training = extra.pop("training_file", None) or await self.upload()
        hyperparameters = {"n_epochs": epochs, **extra.pop("hyperparameters", {})}
        job = await self.client.fine_tuning.jobs.create(
            model=model,
            training_file=training,
            method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            **extra,
        )
        return job.id

    async def job(self, job_id: str) -> Any:
        return await self.client.fine_tuning.jobs.retrieve(job_id)

    async def reach(self, job_id: str, *statuses: str) -> Any:
        job = await until(lambda: self.job(job_id), lambda job: job.status in (*statuses, *ENDED))
        assert job.status in statuses, f"{job.status}: {job.error}"
        return job

    async def end(self, job_id: str) -> Any:
        return await self.reach(job_id, *ENDED)

    async def events(self, job_id: str) -> list[Any]:
        """All events, oldest first."""
        page = await self.client.fine_tuning.jobs.list_events(job_id, limit=1000)
        assert not page.has_more
        return page.data[::-1]

    async def messages(self, job_id: str) -> list[str]:
        return [event.message for event in await self.events(job_id)]

    async def steps(self, job_id: str) -> list[int]:
        return [e.data["step"] for e in await self.events(job_id) if e.type == "metrics"]

    async def reach_step(self, job_id: str, step: int) -> None:
        async def there() -> bool:
            job = await self.job(job_id)
            assert job.status not in ENDED, f"{job.status}: {job.error}"
            return step in await self.steps(job_id)

        await until(there, bool)

    def job_folder(self, job_id: str) -> Path:
        return self.folder / "jobs" / job_id

    def let_go(self, job_id: str) -> None:
        """Let a gated engine go on."""
        (self.job_folder(job_id) / "go").touch()


@pytest.fixture
async def deck(tmp_path: Path) -> AsyncIterator[Deck]:
    deck = Deck(tmp_path / "data")
    yield deck
    await deck.close()
