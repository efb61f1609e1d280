"""Keys, addresses and ids that are wrong, told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.jobs.common import Out
from tests.jobs.faultserver import KEY, FaultServer


@pytest.mark.parametrize("command", ["watch", "wait", "results", "pause", "cancel"])
def test_an_empty_id_is_no_job(server: FaultServer, out: Out, command: str) -> None:
    server.add_job()
    out("jobs")
    code, _, told = out(command, "", *(["--yes"] if command == "cancel" else []))
    assert code == 2
    assert "the job's id is empty" in told


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
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "key_consent"
    assert "gateway.invalid" in told
    assert "password" not in told


def test_a_local_home_that_cannot_be_used_is_one_line(
    out: Out, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "state").write_text("in the way")
    code, printed, told = out("jobs", "--provider", "local", "--json")
    assert code == 2
    assert json.loads(printed)["error"]["code"] == "file"
    assert told.count("\n") == 1


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
