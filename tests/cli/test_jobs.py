"""The commands about jobs, as scripts use them, against a server that misbehaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.faultserver import KEY, FaultServer, message, metrics
from tui.cli import run

CREATE = r"/v1/fine_tuning/jobs"

Out = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(autouse=True)
def settings(home: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'default_provider = "lab"\n[providers.lab]\n'
        f'base_url = "{server.url}"\napi_key_env = "LAB_KEY"\n'
    )
    (config / "prices.toml").write_text('[lab.models]\n"gpt-4.1-mini" = { training = 4.0 }\n')
    monkeypatch.setenv("LAB_KEY", KEY)
    monkeypatch.setattr("tui.jobs.watcher._FAST_NEARBY", 0.02)
    monkeypatch.setattr("tui.jobs.watcher._MAX_BACKOFF", 0.05)
    monkeypatch.setattr("tui.jobs.wire.BACKOFF", 0.01)
    monkeypatch.setattr("tui.jobs.launcher._LOOK_SECONDS", 1.0)
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 0.3)


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Out:
    def call(*argv: str) -> tuple[int, str, str]:
        code = run(list(argv))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"Question {n}"},
                {"role": "assistant", "content": f"Answer {n}"},
            ]
        }
        for n in range(10)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def launch(out: Out, file: Path, *more: str) -> tuple[int, str, str]:
    return out("launch", str(file), "--model", "gpt-4.1-mini", "--epochs", "3", *more)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- launch -------------------------------------------------------------------------------------


def test_launch(server: FaultServer, out: Out, file: Path) -> None:
    code, printed, _ = launch(
        out, file, "--yes", "--json", "--suffix", "s", "--seed", "7", "--metadata", "team=a"
    )
    assert code == 0
    answer = json.loads(printed)
    assert answer["job"] == {
        "id": "ftjob-0001",
        "status": "validating_files",
        "model": "gpt-4.1-mini",
        "provider": "lab",
    }
    assert answer["upload"]["bytes"] == file.stat().st_size
    assert not answer["upload"]["reused"]
    assert answer["estimate"]["epochs"] == 3
    assert answer["estimate"]["tokens_billed"] > 0
    sent = json.loads(next(s.body for s in server.seen if s.path == "/v1/fine_tuning/jobs"))
    assert (sent["suffix"], sent["seed"], sent["metadata"]["team"]) == ("s", 7, "a")
    assert KEY not in printed


def test_launch_whose_answer_is_lost_is_adopted(server: FaultServer, out: Out, file: Path) -> None:
    server.fault("POST", CREATE, "lose")
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    assert json.loads(printed)["job"]["id"] == "ftjob-0001"
    assert len(server.jobs) == 1


def test_launch_with_unknown_outcome(
    server: FaultServer, out: Out, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 1000.0)
    server.fault("POST", CREATE, "html")
    code, printed, told = launch(out, file, "--yes", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "launch_unknown"
    assert "launch the same file again" in told
    assert json.loads(out("jobs", "--json")[1])["launches"][0]["state"] == "unknown"
    monkeypatch.setattr("tui.jobs.recovery._GRACE_NEARBY", 0.3)
    code, _, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    assert len(server.jobs) == 1
    assert json.loads(out("jobs", "--json")[1])["launches"] == []


def test_launch_needs_a_yes(server: FaultServer, out: Out, file: Path) -> None:
    code, printed, told = launch(out, file, "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "not_confirmed"
    assert "--yes" in told
    assert not server.seen


@pytest.mark.parametrize(("answer", "code", "jobs"), [("y", 0, 1), ("", 4, 0), ("n", 4, 0)])
def test_launch_asks_on_a_terminal(
    server: FaultServer,
    out: Out,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    jobs: int,
) -> None:
    monkeypatch.setattr("tui.cli.launch.is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: answer)
    got, _, told = launch(out, file)
    assert got == code
    assert len(server.jobs) == jobs
    assert "$0.00" in told
    assert "[y/N]" in told


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--max-cost", "0.0000001"], "over_max_cost"),
        (["--max-cost", "0.0000001", "--force"], "over_max_cost"),
        (["--suffix", "x" * 65], "bad_suffix"),
        (["--batch-size", "300"], "bad_batch_size"),
        (["--learning-rate-multiplier", "0"], "bad_learning_rate_multiplier"),
        (["--beta", "3", "--method", "dpo"], "bad_beta"),
        (["--method", "dpo"], "format_method_mismatch"),
        (["--seed", "-1"], "bad_seed"),
        (["--metadata", "tunedeck_launch=x", "--force"], "reserved_metadata"),
        ([f"--metadata={n}=v" for n in range(16)], "too_much_metadata"),
        (["--metadata", f"k={'v' * 513}"], "long_metadata"),
        (["--validation", "no-such-file.jsonl", "--force"], "validation_unreadable"),
        (["--method", "reinforcement"], "grader_required"),
    ],
)
def test_launch_is_refused_before_anything_is_sent(
    server: FaultServer, out: Out, file: Path, more: list[str], code: str
) -> None:
    got, printed, told = launch(out, file, "--yes", "--json", *more)
    assert got == 4
    assert json.loads(printed)["error"]["code"] == code
    assert told.splitlines()[-1].startswith("tunedeck: ")
    assert not server.count("POST", ".*")


def test_launch_with_format_errors(server: FaultServer, out: Out, file: Path) -> None:
    with file.open("a") as opened:
        opened.write('{"messages": [{"role": "alien", "content": "x"}]}\n')
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 4
    error = json.loads(printed)["error"]
    assert error["code"] == "format_errors"
    assert "line 11" in error["message"]
    assert "--force" in error["hint"]
    assert not server.count("POST", ".*")
    code, _, _ = launch(out, file, "--yes", "--json", "--force")
    assert code == 0


def test_validation_file_is_uploaded(
    server: FaultServer, out: Out, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "valid.jsonl"
    other.write_text(file.read_text().replace("Question", "Riddle"))
    code, _, _ = launch(out, file, "--yes", "--json", "--validation", str(other))
    assert code == 0
    sent = json.loads(next(s.body for s in server.seen if s.path == "/v1/fine_tuning/jobs"))
    assert b"Riddle" in server.files[sent["validation_file"]]


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_launch_of_what_is_no_file(out: Out, tmp_path: Path, name: str) -> None:
    code, printed, told = launch(out, tmp_path / name, "--yes", "--json")
    assert code == 2
    assert json.loads(printed)["error"]["code"] == "file"
    assert "Traceback" not in told


def test_launch_with_a_state_folder_that_cannot_be_written(
    server: FaultServer, out: Out, file: Path, home: Path
) -> None:
    (home / "state").write_text("a file where a folder should be")
    code, _, told = launch(out, file, "--yes", "--json")
    assert code == 2
    assert "cannot make the folder" in told
    assert not server.seen


def test_launch_and_watch_without_a_terminal(server: FaultServer, out: Out, file: Path) -> None:
    steps = iter(range(1, 6))

    def more(job: dict[str, Any]) -> None:
        step = next(steps, None)
        if step is None:
            job["status"] = "succeeded"
        else:
            server.events[job["id"]].append(metrics(step, step))

    server.on_retrieve = more
    code, printed, _ = launch(out, file, "--yes", "--json", "--watch")
    assert code == 0
    first, *rest = lines(printed)
    assert first["job"]["id"] == "ftjob-0001"
    assert [line["step"] for line in rest if line["kind"] == "metrics"] == [1, 2, 3, 4, 5]
    assert rest[-1]["kind"] == "end"


# --- watch --------------------------------------------------------------------------------------


def finished(server: FaultServer, status: str = "succeeded", **fields: Any) -> None:
    server.add_job(status=status, **fields)
    server.events["ftjob-one"] = [
        message(1, "Created"),
        *[metrics(n + 1, n) for n in range(1, 6)],
        message(7, "Done \x1b[31m", level="warn"),
    ]


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


# --- jobs, cancel, results, models --------------------------------------------------------------


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


@pytest.mark.parametrize("command", ["watch", "wait", "results", "pause", "cancel"])
def test_an_empty_id_is_no_job(server: FaultServer, out: Out, command: str) -> None:
    server.add_job()
    out("jobs")
    code, _, told = out(command, "", *(["--yes"] if command == "cancel" else []))
    assert code == 2
    assert "the job's id is empty" in told


def test_no_job_has_this_status(server: FaultServer, out: Out) -> None:
    server.add_job()
    assert out("jobs", "--status", "paused")[1] == "No job is paused.\n"


@pytest.mark.parametrize(
    "url",
    ["10.0.0.5:8000/v1", "ftp://x", "http://[::1", "http://host:99999/v1", "http://", "http:// x"],
)
def test_an_address_that_is_none(out: Out, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    code, printed, told = out("jobs", "--provider", "openai", "--json")
    assert code == 2
    assert json.loads(printed)["error"]["code"] == "config"
    assert told.startswith("tunedeck: OPENAI_BASE_URL is ")
    assert told.count("\n") == 1


def test_a_key_for_openai_that_goes_elsewhere_is_spoken_of(
    server: FaultServer, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert out("jobs", "--provider", "openai")[2] == "", "this machine is no foreign one"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://name:password@gateway.invalid/v1")
    code, printed, told = out("jobs", "--provider", "openai", "--json")
    assert code == 3
    assert json.loads(printed)["error"]["code"] == "unknown_host"
    note, _ = told.splitlines()
    assert note == "tunedeck: OPENAI_API_KEY goes to gateway.invalid, as OPENAI_BASE_URL says"
    assert "password" not in told


def test_a_local_home_that_cannot_be_used_is_one_line(
    out: Out, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "state").write_text("in the way")
    code, printed, told = out("jobs", "--provider", "local", "--json")
    assert code == 2
    assert json.loads(printed)["error"]["code"] == "file"
    assert told.count("\n") == 1


def test_prices_that_are_malformed_are_one_line(
    server: FaultServer, out: Out, file: Path, home: Path
) -> None:
    (home / "config" / "prices.toml").write_text("lab = 3\n")
    for call in (lambda: launch(out, file, "--yes"), lambda: out("cost", str(file))):
        code, _, told = call()
        assert code == 2
        assert told.count("\n") == 1
        assert "prices.toml" in told
    assert not server.seen


def test_a_price_that_is_not_known(server: FaultServer, out: Out, file: Path, home: Path) -> None:
    (home / "config" / "prices.toml").unlink()
    code, printed, _ = launch(out, file, "--yes", "--json")
    assert code == 0
    row = json.loads(printed)["estimate"]
    assert (row["provider"], row["usd"]) == ("lab", None)
    assert "No training price is known" in row["notes"][0]


def test_a_pipe_cannot_be_launched(server: FaultServer, out: Out, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    code, _, told = launch(out, pipe, "--yes")
    assert code == 2
    assert "pipe or a device" in told


def test_launch_says_of_a_file_what_check_says(
    server: FaultServer, out: Out, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        said = [
            out(*words)[2]
            for words in (("check", str(path)), ("launch", str(path), "--model", "micro"))
        ]
        assert said[0] == said[1]


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


def test_wrong_key(server: FaultServer, out: Out) -> None:
    body = b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
    server.fault("GET", ".*", "status", times=99, status=401, body=body)
    code, _, told = out("jobs")
    assert code == 3
    assert "LAB_KEY" in told
    assert told.count("\n") == 1


def test_no_key(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_KEY")
    code, _, told = out("jobs")
    assert code == 3
    assert "LAB_KEY" in told
