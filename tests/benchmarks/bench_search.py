"""How fast a text is found that stands in the last record only, beside ``grep -c`` of that file.

Both read a file that the system has in memory, in turn: the search as the application does it, with
the index there already, and the whole command with its start and its index. The chats have line
feeds, quotes and other escapes in them; ``grep`` finds one spelling of a text, the search all.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.bench_tokens import _lines
from tests.benchmarks.data import INSTALLED, SIZE_MB
from tests.benchmarks.table import Row
from tests.terminal import ROOT, TUNEDECK
from tui.dataset import LineIndex, Search, Source, find

ROUNDS = 5
LIMIT = 4.0
CHATS = 10_000_000
LAST = '{"messages": [{"role": "user", "content": "Where is the Zürich XYZZY needle of 1984?"}]}\n'
PATTERN = "XYZ+Y need[a-z]+"


def measure() -> list[Row]:
    """Return the times of several searches, each against the same search with ``grep``."""
    with tempfile.TemporaryDirectory() as folder:
        path = _chats(Path(folder) / "large.jsonl")
        with Source.open(path) as source:
            index = LineIndex()
            index.extend(source)
            size = source.size

            def search(wanted: Search) -> Callable[[], None]:
                def run() -> None:
                    assert find(source, index, wanted) == 1, "the two disagree"

                return run

            cases = [
                ("a text", search(Search("XYZZY needle", case=True)), ["XYZZY needle"]),
                ("a text in any case", search(Search("xyzzy Needle")), ["-i", "xyzzy Needle"]),
                ("“Zürich” in every spelling", search(Search("Zürich", case=True)), ["Zürich"]),
                (
                    "a text in what users say",
                    search(Search("XYZZY needle", case=True, role="user")),
                    ["XYZZY needle"],
                ),
                (
                    "a regular expression",
                    search(Search(PATTERN, regex=True, case=True)),
                    ["-E", PATTERN],
                ),
                (
                    "a regular expression in any case",
                    search(Search(PATTERN, regex=True)),
                    ["-i", "-E", PATTERN],
                ),
                ("tunedeck select --count, all in", _command(path), ["XYZZY needle"]),
            ]
            return [_row(what, ours, arguments, path, size) for what, ours, arguments in cases]


def _chats(path: Path) -> Path:
    """Write the same few chats again and again, and the text that is sought at the end."""
    chats = b"\n".join(_lines(CHATS)) + b"\n"
    with path.open("wb") as file:
        for _ in range(SIZE_MB * 1_000_000 // len(chats)):
            file.write(chats)
        file.write(LAST.encode())
    return path


def _command(path: Path) -> Callable[[], None]:
    command = [*TUNEDECK, "select", str(path), "--grep", "XYZZY needle", "--count"]

    def run() -> None:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **INSTALLED}, capture_output=True, check=True
        )
        assert done.stdout == b"1\n", "the two disagree"

    return run


def _row(what: str, ours: Callable[[], None], grep: list[str], path: Path, size: int) -> Row:
    def theirs() -> None:
        done = subprocess.run(["grep", "-c", *grep, str(path)], capture_output=True, check=True)
        assert done.stdout == b"1\n", "the two disagree"

    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for work, seconds in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    mine, peer = (statistics.median(seconds[1:]) for seconds in times)
    return Row(f"{what}, in the last of {size // 1_000_000} MB", mine, "s", "grep -c", peer, LIMIT)
