"""What comes of a job: results, models."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.jobs.common import Out
from tests.jobs.faultserver import FaultServer


def test_results(server: FaultServer, out: Out, tmp_path: Path) -> None:
    server.contents["file-r"] = b"c3RlcCx0cmFpbl9sb3NzCjEsMi41CjIsMS41Cg=="
    server.add_job(status="succeeded", result_files=["file-r"])
    code, printed, _ = out("results", "ftjob-one", "--json")
    assert code == 0
    assert json.loads(printed)["rows"] == [
        {"step": 1.0, "train_loss": 2.5},
        {"step": 2.0, "train_loss": 1.5},
    ]
    target = tmp_path / "out.csv"
    assert out("results", "ftjob-one", "-o", str(target))[0] == 0
    assert target.read_text() == "step,train_loss\n1,2.5\n2,1.5\n"
    assert "train_loss 1.5" in out("results", "ftjob-one", "--plot")[1]
    assert "train_loss fell from" in out("results", "ftjob-one", "--plot")[1]
    words = out("results", "ftjob-one", "--words")[1]
    assert "train_loss fell from" in words
    assert words.isascii()
    assert "2.5" in out("results", "ftjob-one")[1]
    assert out("results", "ftjob-one", "-o", str(tmp_path / "no" / "x.csv"))[0] == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_results_replace_no_device_and_keep_a_link(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    server.contents["file-r"] = b"step,train_loss\n1,2.5\n"
    server.add_job(status="succeeded", result_files=["file-r"])
    pipe, link, real = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "real.csv"
    os.mkfifo(pipe)
    link.symlink_to(real)
    code, _, told = out("results", "ftjob-one", "-o", str(pipe))
    assert code == 2
    assert "device or a pipe" in told
    assert pipe.is_fifo()
    assert out("results", "ftjob-one", "-o", str(link))[0] == 0
    assert link.is_symlink()
    assert real.read_text() == "step,train_loss\n1,2.5\n"


def test_results_of_a_job_without(server: FaultServer, out: Out) -> None:
    server.add_job()
    code, _, told = out("results", "ftjob-one")
    assert code == 3
    assert "has not ended" in told


def test_models(server: FaultServer, out: Out) -> None:
    server.models = [
        {"id": "ft:gpt-4.1-mini-2025-04-14:org::1"},
        {"id": "gpt-4.1-mini-2025-04-14", "shutdown_date": "2999-01-14"},
        {"id": "something-else"},
    ]
    code, printed, _ = out("models", "--json")
    assert code == 0
    got = json.loads(printed)["models"]
    assert (got[0]["id"], got[0]["shutdown_date"]) == ("gpt-4.1-mini-2025-04-14", "2999-01-14")
    assert [model["tuned"] for model in got] == [False, True, False]
    assert "2999-01-14" in out("models")[1]


def test_delete_model(server: FaultServer, out: Out) -> None:
    server.models = [{"id": "ft:micro:local::1"}]
    assert out("delete-model", "ft:micro:local::1")[0] == 4
    assert server.models
    assert out("delete-model", "ft:micro:local::1", "--yes")[0] == 0
    assert not server.models
