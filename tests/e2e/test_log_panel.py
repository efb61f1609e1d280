"""A person at a terminal who watches what a trainer on this machine writes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.logs.reading import DATA
from tests.terminal import TUNEDECK, Terminal

LOG = DATA / "trainer_log.jsonl"


def test_what_is_piped_in_opens_in_the_panel_and_the_keys_come_from_the_terminal(
    home: Path,
) -> None:
    line = f"cat {LOG} | {sys.executable} -m tui watch --log -"
    with Terminal(("bash", "-c", line), size=(120, 40)) as terminal:
        terminal.wait_for("Run standard input").wait_for("Train loss").wait_for("60 / 60")
        terminal.type("m")
        terminal.wait_for("type some of the name")
        terminal.type("\x1b")
        terminal.wait_for(lambda term: "type some of the name" not in term.text)
        terminal.type("\x11")
        assert terminal.wait_end() == 0


def test_a_log_is_waited_for(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "soon.jsonl"
    with Terminal((*TUNEDECK, "watch", "--log", str(log)), size=(120, 40)) as terminal:
        terminal.wait_for("soon.jsonl yet: waiting for it")
        shutil.copy(LOG, log)
        terminal.wait_for("Train loss")
        terminal.wait_for(lambda term: "waiting for it" not in term.text)
        terminal.type("\x11")
        assert terminal.wait_end() == 0
