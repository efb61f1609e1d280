"""What a check found: counts that are exact, and a log of issues that stays small."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import Any, overload

from tui.dataset.model import Format, Issue, Severity

MAX_ISSUES = 100_000
"""Issues kept with their words unless told otherwise; all are counted."""

_Words = tuple[str, str, str, Severity, str, bool]


class _Issues(Sequence[Issue]):
    """A sequence of issues; a subclass gives the issue at a place from 0 on."""

    def _one(self, index: int) -> Issue:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Issue: ...
    @overload
    def __getitem__(self, index: slice) -> list[Issue]: ...
    def __getitem__(self, index: int | slice) -> Issue | list[Issue]:
        """Return one issue, or a list of them for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        size = len(self)
        if not -size <= index < size:
            raise IndexError(index)
        return self._one(index % size)


class IssueLog(_Issues):
    """Issues in line order, those about the whole file first.

    Positions are kept in integer arrays and the words of each issue once, however often they
    repeat, so that a hundred thousand issues are a few megabytes.

    Args:
        limit: Issues kept; more are dropped, and `truncated` says so.
    """

    def __init__(self, issues: Iterable[Issue] = (), *, limit: int = MAX_ISSUES) -> None:
        self.limit = limit
        self.truncated = False
        self._file: list[Issue] = []
        self._lines = array("q")
        self._columns = array("q")
        self._words = array("q")
        self._table: list[_Words] = []
        self._ids: dict[_Words, int] = {}
        self._codes: dict[str, array[int]] = {}
        self.extend(issues)

    def extend(self, issues: Iterable[Issue]) -> None:
        """Add issues; each on no earlier line than the last, but for those of the whole file."""
        for issue in issues:
            if issue.line <= 0:
                self._file.append(issue)
                continue
            if len(self._lines) >= self.limit:
                self.truncated = True
                return
            words = (
                issue.path, issue.code, issue.message, issue.severity, issue.hint, issue.fixable,
            )  # fmt: skip
            number = self._ids.get(words)
            if number is None:
                number = self._ids[words] = len(self._table)
                self._table.append(words)
            self._codes.setdefault(issue.code, array("q")).append(len(self._lines))
            self._columns.append(issue.column)
            self._words.append(number)
            self._lines.append(issue.line)

    def weave(self, issues: Sequence[Issue]) -> None:
        """Put issues, in line order, between those there are; some may stand on the same lines."""
        if not issues:
            return
        # A log that may keep none is full before its first issue.
        end = (self._lines[-1] if self._lines else 0) if self.truncated else None
        fitting = [issue for issue in issues if end is None or issue.line <= end]
        whole = [self._at(i) for i in range(len(self._lines))]
        made = IssueLog(limit=self.limit)
        made.extend(merge(whole, fitting, key=lambda issue: (issue.line, issue.column)))
        made.truncated = made.truncated or self.truncated or len(fitting) < len(issues)
        for name in ("_lines", "_columns", "_words", "_table", "_ids", "_codes", "truncated"):
            setattr(self, name, getattr(made, name))

    def copy(self) -> IssueLog:
        """Return a log with the same issues, which does not change with this one."""
        made = IssueLog(limit=self.limit)
        made.truncated = self.truncated
        made._file, made._table, made._ids = list(self._file), list(self._table), dict(self._ids)
        made._lines, made._columns, made._words = self._lines[:], self._columns[:], self._words[:]
        made._codes = {code: places[:] for code, places in self._codes.items()}
        return made

    def state(self) -> dict[str, Any]:
        """Return everything the log holds, as JSON values and arrays of 64-bit integers."""
        return {
            "limit": self.limit,
            "truncated": self.truncated,
            "file": [_fields(issue) for issue in self._file],
            "table": list(self._table),
            "lines": self._lines,
            "columns": self._columns,
            "words": self._words,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> IssueLog:
        """Return the log that gave a `state`.

        Raises:
            KeyError: Something is missing in it.
            TypeError: Something is not of its type.
            ValueError: Something has a value that cannot be.
            IndexError: It speaks of words that are not there.
        """
        made = cls(limit=int(state["limit"]))
        made.truncated = bool(state["truncated"])
        made._file = [_issue(fields) for fields in state["file"]]
        made._table = [
            (path, code, message, Severity(severity), hint, bool(fixable))
            for path, code, message, severity, hint, fixable in state["table"]
        ]
        made._ids = {words: number for number, words in enumerate(made._table)}
        for name in ("lines", "columns", "words"):
            getattr(made, f"_{name}").frombytes(bytes(state[name]))
        codes = [words[1] for words in made._table]
        for place, number in enumerate(made._words):
            made._codes.setdefault(codes[number], array("q")).append(place)
        return made

    def __len__(self) -> int:
        return len(self._file) + len(self._lines)

    def _one(self, index: int) -> Issue:
        if index < len(self._file):
            return self._file[index]
        return self._at(index - len(self._file))

    def __iter__(self) -> Iterator[Issue]:
        yield from self._file
        for i in range(len(self._lines)):
            yield self._at(i)

    def codes(self) -> list[str]:
        """Return the codes that have issues here, in no particular order."""
        return list({*self._codes, *(issue.code for issue in self._file)})

    def by_code(self, code: str) -> Sequence[Issue]:
        """Return a live view of one code's issues, in line order."""
        return _View(self, code)

    def for_line(self, line: int) -> list[Issue]:
        """Return the issues of one line; of the whole file for line 0."""
        if line <= 0:
            return list(self._file)
        first, last = bisect_left(self._lines, line), bisect_right(self._lines, line)
        return [self._at(i) for i in range(first, last)]

    def next_line(self, after_line: int, direction: int = 1) -> int | None:
        """Return the nearest line with an issue after a line, or before it where direction < 0."""
        if direction >= 0:
            i = bisect_right(self._lines, after_line)
            return self._lines[i] if i < len(self._lines) else None
        i = bisect_left(self._lines, after_line)
        return self._lines[i - 1] if i > 0 else None

    def _at(self, index: int) -> Issue:
        path, code, message, severity, hint, fixable = self._table[self._words[index]]
        return Issue(
            self._lines[index],
            self._columns[index],
            path,
            code,
            severity,
            message,
            hint,
            fixable,
        )


def _fields(issue: Issue) -> list[Any]:
    return [getattr(issue, name) for name in Issue.__slots__]


def _issue(fields: Sequence[Any]) -> Issue:
    made = Issue(*fields)
    return replace(made, severity=Severity(made.severity))


class _View(_Issues):
    """One code's issues within a log."""

    def __init__(self, log: IssueLog, code: str) -> None:
        self._log = log
        self._code = code

    def _file(self) -> list[Issue]:
        return [issue for issue in self._log._file if issue.code == self._code]

    def __len__(self) -> int:
        return len(self._file()) + len(self._log._codes.get(self._code, ()))

    def _one(self, index: int) -> Issue:
        ahead = self._file()
        if index < len(ahead):
            return ahead[index]
        return self._log._at(self._log._codes[self._code][index - len(ahead)])


@dataclass(slots=True)
class CheckReport:
    """What checking a file found.

    Attributes:
        file: The name as given; comes from outside, so clean it before showing it.
        bytes: Its size, after decompression.
        format: The format of its records.
        records: Lines that are not blank (elements, in a JSON array); an object spread over
            several lines is one record.
        blank_lines: Lines with nothing on them.
        valid: Records without an error.
        errors: Issues that are errors.
        warnings: Issues that are warnings.
        advice: Issues that are advice.
        counts: How often each code was found; exact even where `issues` is cut.
        issues: The issues, those about the whole file first, then in line order.
        lines: Physical lines of the file; 0 for a JSON array.
        complete: Whether the whole file was read.
        notes: What there is to know about the check itself, in sentences.
    """

    file: str
    bytes: int = 0
    format: Format = Format.UNKNOWN
    records: int = 0
    blank_lines: int = 0
    valid: int = 0
    errors: int = 0
    warnings: int = 0
    advice: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    issues: IssueLog = field(default_factory=IssueLog)
    lines: int = 0
    complete: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def issues_truncated(self) -> bool:
        """Whether more issues were found than are kept."""
        return self.issues.truncated

    def copy(self) -> CheckReport:
        """Return the same report, which does not change with this one."""
        return replace(
            self, counts=dict(self.counts), issues=self.issues.copy(), notes=list(self.notes)
        )

    def to_json(self) -> dict[str, object]:
        """Return the object that ``check --json`` prints."""
        return {
            "file": self.file,
            "bytes": self.bytes,
            "format": str(self.format),
            "records": self.records,
            "blank_lines": self.blank_lines,
            "valid": self.valid,
            "errors": self.errors,
            "warnings": self.warnings,
            "advice": self.advice,
            "counts": dict(self.counts),
            "issues": [issue.to_json() for issue in self.issues],
            "issues_truncated": self.issues_truncated,
            **({"notes": list(self.notes)} if self.notes else {}),
        }
