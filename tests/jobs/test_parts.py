"""Uploads in parts: an answer that is lost, an upload that is gone, one that has run out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.faultserver import FaultServer
from tui.errors import ProviderError
from tui.jobs import (
    Ledger,
    Provider,
)
from tui.jobs.parts import PartialUpload, send_in_parts

pytestmark = pytest.mark.usefixtures("hurried")


@pytest.fixture
def send(provider: Provider, ledger: Ledger, file: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("tui.jobs.parts.PART_BYTES", 300)
    said: list[str] = []

    async def go() -> tuple[str, list[str]]:
        file_id = await send_in_parts(
            provider, ledger, file, "hash", "train.jsonl", said.append, None
        )
        return file_id, said

    return go


PARTS = r"/v1/uploads/.*/parts"


async def test_parts_make_the_file(server: FaultServer, send: Any, file: Path) -> None:
    file_id, _ = await send()
    assert server.files[file_id] == file.read_bytes()
    assert server.count("POST", PARTS) == -(-file.stat().st_size // 300)


async def test_a_part_whose_answer_is_lost_is_sent_again(
    server: FaultServer, send: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fault("POST", PARTS, "status", times=1, status=503, retry_after="0")
    file_id, said = await send()
    assert server.files[file_id] == file.read_bytes()
    assert any("trying again" in words for words in said)


async def test_an_upload_that_is_gone_there_is_begun_again(
    server: FaultServer, send: Any, file: Path
) -> None:
    server.fault("POST", "/v1/uploads/.*/complete", "status", status=403)
    with pytest.raises(ProviderError):
        await send()
    server.uploads.clear()
    file_id, said = await send()
    assert server.files[file_id] == file.read_bytes()
    assert any("beginning again" in words for words in said)


async def test_one_that_has_run_out_is_not_gone_on_with(
    server: FaultServer, provider: Provider, ledger: Ledger, send: Any, file: Path
) -> None:
    old = PartialUpload("upload-old", file.stat().st_size, 300, ("part-1",), time.time() + 5)
    ledger.keep_partial_upload(provider.endpoint, "hash", old.state())
    _, said = await send()
    assert not said
    assert not any("upload-old" in seen.path for seen in server.seen)


async def test_what_cannot_be_read_of_the_ledger_is_begun_anew(
    server: FaultServer, provider: Provider, ledger: Ledger, send: Any
) -> None:
    ledger.keep_partial_upload(provider.endpoint, "hash", {"upload_id": 7, "parts": "x"})
    file_id, _ = await send()
    assert file_id in server.files
