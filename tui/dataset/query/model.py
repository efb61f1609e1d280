"""What is asked of a dataset, and what is answered: plain values that cross threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bounds = tuple[int | None, int | None]
"""The lowest and the highest number wanted, both included; ``None`` for no bound."""

ANY: Bounds = (None, None)

ANSWER = "answer"
"""The path of a label that stands for what the record answers, not for a key."""


@dataclass(frozen=True, slots=True)
class Search:
    r"""A text to look for in records.

    What is looked at is the record as a person reads it: every escape in it (``\u00e9``, ``\n``,
    ``\"``, ``\/``) stands for its character. A regular expression with anchors is also tried on
    each text of the record by itself.

    Attributes:
        text: The text or the regular expression; never empty.
        regex: Whether it is a regular expression, as in Python's `re`.
        case: Whether capitals matter. Where not, a letter of ASCII matches only its own two forms
            in a plain text, whatever else Unicode counts as equal to it.
        role: Look only into messages of this role, their tool calls included; ``None`` for all.
    """

    text: str
    regex: bool = False
    case: bool = False
    role: str | None = None

    def words(self) -> str:
        """Return the search in plain English, not cleaned: ``with “refund” in user messages``."""
        from tui.dataset.query.language import search_words

        return search_words(self)

    def to_json(self) -> dict[str, Any]:
        """Return the search as JSON values."""
        return {"text": self.text, "regex": self.regex, "case": self.case, "role": self.role}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted: those that all of this is true of.

    Attributes:
        codes: Records with an issue of any of these codes.
        severities: Records with an issue of any of these severities.
        roles: Records with messages of all of these roles.
        without: Examples without a message of any of these roles.
        features: Records with all of these: tools, calls, images, weights, names, blank.
        scripts: Records with letters of all of these scripts.
        tokens: The range of their tokens.
        assistant: The range of the tokens of their assistant messages.
        messages: The range of how many messages they have.
        label: A path and the text of the value there; the path ``answer`` is the last answer.
        search: Text they hold.
    """

    codes: frozenset[str] = field(default_factory=frozenset)
    severities: frozenset[str] = field(default_factory=frozenset)
    roles: frozenset[str] = field(default_factory=frozenset)
    without: frozenset[str] = field(default_factory=frozenset)
    features: frozenset[str] = field(default_factory=frozenset)
    scripts: frozenset[str] = field(default_factory=frozenset)
    tokens: Bounds = ANY
    assistant: Bounds = ANY
    messages: Bounds = ANY
    label: tuple[str, str] | None = None
    search: Search | None = None

    @property
    def empty(self) -> bool:
        """Whether every record passes."""
        return self == Filter()

    @property
    def needs_facets(self) -> bool:
        """Whether a scan's facets are needed to answer it."""
        return bool(
            self.codes
            or self.severities
            or self.roles
            or self.without
            or self.features
            or self.scripts
            or self.tokens != ANY
            or self.assistant != ANY
            or self.messages != ANY
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the filter language, as typed in the application and after ``--where``.

        Words with blanks between them, all of which must be true: ``code:blank_content``,
        ``severity:error``, ``role:tool``, ``without:system``, ``has:tools``, ``script:han``,
        ``tokens:100..500``, ``assistant:<10``, ``messages:>4``, ``label:metadata.kind=refund``,
        ``/text/`` with ``i`` after it to ignore case and ``r`` for a regular expression, and
        ``in:user`` for where the text stands. Values with blanks go in double quotes.

        Raises:
            UsageError: A word that is not known, or a value that makes no sense.
        """
        from tui.dataset.query.language import parse

        return cls(**parse(text))

    def to_text(self) -> str:
        """Return the filter in the filter language; parsing that gives the same filter."""
        from tui.dataset.query.language import to_text

        return to_text(self)

    def words(self) -> str:
        """Return it in plain English, not cleaned: ``errors, 100 to 500 tokens, with tools``."""
        from tui.dataset.query.language import words

        return words(self)

    def to_json(self) -> dict[str, Any]:
        """Return what is asked for as JSON values; what is not asked for is left out."""
        sets = ("codes", "severities", "roles", "without", "features", "scripts")
        found: dict[str, Any] = {
            name: sorted(getattr(self, name)) for name in sets if getattr(self, name)
        }
        for name in ("tokens", "assistant", "messages"):
            if getattr(self, name) != ANY:
                found[name] = list(getattr(self, name))
        if self.label is not None:
            found["label"] = {"path": self.label[0], "value": self.label[1]}
        if self.search is not None:
            found["search"] = self.search.to_json()
        return found


class Sort(StrEnum):
    """The order of records; equal ones stay as in the file, in both directions."""

    FILE = "file"
    TOKENS = "tokens"
    MESSAGES = "messages"
    ISSUES = "issues"
    SIZE = "size"
    FILE_DOWN = "-file"
    TOKENS_DOWN = "-tokens"
    MESSAGES_DOWN = "-messages"
    ISSUES_DOWN = "-issues"
    SIZE_DOWN = "-size"

    @property
    def column(self) -> str:
        """What is compared, without the direction."""
        return self.value.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.value.startswith("-")

    @property
    def needs_facets(self) -> bool:
        """Whether a scan's facets are needed to sort so."""
        return self.column in ("tokens", "messages", "issues")

    def turned(self) -> Sort:
        """Return the same order the other way round."""
        return Sort(self.column if self.descending else f"-{self.column}")

    def words(self) -> str:
        """Return the order in plain English: ``most tokens first``."""
        return _SORT_WORDS[self]


_SORT_WORDS = {
    Sort.FILE: "in the order of the file",
    Sort.FILE_DOWN: "last record first",
    Sort.TOKENS: "fewest tokens first",
    Sort.TOKENS_DOWN: "most tokens first",
    Sort.MESSAGES: "fewest messages first",
    Sort.MESSAGES_DOWN: "most messages first",
    Sort.ISSUES: "fewest issues first",
    Sort.ISSUES_DOWN: "most issues first",
    Sort.SIZE: "smallest first",
    Sort.SIZE_DOWN: "largest first",
}


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Records that passed a filter, in the order asked for.

    Attributes:
        positions: 0-based positions of the index, int64; ``None`` for all of them in the order of
            the file.
        filter: What they passed.
        sort: Their order.
        complete: Whether every record of the file was looked at; a scan that still runs, an index
            that still grows or a cancelled call leave it false.
        looked_at: How many positions were looked at.
    """

    positions: npt.NDArray[np.int64] | None
    filter: Filter = field(default_factory=Filter)
    sort: Sort = Sort.FILE
    complete: bool = True
    looked_at: int = 0

    def __len__(self) -> int:
        return self.looked_at if self.positions is None else len(self.positions)

    def words(self) -> str:
        """Return filter and order in plain English, not cleaned."""
        order = "" if self.sort is Sort.FILE else self.sort.words()
        return ", ".join(part for part in (self.filter.words(), order) if part)
