"""``tunedeck watch --log``: a local training followed by scripts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.cli.test_streams import shell
from tests.logs.reading import DATA
from tui.logs import FoundLog, find_logs


@pytest.fixture(autouse=True)
def settings(home: Path) -> None:
    del home


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = call(capsys, "watch", "--log", str(DATA / "trainer_log.jsonl"), "--json")
    assert code == 0
    got = lines(printed)
    assert [line["kind"] for line in got] == [*["metrics"] * 15, "status", "end"]
    assert got[0]["values"]["loss"] == pytest.approx(3.81616)
    assert got[0]["total_steps"] == 60
    assert got[-1] == {
        "kind": "end",
        "status": "succeeded",
        "fine_tuned_model": None,
        "trained_tokens": None,
        "error": None,
    }


def test_a_failed_training_is_a_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "out.txt"
    log.write_text(
        "Step 1 | loss:nan\nTraceback (most recent call last):\nRuntimeError: \x1b[1mno\n"
    )
    code, printed, told = call(
        capsys, "watch", "--log", str(log), "--json", "--stop-if", "loss is nan"
    )
    assert code == 1
    assert "you are told" in told
    got = lines(printed)
    kinds = [line["kind"] for line in got]
    assert [kind for kind in kinds if kind in ("metrics", "event")] == ["metrics", "event", "event"]
    assert kinds[-1] == "end"
    assert next(line for line in got if line["kind"] == "metrics")["values"] == {"loss": None}
    assert kinds.count("stop_rule") == 1
    assert got[-1]["error"]["message"] == "RuntimeError: no"


def test_a_log_that_stands_still_ends_without_a_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "out.csv"
    log.write_text("step,loss\n1,2\n2,1\n")
    os.utime(log, (1_700_000_000, 1_700_000_000))
    code, printed, _ = call(capsys, "watch", "--log", str(log), "--plain", "--no-plot")
    assert code == 0
    assert "loss fell from 2.0000 to 1.0000 over 1 step" in printed
    assert "unknown" in printed


def test_a_folder_names_the_run_in_every_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(DATA / "trainer_log.jsonl", tmp_path / name)
    code, printed, _ = call(capsys, "watch", "--log", str(tmp_path), "--json")
    assert code == 0
    assert {line["run"] for line in lines(printed)} == {"one", "two"}
    code, printed, _ = call(capsys, "compare", str(tmp_path), "--json")
    assert [run["title"] for run in json.loads(printed)["runs"]] == ["one", "two"]


def test_a_run_that_begins_later_is_followed_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(name: str) -> None:
        (tmp_path / name).mkdir()
        shutil.copy(DATA / "trainer_log.jsonl", tmp_path / name)

    def look(path: str) -> list[FoundLog]:
        if not (tmp_path / "two").exists():
            add("two")
            # Another log of a run that is followed.
            shutil.copy(DATA / "trainer_log.jsonl", tmp_path / "three")
        return find_logs(path)

    (tmp_path / "three").mkdir()
    shutil.copy(DATA / "hf_output.txt", tmp_path / "three")
    add("one")
    monkeypatch.setattr("tui.cli.logs._LOOK", 0.05)
    monkeypatch.setattr("tui.cli.logs._new_logs", look)
    code, printed, _ = call(capsys, "watch", "--log", str(tmp_path), "--json")
    assert code == 0
    ended = [line["run"] for line in lines(printed) if line["kind"] == "end"]
    assert sorted(ended) == ["one", "three/hf_output.txt", "two"]


def test_a_rule_about_a_number_that_nobody_tells(capsys: pytest.CaptureFixture[str]) -> None:
    log = str(DATA / "trainer_log.jsonl")
    rules = ("--stop-if", "los > 90", "--stop-if", "speed > 9", "--stop-if", "eval_loss > 90")
    code, _, said = call(capsys, "watch", "--log", log, "--plain", "--no-plot", *rules)
    assert code == 0
    assert "no number called los has arrived; did you mean loss?" in said
    assert "no number called speed has arrived; there are " in said
    assert "called eval_loss" not in said


@pytest.mark.parametrize(
    "line",
    [
        "cat {log} | $T watch --log - --json",
        "$T watch --log - --json < {log}",
        "$T watch --log <(cat {log}) --json",
    ],
)
def test_what_is_piped_in(home: Path, line: str) -> None:
    done = shell(home, line.format(log=DATA / "trainer_log.jsonl"))
    got = lines(done.stdout)
    assert [one["kind"] for one in got if one["kind"] != "status"] == [*["metrics"] * 15, "end"]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_without_numbers(home: Path) -> None:
    done = shell(home, "echo hello | $T watch --log - --plain")
    assert done.returncode == 0
    assert "log - unknown" in done.stdout
    assert done.stderr == "tunedeck: standard input: no numbers of a training were found in it\n"


def test_a_log_that_never_comes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "soon.log"
    code, printed, said = call(capsys, "watch", "--log", str(log), "--json", "--timeout", "1s")
    assert code == 2
    assert lines(printed)[-1]["error"]["message"] == f"there is still no log at {log}"
    assert f"there is no {log} yet: waiting for it\n" in said
    code, _, said = call(capsys, "watch", "--log", str(log), "--once")
    assert code == 2
    code, _, said = call(capsys, "watch", "--log", str(tmp_path / "no" / "log"), "--plain")
    assert (code, "there is no folder" in said) == (2, True)


def test_why_following_ended_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "out.csv"
    log.write_text("step,loss\n1,2\n")
    os.utime(log, (1_700_000_000, 1_700_000_000))
    _, _, said = call(capsys, "watch", "--log", str(log), "--plain", "--no-plot")
    assert said == "tunedeck: out.csv: nothing was written for 600 s, so following ends\n"
    for more in ("--once", "--plain"):
        log.write_text("1,2\n2,1\n")
        os.utime(log, (1_700_000_000, 1_700_000_000))
        code, _, said = call(capsys, "watch", "--log", str(log), more)
        assert (code, said) == (
            0,
            "tunedeck: out.csv: no numbers of a training were found in it\n",
        )


def test_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = call(capsys, "watch", "--log", str(DATA / "hf_output.txt"), "--once")
    assert code == 0
    assert "best eval_loss" in printed
    assert "step 60/60" in printed


@pytest.mark.parametrize(
    "argv",
    [
        ("watch",),
        ("watch", "ftjob-one", "--log", "x"),
        ("watch", "--log", "no/such/file"),
        ("watch", "--log", "."),
        ("watch", "--log", "PATH", "--stop-if", "loss > 1 then cancel"),
    ],
)
def test_wrong_usage(
    capsys: pytest.CaptureFixture[str],
    argv: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = tuple(str(DATA / "trainer_log.jsonl") if word == "PATH" else word for word in argv)
    code, printed, _ = call(capsys, *argv, "--json")
    assert code == 2
    assert json.loads(printed)["error"]["message"]
