"""``tunedeck fix``, ``split`` and ``convert`` as people and scripts meet them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dataset import generate
from tests.waiting import wait_for
from tui.cli.main import run_command

LINE = '{{"messages": [{{"role": "user", "content": "q{0}"}}, {{"role": "{1}", "content": "a"}}]}}'
ESCAPE = "\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A home without settings."""


def write(path: Path, *more: str, count: int = 12) -> str:
    lines = [LINE.format(i, "assistant") for i in range(count)]
    path.write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = run_command(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any]:
    code, out, _ = run(capsys, *argv, "--json")
    return code, json.loads(out)


def test_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "in.jsonl", "", LINE.format(90, "gpt"))
    out = str(tmp_path / "out.jsonl")
    code, document = run_json(capsys, "fix", path, "-o", out)
    assert code == 0
    assert document["file"] == path
    assert document["output"] == out
    assert (document["records"], document["changed"], document["dropped"]) == (13, 1, 0)
    assert document["repairs"] == {"blank_line": 1, "unrecognized_role": 1}
    assert document["changes"][1] == {
        "line": 14, "code": "unrecognized_role", "path": "messages[1].role",
        "action": "rewritten", "before": '"gpt"', "after": '"assistant"',
    }  # fmt: skip
    assert document["check"]["errors"] == 0
    code, checked = run_json(capsys, "check", out)
    assert code == 0
    assert {**checked, "file": out} == {
        **document["check"], "issues": checked["issues"], "issues_truncated": False
    }  # fmt: skip


def test_fix_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = json.dumps(f"key{ESCAPE}")
    path = write(
        tmp_path / "in.jsonl",
        LINE.format(90, "gpt"),
        LINE.format(91, "assistant").replace('"messages"', f'{key}: {key}, "messages"'),
        "{broken",
    )
    out = str(tmp_path / "out.jsonl")
    code, text, _ = run(capsys, "fix", path, "-o", out)
    assert code == 1
    assert 'line 13  unrecognized_role  messages[1].role  rewritten: "gpt" -> "assistant"' in text
    assert "line 14  record_unrecognized_key" in text
    assert not set(ESCAPE[0] + ESCAPE[-1]) & set(text)
    assert "Not ready to train: 1 error left (invalid_json 1)" in text
    code, text, _ = run(capsys, "fix", path, "-o", out, "--force", "--drop-invalid")
    assert code == 0
    assert "left out because errors remain: 1 record (invalid_json 1)" in text
    assert "Ready to train: 14 examples" in text
    code, text, _ = run(capsys, "fix", path, "--dry-run", "--max-changes", "1")
    assert text.count("line 1") == 1
    assert "and 1 more" in text
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out.jsonl"]


def test_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "in.jsonl", count=30)
    code, document = run_json(
        capsys, "split", path, "--validation", "20%", "--by", "answer", "-o", str(tmp_path / "new")
    )
    assert code == 0
    assert document["train"] == {"file": str(tmp_path / "new/in.train.jsonl"), "records": 24}
    assert document["validation"]["records"] == 6
    assert document["strata"] == {"a": {"train": 24, "validation": 6}}
    code, text, _ = run(capsys, "split", path, "--validation", "3")
    assert code == 0
    assert "No prompt stands in both" in text
    assert len((tmp_path / "in.validation.jsonl").read_text().splitlines()) == 3


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.csv"
    rows = "".join(f"q{i},a{i},\n" for i in range(12))
    path.write_text(f"Frage,Antwort,{ESCAPE}\n{rows}none,,\nx,y,z\n", encoding="utf-8")
    out = str(tmp_path / "out.jsonl")
    code, _, err = run(capsys, "convert", str(path), "-o", out)
    assert code == 1
    assert "--columns" in err
    assert ESCAPE[0] not in err
    columns = ("--columns", "user=Frage,assistant=Antwort")
    code, text, _ = run(capsys, "convert", str(path), "-o", out, *columns)
    assert code == 0
    assert "13 of 14 records written" in text
    assert "line 14: no answer" in text
    assert "not carried over:" in text
    assert not set(ESCAPE[0] + ESCAPE[-1]) & set(text)
    assert "Ready to train: 13 examples" in text
    code, document = run_json(capsys, "convert", str(path), "-o", out, "--force", *columns)
    assert code == 0
    assert document["from"] == {"columns": 13}
    assert document["skipped_reasons"] == {"no answer": 1}
    assert document["check"]["format"] == "chat"


@pytest.mark.parametrize(("answer", "expected"), [("a", 0), ("<|endoftext|>", 1)])
def test_a_small_file_is_converted_as_well_as_a_large_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str, expected: int
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"instruction": "q", "input": "", "output": "{answer}"}}\n')
    code, text, _ = run(capsys, "convert", str(path), "-o", str(tmp_path / "out.jsonl"))
    assert code == expected
    assert "too_few_examples" in text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["fix", "IN"], "no new file is named"),
        (["fix", "IN", "-o", "IN"], "is the file that is read"),
        (["fix", "IN", "-o", "THERE"], "exists already"),
        (["fix", "IN", "-o", "-"], "not to standard output"),
        (["fix", "IN", "-o", "NEW", "--rule", "nonsense"], "no repair for 'nonsense'"),
        (["fix", "MISSING", "-o", "NEW"], "does not exist"),
        (["fix", "IN", "-o", "NEW", "--provider", "nobody"], "no provider"),
        (["split", "IN"], "--validation"),
        (["split", "IN", "--validation", "0"], "neither a share"),
        (["split", "IN", "--validation", "1.0"], "neither a share"),
        (["split", "IN", "--validation", "nan"], "neither a share"),
        (["split", "IN", "--validation", "12"], "leave none"),
        (["split", "IN", "--validation", "0.5", "--by", "topic"], "no record has the field"),
        (["convert", "IN"], "-o"),
        (["convert", "IN", "-o", "NEW", "--from", "word"], "invalid choice"),
        (["convert", "IN", "-o", "NEW", "--columns", "user"], "ROLE=NAME"),
        (["convert", "IN", "-o", "NEW", "--columns", "user=a"], "user and assistant"),
    ],
)
def test_wrong_usage(
    argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "IN")
    write(tmp_path / "THERE")
    names = {name: str(tmp_path / name) for name in ("IN", "NEW", "THERE", "MISSING")}
    code, out, err = run(capsys, *(names.get(word, word) for word in argv))
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["IN", "THERE"]


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    generate.write(path, 1 << 20)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-m", "tui", "fix", str(path), "-o", str(tmp_path / "out.jsonl")],
        capture_output=True, text=True, preexec_fn=little_room, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_being_ended_leaves_nothing(kind: int, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    generate.write(path, 8 << 20)
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "fix", str(path), "-o", str(tmp_path / "out.jsonl")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(lambda: len(os.listdir(tmp_path)) > 1 or process.poll() is not None)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (128 + kind, 130)
    assert b"Traceback" not in err
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_standard_input(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", "")
    out = tmp_path / "out.jsonl"
    argv = [sys.executable, "-m", "tui", "fix", "-", "--force", "-o"]
    with open(path, "rb") as stdin:
        done = subprocess.run(  # noqa: PLW1510
            [*argv, str(out)], stdin=stdin, capture_output=True, timeout=60
        )
    assert done.returncode == 0
    assert out.read_bytes() == Path(path).read_bytes()[:-1]
    with open(path, "rb") as stdin:
        done = subprocess.run(  # noqa: PLW1510
            [*argv, path], stdin=stdin, capture_output=True, timeout=60
        )
    assert done.returncode == 2
    assert b"is the file that is read" in done.stderr
