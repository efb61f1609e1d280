"""Tell what kind of log a file is from its beginning, whatever its name."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from typing import Any

from tui.logs.checksum import masked_length
from tui.logs.rows import STEPS, metric_names, number, step_of
from tui.logs.text import JsonLines, Output, Reader, Table, delimiter_of

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
_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


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
    if _TEXT.search(head[:4096]):
        return None
    if not head.strip():
        return ""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return _of_object(start)
    first, newline, rest = start.partition(b"\n")
    if not newline:
        return "output" if b"\r" in start or len(head) >= HEAD else ""
    return "csv" if _is_table(first, rest) else "output"


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
    names = [name.strip().strip('"') for name in header.split(mark)]
    if len(names) < 2 or any(number(name) is not None for name in names):
        return False
    if not all(_NAME.fullmatch(name) for name in names):
        return False
    line, newline, _ = rest.partition(b"\n")
    if not newline:
        return any(name.lower() in (*STEPS, "epoch") or _MEASURE.search(name) for name in names)
    cells = line.decode("utf-8", "replace").strip("\r").split(mark)
    numbers = sum(number(cell.strip()) is not None for cell in cells)
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
