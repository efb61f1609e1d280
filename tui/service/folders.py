"""Where things lie in the data folder, and what is removed when a job has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from tui.service.errors import is_storage_full
from tui.service.store import Row, Store
from tui.service.surplus import drop_surplus


def job_folder(data_dir: Path, job_id: str) -> Path:
    """Return the folder of a job."""
    return data_dir / "jobs" / job_id


def files_folder(data_dir: Path) -> Path:
    """Return the folder of the files, each named by its id."""
    return data_dir / "files"


def link_input(source: Path, target: Path) -> None:
    """Give a job its own name for a file, so that deleting the file does not take it away."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_inputs(folder: Path) -> None:
    """Drop a job's own names of its files."""
    for name in ("training.jsonl", "validation.jsonl"):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def clean_up(store: Store, data_dir: Path, job_id: str) -> None:
    """Drop what a job that has ended needs no more: inputs, spare checkpoints, training state."""
    folder = job_folder(data_dir, job_id)
    job = store.job(job_id)
    if job is not None:
        _drop_surplus(store, job)
    remove_inputs(folder)
    for path in folder.glob("checkpoints/*"):
        if not store.path_in_use(str(path.relative_to(data_dir))):
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("checkpoints/*/state*"):
        with contextlib.suppress(OSError):
            path.unlink()


def _drop_surplus(store: Store, job: Row) -> None:
    try:
        with store.transaction():
            drop_surplus(store, job, over=True)
    except Exception as error:
        # A checkpoint more does no harm.
        if not is_storage_full(error):
            raise
