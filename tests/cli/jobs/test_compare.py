"""Runs side by side on the command line: what scripts read, and what does not answer."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.cli.jobs.common import Out
from tests.jobs.faultserver import FaultServer, metrics

LOG = "step,loss,val_loss,accuracy\n1,3,3,0.1\n2,2.5,2.25,0.2\n"


def fill(server: FaultServer) -> None:
    """Three runs of one suffix; the second is the best."""
    for number, (name, best) in enumerate((("one", 0.9), ("two", 0.5), ("three", 0.7)), 1):
        job_id = f"ftjob-{name}"
        server.add_job(
            job_id,
            status="succeeded",
            user_provided_suffix="same",
            hyperparameters={"n_epochs": number, "batch_size": 4},
            validation_file=f"file-{min(number, 2)}",
        )
        server.events[job_id] = [
            metrics(
                step,
                step,
                id=f"{name}-{step}",
                data={"step": step, "total_steps": 3, "train_loss": 3.0 - step, "valid_loss": v},
            )
            for step, v in enumerate((1.0, best, 1.5), 1)
        ]


def test_the_newest_runs_sorted_by_the_best(server: FaultServer, out: Out) -> None:
    fill(server)
    code, printed, _ = out("compare", "--last", "3", "--sort", "valid_loss", "--plain", "--no-plot")
    assert code == 0
    assert [line.split("  ")[0] for line in printed.splitlines()[2:5]] == [
        "same two",
        "same three",
        "same one",
    ]
    assert (
        "same two has the lowest validation loss, 0.5000 at step 2; same three has 0.7000 "
        "(epochs 2 against 3)\n"
    ) in printed
    first = out("compare", "--last", "3", "--sort", "epochs", "--reverse", "--csv")[1]
    assert [row["hyper.n_epochs"] for row in csv.DictReader(io.StringIO(first))] == ["3", "2", "1"]
    code, _, told = out("compare", "--last", "3", "--sort", "nothing")
    assert code == 2
    assert "there are name, status, best" in told


def test_other_validation_data_is_spoken_of(server: FaultServer, out: Out) -> None:
    fill(server)
    printed = out("compare", "ftjob-one", "ftjob-two", "--plain", "--no-plot")[1]
    assert "; they were validated on different files" in printed


def test_points_of_every_run_are_there_for_programs(server: FaultServer, out: Out) -> None:
    fill(server)
    rows = list(csv.DictReader(io.StringIO(out("compare", "--last", "3", "--csv", "--points")[1])))
    assert len(rows) == 9
    assert {row["run"] for row in rows} == {"same one", "same two", "same three"}
    found = json.loads(out("compare", "ftjob-one", "--json", "--points")[1])["runs"][0]
    assert found["metrics"]["valid_loss"]["values"] == [1.0, 0.9, 1.5]
    assert out("compare", "ftjob-one", "--points")[0] == 2


def test_another_metric(server: FaultServer, out: Out, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(LOG)
    found = json.loads(out("compare", str(tmp_path), "--metric", "accuracy", "--json")[1])
    assert found["measure"] == "accuracy"
    assert [run["train"]["best"] for run in found["runs"]] == [0.2, 0.2]
    code, _, told = out("compare", str(tmp_path), "--metric", "bleu")
    assert code == 2
    assert "they tell loss, accuracy" in told


def test_a_provider_that_is_down_holds_up_no_other(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    fill(server)
    (tmp_path / "metrics.csv").write_text(LOG)
    assert out("compare", "ftjob-one", "ftjob-two", "--json")[0] == 0
    server.fault("GET", r".*", "status", times=99, status=503)
    code, printed, told = out("compare", "ftjob-one", str(tmp_path / "metrics.csv"), "--json")
    assert code == 3
    job, log = json.loads(printed)["runs"]
    assert job["trouble"]
    assert job["valid"]["best"] == 0.9, "what the ledger knows is shown all the same"
    assert log["valid"]["best"] == 2.25
    assert "ftjob-one: " in told


def test_a_key_that_is_missing_holds_up_no_other(
    server: FaultServer, out: Out, tmp_path: Path, monkeypatch
) -> None:
    fill(server)
    (tmp_path / "metrics.csv").write_text(LOG)
    assert out("compare", "ftjob-one", "ftjob-two", "--json")[0] == 0
    monkeypatch.delenv("LAB_KEY")
    code, printed, told = out("compare", "ftjob-one", str(tmp_path / "metrics.csv"), "--json")
    assert code == 3
    job, log = json.loads(printed)["runs"]
    assert (job["provider"], log["provider"]) == ("lab", "log")
    assert (job["title"], job["status"], job["step"]) == ("same", "succeeded", 3)
    assert "LAB_KEY is not set" in told


def test_the_runs_of_a_dataset(server: FaultServer, out: Out, file: Path) -> None:
    for _ in range(2):
        code, _, told = out("launch", str(file), "--model", "gpt-4.1-mini", "--yes", "--json")
        assert code == 0, told
    found = json.loads(out("compare", str(file), "--json")[1])["runs"]
    assert len(found) == 2
    assert {run["data"]["file"] for run in found} == {str(file)}
    assert len({run["data"]["sha256"] for run in found}) == 1
