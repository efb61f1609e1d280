"""Cancel, pause and resume, as scripts use them."""

from __future__ import annotations

import json

from tests.cli.jobs.common import Out
from tests.jobs.faultserver import FaultServer


def test_cancel(server: FaultServer, out: Out) -> None:
    server.add_job()
    code, _, told = out("cancel", "ftjob-one")
    assert code == 4
    assert "--yes" in told
    code, printed, _ = out("cancel", "ftjob-one", "--yes", "--json")
    assert code == 0
    assert json.loads(printed)["jobs"] == [
        {"id": "ftjob-one", "status": "cancelled", "was_over": False, "confirmed": True}
    ]
    code, printed, _ = out("cancel", "ftjob-one", "--yes")
    assert code == 0
    assert "had ended before" in printed


def test_cancel_all(server: FaultServer, out: Out) -> None:
    for name in ("a", "b", "c"):
        server.add_job(f"ftjob-{name}", status="running")
    server.add_job("ftjob-d", status="succeeded")
    assert out("cancel", "--all", "--yes")[0] == 0
    assert [job["status"] for job in server.jobs] == [*["cancelled"] * 3, "succeeded"]
    assert out("cancel", "--all", "--yes")[1] == "No job is running.\n"
    assert out("cancel")[0] == 2
    assert out("cancel", "ftjob-a", "--all")[0] == 2


def test_pause_where_the_provider_can(server: FaultServer, out: Out) -> None:
    server.add_job()
    assert out("pause", "ftjob-one")[1] == "ftjob-one  paused\n"
    code, _, told = out("resume", "ftjob-one")
    assert code == 3
    assert "cannot resume" in told
