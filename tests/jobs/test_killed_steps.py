"""The real program, killed at every single step of a launch and started again.

Whatever the step, starting again ends with one job at the provider, and one that the ledger knows:
never two, never a lost one. What the next start says is checked too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.jobs.faultserver import KEY, FaultServer
from tui.jobs import LaunchState, Ledger, open_ledger

CREATE = r"/v1/fine_tuning/jobs"
KILLED = -9
# After these there is something on a disk, here or there, that was not before.
LASTING = ("hashed", "written", "answered", "piece")
# A launch is killed about a hundred times in here; in shares, workers can take them side by side.
SHARES = 4

pytestmark = pytest.mark.slow


class Program:
    """The program, as often as wanted, each time with a home and a server of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        self.parts = False
        self.turn = 0
        self.file = folder / "train.jsonl"
        self.file.write_text(
            "".join(
                json.dumps(
                    {
                        "messages": [
                            {"role": "user", "content": f"What is {n}?"},
                            {"role": "assistant", "content": f"A number, {n}."},
                        ]
                    }
                )
                + "\n"
                for n in range(10)
            )
        )

    def fresh(self, server: FaultServer) -> None:
        """Begin anew, with nothing known here or there."""
        self.turn += 1
        self.home = self.folder / f"home-{self.turn}"
        (self.home / "config").mkdir(parents=True)
        (self.home / "config" / "config.toml").write_text(
            f'default_provider = "lab"\n[providers.lab]\nbase_url = "{server.url}"\n'
            'api_key_env = "LAB_KEY"\n'
        )
        self.server = server
        server.jobs.clear()
        server.files.clear()
        server.uploads.clear()
        server.seen.clear()

    def run(self, *argv: str, kill_at: int = 0) -> dict[str, Any]:
        """Run one command to its end, or to the step it is killed at."""
        command = {
            "argv": argv,
            "env": {"TUNEDECK_HOME": str(self.home), "LAB_KEY": KEY},
            "kill_at": kill_at,
            "parts": self.parts,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        done: dict[str, Any] = json.loads(self.process.stdout.readline())
        return done

    def launch(self, kill_at: int = 0) -> dict[str, Any]:
        words = ("launch", str(self.file), "--model", "gpt-4.1-mini", "--yes", "--force", "--json")
        return self.run(*words, kill_at=kill_at)

    def ledger(self) -> Ledger:
        return open_ledger(self.home / "state")


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.killer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "TUNEDECK_HOME"},
    )
    yield Program(tmp_path_factory.mktemp("killed"), process)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


@pytest.fixture(params=[False, True], ids=["whole", "parts"])
def steps(request: pytest.FixtureRequest, program: Program, server: FaultServer) -> list[str]:
    """The steps of a launch that nothing disturbs."""
    program.parts = request.param
    program.fresh(server)
    done = program.launch()
    assert done["code"] == 0, done["err"]
    for name in ("hash", "write", "commit", "written", "request", "answered"):
        assert name in done["steps"], "the program passes by here"
    assert len(done["steps"]) > 20
    if request.param:
        assert server.count("POST", r"/v1/uploads/.*/parts") > 2
    else:
        assert "piece" in done["steps"]
    return list(done["steps"])


def settled(program: Program, where: str) -> None:
    """One job at the provider, and the ledger knows it and nothing that is open."""
    ids = [job["id"] for job in program.server.jobs]
    assert len(ids) == 1, where
    ledger = program.ledger()
    try:
        made = [row for row in ledger.launches() if row.state is LaunchState.CREATED]
        assert [row.job_id for row in made] == ids, where
        assert not ledger.interrupted(), where
        assert all(not ledger.open_launches(row.endpoint) for row in made), where
    finally:
        ledger.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_started_again_the_same_way(
    program: Program, server: FaultServer, steps: list[str], share: int
) -> None:
    for number, name in list(enumerate(steps, 1))[share::SHARES]:
        if program.parts and name not in LASTING:
            continue
        where = f"killed at step {number} of {len(steps)}, {name}"
        program.fresh(server)
        done = program.launch(kill_at=number)
        assert done["code"] == KILLED, f"{where}: {done}"
        done = program.launch()
        if number == len(steps) and len(server.jobs) == 2:
            continue  # It had told of its job and written that it had: this is another launch.
        assert done["code"] == 0, f"{where}: {done['err']}"
        (printed,) = [json.loads(line) for line in done["out"].splitlines()]
        assert printed["job"]["id"] == server.jobs[0]["id"], where
        assert server.count("POST", CREATE) == 1, where
        settled(program, where)


def test_the_next_start_says_where_it_stands_and_resume_finishes_it(
    program: Program, server: FaultServer, steps: list[str]
) -> None:
    said: set[str] = set()
    lasting = [(number, name) for number, name in enumerate(steps, 1) if name in LASTING]
    # In parts it goes the same way many times over.
    for number, name in lasting[:: 2 if program.parts else 1]:
        where = f"killed at step {number} of {len(steps)}, {name}"
        program.fresh(server)
        assert program.launch(kill_at=number)["code"] == KILLED, where
        done = program.run("jobs", "--json")
        assert done["code"] == 0, f"{where}: {done['err']}"
        known = json.loads(done["out"])
        # A request may still be on its way for a moment after the kill.
        if known["launches"]:
            (one,) = known["launches"]
            assert not known["jobs"], where
            assert "train.jsonl for gpt-4.1-mini" in one["stands"], where
            assert "launch --resume" in one["next"], where
            said.add(one["state"])
            done = program.run("launch", "--resume", "--yes", "--json")
            assert done["code"] == 0, f"{where}: {done['err']}"
        elif not known["jobs"]:
            # It was killed before it had begun: nothing was sent, and nothing is left.
            assert server.count("POST", ".*") == 0, where
            assert program.launch()["code"] == 0, where
        settled(program, where)
    assert "interrupted" in said


@pytest.mark.parametrize("number", [0.4, 0.5, 0.6])
def test_clear_drops_what_was_interrupted(
    program: Program, server: FaultServer, steps: list[str], number: float
) -> None:
    program.fresh(server)
    program.launch(kill_at=int(number * len(steps)))
    done = program.run("jobs", "--json")
    assert json.loads(done["out"])["launches"], done
    for _ in range(20):
        done = program.run("launch", "--clear")
        if done["code"] != 4:
            break  # It is not sure at once that a request has made no job.
    assert done["code"] == 0, done["err"]
    assert "no job was made" in done["out"]
    assert not server.jobs
    assert json.loads(program.run("jobs", "--json")["out"])["launches"] == []
    assert not server.uploads
    assert program.launch()["code"] == 0
    settled(program, f"cleared after a kill at {number}")


def test_a_large_upload_goes_on_where_it_stopped(program: Program, server: FaultServer) -> None:
    program.parts = True
    program.fresh(server)
    done = program.launch()
    whole = server.count("POST", r"/v1/uploads/.*/parts")
    requests = [n for n, name in enumerate(done["steps"], 1) if name == "answered"]
    # The models, the beginning of the upload, then a part each.
    program.fresh(server)
    program.launch(kill_at=requests[4])
    sent = server.count("POST", r"/v1/uploads/.*/parts")
    assert 0 < sent < whole
    done = program.launch()
    assert done["code"] == 0, done["err"]
    assert "going on with the upload" in done["err"]
    # The part whose answer was not written down went twice.
    assert server.count("POST", r"/v1/uploads/.*/parts") == whole + 1
    (file,) = server.files.values()
    assert file == program.file.read_bytes()
    settled(program, "resumed")
