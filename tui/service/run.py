"""One job from its files to its model: check, wait for a place, train, keep what comes out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.service.child import Child, printable
from tui.service.config import ServiceConfig
from tui.service.create import base_model
from tui.service.engines import PROTOCOL
from tui.service.errors import ApiError, is_storage_full
from tui.service.folders import clean_up, job_folder
from tui.service.objects import checkpoint_name, model_name
from tui.service.orphans import JOB_VARIABLE
from tui.service.progress import Progress
from tui.service.results import write_results
from tui.service.settle import resolve, settle
from tui.service.store import TERMINAL, Row, Store, now
from tui.service.surplus import CHECKPOINTS_KEPT, drop_surplus

_RETRY_SECONDS = 1.0
_log = logging.getLogger("tunedeck.service")


class JobFailedError(Exception):
    """The job has failed; what its ``error`` will say."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "param": param}


class Places:
    """Who may work at the same time: as many trainings as configured, and one check.

    One check at a time keeps jobs in the order of their creation; a large file is checked by
    several processes anyway.
    """

    def __init__(self, concurrency: int) -> None:
        self.checks = asyncio.Semaphore(1)
        self.trainings = asyncio.Semaphore(concurrency)


class JobRun:
    """The work on one job; `start` begins it, `request` ends it early."""

    def __init__(self, job_id: str, store: Store, config: ServiceConfig, places: Places) -> None:
        self.job_id = job_id
        self.stop: str | None = None
        self.done = asyncio.Event()
        self._store = store
        self._config = config
        self._places = places
        self._folder = job_folder(config.data_dir, job_id)
        self._child: Child | None = None
        self._code = 0
        self._log_path = self._folder / "engine.log"
        self._waiting = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; `done` is set at the end."""
        self._task = asyncio.create_task(self._work())

    def request(self, how: str) -> None:
        """End early: ``"cancelled"``, ``"paused"``, or ``"shutdown"``, which leaves the state."""
        if self.stop != "cancelled":
            self.stop = how
        if self._child is not None:
            self._child.stop(self._grace())
        elif self._waiting and self._task is not None:
            self._task.cancel()

    def _stopped(self) -> bool:
        return self.stop is not None

    def _grace(self) -> float:
        cancelled = self.stop == "cancelled"
        return self._config.cancel_grace if cancelled else self._config.pause_grace

    async def _work(self) -> None:
        try:
            await self._stages()
        except asyncio.CancelledError:
            if self.stop is None:
                raise
        except JobFailedError as failure:
            await self._settle(status="failed", error=failure.error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must end
            await self._settle(status="failed", error=_unexpected(error))
        finally:
            try:
                await self._conclude()
            finally:
                self.done.set()

    async def _stages(self) -> None:
        job = self._job()
        if job["status"] == "validating_files":
            async with self._place(self._places.checks):
                await self._validate(job)
        if self._stopped():
            return
        async with self._place(self._places.trainings):
            if not self._stopped():
                await self._train()

    @contextlib.asynccontextmanager
    async def _place(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        self._waiting = True
        async with places:
            self._waiting = False
            yield

    def _job(self) -> Row:
        job = self._store.job(self.job_id)
        if job is None:
            raise JobFailedError("server_error", "The job is no longer in the service's records.")
        return job

    # Checking

    async def _validate(self, job: Row) -> None:
        if self._stopped():
            return
        names = {p: job[p] for p in ("training_file", "validation_file") if job[p]}
        words = " and ".join(f"{p.replace('_', ' ')}: {file}" for p, file in names.items())
        self._store.add_event(self.job_id, f"Validating {words}")
        self._write_job(
            {
                "files": names,
                "model": base_model(job["model"]),
                "method": job["method"]["type"],
                "grader": job["method"].get("grader"),
            }
        )
        command = (sys.executable, "-m", "tui.service.validation", str(self._folder))
        verdict: Mapping[str, Any] = {}
        async for line in self._run_child(await self._start_child(command, "validation.log")):
            verdict = line
        if self._stopped():
            return
        match verdict.get("type"):
            case "valid":
                self._accept(job, verdict)
            case "invalid":
                raise JobFailedError(verdict["code"], verdict["message"], verdict["param"])
            case _:
                raise JobFailedError(
                    "server_error", f"The files could not be checked: {self._last_words()}"
                )

    def _accept(self, job: Row, verdict: Mapping[str, Any]) -> None:
        engine = self._config.engines.get(base_model(job["model"]))
        multiplier = engine.learning_rate_multiplier if engine else 1.0
        hyperparameters = resolve(job["hyperparameters"], verdict["n_examples"], multiplier)
        with self._store.transaction():
            self._store.update_job(
                self.job_id,
                status="queued",
                hyperparameters=hyperparameters,
                n_examples=verdict["n_examples"],
                tokens_per_epoch=verdict["tokens_per_epoch"],
            )
            self._store.add_event(self.job_id, "Files validated, moving job to queued state")

    # Training

    async def _train(self) -> None:
        job = self._job()
        engine = self._config.engines.get(base_model(job["model"]))
        if engine is None:
            raise JobFailedError(
                "engine_missing", f"No engine trains {job['model']} here any more."
            )
        resume = self._resume_point()
        self._write_job(self._description(job, resume))
        with self._store.transaction():
            self._store.update_job(self.job_id, status="running")
            self._store.add_event(self.job_id, _opening(job, resume))
        command = (*engine.command, "train", str(self._folder))
        child = await self._start_child(command, "engine.log")
        self._store.update_job(self.job_id, engine_pid=child.pid)
        progress = Progress(
            self._store, job, self._keep_checkpoint, self._keep_snapshot, child.kill
        )
        async for line in self._run_child(child):
            progress.take(line)
        code = self._code
        self._store.update_job(self.job_id, engine_pid=None)
        progress.finish()
        if progress.done and self.stop != "cancelled":
            await self._succeed(progress.done)
        elif not self._stopped():
            raise self._failure(progress, code)

    def _failure(self, progress: Progress, code: int) -> JobFailedError:
        if progress.error:
            return JobFailedError(*progress.error)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        words = self._last_words()
        return JobFailedError(
            "engine_failed",
            f"The training engine ended {how} before the model was done"
            + (f": {words}" if words else ".")
            + ("" if code != -9 else " It may have run out of memory."),
        )

    def _description(self, job: Row, resume: Row | None) -> dict[str, Any]:
        base = self._store.model(job["model"])
        return {
            "protocol": PROTOCOL,
            "job": self.job_id,
            "model": base_model(job["model"]),
            "base": str(self._config.data_dir.resolve() / base["path"]) if base else None,
            "method": job["method"]["type"],
            "grader": job["method"].get("grader"),
            "hyperparameters": job["hyperparameters"],
            "seed": job["seed"],
            "training_file": "training.jsonl",
            "validation_file": "validation.jsonl" if job["validation_file"] else None,
            "n_examples": job["n_examples"],
            "checkpoints": "checkpoints",
            "resume": str(Path("checkpoints") / Path(resume["path"]).name) if resume else None,
        }

    def _resume_point(self) -> Row | None:
        """Return the latest of the checkpoints and the snapshot that is still there."""
        kept = self._store.checkpoints(self.job_id, after=None, limit=CHECKPOINTS_KEPT).rows
        snapshot = self._job()["snapshot"]
        rows: list[Row] = [*kept, *([snapshot] if snapshot else [])]
        for row in sorted(rows, key=_step, reverse=True):
            if (self._config.data_dir / row["path"]).is_dir():
                return row
        return None

    def _write_job(self, description: Mapping[str, Any]) -> None:
        (self._folder / "job.json").write_text(json.dumps(description), encoding="utf-8")

    async def _start_child(self, command: tuple[str, ...], log: str) -> Child:
        self._log_path = self._folder / log
        try:
            marks = {JOB_VARIABLE: self.job_id}
            self._child = await Child.start(command, self._log_path, marks=marks)
        except OSError as error:
            raise JobFailedError(
                "engine_failed", f"{command[0]} could not be started: {error.strerror or error}"
            ) from error
        if self._stopped():
            self._child.stop(self._grace())
        return self._child

    async def _run_child(self, child: Child) -> AsyncIterator[dict[str, Any]]:
        try:
            async for line in child.lines():
                yield line
            self._code = await child.wait()
        finally:
            child.kill()
            self._child = None

    def _last_words(self) -> str:
        try:
            lines = self._log_path.read_bytes()[-4096:].decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((printable(s.strip())[:300] for s in reversed(lines) if s.strip()), "")

    # What comes out

    def _keep_checkpoint(self, step: int, name: str, metrics: Mapping[str, Any]) -> None:
        """Remember a checkpoint and drop those that are too old."""
        path = self._inside(name)
        if path is None:
            return
        job = self._job()
        relative = str(path.relative_to(self._config.data_dir.resolve()))
        with self._store.transaction():
            if not self._store.add_checkpoint(self.job_id, step, relative, metrics):
                return
            self._store.add_model(checkpoint_name(job, step), self.job_id, job["model"], relative)
            self._store.update_job(self.job_id, restarts=0)
            self._store.add_event(
                self.job_id,
                f"Checkpoint created at step {step}",
                data={"step": step},
            )
            dropped = drop_surplus(self._store, job)
        self._remove(dropped)

    def _remove(self, dropped: Sequence[Row]) -> None:
        for old in dropped:
            if not self._store.path_in_use(old["path"]):
                shutil.rmtree(self._config.data_dir / old["path"], ignore_errors=True)

    def _keep_snapshot(self, step: int, name: str, _metrics: Mapping[str, Any]) -> None:
        """Remember where a killed run goes on from; nobody else sees it."""
        path = self._inside(name)
        if path is None:
            return
        old = self._job()["snapshot"]
        relative = str(path.relative_to(self._config.data_dir.resolve()))
        self._store.update_job(self.job_id, snapshot={"step": step, "path": relative}, restarts=0)
        if old and old["path"] != relative and not self._store.path_in_use(old["path"]):
            shutil.rmtree(self._config.data_dir / old["path"], ignore_errors=True)

    def _inside(self, name: str) -> Path | None:
        """Return the folder an engine named, if it lies in the job's own folder and is there."""
        path = (self._folder / name).resolve()
        inside = path.is_relative_to(self._folder.resolve()) and path != self._folder.resolve()
        return path if inside and path.exists() else None

    async def _succeed(self, name: str) -> None:
        path = self._inside(name)
        if path is None:
            raise JobFailedError(
                "engine_failed", "The training engine named a model that is not there."
            )
        job = self._job()
        model = model_name(job)
        steps = job["total_steps"] or job["last_step"]
        relative = str(path.relative_to(self._config.data_dir.resolve()))
        try:
            result = await write_results(self._store, self._config.data_dir, job)
            with self._store.transaction():
                self._store.add_file(result)
                self._store.delete_model(checkpoint_name(job, steps))
                self._store.add_model(model, self.job_id, job["model"], relative)
                dropped = drop_surplus(self._store, job, over=True)
                self._store.update_job(
                    self.job_id,
                    status="succeeded",
                    fine_tuned_model=model,
                    finished_at=now(),
                    estimated_finish=None,
                    total_steps=steps,
                    trained_tokens=_billed(job),
                    result_files=[result["id"]],
                    wanted=None,
                )
                self._store.add_event(self.job_id, f"New fine-tuned model created: {model}")
                self._store.add_event(self.job_id, "The job has successfully completed")
        except ApiError as error:
            raise JobFailedError(error.code or "server_error", error.message) from error
        self._remove(dropped)

    async def _conclude(self) -> None:
        job = self._store.job(self.job_id)
        if job and job["status"] not in TERMINAL and self.stop in ("cancelled", "paused"):
            await self._settle(status=self.stop)
        job = self._store.job(self.job_id)
        if job and job["status"] in TERMINAL:
            clean_up(self._store, self._config.data_dir, self.job_id)

    async def _settle(self, *, status: str, error: Mapping[str, Any] | None = None) -> None:
        """Write how it ended, and keep trying while the disk is full."""
        while True:
            try:
                settle(self._store, self.job_id, status, error)
            except Exception as trouble:
                if not is_storage_full(trouble):
                    raise
                if self.stop == "shutdown":
                    return
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


def _step(row: Row) -> int:
    return int(row["step"])


def _opening(job: Row, resume: Row | None) -> str:
    if resume:
        return f"Fine-tuning job resumed from the checkpoint at step {resume['step']}"
    return "Fine-tuning job started again" if job["last_step"] else "Fine-tuning job started"


def _unexpected(error: Exception) -> dict[str, Any]:
    if is_storage_full(error):
        message = "The service's disk is full. Free some space and create the job again."
        return {"code": "insufficient_storage", "message": message, "param": None}
    _log.error("unexpected error in a job", exc_info=error)
    return {
        "code": "server_error",
        "message": "The service had an unexpected error; its log says more.",
        "param": None,
    }


def _billed(job: Row) -> int:
    """Return what a finished job bills: the tokens of its file, epoch by epoch."""
    return int(job["hyperparameters"]["n_epochs"] * (job["tokens_per_epoch"] or 0))
