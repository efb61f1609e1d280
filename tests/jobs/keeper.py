"""A provider in memory with finished jobs, models and files, which also answers prompts."""

from __future__ import annotations

from typing import Any

from tests.jobs.talker import Talker
from tui.errors import ProviderError, SafetyError
from tui.jobs import Checkpoint, FileEntry, FilePage, Job, JobPage, ModelEntry
from tui.jobs.models import EventPage


class Keeper(Talker):
    """See the attributes of :class:`Talker`; these are changed by a test as it goes.

    Attributes:
        jobs: By id.
        entries: The models.
        files: The files.
        gone: What was deleted, in order.
        down: Words for why nothing is answered.
    """

    def __init__(self, says: Any = (), **more: Any) -> None:
        super().__init__(dict(says), **more)
        self.nearby = True
        self.jobs: dict[str, Job] = {}
        self.kept: tuple[Checkpoint, ...] = ()
        self.entries: list[ModelEntry] = []
        self.files: list[FileEntry] = []
        self.contents: dict[str, bytes] = {}
        self.gone: list[str] = []
        self.down = ""

    def add(self, job_id: str = "ftjob-1", status: str = "succeeded", **fields: Any) -> Job:
        raw = {"id": job_id, "status": status, "model": "base", "created_at": 1_700_000_000}
        job = Job.from_wire({**raw, **fields}, self.name)
        assert job is not None
        self.jobs[job_id] = job
        return job

    def _reach(self) -> None:
        if self.down:
            raise ProviderError(self.down, "is it running?")

    async def retrieve(self, job_id: str, attempts: int | None = None) -> Job:
        self._reach()
        if job_id not in self.jobs:
            raise ProviderError(f"there is no job {job_id}", "see 'tunedeck jobs'", status=404)
        return self.jobs[job_id]

    async def list_jobs(self, *_: Any, **__: Any) -> JobPage:
        self._reach()
        return JobPage(tuple(self.jobs.values()), False, None)

    async def events(self, job_id: str, *_: Any, **__: Any) -> EventPage:
        self._reach()
        return EventPage((), False, None)

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        self._reach()
        return self.kept

    async def models(self) -> tuple[ModelEntry, ...]:
        self._reach()
        return tuple(self.entries)

    async def list_files(
        self, limit: int = 100, after: str | None = None, purpose: str | None = None
    ) -> FilePage:
        self._reach()
        return FilePage(tuple(self.files), False, None)

    async def file_content(self, file_id: str) -> bytes:
        return self.contents[file_id]

    async def delete_model(self, name: str) -> None:
        self._delete("a model", name)
        self.entries = [entry for entry in self.entries if entry.id != name]

    async def delete_file(self, file_id: str) -> None:
        self._delete("a file", file_id)
        self.files = [file for file in self.files if file.id != file_id]

    def _delete(self, what: str, name: str) -> None:
        self._reach()
        if self.config.read_only:
            raise SafetyError(f"read-only: {what} is not deleted")
        self.gone.append(name)

    async def aclose(self) -> None:
        return
