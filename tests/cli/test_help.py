"""What is said about the commands, and about words that are none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tui.cli.main import FAMILIES, run_command

COMMANDS = [command for commands in FAMILIES.values() for command in commands]


def helped(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the help that a command line asks for."""
    with pytest.raises(SystemExit) as left:
        run_command(argv)
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_how_it_ends(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = helped([command, "--help"], capsys)
    usage, said = text.split("\n\n", 1)
    assert f"tunedeck {command}" in usage
    assert said[0].isupper()
    # The end of a service's help is the protocol of engines.
    assert command == "serve" or "exit codes: 0" in text
    assert not re.search(r"\n  \S+( [A-Z_]+)?\n(?!   )", text), "something has no word about it"


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["data.jsonl", "--help"]])
def test_help_lists_commands_and_the_options_of_the_application(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = helped(argv, capsys)
    for word in (*COMMANDS, "PATH", "--mouse", "--no-mouse", "--provider NAME", "exit codes"):
        assert word in text


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["chekc", "--json"], "'chekc' is neither a file nor a command", "tunedeck check"),
        (["--json", "qqqq"], "unrecognized arguments: --json", "--help"),
        (["--provider", "lab", "jobs"], "options stand before the command jobs", "tunedeck jobs"),
    ],
)
def test_a_word_that_is_no_command(
    argv: list[str],
    message: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(argv) == 2
    out, err = capsys.readouterr()
    assert message in err
    if "--json" in argv:
        error = json.loads(out)["error"]
        assert message in error["message"]
        assert hint in error["hint"]
    else:
        assert hint in err
