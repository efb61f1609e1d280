"""Reading one record: its bytes, its text, its value, and what the rules say about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from tui.dataset.checker import Checker, CheckSettings
from tui.dataset.formats.detect import file_format
from tui.dataset.model import Format, Issue
from tui.dataset.profile import Profile, get_profile
from tui.dataset.signature import BOM
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.dataset.index import LineIndex

READ_LIMIT = 1 << 20
"""Bytes of a record read for showing, unless told otherwise."""

_SAMPLE = 1 << 20
_MOST_SAMPLE = 64 << 20
_SAMPLE_RECORDS = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read from the file.

    Attributes:
        line: The 1-based line it starts on.
        offset: Its first byte in the file.
        size: Its bytes, all of them.
        raw: Those read: all, unless it is longer than the limit.
        cut: Whether ``raw`` is less than the record.
        text: ``raw`` as text; bytes that are not UTF-8 stand as U+FFFD. Not cleaned.
        value: The parsed record; ``None`` where it does not parse or was cut.
        issues: What the rules for single records say; nothing where it was cut.
    """

    line: int
    offset: int
    size: int
    raw: bytes
    cut: bool
    text: str
    value: object | None
    issues: tuple[Issue, ...]


def unchecked_record(
    source: Source, index: LineIndex, i: int, limit: int = READ_LIMIT
) -> tuple[Record, int]:
    """Read record ``i`` (0-based) without a look at what is in it.

    Returns:
        The record, without value and issues, and the 1-based column it starts at.

    Raises:
        FileError: The file cannot be read.
        IndexError: The index does not reach that far.
    """
    offset, size = index.span(i)
    line, column = index.place(source, i)
    raw = source.read(offset, min(size, limit))
    if offset == 0 and raw.startswith(BOM):
        raw = raw[len(BOM) :]
    text = raw.decode("utf-8", "replace")
    return Record(line, offset, size, raw, size > limit, text, None, ()), column


def check_record(
    unchecked: tuple[Record, int],
    *,
    profile: Profile | str = "openai",
    format: Format | str = Format.CHAT,  # noqa: A002  (the word of the command line)
) -> Record:
    """Return what `unchecked_record` gave with its value and issues; reads nothing.

    Only rules that need no other record are asked. Token limits are left to the scan, which has
    the vocabulary loaded.
    """
    record, column = unchecked
    if record.cut or not record.raw or record.raw.isspace():
        return record
    name = profile if isinstance(profile, str) else profile.name
    checked = _checker(name, Format(format)).check(record.raw, record.line, column)
    return replace(record, value=checked.value, issues=tuple(checked.issues))


def record_from(
    raw: bytes,
    *,
    line: int,
    offset: int = 0,
    column: int = 1,
    profile: Profile | str = "openai",
    format: Format | str = Format.CHAT,  # noqa: A002  (the word of the command line)
) -> Record:
    """Return a record from its bytes, such as those a person edited, with its issues.

    Args:
        raw: All of its bytes.
        line: The 1-based line it starts on.
        offset: Where it starts in the file.
        column: The 1-based column it starts at.
        profile: Whose rules apply.
        format: The format of the file.
    """
    name = profile if isinstance(profile, str) else profile.name
    checked = _checker(name, Format(format)).check(raw, line, column)
    text = raw.decode("utf-8", "replace")
    issues = tuple(checked.issues)
    return Record(line, offset, len(raw), raw, False, text, checked.value, issues)


@lru_cache(maxsize=32)
def _checker(profile: str, kind: Format) -> Checker:
    return Checker(CheckSettings(get_profile(profile), kind))


def sniff_format(source: Source) -> Format:
    """Return the format of a file from its first records, without reading more than it must."""
    return file_format(_sample(source))


def _sample(source: Source) -> Iterator[object]:
    from tui.dataset.arrays import array_spans, is_array

    if is_array(source):
        for number, span in enumerate(array_spans(source, 0, source.size)):
            yield _parse(source.read(span.offset, min(span.length, _MOST_SAMPLE)))
            if number >= _SAMPLE_RECORDS or span.offset > _SAMPLE:
                return
        return
    head = _whole_lines(source)
    found = 0
    for raw in head.split(b"\n"):
        value = _parse(raw)
        if value is not None:
            yield value
            found += 1
            if found >= _SAMPLE_RECORDS:
                return
    if not found:
        yield from _spread(head)


def _whole_lines(source: Source) -> bytes:
    size = _SAMPLE
    while True:
        head = source.read(0, size).removeprefix(BOM)
        if len(head) + len(BOM) < size or size >= _MOST_SAMPLE:
            return head
        end = head.rfind(b"\n")
        if end >= 0:
            return head[:end]
        size *= 4


def _parse(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except (ValueError, RecursionError):
        return None


def _spread(head: bytes) -> Iterator[object]:
    """Yield the objects of a file that has each of them on several lines."""
    text = head[: 4 * _SAMPLE].decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    here = 0
    for _ in range(20):
        here = len(text) - len(text[here:].lstrip())
        try:
            value, here = decoder.raw_decode(text, here)
        except (ValueError, RecursionError):
            return
        yield value
