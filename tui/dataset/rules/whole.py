"""Rules about the file as a whole: said once, with line 0 unless one record shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tui.dataset.model import Format, Issue
from tui.dataset.places import in_file
from tui.dataset.profile import Profile
from tui.dataset.rules.catalogue import RULES
from tui.dataset.rules.tally import Tally
from tui.dataset.rules.text import quote

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
        tally: What else is gathered.
    """

    parsed: int = 0
    chats: int = 0
    without_user: int = 0
    without_system: int = 0
    tally: Tally = field(default_factory=Tally)

    def add(self, found: Found, base: int = 0) -> None:
        """Add one range, whose lines count from ``base``."""
        self.parsed += found.parsed
        self.chats += found.chats
        self.without_user += found.without_user
        self.without_system += found.without_system
        self.tally.merge(found.tally, base)

    def state(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**plain, "tally": self.tally.state()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Totals:
        """Return the totals that gave a `state`.

        Raises:
            KeyError: Something is missing in it.
            TypeError: It has something that is not known.
            ValueError: Something cannot be read.
        """
        return cls(**{**state, "tally": Tally.restored(state["tally"])})

    def copy(self) -> Totals:
        """Return the same, which does not change with this one."""
        return replace(self, tally=self.tally.copy())


def whole_file_issues(
    report: CheckReport,
    totals: Totals,
    profile: Profile,
    where: Callable[[int], str] = in_file,
) -> Iterator[Issue]:
    """Yield what there is to say about a file that was read to its end.

    Args:
        report: What was found so far.
        totals: Sums over the file.
        profile: The provider's rules.
        where: Names a line of the file, or of one of several that are read as one.
    """
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
    elif report.format is Format.REINFORCEMENT:
        yield from _reinforcement(report, profile)
    elif report.format is Format.COMPLETION:
        yield from _completion(totals.tally, profile)
    yield from _tools_and_images(totals.tally, profile, where)


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


def _reinforcement(report: CheckReport, profile: Profile) -> Iterator[Issue]:
    most, check = profile.max_reinforcement, profile.max_reinforcement_validation
    if most is not None and report.records > most:
        validation = f" (and {check:,} to validate with)" if check is not None else ""
        yield _issue(
            profile,
            "too_many_records",
            f"{report.records:,} records, but {profile.name} takes at most {most:,} to train on"
            f"{validation}",
            "train on fewer: the hardest that the model gets right now and then teach most",
        )


def _tools_and_images(
    tally: Tally, profile: Profile, where: Callable[[int], str]
) -> Iterator[Issue]:
    most = profile.max_pictured
    if most is not None and tally.pictured > most:
        yield _issue(
            profile,
            "too_many_images",
            f"{tally.pictured:,} records with images, but {profile.name} takes at most {most:,}",
            "train on fewer records with images",
        )
    if tally.differing:
        names = sorted(tally.differing, key=lambda name: (tally.differing[name], name))
        line, column = tally.differing[names[0]]
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        before = tally.functions[names[0]][1][0]
        issue = _issue(
            profile,
            "tools_differ",
            f"{quote(names[0], 30)} is defined otherwise than on {where(before)}{more}",
            "define a function everywhere as it will be when the model is used",
        )
        yield replace(issue, line=line, column=column)


def _completion(tally: Tally, profile: Profile) -> Iterator[Issue]:
    if Format.COMPLETION in profile.retired_formats:
        yield _issue(
            profile,
            "models_retired",
            f"no base model of {profile.name} takes prompts and completions any more",
            "make it chat: tunedeck convert FILE -o OUT",
        )
    if tally.pairs < 2:
        return
    if not _marks(tally.prompt_end):
        yield _issue(
            profile,
            "no_common_separator",
            "the prompts end with nothing in common, so nothing tells where the answer begins",
            "end each with the same mark that no text holds, such as a line ###",
        )
    if not _marks(tally.completion_end):
        yield _issue(
            profile,
            "no_common_ending",
            "the completions end with nothing in common, so nothing tells where to stop",
            "end each with the same mark, such as a line break or END",
        )
    if tally.unspaced:
        verb = "starts" if tally.unspaced == 1 else "start"
        part = f"{tally.unspaced:,} of {tally.pairs:,} completions {verb}"
        yield _issue(
            profile,
            "completion_no_leading_space",
            f"{part} without white space",
            "start each with a space: the old models read words with the space before them",
        )


def _marks(ending: str | None) -> bool:
    """Return whether a common ending is more than letters that happen to be the same."""
    return bool(ending) and any(not char.isalnum() for char in ending or "")


def _share(part: int, whole: int) -> str:
    if part == whole:
        return f"all {whole:,} examples have" if whole > 1 else "the only example has"
    return f"{part:,} of {whole:,} examples {'has' if part == 1 else 'have'}"


def _issue(profile: Profile, code: str, message: str, hint: str) -> Issue:
    rule = RULES[code]
    return Issue(0, 0, "", code, profile.severity(code, rule.severity), message, hint, rule.fixable)
