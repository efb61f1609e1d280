"""Keys come from where they are kept, go only where they may, and are shown nowhere."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.wireserver import Answer, OpenAIServer, sse
from tui.config import Paths, ProviderConfig, load_settings, resolve_provider
from tui.credentials import (
    consented_hosts,
    foreign_host,
    give_consent,
    key_source,
    needs_consent,
    read_key,
)
from tui.errors import ConfigError, ProviderError, SafetyError, TunedeckError
from tui.jobs import CallError, Provider, open_ledger

pytestmark = pytest.mark.usefixtures("hurried")
KEY = "sk-proj-abcdefghijklmnop0123"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(KEY) as running:
        yield running


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "keytool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return (str(path),)


def config(**more: Any) -> ProviderConfig:
    return ProviderConfig("lab", "compatible", "http://127.0.0.1:9/v1", **more)


def settings(home: Path, text: str) -> Any:
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)
    return load_settings(Paths.resolve({"TUNEDECK_HOME": str(home)}))


# --- where a key comes from ---------------------------------------------------------------------


async def test_a_command_is_run_when_the_key_is_needed(
    server: OpenAIServer, paths: Paths, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    command = script(tmp_path, f"echo once >> {ran}; printf '%s\\nlogin: me\\n' {KEY}")
    made = replace(config(api_key_command=command), base_url=server.url)
    provider = Provider(made, paths)
    assert not ran.exists()
    await provider.list_jobs()
    await provider.list_jobs()
    await provider.aclose()
    assert ran.read_text() == "once\n"
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert key_source(made) == "the command keytool"


async def test_a_token_that_ran_out_is_asked_for_again(
    server: OpenAIServer, paths: Paths, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token-number-one")
    made = config(api_key_command=script(tmp_path, f"cat {token}"))
    provider = Provider(replace(made, base_url=server.url), paths)
    server.keys = {"token-number-one"}
    await provider.list_jobs()
    server.keys = {"token-number-two"}
    token.write_text("token-number-two")
    job = await provider.create({"model": "m", "training_file": "f"})
    assert len(server.jobs) == 1
    assert job.id == server.jobs[0]["id"]
    server.on("POST", "/chat/completions", sse({"choices": [{"delta": {"content": "hi"}}]}))
    server.keys = {"token-number-three"}
    token.write_text("token-number-three")
    assert [piece async for piece in provider.chat("m", [])] == ["hi"]
    # A key that is wrong for good is asked for once more and no oftener.
    server.keys = {"another"}
    before = len(server.seen)
    with pytest.raises(CallError):
        await provider.retrieve(job.id)
    assert len(server.seen) == before + 2
    await provider.aclose()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'gpg: \033[31mno secret\033[0m key' >&2; exit 2", "gpg: .*no secret.* key"),
        ("exit 1", "failed"),
        ("true", "printed nothing"),
        ("echo 'two words'", "characters that no key has"),
        ("printf 'k\\351y'", "characters that no key has"),
    ],
)
def test_a_command_that_fails(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as caught:
        read_key(config(api_key_command=script(tmp_path, text)))
    assert "\033" not in str(caught.value)
    assert caught.value.hint


def test_what_a_failing_command_printed_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        read_key(config(api_key_command=script(tmp_path, f"echo {KEY}; exit 1")))
    assert KEY not in str(caught.value)


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.credentials._COMMAND_SECONDS", 0.3)
    pid = tmp_path / "pid"
    with pytest.raises(ProviderError, match="did not end"):
        read_key(config(api_key_command=script(tmp_path, f"echo $$ > {pid}; sleep 60; true")))
    if pid.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(ProviderError, match="no-such-tool cannot be run"):
        read_key(config(api_key_command=("no-such-tool", "show")))


def test_a_command_runs_without_a_shell_or_a_terminal(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = script(tmp_path, f'echo "$1" "${{GPG_TTY-none}}" > {told}; cat; echo key')
    assert read_key(config(api_key_command=(*command, "$(id); x"))) == "key"
    assert told.read_text() == "$(id); x none\n"


class Ring(types.ModuleType):
    def __init__(self, held: dict[tuple[str, str], str] | None) -> None:
        super().__init__("keyring")
        self.held = held

    def get_password(self, service: str, user: str) -> str | None:
        if self.held is None:
            raise RuntimeError("No recommended backend was available")
        return self.held.get((service, user))


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(api_key_keyring="api/lab/me")
    monkeypatch.setitem(sys.modules, "keyring", Ring({("api/lab", "me"): KEY}))
    assert read_key(made) == KEY
    monkeypatch.setitem(sys.modules, "keyring", Ring({}))
    with pytest.raises(ProviderError, match="holds no key") as caught:
        read_key(made)
    assert "keyring set api/lab me" in caught.value.hint
    monkeypatch.setitem(sys.modules, "keyring", Ring(None))
    with pytest.raises(ProviderError, match="No recommended backend"):
        read_key(made)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ProviderError, match="package is missing") as caught:
        read_key(made)
    assert "tunedeck[keyring]" in caught.value.hint


# --- where it may go ----------------------------------------------------------------------------


def openai_at(url: str) -> ProviderConfig:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url, "TUNEDECK_HOME": "/nowhere"}
    return resolve_provider(load_settings(Paths.resolve(env)), "openai", env)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", None),
        ("https://eu.api.openai.com/v1", None),
        ("http://127.0.0.1:4000/v1", None),
        ("http://[::1]:4000/v1", None),
        ("https://gateway.example/v1", "gateway.example"),
        ("https://api.openai.com.evil.example/v1", "api.openai.com.evil.example"),
        ("https://evilopenai.com/v1", "evilopenai.com"),
        ("https://api.openai.com@evil.example/v1", "evil.example"),
        ("http://localhost.evil.example/v1", "localhost.evil.example"),
    ],
)
def test_which_hosts_are_openais(url: str, host: str | None) -> None:
    assert foreign_host(openai_at(url)) == host


def test_openais_own_variables_lead_to_any_kind() -> None:
    kinds = {
        "": "openai",
        "https://res.openai.azure.com/openai/v1": "azure",
        "https://api.mistral.ai/v1": "mistral",
        "http://127.0.0.1:4000/v1": "compatible",
    }
    assert {url: openai_at(url).known.name for url in kinds} == kinds


async def test_parameters_that_go_with_every_request(server: OpenAIServer, paths: Paths) -> None:
    query = {"custom_llm_provider": "openai"}
    made = replace(config(api_key=KEY, query=query), base_url=server.url)
    provider = Provider(made, paths)
    await provider.list_jobs(3)
    await provider.create({"model": "m", "training_file": "f"})
    await provider.aclose()
    assert server.seen[0].query == {"limit": "3", **query}
    assert server.seen[1].query == query


async def test_the_openai_key_waits_for_a_yes(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = openai_at("https://gateway.invalid/v1")
    provider = Provider(made, paths, attempts=1)
    for call in (provider.list_jobs(), provider.create({"model": "m"}), provider.models()):
        with pytest.raises(SafetyError) as caught:
            await call
        assert (caught.value.code, caught.value.exit_code) == ("key_consent", 4)
        assert "gateway.invalid" in caught.value.hint
    assert needs_consent(made, paths) == "gateway.invalid"
    give_consent("Gateway.invalid", paths)
    give_consent("other.example", paths)
    assert consented_hosts(paths) == {"gateway.invalid", "other.example"}
    assert needs_consent(made, paths) is None
    with pytest.raises(CallError) as reached:
        await provider.list_jobs()
    assert reached.value.code in ("unknown_host", "unreachable")
    await provider.aclose()
    assert KEY not in (paths.state / "consent.json").read_text()


def test_settings_name_trusted_hosts(home: Path, paths: Paths) -> None:
    made = settings(home, 'trusted_hosts = ["Gateway.example"]')
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://gateway.example/v1"}
    assert needs_consent(resolve_provider(made, "openai", env), paths) is None
    with pytest.raises(ConfigError, match="trusted_hosts"):
        settings(home, 'trusted_hosts = "gateway.example"')


def test_the_openai_key_by_another_way(
    home: Path, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    text = '[providers.gw]\nbase_url = "https://gw.example/v1"\n'
    by_name = resolve_provider(settings(home, f'{text}api_key_env = "OPENAI_API_KEY"'), "gw")
    assert needs_consent(by_name, paths) == "gw.example"
    monkeypatch.setenv("COPY", KEY)
    copied = resolve_provider(settings(home, f'{text}api_key_env = "COPY"'), "gw")
    assert needs_consent(copied, paths) == "gw.example"
    monkeypatch.setenv("COPY", "a-key-of-its-own")
    own = resolve_provider(settings(home, f'{text}api_key_env = "COPY"'), "gw")
    assert needs_consent(own, paths) is None


async def test_a_command_that_prints_the_openai_key(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    made = config(api_key_command=script(tmp_path, f"echo {KEY}"))
    provider = Provider(replace(made, base_url="https://gw.invalid/v1"), paths)
    with pytest.raises(SafetyError, match=r"not sent to gw\.invalid"):
        await provider.list_jobs()


# --- where it is never shown --------------------------------------------------------------------


async def test_no_trace_of_the_key(
    server: OpenAIServer,
    paths: Paths,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: of-openai")
    caplog.set_level(logging.DEBUG)
    made = replace(config(api_key=KEY, api_key_env="LAB"), base_url=server.url)
    provider = Provider(made, paths, attempts=1)
    ledger = open_ledger(paths.state)
    await provider.list_jobs()
    said: list[TunedeckError] = []
    for status, body in [
        (401, f'{{"error": {{"message": "wrong key {KEY}"}}}}'),
        (403, f"<html>Bearer {KEY}"),
        (400, f'{{"detail": "authorization: Bearer {KEY}"}}'),
        (500, KEY),
        (401, '{"error": {"message": "Incorrect API key provided: sk-proj-****************0123"}}'),
    ]:
        server.refuse = lambda seen, s=status, b=body: Answer(b.encode(), s)
        with pytest.raises(CallError) as caught:
            await provider.list_jobs()
        said.append(caught.value)
    bad = Provider(replace(made, api_key=f"{KEY}\nX-Other: {KEY}"), paths, attempts=1)
    with pytest.raises(ProviderError) as caught_bad:
        await bad.list_jobs()
    said.append(caught_bad.value)
    await provider.aclose()
    ledger.close()
    for error in said:
        words = f"{error} {error!r} {error.args} {error.hint}"
        assert "abcdefghijklmnop" not in words
        assert "0123" not in words
    assert KEY not in repr(made) + repr(provider) + str(vars(provider))
    assert KEY not in caplog.text
    for path in paths.state.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert "x-secret" not in server.seen[0].headers


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "together"', "unknown kind"),
        ('kind = "local"', "unknown kind"),
        ('base_url = "https://x/v1"\napi_key = "sk-1"', "holds a key"),
        ('kind = "mistral"\napi_key_command = "pass show x"', "without a shell|list of words"),
        ('kind = "mistral"\napi_key_command = []', "list of words"),
        ('kind = "mistral"\napi_key_keyring = "noslash"', "has no user"),
        ('kind = "mistral"\napi_key_env = "A"\napi_key_keyring = "a/b"', "api_key_env and"),
        ('kind = "azure"', "has no base_url"),
        ('kind = "azure"\nbase_url = "https://r.openai.azure.com"\nstyle = "old"', "style"),
        ('kind = "mistral"\nread_only = "yes"', "read_only must be"),
        ('kind = "mistral"\nquery = "a=b"', "table of strings"),
    ],
)
def test_settings_that_are_wrong(home: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings(home, f"[providers.lab]\n{text}\n")


@pytest.mark.parametrize("text", ["read_only = true", "[ui]\nread_only = true"])
def test_nothing_may_be_changed_anywhere(home: Path, text: str) -> None:
    assert resolve_provider(settings(home, text), "local", {}).read_only


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("readonly = true", "unknown setting 'readonly': did you mean read_only"),
        ("[ui]\nmose = 1", "unknown setting 'mose': did you mean mouse"),
        ('[providers.lab]\nkind = "mistral"\nread-only = true', "did you mean read_only"),
        ("qqq = 1", "unknown setting 'qqq': known are default_provider"),
        ('read_only = "no"', "read_only must be true or false"),
    ],
)
def test_a_setting_that_is_misspelt_is_no_setting(home: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        settings(home, text)
    assert words in str(wrong.value)


def test_settings_of_each_kind(home: Path) -> None:
    made = settings(
        home,
        """
        [providers.m]
        kind = "mistral"
        [providers.az]
        kind = "azure"
        base_url = "https://res.openai.azure.com"
        training_type = "developerTier"
        [providers.old]
        kind = "azure"
        base_url = "https://res.openai.azure.com"
        api_version = "2024-10-21"
        auth = "token"
        api_key_command = ["az", "account", "get-access-token"]
        [providers.plain]
        base_url = "http://10.0.0.5:8000/v1"
        [providers.byhost]
        base_url = "https://api.tokenfactory.nebius.com/v1/"
        [providers.byprofile]
        base_url = "https://gw.example/v1"
        profile = "crusoe"
        """,
    )
    env = {"MISTRAL_API_KEY": "m-key", "AZURE_OPENAI_API_KEY": "a-key"}
    found = {name: resolve_provider(made, name, env) for name in made.providers}
    assert {name: one.adapter for name, one in found.items()} == {
        "m": "mistral",
        "az": "azure",
        "old": "azure",
        "plain": "compatible",
        "byhost": "nebius",
        "byprofile": "crusoe",
    }
    assert found["m"].base_url == "https://api.mistral.ai/v1"
    assert found["m"].api_key == "m-key"
    assert found["az"].base_url == "https://res.openai.azure.com/openai/v1"
    assert (found["az"].style, found["old"].style) == ("v1", "classic")
    assert found["az"].suffix_max == 18
    assert found["plain"].api_key == "none"
    assert found["old"].api_key is None
    with pytest.raises(ProviderError, match="MISTRAL_API_KEY is not set"):
        resolve_provider(made, "m", {})
    broken = settings(
        home, '[providers.a]\nkind = "azure"\nbase_url = "https://r.x"\nstyle = "classic"\n'
    )
    with pytest.raises(ConfigError, match="api_version"):
        resolve_provider(broken, "a", env)


def test_read_only_comes_from_three_places(home: Path) -> None:
    text = '[providers.a]\nbase_url = "http://h/v1"\n'
    env = {"TUNEDECK_READ_ONLY": "1"}
    assert not resolve_provider(settings(home, text), "a", {}).read_only
    assert resolve_provider(settings(home, text), "a", env).read_only
    assert resolve_provider(settings(home, f"{text}read_only = true"), "a", {}).read_only
    assert resolve_provider(settings(home, f"{text}[ui]\nread_only = true"), "local", {}).read_only


def test_consent_survives_a_broken_file(paths: Paths) -> None:
    paths.state.mkdir(parents=True)
    for junk in ("", "[]", "{", '{"send_openai_key_to": 7}', '{"send_openai_key_to": [1]}'):
        (paths.state / "consent.json").write_text(junk)
        assert consented_hosts(paths) == frozenset()
    give_consent("a.example", paths)
    assert json.loads((paths.state / "consent.json").read_text()) == {
        "send_openai_key_to": ["a.example"]
    }
