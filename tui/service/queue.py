"""All jobs of a service: who runs, who waits, and what happens to them after a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.service.config import ServiceConfig
from tui.service.errors import ApiError, bad_request, is_storage_full
from tui.service.folders import (
    clean_up,
    files_folder,
    job_folder,
    link_input,
    remove_inputs,
)
from tui.service.orphans import end_orphans
from tui.service.run import JobRun, Places
from tui.service.settle import settle
from tui.service.store import TERMINAL, UNFINISHED, Row, Store

RESTARTS_ALLOWED = 3


class JobQueue:
    """Starts, orders and ends the work on jobs. Lives in one event loop.

    Args:
        store: The service's memory.
        config: The service's settings.
    """

    def __init__(self, store: Store, config: ServiceConfig) -> None:
        self._store = store
        self._config = config
        self._places = Places(config.concurrency)
        self._runs: dict[str, JobRun] = {}

    @property
    def unfinished(self) -> int:
        """Jobs that are being checked, wait or train."""
        return len(self._runs)

    def recover(self) -> None:
        """Take up the jobs that an earlier service left unfinished, in the order of their turns."""
        left = self._store.jobs_in(UNFINISHED)
        end_orphans([job["id"] for job in left])
        for job in left:
            if job["wanted"]:
                # It was told to end before the service was killed, and nobody heard that it had.
                self._settle(job["id"], job["wanted"])
            elif job["status"] != "running" or self._take_up(job):
                self._begin(job["id"])

    def _settle(self, job_id: str, status: str, error: Mapping[str, Any] | None = None) -> None:
        settle(self._store, job_id, status, error)
        if status in TERMINAL:
            clean_up(self._store, self._config.data_dir, job_id)

    def _take_up(self, job: Row) -> bool:
        restarts = job["restarts"] + 1
        if restarts > RESTARTS_ALLOWED:
            message = (
                f"The job was interrupted by {restarts} restarts of the service without reaching"
                " another checkpoint. Create it again."
            )
            error = {"code": "interrupted", "message": message, "param": None}
            self._settle(job["id"], "failed", error)
            return False
        with self._store.transaction():
            self._store.update_job(
                job["id"], status="queued", restarts=restarts, engine_pid=None,
                estimated_finish=None,
            )  # fmt: skip
            self._store.add_event(
                job["id"],
                f"The service was restarted after step {job['last_step']};"
                " moving job to queued state",
                level="warn",
            )
        return True

    def create(self, row: Mapping[str, Any]) -> Row:
        """Store a new job and begin the work on it.

        Raises:
            OSError: Its folder cannot be made; nothing is stored.
        """
        folder = job_folder(self._config.data_dir, row["id"])
        folder.mkdir(parents=True)
        try:
            files = files_folder(self._config.data_dir)
            for param in ("training_file", "validation_file"):
                if row[param]:
                    target = folder / f"{param.removesuffix('_file')}.jsonl"
                    link_input(files / row[param], target)
            with self._store.transaction():
                self._store.add_job({**row, "turn": self._store.next_turn()})
                self._store.add_event(row["id"], f"Created fine-tuning job: {row['id']}")
        except BaseException:
            remove_inputs(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        self._begin(row["id"])
        return self._get(row["id"])

    def _begin(self, job_id: str) -> None:
        run = JobRun(job_id, self._store, self._config, self._places)
        self._runs[job_id] = run
        run.start()
        watch = asyncio.ensure_future(run.done.wait())
        watch.add_done_callback(lambda _future: self._forget(job_id, run))

    def _forget(self, job_id: str, run: JobRun) -> None:
        if self._runs.get(job_id) is run:
            del self._runs[job_id]

    def _get(self, job_id: str) -> Row:
        job = self._store.job(job_id)
        if job is None:
            raise ApiError(
                404,
                f"Could not find fine tune: {job_id}",
                param="fine_tune_id",
                code="fine_tune_not_found",
            )
        return job

    get = _get

    async def cancel(self, job_id: str) -> Row:
        """Cancel a job and return it once it says so and nothing of it runs any more.

        Raises:
            ApiError: There is no such job, or it has ended.
        """
        job = self._get(job_id)
        if job["status"] in TERMINAL:
            raise _wrong_state(job, "cancelled")
        await self._end(job_id, "cancelled")
        if self._get(job_id)["status"] not in TERMINAL:
            self._settle(job_id, "cancelled")
        return self._get(job_id)

    async def pause(self, job_id: str) -> Row:
        """Pause a job and return it once its checkpoint is written.

        Raises:
            ApiError: There is no such job, or it is neither queued nor running.
        """
        job = self._get(job_id)
        if job["status"] not in ("queued", "running"):
            raise _wrong_state(job, "paused")
        await self._end(job_id, "paused")
        return self._get(job_id)

    def resume(self, job_id: str) -> Row:
        """Put a paused job back into the queue.

        Raises:
            ApiError: There is no such job, or it is not paused.
        """
        job = self._get(job_id)
        if job["status"] != "paused" or self._working(job_id):
            raise _wrong_state(job, "resumed")
        with self._store.transaction():
            # Behind whoever waits already, also after a restart.
            self._store.update_job(job_id, status="queued", turn=self._store.next_turn())
            self._store.add_event(job_id, "Fine-tuning job resumed, moving job to queued state")
        self._begin(job_id)
        return self._get(job_id)

    def _working(self, job_id: str) -> JobRun | None:
        run = self._runs.get(job_id)
        return None if run is None or run.done.is_set() else run

    async def _end(self, job_id: str, how: str) -> None:
        run = self._working(job_id)
        if run is None:
            return
        try:
            self._store.update_job(job_id, wanted=how)
        except Exception as error:
            # A full disk must not keep anybody from cancelling.
            if not is_storage_full(error):
                raise
        run.request(how)
        await run.done.wait()

    def in_use(self, path: str) -> bool:
        """Tell whether an unfinished or paused job has its checkpoints at this path."""
        for job in self._store.jobs_in((*UNFINISHED, "paused")):
            folder = job_folder(Path(), job["id"])
            if Path(path).is_relative_to(folder) or self._starts_from(job, path):
                return True
        return False

    def _starts_from(self, job: Row, path: str) -> bool:
        base = self._store.model(job["model"])
        return bool(base and base["path"] == path)

    async def close(self) -> None:
        """End all work, engines after a checkpoint; unfinished jobs go on at the next start."""
        runs = list(self._runs.values())
        for run in runs:
            run.request("shutdown")
        for run in runs:
            await run.done.wait()


def _wrong_state(job: Row, word: str) -> ApiError:
    return bad_request(
        f"Job {job['id']} cannot be {word}: its status is {job['status']}.",
        "fine_tune_id",
        "invalid_job_status",
    )
