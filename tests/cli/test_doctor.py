"""The doctor tells of every provider: where it is, whose key it has, if it answers, what it can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.wireserver import Answer, OpenAIServer
from tui.cli import run

KEY = "doctor-key-0123456789"
Ask = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(KEY) as running:
        yield running


@pytest.fixture
def configured(home: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home / "config"
    folder.mkdir(parents=True)
    path = folder / "config.toml"
    path.write_text(
        'default_provider = "lab"\n'
        f'[providers.lab]\nbase_url = "{server.url}"\napi_key_env = "LAB_KEY"\n'
        '[providers.gone]\nbase_url = "http://127.0.0.1:9/v1"\nread_only = true\n'
        '[providers.keyless]\nkind = "mistral"\n'
        '[providers.nebius]\nkind = "nebius"\napi_key_command = ["sh", "-c", "exit 1"]\n'
    )
    monkeypatch.setenv("LAB_KEY", KEY)
    return path


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def call(*argv: str) -> tuple[int, dict[str, Any], str]:
        code = run(["doctor", "--json", *argv])
        printed = capsys.readouterr()
        return code, json.loads(printed.out), printed.out + printed.err

    return call


@pytest.mark.usefixtures("configured")
def test_every_provider_by_itself(ask: Ask, server: OpenAIServer) -> None:
    server.jobs.append({"id": "ftjob-1", "status": "succeeded"})
    code, told, text = ask()
    found = {one["name"]: one for one in told["providers"]}
    assert set(found) == {"lab", "local", "gone", "keyless", "nebius"}
    lab = found["lab"]
    assert (lab["chosen"], lab["reachable"], lab["models"]) == (True, True, 1)
    assert (lab["address"], lab["key"]) == (server.url, "LAB_KEY")
    assert lab["can"]["checkpoints"] == {"yes": True, "why": "it did when it was asked"}
    assert lab["can"]["pause"]["yes"] is None
    assert found["gone"]["trouble"]["code"] == "connection_refused"
    assert found["gone"]["read_only"]
    assert found["keyless"]["trouble"]["code"] == "missing_key"
    assert found["nebius"]["trouble"]["code"] == "key_command"
    # Only what commands use by default fails the doctor.
    assert code == 0
    assert told["ok"]
    assert "not running" in found["local"]["notes"][0]
    assert KEY not in text


@pytest.mark.usefixtures("configured")
def test_it_looks_without_changing(ask: Ask, server: OpenAIServer) -> None:
    ask("--provider", "lab")
    assert {seen.method for seen in server.seen} == {"GET"}


@pytest.mark.usefixtures("configured")
def test_one_provider_and_its_trouble(ask: Ask, server: OpenAIServer) -> None:
    server.keys = {"another"}
    code, told, _ = ask("--provider", "lab")
    assert [one["name"] for one in told["providers"]] == ["lab"]
    assert code == 3
    bad = [one for one in told["findings"] if one["state"] == "error"]
    assert len(bad) == 1
    assert "LAB_KEY" in bad[0]["hint"]
    assert ask("--provider", "gone")[0] == 3
    assert ask("--provider", "nowhere")[0] == 3


@pytest.mark.usefixtures("configured")
def test_an_address_without_fine_tuning(ask: Ask, server: OpenAIServer) -> None:
    def no_jobs(seen: Any) -> Answer | None:
        return Answer(server.missing, 404) if "fine_tuning" in seen.path else None

    server.refuse = no_jobs
    code, told, _ = ask("--provider", "lab")
    assert code == 3
    [bad] = [one for one in told["findings"] if one["state"] == "error"]
    assert "no fine-tuning at" in bad["detail"]
    assert told["providers"][0]["models"] == 1


def test_the_openai_key_elsewhere(
    home: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://gateway.invalid/v1")
    code, told, _ = ask("--provider", "openai")
    assert code == 3
    assert told["providers"][0]["trouble"]["code"] == "key_consent"
    code, told, _ = ask("--provider", "openai", "--send-key-to", "gateway.invalid")
    assert told["providers"][0]["trouble"]["code"] in ("unknown_host", "unreachable")
    assert any("unencrypted" in note for note in told["providers"][0]["notes"])
    # Other commands refuse for safety, and go on with a yes.
    assert run(["jobs", "--provider", "openai"]) == 4
    assert "--send-key-to gateway.invalid" in capsys.readouterr().err
    assert run(["jobs", "--provider", "openai", "--send-key-to", "gateway.invalid"]) == 3


@pytest.mark.usefixtures("configured")
def test_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "cannot    nebius" not in text
    assert "lab: list files" in text
    assert "MISTRAL_API_KEY is not set" in text


@pytest.mark.usefixtures("configured")
def test_read_only_is_refused_for_safety(
    server: OpenAIServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.jobs.append({"id": "ftjob-1", "status": "running"})
    # Taken back at the end: the flag sets it for everything that is started.
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "")
    assert run(["--read-only", "cancel", "ftjob-1", "--yes"]) == 4
    assert "read-only" in capsys.readouterr().err
    assert not server.calls("POST", ".*")


@pytest.mark.parametrize("name", ["config.toml", "prices.toml"])
def test_settings_that_cannot_be_read(home: Path, ask: Ask, name: str) -> None:
    def said() -> dict[str, Any]:
        [found] = [one for one in ask()[1]["findings"] if one["area"] == "settings"]
        return found

    assert said()["state"] == "ok"
    assert str(home / "config") in said()["detail"]
    path = home / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[openai")
    assert said()["state"] == "error"
    assert str(path) in said()["detail"]
    assert ask()[0] == 2
