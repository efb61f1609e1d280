"""Multipart requests read as they arrive, so that a large file goes straight to the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from tui.service.blobs import Incoming
from tui.service.errors import ApiError, bad_request, is_storage_full, storage_full

FIELD_LIMIT = 64 * 1024
_WRITE_BYTES = 1024 * 1024
_SPARE_BYTES = 64 * 1024 * 1024
_MOST_PARTS = 100


class UploadForm:
    """A form with one file among its fields.

    Attributes:
        fields: The text fields by name.
        incoming: The file, complete but not yet kept; ``None`` where the form has none.
        filename: The name the client gave it, without folders.
    """

    def __init__(self, folder: Path, file_field: str, limit: int) -> None:
        self.fields: dict[str, str] = {}
        self.incoming: Incoming | None = None
        self.filename = ""
        self._folder = folder
        self._file_field = file_field
        self._limit = limit
        self._headers: dict[bytes, bytes] = {}
        self._header = [b"", b""]
        self._name = ""
        self._text = bytearray()
        self._file = bytearray()
        self._complete = False
        self._parts = 0

    async def read(self, request: Request) -> None:
        """Read the whole request.

        Raises:
            ApiError: It is not a form, too large, cut off, or the disk is full; nothing is kept.
        """
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise bad_request("The request must be multipart/form-data, with the file in 'file'.")
        try:
            parser = MultipartParser(options[b"boundary"], self._callbacks())
        except FormParserError as error:
            raise bad_request(f"The form cannot be read: {error}") from error
        failure: ApiError | None = None
        spare = max(_SPARE_BYTES, self._limit)
        try:
            async for chunk in request.stream():
                if failure is None:
                    failure = await self._take(parser, chunk)
                elif (spare := spare - len(chunk)) < 0:
                    break
            if failure is not None:
                raise failure
            await self._flush()
            if not self._complete:
                raise bad_request("The request ended in the middle of the form.")
        except (Exception, asyncio.CancelledError, ClientDisconnect):
            self.discard()
            raise

    async def _take(self, parser: MultipartParser, chunk: bytes) -> ApiError | None:
        """Take a piece; an error is kept until the rest is read, for whoever writes hears none."""
        try:
            parser.write(chunk)
            if len(self._file) >= _WRITE_BYTES:
                await self._flush()
        except FormParserError as error:
            return bad_request(f"The form cannot be read: {error}")
        except ApiError as error:
            self.discard()
            return error
        return None

    def discard(self) -> None:
        """Drop the file."""
        if self.incoming is not None:
            self.incoming.discard()

    async def _flush(self) -> None:
        if self.incoming is not None and self._file:
            data, self._file = bytes(self._file), bytearray()
            await asyncio.to_thread(self.incoming.write, data)

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_header_field": lambda data, start, end: self._grow(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def _grow(self, which: int, data: bytes) -> None:
        self._header[which] += data
        if len(self._header[which]) > FIELD_LIMIT:
            raise bad_request("A header of the form is too long.")

    def _part_begin(self) -> None:
        self._headers = {}
        self._header = [b"", b""]
        self._name = ""
        self._text = bytearray()
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise bad_request("The form has too many parts.")

    def _header_end(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options or self._name != self._file_field:
            return
        if self.incoming is not None:
            raise bad_request("The form holds more than one file.", self._file_field)
        name = options[b"filename"].decode("utf-8", "replace")
        self.filename = name.replace("\\", "/").rsplit("/", 1)[-1]
        try:
            self.incoming = Incoming(self._folder, self._limit)
        except OSError as error:
            if is_storage_full(error):
                raise storage_full() from error
            raise

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self.incoming is not None and self._name == self._file_field:
            self._file += data[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > FIELD_LIMIT:
            raise ApiError(413, f"The field '{self._name}' is too long.", param=self._name)

    def _part_end(self) -> None:
        if self._name != self._file_field or self.incoming is None:
            self.fields[self._name] = self._text.decode("utf-8", "replace")

    def _end(self) -> None:
        self._complete = True
