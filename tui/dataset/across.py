"""The rules that compare records with each other, over the whole file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from tui.dataset.copies import Copies, Copy
from tui.dataset.model import Format, Issue
from tui.dataset.observe import MAX_LABELS, Ending, Observed
from tui.dataset.places import in_file
from tui.dataset.profile import Profile
from tui.dataset.report import CheckReport
from tui.dataset.rules.catalogue import RULES
from tui.dataset.rules.text import quote

if TYPE_CHECKING:
    from tui.dataset.columns import Column

FEW = 50
"""Below so many examples an effect of training is not to be expected."""

_MOST_CUT = 10
_SPOKEN = 10
_LABELLED = 50
_EACH = 5
_MAIN_SHARE = 0.9
_REFUSED = 20
_REFUSED_SHARE = 0.2
_MOST_ENDINGS = 10_000


class Across:
    """Gathers what ranges observed, in file order, and says at the end what shows only then.

    Args:
        most: Issues about lines that are told in words; all are counted.
        on_disk: Keep hashes on the disk from the start, so that they can be kept for later.

    Attributes:
        copies: The hashes.
        unsaid: How many issues of a code are counted but not told.
    """

    def __init__(self, most: int, *, on_disk: bool = False) -> None:
        self._most = most
        self.copies = Copies(most, on_disk=on_disk)
        self._spoken = self._ended = self._cut = 0
        self._endings: list[Ending] = []
        self._labels: dict[str, int] | None = {}
        self.unsaid: dict[str, int] = {}

    @property
    def stopped(self) -> bool:
        """Whether copies were no longer looked for at some point."""
        return self.copies.unfinished

    def state(self) -> dict[str, Any]:
        """Return everything but the hashes, as JSON values."""
        return {
            "most": self._most,
            "rows": self.copies.rows,
            "numbers": [self._spoken, self._ended, self._cut],
            "endings": [astuple(entry) for entry in self._endings],
            "labels": self._labels if self._labels is None else dict(self._labels),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], columns: dict[str, Column] | None) -> Across:
        """Return what gave a `state`, over the hashes it had; only to `resume` from.

        Raises:
            KeyError: Something is missing in it.
            TypeError: Something is not of its type.
            ValueError: Something has a value that cannot be.
        """
        made = cls(int(state["most"]))
        made.copies = Copies.over(made._most, columns, int(state["rows"]))
        made._spoken, made._ended, made._cut = (int(number) for number in state["numbers"])
        made._endings = [Ending(*entry) for entry in state["endings"]]
        labels = state["labels"]
        made._labels = None if labels is None else {str(k): int(n) for k, n in labels.items()}
        return made

    def settle(self) -> Across:
        """Return what is known now, which stays as it is while this one goes on."""
        return Across.restored(self.state(), self.copies.columns)

    def resume(self) -> Across:
        """Return the same, to be added to without changing this one.

        Raises:
            FileError: There is no room on the disk.
        """
        made = self.settle()
        made.copies = self.copies.resume()
        return made

    def add(self, found: Observed, lines: int) -> None:
        """Add a range that starts ``lines`` lines below the first of the file."""
        self.copies.add(found, lines)
        self._spoken += found.spoken
        self._ended += found.stopped
        self._cut += found.cut
        if len(self._endings) < _MOST_ENDINGS:
            self._endings += [
                Ending(entry.line + lines, entry.column, entry.path, entry.why)
                for entry in found.endings
            ]
        self._add_labels(found.labels)

    def _add_labels(self, labels: dict[str, int] | None) -> None:
        known = self._labels
        if labels is None or known is None:
            self._labels = None
            return
        for label, count in labels.items():
            known[label] = known.get(label, 0) + count
        if len(known) > MAX_LABELS:
            self._labels = None

    def about_lines(
        self, report: CheckReport, profile: Profile, where: Callable[[int], str] = in_file
    ) -> list[Issue]:
        """Return issues of records that others bring to light, in line order.

        Args:
            report: What was found so far.
            profile: The provider's rules.
            where: Names a line of the file, or of one of several that are read as one.
        """
        copies = self.copies.finish()
        found = [_copy(copy, report.format, profile, where) for copy in copies]
        told = sum(copy.same for copy in copies)
        self._leave_unsaid("duplicate_example", self.copies.duplicates - told)
        self._leave_unsaid("conflicting_answers", self.copies.conflicts - (len(copies) - told))
        if self._cut and self._cut * _MOST_CUT <= self._spoken and self._spoken >= _SPOKEN:
            strict = self._ended * 5 >= self._spoken * 4
            cut = [entry for entry in self._endings if strict or "sentence" not in entry.why]
            found += [_ending(entry, profile) for entry in cut]
        return sorted(found, key=lambda issue: (issue.line, issue.column))

    def about_file(self, report: CheckReport, profile: Profile) -> Iterator[Issue]:
        """Yield what is said once."""
        if profile.min_examples <= report.records < FEW:
            yield _said(
                profile,
                "few_examples",
                f"{report.records} example{'s' if report.records > 1 else ''}",
                f"from {FEW} to 100 good ones on an effect is to be expected",
            )
        refusals = report.counts.get("refusal", 0)
        if refusals and self._spoken >= _REFUSED and refusals >= _REFUSED_SHARE * self._spoken:
            yield _said(
                profile,
                "refusal",
                f"{refusals:,} of {self._spoken:,} answers decline",
                "a model trained on them declines more than it should: balance them with answers",
            )
        yield from self._unbalanced(profile)

    def _unbalanced(self, profile: Profile) -> Iterator[Issue]:
        labels = self._labels
        if not labels or len(labels) < 2:
            return
        total = sum(labels.values())
        if total < _LABELLED or total != self._spoken or total < _EACH * len(labels):
            return
        main, count = max(labels.items(), key=lambda item: item[1])
        if count >= _MAIN_SHARE * total:
            yield _said(
                profile,
                "unbalanced_labels",
                f"{count:,} of {total:,} answers are {quote(main)}",
                "add others, or use fewer of these: the model learns to guess this answer",
            )

    def _leave_unsaid(self, code: str, count: int) -> None:
        if count > 0:
            self.unsaid[code] = count


def _copy(copy: Copy, kind: Format, profile: Profile, where: Callable[[int], str]) -> Issue:
    if copy.same:
        return _issue(
        profile, "duplicate_example", copy.line, copy.column, "",
            f"the same as {where(copy.earlier)}",
            "leave it out: tunedeck fix FILE -o OUT does, and keeps the first",
        )  # fmt: skip
    what = "with another reference" if kind is Format.REINFORCEMENT else "with another answer"
    return _issue(
        profile, "conflicting_answers", copy.line, copy.column, "",
        f"the same prompt as {where(copy.earlier)}, {what}",
        "keep the answer to learn, or make the prompts differ in what decides between them",
    )  # fmt: skip


def _ending(entry: Ending, profile: Profile) -> Issue:
    return _issue(
        profile, "truncated_answer", entry.line, entry.column, entry.path,
        f"the answer {entry.why}, where most of the file are finished",
        "write it to its end, or remove the line: the model learns to stop there, too",
    )  # fmt: skip


def _said(profile: Profile, code: str, message: str, hint: str) -> Issue:
    return _issue(profile, code, 0, 0, "", message, hint)


def _issue(
    profile: Profile, code: str, line: int, column: int, path: str, message: str, hint: str
) -> Issue:
    rule = RULES[code]
    severity = profile.severity(code, rule.severity)
    return Issue(line, column, path, code, severity, message, hint, rule.fixable)
