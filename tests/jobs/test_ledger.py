"""The ledger survives several processes, full disks, foreign text and other versions of itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.jobs.faultserver import metrics
from tui.config import Paths
from tui.errors import FileError
from tui.jobs import Event, Job, LaunchState, Ledger, open_ledger, point_of
from tui.jobs.rows import LaunchRow, Owner, provider_of
from tui.jobs.storage import _STEPS, VERSION

ENDPOINT = "lab http://x/v1"


def row(launch_id: str = "one", **fields: object) -> LaunchRow:
    values: dict[str, object] = {
        "id": launch_id,
        "endpoint": ENDPOINT,
        "provider": "lab",
        "file": "/a/train.jsonl",
        "sha256": "ab",
        "model": "micro",
        "state": LaunchState.PLANNED,
        "file_id": None,
        "job_id": None,
        "reason": "",
        "request": {},
        "estimate": {"usd": 1.5},
        "owner": Owner.me(),
        "planned_at": time.time(),
        "creating_at": None,
        "updated_at": time.time(),
        **fields,
    }
    return LaunchRow(**values)  # type: ignore[arg-type]


def event(number: int, **more: object) -> Event:
    made = Event.from_wire(metrics(number, number, **more))
    assert made is not None
    return made


def test_launch_states(ledger: Ledger) -> None:
    assert ledger.plan(row()) is None
    ledger.advance("one", LaunchState.UPLOADED, file_id="file-1")
    ledger.advance("one", LaunchState.CREATING, request={"model": "micro"})
    (found,) = ledger.open_launches(ENDPOINT, "ab", "micro")
    assert (found.state, found.file_id) == (LaunchState.CREATING, "file-1")
    assert found.request == {"model": "micro"}
    assert found.creating_at is not None
    ledger.advance("one", LaunchState.CREATED, job_id="ftjob-1")
    assert ledger.open_launches(ENDPOINT) == []
    assert ledger.launched_jobs(ENDPOINT) == {"ftjob-1"}


def test_an_open_launch_blocks_another(ledger: Ledger) -> None:
    ledger.plan(row())
    other = ledger.plan(row("two"))
    assert other is not None
    assert other.id == "one"
    assert ledger.plan(row("three", sha256="cd")) is None
    assert {found.id for found in ledger.launches()} == {"one", "three"}


def test_a_settled_launch_is_not_opened_again(ledger: Ledger) -> None:
    ledger.plan(row())
    assert ledger.advance("one", LaunchState.REFUSED, reason="taken for dead")
    assert not ledger.advance("one", LaunchState.CREATING)
    assert ledger.launches()[0].state is LaunchState.REFUSED
    assert ledger.advance("one", LaunchState.CREATED, job_id="ftjob-1"), "a job is always kept"
    assert not ledger.advance("one", LaunchState.REFUSED)
    assert ledger.launches()[0].state is LaunchState.CREATED


def test_a_full_disk_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.jobs.storage.disk_is_full", lambda _: True)
    error = sqlite3.OperationalError("disk I/O error")
    opened = Ledger(home / "ledger.db")
    with pytest.raises(FileError, match="the disk is full"), opened._telling():
        raise error
    opened.close()


def test_owner_that_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not Owner(Owner.me().host, child.pid, 0).alive()
    assert Owner.me().alive()
    if sys.platform == "linux":
        assert not Owner(Owner.me().host, os.getpid(), 1).alive(), "the id was used again"
    assert Owner("another-machine", 1, 1).alive()


def test_jobs_with_what_this_machine_knows(ledger: Ledger) -> None:
    ledger.plan(row())
    ledger.advance("one", LaunchState.CREATED, job_id="ftjob-1")
    job = Job.from_wire({"id": "ftjob-1", "status": "running", "created_at": 1_700_000_000}, "lab")
    assert job is not None
    ledger.keep_jobs(ENDPOINT, [job])
    ledger.keep_events(ENDPOINT, "ftjob-1", [event(3)], point_of(event(3)), complete=True)
    found = ledger.job(ENDPOINT, "ftjob-1")
    assert found is not None
    assert found.job == job
    assert found.file == "/a/train.jsonl"
    assert found.estimate == {"usd": 1.5}
    assert found.progress is not None
    assert (found.progress.step, found.progress.values) == (3, {"train_loss": 1.0})
    assert ledger.find_jobs("ftjob") == [(ENDPOINT, "ftjob-1")]
    assert ledger.jobs(ENDPOINT) == [found]


def test_events_once_and_in_the_order_they_came(ledger: Ledger) -> None:
    ledger.keep_events(ENDPOINT, "j", [event(2), event(1)], None, complete=False)
    assert ledger.has_gap(ENDPOINT, "j")
    ledger.keep_events(ENDPOINT, "j", [event(1), event(3)], None, complete=True)
    assert not ledger.has_gap(ENDPOINT, "j")
    assert [found.id for found in ledger.events(ENDPOINT, "j")] == [
        "ftevent-2",
        "ftevent-1",
        "ftevent-3",
    ]


def test_lone_surrogates_and_nan(ledger: Ledger) -> None:
    odd = event(1, message="\ud800 \x1b[31m", data={"step": 1, "train_loss": float("nan")})
    ledger.keep_events(ENDPOINT, "j\udfff", [odd], point_of(odd), complete=True)
    (kept,) = ledger.events(ENDPOINT, "j\udfff".encode("utf-8", "replace").decode())
    assert kept.message == odd.message
    assert repr(kept.data) == repr(odd.data)


def test_uploads(ledger: Ledger) -> None:
    assert ledger.upload_of(ENDPOINT, "ab") is None
    ledger.keep_upload(ENDPOINT, "ab", "file-1", 10)
    ledger.keep_upload(ENDPOINT, "ab", "file-2", 10)
    assert ledger.upload_of(ENDPOINT, "ab") == "file-2"
    assert ledger.upload_of("elsewhere", "ab") is None


def test_two_processes_at_once(ledger: Ledger, paths: Paths) -> None:
    script = """
import sys
from pathlib import Path
from tui.jobs import Event, open_ledger
ledger = open_ledger(Path(sys.argv[1]))
for n in range(60):
    event = Event.from_wire({"id": f"{sys.argv[2]}-{n}", "message": "x"})
    ledger.keep_events("e", "j", [event], None, complete=True)
"""
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(paths.state), name]) for name in "ab"
    ]
    assert [child.wait() for child in children] == [0, 0]
    assert len(ledger.events("e", "j")) == 120


def test_newer_version(paths: Paths, ledger: Ledger) -> None:
    ledger.close()
    db = sqlite3.connect(paths.state / "ledger.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(FileError, match="newer tunedeck"):
        open_ledger(paths.state)


def test_not_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("hello " * 1000)
    with pytest.raises(FileError, match="damaged"):
        open_ledger(tmp_path)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot make the folder"):
        open_ledger(tmp_path / "file" / "state")


def test_full_disk(ledger: Ledger) -> None:
    ledger._db.execute("PRAGMA max_page_count=1")
    with pytest.raises(FileError, match="disk is full") as caught:
        ledger.keep_upload(ENDPOINT, "ab" * 1_000_000, "file-1", 10)
    assert caught.value.exit_code == 2


def test_file_is_private(ledger: Ledger) -> None:
    assert Path(ledger.path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_file_of_every_earlier_version_is_brought_on(tmp_path: Path, version: int) -> None:
    db = sqlite3.connect(tmp_path / "ledger.db")
    for step in _STEPS[:version]:
        db.executescript(step)
    db.execute(
        "INSERT INTO jobs (endpoint, id, created_at, body, seen_at) VALUES (?,?,?,?,?)",
        (ENDPOINT, "ftjob-1", 7, '{"id": "ftjob-1", "status": "running"}', 8.0),
    )
    db.execute(f"PRAGMA user_version={version}")
    db.commit()
    db.close()
    opened = open_ledger(tmp_path)
    found = opened.job(ENDPOINT, "ftjob-1")
    assert found is not None
    assert (found.job.status, found.cancel_asked, found.gone) == ("running", None, False)
    assert opened.plan(row()) is None
    opened.close()
    open_ledger(tmp_path).close()


def test_nothing_is_written_for_what_is_known(ledger: Ledger) -> None:
    jobs = [Job.from_wire({"id": f"j{n}", "status": "running"}, "lab") for n in range(3)]
    known = [job for job in jobs if job is not None]
    ledger.keep_jobs(ENDPOINT, known)
    before = ledger._db.total_changes
    ledger.keep_jobs(ENDPOINT, known)
    ledger.keep_heard(ENDPOINT)
    ledger.keep_heard(ENDPOINT)
    assert ledger._db.total_changes <= before + 1
    assert ledger.heard_at(ENDPOINT) is not None


def test_a_job_is_gone_until_it_is_seen_again(ledger: Ledger) -> None:
    job = Job.from_wire({"id": "j", "status": "running"}, "lab")
    assert job is not None
    ledger.keep_jobs(ENDPOINT, [job])
    ledger.keep_cancel(ENDPOINT, "j")
    ledger.mark_gone(ENDPOINT, "j")
    gone = ledger.job(ENDPOINT, "j")
    assert gone is not None
    assert (gone.gone, gone.cancel_asked) == (True, None)
    ledger.keep_jobs(ENDPOINT, [job])
    back = ledger.job(ENDPOINT, "j")
    assert back is not None
    assert not back.gone


def test_the_further_progress_stays(ledger: Ledger) -> None:
    job = Job.from_wire({"id": "j", "status": "running"}, "lab")
    assert job is not None
    ledger.keep_jobs(ENDPOINT, [job])
    for step in (5, 9, 7):
        ledger.keep_events(ENDPOINT, "j", [], point_of(event(step)), complete=True)
    found = ledger.job(ENDPOINT, "j")
    assert found is not None
    assert found.progress is not None
    assert found.progress.step == 9


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [("local", "local"), ("lab http://x/v1", "lab"), ("my lab https://x/v1", "my lab")],
)
def test_the_name_in_an_endpoint(endpoint: str, name: str) -> None:
    assert provider_of(endpoint) == name
