"""The command line as a process: odd streams, Ctrl+C at the very start, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAT = ROOT / "sample_data" / "support_chat.jsonl"


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``$T`` is the program."""
    env = {
        **os.environ,
        "TUNEDECK_HOME": str(home),
        "T": f"{sys.executable} -m tui",
        "F": str(CHAT),
    }
    return subprocess.run(
        ["bash", "-c", line],
        check=False,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("more", ["", " --json"])
def test_output_to_a_full_disk_is_one_line(home: Path, more: str) -> None:
    done = shell(home, f"$T check $F{more} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tunedeck: the output cannot be written")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_messages_that_cannot_be_written_stop_nothing(home: Path) -> None:
    done = shell(home, "$T cost $F --model gpt-4.1-mini --json 2>/dev/full")
    assert done.returncode == 0
    assert json.loads(done.stdout)["rows"]


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(home: Path, closed: str) -> None:
    done = shell(home, f"$T check $F {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_ends_it_quietly(home: Path) -> None:
    line = "$T check sample_data/broken/*.jsonl --json | head -1; exit ${PIPESTATUS[0]}"
    done = shell(home, line)
    assert done.returncode in (1, 141)
    assert done.stderr == ""


def test_ctrl_c_while_the_program_loads(home: Path) -> None:
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'tui.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from tui.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, cwd=ROOT, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_the_doctor_speaks_ascii(home: Path) -> None:
    done = shell(home, "LANG=C.UTF-8 PYTHONUTF8=1 $T doctor --ascii")
    assert done.stdout.isascii()
    assert "->" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("check $F --max-isues 3", "check has no option --max-isues: did you mean --max-issues?"),
        ("check $F --zebra=3", "check has no option --zebra: see 'tunedeck check --help'"),
        ("fix $F more -o x", "fix takes no further 'more': see 'tunedeck fix --help'"),
        (
            "split $F --validation 0.1 --seed x",
            "argument --seed: 'x' is not a whole number: see 'tunedeck split --help'",
        ),
        ("check ''", "an empty name is not a file name: give the path of a JSONL file"),
    ],
)
def test_what_is_not_understood_is_named_with_its_command(
    home: Path, words: str, said: str
) -> None:
    done = shell(home, f"$T {words}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"tunedeck: {said}\n")


def test_standard_input_is_called_so(home: Path) -> None:
    done = shell(home, "$T stats - </dev/null")
    assert done.returncode == 1
    assert done.stdout.startswith("standard input: unknown, 0 records, 0 B\n")
    assert "standard input holds no example: see 'tunedeck check -'" in done.stderr
