"""What converting a file did, or would do."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.dataset.model import Format
from tui.dataset.repair.file import verdict_json
from tui.dataset.report import CheckReport

MAX_SKIPPED = 10_000
"""Skipped lines kept in the report; all are counted."""

MAX_REASONS = 200
"""Different reasons counted apart; the rest are counted together."""

_OTHER = "other reasons"


@dataclass(slots=True)
class ConvertReport:
    """What converting a file did.

    Attributes:
        file: The file read, as given; comes from outside, so clean it before showing it.
        output: The file written; empty where nothing is.
        kinds: Records written by the format they came from.
        format: The format written.
        records: Records read.
        written: Records written.
        skipped: Records that could not be converted, by reason; the reasons hold foreign text.
        skipped_lines: Where those stand, with the reason, up to `MAX_SKIPPED`.
        left_out: What of the records written could not be carried over, and how often.
        check: What checking the result found; ``None`` where it is in another format.
        target: Whom it was written for; empty for chat data as usual.
    """

    file: str
    output: str
    kinds: dict[str, int] = field(default_factory=dict)
    format: Format = Format.CHAT
    records: int = 0
    written: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_lines: list[tuple[int, str]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    check: CheckReport | None = None
    target: str = ""

    @property
    def faults(self) -> int:
        """Errors left in the result; that a file is small is nothing that went wrong on the way."""
        if self.check is None:
            return 0
        few = self.check.issues.by_code("too_few_examples")
        return self.check.errors - sum(issue.severity == "error" for issue in few)

    def skip(self, line: int, reason: str) -> str:
        """Count a record that cannot be converted; return the reason it is counted under."""
        reason = add(self.skipped, reason)
        if len(self.skipped_lines) < MAX_SKIPPED:
            self.skipped_lines.append((line, reason))
        return reason

    def to_json(self) -> dict[str, object]:
        """Return the object that ``convert --json`` prints."""
        total = sum(self.skipped.values())
        return {
            "file": self.file,
            "output": self.output,
            "from": dict(self.kinds),
            "format": str(self.format),
            **({"to": self.target} if self.target else {}),
            "records": self.records,
            "written": self.written,
            "skipped": total,
            "skipped_reasons": dict(self.skipped),
            "skipped_lines": [
                {"line": line, "reason": reason} for line, reason in self.skipped_lines
            ],
            "skipped_truncated": total > len(self.skipped_lines),
            "left_out": dict(self.left_out),
            "check": verdict_json(self.check),
        }


def add(counts: dict[str, int], what: str, by: int = 1) -> str:
    """Count something under its name, or with others where there are too many names.

    Returns:
        The name it is counted under.
    """
    if what not in counts and len(counts) >= MAX_REASONS:
        what = _OTHER
    counts[what] = counts.get(what, 0) + by
    return what
