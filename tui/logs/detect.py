"""Tell what kind of log a file is from its beginning, whatever its name."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
from collections.abc import Callable
from typing import Any

from tui.logs.checksum import masked_length
from tui.logs.output import Output
from tui.logs.rows import STEPS, metric_names, named, step_of
from tui.logs.text import JsonLines, Reader, Table, cells_of, delimiter_of
from tui.loose import number_of

HEAD = 64 * 1024
KINDS = {
    "events": "TensorBoard events",
    "state": "Hugging Face trainer state",
    "jsonl": "JSON lines",
    "csv": "CSV",
    "output": "trainer output",
}
_MEASURE = re.compile(r"loss|reward|acc|ppl|perplexity|score|grad_norm|\blr\b|learning_rate", re.I)
# What a dataset's rows have; it may hold numbers too.
_DATASET = frozenset({"messages", "prompt", "text", "input", "preferred_output", "conversations"})
# A column's name; "loss 2.31" and "{'loss': 1" are not.
_NAME = re.compile(r"(?![^\W\d]+ [\d.]+$)[\w ./()%@#-]{1,80}")
# Text has next to none of these; bells and backspaces are common, where bars are drawn anew.
_CONTROL = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 1 / 16
_COMMENTS = re.compile(rb"(?:#[^\n]*\n\s*)+")
_ARRAY = re.compile(rb"\[\s*\{\s*\"")


def beginning(file: int) -> tuple[int, bytes]:
    """Return where a file begins, and its first bytes there, 64 KB at most.

    A file that was emptied while its writer went on at its place has a hole of zeros in front.
    """
    at, head = 0, os.pread(file, HEAD, 0)
    if head and not head.strip(b"\0") and hasattr(os, "SEEK_DATA"):
        with contextlib.suppress(OSError):
            at = os.lseek(file, 0, os.SEEK_DATA)
    while head and not head.strip(b"\0"):
        head = os.pread(file, HEAD, at)
        at += len(head) if not head.strip(b"\0") else 0
    return at, head


def kind_of(head: bytes) -> str | None:
    """Return which of :data:`KINDS` a file is.

    Args:
        head: Its first bytes, 64 KB at most.

    Returns:
        A key of :data:`KINDS`; empty while there is too little to tell; ``None`` when it is
        something else, such as a picture or a dataset.
    """
    if _is_events(head):
        return "events"
    if len(head) < 12 and head.strip(b"\x00") != head:
        return ""
    head = head.lstrip(b"\x00")
    if not _is_text(head[:4096]):
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        return ""
    if start.startswith(b"{"):
        return _of_object(start)
    if _ARRAY.match(start):
        return "state"
    comments = _COMMENTS.match(start)
    start = start[comments.end() :] if comments else start
    first, newline, rest = start.partition(b"\n")
    if not newline:
        return "output" if b"\r" in start or len(head) >= HEAD else ""
    return "csv" if _is_table(first, rest) else "output"


def _is_text(data: bytes) -> bool:
    return b"\x00" not in data and len(_CONTROL.findall(data)) <= len(data) * _MOST_CONTROL


def _is_events(head: bytes) -> bool:
    if len(head) < 12:
        return False
    length, crc = struct.unpack_from("<QI", head)
    return bool(length < 1 << 32 and masked_length(length) == crc)


def _of_object(text: bytes) -> str | None:
    first, newline, rest = text.partition(b"\n")
    found = _loaded(first)
    if isinstance(found, dict):
        if "log_history" in found:
            return "state"
        if _is_metrics(found):
            return "jsonl"
        if _DATASET & found.keys():
            return None
        second = _loaded(rest.partition(b"\n")[0])
        return "jsonl" if isinstance(second, dict) and _is_metrics(second) else "output"
    if first.lstrip().startswith((b"{'", b'{"')) and first.rstrip().endswith(b"}"):
        return "output"
    if b'"log_history"' in text or b'"is_hyper_param_search"' in text:
        return "state"
    # A state that is just being written, or a line without its end.
    return "output" if newline and len(text) >= HEAD else ""


def _loaded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_metrics(found: dict[str, Any]) -> bool:
    if _DATASET & found.keys():
        return False
    names = metric_names(found)
    if not names:
        return False
    return step_of(found) is not None or any(_MEASURE.search(name) for name in names)


def _is_table(first: bytes, rest: bytes) -> bool:
    header = first.decode("utf-8", "replace").lstrip("\ufeff").strip()
    mark = delimiter_of(header)
    names = [name.strip() for name in cells_of(header, mark)]
    if len(names) < 2 or any(number_of(name) is not None for name in names):
        return False
    if not all(_NAME.fullmatch(name) for name in names):
        return False
    line, newline, _ = rest.partition(b"\n")
    if not newline:
        known = map(named, names)
        return any(name.lower() in (*STEPS, "epoch") or _MEASURE.search(name) for name in known)
    text = line.decode("utf-8", "replace").strip("\r")
    cells = cells_of(text.replace(",", ".") if mark == ";" else text, mark)
    numbers = sum(number_of(cell.strip()) is not None for cell in cells)
    return len(cells) == len(names) and numbers >= 2


def reader_of(kind: str) -> Reader:
    """Return a new reader for a kind that is read as it grows."""
    from tui.logs.events import EventFile

    makers: dict[str, Callable[[], Reader]] = {
        "events": EventFile,
        "jsonl": JsonLines,
        "csv": Table,
        "output": Output,
    }
    return makers[kind]()
