"""What the ranges of a file come to when they are put together in order."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import TYPE_CHECKING

from tui.dataset.across import Across
from tui.dataset.lines import RANGE
from tui.dataset.model import Format, Issue, Severity
from tui.dataset.places import in_file
from tui.dataset.report import CheckReport, IssueLog
from tui.dataset.rules.whole import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui.dataset.facets import Facets
    from tui.dataset.lines import Print
    from tui.dataset.profile import Profile
    from tui.dataset.ranges import Found
    from tui.dataset.source import Source
    from tui.tokens import TokenTable


@dataclass(slots=True)
class Gathered:
    """Everything known of the first ``offset`` bytes of a file.

    Attributes:
        report: What was found, without what is said about the file as a whole.
        offset: Where the first line starts that is not in it.
        totals: What rules about the whole file gather.
        table: Token counts, where they were asked for.
        facets: What each record is like, where asked for.
        prints: Checksums of the bytes, where facets were asked for.
        rows: How many of the facets' positions belong to it.
        across: What rules that compare records gather, where they are to speak.
        places: Where each element of a JSON array starts, where facets were asked for.
    """

    report: CheckReport
    offset: int = 0
    totals: Totals = field(default_factory=Totals)
    table: TokenTable | None = None
    facets: Facets | None = None
    prints: list[Print] = field(default_factory=list)
    rows: int = 0
    across: Across | None = None
    places: array[int] = field(default_factory=lambda: array("Q"))

    @classmethod
    def begin(
        cls, file: str, size: int, kind: Format, *, max_issues: int, facets: bool, quality: bool
    ) -> Gathered:
        """Return what is known at the start: nothing.

        Args:
            file: The file as named; not cleaned.
            size: Its bytes.
            kind: Its format.
            max_issues: Issues kept with their words.
            facets: Whether to take what a filter offers; much is kept on the disk then.
            quality: Whether to look at what the examples teach.
        """
        made = cls(CheckReport(file, size, kind, issues=IssueLog(limit=max_issues)))
        if facets:
            from tui.dataset.facets import Facets

            made.facets = Facets()
        if quality:
            made.across = Across(max_issues, on_disk=facets)
        return made

    def want_tokens(self) -> None:
        """Take token counts too from now on, where they are not taken already."""
        if self.table is None:
            from tui.tokens import TokenTable

            self.table = TokenTable.empty()

    def merge(self, found: Found, *, array: bool) -> None:
        """Add the next range; of a JSON array, lines are those of the file already."""
        report, base = self.report, 0 if array else self.report.lines
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
        self.totals.add(found, base)
        if self.across is not None and found.observed is not None:
            self.across.add(found.observed, base)
        if self.table is not None and found.tokens is not None:
            self.table.add(found.tokens)
        if self.facets is not None and found.facets is not None:
            self.facets.add(found.facets)
            self.rows = self.facets.rows
            self.prints += found.prints
            self.places.extend(found.facets.places)
        self.offset = max(self.offset, found.end)

    def add(self, issue: Issue) -> None:
        """Add an issue about the file rather than about a record."""
        self._count(issue)
        self.report.issues.extend((issue,))

    def compare(
        self,
        profile: Profile,
        *,
        placed: Sequence[Issue] = (),
        where: Callable[[int], str] = in_file,
    ) -> None:
        """Add what shows only when records are compared; for a file that was read to its end.

        Args:
            profile: The provider's rules.
            placed: Issues of the rules about the whole file that stand on a line, in line order.
            where: Names a line of the file, or of one of several that are read as one.

        Raises:
            FileError: The disk failed.
        """
        across, report = self.across, self.report
        late: Sequence[Issue] = placed
        if across is not None:
            found = across.about_lines(report, profile, where)
            late = list(merge(found, placed, key=lambda issue: (issue.line, issue.column)))
        for issue in late:
            self._count(issue)
        report.issues.weave(late)
        if self.facets is not None:
            self.facets.weave(late, self.places)
        if across is None:
            return
        for code, times in across.unsaid.items():
            report.counts[code] += times
            report.warnings += times
        for issue in list(across.about_file(report, profile)):
            self.add(issue)
        if across.stopped:
            report.notes.append(
                f"copies and contradictions were looked for among the first {across.copies.rows:,} "
                "records only"
            )

    def _count(self, issue: Issue) -> None:
        report = self.report
        report.counts[issue.code] = report.counts.get(issue.code, 0) + 1
        report.errors += issue.severity is Severity.ERROR
        report.warnings += issue.severity is Severity.WARNING
        report.advice += issue.severity is Severity.ADVICE

    def settle(self) -> Gathered:
        """Return what is known now, which stays as it is while this one goes on.

        The facets are the same; only `rows` of them belong to it.
        """
        return Gathered(
            self.report.copy(),
            self.offset,
            self.totals.copy(),
            None if self.table is None else self.table.copy(),
            self.facets,
            list(self.prints),
            self.rows,
            None if self.across is None else self.across.settle(),
        )

    def resume(self) -> Gathered:
        """Return the same, to be added to without changing this one or its facets.

        Raises:
            FileError: There is no room on the disk for the facets.
        """
        made = self.settle()
        if self.facets is not None:
            made.facets = self.facets.head(self.rows)
        if self.across is not None:
            made.across = self.across.resume()
        return made

    def holds(
        self,
        source: Source,
        cancelled: Callable[[], bool] | None = None,
        *,
        pieces: int | None = None,
    ) -> bool:
        """Return whether a file still begins with the bytes that this is known of.

        Args:
            source: The file.
            cancelled: Asked between pieces; true gives up, as if it did not.
            pieces: Look at about so many pieces, the last one among them; at all unless given.

        Raises:
            FileError: The file cannot be read.
        """
        prints = sorted(self.prints)
        at = 0
        for offset, length, _ in prints:
            if offset > at:
                return False
            at = max(at, offset + length)
        if at != self.offset or at > source.size:
            return False
        step = 1 if pieces is None else max(1, len(prints) // max(1, pieces))
        return all(
            not (cancelled and cancelled()) and _checksum(source, offset, length) == expected
            for offset, length, expected in prints[::-step]
        )


def _checksum(source: Source, offset: int, length: int) -> int:
    total = 0
    for start in range(offset, offset + length, RANGE):
        total = zlib.crc32(source.read(start, min(RANGE, offset + length - start)), total)
    return total
