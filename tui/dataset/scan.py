"""A whole file, checked (and counted) in one pass that reports as it goes and stops at once.

Small files are checked right here, larger ones by worker processes that pull 4 MiB ranges. Either
way the results are merged in the order of the file, so that both give the same report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tui.dataset.arrays import array_spans, is_array, names_json
from tui.dataset.checker import Checker, CheckSettings
from tui.dataset.gather import Gathered
from tui.dataset.lines import BLOCK, RANGE, Span, Task
from tui.dataset.model import Format, Issue
from tui.dataset.pool import Pool, processors
from tui.dataset.processes import can_start
from tui.dataset.profile import Profile, get_profile
from tui.dataset.ranges import Found, RangeWorker, WorkSettings
from tui.dataset.record import sniff_format
from tui.dataset.report import MAX_ISSUES, CheckReport
from tui.dataset.rules.text import DEFAULT_ENCODING
from tui.dataset.rules.whole import whole_file_issues
from tui.dataset.signature import BOM, foreign_kind
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.dataset.facets import Facets
    from tui.tokens import TokenTable

Cancelled = Callable[[], bool]

INLINE = 6 << 20
"""Files up to this size are checked in this process: starting workers would take longer."""

INLINE_COUNTING = 1 << 20
"""The same, when tokens are counted too."""

MOST_WORKERS = 4
MOST_COUNTING = 3
"""Worker processes at most; one that counts tokens holds a vocabulary, 80 MB in all."""

_BACKGROUND_NICENESS = 10
_UPDATE_SECONDS = 0.2
_POLL_SECONDS = 0.04
_SMALLEST = 256 << 10
"""Bytes of the last ranges that worker processes get."""
_INLINE_STEP = 256 << 10


@dataclass(frozen=True, slots=True)
class ScanUpdate:
    """Where a scan stands.

    Attributes:
        bytes_done: Bytes whose results are in the report.
        bytes_total: Bytes of the file.
        report: The live report; it goes on changing.
        table: Token counts so far, where they were asked for; they do not change any more.
        facets: What each record is like, where asked for; they go on growing.
    """

    bytes_done: int
    bytes_total: int
    report: CheckReport
    table: TokenTable | None
    facets: Facets | None


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan came to.

    Attributes:
        report: The report; not `complete` where the scan was cancelled.
        table: Token counts, where an encoding was given.
        cancelled: Whether it was stopped before the end.
        facets: What each record is like, where asked for.
        settled: What later scans of the same file may begin with when it has grown: everything
            but a last line without its line feed. ``None`` where there is nothing to begin with.
        notice: What to tell people of how tokens were counted, where it is not as expected.
    """

    report: CheckReport
    table: TokenTable | None
    cancelled: bool
    facets: Facets | None = None
    settled: Gathered | None = None
    notice: str = ""


class Scan:
    """One pass over a file.

    Args:
        source: The open file.
        profile: Whose limits and severities apply, by name or as an object.
        format: ``auto``, or a format that the records must have.
        model: The model whose context limit applies; ``None`` for no limit.
        encoding: Count every example's tokens with this encoding; ``None`` counts none.
        max_issues: Issues kept with their words; all are counted.
        workers: Worker processes; 0 checks in this process, ``None`` chooses by size.
        background: Somebody works at a screen meanwhile: the workers give way to it.
        facets: Describe every record, for filters; needs more time and room on the disk.
        settled: What an earlier scan of the same file with the same settings found; only what is
            behind it is read.
        quality: Apply the rules about what the examples teach, too.

    Raises:
        UsageError: No such profile or format.
    """

    def __init__(
        self,
        source: Source,
        *,
        profile: Profile | str = "openai",
        format: str = "auto",  # noqa: A002  (the word of the command line)
        model: str | None = None,
        encoding: str | None = None,
        max_issues: int | None = None,
        workers: int | None = None,
        background: bool = False,
        facets: bool = False,
        settled: Gathered | None = None,
        quality: bool = True,
    ) -> None:
        self.source = source
        self.profile = get_profile(profile) if isinstance(profile, str) else profile
        self.encoding = encoding
        self._workers = workers
        self._niceness = _BACKGROUND_NICENESS if background else 0
        self._max_issues = MAX_ISSUES if max_issues is None else max_issues
        self._array = is_array(source)
        self._format = sniff_format(source) if format == "auto" else Format(format)
        check = _settings(self.profile, self._format, model, encoding)
        self._check = replace(check, quality=quality)
        self._state = self._begin(settled, facets)
        self._resumed = settled is not None
        self._last_update = 0.0
        self._notice = ""

    @property
    def report(self) -> CheckReport:
        """The live report."""
        return self._state.report

    def run(
        self,
        on_update: Callable[[ScanUpdate], object] | None = None,
        cancelled: Cancelled | None = None,
    ) -> ScanResult:
        """Read the file to its end, or until told to stop.

        Blocks, so call it from a thread where something else must go on. ``on_update`` is called
        on this thread, at most five times a second.

        Raises:
            FileError: The file cannot be read, or became shorter.
            WorkerDied: A worker process was killed.
        """
        stop = cancelled or (lambda: False)
        notify = on_update or (lambda _: None)
        size = self.source.size
        head = self.source.read(0, 4096)
        kind = foreign_kind(head)
        if kind is not None:
            self._foreign(kind)
            self.report.complete = True
            return self._result(True, None)
        begin = len(BOM) if head.startswith(BOM) else 0
        if not self._resumed:
            self._first_words(begin)
        begin = max(begin, self._state.offset)
        facets = self._state.facets is not None
        settings = WorkSettings(
            self._check,
            self.encoding,
            self._max_issues,
            size,
            self._niceness,
            facets,
            ahead=size - begin,
        )
        whole = self._last_whole(size) if facets and not self._array else size
        settled = None
        finished = self._pass(begin, whole, settings, notify, stop)
        if finished and facets and not self._array:
            settled = self._state.settle()
        if finished and whole < size:
            finished = self._pass(whole, size, settings, notify, stop)
        self._update(notify, size, force=finished)
        self.report.complete = finished
        self._file_issues(finished)
        return self._result(finished, settled)

    def settings_key(self) -> str:
        """Return what the results depend on besides the file, in one spelling."""
        parts = (asdict(self._check), self.encoding, self._max_issues, self._array)
        return json.dumps(parts, sort_keys=True, default=list)

    def _begin(self, settled: Gathered | None, facets: bool) -> Gathered:
        if settled is not None:
            state = settled.resume()
            state.report.file, state.report.bytes = self.source.path, self.source.size
            return state
        return Gathered.begin(
            self.source.path,
            self.source.size,
            self._format,
            max_issues=self._max_issues,
            facets=facets,
            quality=self._check.quality,
        )

    def _result(self, finished: bool, settled: Gathered | None) -> ScanResult:
        self._want_tokens()
        state = self._state
        if state.facets is not None:
            state.facets.complete = finished
        return ScanResult(
            state.report, state.table, not finished, state.facets, settled, self._notice
        )

    def _want_tokens(self) -> None:
        # It loads numpy: workers that have been started meanwhile load what they need.
        if self.encoding is not None:
            self._state.want_tokens()

    def _merge(self, found: Found) -> None:
        self._state.merge(found, array=self._array)
        self._notice = found.notice or self._notice

    def _first_words(self, mark: int) -> None:
        if mark:
            self._mark()
        if self._array and not names_json(self.source):
            self._one_array()

    def _last_whole(self, size: int) -> int:
        """Return where a last line without its line feed starts; the size where there is none.

        Somebody may be writing it just now, so that it is checked again when there is more.
        """
        if not size or self.source.read(size - 1, 1) == b"\n":
            return size
        at = size
        while at > max(0, size - RANGE):
            start = max(0, at - BLOCK)
            found = self.source.read(start, at - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            at = start
        return size

    def _pass(
        self,
        begin: int,
        end: int,
        settings: WorkSettings,
        notify: Callable[[ScanUpdate], object],
        stop: Cancelled,
    ) -> bool:
        """Check what starts between two offsets; return whether it was not stopped."""
        if begin >= end:
            return not stop()
        count = self._count(end - begin)
        tasks = self._tasks(begin, end, count)
        if count == 0:
            return self._inline(tasks, settings, notify, stop)
        return self._parallel(tasks, settings, count, notify, stop)

    def _count(self, size: int) -> int:
        if self._workers is not None:
            return self._workers if can_start() else 0
        inline = INLINE if self.encoding is None else INLINE_COUNTING
        if size <= inline or not can_start():
            return 0
        most = MOST_WORKERS if self.encoding is None else MOST_COUNTING
        return max(1, min(processors(), most, -(-size // RANGE)))

    def _tasks(self, begin: int, end: int, count: int) -> Iterator[Task]:
        if self._array:
            spans = array_spans(self.source, begin, end, self._out_of_place)
            return _span_tasks(spans, RANGE if count else _INLINE_STEP)
        cuts = _cuts(begin, end, count)
        return (Task(start, stop, aligned=start == begin) for start, stop in cuts)

    def _inline(
        self,
        tasks: Iterator[Task],
        settings: WorkSettings,
        notify: Callable[[ScanUpdate], object],
        stop: Cancelled,
    ) -> bool:
        """Check in this process, in steps short enough to be stopped in between."""
        worker = RangeWorker(self.source, settings)
        self._want_tokens()
        reached = 0
        for whole in tasks:
            if stop():
                return False
            task = _from(whole, reached)
            if task is None:
                continue
            found = worker.run(task)
            reached = max(reached, found.end) if found.start is not None else reached
            self._merge(found)
            self._update(notify, found.end)
        return True

    def _parallel(
        self,
        tasks: Iterator[Task],
        settings: WorkSettings,
        count: int,
        notify: Callable[[ScanUpdate], object],
        stop: Cancelled,
    ) -> bool:
        """Check in worker processes and merge in order.

        A range is sent before it is known where the one before it ends. Where an object spread
        over lines makes that one end later than planned, the range is checked once more from there.
        """
        waiting: dict[int, Found] = {}
        sent: dict[int, Task] = {}
        merged = issued = reached = 0
        exhausted = False
        with Pool(self.source, settings, count) as pool:
            self._want_tokens()
            while not (exhausted and merged == issued):
                if stop():
                    return False
                for number in pool.idle(2):
                    if exhausted or issued - merged >= 4 * count + 4:
                        break
                    task = next(tasks, None)
                    if task is None:
                        exhausted = True
                        break
                    sent[issued] = task
                    pool.send(number, issued, task)
                    issued += 1
                waiting.update(pool.receive(_POLL_SECONDS))
                while merged in waiting:
                    found = waiting.pop(merged)
                    task = sent[merged]
                    late = found.start is not None and found.start < reached
                    rest = _from(task, reached) if late else None
                    if rest is not None:
                        sent[merged] = rest
                        pool.send(next(pool.idle(1 << 30)), merged, rest)
                        break
                    del sent[merged]
                    merged += 1
                    if late or found.start is None:
                        continue
                    reached = max(reached, found.end)
                    self._merge(found)
                    self._update(notify, found.end)
        return True

    def _update(
        self, notify: Callable[[ScanUpdate], object], done: int, *, force: bool = False
    ) -> None:
        now = time.monotonic()
        if force or now - self._last_update >= _UPDATE_SECONDS:
            self._last_update = now
            state = self._state
            table = None if state.table is None else state.table.copy()
            notify(ScanUpdate(done, self.source.size, state.report, table, state.facets))

    # What is said about the file and not about a record

    def _issue(self, code: str, line: int, column: int, message: str, hint: str) -> Issue:
        return Checker(self._check).issue(code, line, column, message, hint)

    def _out_of_place(self, line: int, column: int, message: str, hint: str) -> None:
        # A rewrite passes over commas too many between elements, and over nothing else.
        self._state.add(
            Checker(self._check).issue(
                "invalid_json", line, column, message, hint, fixable="comma" in message
            )
        )

    def _mark(self) -> None:
        self._state.add(
            self._issue(
                "byte_order_mark",
                1,
                1,
                "the file starts with a byte order mark",
                "save it as UTF-8 without one",
            )
        )

    def _one_array(self) -> None:
        self._state.add(
            self._issue(
                "pretty_printed",
                1,
                1,
                "the file is one JSON array, not one record a line",
                "write each element on a line of its own, without the brackets and commas between",
            )
        )

    def _foreign(self, kind: tuple[str, str]) -> None:
        name, hint = kind
        self._state.add(
            self._issue("invalid_utf8", 1, 1, f"the file is {name}, not text in UTF-8", hint)
        )
        offset = 0
        while block := self.source.read(offset, RANGE):
            self.report.lines += block.count(b"\n")
            offset += len(block)
        self.report.records = max(1, self.report.lines)

    def _file_issues(self, finished: bool) -> None:
        where = self.source.line_words
        issues = list(whole_file_issues(self.report, self._state.totals, self.profile, where))
        if finished:
            placed = [issue for issue in issues if issue.line]
            self._state.compare(self.profile, placed=placed, where=where)
        for issue in issues:
            if not issue.line and (finished or issue.code == "file_too_large"):
                self._state.add(issue)


def _settings(
    profile: Profile, kind: Format, model: str | None, encoding: str | None
) -> CheckSettings:
    if model is None:
        return CheckSettings(profile, kind, encoding or DEFAULT_ENCODING)
    from tui.pricing import model_info

    info = model_info(model)
    return CheckSettings(
        profile, kind, info.encoding, info.context_limit, model, bool(info.approximate)
    )


def _from(task: Task, reached: int) -> Task | None:
    """Return what is left of a task when everything before ``reached`` is done."""
    if reached <= task.start:
        return task
    return Task(reached, task.end, aligned=True) if reached < task.end else None


def _cuts(begin: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of bytes for so many workers, smaller ones towards the end.

    With equal ranges all workers but one would wait while that one works on the last.
    """
    while begin < end:
        step = _INLINE_STEP
        if count:
            step = max(_SMALLEST, min(RANGE, (end - begin) // (3 * count)))
        yield begin, min(begin + step, end)
        begin += step


def _span_tasks(spans: Iterator[Span], step: int) -> Iterator[Task]:
    group: list[Span] = []
    size = 0
    for span in spans:
        group.append(span)
        size += span.length
        if size >= step:
            yield Task(group[0].offset, span.offset + span.length, spans=tuple(group))
            group, size = [], 0
    if group:
        last = group[-1]
        yield Task(group[0].offset, last.offset + last.length, spans=tuple(group))
