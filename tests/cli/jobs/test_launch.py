"""Launching, as scripts do it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.jobs.common import CREATE, Out, launch, lines
from tests.jobs.faultserver import KEY, FaultServer, metrics


def test_launch(server: FaultServer, out: Out, file: Path) -> None:
    code, printed, _ = launch(
        out, file, "--yes", "--json", "--suffix", "s", "--seed", "7", "--metadata", "team=a"
    )
    assert code == 0
    answer = json.loads(printed)
    assert answer["job"] == {
        "id": "ftjob-0001",
        "status": "validating_files",
        "model": "gpt-4.1-mini",
        "provider": "lab",
    }
    assert answer["upload"]["bytes"] == file.stat().st_size
    assert not answer["upload"]["reused"]
    assert answer["estimate"]["epochs"] == 3
    assert answer["estimate"]["tokens_billed"] > 0
    sent = json.loads(next(s.body for s in server.seen if s.path == "/v1/fine_tuning/jobs"))
    assert (sent["suffix"], sent["seed"], sent["metadata"]["team"]) == ("s", 7, "a")
    assert KEY not in printed


def test_launch_whose_answer_is_lost_is_adopted(server: FaultServer, out: Out, file: Path) -> None:
    server.fault("POST", CREATE, "lose")
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    assert json.loads(printed)["job"]["id"] == "ftjob-0001"
    assert len(server.jobs) == 1


def test_launch_with_unknown_outcome(
    server: FaultServer, out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 1000.0)
    server.fault("POST", CREATE, "html")
    code, printed, told = launch(out, file, "--yes", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "launch_unknown"
    assert "launch the same file again" in told
    assert json.loads(out("jobs", "--json")[1])["launches"][0]["state"] == "unknown"
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 0.3)
    code, _, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    assert len(server.jobs) == 1
    assert json.loads(out("jobs", "--json")[1])["launches"] == []


def test_launch_needs_a_yes(server: FaultServer, out: Out, file: Path) -> None:
    code, printed, told = launch(out, file, "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "not_confirmed"
    assert "--yes" in told
    assert not server.seen


def test_a_key_that_is_refused_ends_like_any_other_command(
    server: FaultServer, out: Out, file: Path
) -> None:
    server.fault("GET", "/v1/.*", "status", times=20, status=401, body=b"{}")
    assert out("jobs", "--json")[0] == 3
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 3
    assert json.loads(printed)["error"]["code"] == "wrong_key"
    assert not server.count("POST", ".*")


@pytest.mark.parametrize(("answer", "code", "jobs"), [("y", 0, 1), ("", 4, 0), ("n", 4, 0)])
def test_launch_asks_on_a_terminal(
    server: FaultServer,
    out: Out,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    jobs: int,
) -> None:
    monkeypatch.setattr("tui.cli.launch.is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: answer)
    got, _, told = launch(out, file)
    assert got == code
    assert len(server.jobs) == jobs
    assert "$0.00" in told
    assert "[y/N]" in told


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--max-cost", "0.0000001"], "over_max_cost"),
        (["--max-cost", "0.0000001", "--force"], "over_max_cost"),
        (["--suffix", "x" * 65], "bad_suffix"),
        (["--batch-size", "300"], "bad_batch_size"),
        (["--learning-rate-multiplier", "0"], "bad_learning_rate_multiplier"),
        (["--beta", "3", "--method", "dpo"], "bad_beta"),
        (["--method", "dpo"], "format_method_mismatch"),
        (["--seed", "-1"], "bad_seed"),
        (["--metadata", "tunedeck_launch=x", "--force"], "reserved_metadata"),
        ([f"--metadata={n}=v" for n in range(16)], "too_much_metadata"),
        (["--metadata", f"k={'v' * 513}"], "long_metadata"),
        (["--validation", "no-such-file.jsonl", "--force"], "validation_unreadable"),
        (["--method", "reinforcement"], "grader_required"),
    ],
)
def test_launch_is_refused_before_anything_is_sent(
    server: FaultServer, out: Out, file: Path, more: list[str], code: str
) -> None:
    got, printed, told = launch(out, file, "--yes", "--json", *more)
    assert got == 4
    assert json.loads(printed)["error"]["code"] == code
    assert told.splitlines()[-1].startswith("tunedeck: ")
    assert not server.count("POST", ".*")


def test_launch_with_format_errors(server: FaultServer, out: Out, file: Path) -> None:
    with file.open("a") as opened:
        opened.write('{"messages": [{"role": "alien", "content": "x"}]}\n')
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 4
    error = json.loads(printed)["error"]
    assert error["code"] == "format_errors"
    assert "line 11" in error["message"]
    assert "--force" in error["hint"]
    assert not server.count("POST", ".*")
    code, _, _ = launch(out, file, "--yes", "--json", "--force")
    assert code == 0


def test_validation_file_is_uploaded(
    server: FaultServer, out: Out, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "valid.jsonl"
    other.write_text(file.read_text().replace("Question", "Riddle"))
    code, _, _ = launch(out, file, "--yes", "--json", "--validation", str(other))
    assert code == 0
    sent = json.loads(next(s.body for s in server.seen if s.path == "/v1/fine_tuning/jobs"))
    assert b"Riddle" in server.files[sent["validation_file"]]


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_launch_of_what_is_no_file(out: Out, tmp_path: Path, name: str) -> None:
    code, printed, told = launch(out, tmp_path / name, "--yes", "--json")
    assert code == 2
    assert json.loads(printed)["error"]["code"] == "file"
    assert "Traceback" not in told


def test_launch_with_a_state_folder_that_cannot_be_written(
    server: FaultServer, out: Out, file: Path, home: Path
) -> None:
    (home / "state").write_text("a file where a folder should be")
    code, _, told = launch(out, file, "--yes", "--json")
    assert code == 2
    assert "cannot make the folder" in told
    assert not server.seen


def test_launch_and_watch_without_a_terminal(server: FaultServer, out: Out, file: Path) -> None:
    steps = iter(range(1, 6))

    def more(job: dict[str, Any]) -> None:
        step = next(steps, None)
        if step is None:
            job["status"] = "succeeded"
        else:
            server.events[job["id"]].append(metrics(step, step))

    server.on_retrieve = more
    code, printed, _ = launch(out, file, "--yes", "--json", "--watch")
    assert code == 0
    first, *rest = lines(printed)
    assert first["job"]["id"] == "ftjob-0001"
    assert [line["step"] for line in rest if line["kind"] == "metrics"] == [1, 2, 3, 4, 5]
    assert rest[-1]["kind"] == "end"


def test_prices_that_are_malformed_are_one_line(
    server: FaultServer, out: Out, file: Path, home: Path
) -> None:
    (home / "config" / "prices.toml").write_text("lab = 3\n")
    for call in (lambda: launch(out, file, "--yes"), lambda: out("cost", str(file))):
        code, _, told = call()
        assert code == 2
        assert told.count("\n") == 1
        assert "prices.toml" in told
    assert not server.seen


def test_a_price_that_is_not_known(server: FaultServer, out: Out, file: Path, home: Path) -> None:
    (home / "config" / "prices.toml").unlink()
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    row = json.loads(printed)["estimate"]
    assert (row["provider"], row["usd"]) == ("lab", None)
    assert "No training price is known" in row["notes"][0]


def test_a_pipe_cannot_be_launched(server: FaultServer, out: Out, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    code, _, told = launch(out, pipe, "--yes")
    assert code == 2
    assert "pipe or a device" in told


def test_launch_says_of_a_file_what_check_says(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        said = [
            out(*words)[2]
            for words in (("check", str(path)), ("launch", str(path), "--model", "micro"))
        ]
        assert said[0] == said[1]
