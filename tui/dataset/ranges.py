"""One range of a file to what was found in it: the work of a scan, in whichever process.

A range is the lines that *start* between two offsets; its last line is read to its end, past the
range where needed. An object spread over several lines is followed to its end in the same way, and
the range then ends there: whoever merges ranges sees that, and has the next one begin after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tui.dataset.checker import Checked, Checker, CheckSettings, quotes_match, shape
from tui.dataset.describe import BLANK, CODES, MOST, SEVERITY_BITS, FacetRows, describe
from tui.dataset.lines import BLOCK, MAX_LINE, LineFeed, Print, Readable, Span, Task
from tui.dataset.machine import JsonMachine
from tui.dataset.model import Format, Issue, Severity
from tui.dataset.observe import Observed, Observer, packed
from tui.dataset.rules.calling import Calling
from tui.dataset.rules.chat import PLAIN_ODD, PLAIN_SHIFT, PLAIN_SYSTEM, PLAIN_USER, plain
from tui.dataset.rules.quality.suspects import suspects
from tui.dataset.rules.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.tokens import ExampleCounter, TokenRows

MAX_SPREAD = 64 << 20
"""The most text one object spread over lines may have."""

# What reading one more line costs, besides its bytes, when an object is followed over lines.
_LINE_COST = 64

_COUNT_BATCH = 512
_TOO_MANY = 1 << 62


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """What a worker needs to know once.

    Attributes:
        check: How records are checked.
        encoding: The encoding to count every example's tokens with; ``None`` counts none.
        max_issues: Issues a range sends with their words; all are counted.
        size: The file's size when the scan began.
        niceness: How far a worker process stands back for others; see ``nice(2)``.
        facets: Describe every record, for filters.
        ahead: How many bytes are to be read; a scan that goes on behind an earlier one reads less
            than there is.
    """

    check: CheckSettings
    encoding: str | None
    max_issues: int
    size: int
    niceness: int = 0
    facets: bool = False
    ahead: int = 0


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
        facets: What every record is like, where asked for.
        prints: Pieces of the range by offset, length and checksum (CRC-32), where facets are asked
            for: they tell later whether the file still holds what was read.
        notice: What to tell people of how tokens are counted, where it is not as expected.
        observed: What rules that compare records need, where they are to speak.
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
    facets: FacetRows | None = None
    prints: tuple[Print, ...] = ()
    notice: str = ""
    observed: Observed | None = None


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
        self._batch_places: list[int] = []
        self._rows: TokenRows | None = None
        self._calling = Calling(shape)
        # The record that is looked at, by its position in the range.
        self._place = 0
        self._facets: FacetRows | None = None
        self._observer = Observer() if settings.check.quality else None

    def warm_up(self) -> None:
        """Load the vocabulary, if one is needed, before the first task comes."""
        if self._settings.encoding is not None and self._counter is None:
            from tui.tokens import ExampleCounter

            self._counter = ExampleCounter(self._settings.encoding, self._settings.ahead)

    def run(self, task: Task) -> Found:
        """Check one task."""
        self._facets = FacetRows() if self._settings.facets else None
        found = self._lines(task) if task.spans is None else self._spans(task)
        self._flush()
        found.tokens, self._rows = self._rows, None
        if self._counter is not None:
            found.notice = self._counter.choice.notice
        found.tally.last = None
        found.facets = self._facets
        if self._observer is not None:
            found.observed = self._observer.take()
        return found

    # Lines

    def _lines(self, task: Task) -> Found:
        feed = LineFeed(self._source, task, self._settings.size, prints=self._settings.facets)
        found = Found(feed.start, task.end, prints=tuple(feed.prints))
        if feed.start is None:
            return found
        self._reach(len(feed.lines))
        budget = 4 * (task.end - task.start) + (1 << 20)
        keep = self._settings.encoding is not None or self._settings.facets
        loads, limit, chat = orjson.loads, self._bytes_limit, self._chat
        observe = None if self._observer is None else self._observer.plain
        looks = chat and observe is not None
        odd = suspects(feed.lines) if looks else bytearray(len(feed.lines))
        position = plainly = users = systems = 0
        while position < feed.inside:
            raw = feed.lines[position]
            self._place = position
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
            glance = chat and type(value) is dict and len(raw) <= limit and not odd[position - 1]
            flags = plain(value) if glance else 0
            if flags and self._is_clean(raw, flags):
                plainly += 1
                users += flags & PLAIN_USER
                systems += flags & PLAIN_SYSTEM
                if observe is not None:
                    observe(value["messages"], flags, position, raw)
                if keep:
                    self._keep(value)
            elif flags or not glance or not self._calls(found, value, raw, position):
                self._careful(found, raw, position)
        found.lines = position
        self._reach(position)
        found.end = feed.end_of(position)
        found.records += plainly
        found.valid += plainly
        found.parsed += plainly
        found.chats += plainly
        found.without_user += plainly - users
        found.without_system += plainly - systems // PLAIN_SYSTEM
        return found

    def _calls(self, found: Found, value: dict[str, Any], raw: bytes, line: int) -> bool:
        """Take a record with tools in which nothing is wrong; return whether it is one."""
        flags, kit = self._calling.plain(value)
        if kit is None or not self._is_clean(raw, flags):
            return False
        if self._observer is not None:
            self._observer.add(value, Format.CHAT, line, 1, raw)
        found.records += 1
        found.valid += 1
        found.parsed += 1
        found.chats += 1
        found.without_user += not flags & PLAIN_USER
        found.without_system += not flags & PLAIN_SYSTEM
        found.tally.add_tools(kit.tools, (line, 1))
        self._keep(value)
        return True

    def _is_clean(self, raw: bytes, flags: int) -> bool:
        """Return whether no rule for single records has a word to say about a plain record."""
        strings = flags >> PLAIN_SHIFT
        if raw.count(b'"') != 2 * strings and not quotes_match(raw, strings):
            return False
        return self._observer is None or not flags & PLAIN_ODD

    def _blank(self, found: Found, line: int) -> None:
        found.blank += 1
        if self._facets is not None:
            self._facets.flags[self._place] |= BLANK
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
                fixable=False,
            )
            self._add(found, (issue,))
            return
        placed = len(found.issues) <= self._settings.max_issues
        checked = self._checker.check(raw, line, column, placed=placed)
        self._take(found, checked, raw, line, column)

    def _take(self, found: Found, checked: Checked, raw: bytes, line: int, column: int) -> None:
        self._add(found, checked.issues)
        if not any(issue.severity is Severity.ERROR for issue in checked.issues):
            found.valid += 1
        if isinstance(checked.value, dict):
            found.parsed += 1
            kind = self._settings.check.format
            found.tally.add(checked.value, kind, checked.images, (line, column))
            self._keep(checked.value)
            if self._observer is not None:
                self._observer.add(checked.value, kind, line, column, raw)
        roles = checked.roles
        # A message whose role cannot be told may be the one that seems missing.
        if roles is not None:
            found.chats += 1
            found.without_user += not roles & {"user", None}
            found.without_system += not roles & {"system", "developer", None}

    def _spread(self, found: Found, feed: LineFeed, first: int, budget: int) -> tuple[int, int]:
        """Try to read one object over several lines; return lines taken (0 for no) and bytes spent.

        A line that was cut off looks the same until a line comes that cannot continue it. Then
        nothing is taken, and every line is judged alone; the budget keeps repeated tries linear.
        """
        machine = JsonMachine(commas=True)
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
        self._take(found, checked, joined, first + 1, 1)
        return taken, 0

    # Elements of a JSON array

    def _spans(self, task: Task) -> Found:
        found = Found(task.start, task.end)
        place = _Columns(self._source)
        spans = task.spans or ()
        self._reach(len(spans))
        for self._place, span in enumerate(spans):
            raw = self._source.read(span.offset, min(span.length, MAX_LINE + 1))
            column = place.column(span)
            if self._facets is not None:
                self._facets.places.append(packed(span.line, column))
            self._careful(found, raw, span.line, column)
        return found

    # Results

    def _add(self, found: Found, issues: list[Issue] | tuple[Issue, ...]) -> None:
        for issue in issues:
            found.counts[issue.code] = found.counts.get(issue.code, 0) + 1
            found.levels[issue.severity] += 1
            if len(found.issues) <= self._settings.max_issues:
                found.issues.append(issue)
        if self._facets is not None:
            self._note(self._facets, issues)

    def _note(self, facets: FacetRows, issues: Sequence[Issue]) -> None:
        place = self._place
        for code in {issue.code for issue in issues}:
            facets.hit_rows.append(place)
            facets.hit_codes.append(CODES[code])
        for issue in issues:
            facets.flags[place] |= SEVERITY_BITS[issue.severity]
        facets.issues[place] = min(MOST, facets.issues[place] + len(issues))

    def _reach(self, count: int) -> None:
        if self._facets is not None:
            self._facets.reach(count)

    def _keep(self, value: dict[str, object]) -> None:
        """Remember what is wanted of a record: its tokens, and what it is like."""
        if self._facets is not None:
            self._facets.flags[self._place] |= describe(value)
        if self._settings.encoding is None:
            return
        self._batch.append(value)
        self._batch_places.append(self._place)
        if len(self._batch) >= _COUNT_BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        self.warm_up()
        assert self._counter is not None
        rows = self._counter.rows(self._batch, self._batch_places)
        if self._facets is not None:
            self._facets.count(rows.line, rows.classic, rows.assistant, rows.messages)
        if self._rows is None:
            self._rows = rows
        else:
            self._rows.extend(rows)
        self._batch, self._batch_places = [], []


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
            block = self._source.read(self._offset, min(BLOCK, span.offset - self._offset))
            if not block:
                break
            # Continuation bytes of UTF-8 start no character.
            self._characters += len(block.translate(None, _CONTINUATION))
            self._offset += len(block)
        return self._characters + 1


_CONTINUATION = bytes(range(0x80, 0xC0))


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
