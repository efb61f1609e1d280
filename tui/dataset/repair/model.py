"""What a repair is called, and what it says it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tui.dataset.edit import Draft
from tui.dataset.locate import write_path
from tui.dataset.model import Format, JsonPath

SAFE = {
    "byte_order_mark": "removed",
    "blank_line": "removed",
    "invalid_json": "commas too many and code fences around records removed",
    "pretty_printed": "written on one line",
    "unrecognized_role": "written as the role that is meant",
    "message_unrecognized_key": "removed, or renamed where it is clear what is meant",
    "record_unrecognized_key": "removed, or renamed where it is clear what is meant",
    "functions_deprecated": "written as tools and tool calls",
    "invalid_weight": "written as 0 or 1, removed from messages that are not trained",
    "missing_output": "the older names of preference outputs renamed",
    "duplicate_example": "exact copies of an earlier record left out",
}
"""The repairs made unless told otherwise, by the code of the rule that asks for them."""

ON_REQUEST = {
    "mojibake": "text that was decoded wrongly decoded again",
    "developer_role": "written as system",
    "blank_content": "messages of white space only left out",
}
"""Repairs that change what was written on purpose now and then: made only when named."""

QUOTED = 200
"""Characters of a value kept in the account of a change."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing a repair changed.

    Attributes:
        line: The 1-based line in the file read.
        code: The rule that asked for it.
        path: Where in the record; empty for the whole line.
        action: ``removed``, ``renamed``, ``rewritten``, ``added`` or ``dropped`` (the whole line).
        before: What stood there, as JSON, cut; comes from the file, so clean it before showing it.
        after: What stands there now, likewise; empty where nothing does.
    """

    line: int
    code: str
    path: str
    action: str
    before: str = ""
    after: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the change as ``fix --json`` writes it."""
        return {
            "line": self.line,
            "code": self.code,
            "path": self.path,
            "action": self.action,
            "before": self.before,
            "after": self.after,
        }


@dataclass(slots=True)
class Work:
    """One record under repair.

    Attributes:
        draft: Its text and value.
        line: The line it starts on.
        kind: The format its repairs follow.
        codes: The repairs that may be made.
        changes: What was done.
    """

    draft: Draft
    line: int
    kind: Format
    codes: frozenset[str]
    changes: list[Repair]

    @property
    def value(self) -> dict[str, Any]:
        """The record as it is now."""
        return self.draft.value

    def may(self, code: str) -> bool:
        """Return whether a repair was asked for."""
        return code in self.codes

    def lists(self) -> Iterator[tuple[JsonPath, list[Any]]]:
        """Yield every list of messages in the record, with its path."""
        paths: tuple[JsonPath, ...] = (("messages",),)
        if self.kind is Format.PREFERENCE:
            paths = (("input", "messages"), ("preferred_output",), ("non_preferred_output",))
        for path in paths:
            here: Any = self.value
            for name in path:
                here = here.get(name) if isinstance(here, dict) else None
            if isinstance(here, list):
                yield path, here

    def messages(self) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
        """Yield every message that is an object, with its path."""
        for path, entries in self.lists():
            for position, entry in enumerate(entries):
                if isinstance(entry, dict):
                    yield (*path, position), entry

    def note(
        self, code: str, path: JsonPath, action: str, before: object = None, after: object = None
    ) -> None:
        """Keep account of a change."""
        self.changes.append(
            Repair(
                self.line,
                code,
                write_path(path),
                action,
                "" if before is None else self.shown(before),
                "" if after is None else self.shown(after),
            )
        )

    def shown(self, value: object) -> str:
        """Write a value for the account, cut."""
        text = self.draft.dumps(value)
        return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
