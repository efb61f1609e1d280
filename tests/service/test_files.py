from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import openai
import pytest

from tests.service.conftest import CHAT, Deck, jsonl


async def test_a_file_comes_back_as_it_was(deck: Deck) -> None:
    data = jsonl(CHAT) + b"\xff\x00 anything \r\n--boundary\r\n"
    file = await deck.client.files.create(file=("a b.jsonl", data), purpose="fine-tune")
    assert file.bytes == len(data)
    assert file.filename == "a b.jsonl"
    assert (file.object, file.purpose, file.status) == ("file", "fine-tune", "processed")
    assert await deck.client.files.retrieve(file.id) == file
    assert (await deck.client.files.content(file.id)).content == data


async def test_a_large_file_is_streamed_to_disk_whole(deck: Deck, tmp_path: Path) -> None:
    path = tmp_path / "large.JSONL"
    path.write_bytes(jsonl(CHAT) * 4000)
    with path.open("rb") as source:
        file = await deck.client.files.create(file=source, purpose="fine-tune")
    stored = (deck.folder / "files" / file.id).read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(path.read_bytes()).digest()
    assert file.filename == "large.JSONL"


async def test_file_names_keep_no_folders(deck: Deck) -> None:
    file_id = await deck.upload(name="../../etc/naïve \N{PILE OF POO}.jsonl")
    assert (await deck.client.files.retrieve(file_id)).filename == "naïve \N{PILE OF POO}.jsonl"


async def test_lists_page_newest_first(deck: Deck) -> None:
    ids = [await deck.upload(name=f"{n}.jsonl") for n in range(5)]
    first = await deck.client.files.list(limit=2)
    assert [file.id for file in first.data] == ids[:2:-1]
    assert first.has_more
    assert [file.id async for file in deck.client.files.list(limit=2)] == ids[::-1]
    assert [file.id async for file in deck.client.files.list(limit=2, order="asc")] == ids
    assert not (await deck.client.files.list(purpose="fine-tune-results")).data


async def test_a_deleted_file_is_gone(deck: Deck) -> None:
    file_id = await deck.upload()
    assert (await deck.client.files.delete(file_id)).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        await deck.client.files.retrieve(file_id)
    assert caught.value.body == {
        "message": f"No such File object: {file_id}",
        "type": "invalid_request_error",
        "param": "id",
        "code": None,
    }
    for ask in (deck.client.files.delete, deck.client.files.content):
        with pytest.raises(openai.NotFoundError):
            await ask(file_id)
    assert not list((deck.folder / "files").iterdir())


@pytest.mark.parametrize(
    ("name", "data", "purpose", "param"),
    [
        ("a.txt", b"{}", "fine-tune", "file"),
        ("a.jsonl", b"{}", "magic", "purpose"),
        ("a.jsonl", b"", "fine-tune", "file"),
    ],
)
async def test_a_wrong_upload_keeps_nothing(
    deck: Deck, name: str, data: bytes, purpose: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await deck.client.files.create(file=(name, data), purpose=purpose)
    assert caught.value.param == param
    assert not list((deck.folder / "files").iterdir())


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\nfine-tune\r\n--x--\r\n",
         "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
    ],
)  # fmt: skip
async def test_what_is_no_upload_is_refused(deck: Deck, body: bytes, content_type: str) -> None:
    answer = await deck.http.post("/v1/files", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not list((deck.folder / "files").iterdir())


async def test_an_upload_over_the_limit_is_refused(tmp_path: Path) -> None:
    deck = Deck(tmp_path / "data", max_upload_bytes=1000)
    try:
        with pytest.raises(openai.APIStatusError) as caught:
            await deck.upload(b"x" * 1001)
        assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
        assert not list((deck.folder / "files").iterdir())
    finally:
        await deck.close()


async def test_a_cut_upload_keeps_nothing(deck: Deck) -> None:
    async def body():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
        yield b"{}" * 2_000_000
        raise ConnectionResetError

    # The client's own error, or the application's answer to it, as the transport has it.
    with contextlib.suppress(ConnectionResetError):
        answer = await deck.http.post(
            "/v1/files",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert answer.status_code == 500
    assert not list((deck.folder / "files").iterdir())


async def test_leftovers_of_a_killed_service_are_cleared(deck: Deck) -> None:
    (deck.folder / "files" / "incoming-0123").write_bytes(b"half")
    await deck.restart()
    assert not list((deck.folder / "files").iterdir())


async def test_a_file_in_parts(deck: Deck, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(jsonl(CHAT) * 50)
    upload = await deck.client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=20_000
    )
    assert (upload.status, upload.file.bytes) == ("completed", path.stat().st_size)
    assert (await deck.client.files.content(upload.file.id)).content == path.read_bytes()
    assert not list((deck.folder / "uploads").iterdir())
    with pytest.raises(openai.BadRequestError):
        await deck.client.uploads.cancel(upload.id)


async def test_parts_that_do_not_fit_are_refused_and_can_be_given_up(deck: Deck) -> None:
    uploads = deck.client.uploads

    async def begin(**changes: object) -> str:
        values = {"filename": "a.jsonl", "purpose": "fine-tune", "bytes": 4, "mime_type": "x"}
        return (await uploads.create(**{**values, **changes})).id

    for change in ({"filename": "a.txt"}, {"purpose": "magic"}, {"bytes": 0}):
        with pytest.raises(openai.BadRequestError):
            await begin(**change)
    upload_id = await begin()
    part = (await uploads.parts.create(upload_id, data=b"{}\n")).id
    for wrong in ({"part_ids": [part]}, {"part_ids": []}, {"part_ids": ["../x"]},
                  {"part_ids": [part, part]}):  # fmt: skip
        with pytest.raises(openai.BadRequestError):
            await uploads.complete(upload_id, **wrong)
    rest = (await uploads.parts.create(upload_id, data=b"\n")).id
    with pytest.raises(openai.BadRequestError) as caught:
        await uploads.complete(upload_id, part_ids=[part, rest], md5="0" * 32)
    assert caught.value.code == "checksum_mismatch"
    assert (await uploads.cancel(upload_id)).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        await uploads.parts.create(upload_id, data=b"x")
    with pytest.raises(openai.NotFoundError):
        await uploads.cancel("upload-none")
    assert not list((deck.folder / "files").iterdir())
