"""What the Jobs screen says beside the rows: which runs there are, and what is wrong where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tui.run import words
from tui.run.cancels import Going
from tui.run.runlist import RunKey, RunList, RunRow
from tui.screens.run_columns import usd_of
from tui.screens.several import cancels_said, marked_words
from widgets.numbers import counted
from widgets.text import clean

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
        if self._several:
            return f"at {len(self._worth)} providers"
        name = next(iter(self._worth), "")
        return "on this machine" if name == "local" else f"at {clean(name, limit=60)}"

    def lines(self, shown: int, marked: int, *, filtered: bool, order: str) -> tuple[str, bool]:
        """Return what stands below the list, cleaned, and whether it tells of trouble.

        Args:
            shown: How many runs are listed.
            marked: How many of them are marked.
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
        most = _MOST_LINES - bool(about)
        if len(lines) > most:
            lines = [*lines[: most - 1], f"… and {len(lines) - most + 1} more like these"]
        lines += [about] if about else []
        return "\n".join(clean(line, limit=300) for line in lines), bool(bad)

    def _troubles(self) -> list[str]:
        lines = []
        for name, found in self._worth.items():
            if not found.trouble:
                continue
            who = f"{name}: " if self._several else ""
            lines.append(f"{who}{found.trouble}")
            if found.rows:
                heard = words.ago(found.seen_at, self._now)
                last = f"last heard from it: {heard}" if found.seen_at else "it never answered"
                if self._several:
                    lines[-1] += f" ({last})"
                else:
                    lines.append(f"Shown is what this machine knows; {last}.")
        return lines

    def _unsettled(self) -> list[str]:
        from tui.jobs import standing

        lines = []
        for found in self._worth.values():
            for launch in found.unsettled:
                how = standing(launch)
                lines.append(f"{how.words[:1].upper()}{how.words[1:]}: {how.in_app}")
        return lines
