"""Entry of the engine: ``train FOLDER`` or ``sample CHECKPOINT``; see `tui.service.engines`."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

_stop = False


def _on_stop(_number: int, _frame: FrameType | None) -> None:
    global _stop
    _stop = True


def _emit(line: Mapping[str, Any]) -> None:
    data = json.dumps(line, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main(arguments: list[str]) -> int:
    """Run the engine and return its exit code."""
    # Before numpy is imported: a stop during its import must not look like a crash, and its
    # threads would only fight with the other processes of a small machine.
    signal.signal(signal.SIGTERM, _on_stop)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"
    match arguments:
        case ["train", folder]:
            return _train(Path(folder))
        case ["sample", folder]:
            return _sample(Path(folder))
    print("usage: micro train FOLDER | micro sample CHECKPOINT", file=sys.stderr)  # noqa: T201
    return 2


def _train(folder: Path) -> int:
    from tui.service.engines.micro.checkpoint import CheckpointError
    from tui.service.engines.micro.tasks import NoSignalError
    from tui.service.engines.micro.train import DivergedError, StoppedError, Trainer

    try:
        trainer = Trainer(folder, _emit, lambda: _stop)
        trainer.run()
    except (StoppedError, BrokenPipeError):
        # A closed pipe means that the service has gone; there is nobody left to tell.
        return 0
    except DivergedError as error:
        return _fail("training_diverged", f"{error}; lower the learning rate multiplier")
    except NoSignalError as error:
        return _fail("no_learning_signal", str(error))
    except MemoryError:
        return _fail("out_of_memory", "not enough memory to train on this file")
    except CheckpointError as error:
        return _fail("checkpoint_unreadable", str(error))
    except ValueError as error:
        return _fail("invalid_training_file", str(error))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else str(error)
        return _fail("checkpoint_failed", f"a checkpoint could not be written: {why}")
    return 0


def _sample(folder: Path) -> int:
    from tui.service.engines.micro.checkpoint import CheckpointError
    from tui.service.engines.micro.sample import sample

    try:
        sample(folder, json.load(sys.stdin), _emit, lambda: _stop)
    except BrokenPipeError:
        return 0
    except CheckpointError as error:
        return _fail("sampling_failed", str(error))
    return 0


def _fail(code: str, message: str) -> int:
    with contextlib.suppress(OSError):
        _emit({"type": "error", "code": code, "message": message})
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
