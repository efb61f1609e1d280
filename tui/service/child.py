"""A child process in a group of its own that speaks JSON lines: engines and the file check."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.service.engines import LINE_LIMIT

_DRAIN_SECONDS = 1.0


def package_root() -> Path:
    """Return the folder that the ``tui`` package lies in."""
    return Path(__file__).resolve().parents[2]


def child_environment() -> dict[str, str]:
    """Return the environment for processes of ours: the package found, no keys, one thread."""
    hidden = ("OPENAI_", "AZURE_", "ANTHROPIC_", "TUNEDECK_SERVICE_KEY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    path = [str(package_root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "VECLIB_MAXIMUM_THREADS": "1",
    }


class Child:
    """One process; made by `start`."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._killer: asyncio.TimerHandle | None = None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        log: Path,
        *,
        stdin: Mapping[str, Any] | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a command.

        Args:
            command: The program and its arguments.
            log: The file its standard error is appended to.
            stdin: One JSON object for its standard input; none leaves it empty.
            marks: Further variables of its environment.

        Raises:
            OSError: The program cannot be started.
        """
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL if stdin is None else PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=LINE_LIMIT,
                start_new_session=True,
                env={**child_environment(), **(marks or {})},
            )
        child = cls(process, log)
        if stdin is not None and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(json.dumps(stdin).encode())
                await process.stdin.drain()
            process.stdin.close()
        return child

    @property
    def pid(self) -> int:
        """The process id, which is the group's id too."""
        return self._process.pid

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each JSON object it prints, until it has ended; other lines go to its log."""
        stdout = self._process.stdout
        if stdout is None:
            return
        ended = asyncio.ensure_future(self._process.wait())
        try:
            while True:
                line = await _line(stdout, ended)
                if not line:
                    return
                value = _parse(line)
                if value is None:
                    self._keep(line)
                else:
                    yield value
        finally:
            ended.cancel()

    def _keep(self, line: bytes) -> None:
        with contextlib.suppress(OSError), self._log.open("ab") as file:
            file.write(line if line.endswith(b"\n") else line + b"\n")

    def stop(self, grace: float) -> None:
        """Ask it to end, and kill its group ``grace`` seconds later; the last call counts."""
        self._signal(signal.SIGTERM)
        if self._killer is not None:
            self._killer.cancel()
        loop = asyncio.get_running_loop()
        self._killer = loop.call_later(grace, self._signal, signal.SIGKILL)

    def kill(self) -> None:
        """Kill its group now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    async def wait(self) -> int:
        """Wait for its end, sweep what is left of its group, and return the exit code."""
        code = await self._process.wait()
        if self._killer is not None:
            self._killer.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return code


def printable(text: str) -> str:
    """Return text with every character that is not printable replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


async def _line(stdout: asyncio.StreamReader, ended: asyncio.Future[int]) -> bytes:
    """Return the next line, or nothing at the end.

    The end is that of the process, not that of the pipe: a process it left behind may hold the
    pipe open for ever.
    """
    reading = asyncio.ensure_future(_read(stdout))
    try:
        both: set[asyncio.Future[Any]] = {reading, ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
        return reading.result() if reading.done() else b""
    finally:
        reading.cancel()


async def _read(stdout: asyncio.StreamReader) -> bytes:
    try:
        return await stdout.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        # A line over the limit is passed over in pieces, which are no JSON objects.
        return await stdout.read(max(1, error.consumed))


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
