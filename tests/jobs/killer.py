"""The real program, killed (SIGKILL) at a chosen step, as often as a test wants and fast.

Run as a process of its own, it imports everything once and forks for each command it reads from
stdin, a JSON object a line: ``argv``, ``env``, ``kill_at`` (0 means never) and ``parts`` (files go
up in small parts). A step is every read of a file's hash, every transaction of the ledger (before
it begins, before its commit, after it), every request (before it is sent, after its answer came)
and every piece of an upload. For each command it prints what became of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import openai.resources.files
import openai.resources.uploads

import tui.cli
import tui.dataset
import tui.jobs.fit
import tui.jobs.launcher
import tui.jobs.parts
import tui.jobs.precheck
import tui.jobs.recovery
import tui.jobs.sending
import tui.jobs.wire
import tui.kinds
import tui.pricing
import tui.tokens
from tui.cli import run
from tui.jobs.files import Meter
from tui.jobs.storage import Storage
from tui.tokens import get_encoding

steps: list[str] = []
trace = -1
kill_at = 0


def step(name: str) -> None:
    """Take a step, and perhaps not survive it."""
    steps.append(name)
    os.write(trace, f"{name}\n".encode())
    if len(steps) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


def instrument() -> None:
    """Put a step before and after everything that can be seen from outside."""
    hash_of = tui.jobs.sending.sha256_of

    def hashed(path: Any) -> str:
        step("hash")
        found = hash_of(path)
        step("hashed")
        return found

    for module in (tui.jobs.sending, tui.jobs.launcher, tui.jobs.precheck, tui.jobs.fit):
        module.sha256_of = hashed  # type: ignore[attr-defined]

    write = Storage._write

    @contextlib.contextmanager
    def written(self: Storage) -> Iterator[Any]:
        step("write")
        with write(self) as db:
            yield db
            step("commit")
        step("written")

    Storage._write = written  # type: ignore[method-assign]

    send = httpx2.AsyncClient.send

    async def sent(self: httpx2.AsyncClient, *args: Any, **more: Any) -> httpx2.Response:
        step("request")
        answer = await send(self, *args, **more)
        step("answered")
        return answer

    httpx2.AsyncClient.send = sent  # type: ignore[method-assign]

    read = Meter.read

    def metered(self: Meter, size: int = -1) -> bytes:
        step("piece")
        return read(self, size)

    Meter.read = metered  # type: ignore[method-assign]


def hurry() -> None:
    """Make the waits short that protect people from slow networks."""
    tui.jobs.launcher._LOOK_SECONDS = 0.5
    tui.jobs.recovery._GRACE_NEARBY = 0.2
    tui.jobs.wire.BACKOFF = 0.01
    begin = Storage._open

    def opened(self: Storage) -> None:
        begin(self)
        # A killed process loses nothing that it gave to the system; only a power cut does.
        self._db.execute("PRAGMA synchronous=OFF")

    Storage._open = opened  # type: ignore[method-assign]


def small_parts() -> None:
    """Let files of a few hundred bytes go up in parts."""
    kinds = dict(tui.kinds.kinds())
    for name, kind in kinds.items():
        kinds[name] = dataclasses.replace(kind, upload_max_bytes=400, parts_max_bytes=10**9)
    tui.kinds.kinds = lambda: kinds  # type: ignore[assignment]
    tui.jobs.parts.PART_BYTES = 300


def child(command: dict[str, Any], out: int, err: int, log: int) -> None:
    """Be the program; never returns."""
    global trace, kill_at
    code = 70
    try:
        os.environ.update(command["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        trace, kill_at = log, command["kill_at"]
        hurry()
        if command.get("parts"):
            small_parts()
        instrument()
        code = run(command["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - told, since nobody else can
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def once(command: dict[str, Any]) -> dict[str, Any]:
    """Run one command and say what became of it."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.TemporaryFile() as log,
    ):
        pid = os.fork()
        if pid == 0:
            child(command, out.fileno(), err.fileno(), log.fileno())
        _, status = os.waitpid(pid, 0)
        texts = []
        for file in (out, err, log):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": texts[0],
        "err": texts[1],
        "steps": texts[2].split(),
    }


def warm() -> None:
    """Import here what every fork would import by itself."""
    get_encoding("o200k_base")
    for package in (tui.cli, tui.dataset, tui.jobs, tui.pricing, tui.tokens):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with contextlib.suppress(ImportError):
                importlib.import_module(found.name)


def main() -> None:
    """Serve commands until stdin ends."""
    warm()
    openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1:9").files.with_raw_response  # noqa: B018
    for line in sys.stdin:
        print(json.dumps(once(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
