"""The words every part of the dataset package shares: severity, format, finding, issue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

JsonPath = tuple[str | int, ...]
"""The way from the record to a value: keys and 0-based positions, ``("messages", 1, "role")``."""


class Severity(StrEnum):
    """How much an issue matters.

    ``error``: a provider rejects the file or the job, or trains something else than was meant.
    ``warning``: accepted but likely wrong. ``advice``: about quality.
    """

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


class Format(StrEnum):
    """What kind of training record a file holds."""

    CHAT = "chat"
    PREFERENCE = "preference"
    REINFORCEMENT = "reinforcement"
    COMPLETION = "completion"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Issue:
    """What a rule found, and where.

    Attributes:
        line: 1-based line in the file; 0 for something about the whole file.
        column: 1-based, in characters of that line, at the value at fault, or at the key when the
            key is at fault; 0 for something about the whole file.
        path: The JSON path within the record, such as ``messages[1].role``; empty for the
            whole line.
        code: The rule's name.
        severity: How much it matters under the profile in use.
        message: What was found, cleaned for any screen.
        hint: What to do about it.
        fixable: Whether a safe repair by machine exists.
    """

    line: int
    column: int
    path: str
    code: str
    severity: Severity
    message: str
    hint: str
    fixable: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the issue as the command line's ``--json`` writes it."""
        return {
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "hint": self.hint,
            "fixable": self.fixable,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about a parsed record, before it is known where in the line that stands.

    Attributes:
        code: The rule's name.
        path: The value at fault.
        message: What was found.
        hint: What to do.
        at_key: The key of ``path`` is at fault, not its value.
        fixable: Whether a repair exists; ``None`` takes the rule's own word.
    """

    code: str
    path: JsonPath
    message: str
    hint: str
    at_key: bool = False
    fixable: bool | None = None
