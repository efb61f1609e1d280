"""Every failure is one plain cause with a next step, and the key goes nowhere else."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.faultserver import KEY, FaultServer
from tui.config import Paths, ProviderConfig
from tui.errors import FileError, ProviderError
from tui.jobs import CallError, Ledger, Provider, cancel_job

pytestmark = pytest.mark.usefixtures("hurried")
JOBS = r"/v1/fine_tuning/jobs"
CANCEL = r"/v1/fine_tuning/jobs/ftjob-one/cancel"


def status(code: int, body: bytes = b"", **more: str) -> dict[str, object]:
    return {"action": "status", "status": code, "body": body, **more}


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (status(401, b'{"error": {"message": "bad key"}}'), "wrong_key", "bad key"),
        (status(403, b'{"error": {"code": "training_not_available"}}'), None, "HTTP 403"),
        (status(404, b'{"detail": "Not Found"}'), "not_found", "Not Found"),
        (status(422, b'{"detail": [{"msg": "limit"}]}'), "refused", "limit"),
        (status(429, retry_after="0"), "rate_limited", "too many requests"),
        (status(500, b"<html>oops"), "server_error", "web page"),
        (status(503, b""), "server_error", "HTTP 503"),
        ({"action": "html"}, "web_page", "web page"),
        ({"action": "cut"}, "bad_answer", "cut off"),
        ({"action": "drop"}, "connection_lost", "broke"),
        ({"action": "body", "body": b"null"}, "bad_answer", "null"),
        ({"action": "body", "body": b"[" * 100_000}, "bad_answer", "cut off"),
        ({"action": "body", "body": b'"hello"'}, "bad_answer", "not a list"),
        ({"action": "body", "body": b'{"data": 7}'}, "bad_answer", "not a list"),
    ],
)
async def test_what_went_wrong_is_named(
    server: FaultServer, provider: Provider, fault: dict[str, object], code: str, words: str
) -> None:
    server.fault("GET", JOBS, times=99, **fault)  # type: ignore[arg-type]
    with pytest.raises(ProviderError) as caught:
        await provider.list_jobs()
    assert caught.value.code == (code or "training_not_available")
    assert words in caught.value.message
    assert caught.value.exit_code == 3
    assert caught.value.hint


async def test_reads_are_tried_again(server: FaultServer, provider: Provider) -> None:
    server.add_job()
    server.fault("GET", JOBS, "status", status=500)
    server.fault("GET", JOBS, "cut")
    server.fault("GET", JOBS, "html")
    assert [job.id for job in (await provider.list_jobs()).jobs] == ["ftjob-one"]


async def test_changes_are_sent_once(server: FaultServer, provider: Provider) -> None:
    server.add_job()
    server.fault("POST", ".*", "status", times=99, status=500)
    for call in (provider.cancel, provider.pause, provider.resume):
        with pytest.raises(CallError):
            await call("ftjob-one")
    with pytest.raises(CallError):
        await provider.create({"model": "m"})
    assert len(server.seen) == 4


async def test_the_key_is_taken_out_of_what_the_server_says(
    server: FaultServer, provider: Provider
) -> None:
    body = f'{{"error": {{"message": "Incorrect key: {KEY}"}}}}'.encode()
    server.fault("GET", JOBS, "status", status=401, body=body)
    with pytest.raises(CallError) as caught:
        await provider.list_jobs()
    assert KEY not in str(caught.value)
    assert "LAB_KEY" in caught.value.hint


async def test_a_redirect_is_not_followed(server: FaultServer, paths: Paths) -> None:
    with FaultServer() as other:

        class Sent:
            url = other.url

        import http.server

        class Moved(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("location", f"{Sent.url}/fine_tuning/jobs")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        import threading

        with http.server.HTTPServer(("127.0.0.1", 0), Moved) as moved:
            threading.Thread(target=moved.serve_forever, args=(0.02,), daemon=True).start()
            url = f"http://127.0.0.1:{moved.server_address[1]}/v1"
            provider = Provider(ProviderConfig("lab", "compatible", url, api_key=KEY), paths)
            with pytest.raises(CallError, match="the key was not sent") as caught:
                await provider.list_jobs()
            await provider.aclose()
            moved.shutdown()
        assert caught.value.code == "redirect"
        assert not other.seen


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://no-such-host.invalid/v1", "unknown_host"),
        ("ftp://127.0.0.1/v1", "bad_address"),
    ],
)
async def test_addresses_that_lead_nowhere(paths: Paths, url: str, code: str) -> None:
    config = ProviderConfig("lab", "compatible", url, api_key=KEY)
    provider = Provider(config, paths, attempts=1)
    with pytest.raises(ProviderError) as caught:
        await provider.list_jobs()
    assert caught.value.code == code
    await provider.aclose()


async def test_https_where_http_is_spoken(server: FaultServer, paths: Paths) -> None:
    url = server.url.replace("http:", "https:")
    provider = Provider(ProviderConfig("lab", "compatible", url, api_key=KEY), paths, attempts=1)
    with pytest.raises(CallError) as caught:
        await provider.list_jobs()
    assert caught.value.code == "tls"
    assert not caught.value.unclear
    await provider.aclose()


async def test_a_key_with_a_line_end_is_not_shown(server: FaultServer, paths: Paths) -> None:
    config = ProviderConfig("lab", "compatible", server.url, api_key=f"{KEY}\nX")
    provider = Provider(config, paths, attempts=1)
    with pytest.raises(ProviderError) as caught:
        await provider.list_jobs()
    assert KEY not in str(caught.value)
    await provider.aclose()


async def test_silence_times_out(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.jobs.wire.POLL_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        provider = Provider(
            ProviderConfig("lab", "compatible", url, api_key=KEY), paths, attempts=1
        )
        with pytest.raises(CallError, match="did not answer in time") as caught:
            await provider.list_jobs()
        assert caught.value.unclear
        await provider.aclose()


async def test_environment_of_openai_stays_with_openai(
    server: FaultServer, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    config = ProviderConfig("lab", "compatible", server.url, api_key=KEY)
    for more in (config, replace(config, organization="org-mine")):
        provider = Provider(more, paths)
        await provider.list_jobs()
        await provider.aclose()
    assert "openai-organization" not in server.seen[0].headers
    assert "openai-project" not in server.seen[0].headers
    assert server.seen[1].headers["openai-organization"] == "org-mine"


async def test_upload_tells_its_progress(
    server: FaultServer, provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"x" * 300_000)
    told: list[tuple[int, int]] = []
    file_id = await provider.upload(file, progress=lambda *both: told.append(both))
    assert server.files[file_id].count(b"x" * 300_000) == 1
    assert told[-1] == (300_000, 300_000)
    assert len([done for done, _ in told if 0 < done < 300_000]) >= 4
    assert told == sorted(told)


async def test_upload_of_a_missing_file(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        await provider.upload(tmp_path / "none.jsonl")


async def test_models_and_deleting_one(server: FaultServer, provider: Provider) -> None:
    server.models = [
        {"id": "gpt-4.1", "owned_by": "system", "shutdown_date": "2027-01-14"},
        {"id": "ft:micro:local::1", "created": 1_700_000_000},
        {"no": "id"},
        None,
    ]  # type: ignore[list-item]
    found = await provider.models()
    assert [(m.id, m.tuned, m.shutdown_date) for m in found] == [
        ("gpt-4.1", False, "2027-01-14"),
        ("ft:micro:local::1", True, None),
    ]
    server.models = server.models[:2]
    await provider.delete_model("ft:micro:local::1")
    assert [m["id"] for m in server.models] == ["gpt-4.1"]


def test_importing_the_package_reaches_no_sdk() -> None:
    code = (
        "import sys; from tui.jobs import Provider, Watcher, launch, preflight, open_ledger\n"
        "assert callable(launch) and callable(preflight)\n"
        "assert not {'openai', 'httpx2', 'numpy', 'textual'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- cancel -------------------------------------------------------------------------------------


async def test_cancel_is_believed_when_the_provider_says_so(
    server: FaultServer, provider: Provider, ledger: Ledger
) -> None:
    job = server.add_job()
    server.on_cancel = lambda _job: None
    looks = 0

    def slowly(_job: object) -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            job["status"] = "cancelled"

    server.on_retrieve = slowly
    said: list[str] = []
    outcome = await cancel_job(provider, ledger, "ftjob-one", said.append)
    assert outcome.confirmed
    assert outcome.job.status == "cancelled"
    assert not outcome.was_over
    assert server.count("POST", CANCEL) == 1
    assert any("running" in words for words in said)


@pytest.mark.parametrize("action", ["lose", "cut", "late500"])
async def test_lost_answer_of_a_cancel(
    server: FaultServer, provider: Provider, ledger: Ledger, action: str
) -> None:
    server.add_job()
    server.fault("POST", CANCEL, action)
    outcome = await cancel_job(provider, ledger, "ftjob-one")
    assert outcome.confirmed
    assert server.count("POST", CANCEL) == 1


async def test_cancel_that_never_arrived_is_sent_again(
    server: FaultServer, provider: Provider, ledger: Ledger
) -> None:
    server.add_job()
    server.fault("POST", CANCEL, "drop", times=2)
    assert (await cancel_job(provider, ledger, "ftjob-one")).confirmed
    assert server.count("POST", CANCEL) == 3


async def test_cancel_of_a_job_that_is_over(
    server: FaultServer, provider: Provider, ledger: Ledger
) -> None:
    server.add_job(status="succeeded")
    outcome = await cancel_job(provider, ledger, "ftjob-one")
    assert outcome.was_over
    assert outcome.job.status == "succeeded"
    assert server.count("POST", CANCEL) == 0


async def test_cancel_without_confirmation(
    server: FaultServer, provider: Provider, ledger: Ledger
) -> None:
    server.add_job()
    server.on_cancel = lambda _job: None
    outcome = await cancel_job(provider, ledger, "ftjob-one", timeout=0.2)
    assert not outcome.confirmed
    assert outcome.job.status == "running"
