"""What the Jobs screen says beside the rows: which runs there are, and what is wrong where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.run import words
from tui.run.cancels import Going
from tui.run.feed import MOST_JOBS
from tui.run.runlist import RunKey, RunList, RunRow
from tui.screens.run_columns import usd_of
from tui.screens.several import cancels_said, marked_words
from widgets.numbers import counted
from widgets.text import clean, fit

if TYPE_CHECKING:
    from tui.jobs import LaunchRow

ORDERS = ("start", "status", "cost")
_BY_STATUS = (
    "running",
    "paused",
    "cancelling",
    "queued",
    "validating_files",
    "unknown",
    "gone",
    "failed",
    "cancelled",
    "succeeded",
)
_MOST_LINES = 4


def in_order(
    rows: Sequence[RunRow], order: str, status_of: Callable[[RunRow], str]
) -> list[RunRow]:
    """Return runs in one of the :data:`ORDERS`; the newest first where that makes no difference."""

    def newest(row: RunRow) -> float:
        return -(row.job.created_at or 0)

    def place(row: RunRow) -> float:
        status = status_of(row)
        return _BY_STATUS.index(status) if status in _BY_STATUS else _BY_STATUS.index("unknown")

    if order == "status":
        return sorted(rows, key=lambda row: (place(row), newest(row)))
    if order == "cost":
        return sorted(rows, key=lambda row: (-(usd_of(row) or -1.0), newest(row)))
    return sorted(rows, key=newest)


class Said:
    """Words about the lists of all providers.

    Args:
        lists: What is known, by the provider's name; the one in use first.
        cancels: The cancels under way.
        now: Seconds since 1970.
    """

    def __init__(
        self, lists: Mapping[str, RunList], cancels: Mapping[RunKey, Going], now: float
    ) -> None:
        # Where nothing ever ran is not worth a word beside the one in use.
        self._worth = {
            name: found
            for at, (name, found) in enumerate(lists.items())
            if found.rows or found.trouble or not at
        }
        self._several = len(self._worth) > 1
        self._cancels = cancels
        self._now = now

    def nothing(self, asked: bool) -> str:
        """Say why no run is listed and what to do next; cleaned.

        Args:
            asked: Whether any provider was asked yet.
        """
        if not asked:
            return "Looking for runs …"
        if all(found.trouble for found in self._worth.values()):
            return (
                f"The runs {self._where()} are not known: {self._it()} cannot be used now."
                "\n\nPress r to try again."
            )
        return f"No runs {self._where()} yet.\n\nPress l to launch one."

    def _it(self) -> str:
        return "they" if self._several else "it"

    def _where(self) -> str:
        names = [name for name, found in self._worth.items() if found.rows] or list(self._worth)
        if len(names) > 1:
            return f"at {len(names)} providers"
        name = next(iter(names), "")
        return "on this machine" if name == "local" else f"at {clean(name, limit=60)}"

    def lines(
        self, shown: int, marked: int, width: int, *, filtered: bool, order: str
    ) -> tuple[str, bool]:
        """Return what stands below the list, cleaned, and whether it tells of trouble.

        Args:
            shown: How many runs are listed.
            marked: How many of them are marked.
            width: Cells of a line.
            filtered: Whether some are left out.
            order: How they are sorted.
        """
        rows = {row.key: row for found in self._worth.values() for row in found.rows}
        bad = [*cancels_said(self._cancels, rows, self._now), *self._troubles()]
        lines = [*bad, *self._unsettled()]
        about = marked_words(marked)
        if not about and rows and (not lines or filtered):
            going = sum(row.going for row in rows.values())
            of = f"{shown} of " if filtered else ""
            by = f", sorted by {order}" if order != ORDERS[0] else ""
            runs = counted(len(rows), "run")
            about = f"{of}{runs} {self._where()}, {going or 'none'} going on{by}"
            if any(len(found.rows) >= MOST_JOBS for found in self._worth.values()):
                about += f"; the newest {MOST_JOBS} of a provider are listed"
        most = _MOST_LINES - bool(about)
        if len(lines) > most:
            lines = [*lines[: most - 1], f"… and {len(lines) - most + 1} more like these"]
        lines += [about] if about else []
        # Each keeps to its line where there are several, so that one pushes no other out.
        cleaned = [clean(line, limit=300) for line in lines]
        cut = [fit(line, width).rstrip() for line in cleaned]
        return "\n".join(cut if len(bad) > 1 else cleaned), bool(bad)

    def _troubles(self) -> list[str]:
        away = {name: found for name, found in self._worth.items() if found.trouble}
        if self._several or len(away) != 1:
            return [
                f"{name} ({self._heard(found, 'never heard from')}): {found.trouble}"
                for name, found in away.items()
            ]
        (found,) = away.values()
        lines = [found.trouble or ""]
        if found.rows:
            heard = self._heard(found, "it never answered")
            lines.append(f"Shown is what this machine knows; {heard}.")
        return lines

    def _heard(self, found: RunList, never: str) -> str:
        if not found.seen_at:
            return never
        return f"last heard from it: {words.ago(found.seen_at, self._now)}"

    def _unsettled(self) -> list[str]:
        return [_unsettled_line(one) for found in self._worth.values() for one in found.unsettled]


def _unsettled_line(launch: LaunchRow) -> str:
    # There hardly ever is one, and the ledger takes long to load.
    from tui.jobs import standing

    how = standing(launch)
    return f"{how.words[:1].upper()}{how.words[1:]}: {how.in_app}"
