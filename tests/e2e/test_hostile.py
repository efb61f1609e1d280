"""A dataset made to break terminals: browsed and checked without one byte of it taking effect."""

from __future__ import annotations

import subprocess
import unicodedata
from pathlib import Path

import pytest

from tests.terminal import ROOT, TUNEDECK, Terminal

pytestmark = pytest.mark.e2e

HOSTILE = sorted((ROOT / "sample_data" / "hostile").glob("*"))
# What stands in the files; Textual itself sends none of these.
NEVER = (
    b"\x1b]52",  # writes the clipboard
    b"\x1b]0;",  # sets the title
    b"\x1b]2;",
    b"\x1bP",  # device control string
    b"\x1b_G",  # graphics
    b"\x1b[2J",  # clears the screen
    b"\x07",
    b"\x00",
)


def _risky(text: str) -> set[str]:
    """Return the characters of a text that could move, hide or reorder others."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - set("\n\r\t\x1b")


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.name)
def test_browsed_without_effect(home: Path, path: Path) -> None:
    with Terminal([*TUNEDECK, str(path)], size=(120, 40)) as terminal:
        terminal.wait_for("record")
        for key in "jjjjjjjjjjjjjjjj":
            terminal.type(key)
            terminal.read(0.03)
        for key in ("v", "g", "j", "G", "2", "3", "1", "?"):
            terminal.type(key)
            terminal.read(0.15)
        sent = bytes(terminal.sent)
        terminal.type("\x1b")
        terminal.read(0.3)
        terminal.type("\x11")
        assert terminal.wait_end() == 0
    text = sent.decode("utf-8")  # a lone surrogate or a stray C1 byte would not decode
    assert not [sequence for sequence in NEVER if sequence in sent]
    assert not _risky(text)


@pytest.mark.parametrize("command", ["check", "stats", "cost"])
def test_checked_without_effect(home: Path, command: str) -> None:
    for path in HOSTILE:
        done = subprocess.run(
            [*TUNEDECK, command, str(path)], capture_output=True, timeout=60, cwd=ROOT, check=False
        )
        for text in (done.stdout.decode(), done.stderr.decode()):
            assert not _risky(text)
            assert "\x1b" not in text
