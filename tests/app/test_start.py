"""Starting: what the first frame imports, and what is said instead of a screen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import ROOT, TUNEDECK, Terminal

HEAVY = (
    *("openai", "plotext", "numpy", "tiktoken", "starlette", "uvicorn"),
    *("multiprocessing", "tomllib", "argparse"),
)

FIRST_FRAME = """
import asyncio, json, os, sys
from tui.app import TunedeckApp
from tui.config import Paths, Settings

app = TunedeckApp(paths=Paths.resolve(), settings=Settings())
app.workspace.open(sys.argv[1])
app.workspace.start = lambda: None

async def main():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        strips = app.screen._compositor.render_strips(app.size)
        text = "\\n".join(strip.text for strip in strips)
        print(json.dumps([text, sorted(sys.modules)]))

asyncio.run(main())
"""


def test_first_frame_imports_nothing_heavy(home: Path, chat_file: Path) -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, str(chat_file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    text, modules = json.loads(done.stdout)
    assert "1 plus 1 is 2." in text
    loaded = {name.split(".")[0] for name in modules}
    assert not loaded & set(HEAVY)


def _said(argument: str, home: Path) -> str:
    with Terminal((*TUNEDECK, argument), size=(200, 24), env={"TUNEDECK_HOME": str(home)}) as term:
        code = term.wait_end()
        lines = [line.rstrip() for line in term.screen.display if line.strip()]
        assert code == 2, lines
        assert len(lines) == 1, lines
        return lines[0]


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def _unreadable(path: Path) -> None:
    path.write_text("{}\n")
    path.chmod(0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text(""), "empty"),
        (lambda path: path.mkdir(), "no datasets"),
        (_binary, "binary"),
        (lambda path: path.write_bytes("{}\n".encode("utf-16")), "UTF-16"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + b"x" * 99), "zip"),
        pytest.param(
            _unreadable,
            "may not be read",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything"),
        ),
    ],
    ids=["missing", "empty", "folder", "binary", "utf16", "zip", "no_permission"],
)
def test_a_bad_path_is_one_line_and_exit_code_2(
    tmp_path: Path, home: Path, make: object, said: str
) -> None:
    path = tmp_path / "bad.jsonl"
    assert callable(make)
    make(path)
    line = _said(str(path), home)
    assert line.startswith("tunedeck: ")
    assert said in line


@pytest.mark.parametrize("term", ["dumb", None])
def test_without_a_terminal_it_says_what_to_use(
    home: Path, chat_file: Path, term: str | None
) -> None:
    command = [*TUNEDECK, str(chat_file)]
    env = {**os.environ, "TERM": term or "xterm-256color"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env=env
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "tunedeck check" in done.stderr


def _settled(term: Terminal) -> Terminal:
    """Wait until the file is checked and the terminal has been quiet for a moment."""
    term.wait_for(lambda term: "14 records" in term.text and "checking" not in term.text)
    term.read(0.5)
    return term


def test_the_mouse_is_off_over_ssh(home: Path, chat_file: Path) -> None:
    command = [*TUNEDECK, str(chat_file)]
    env = {"TUNEDECK_HOME": str(home), "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    with Terminal(command, env=env) as term:
        assert b"?1003h" not in _settled(term).sent
    with Terminal([*command, "--mouse"], env=env) as term:
        assert b"?1003h" in _settled(term).sent


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "xterm"}], ids=["no_color", "sixteen"])
def test_no_more_colours_than_the_terminal_has(
    home: Path, chat_file: Path, env: dict[str, str]
) -> None:
    with Terminal([*TUNEDECK, str(chat_file)], env={"TUNEDECK_HOME": str(home), **env}) as term:
        _settled(term)
        for keys in ("j", "3", "4", "?", "\x1b", "1"):
            term.type(keys)
            term.read(0.4)
        assert not re.search(rb"\x1b\[[0-9;]*[34]8;[25];", bytes(term.sent))
        # The cursor of a list is a sign, not only a colour.
        assert "▌" in term.text


def test_nothing_is_sent_while_nothing_happens(home: Path, chat_file: Path) -> None:
    with Terminal([*TUNEDECK, str(chat_file)], env={"TUNEDECK_HOME": str(home)}) as term:
        _settled(term)
        for keys in ("", "/", "\x1b", "o", "\x1b", "\x10"):
            term.type(keys)
            term.read(0.4)
            assert term.read(1.2) == b"", f"after {keys!r}"


def test_leaves_in_order_when_the_terminal_is_gone(home: Path, chat_file: Path) -> None:
    with Terminal([*TUNEDECK, str(chat_file)], env={"TUNEDECK_HOME": str(home)}) as term:
        _settled(term)
        term.process.send_signal(signal.SIGHUP)
        assert term.wait_end() == 128 + signal.SIGHUP
        assert "Traceback" not in term.text


def test_standard_input_is_opened_too(home: Path, chat_file: Path) -> None:
    script = f"cat {chat_file} | {sys.executable} -m tui -"
    with Terminal(["sh", "-c", script], env={"TUNEDECK_HOME": str(home)}) as term:
        _settled(term)
        assert "standard input" in term.text
        term.type("j")
        term.wait_for("Record 2 of 14")
        term.type("\x11")
        assert term.wait_end() == 0
