"""A provider in memory, with the methods screens and the watcher use, and an application on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app.aids import wait_for
from tui.app import TunedeckApp
from tui.config import Paths, ProviderConfig, Settings
from tui.errors import ProviderError
from tui.jobs import Checkpoint, Event, Job, JobPage
from tui.jobs.models import EventPage, ModelEntry
from tui.kinds import Can

NOW = 1_800_000_000


def job(job_id: str = "ftjob-1", status: str = "running", **fields: Any) -> Job:
    raw = {
        "id": job_id,
        "status": status,
        "model": "micro",
        "created_at": NOW,
        "hyperparameters": {"n_epochs": 3, "batch_size": 4},
        "seed": 7,
        "user_provided_suffix": "support",
        **fields,
    }
    found = Job.from_wire(raw, "fake")
    assert found is not None
    return found


def metrics(step: int, total: int = 60, **values: float) -> Event:
    data = {"step": step, "total_steps": total, "train_loss": 2.5 / (1 + step / 10), **values}
    return Event(
        id=f"ftevent-{step:05}",
        created_at=NOW + step,
        level="info",
        message=f"Step {step}/{total}: training loss={data['train_loss']:.2f}",
        type="metrics",
        data=data,
    )


def said(number: int, message: str, level: str = "info") -> Event:
    return Event(f"ftevent-said-{number}", NOW + number, level, message, "message", None)


class FakeProvider:
    """Jobs and events in lists that a test changes as it goes."""

    def __init__(self, kind: str = "compatible") -> None:
        self.config = ProviderConfig("fake", kind, "http://127.0.0.1:9/v1", api_key="none")
        self.name = "fake"
        self.endpoint = "fake http://127.0.0.1:9/v1"
        self.nearby = True
        self.jobs: dict[str, Job] = {}
        self.history: dict[str, list[Event]] = {}
        self.kept: tuple[Checkpoint, ...] = ()
        self.down: str = ""
        self.calls: list[tuple[str, str]] = []
        self.cancels_at_once = True
        self.listed: tuple[ModelEntry, ...] = ()
        self.abilities: dict[str, Can] = {}

    def add(self, one: Job, *events: Event) -> None:
        self.jobs[one.id] = one
        self.history.setdefault(one.id, []).extend(events)

    def set(self, job_id: str, status: str, **fields: Any) -> Job:
        old = self.jobs[job_id]
        changed = Job.from_wire({**old.raw, "status": status, **fields}, "fake")
        assert changed is not None
        self.jobs[job_id] = changed
        return self.jobs[job_id]

    def _reach(self) -> None:
        if self.down:
            raise ProviderError(self.down, "is it running?")

    def _job(self, job_id: str) -> Job:
        self._reach()
        if job_id not in self.jobs:
            raise ProviderError(f"there is no job {job_id}", "see 'tunedeck jobs'", status=404)
        return self.jobs[job_id]

    async def list_jobs(self, limit=20, after=None, metadata=None, attempts=None) -> JobPage:
        self._reach()
        every = sorted(self.jobs.values(), key=lambda j: -(j.created_at or 0))
        ids = [one.id for one in every]
        start = ids.index(after) + 1 if after in ids else 0
        page = every[start : start + limit]
        return JobPage(tuple(page), start + limit < len(every), page[-1].id if page else None)

    async def retrieve(self, job_id: str, attempts=None) -> Job:
        return self._job(job_id)

    async def cancel(self, job_id: str) -> Job:
        self.calls.append(("cancel", job_id))
        if self.cancels_at_once:
            return self.set(job_id, "cancelled", finished_at=NOW + 90)
        return self._job(job_id)

    async def pause(self, job_id: str) -> Job:
        self.calls.append(("pause", job_id))
        return self.set(job_id, "paused")

    async def resume(self, job_id: str) -> Job:
        self.calls.append(("resume", job_id))
        return self.set(job_id, "running")

    async def events(self, job_id, after=None, limit=100, attempts=None) -> EventPage:
        self._job(job_id)
        every = list(reversed(self.history[job_id]))
        ids = [event.id for event in every]
        start = ids.index(after) + 1 if after in ids else 0
        page = every[start : start + limit]
        return EventPage(tuple(page), start + limit < len(every), page[-1].id if page else None)

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        self._job(job_id)
        return self.kept

    async def upload(self, path: Path, purpose="fine-tune", progress=None, name=None) -> str:
        self._reach()
        self.calls.append(("upload", path.name))
        if progress is not None:
            progress(path.stat().st_size, path.stat().st_size)
        return "file-1"

    async def file_info(self, file_id: str) -> Mapping[str, Any]:
        self._reach()
        return {}

    def check_body(self, request: Mapping[str, Any]) -> None:
        pass

    async def create(self, request: Mapping[str, Any]) -> Job:
        self._reach()
        self.calls.append(("create", str(request["model"])))
        made = job(f"ftjob-made-{len(self.jobs)}", "queued", metadata=dict(request["metadata"]))
        self.add(made, said(1, f"Created fine-tuning job: {made.id}"))
        return made

    def renew(self) -> None:
        return

    def can(self, what: str) -> Can:
        return self.abilities.get(what, Can(None, "not known yet"))

    async def models(self) -> tuple[ModelEntry, ...]:
        self._reach()
        return self.listed

    async def aclose(self) -> None:
        return


def application(
    provider: FakeProvider,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    file: Path | None = None,
    open_job: str | None = None,
    ascii: bool = False,  # noqa: A002 - the name of the flag
) -> TunedeckApp:
    """An application whose only provider is the fake one."""
    monkeypatch.setattr("tui.jobs.open_provider", lambda config, paths: provider)
    settings = Settings(
        default_provider="fake",
        providers={"fake": {"base_url": "http://127.0.0.1:9/v1", "profile": "local"}},
    )
    app = TunedeckApp(paths=Paths.resolve(), settings=settings, open_job=open_job, ascii=ascii)
    if file is None:
        # Without a dataset the application begins with a question, which is not what is tested.
        file = home.parent / "chat.jsonl"
        file.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 12)
    app.workspace.open(str(file))
    if provider.config.kind == "local":
        local = replace(provider.config, name="fake")
        app.provider_config = lambda name=None: local  # type: ignore[method-assign]
    return app


async def until(pilot, holds, what: str = "the condition") -> None:
    """Wait for a condition, letting the application work."""
    await wait_for(pilot, what, holds)
