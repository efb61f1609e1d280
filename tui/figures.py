"""From a figure to the records it is about: filters for bars, percentiles, roles and totals.

Nothing here knows of Textual; the Tokens screen shows what stands here and posts the filters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.tokens import TokenTable

KEYS = {"classic": "tokens", "messages": "messages", "assistant": "assistant"}
"""The word of the filter language for each number of the token table."""

_UPPER = ("p50", "p75", "p90", "p95", "p99", "max", "mean")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands for records.

    Attributes:
        name: What it is called; foreign, not cleaned.
        count: How many it counts.
        filter: The records, in the filter language.
    """

    name: str
    count: int
    filter: str


def bar(part: str, low: float, high: float) -> str:
    """Return the filter of a bar, which holds its lower edge and not its upper.

    Args:
        part: A number of the token table.
        low: The lower edge.
        high: The upper edge.
    """
    return f"{KEYS[part]}:{math.ceil(low)}..{max(math.ceil(low), math.ceil(high) - 1)}"


def percentile(part: str, name: str, value: float, least: float) -> str:
    """Return the filter of a percentile: below the median what is shorter, from it on what is not.

    Args:
        part: A number of the token table.
        name: ``p10``, ``max``, ``mean`` and so on.
        value: Its value.
        least: The smallest value there is.
    """
    if name in _UPPER:
        return f"{KEYS[part]}:{math.ceil(value)}.."
    return f"{KEYS[part]}:{math.ceil(least)}..{math.floor(value)}"


def percentile_count(counted: TokenTable, part: str, name: str, value: float) -> int:
    """Return how many examples the filter of a percentile lets through."""
    values = getattr(counted, part)
    if name in _UPPER:
        return int(values.above(math.ceil(value) - 1))
    return len(counted) - int(values.above(math.floor(value)))


def totals(counted: TokenTable, limit: int | None) -> list[Figure]:
    """Return what is too long or lacks something, then the messages of each role.

    Args:
        counted: The examples.
        limit: The longest example the model trains on.
    """
    from tui.dataset.describe import ROLES

    found: list[Figure] = []
    if counted.missing_system:
        figure = Figure("no system", counted.missing_system, "without:system,developer")
        found.append(figure)
    if counted.missing_user:
        found.append(Figure("no user", counted.missing_user, "without:user"))
    over = counted.over(limit)
    if over:
        found.append(Figure("over limit", over, "code:over_context"))
    ordered = sorted(counted.roles.items(), key=lambda item: -item[1])
    for role, count in ordered:
        known = role if role in ROLES else "other"
        found.append(Figure(role, count, f"role:{known}"))
    return found
