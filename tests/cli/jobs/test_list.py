"""The list of jobs, as scripts use it."""

from __future__ import annotations

import json

from tests.cli.jobs.common import Out, finished
from tests.jobs.faultserver import FaultServer


def test_jobs(server: FaultServer, out: Out) -> None:
    finished(server)
    server.add_job("ftjob-two", status="running", error=None, metadata=None)
    out("watch", "ftjob-one", "--json")
    code, printed, _ = out("jobs", "--json")
    assert code == 0
    got = {job["id"]: job for job in json.loads(printed)["jobs"]}
    assert list(got) == ["ftjob-two", "ftjob-one"]
    assert (got["ftjob-one"]["step"], got["ftjob-one"]["total_steps"]) == (5, 30)
    assert got["ftjob-two"]["error"] is None
    printed = out("jobs")[1]
    assert "5/30" in printed
    printed = out("jobs", "--status", "running", "--json")[1]
    assert [job["id"] for job in json.loads(printed)["jobs"]] == ["ftjob-two"]


def test_jobs_of_a_provider_that_is_not_there(server: FaultServer, out: Out) -> None:
    server.httpd.server_close()
    server.httpd.shutdown()
    code, printed, told = out("jobs", "--json")
    assert code == 3
    assert json.loads(printed)["error"]["code"] == "connection_refused"
    assert server.url.split("/")[2] in told


def test_no_job_has_this_status(server: FaultServer, out: Out) -> None:
    server.add_job()
    assert out("jobs", "--status", "paused")[1] == "No job is paused.\n"


def test_a_status_that_there_is_not_is_no_empty_list(server: FaultServer, out: Out) -> None:
    server.add_job("ftjob-own", status="warming_up")
    for more in ((), ("--json",), ("--all-providers",)):
        code, _, told = out("jobs", "--status", "succeded", *more)
        assert code == 2
        assert "succeeded" in told
    assert out("jobs", "--status", "warming_up")[0] == 0
