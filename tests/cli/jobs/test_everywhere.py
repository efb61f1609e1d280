"""Several providers in one command, one of them down; lists longer than any page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.jobs.common import Out, finished
from tests.jobs.faultserver import FaultServer, metrics


@pytest.fixture
def other(home: Path, settings: None) -> Iterator[FaultServer]:
    with FaultServer() as running:
        with (home / "config" / "config.toml").open("a") as config:
            config.write(
                f'[providers.den]\nbase_url = "{running.url}"\napi_key_env = "LAB_KEY"\n'
                '[providers.shut]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "NO_KEY"\n'
            )
        yield running


def test_jobs_of_all_providers(server: FaultServer, other: FaultServer, out: Out) -> None:
    finished(server)
    other.add_job("ftjob-den", status="running", created_at=1_800_000_000)
    code, printed, told = out("jobs", "--all-providers", "--json")
    assert code == 0
    answer = json.loads(printed)
    assert [(job["provider"], job["id"]) for job in answer["jobs"]] == [
        ("den", "ftjob-den"),
        ("lab", "ftjob-one"),
    ]
    errors = {one["provider"]: one["error"] for one in answer["providers"]}
    assert (errors["lab"], errors["den"], errors["local"]) == (None, None, None)
    assert errors["shut"]["code"] == "missing_key"
    assert "NO_KEY" in told
    code, printed, _ = out("jobs", "--all-providers", "--status", "running")
    assert "den" in printed
    assert "ftjob-one" not in printed
    assert out("jobs", "--all-providers", "--provider", "lab")[0] == 2


def test_one_provider_down_is_told_and_the_other_listed(
    server: FaultServer, other: FaultServer, out: Out
) -> None:
    finished(server)
    other.add_job("ftjob-den", status="running")
    out("jobs", "--all-providers")
    other.fault("GET", ".*", "status", times=1000, status=401)
    code, printed, told = out("jobs", "--all-providers")
    assert code == 0
    assert "ftjob-one" in printed
    assert "ftjob-den" in printed, "what this machine knows"
    assert "den: " in told
    assert "shown is what this machine knows" in told
    server.fault("GET", ".*", "status", times=1000, status=401)
    assert out("jobs", "--all-providers", "--json")[0] == 0, "the local one is well"


def test_one_that_does_not_answer_keeps_nobody_waiting_for_long(
    server: FaultServer, other: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(server)
    other.add_job("ftjob-den", status="running")
    assert out("jobs", "--all-providers")[0] == 0, "what is loaded once is loaded"
    monkeypatch.setattr("tui.cli.jobs._SECONDS", 3.0)
    over = threading.Event()
    other.fault("GET", ".*", "drop", times=1000, hook=lambda: bool(over.wait(20)))
    code, printed, told = out("jobs", "--all-providers")
    assert code == 0
    assert "ftjob-one" in printed
    assert "den: it did not answer in time" in told


def test_newest_first_whatever_the_order_of_the_list(server: FaultServer, out: Out) -> None:
    for number, created in enumerate((20, 40, 10, 30)):
        server.add_job(f"ftjob-{number}", created_at=1_700_000_000 + created)
    listed = json.loads(out("jobs", "--json")[1])["jobs"]
    assert [job["id"] for job in listed] == ["ftjob-1", "ftjob-3", "ftjob-0", "ftjob-2"]


def test_what_this_machine_knows_stands_beside_each_job(
    server: FaultServer, out: Out, file: Path
) -> None:
    out("launch", str(file), "--model", "gpt-4.1-mini", "--epochs", "3", "--yes")
    code, printed, _ = out("jobs", "--json")
    (job,) = json.loads(printed)["jobs"]
    assert code == 0
    assert job["file"].endswith("train.jsonl")
    assert job["launch"] == "created"
    assert job["estimate"]["usd"] > 0
    assert "train.jsonl" in out("jobs")[1]
    assert "~$" in out("jobs")[1]


def test_cancel_and_wait_where_each_job_runs(
    server: FaultServer, other: FaultServer, out: Out
) -> None:
    server.add_job("ftjob-one")
    other.add_job("ftjob-den")
    out("jobs", "--all-providers")
    code, printed, _ = out("cancel", "ftjob-one", "ftjob-den", "--yes", "--json")
    assert code == 0
    assert {job["id"] for job in json.loads(printed)["jobs"]} == {"ftjob-one", "ftjob-den"}
    assert server.jobs[0]["status"] == other.jobs[0]["status"] == "cancelled"
    assert out("wait", "ftjob-one", "ftjob-den") == (1, "", "")
    other.jobs[0]["status"] = server.jobs[0]["status"] = "succeeded"
    assert out("wait", "ftjob-one", "ftjob-den") == (0, "", "")


def test_cancel_all_goes_to_the_end_of_the_list(server: FaultServer, out: Out) -> None:
    for number in range(1_150):
        server.add_job(f"ftjob-{number:05}", status="succeeded")
    server.jobs[0]["status"] = server.jobs[40]["status"] = "running"
    code, printed, _ = out("cancel", "--all", "--yes", "--json")
    assert code == 0
    assert {job["id"] for job in json.loads(printed)["jobs"]} == {"ftjob-00000", "ftjob-00040"}
    assert [job["id"] for job in json.loads(out("jobs", "--json", "--limit", "1150")[1])["jobs"]][
        -1
    ] == "ftjob-00000"


@pytest.mark.parametrize("status", ["running", "succeeded"])
def test_a_list_without_end_is_left(server: FaultServer, out: Out, status: str) -> None:
    server.add_job("ftjob-one", status=status)
    server.ignore_after = True
    assert out("cancel", "--all", "--yes")[0] == 0
    assert server.count("GET", "/v1/fine_tuning/jobs") <= 3


def test_a_bound_that_was_reached_is_told(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.places.MOST_PAGES", 2)
    for number in range(250):
        server.add_job(f"ftjob-{number:05}", status="running" if number > 248 else "succeeded")
    code, _, told = out("cancel", "--all", "--yes")
    assert code == 0
    assert "more jobs than can be looked through" in told


def test_the_question_says_what_it_costs(
    server: FaultServer, out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out("launch", str(file), "--model", "gpt-4.1-mini", "--epochs", "3", "--yes")
    job = server.jobs[0]
    job["status"] = "running"
    server.events[job["id"]] = [metrics(1, 15, total=30)]
    monkeypatch.setattr("tui.cli.cancels.is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: "")
    code, printed, told = out("cancel", job["id"])
    assert code == 4
    assert "15 of 30 steps, about $" in printed
    assert "may bill" in printed
    assert "[y/N]" in told
    assert job["status"] == "running"


def test_read_only_is_told_before_anything_is_asked(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_job("ftjob-one")
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    for words in (("cancel", "ftjob-one"), ("cancel", "--all"), ("pause", "ftjob-one")):
        code, printed, told = out(*words, "--json")
        assert code == 4
        assert json.loads(printed)["error"]["code"] == "read_only"
        assert "read-only" in told
    assert not server.seen


def test_a_cancel_that_is_not_confirmed_is_told_and_remembered(
    server: FaultServer, out: Out
) -> None:
    server.add_job("ftjob-one")
    server.on_cancel = lambda job: None
    code, _, told = out("cancel", "ftjob-one", "--yes", "--timeout", "0.5s")
    assert code == 3
    assert "does not confirm it yet" in told
    assert "cancelling" in out("jobs")[1]
    (job,) = json.loads(out("jobs", "--json")[1])["jobs"]
    assert job["status"] == "running"
    assert job["cancel_asked_at"] > 0
