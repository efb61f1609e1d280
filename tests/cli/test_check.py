"""``tunedeck check`` as people and scripts meet it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import HEAD
from tui.cli.main import run_command

GOOD = (
    '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, '
    '{"role": "assistant", "content": "a"}]}\n'
)
BAD = GOOD.replace('"user"', '"human"')


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A home without settings."""


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any, str]:
    # What the examples teach has tests of its own: here all are the same.
    code = run_command(["check", *argv, "--json", "--no-quality"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def run_plain(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = run_command(["check", *argv, "--no-quality"])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_json_is_as_the_contract_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 11 + BAD + "\n")
    code, found, err = run_json(capsys, name)
    assert (code, err) == (1, "")
    assert list(found) == [*HEAD, "issues", "issues_truncated"]
    assert found["file"] == name
    assert found["format"] == "chat"
    assert (found["records"], found["valid"], found["blank_lines"]) == (12, 11, 1)
    assert (found["errors"], found["warnings"], found["advice"]) == (1, 0, 1)
    assert found["counts"] == {"unrecognized_role": 1, "blank_line": 1}
    issue = found["issues"][0]
    assert issue == {
        "line": 12,
        "column": BAD.index('"human"') + 1,
        "path": "messages[1].role",
        "code": "unrecognized_role",
        "severity": "error",
        "message": issue["message"],
        "hint": "write user",
        "fixable": True,
    }
    assert found["issues_truncated"] is False


def test_people_get_groups_counts_places_and_a_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 11 + BAD * 25)
    code, out, _ = run_plain(capsys, name)
    assert code == 1
    assert "unrecognized_role  25 ×" in out
    assert f"12:{BAD.index(chr(34) + 'human') + 1}" in out
    assert "messages[1].role" in out
    assert "and 15 more" in out
    assert out.strip().split("\n")[-1].startswith("Not ready to train: 25 errors; 25 of 36 records")
    assert all(len(line) <= 120 for line in out.split("\n") if str(tmp_path) not in line)
    name = write(tmp_path / "b.jsonl", GOOD * 12)
    code, out, _ = run_plain(capsys, name)
    assert code == 0
    assert f"Ready to train: 12 examples. Next: tunedeck cost {name}" in out


def test_limits_on_what_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 11 + BAD * 25)
    _, found, _ = run_json(capsys, name, "--max-issues", "3")
    assert len(found["issues"]) == 3
    assert found["issues_truncated"] is True
    assert found["counts"] == {"unrecognized_role": 25}
    _, out, _ = run_plain(capsys, name, "--max-issues", "0")
    assert "unrecognized_role  25 ×" in out
    _, out, _ = run_plain(capsys, name, "--max-issues", "25")
    assert "more" not in out


def test_quality_is_looked_at_unless_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 12)
    assert run_command(["check", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"duplicate_example": 11, "few_examples": 1}
    assert [issue["line"] for issue in found["issues"]] == [0, *range(2, 13)]
    assert run_command(["check", name, "--json", "--fail-on", "warning"]) == 1
    capsys.readouterr()
    assert run_json(capsys, name)[1]["counts"] == {}


def test_fields_that_a_grader_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"messages": [{"role": "user", "content": f"q{i}"}], "a": {"b": i}} for i in range(12)]
    del rows[4]["a"]
    name = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    grader = {"type": "string_check", "reference": "{{ item.a.b }} {{item.c}}", "input": "{{item}}"}
    path = write(tmp_path / "g.json", json.dumps(grader))
    code, found, _ = run_json(capsys, name, "--grader", path)
    assert code == 0
    assert [(one["line"], one["code"]) for one in found["issues"]] == [
        (1, "grader_field_missing"),
        (5, "grader_field_missing"),
    ]
    assert "item.a.b, which 1 of 12 records" in found["issues"][1]["message"]
    assert run_json(capsys, name, "--grader", name)[0] == 2
    assert "grader.name is missing" in run_plain(capsys, name, "--grader", path)[2]
    code, _, err = run_plain(capsys, name, "--grader", str(tmp_path / "none.json"))
    assert code == 2
    assert err.endswith("none.json (no such file or directory): name the grader's JSON file\n")


def test_warnings_can_fail_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = GOOD.replace('"user", ', '"user", "name": "Jo Ann", ')
    name = write(tmp_path / "a.jsonl", GOOD * 11 + odd)
    assert run_plain(capsys, name)[0] == 0
    assert run_plain(capsys, name, "--fail-on", "warning")[0] == 1


def test_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.jsonl", GOOD * 12)
    bad = write(tmp_path / "bad.jsonl", GOOD * 11 + BAD)
    missing = str(tmp_path / "missing.jsonl")
    code, found, err = run_json(capsys, good, bad)
    assert code == 1
    assert [one["file"] for one in found] == [good, bad]
    code, found, err = run_json(capsys, good, missing, bad)
    assert code == 2
    assert [("error" in one) for one in found] == [False, True, False]
    assert err.startswith("tunedeck: ")
    code, out, err = run_plain(capsys, missing, good)
    assert code == 2
    assert "Ready to train" in out
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ([], "no file"),
        (["missing.jsonl"], "does not exist"),
        (["."], "folder"),
        (["-", "-"], "once"),
        (["a.jsonl", "--provider", "nobody"], "nobody"),
        (["a.jsonl", "--format", "xml"], "xml"),
        (["a.jsonl", "--max-issues", "-3"], "-3"),
        (["a.jsonl", "--fail-on", "advice"], "advice"),
    ],
)
def test_wrong_use_is_one_line_and_code_two(
    argv: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run_plain(capsys, *argv)
    assert (code, out) == (2, "")
    assert word in err
    assert err.count("\n") == 1
    code, found, err = run_json(capsys, *argv)
    assert code == 2
    assert set(found["error"]) == {"code", "message", "hint"}


def test_an_empty_file_and_a_binary_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_plain(capsys, write(tmp_path / "a.jsonl", ""))
    assert code == 1
    assert "empty_file" in out
    (tmp_path / "b.jsonl").write_bytes(b"PK\x03\x04" + bytes(3000))
    code, out, _ = run_plain(capsys, str(tmp_path / "b.jsonl"))
    assert code == 1
    assert "zip archive" in out


def test_the_format_can_be_demanded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 12)
    code, found, _ = run_json(capsys, name, "--format", "preference")
    assert code == 1
    assert found["counts"]["mixed_formats"] == 12


def test_a_provider_of_ones_own_has_a_profile(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "a.jsonl", GOOD * 3)
    assert run_plain(capsys, name)[0] == 1
    assert run_plain(capsys, name, "--provider", "nebius")[0] == 0
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(
        '[providers.lab]\nbase_url = "http://127.0.0.1:1/v1"\nprofile = "crusoe"\n'
    )
    assert run_plain(capsys, name, "--provider", "lab")[0] == 0


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from tui.dataset import RULES

    code, found, _ = run_json(capsys, "--rules")
    assert code == 0
    assert [rule["code"] for rule in found] == list(RULES)
    assert all(rule["summary"] and rule["evidence"] for rule in found)
    _, azure, _ = run_json(capsys, "--rules", "--provider", "azure")
    weight = {rule["code"]: rule["severity"] for rule in azure}
    assert weight["byte_order_mark"] == "advice"
    code, out, _ = run_plain(capsys, "--rules")
    assert code == 0
    assert all(code in out for code in RULES)


@pytest.mark.parametrize(
    "name", ["terminal", "keys_and_roles", "surrogates", "bytes", "long_lines"]
)
def test_hostile_files_send_nothing_of_their_own_to_the_terminal(
    sample_data: Path, name: str
) -> None:
    out = in_terminal(
        ["check", str(sample_data / "hostile" / f"{name}.jsonl"), "--max-issues", "99"]
    )
    text = out.decode()
    for styling in (
        "\x1b[1m",
        "\x1b[2m",
        "\x1b[31m",
        "\x1b[32m",
        "\x1b[33m",
        "\x1b[36m",
        "\x1b[0m",
    ):
        text = text.replace(styling, "")
    text = text.replace("\r\n", "\n")
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "train" in text


def test_colour_is_for_terminals_that_want_it(sample_data: Path) -> None:
    argv = ["check", str(sample_data / "support_chat.jsonl")]
    assert b"\x1b[" in in_terminal(argv)
    assert b"\x1b" not in in_terminal(argv, NO_COLOR="1")
    assert b"\x1b" not in in_terminal(argv, TERM="dumb")
    piped = subprocess.run([sys.executable, "-m", "tui", *argv], capture_output=True, check=True)
    assert b"\x1b" not in piped.stdout


def test_check_loads_neither_textual_nor_a_client(sample_data: Path) -> None:
    program = f"""
import sys
from tui.cli.main import run_command
run_command(["check", {str(sample_data / "support_chat.jsonl")!r}])
heavy = {{"numpy", "tiktoken", "textual", "openai", "plotext", "starlette", "httpx"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")


def in_terminal(argv: list[str], **env: str) -> bytes:
    """Run the command in a pseudo-terminal of its own and return every byte it sent."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *argv],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env={**os.environ, "TERM": "xterm-256color", **env},
    )
    os.close(side)
    sent = b""
    while True:
        if not select.select([main], [], [], 30)[0]:
            break
        try:
            block = os.read(main, 65536)
        except OSError:
            break
        if not block:
            break
        sent += block
    process.wait(30)
    os.close(main)
    return sent
