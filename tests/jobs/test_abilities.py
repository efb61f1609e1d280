"""What a provider can do is known or found out; read-only changes nothing; answers are streamed."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.wireserver import Answer, AzureServer, OpenAIServer, sse
from tui.config import Paths, ProviderConfig
from tui.errors import SafetyError
from tui.jobs import Abilities, CallError, ChatEnd, Provider, abilities_of, probe_provider
from tui.kinds import ABILITIES, kind_named, kinds

pytestmark = pytest.mark.usefixtures("hurried")
KEY = "ability-key-0123456789"
ASK = [{"role": "user", "content": "hello"}]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(KEY) as running:
        yield running


@pytest.fixture
def lab(server: OpenAIServer) -> ProviderConfig:
    return ProviderConfig("lab", "compatible", server.url, api_key=KEY, adapter="compatible")


@pytest.fixture
async def provider(lab: ProviderConfig, paths: Paths) -> AsyncIterator[Provider]:
    made = Provider(lab, paths)
    yield made
    await made.aclose()


# --- what is known ------------------------------------------------------------------------------


def test_every_no_has_its_reason() -> None:
    for kind in kinds().values():
        assert kind.title
        assert kind.suffix_max > 0
        for what, can in kind.abilities.items():
            assert what in ABILITIES, f"{kind.name}: {what}"
            assert len(can.why) > 10


async def test_unknown_until_tried_then_remembered(
    server: OpenAIServer, provider: Provider, lab: ProviderConfig, paths: Paths
) -> None:
    assert provider.can("pause").yes is None
    assert "trying" in provider.can("pause").why
    job = await provider.create({"model": "m", "training_file": "f"})
    with pytest.raises(CallError) as caught:
        await provider.pause(job.id)
    assert caught.value.code == "not_supported"
    assert "cannot pause a job" in str(caught.value)
    assert provider.can("pause").yes is False
    again = Provider(lab, paths)
    assert again.can("pause").yes is False
    assert "HTTP 404" in again.can("pause").why
    assert Provider(replace(lab, name="other"), paths).can("pause").yes is None
    # What was found missing is asked for all the same when somebody wants it.
    server.on("POST", "/fine_tuning/jobs/[^/]+/pause", lambda s, m: {**server.jobs[0]})
    await again.pause(job.id)
    assert again.can("pause").yes is True
    await again.aclose()


async def test_a_job_that_is_missing_is_no_lack(server: OpenAIServer, provider: Provider) -> None:
    await provider.list_jobs()
    server.on("POST", "/fine_tuning/jobs/([^/]+)/resume", lambda s, m: server.job(m[1]))
    with pytest.raises(CallError, match="Could not find"):
        await provider.resume("ftjob-none")
    assert provider.can("resume").yes is None


async def test_a_wrong_address_teaches_nothing(server: OpenAIServer, paths: Paths) -> None:
    lost = ProviderConfig("lost", "compatible", f"{server.host}/api", api_key=KEY)
    provider = Provider(lost, paths)
    with pytest.raises(CallError, match="404"):
        await provider.list_files()
    assert provider.can("files_list").yes is None
    probed = await probe_provider(provider)
    assert not probed.reachable
    assert probed.trouble is not None
    assert "no fine-tuning at" in probed.trouble.message
    assert "/v1" in probed.trouble.hint
    await provider.aclose()


def test_a_no_is_forgotten_and_a_yes_is_not(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    abilities = Abilities(paths.state, "lab x", kind_named("compatible"))
    abilities.learn("chat", True, "it did")
    abilities.learn("pause", False, "it did not")
    now = time.time()
    monkeypatch.setattr("tui.jobs.abilities.time.time", lambda: now + 2 * 86_400)
    later = Abilities(paths.state, "lab x", kind_named("compatible"))
    assert later.can("chat").yes is True
    assert later.can("pause").yes is None


def test_two_processes_learn_of_one_address(paths: Paths) -> None:
    one, other = (Abilities(paths.state, "lab x", kind_named("compatible")) for _ in range(2))
    assert one.can("chat").yes is other.can("pause").yes is None
    one.learn("chat", True, "it did")
    other.learn("pause", False, "it did not")
    fresh = Abilities(paths.state, "lab x", kind_named("compatible"))
    assert (fresh.can("chat").yes, fresh.can("pause").yes) == (True, False)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["lab x", "chat", "yes", "why", "at"]), inner)
        ),
        max_leaves=10,
    )
)
def test_no_file_breaks_it(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    state = tmp_path_factory.mktemp("state")
    (state / "providers.json").write_text(json.dumps(value))
    abilities = Abilities(state, "lab x", kind_named("compatible"))
    for what in ABILITIES:
        abilities.can(what)
    abilities.learn("chat", True, "it did")
    assert Abilities(state, "lab x", kind_named("compatible")).can("chat").yes is True


async def test_probing_changes_nothing(server: OpenAIServer, provider: Provider) -> None:
    server.jobs.append({"id": "ftjob-1", "status": "succeeded"})
    probed = await probe_provider(provider)
    assert (probed.models, probed.jobs, probed.trouble) == (1, True, None)
    assert probed.can["checkpoints"].yes
    assert probed.can["files_list"].yes
    assert probed.can == abilities_of(provider)
    assert {seen.method for seen in server.seen} == {"GET"}


# --- read-only ----------------------------------------------------------------------------------


async def test_read_only_sends_no_change(
    server: OpenAIServer, lab: ProviderConfig, paths: Paths, tmp_path: Path
) -> None:
    server.with_uploads()
    server.on("POST", "/chat/completions", sse({"choices": [{"delta": {"content": "x"}}]}))
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n")
    provider = Provider(replace(lab, read_only=True), paths)
    assert provider.read_only
    for call in (
        provider.create({"model": "m"}),
        provider.cancel("j"),
        provider.pause("j"),
        provider.resume("j"),
        provider.upload(file),
        provider.begin_upload("a", 1),
        provider.add_part("u", b"x"),
        provider.complete_upload("u", ["p"]),
        provider.cancel_upload("u"),
        provider.delete_file("f"),
        provider.delete_model("m"),
    ):
        with pytest.raises(SafetyError, match="read-only") as caught:
            await call
        assert (caught.value.code, caught.value.exit_code) == ("read_only", 4)
    assert not server.seen
    await provider.list_jobs()
    assert [piece async for piece in provider.chat("m", ASK)] == ["x"]
    await provider.aclose()


# --- files --------------------------------------------------------------------------------------


async def test_files_are_listed_and_deleted(
    server: OpenAIServer, provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n")
    file_id = await provider.upload(file)
    listed = await provider.list_files(purpose="fine-tune")
    assert [(f.id, f.name, f.purpose, f.status) for f in listed.files] == [
        (file_id, "train.jsonl", "fine-tune", "processed")
    ]
    assert server.seen[-1].query["purpose"] == "fine-tune"
    await provider.delete_file(file_id)
    assert not server.files
    assert provider.can("delete_file").yes


async def test_a_file_in_parts(server: OpenAIServer, provider: Provider) -> None:
    await provider.list_jobs()
    with pytest.raises(CallError) as caught:
        await provider.begin_upload("a.jsonl", 6)
    assert caught.value.code == "not_supported"
    server.with_uploads()
    ticket = await provider.begin_upload("a.jsonl", 6)
    assert (ticket.id, ticket.expires_at) == ("upload_1", 1_900_000_000)
    parts = [await provider.add_part(ticket.id, piece) for piece in (b"abc", b"def")]
    file_id = await provider.complete_upload(ticket.id, parts, md5="x")
    assert file_id in server.files
    assert b"abc" in server.parts[parts[0]]
    assert server.seen[-1].body == {"part_ids": parts, "md5": "x"}
    await provider.cancel_upload(ticket.id)
    assert provider.can("uploads").yes


# --- answers to prompts -------------------------------------------------------------------------


async def collect(provider: Provider, **options: Any) -> tuple[str, list[ChatEnd]]:
    ends: list[ChatEnd] = []
    said = [piece async for piece in provider.chat("m", ASK, on_end=ends.append, **options)]
    return "".join(said), ends


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


async def test_an_answer_is_streamed(server: OpenAIServer, provider: Provider) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}
    chunks = [delta(role="assistant", content=""), delta(content="Grüß"), delta(content=" Gott")]
    server.on("POST", "/chat/completions", sse(*chunks, end))
    assert await collect(provider, temperature=0, seed=None, max_tokens=9) == (
        "Grüß Gott",
        [ChatEnd("stop", 5, 2)],
    )
    sent = server.seen[-1].body
    assert sent == {
        "model": "m",
        "messages": ASK,
        "stream": True,
        "temperature": 0,
        "max_tokens": 9,
    }
    assert provider.can("chat").yes


async def test_calls_of_tools_are_said(server: OpenAIServer, provider: Provider) -> None:
    first = {"index": 0, "function": {"name": "find", "arguments": '{"q"'}}
    more = {"index": 0, "function": {"arguments": ": 1}"}}
    other = {"index": 1, "function": {"name": "stop", "arguments": ""}}
    chunks = [delta(tool_calls=[first]), delta(tool_calls=[more]), delta(tool_calls=[other])]
    server.on("POST", "/chat/completions", sse(*chunks))
    assert (await collect(provider))[0] == 'find({"q": 1})\nstop()'


async def test_one_whole_answer_in_place_of_a_stream(
    server: OpenAIServer, provider: Provider
) -> None:
    whole = {"choices": [{"message": {"content": "all at once"}, "finish_reason": "length"}]}
    server.on("POST", "/chat/completions", whole)
    assert await collect(provider) == ("all at once", [ChatEnd("length", None, None)])
    parts = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]
    server.on("POST", "/chat/completions", {"choices": [{"message": {"content": parts}}]})
    assert (await collect(provider))[0] == "in parts"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>login</html>"), "web page"),
        (Answer(b""), "not an answer"),
        (Answer(b"data: [DONE]\n\n"), "not an answer"),
        (sse({"error": {"message": "the model fell over"}}), "the model fell over"),
        (sse(delta(content="a"), {"error": "overloaded"}, end=False), "overloaded"),
        (Answer({"error": {"message": "no such model", "code": "model_not_found"}}, 404), "404"),
        (Answer({"error": {"message": "slow down"}}, 429), "too many"),
        (Answer(b'data: {"choices": [', headers={"content-length": "900"}), "broke"),
    ],
)
async def test_answers_that_fail(
    server: OpenAIServer, provider: Provider, answer: Answer, words: str
) -> None:
    server.on("POST", "/chat/completions", answer)
    with pytest.raises(CallError, match=words):
        await collect(provider)
    assert len(server.seen) == 1
    assert provider.can("chat").yes is not False


@pytest.mark.parametrize(
    ("kind", "words", "gone"),
    [
        ("compatible", "Use 'max_completion_tokens' instead of 'max_tokens'.", "max_tokens"),
        ("openai", "Unknown parameter: stream_options", "stream_options"),
        ("openai", "Your organization must be verified to stream this model.", "stream_options"),
    ],
)
async def test_a_refused_question_is_put_another_way(
    server: OpenAIServer, lab: ProviderConfig, paths: Paths, kind: str, words: str, gone: str
) -> None:
    whole = {"choices": [{"message": {"content": "so be it"}}]}

    def pick(seen: Any, match: Any) -> Any:
        first = len(server.seen) == 1
        return Answer({"error": {"message": words, "param": gone}}, 400) if first else whole

    server.on("POST", "/chat/completions", pick)
    provider = Provider(replace(lab, adapter=kind), paths)
    assert (await collect(provider, max_tokens=5))[0] == "so be it"
    assert gone in server.seen[0].body
    assert gone not in server.seen[1].body
    assert 5 in server.seen[1].body.values()
    # What is refused for another reason is not asked again.
    server.on("POST", "/chat/completions", Answer({"error": {"message": "no"}}, 400))
    with pytest.raises(CallError):
        await collect(provider, max_tokens=5)
    assert len(server.seen) == 3
    await provider.aclose()


# --- why a provider refuses ---------------------------------------------------------------------

WIND_DOWN = (
    "OpenAI is winding down the fine-tuning platform and your organization is no longer able to "
    "create new fine-tuning training jobs."
)


@pytest.mark.parametrize(
    ("status", "code", "message", "found", "hint"),
    [
        (403, "training_not_available", WIND_DOWN, "training_not_available", "--provider local"),
        (403, None, WIND_DOWN, "training_not_available", "--provider local"),
        (400, None, "jobs cannot be created on an Explore plan.", "no_paid_plan", "billing page"),
        (429, "insufficient_quota", "You exceeded your quota", "insufficient_quota", "credit"),
        (403, "exceeded_quota", "", "exceeded_quota", "credit"),
        (402, None, "Payment Required", "insufficient_quota", "credit"),
        (401, "invalid_api_key", "Incorrect API key provided", "invalid_api_key", "LAB_KEY"),
        (401, None, "Unauthorized", "wrong_key", "LAB_KEY"),
        (401, "account_deactivated", "deactivated", "account_deactivated", "blocked"),
        (403, None, "Your key has been disabled", "account_deactivated", "blocked"),
        (401, None, "The token is expired: JWT expired", "expired_key", "new one"),
        (403, None, "Your organization must be verified to train", None, "verifies"),
        (403, "unsupported_country_region_territory", "Country not supported", None, "network"),
        (401, "ip_not_authorized", "Your IP is not authorized", None, "address"),
        (401, "mismatched_organization", "header should match", None, "OPENAI_ORG_ID"),
        (403, None, "Missing scopes: api.fine_tuning.jobs.write", "missing_scope", "LAB_KEY"),
        (404, "model_not_found", "The model does not exist", "model_not_found", "models"),
        (400, None, "The model `gpt-3.5` has been deprecated", "model_not_found", "shut down"),
        (400, None, "Model x is not available for fine-tuning", "model_not_trainable", "tuned"),
        (403, "AuthenticationTypeDisabled", "Key based authentication is disabled", None, "token"),
        (404, "DeploymentNotFound", "The API deployment does not exist", None, "deployment"),
        (400, None, "Invalid trainingType 'foo'", "bad_training_type", "GlobalStandard"),
        (400, None, "Unsupported api-version", "bad_api_version", "api_version"),
        (500, None, "LiteLLM: this is an enterprise feature", "server_error", "try again"),
        (403, None, "litellm: you need enterprise", "gateway_licence", "provider itself"),
        (400, None, "suffix must be at most 18 characters", "bad_suffix", "shorten"),
        (429, None, "Too many active fine-tuning jobs", "rate_limited", "running jobs"),
    ],
)
async def test_a_refusal_says_the_next_step(
    server: OpenAIServer,
    lab: ProviderConfig,
    paths: Paths,
    status: int,
    code: str | None,
    message: str,
    found: str | None,
    hint: str,
) -> None:
    error = {"message": message, "code": code, "type": "invalid_request_error"}
    server.refuse = lambda seen: Answer({"error": error}, status)
    provider = Provider(replace(lab, api_key_env="LAB_KEY"), paths, attempts=1)
    with pytest.raises(CallError) as caught:
        await provider.create({"model": "m", "training_file": "f"})
    assert hint in caught.value.hint
    assert caught.value.code == (found or code or caught.value.code)
    assert "\n" not in str(caught.value)
    assert len(server.seen) == 1
    assert caught.value.unclear == (status == 500)
    await provider.aclose()


async def test_a_firewalls_page_is_no_wrong_id(
    server: OpenAIServer, lab: ProviderConfig, paths: Paths
) -> None:
    server.refuse = lambda seen: Answer(b"<!DOCTYPE html><title>Blocked</title>", 403)
    provider = Provider(lab, paths)
    with pytest.raises(CallError) as caught:
        await provider.list_jobs()
    assert "firewall or proxy" in caught.value.hint
    await provider.aclose()


def test_words_for_an_address_that_is_not_there() -> None:
    from tui.jobs.refusals import no_such_route

    missing = json.dumps(AzureServer.missing).encode()
    assert no_such_route(404, "404", "Resource not found", missing)
    assert no_such_route(404, None, "Invalid URL (POST /v1/x)", b"{}")
    assert no_such_route(404, None, "", b"")
    assert no_such_route(404, None, "it answered with a web page", b" <html>nginx")
    assert no_such_route(404, None, "404 page not found", b"404 page not found")
    assert no_such_route(405, None, "whatever", b"x")
    assert not no_such_route(404, None, "Could not find ftjob-1", b"{}")
    assert not no_such_route(404, "model_not_found", "The model `m` does not exist", b"{}")
