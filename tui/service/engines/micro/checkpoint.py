"""Checkpoints of `micro`: one folder each, complete or absent.

``model.json`` holds the shape, ``model.npz`` the parameters, and in the newest one ``state.npz``
the optimiser, for going on after a pause.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tui.service.engines.micro.model import Adam, Network, Shape

KIND = "tunedeck-micro-1"


class CheckpointError(Exception):
    """A folder does not hold what it should."""


def save(folder: Path, network: Network, optimiser: Adam | None, step: int) -> None:
    """Write a checkpoint to ``folder``; a reader sees it whole or not at all.

    Args:
        folder: Where it goes.
        network: The parameters.
        optimiser: What a resumed run needs; ``None`` for the last checkpoint of a run.
        step: The step it was taken after.

    Raises:
        OSError: It could not be written; nothing is left behind.
    """
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _write(unfinished / "model.npz", flat=network.flat)
        if optimiser is not None:
            _write(
                unfinished / "state.npz",
                first=optimiser.first,
                second=optimiser.second,
                steps=np.int64(optimiser.steps),
            )
        head = {"kind": KIND, "shape": network.shape.to_json(), "step": step}
        (unfinished / "model.json").write_text(json.dumps(head), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unfinished, folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _write(path: Path, **arrays: Any) -> None:
    # By way of memory: numpy's own writing to a file hides why it failed, a full disk for one.
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getbuffer())


def load(folder: Path) -> Network:
    """Read the network of a checkpoint.

    Raises:
        CheckpointError: The folder does not hold a checkpoint of this engine.
    """
    try:
        head = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if head["kind"] != KIND:
            raise ValueError("another kind of model")
        network = Network(Shape(**head["shape"]))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            network.flat[...] = arrays["flat"]
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{folder.name} is not a readable checkpoint ({error})") from error
    return network


def load_optimiser(folder: Path, network: Network) -> Adam:
    """Read the optimiser of a checkpoint; of the last one of a run, only its count of steps.

    Raises:
        CheckpointError: It cannot be read, or does not fit the network.
    """
    optimiser = Adam(network.flat.size)
    if not (folder / "state.npz").exists():
        optimiser.steps = int(json.loads((folder / "model.json").read_text("utf-8"))["step"])
        return optimiser
    try:
        with np.load(folder / "state.npz", allow_pickle=False) as state:
            optimiser.first[...] = state["first"]
            optimiser.second[...] = state["second"]
            optimiser.steps = int(state["steps"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{folder.name} cannot be resumed ({error})") from error
    return optimiser


def drop_state(folder: Path) -> None:
    """Remove the optimiser of an older checkpoint, which nothing resumes from any more."""
    (folder / "state.npz").unlink(missing_ok=True)
