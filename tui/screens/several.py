"""Cancelling several runs with one question, and saying where cancels stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tui.errors import TunedeckError
from tui.run import words
from tui.run.cancels import Going
from tui.run.feed import feed_of
from tui.run.runlist import RunKey, RunRow
from tui.screens.job_actions import JobActions
from tui.screens.run_columns import name_of, state_of
from widgets.confirm import Confirm
from widgets.numbers import counted, usd

_NAMED = 6
_SLOW_CANCEL = 8.0
_NOT_BEGUN = ("validating_files", "queued")


class SeveralRuns(JobActions):
    """A screen with a list of runs, of which several may be cancelled at once."""

    def ask_cancel_all(self, rows: Sequence[RunRow]) -> None:
        """Ask once whether to cancel these runs, with what each has cost; only ``y`` does it."""
        try:
            lines = list(self._lines(rows))
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return

        def agreed() -> None:
            for row in rows:
                feed_of(self.deck).begin_cancel(*row.key)

        def answered(yes: bool | None) -> None:
            if yes and self.is_attached:
                for row in rows:
                    self.cancel_agreed(row.job.id)
                    self._cancel(row.job.id, row.job.provider)

        runs = f"these {len(rows)} runs"
        question = Confirm(
            f"Cancel {runs}?", lines, yes="cancel them", no="let them run", on_yes=agreed
        )
        self.app.push_screen(question, answered)

    def _lines(self, rows: Sequence[RunRow]) -> Iterator[str]:
        for row in rows[:_NAMED]:
            done = state_of(row).so_far().removeprefix("So far: ").rstrip(".")
            yield f"{name_of(row)}: {done[:1].lower()}{done[1:]}"
        if len(rows) > _NAMED:
            yield f"and {len(rows) - _NAMED} more"
        spent = [found for row in rows if (found := state_of(row).usd_so_far())]
        if spent:
            unknown = "" if len(spent) == len(rows) else f", of {len(spent)} of them"
            yield f"So far about {usd(sum(spent))} in all{unknown}."
        bills: dict[str, list[str]] = {}
        for name in dict.fromkeys(row.job.provider for row in rows):
            there = [row for row in rows if row.job.provider == name]
            bills.setdefault(self._bill(name, there), []).append(name)
        for bill, names in bills.items():
            yield f"{', '.join(names)}: {bill}"

    def _bill(self, name: str, rows: Sequence[RunRow]) -> str:
        """Say what a provider bills of runs that are cancelled."""
        kind = self.deck.provider_config(name).kind
        begun = [row for row in rows if row.job.status not in _NOT_BEGUN]
        return words.cancel_consequences(kind, None, (begun or rows)[0].job.status)


def cancels_said(
    going: Mapping[RunKey, Going], rows: Mapping[RunKey, RunRow], now: float
) -> list[str]:
    """Say of every cancel that takes its time where it stands; not cleaned.

    Args:
        going: The cancels under way in this program.
        rows: The runs that are listed, by their keys.
        now: Seconds since 1970.
    """
    said = []
    for key, one in going.items():
        if now - one.since >= _SLOW_CANCEL:
            since = words.ago(one.since, now).removesuffix(" ago")
            lasts = "" if since == "now" else f" for {since}"
            said.append(f"Cancelling {key[1]} at {key[0]}{lasts}: {one.words}")
    for key, row in rows.items():
        if key in going or row.cancel_asked is None or not row.going:
            continue
        when = words.ago(row.cancel_asked, now)
        if row.cancel_heard:
            said.append(
                f"The cancel of {key[1]} was taken by {key[0]} ({when}), which still says "
                f"{words.status_word(row.job.status)}: x asks again"
            )
        else:
            said.append(
                f"A cancel of {key[1]} was agreed to ({when}) but {key[0]} may not have heard it: "
                "x asks again"
            )
    return said


def marked_words(count: int) -> str:
    """Say how many runs are marked, and what can be done to them."""
    return f"{counted(count, 'run')} marked: x cancels, c compares, Esc unmarks" if count else ""
