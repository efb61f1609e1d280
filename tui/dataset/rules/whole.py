"""Rules about the file as a whole: said once, with line 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.dataset.model import Format, Issue
from tui.dataset.profile import Profile
from tui.dataset.rules.catalogue import RULES

if TYPE_CHECKING:
    from tui.dataset.ranges import Found
    from tui.dataset.report import CheckReport


@dataclass(slots=True)
class Totals:
    """Sums over the file that its rules read.

    Attributes:
        parsed: Records that are objects.
        chats: Chat records whose messages could be read.
        without_user: Those of them without a user message.
        without_system: Those of them without a system message.
    """

    parsed: int = 0
    chats: int = 0
    without_user: int = 0
    without_system: int = 0

    def add(self, found: Found) -> None:
        """Add one range."""
        self.parsed += found.parsed
        self.chats += found.chats
        self.without_user += found.without_user
        self.without_system += found.without_system


def whole_file_issues(report: CheckReport, totals: Totals, profile: Profile) -> Iterator[Issue]:
    """Yield what there is to say about a file that was read to its end."""
    yield from _size(report, profile)
    if not report.records:
        yield _issue(profile, "empty_file", "the file holds no record", "check how it was written")
        return
    if report.records < profile.min_examples:
        count = f"{report.records} example{'s' if report.records > 1 else ''}"
        yield _issue(
            profile,
            "too_few_examples",
            f"{count}, but training takes at least {profile.min_examples}",
            f"add {profile.min_examples - report.records} more; 50 to 100 good ones show an effect",
        )
    if report.format is Format.CHAT:
        yield from _missing_roles(totals, profile)


def _size(report: CheckReport, profile: Profile) -> Iterator[Issue]:
    if profile.max_bytes is not None and report.bytes > profile.max_bytes:
        yield _issue(
            profile,
            "file_too_large",
            f"{report.bytes:,} bytes, but {profile.name} takes at most {profile.max_bytes:,}",
            "train on fewer examples, or leave out what is long and adds little",
        )
    if profile.max_examples is not None and report.records > profile.max_examples:
        yield _issue(
            profile,
            "file_too_large",
            f"{report.records:,} examples, but {profile.name} takes at most "
            f"{profile.max_examples:,}",
            "train on fewer examples",
        )


def _missing_roles(totals: Totals, profile: Profile) -> Iterator[Issue]:
    if totals.without_user:
        yield _issue(
            profile,
            "missing_user",
            f"{_share(totals.without_user, totals.chats)} no user message",
            "add what the assistant answers to, unless it is meant to speak first",
        )
    if totals.without_system:
        yield _issue(
            profile,
            "missing_system",
            f"{_share(totals.without_system, totals.chats)} no system message",
            "train with the system message that will be used with the model, if one will be",
        )


def _share(part: int, whole: int) -> str:
    if part == whole:
        return f"all {whole:,} examples have" if whole > 1 else "the only example has"
    return f"{part:,} of {whole:,} examples {'has' if part == 1 else 'have'}"


def _issue(profile: Profile, code: str, message: str, hint: str) -> Issue:
    rule = RULES[code]
    return Issue(0, 0, "", code, profile.severity(code, rule.severity), message, hint, rule.fixable)
