"""Token counts as plain arrays: what a worker process makes, which does without numpy.

Importing numpy would add a tenth of a second to the start of every worker and 15 MB to its memory,
for sums that a loop does as fast.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

NUMBERS = ("billed", "classic", "assistant", "trained", "messages")
COLUMNS = ("line", *NUMBERS)
# Roles come from the dataset, so their number is somebody else's choice.
MAX_ROLES = 24
OTHER_ROLE = "(other)"


def _empty() -> array[int]:
    return array("q")


@dataclass(slots=True)
class TokenRows:
    """Counts of some examples, in file order; what each column means tells ``TokenTable``.

    All columns are 64-bit integers and equally long. `line` is the number that was given for each
    record when it was counted.
    """

    line: array[int] = field(default_factory=_empty)
    billed: array[int] = field(default_factory=_empty)
    classic: array[int] = field(default_factory=_empty)
    assistant: array[int] = field(default_factory=_empty)
    trained: array[int] = field(default_factory=_empty)
    messages: array[int] = field(default_factory=_empty)
    roles: dict[str, int] = field(default_factory=dict)
    missing_system: int = 0
    missing_user: int = 0
    approximate: bool = False

    def __len__(self) -> int:
        return len(self.line)

    def extend(self, other: TokenRows) -> None:
        """Add the examples of ``other`` at the end."""
        for name in COLUMNS:
            getattr(self, name).extend(getattr(other, name))
        add_roles(self.roles, other.roles)
        self.missing_system += other.missing_system
        self.missing_user += other.missing_user
        self.approximate |= other.approximate


def add_roles(into: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add role counts; past a bound, roles not seen before are counted together."""
    for role, count in counts.items():
        key = role if role in into or len(into) < MAX_ROLES else OTHER_ROLE
        into[key] = into.get(key, 0) + count
