"""``tunedeck launch``: everything a job can be told, a past job again, launches left open."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Out
from tests.jobs.aids import ten_examples
from tests.jobs.faultserver import FaultServer
from tui.config import Paths
from tui.jobs import LaunchState, open_ledger

GRADER = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}


def sent(server: FaultServer) -> dict[str, Any]:
    """The body of the last create."""
    body: dict[str, Any] = json.loads(
        [s.body for s in server.seen if (s.method, s.path) == ("POST", "/v1/fine_tuning/jobs")][-1]
    )
    return body


def test_every_setting_reaches_the_provider(server: FaultServer, out: Out, file: Path) -> None:
    code, _, told = out(
        *("launch", file, "--model", "gpt-4.1-mini", "--yes", "--epochs", "2"),
        *("--hyperparameter", "batch_size=4", "--hyperparameter", "warmup=0.1"),
        *("--suffix", "s", "--seed", "7", "--metadata", "team=a"),
        *("--integration", "wandb:proj:entity=e:tag=t"),
    )
    assert code == 0, told
    body = sent(server)
    assert body["method"]["supervised"]["hyperparameters"] == {
        "n_epochs": 2,
        "batch_size": 4,
        "warmup": 0.1,
    }
    assert body["integrations"] == [
        {"type": "wandb", "wandb": {"project": "proj", "entity": "e", "tags": ["t"]}}
    ]
    assert (body["suffix"], body["seed"], body["metadata"]["team"]) == ("s", 7, "a")
    assert "no hyperparameter is called warmup" in told


def test_reinforcement_with_a_grader_from_a_file(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    train, valid = tmp_path / "t.jsonl", tmp_path / "v.jsonl"
    for path, ask in ((train, "What"), (valid, "Which")):
        lines = [
            {"messages": [{"role": "user", "content": f"{ask} {n}?"}], "answer": str(n)}
            for n in range(12)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    grader = tmp_path / "grader.json"
    words = ("launch", train, "--model", "my-own", "--validation", valid, "--yes", "--json")
    more = ("--method", "reinforcement", "--grader", grader)
    grader.write_text(json.dumps({**GRADER, "operation": "equals"}))
    code, printed, _ = out(*words, *more)
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "bad_grader"
    grader.write_text(json.dumps(GRADER))
    code, _, told = out(*words, *more, "--hyperparameter", "reasoning_effort=low")
    assert code == 0, told
    assert sent(server)["method"] == {
        "type": "reinforcement",
        "reinforcement": {"hyperparameters": {"reasoning_effort": "low"}, "grader": GRADER},
    }


def test_all_problems_at_once(server: FaultServer, out: Out, file: Path) -> None:
    server.models = [{"id": "gpt-4.1-mini", "shutdown_date": "2020-01-01"}]
    code, printed, told = out(
        *("launch", file, "--model", "gpt-4.1-mini", "--yes", "--json", "--max-cost", "0"),
        *("--suffix", "x" * 70, "--seed", "-1", "--epochs", "60", "--validation", "gone.jsonl"),
    )
    assert code == 4
    problems = json.loads(printed)["error"]["problems"]
    said = {problem["code"] for problem in problems}
    assert {"bad_suffix", "bad_seed", "bad_n_epochs", "validation_unreadable", "shut_down"} <= said
    for problem in problems:
        assert problem["message"] in told
    assert not server.count("POST", ".*")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a.jsonl",),
        ("--from-job", "x", "--resume"),
        ("--clear", "--resume"),
        ("--from-job", ""),
        ("--resume", "--model", "m"),
        ("--resume", "x", "--epochs", "3"),
        ("a.jsonl", "--model", "m", "--no-validation"),
        ("a.jsonl", "--model", "m", "--hyperparameter", "epochs"),
        ("a.jsonl", "--model", "m", "--integration", "mlflow:x"),
        ("a.jsonl", "--model", "m", "--metadata", "x"),
        ("a.jsonl", "--model", "m", "--epochs", "many"),
        ("a.jsonl", "--model", "m", "--stop-if", "train_loss is nan"),
        ("a.jsonl", "--model", "m", "--stop-if", "whatever", "--watch"),
        ("a.jsonl", "--model", "m", "--grader", "no-such.json"),
        ("--resume",),
        ("--clear", "abc"),
    ],
)
def test_wrong_usage(server: FaultServer, out: Out, words: tuple[str, ...]) -> None:
    try:
        code, _, told = out("launch", *words, "--yes")
    except SystemExit as end:  # argparse's own way
        code, told = int(str(end.code)), ""
    assert code == 2
    assert "Traceback" not in told
    assert not server.seen


# --- a past job ---------------------------------------------------------------------------------


def test_a_past_job_with_changes(server: FaultServer, out: Out, file: Path) -> None:
    first = ("launch", file, "--model", "gpt-4.1-mini", "--epochs", "3", "--seed", "7")
    assert out(*first, "--suffix", "one", "--metadata", "team=a", "--yes")[0] == 0
    code, printed, told = out(
        *("launch", "--from-job", "ftjob-0001", "--epochs", "auto", "--batch-size", "2"),
        *("--suffix", "two", "--metadata", "run=2", "--yes", "--json"),
    )
    assert code == 0, told
    assert json.loads(printed)["upload"]["reused"] is True
    body = sent(server)
    assert body["method"]["supervised"]["hyperparameters"] == {"batch_size": 2}
    assert (body["suffix"], body["seed"]) == ("two", 7)
    assert {k: v for k, v in body["metadata"].items() if k != "tunedeck_launch"} == {
        "team": "a",
        "run": "2",
    }
    assert out("launch", "--from-job", "last", "--suffix", "", "--yes")[0] == 0
    assert "suffix" not in sent(server)
    assert len(server.jobs) == 3


def test_a_past_job_whose_file_is_gone(server: FaultServer, out: Out, file: Path) -> None:
    assert out("launch", file, "--model", "gpt-4.1-mini", "--yes")[0] == 0
    file.unlink()
    code, _, told = out("launch", "--from-job", "last", "--yes")
    assert code == 0, told
    assert "the provider's copy (file-1) is used" in told
    assert server.jobs[1]["training_file"] == "file-1"
    code, printed, _ = out("launch", "--from-job", "last", "--yes", "--max-cost", "1", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "price_unknown"


def test_another_file_for_a_past_job(
    server: FaultServer, out: Out, file: Path, tmp_path: Path
) -> None:
    valid = ten_examples(tmp_path / "valid.jsonl")
    valid.write_text(valid.read_text().replace("Question", "Riddle"))
    words = ("launch", file, "--model", "gpt-4.1-mini", "--yes", "--validation", valid)
    assert out(*words)[0] == 0
    assert server.files[sent(server)["validation_file"]].count(b"Riddle") == 10
    other = ten_examples(tmp_path / "other.jsonl")
    other.write_text(other.read_text().replace("Question", "Other"))
    code, _, told = out("launch", other, "--from-job", "last", "--no-validation", "--yes")
    assert code == 0, told
    assert "validation_file" not in sent(server)
    assert server.files[sent(server)["training_file"]].count(b"Other") == 10


# --- left open ----------------------------------------------------------------------------------


def cut_short(server: FaultServer, out: Out, file: Path) -> str:
    """Leave a launch behind as a killed program does, and return its id."""
    assert out("launch", file, "--model", "gpt-4.1-mini", "--suffix", "s", "--yes")[0] == 0
    server.jobs.clear()
    ledger = open_ledger(Paths.resolve().state)
    (row,) = ledger.launches()
    with ledger._write() as db:
        db.execute(
            "UPDATE launches SET state=?, job_id=NULL, creating_at=NULL, pid=4194305",
            (LaunchState.UPLOADED.value,),
        )
        db.execute("DELETE FROM jobs")
    ledger.close()
    return row.id


def test_the_next_start_says_it_and_resume_finishes_it(
    server: FaultServer, out: Out, file: Path, tmp_path: Path
) -> None:
    launch_id = cut_short(server, out, file)
    code, _, told = out("jobs")
    assert code == 0
    assert "the launch of train.jsonl for gpt-4.1-mini stopped" in told
    assert f"tunedeck launch --resume {launch_id[:8]}" in told
    (one,) = json.loads(out("jobs", "--json")[1])["launches"]
    assert one["state"] == "interrupted"
    assert "--clear" in one["next"]
    other = ten_examples(tmp_path / "other.jsonl")
    other.write_text(other.read_text().replace("Question", "Other"))
    assert launch_id[:8] in out("launch", other, "--model", "gpt-4.1-mini", "--yes")[2]
    code, printed, told = out("launch", "--resume", launch_id[:6], "--yes", "--json")
    assert code == 0, told
    assert json.loads(printed)["upload"]["reused"] is True
    assert sent(server)["suffix"] == "s"
    assert json.loads(out("jobs", "--json")[1])["launches"] == []


def test_resume_does_not_train_on_another_file(server: FaultServer, out: Out, file: Path) -> None:
    cut_short(server, out, file)
    out("jobs")
    file.write_text(file.read_text().replace("Question", "Riddle"))
    code, printed, _ = out("launch", "--resume", "--yes", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "file_changed"
    assert not server.jobs


def test_clear(server: FaultServer, out: Out, file: Path) -> None:
    cut_short(server, out, file)
    code, printed, _ = out("launch", "--clear")
    assert code == 0
    assert printed == "Cleared; no job was made, and the file stays at the provider as file-1.\n"
    assert json.loads(out("jobs", "--json")[1])["launches"] == []
    assert not server.jobs


@pytest.mark.parametrize("change", ["removed", "moved"])
def test_clear_where_nothing_leads_any_more(
    server: FaultServer, out: Out, file: Path, home: Path, change: str
) -> None:
    launch_id = cut_short(server, out, file)
    config = home / "config" / "config.toml"
    lines = "" if change == "removed" else config.read_text().replace("127.0.0.1", "localhost")
    config.write_text(lines)
    server.seen.clear()
    code, printed, _ = out("launch", "--clear", launch_id[:8])
    assert code == 0
    assert "no job was made" in printed
    assert "was not asked" in printed
    assert not server.seen
    assert json.loads(out("jobs", "--json", "--provider", "local")[1])["launches"] == []


def test_clear_of_what_may_have_made_a_job_nobody_can_ask_for(
    server: FaultServer, out: Out, file: Path, home: Path
) -> None:
    launch_id = cut_short(server, out, file)
    ledger = open_ledger(Paths.resolve().state)
    assert ledger.advance(launch_id, LaunchState.CREATING)
    (home / "config" / "config.toml").write_text("")
    code, printed, _ = out("launch", "--clear", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "launch_unknown"
    assert ledger.launches()[0].state is LaunchState.CREATING
    code, printed, told = out("launch", "--clear", "--yes", "--json")
    assert code == 0
    assert json.loads(printed)["made_job"] is None
    assert "not known whether it made a job" in told
    assert launch_id in told
    assert ledger.launches()[0].state is LaunchState.REFUSED
    ledger.close()


def test_the_same_launch_again_takes_its_place(server: FaultServer, out: Out, file: Path) -> None:
    cut_short(server, out, file)
    out("jobs")
    code, _, told = out("launch", file, "--model", "gpt-4.1-mini", "--yes")
    assert code == 0
    assert "this launch takes its place" in told
    assert json.loads(out("jobs", "--json")[1])["launches"] == []
    assert len(server.jobs) == 1


def test_a_launch_that_was_killed_before_it_told_tells_of_the_same_job(
    server: FaultServer, out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if each command were a process of its own.
    monkeypatch.setattr("tui.jobs.rows.began", time.time)
    words = ("launch", file, "--model", "gpt-4.1-mini", "--yes", "--json")
    assert out(*words)[0] == 0
    ledger = open_ledger(Paths.resolve().state)
    with ledger._write() as db:
        db.execute("UPDATE launches SET reason='not told yet', pid=4194305")
    ledger.close()
    code, printed, told = out(*words)
    assert code == 0
    assert json.loads(printed)["job"]["id"] == "ftjob-0001"
    assert json.loads(printed)["adopted"] is True
    assert "had made job ftjob-0001" in told
    assert len(server.jobs) == 1
    assert out(*words)[0] == 0
    assert len(server.jobs) == 2, "now it has told: this is another one"


def test_read_only(server: FaultServer, out: Out, file: Path, monkeypatch) -> None:
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    code, printed, _ = out("launch", file, "--model", "gpt-4.1-mini", "--yes", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "read_only"
    assert not server.count("POST", ".*")
