"""Watch and wait, as scripts use them."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.jobs.common import Out, finished, lines
from tests.jobs.faultserver import FaultServer, metrics


def test_watch_json(server: FaultServer, out: Out) -> None:
    finished(server, fine_tuned_model="ft:micro", trained_tokens=60)
    code, printed, _ = out("watch", "ftjob-one", "--json")
    assert code == 0
    got = lines(printed)
    assert [line["kind"] for line in got] == ["event", *["metrics"] * 5, "event", "status", "end"]
    assert got[0] == {
        "kind": "event",
        "id": "ftevent-1",
        "created_at": 1_700_000_001,
        "level": "info",
        "message": "Created",
    }
    assert got[1] == {
        "kind": "metrics",
        "id": "ftevent-2",
        "created_at": 1_700_000_002,
        "step": 1,
        "total_steps": 30,
        "values": {"train_loss": 3.0},
    }
    assert got[-1] == {
        "kind": "end",
        "status": "succeeded",
        "fine_tuned_model": "ft:micro",
        "trained_tokens": 60,
        "error": None,
    }


def test_nan_is_null(server: FaultServer, out: Out) -> None:
    server.add_job(status="succeeded")
    server.events["ftjob-one"] = [
        metrics(1, 1, data={"step": 1, "train_loss": float("nan"), "s": {"v": float("inf")}})
    ]
    _, printed, _ = out("watch", "ftjob-one", "--json")
    assert "NaN" not in printed
    assert lines(printed)[0]["values"] == {"train_loss": None, "s.v": None}


def test_watch_plain_is_clean_and_failure_is_told(server: FaultServer, out: Out) -> None:
    finished(server, "failed", error={"code": "bad", "message": "the \x1b]0;file\x07 is bad"})
    code, printed, _ = out("watch", "ftjob-one", "--plain")
    assert code == 1
    assert "\x1b" not in printed
    assert "3/30" in printed
    assert "is bad" in printed


def test_watch_by_beginning_and_last(server: FaultServer, out: Out) -> None:
    finished(server)
    server.add_job("ftjob-other", status="succeeded")
    assert out("watch", "ftjob-on", "--json")[0] == 0
    assert out("watch", "one", "--json")[0] == 0
    assert out("watch", "ftjob-o", "--json")[0] == 0, "the ledger knows one such job"
    out("jobs")
    assert out("watch", "ftjob-o", "--json")[0] == 2, "now it knows two"
    code, printed, _ = out("watch", "last", "--json")
    assert code == 0
    assert lines(printed)[-1]["kind"] == "end"


def test_watch_of_no_such_job(out: Out) -> None:
    code, printed, _ = out("watch", "ftjob-none", "--json")
    assert code == 3
    assert json.loads(printed)["error"]["code"] == "not_found"


def test_a_job_misspelt(server: FaultServer, out: Out) -> None:
    finished(server)
    for typed, meant in (("ftjob-onf", "ftjob-one"), ("latest", "last")):
        code, _, told = out("watch", typed, "--plain")
        assert code == 3
        assert f"did you mean {meant!r}?" in told


def test_watch_gives_up_after_the_timeout(server: FaultServer, out: Out) -> None:
    server.add_job()
    looks = 0

    def down(_job: dict[str, Any]) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            server.fault("GET", ".*", "status", times=100_000, status=503)

    server.on_retrieve = down
    code, _, told = out("watch", "ftjob-one", "--json", "--timeout", "0.3")
    assert code == 3
    assert "trying again" in told
    assert "gave up" in told


def test_watch_begins_while_the_provider_is_away(server: FaultServer, out: Out) -> None:
    server.add_job("ftjob-one", status="succeeded", fine_tuned_model="ft:m")
    server.fault("GET", ".*", "status", times=8, status=503)
    code, printed, told = out("watch", "ftjob-one", "--json")
    assert code == 0, told
    assert json.loads(printed.splitlines()[-1])["status"] == "succeeded"


def test_watch_once(server: FaultServer, out: Out) -> None:
    finished(server, "running")
    code, printed, _ = out("watch", "ftjob-one", "--once")
    assert code == 0
    assert "running" in printed
    assert "train_loss 0.6" in printed


def test_wait(server: FaultServer, out: Out) -> None:
    finished(server)
    server.add_job("ftjob-two", status="failed")
    assert out("wait", "ftjob-one") == (0, "", "")
    assert out("wait", "ftjob-one", "ftjob-two") == (1, "", "")
    server.fault("GET", ".*", "status", times=100_000, status=503)
    assert out("wait", "ftjob-one", "--timeout", "0.1s")[0] == 3


def test_wait_begins_while_the_provider_is_away(server: FaultServer, out: Out) -> None:
    finished(server)
    server.fault("GET", ".*", "status", times=8, status=503)
    code, printed, told = out("wait", "ftjob-one", "--timeout", "30s")
    assert (code, printed) == (0, "")
    assert told.count("(trying again)") == 1


def test_wait_for_many_asks_for_the_list(server: FaultServer, out: Out) -> None:
    names = [f"ftjob-{n}" for n in range(8)]
    for name in names:
        server.add_job(name, status="running")

    def over(_job: dict[str, Any]) -> None:
        for job in server.jobs:
            job["status"] = "succeeded"

    assert out("jobs")[0] == 0
    server.on_list = over
    server.seen.clear()
    assert out("wait", *names) == (0, "", "")
    assert server.count("GET", r"/v1/fine_tuning/jobs/.*") == 0


def test_several_jobs_at_once_name_their_job_in_every_line(server: FaultServer, out: Out) -> None:
    finished(server)
    server.add_job("ftjob-two", status="failed")
    jobs = ("ftjob-one", "ftjob-two")
    code, printed, _ = out("watch", *jobs, "--json")
    assert code == 1, "one of them failed"
    got = lines(printed)
    assert {line["run"] for line in got} == set(jobs)
    assert [line["status"] for line in got if line["kind"] == "end"] in (
        ["succeeded", "failed"],
        ["failed", "succeeded"],
    )
    code, printed, _ = out("watch", *jobs, "--plain")
    assert code == 1
    assert all(line.startswith("ftjob-") for line in printed.splitlines())
    code, printed, _ = out("watch", *jobs, "--once", "--json")
    assert code == 1
    assert [line["run"] for line in lines(printed) if line["kind"] == "status"] == list(jobs)
    assert out("watch", "ftjob-one", "ftjob-one", "--once")[0] == 0
