from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.service.suite.conftest import Target
from tests.service.suite.data import CHAT, upload

PART = 64 * 1024


def test_a_file_from_upload_to_deletion(client: openai.OpenAI) -> None:
    file = client.files.create(file=("train.jsonl", CHAT), purpose="fine-tune")
    assert (file.object, file.purpose, file.bytes) == ("file", "fine-tune", len(CHAT))
    assert file.id.startswith("file-")
    ready = client.files.wait_for_processing(file.id, poll_interval=0.1)
    assert ready.status == "processed"
    assert client.files.retrieve(file.id).filename == "train.jsonl"
    deleted = client.files.delete(file.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (file.id, True, "file")
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(file.id)
    assert caught.value.type == "invalid_request_error"


def test_files_page_by_page_in_both_orders(client: openai.OpenAI) -> None:
    ids = [upload(client, name=f"{n}.jsonl") for n in range(5)]
    try:
        down = client.files.list(limit=2, order="desc", purpose="fine-tune")
        assert len(down.data) == 2
        assert down.has_more
        seen = [file.id for file in client.files.list(limit=2, purpose="fine-tune")]
        assert len(seen) == len(set(seen))
        assert [one for one in seen if one in ids] == ids[::-1]
        up = [file.id for file in client.files.list(limit=3, order="asc", purpose="fine-tune")]
        assert up == seen[::-1]
        after = client.files.list(limit=1, order="asc", after=ids[0], purpose="fine-tune")
        assert after.data[0].id == ids[1]
        assert not any(file.id in ids for file in client.files.list(purpose="fine-tune-results"))
    finally:
        for file_id in ids:
            client.files.delete(file_id)


async def test_the_same_by_the_asynchronous_client(aclient: openai.AsyncOpenAI) -> None:
    file = await aclient.files.create(file=("train.jsonl", CHAT), purpose="fine-tune")
    assert file.id in [one.id async for one in aclient.files.list(limit=100)]
    assert (await aclient.files.delete(file.id)).deleted


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"file": ("a.txt", CHAT), "purpose": "fine-tune"}, "file"),
        ({"file": ("a.jsonl", CHAT), "purpose": "nonsense"}, "purpose"),
        ({"file": ("a.jsonl", CHAT), "purpose": ""}, "purpose"),
    ],
)
def test_a_wrong_file_is_refused(
    client: openai.OpenAI, arguments: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(**arguments)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param in (param, None)


def test_a_file_that_expires(client: openai.OpenAI) -> None:
    file = client.files.create(
        file=("train.jsonl", CHAT),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at == file.created_at + 3600
    client.files.delete(file.id)
    for wrong in ({"anchor": "created_at", "seconds": 60}, {"anchor": "now", "seconds": 3600}):
        with pytest.raises(openai.BadRequestError):
            client.files.create(
                file=("train.jsonl", CHAT), purpose="fine-tune", expires_after=wrong
            )


def test_a_file_in_parts(client: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(CHAT * 300)
    upload = client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=PART
    )
    assert upload.status == "completed"
    assert upload.file
    assert upload.file.bytes == path.stat().st_size
    client.files.delete(upload.file.id)


def test_parts_in_the_order_told_with_their_checksum(client: openai.OpenAI) -> None:
    whole = CHAT * 2
    upload = client.uploads.create(
        filename="a.jsonl", purpose="fine-tune", bytes=len(whole), mime_type="text/jsonl",
    )  # fmt: skip
    assert upload.status == "pending"
    assert upload.expires_at - upload.created_at == 3600
    second = client.uploads.parts.create(upload.id, data=whole[100:])
    first = client.uploads.parts.create(upload.id, data=whole[:100])
    assert first.upload_id == upload.id
    with pytest.raises(openai.BadRequestError):
        client.uploads.complete(upload.id, part_ids=[first.id])
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    done = client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5=md5)
    assert done.file
    for ask in (
        lambda: client.uploads.parts.create(upload.id, data=b"x"),
        lambda: client.uploads.complete(upload.id, part_ids=[first.id, second.id]),
        lambda: client.uploads.cancel(upload.id),
    ):
        with pytest.raises(openai.BadRequestError):
            ask()
    client.files.delete(done.file.id)


def test_an_upload_that_is_given_up(client: openai.OpenAI) -> None:
    upload = client.uploads.create(
        filename="a.jsonl", purpose="fine-tune", bytes=10, mime_type="text/jsonl"
    )
    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.NotFoundError):
        client.uploads.cancel("upload_nothing")


@pytest.mark.own
def test_a_part_over_the_limit_is_refused_and_heard(client: openai.OpenAI) -> None:
    size = 65 * 1024 * 1024
    upload = client.uploads.create(
        filename="a.jsonl", purpose="fine-tune", bytes=size, mime_type="text/jsonl"
    )
    with pytest.raises(openai.APIStatusError) as caught:
        client.uploads.parts.create(upload.id, data=b"x" * size)
    assert caught.value.status_code == 413
    client.uploads.cancel(upload.id)


@pytest.mark.own
def test_a_file_comes_back_as_it_was(client: openai.OpenAI, target: Target) -> None:
    file_id = upload(client)
    assert client.files.content(file_id).content == CHAT
    stranger = openai.OpenAI(base_url=target.base_url, api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.files.content(file_id)
    assert caught.value.code == "invalid_api_key"
    client.files.delete(file_id)
