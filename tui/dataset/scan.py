"""A whole file, checked (and counted) in one pass that reports as it goes and stops at once.

Small files are checked right here, larger ones by worker processes that pull 4 MiB ranges. Either
way the results are merged in the order of the file, so that both give the same report.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.dataset.arrays import array_spans, is_array, names_json
from tui.dataset.checker import Checker, CheckSettings
from tui.dataset.model import Format, Issue, Severity
from tui.dataset.pool import Pool, can_start, processors
from tui.dataset.profile import Profile, get_profile
from tui.dataset.ranges import RANGE, Found, RangeWorker, Span, Task, WorkSettings
from tui.dataset.record import sniff_format
from tui.dataset.report import MAX_ISSUES, CheckReport, IssueLog
from tui.dataset.rules.text import DEFAULT_ENCODING
from tui.dataset.rules.whole import Totals, whole_file_issues
from tui.dataset.signature import BOM, foreign_kind
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.tokens import TableBuilder, TokenTable

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
_INLINE_STEP = 256 << 10
_MOST_ROOM = 1 << 22


@dataclass(frozen=True, slots=True)
class ScanUpdate:
    """Where a scan stands.

    Attributes:
        bytes_done: Bytes whose results are in the report.
        bytes_total: Bytes of the file.
        report: The live report; it goes on changing.
        table: Token counts so far, where they were asked for.
    """

    bytes_done: int
    bytes_total: int
    report: CheckReport
    table: TokenTable | None


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan came to.

    Attributes:
        report: The report; not `complete` where the scan was cancelled.
        table: Token counts, where an encoding was given.
        cancelled: Whether it was stopped before the end.
    """

    report: CheckReport
    table: TokenTable | None
    cancelled: bool


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
    ) -> None:
        self.source = source
        self.profile = get_profile(profile) if isinstance(profile, str) else profile
        self.encoding = encoding
        self._workers = workers
        self._niceness = _BACKGROUND_NICENESS if background else 0
        self._max_issues = MAX_ISSUES if max_issues is None else max_issues
        self._array = is_array(source)
        self._format = sniff_format(source) if format == "auto" else Format(format)
        self._check = _settings(self.profile, self._format, model, encoding)
        self.report = CheckReport(
            file=source.path,
            bytes=source.size,
            format=self._format,
            issues=IssueLog(limit=self._max_issues),
        )
        self._tokens: TableBuilder | None = None
        self._totals = Totals()
        self._last_update = 0.0

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
            return ScanResult(self.report, self._table(), False)
        begin = len(BOM) if head.startswith(BOM) else 0
        if begin:
            self._mark()
        if self._array and not names_json(self.source):
            self._one_array()
        settings = WorkSettings(self._check, self.encoding, self._max_issues, size, self._niceness)
        count = self._count(size)
        tasks = self._tasks(begin, size, RANGE if count else _INLINE_STEP)
        if count == 0:
            finished = self._inline(tasks, settings, notify, stop)
        else:
            finished = self._parallel(tasks, settings, count, notify, stop)
        self.report.complete = finished
        self._file_issues(finished)
        return ScanResult(self.report, self._table(), not finished)

    def _count(self, size: int) -> int:
        if self._workers is not None:
            return self._workers if can_start() else 0
        inline = INLINE if self.encoding is None else INLINE_COUNTING
        if size <= inline or not can_start():
            return 0
        most = MOST_WORKERS if self.encoding is None else MOST_COUNTING
        return max(1, min(processors(), most, -(-size // RANGE)))

    def _tasks(self, begin: int, size: int, step: int) -> Iterator[Task]:
        if self._array:
            spans = array_spans(self.source, begin, size, self._out_of_place)
            return _span_tasks(spans, step)
        return (
            Task(max(begin, start), min(start + step, size), aligned=start == 0)
            for start in range(0, size, step)
        )

    def _inline(
        self,
        tasks: Iterator[Task],
        settings: WorkSettings,
        notify: Callable[[ScanUpdate], object],
        stop: Cancelled,
    ) -> bool:
        """Check in this process, in steps short enough to be stopped in between."""
        worker = RangeWorker(self.source, settings)
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
        self._update(notify, self.source.size, force=True)
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
        self._update(notify, self.source.size, force=True)
        return True

    def _merge(self, found: Found) -> None:
        report, base = self.report, 0 if self._array else self.report.lines
        report.lines += found.lines
        report.records += found.records
        report.blank_lines += found.blank
        report.valid += found.valid
        for code, times in found.counts.items():
            report.counts[code] = report.counts.get(code, 0) + times
        report.errors += found.levels[Severity.ERROR]
        report.warnings += found.levels[Severity.WARNING]
        report.advice += found.levels[Severity.ADVICE]
        report.issues.extend(
            replace(issue, line=issue.line + base) if base else issue for issue in found.issues
        )
        self._totals.add(found)
        if found.tokens is not None:
            self._builder(found).add(found.tokens, line=base)

    def _update(
        self, notify: Callable[[ScanUpdate], object], done: int, *, force: bool = False
    ) -> None:
        now = time.monotonic()
        if force or now - self._last_update >= _UPDATE_SECONDS:
            self._last_update = now
            notify(ScanUpdate(done, self.source.size, self.report, self._table()))

    def _builder(self, found: Found) -> TableBuilder:
        if self._tokens is None:
            from tui.tokens import TableBuilder

            # As many rows as the file has if it goes on like this: a table that grows is in memory
            # twice meanwhile, and room that is not used takes none.
            rows = int(1.2 * found.records * self.source.size / max(1, found.end))
            self._tokens = TableBuilder(min(_MOST_ROOM, 4096 + rows))
        return self._tokens

    def _table(self) -> TokenTable | None:
        if self.encoding is None:
            return None
        if self._tokens is None:
            from tui.tokens import TokenTable

            return TokenTable.empty()
        return self._tokens.table()

    # What is said about the file and not about a record

    def _add(self, issue: Issue) -> None:
        report = self.report
        report.counts[issue.code] = report.counts.get(issue.code, 0) + 1
        report.errors += issue.severity is Severity.ERROR
        report.warnings += issue.severity is Severity.WARNING
        report.advice += issue.severity is Severity.ADVICE
        report.issues.extend((issue,))

    def _issue(self, code: str, line: int, column: int, message: str, hint: str) -> Issue:
        return Checker(self._check).issue(code, line, column, message, hint)

    def _out_of_place(self, line: int, column: int, message: str, hint: str) -> None:
        self._add(self._issue("invalid_json", line, column, message, hint))

    def _mark(self) -> None:
        self._add(
            self._issue(
                "byte_order_mark",
                1,
                1,
                "the file starts with a byte order mark",
                "save it as UTF-8 without one",
            )
        )

    def _one_array(self) -> None:
        self._add(
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
        self._add(self._issue("invalid_utf8", 1, 1, f"the file is {name}, not text in UTF-8", hint))
        offset = 0
        while block := self.source.read(offset, RANGE):
            self.report.lines += block.count(b"\n")
            offset += len(block)
        self.report.records = max(1, self.report.lines)

    def _file_issues(self, finished: bool) -> None:
        for issue in whole_file_issues(self.report, self._totals, self.profile):
            if finished or issue.code == "file_too_large":
                self._add(issue)


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


def check_file(
    path: str | os.PathLike[str],
    *,
    profile: Profile | str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    max_issues: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Cancelled | None = None,
) -> CheckReport:
    """Check a file and return the report.

    Args:
        path: The file, or ``-`` for standard input.
        profile: Whose limits and severities apply.
        format: ``auto``, or the format its records must have.
        model: The model whose context limit applies.
        max_issues: Issues kept with their words.
        workers: Worker processes; ``None`` chooses by size.
        progress: Told bytes done and bytes in all, at most five times a second.
        cancelled: Asked often; true stops.

    Raises:
        FileError: The file cannot be read.
        UsageError: An unknown profile or format.
    """
    return scan_file(
        path,
        profile=profile,
        format=format,
        model=model,
        max_issues=max_issues,
        workers=workers,
        progress=progress,
        cancelled=cancelled,
    ).report


def scan_file(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    profile: Profile | str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    max_issues: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Cancelled | None = None,
) -> ScanResult:
    """Check a file and, with an encoding, count its tokens; the rest is as in `check_file`."""

    def on_update(update: ScanUpdate) -> None:
        if progress is not None:
            progress(update.bytes_done, update.bytes_total)

    with Source.open(path, cancelled=cancelled) as source:
        scan = Scan(
            source,
            profile=profile,
            format=format,
            model=model,
            encoding=encoding,
            max_issues=max_issues,
            workers=workers,
        )
        return scan.run(on_update, cancelled)
