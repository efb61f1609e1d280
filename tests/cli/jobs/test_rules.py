"""Stop rules on the command line: said before, acted on, logged after; never a cancel unasked."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.jobs.common import Out, launch, lines
from tests.jobs.faultserver import FaultServer, metrics
from tui.jobs import open_ledger


def running(server: FaultServer, *losses: float) -> None:
    server.add_job(status="running", created_at=int(time.time()))
    server.events["ftjob-one"] = [
        metrics(
            n,
            n,
            data={"step": n, "total_steps": 30, "train_loss": loss},
            created_at=int(time.time()),
        )
        for n, loss in enumerate(losses, 1)
    ]


def ends_by_itself(server: FaultServer, after: int = 3) -> None:
    looks = 0

    def look(job: dict[str, Any]) -> None:
        nonlocal looks
        looks += 1
        if looks > after and job["status"] == "running":
            job["status"] = "succeeded"

    server.on_retrieve = look


def cancels(server: FaultServer) -> int:
    return server.count("POST", r".*/cancel")


def test_a_rule_that_says_cancel_cancels_and_it_is_kept(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 2.0, 9.0)
    code, printed, told = out(
        "watch", "ftjob-one", "--json", "--stop-if", "train_loss > 8 then cancel"
    )
    assert code == 1
    assert "Once train_loss is over 8.0000, the run is cancelled." in told
    got = lines(printed)
    assert got[-1]["status"] == "cancelled"
    rule = next(line for line in got if line["kind"] == "stop_rule")
    assert rule["rule"] == "train_loss > 8"
    assert rule["action"] == "cancel"
    assert cancels(server) == 1
    again = lines(out("watch", "ftjob-one", "--json")[1])
    assert any("Stop rule 'train_loss > 8'" in line.get("message", "") for line in again)


def test_what_rules_do_is_said_before_the_question(
    out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.launch.is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: "n")
    rule = ("--watch", "--stop-if", "cost > 20 then cancel")
    code, _, told = launch(out, file, *rule)
    assert code == 4
    assert 0 < told.index("Once cost is over $20.00, the run is cancelled.") < told.index("[y/N]")


def test_a_launch_that_is_watched_in_words(
    server: FaultServer, out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    server.on_retrieve = lambda job: job.update(status="succeeded")
    words = ("--yes", "--watch", "--plain", "--words")
    code, printed, _ = launch(out, file, *words, "--stop-if", "time > 9d")
    assert code == 0
    assert "succeeded" in printed


def test_a_rule_that_does_not_say_so_never_cancels(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 2.0, 9.0)
    ends_by_itself(server)
    code, printed, told = out("watch", "ftjob-one", "--plain", "--stop-if", "train_loss > 8")
    assert code == 0
    assert "you are told" in told
    assert "train_loss > 8: train_loss is 9.0000" in printed
    assert printed.count("rule     ") == 1
    assert not {"\a", "\x1b"} & {*printed, *told}, "nobody rings in a file"
    assert cancels(server) == 0


def test_then_is_for_the_rules_that_do_not_say(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 9.0)
    code, _, _ = out(
        "watch", "ftjob-one", "--json", "--stop-if", "train_loss > 8", "--then", "cancel"
    )
    assert code == 1
    assert cancels(server) == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("--stop-if", "nonsense"),
        ("--then", "cancel"),
        ("--stop-if", "loss > 1", "--then", "explode"),
    ],
)
def test_what_is_no_rule_is_refused_before_anything(
    server: FaultServer, out: Out, argv: tuple[str, ...]
) -> None:
    running(server, 1.0)
    code, printed, _ = out("watch", "ftjob-one", "--json", *argv)
    assert code == 2
    assert json.loads(printed)["error"]["hint"]
    assert server.count("GET", ".*") == 0


def test_a_cancel_that_fails_is_said_and_tried_again(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.run.stop_cancel._AGAIN", 0.02)
    monkeypatch.setattr("tui.jobs.cancel._TRIES", 1)
    running(server, 3.0, 9.0)
    server.fault("POST", r".*/cancel", "status", times=3, status=503)
    code, printed, told = out(
        "watch", "ftjob-one", "--json", "--stop-if", "train_loss > 8 then cancel"
    )
    assert code == 1
    assert "not cancelled yet" in told
    assert cancels(server) > 3
    got = [line for line in lines(printed) if line["kind"] == "stop_rule"]
    assert [line["done"] for line in got] == [False, True]
    assert got[-1]["message"].endswith("the run is cancelled")


def test_a_cancel_that_is_refused_is_said(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 9.0)
    ends_by_itself(server, 6)
    server.fault("POST", r".*/cancel", "status", times=99, status=403)
    code, printed, _ = out(
        "watch", "ftjob-one", "--json", "--stop-if", "train_loss > 8 then cancel"
    )
    assert code == 0
    assert "could not be cancelled" in printed


def test_nothing_is_promised_where_nothing_may_be_changed(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    running(server, 3.0, 9.0)
    rule = ("--stop-if", "train_loss > 8 then cancel")
    for more in (("--json",), ("--once", "--json")):
        code, printed, _ = out("watch", "ftjob-one", *more, *rule)
        assert code == 4
        assert json.loads(printed)["error"]["code"] == "read_only"
    assert cancels(server) == 0


def test_rules_hold_again_after_a_restart_until_they_are_taken_away(
    server: FaultServer, out: Out
) -> None:
    running(server, 3.0)
    watch = ("watch", "ftjob-one", "--plain", "--words")
    server.on_events = lambda *_: server.fault("GET", ".*", "drop", times=99)
    rule = ("--stop-if", "train_loss > 8 then cancel")
    assert out(*watch, "--timeout", "0.1", *rule)[0] == 3, "the line went dead"
    server.faults.clear()
    server.on_events = lambda *_: None
    running(server, 3.0, 9.0)
    del server.jobs[0]
    code, _, told = out(*watch)
    assert code == 1
    assert "stop rules from before" in told
    assert "Once train_loss is over 8.0000, the run is cancelled." in told
    assert cancels(server) == 1


def test_rules_are_taken_away(server: FaultServer, out: Out, home: Path) -> None:
    running(server, 3.0, 9.0)
    out("watch", "ftjob-one", "--once")
    ledger = open_ledger(home / "state")
    ((endpoint, job_id),) = ledger.find_jobs("ftjob-one")
    ledger.keep_rules(endpoint, job_id, ["train_loss > 8 then cancel"])
    ends_by_itself(server)
    code, _, told = out("watch", "ftjob-one", "--json", "--stop-if", "none")
    assert code == 0
    assert "stop rule" not in told
    assert ledger.kept_rules(endpoint, job_id) == []
    ledger.close()


def test_rules_of_the_settings_hold_for_jobs_that_are_given_none(
    server: FaultServer, out: Out, home: Path
) -> None:
    config = home / "config" / "config.toml"
    rules = 'stop_if = ["train_loss > 8 then cancel; step > 90", "make it so"]\n'
    config.write_text(rules + config.read_text())
    running(server, 3.0, 9.0)
    ends_by_itself(server)
    watch = ("watch", "ftjob-one", "--json")
    assert "stop rules of the settings" not in out(*watch, "--once", "--stop-if", "step > 99")[2]
    code, _, told = out(*watch, "--stop-if", "none")
    assert code == 0
    assert "stop rule" not in told
    server.add_job("ftjob-two", status="running", created_at=int(time.time()))
    server.events["ftjob-two"] = server.events["ftjob-one"]
    server.on_retrieve = lambda job: None
    code, _, told = out("watch", "ftjob-two", "--json")
    assert code == 1
    assert "stop rules of the settings" in told
    assert "'make it so' is not a stop rule" in told
    assert cancels(server) == 1


def test_settings_that_are_no_rules(out: Out, home: Path) -> None:
    config = home / "config" / "config.toml"
    config.write_text("stop_if = 3\n" + config.read_text())
    code, _, told = out("watch", "ftjob-one", "--json")
    assert code == 2
    assert "stop_if must be a list" in told


def test_a_command_is_run_once_whoever_watches(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    running(server, 3.0, 9.0)
    ends_by_itself(server)
    ran = tmp_path / "ran"
    rule = ("--stop-if", f"train_loss > 8 then shell echo $TUNEDECK_RUN >> {ran}; exit 3")
    code, printed, _ = out("watch", "ftjob-one", "--json", *rule)
    assert code == 0
    assert "failed with exit code 3" in printed
    server.jobs[0]["status"] = "running"
    ends_by_itself(server)
    _, printed, told = out("watch", "ftjob-one", "--json", *rule)
    assert "not run again" in told
    assert ran.read_text() == "ftjob-one\n"


def test_a_command_that_hangs_holds_nobody_up(
    server: FaultServer, out: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.guard._SETTLE", 0.2)
    running(server, 3.0, 9.0)
    ends_by_itself(server)
    pid = tmp_path / "pid"
    rule = ("--stop-if", f"train_loss > 8 then shell echo $$ > {pid}; exec sleep 600")
    code, printed, told = out("watch", "ftjob-one", "--json", *rule)
    assert code == 0
    assert lines(printed)[-1]["kind"] == "end"
    assert "still runs and is left alone" in told
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_that_rules_hold_no_longer_is_said(server: FaultServer, out: Out) -> None:
    running(server, 3.0)
    server.on_events = lambda *_: server.fault("GET", ".*", "drop", times=99)
    watch = ("watch", "ftjob-one", "--json", "--timeout", "0.1")
    assert "stop rules hold no longer" in out(*watch, "--stop-if", "train_loss > 8")[2]


def test_a_terminal_that_cannot_draw_gets_lines(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    running(server, 3.0)
    ends_by_itself(server)
    code, printed, _ = out("watch", "ftjob-one", "--words")
    assert code == 0
    assert "train_loss 3" in printed


def test_a_cost_that_nobody_knows_is_said(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 2.0)
    ends_by_itself(server)
    _, _, told = out("watch", "ftjob-one", "--json", "--stop-if", "cost > 20 then cancel")
    assert "what the run costs is not known here, so this cannot come true" in told


def test_once_judges_rules_and_its_exit_code_tells(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 9.0)
    once = ("watch", "ftjob-one", "--once")
    assert out(*once)[0] == 0
    assert out(*once, "--stop-if", "train_loss > 10")[0] == 0
    code, printed, _ = out(*once, "--words", "--stop-if", "train_loss > 8")
    assert code == 1
    assert "train_loss is 9.0000" in printed
    assert "┤" not in printed
    code, printed, _ = out(*once, "--json", "--stop-if", "train_loss > 8 then cancel")
    assert code == 1
    assert cancels(server) == 1
    assert {line["kind"] for line in lines(printed)} == {"status", "metrics", "stop_rule"}
    assert out(*once)[0] == 1, "a cancelled run is not well"


def test_plain_ends_with_the_course_in_words(server: FaultServer, out: Out) -> None:
    running(server, 3.0, 2.0, 1.0)
    ends_by_itself(server)
    _, printed, _ = out("watch", "ftjob-one", "--plain", "--no-plot")
    assert "train_loss fell from 3.0000 to 1.0000 over 2 steps" in printed
    assert "┤" not in printed
    _, printed, _ = out("watch", "ftjob-one", "--once", "--plain")
    assert "train_loss fell from 3.0000" in printed


def test_jobs_and_logs_side_by_side(server: FaultServer, out: Out, tmp_path: Path) -> None:
    running(server, 3.0, 2.0, 1.0)
    log = tmp_path / "metrics.csv"
    log.write_text("step,loss,val_loss\n1,3,3\n2,2.5,2.25\n")
    code, printed, _ = out("compare", "lab/ftjob-one", str(log), "--json")
    assert code == 0
    found = json.loads(printed)["runs"]
    assert [(run["provider"], run["step"]) for run in found] == [("lab", 3), ("log", 2)]
    assert found[1]["valid"]["best"] == 2.25
    code, printed, _ = out("compare", "ftjob-one", str(log), "--plain")
    assert code == 0
    assert "2.2500 @2" in printed
    assert "train_loss fell from 3.0000" in printed
    assert out("compare", str(tmp_path / "missing.csv"))[0] == 2
