"""The safe repairs of one record, each written into its text and nowhere else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tui.dataset.checker import shape
from tui.dataset.edit import Draft
from tui.dataset.formats.detect import record_format
from tui.dataset.model import Format
from tui.dataset.repair import keys, tools, values
from tui.dataset.repair.model import ON_REQUEST, SAFE, Repair, Work
from tui.dataset.rows import parse
from tui.dataset.rules.calling import Calling
from tui.dataset.rules.chat import plain
from tui.errors import UsageError

# In an order in which each finds what the ones before it have put right. Every step's edits are
# made before the next one looks.
_STEPS = (
    keys.rename_record_keys,
    keys.rename_message_keys,
    values.roles,
    tools.functions_into_tools,
    keys.remove_message_keys,
    keys.system_into_messages,
    keys.remove_record_keys,
    values.weights,
    values.developer,
    values.blank_messages,
    values.mojibake,
)


_CALLING = Calling(shape)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A record after its repairs.

    Attributes:
        raw: Its bytes; the very same ones where nothing was repaired.
        value: Its value.
        changes: What was done, in the order it was done.
    """

    raw: bytes
    value: object
    changes: tuple[Repair, ...] = ()


def chosen(rules: Collection[str]) -> frozenset[str]:
    """Return the repairs that names ask for; all safe ones where none is named.

    Raises:
        UsageError: There is no repair of that name.
    """
    for code in rules:
        if code not in SAFE and code not in ON_REQUEST:
            known = ", ".join((*SAFE, *ON_REQUEST))
            raise UsageError(f"there is no repair for {code!r}", f"use one of {known}")
    return frozenset(rules or SAFE)


def repair_record(
    raw: bytes,
    value: object,
    *,
    line: int = 1,
    format: Format = Format.CHAT,  # noqa: A002  (the word of the command line)
    codes: frozenset[str] | None = None,
) -> Repaired:
    """Make every safe repair a record needs.

    Args:
        raw: The record as written, on one line or several.
        value: The record parsed.
        line: Where it stands, for the account of what was done.
        format: The format of its file.
        codes: The repairs to make, from `chosen`; ``None`` makes all safe ones.
    """
    if not isinstance(value, dict):
        return Repaired(raw, value)
    wanted = frozenset(SAFE) if codes is None else codes
    if format is Format.CHAT and is_clean(value):
        # Of what has no fault only text that was decoded wrongly may still be repaired.
        if "mojibake" not in wanted:
            return Repaired(raw, value)
        wanted &= {"mojibake"}
    kind = _kind(value, format)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Repaired(raw, value)
    work = Work(Draft(text, value), line, kind, wanted, [])
    for step in (values.mojibake,) if wanted == {"mojibake"} else _STEPS:
        told = len(work.changes)
        step(work)
        if not work.draft.apply(parse):
            del work.changes[told:]
    if not work.changes:
        return Repaired(raw, value)
    return Repaired(work.draft.text.encode("utf-8"), work.value, tuple(work.changes))


def is_clean(record: dict[str, object]) -> bool:
    """Return whether a glance shows that a chat record has no fault in its format."""
    return plain(record) > 0 or ("tools" in record and _CALLING.plain(record)[1] is not None)


def _kind(record: dict[str, object], wanted: Format) -> Format:
    """Return the format whose repairs fit a record of a file of format ``wanted``."""
    kind = record_format(record)
    if kind is Format.UNKNOWN:
        return wanted
    if kind is Format.CHAT and wanted is Format.REINFORCEMENT:
        return wanted
    return kind
