"""One range of a file to what was found in it: the work of a scan, in whichever process.

A range is the lines that *start* between two offsets; its last line is read to its end, past the
range where needed. An object spread over several lines is followed to its end in the same way, and
the range then ends there: whoever merges ranges sees that, and has the next one begin after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import orjson

from tui.dataset.checker import Checked, Checker, CheckSettings, quotes_match
from tui.dataset.machine import JsonMachine
from tui.dataset.model import Format, Issue, Severity
from tui.dataset.rules.chat import PLAIN_SHIFT, PLAIN_SYSTEM, PLAIN_USER, plain
from tui.dataset.rules.tally import Tally
from tui.errors import FileError

if TYPE_CHECKING:
    from tui.tokens import ExampleCounter, TokenRows

RANGE = 4 << 20
"""Bytes a range starts with."""

MAX_LINE = 512 << 20
"""The longest line that is parsed; no provider takes a file that large in one request."""

MAX_SPREAD = 64 << 20
"""The most text one object spread over lines may have."""

# What reading one more line costs, besides its bytes, when an object is followed over lines.
_LINE_COST = 64

_BLOCK = 256 << 10
_COUNT_BATCH = 512
_TOO_MANY = 1 << 62


class Readable(Protocol):
    """Anything bytes can be read from at an offset."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes at ``offset``."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Where one element of a JSON array stands: bytes, and the line it starts on."""

    offset: int
    length: int
    line: int
    line_start: int


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of a file to check.

    Attributes:
        start: Lines that start at or after this offset.
        end: Lines that start before this offset.
        aligned: Whether a line is known to start at ``start``.
        spans: The elements of a JSON array to check instead of lines.
    """

    start: int
    end: int
    aligned: bool = False
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """What a worker needs to know once.

    Attributes:
        check: How records are checked.
        encoding: The encoding to count every example's tokens with; ``None`` counts none.
        max_issues: Issues a range sends with their words; all are counted.
        size: The file's size when the scan began.
        niceness: How far a worker process stands back for others; see ``nice(2)``.
    """

    check: CheckSettings
    encoding: str | None
    max_issues: int
    size: int
    niceness: int = 0


@dataclass(slots=True)
class Found:
    """What one range holds; lines are counted from 1 at its first line.

    Attributes:
        start: Where its first line starts; ``None`` where no line starts in it.
        end: Where the first line after it starts.
        lines: Physical lines.
        records: Lines that are not blank.
        blank: Blank lines.
        valid: Records without an error.
        parsed: Records that are objects.
        chats: Chat records whose messages could be read.
        without_user: Those of them without a user message.
        without_system: Those of them without a system message.
        counts: Issues by code.
        levels: Errors, warnings, advice.
        issues: The issues, as many as may be sent.
        tokens: Token counts, where asked for.
        tally: What rules about the whole file gather.
    """

    start: int | None
    end: int
    lines: int = 0
    records: int = 0
    blank: int = 0
    valid: int = 0
    parsed: int = 0
    chats: int = 0
    without_user: int = 0
    without_system: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    levels: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    issues: list[Issue] = field(default_factory=list)
    tokens: TokenRows | None = None
    tally: Tally = field(default_factory=Tally)


class RangeWorker:
    """Checks tasks of one file, one after the other."""

    def __init__(self, source: Readable, settings: WorkSettings) -> None:
        self._source = source
        self._settings = settings
        self._checker = Checker(settings.check)
        self._chat = settings.check.format is Format.CHAT
        self._blank_severity = settings.check.profile.severity("blank_line", Severity.ADVICE)
        limit = settings.check.context_limit
        self._bytes_limit = _TOO_MANY if limit is None else limit
        self._counter: ExampleCounter | None = None
        self._batch: list[object] = []
        self._batch_lines: list[int] = []
        self._rows: TokenRows | None = None

    def warm_up(self) -> None:
        """Load the vocabulary, if one is needed, before the first task comes."""
        if self._settings.encoding is not None and self._counter is None:
            from tui.tokens import ExampleCounter

            self._counter = ExampleCounter(self._settings.encoding)

    def run(self, task: Task) -> Found:
        """Check one task."""
        found = self._lines(task) if task.spans is None else self._spans(task)
        self._flush()
        found.tokens, self._rows = self._rows, None
        found.tally.last = None
        return found

    # Lines

    def _lines(self, task: Task) -> Found:
        feed = _Feed(self._source, task, self._settings.size)
        found = Found(feed.start, task.end)
        if feed.start is None:
            return found
        budget = 4 * (task.end - task.start) + (1 << 20)
        keep = self._settings.encoding is not None
        loads, limit, chat = orjson.loads, self._bytes_limit, self._chat
        position = plainly = users = systems = 0
        while position < feed.inside:
            raw = feed.lines[position]
            position += 1
            try:
                value = loads(raw)
            except (ValueError, RecursionError):
                if not raw or raw.isspace():
                    self._blank(found, position)
                    continue
                taken, spent = self._spread(found, feed, position - 1, budget)
                budget -= spent
                if taken:
                    position += taken - 1
                else:
                    self._careful(found, raw, position)
                continue
            if chat and type(value) is dict and len(raw) <= limit:
                flags = plain(value)
                strings = flags >> PLAIN_SHIFT
                if flags and (raw.count(b'"') == 2 * strings or quotes_match(raw, strings)):
                    plainly += 1
                    users += flags & PLAIN_USER
                    systems += flags & PLAIN_SYSTEM
                    if keep:
                        self._count(value, position)
                    continue
            self._careful(found, raw, position)
        found.lines = position
        found.end = feed.end_of(position)
        found.records += plainly
        found.valid += plainly
        found.parsed += plainly
        found.chats += plainly
        found.without_user += plainly - users
        found.without_system += plainly - systems // PLAIN_SYSTEM
        return found

    def _blank(self, found: Found, line: int) -> None:
        found.blank += 1
        if len(found.issues) <= self._settings.max_issues:
            issue = self._checker.issue("blank_line", line, 1, "the line is blank", "remove it")
            self._add(found, (issue,))
        else:
            found.counts["blank_line"] = found.counts.get("blank_line", 0) + 1
            found.levels[self._blank_severity] += 1

    def _careful(self, found: Found, raw: bytes, line: int, column: int = 1) -> None:
        found.records += 1
        if len(raw) > MAX_LINE:
            issue = self._checker.issue(
                "invalid_json",
                line,
                column,
                f"a line of {len(raw):,} bytes, too long to be a record",
                "put each record on a line of its own",
            )
            self._add(found, (issue,))
            return
        self._take(found, self._checker.check(raw, line, column), line)

    def _take(self, found: Found, checked: Checked, line: int) -> None:
        self._add(found, checked.issues)
        if not any(issue.severity is Severity.ERROR for issue in checked.issues):
            found.valid += 1
        if isinstance(checked.value, dict):
            found.parsed += 1
            found.tally.add(checked.value, self._settings.check.format, checked.images)
            if self._settings.encoding is not None:
                self._count(checked.value, line)
        roles = checked.roles
        # A message whose role cannot be told may be the one that seems missing.
        if roles is not None:
            found.chats += 1
            found.without_user += not roles & {"user", None}
            found.without_system += not roles & {"system", "developer", None}

    def _spread(self, found: Found, feed: _Feed, first: int, budget: int) -> tuple[int, int]:
        """Try to read one object over several lines; return lines taken (0 for no) and bytes spent.

        A line that was cut off looks the same until a line comes that cannot continue it. Then
        nothing is taken, and every line is judged alone; the budget keeps repeated tries linear.
        """
        machine = JsonMachine()
        spent, position, raw = 0, first, feed.get(first)
        while True:
            spent += len(raw) + _LINE_COST if raw is not None else 0
            if raw is None or spent > min(budget, MAX_SPREAD):
                return 0, spent
            text = _utf8(raw)
            if text is None or machine.feed(text) is not None:
                return 0, spent
            if machine.complete:
                break
            position += 1
            raw = feed.get(position)
        if position == first:
            return 0, 0
        joined = b"\n".join(feed.lines[first : position + 1])
        checked = self._checker.check(joined, first + 1)
        column = len(joined) - len(joined.lstrip()) + 1
        taken = position - first + 1
        checked.issues.insert(
            0,
            self._checker.issue(
                "pretty_printed",
                first + 1,
                column,
                f"one record is spread over {taken:,} lines",
                "write each record on one line; in Python: json.dumps(record) without indent",
            ),
        )
        found.records += 1
        self._take(found, checked, first + 1)
        return taken, 0

    # Elements of a JSON array

    def _spans(self, task: Task) -> Found:
        found = Found(task.start, task.end)
        place = _Columns(self._source)
        for span in task.spans or ():
            raw = self._source.read(span.offset, min(span.length, MAX_LINE + 1))
            self._careful(found, raw, span.line, place.column(span))
        return found

    # Results

    def _add(self, found: Found, issues: list[Issue] | tuple[Issue, ...]) -> None:
        for issue in issues:
            found.counts[issue.code] = found.counts.get(issue.code, 0) + 1
            found.levels[issue.severity] += 1
            if len(found.issues) <= self._settings.max_issues:
                found.issues.append(issue)

    def _count(self, value: object, line: int) -> None:
        self._batch.append(value)
        self._batch_lines.append(line)
        if len(self._batch) >= _COUNT_BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        self.warm_up()
        assert self._counter is not None
        rows = self._counter.rows(self._batch, self._batch_lines)
        if self._rows is None:
            self._rows = rows
        else:
            self._rows.extend(rows)
        self._batch, self._batch_lines = [], []


class _Columns:
    """Columns of array elements, in characters, without reading a long line more than once."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._line_start = -1
        self._offset = 0
        self._characters = 0

    def column(self, span: Span) -> int:
        if span.line_start != self._line_start:
            self._line_start = self._offset = span.line_start
            self._characters = 0
        while self._offset < span.offset:
            block = self._source.read(self._offset, min(_BLOCK, span.offset - self._offset))
            if not block:
                break
            # Continuation bytes of UTF-8 start no character.
            self._characters += len(block.translate(None, _CONTINUATION))
            self._offset += len(block)
        return self._characters + 1


_CONTINUATION = bytes(range(0x80, 0xC0))


class _Feed:
    """The lines of a task, and as many after it as somebody asks for.

    Attributes:
        start: Where the first line starts; ``None`` where no line starts in the task.
        lines: The lines read so far, without their line feeds.
        inside: How many of them start in the task.
    """

    def __init__(self, source: Readable, task: Task, size: int) -> None:
        self._source = source
        self._size = size
        self.lines: list[bytes] = []
        self.inside = 0
        self._beyond: dict[int, int] = {}
        self._carry = b""
        self.start = self._first(task)
        self._offset = self.start or 0
        if self.start is None:
            return
        data = self._read(min(task.end, size) - self.start)
        self.lines = data.split(b"\n")
        tail = self.lines.pop()
        if tail:
            self._finish(tail)
        self.inside = len(self.lines)
        self._inside_end = self._offset - len(self._carry)

    def get(self, position: int) -> bytes | None:
        """Return a line by position, reading on where needed; ``None`` past the end of the file."""
        while position >= len(self.lines):
            line, mark, rest = self._carry.partition(b"\n")
            if mark:
                self.lines.append(line)
                self._carry = rest
            elif not self._carry and self._offset >= self._size:
                return None
            else:
                self._carry = b""
                self._finish(line)
            self._beyond[len(self.lines)] = self._offset - len(self._carry)
        return self.lines[position]

    def end_of(self, position: int) -> int:
        """Return where the line after the first ``position`` lines starts."""
        return self._beyond[position] if position > self.inside else self._inside_end

    def _first(self, task: Task) -> int | None:
        if task.aligned or task.start == 0:
            return task.start if task.start < min(task.end, self._size) else None
        offset = task.start - 1
        while offset < task.end:
            block = self._source.read(offset, min(_BLOCK, task.end - offset))
            if not block:
                return None
            found = block.find(b"\n")
            if found >= 0:
                start = offset + found + 1
                return start if start < min(task.end, self._size) else None
            offset += len(block)
        return None

    def _read(self, length: int) -> bytes:
        """Read on; what the file gained since the scan began is not there yet."""
        length = min(length, self._size - self._offset)
        data = self._source.read(self._offset, length)
        if len(data) < length:
            raise FileError(
                "the file became shorter while it was read",
                "wait until it is written, then try again",
            )
        self._offset += len(data)
        return data

    def _finish(self, begun: bytes) -> None:
        """Read to the end of a line that has begun, and keep what was read past it."""
        parts, length = [begun], len(begun)
        size = _BLOCK
        while self._offset < self._size:
            block = self._read(size)
            line, mark, rest = block.partition(b"\n")
            if length <= MAX_LINE:
                parts.append(line)
            length += len(line)
            if mark:
                self._carry = rest
                break
            size = min(2 * size, RANGE)
        self.lines.append(b"".join(parts))


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
