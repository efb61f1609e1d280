"""The main path as a person walks it: the real program, the embedded service, a real terminal."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import ROOT, TUNEDECK, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("service")]

CHAT = "sample_data/support_chat.jsonl"


def _ended(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TUNEDECK, *args],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _run(*args: str, expect: int = 0) -> str:
    done = _ended(*args)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def _launch(*args: str) -> dict[str, Any]:
    launched = _run("launch", CHAT, "--model", "micro", *args, "--yes", "--json")
    return dict(json.loads(launched))


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_launch_and_watch_without_a_key(home: Path) -> None:
    launched = json.loads(
        _run("launch", CHAT, "--model", "micro", "--epochs", "3", "--yes", "--json")
    )
    assert launched["job"]["provider"] == "local"
    assert launched["estimate"]["usd"] == 0
    seen = _lines(_run("watch", launched["job"]["id"], "--json"))
    losses = [line["values"]["train_loss"] for line in seen if line["kind"] == "metrics"]
    assert len(losses) >= 10
    assert losses[-1] < losses[0]
    assert seen[-1]["kind"] == "end"
    assert seen[-1]["status"] == "succeeded"
    # The bill of the rehearsal is the estimate, as it is where money is at stake.
    assert seen[-1]["trained_tokens"] == launched["estimate"]["tokens_billed"]
    again = _launch("--epochs", "1")
    assert again["upload"]["reused"]
    _run("cancel", again["job"]["id"], "--yes")
    jobs = json.loads(_run("jobs", "--json"))
    assert {job["id"] for job in jobs["jobs"]} == {launched["job"]["id"], again["job"]["id"]}


def test_one_key_cancels_what_a_terminal_watches(home: Path) -> None:
    command = ["launch", CHAT, "--model", "micro", "--epochs", "50", "--watch", "--yes"]
    with Terminal([*TUNEDECK, *command]) as terminal:
        terminal.wait_for("running").wait_for("Train loss")
        terminal.type("x")
        terminal.wait_for("Cancel this run?")
        terminal.type("n")
        terminal.wait_for(lambda term: "Cancel this run?" not in term.text)
        assert "cancel" not in terminal.text.split("Status", 1)[1].splitlines()[0]
        terminal.type("x")
        terminal.wait_for("Cancel this run?")
        terminal.type("y")
        terminal.wait_for("■ cancelled")
        terminal.type("\x11")
        terminal.wait_end()
    assert [job["status"] for job in json.loads(_run("jobs", "--json"))["jobs"]] == ["cancelled"]


def test_a_cancel_is_sent_though_the_person_leaves_at_once(home: Path) -> None:
    command = ["launch", CHAT, "--model", "micro", "--epochs", "50", "--watch", "--yes"]
    with Terminal([*TUNEDECK, *command]) as terminal:
        terminal.wait_for("running").wait_for("Train loss")
        terminal.type("x")
        terminal.wait_for("Cancel this run?")
        terminal.type("yq\x11")
        assert terminal.wait_end() == 0, terminal.text
    (job,) = json.loads(_run("jobs", "--json"))["jobs"]
    assert job["status"] == "cancelled"


def test_a_person_walks_the_screens_and_launches(home: Path) -> None:
    with Terminal([*TUNEDECK, CHAT], size=(100, 30)) as terminal:
        terminal.wait_for("where is my order").wait_for("54 records")
        for key, words in (("2", "Nothing is wrong"), ("3", "o200k_base"), ("4", "billable")):
            terminal.type(key)
            terminal.wait_for(words)
        terminal.type("l")
        terminal.wait_for("Ready.")
        terminal.type("\x0c")
        terminal.wait_for("Launch this run?")
        terminal.type("y")
        terminal.wait_for("ftjob-").wait_for("running")
        terminal.type("x")
        terminal.wait_for("Cancel this run?")
        terminal.type("y")
        terminal.wait_for("■ cancelled")
        terminal.type("q")
        terminal.wait_for("micro")
        terminal.type("\x11")
        assert terminal.wait_end() == 0


def test_the_terminal_may_go_away_at_any_time(home: Path) -> None:
    command = ["launch", CHAT, "--model", "micro", "--epochs", "50", "--watch", "--yes"]
    with Terminal([*TUNEDECK, *command]) as terminal:
        terminal.wait_for("running").wait_for("Train loss")
    (job,) = json.loads(_run("jobs", "--json"))["jobs"]
    assert job["status"] == "running"
    cancelled = json.loads(_run("cancel", job["id"], "--yes", "--json"))
    assert "cancelled" in json.dumps(cancelled)
    # A cancelled run leaves no results file, but what it measured is not lost.
    results = json.loads(_run("results", job["id"], "--json"))
    assert results["columns"][:2] == ["step", "train_loss"]
    assert results["rows"][0]["step"] == 1


@pytest.mark.parametrize(
    "make",
    ["missing", "empty", "folder", "binary", "unreadable", "text"],
)
@pytest.mark.parametrize("command", ["check", "stats", "cost", "launch", "open"])
def test_bad_files_get_one_line(home: Path, tmp_path: Path, make: str, command: str) -> None:
    path = tmp_path / "data.jsonl"
    if make == "empty":
        path.touch()
    elif make == "folder":
        path.mkdir()
    elif make == "binary":
        path.write_bytes(bytes(range(256)) * 64)
    elif make == "text":
        path.write_text("dear diary,\ntoday I trained a model\n" * 20)
    elif make == "unreadable":
        path.write_text("{}\n")
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("root reads everything")
    extra = ["--model", "micro", "--yes"] if command == "launch" else []
    argv = [str(path)] if command == "open" else [command, str(path), *extra]
    done = _ended(*argv)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode in (0, 1, 2, 4)
    if make in ("missing", "folder", "unreadable"):
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("tunedeck: ")
        assert ": " in line.removeprefix("tunedeck: ")
    elif command == "check":
        assert done.returncode == 1


def test_a_provider_that_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    done = subprocess.run(
        [*TUNEDECK, "jobs"], capture_output=True, text=True, timeout=100, cwd=ROOT, check=False
    )
    assert done.returncode == 3
    (line,) = done.stderr.strip().splitlines()
    assert "127.0.0.1:9" in line
    assert "sk-test" not in done.stderr
