"""How soon the first record of a large file shows, the first time and the second.

The peer is the smallest Textual application there can be, one word on a screen, in the same
pseudo-terminal of the same run, in turn; so are the pagers that are installed. The second opening
is timed from the first record to the moment when the header says that everything is checked and
counted.
"""

from __future__ import annotations

import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.data import INSTALLED, SIZE_MB, WORD, large_chat
from tests.benchmarks.table import Row
from tests.terminal import TUNEDECK, Terminal

ROUNDS = 7
SECOND_ROUNDS = 3
SECOND_LIMIT_SECONDS = 0.5
MOST_SECONDS = 600
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("TUNEDECKFIRSTRECORD", markup=False)

Bare().run(mouse=False)
"""
PEERS = {"less": ["less"], "lnav": ["lnav"], "vd": ["vd", "-f", "jsonl"]}
_ENDED = re.compile(r"[\d,]+ records +(?!checking|reading)\S")


def measure() -> list[Row]:
    """Return the times to the first record, and to all counts at the second opening."""
    with tempfile.TemporaryDirectory() as folder:
        data = large_chat(Path(folder) / "large.jsonl")
        home = str(Path(folder) / "home")
        commands = {"": [*TUNEDECK, str(data)], "a bare Textual application": _python(BARE)}
        for name, command in PEERS.items():
            if shutil.which(command[0]):
                commands[name] = [*command, str(data)]
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS + 1):
            for name, command in commands.items():
                times[name].append(_time_to_word(command, home))
        _open_to_the_end(data, home)
        second = statistics.median(_second_opening(data, home) for _ in range(SECOND_ROUNDS))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    ours, what = medians.pop(""), f"first record of a {SIZE_MB} MB file on the screen"
    rows = [
        Row(what, ours, "s", name, peer, 1.3 if name.startswith("a bare") else None)
        for name, peer in medians.items()
    ]
    what = f"second opening of {SIZE_MB} MB: from the first record to all counts"
    return [*rows, Row(what, second, "s", "the limit", SECOND_LIMIT_SECONDS, 1.0)]


def _python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def _time_to_word(command: list[str], home: str) -> float:
    with Terminal(command, env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        terminal.wait_for(lambda term: WORD.encode() in term.sent)
        return time.perf_counter() - terminal.started


def _ended(terminal: Terminal) -> bool:
    return bool(_ENDED.search(terminal.text.split("\n", 1)[0]))


def _open_to_the_end(data: Path, home: str) -> None:
    with Terminal([*TUNEDECK, str(data)], env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        terminal.wait_for(_ended, timeout=MOST_SECONDS)
        # What was found is kept right after it was shown.
        kept = Path(home) / "cache" / "scans"
        terminal.wait_for(lambda _: kept.is_dir() and any(kept.glob("*.scan")), timeout=60)


def _second_opening(data: Path, home: str) -> float:
    with Terminal([*TUNEDECK, str(data)], env={"TUNEDECK_HOME": home, **INSTALLED}) as terminal:
        terminal.wait_for(lambda term: WORD.encode() in term.sent)
        first = time.perf_counter()
        terminal.wait_for(_ended)
        return time.perf_counter() - first
