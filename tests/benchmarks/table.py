"""Rows of figures, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its peer.

    Attributes:
        what: What was measured.
        value: The median, in ``unit``.
        unit: The unit, such as ``s`` or ``bytes``.
        peer: What it is compared with, in words.
        peer_value: The peer's median in the same unit.
        limit: The highest ratio that is good enough, or ``None``.
    """

    what: str
    value: float
    unit: str
    peer: str
    peer_value: float
    limit: float | None = None

    @property
    def ratio(self) -> float:
        """The value over the peer's."""
        return self.value / self.peer_value if self.peer_value else float("inf")

    @property
    def verdict(self) -> str:
        """Whether the ratio keeps its limit."""
        if self.limit is None:
            return ""
        return "good" if self.ratio <= self.limit else "OVER"


def markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | here | peer | ratio | limit |", "|---|---|---|---|---|"]
    for row in rows:
        limit = f"≤ {row.limit:.3g} {row.verdict}" if row.limit is not None else "–"
        lines.append(
            f"| {row.what} | {row.value:,.3g} {row.unit} "
            f"| {row.peer}: {row.peer_value:,.3g} {row.unit} | {row.ratio:.2f} | {limit} |"
        )
    return "\n".join(lines)
