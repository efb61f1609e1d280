"""What can be done to a run, from the list and from the panel alike: cancel, pause, resume.

Each deed is a worker in a group of its own, so that a cancel never waits for the polling it stands
beside. Workers post messages; only handlers change what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from tui.errors import TunedeckError
from tui.run import words
from tui.run.feed import feed_of
from tui.screens.base import DeckScreen
from widgets.confirm import Confirm

if TYPE_CHECKING:
    from tui.jobs import Job


class DoneTo(Message):
    """Something was done to a run, or could not be.

    Attributes:
        job_id: The run.
        deed: ``cancel``, ``pause`` or ``resume``.
        job: The run as the provider described it afterwards; ``None`` when it failed.
        trouble: Why it failed; not cleaned.
    """

    def __init__(self, job_id: str, deed: str, job: Job | None, trouble: str = "") -> None:
        super().__init__()
        self.job_id = job_id
        self.deed = deed
        self.job = job
        self.trouble = trouble


class JobActions(DeckScreen):
    """A screen from which runs are cancelled, paused and resumed."""

    def ask_cancel(
        self, job: Job, status: str, so_far: str, usd_so_far: float | None, provider: str | None
    ) -> None:
        """Ask whether to cancel a run, and do it on ``y`` and on nothing else.

        Args:
            job: The run.
            status: Its status as shown.
            so_far: What it has done so far, in words.
            usd_so_far: What that has cost by the estimate; ``None`` when not known.
            provider: The provider's name; ``None`` for the one in use.
        """
        if job.status in words.TERMINAL:
            self.deck.tell(f"This run is over: it {words.ended_as(job.status)}.")
            return
        if self.refused(provider):
            return
        try:
            config = self.deck.provider_config(provider)
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return
        # A cancel of an earlier start that was not carried out may be asked for again.
        if status == "cancelling" and (config.name, job.id) in feed_of(self.deck).cancels():
            self.deck.tell("The provider has been asked to cancel this run already.")
            return
        name = "  ".join(part for part in (job.suffix, job.model, job.id) if part)
        lines = (name, so_far, words.cancel_consequences(config.kind, usd_so_far, job.status))

        def agreed() -> None:
            feed_of(self.deck).begin_cancel(provider, job.id)

        def answered(yes: bool | None) -> None:
            if yes and self.is_attached:  # the very next key may have left the screen
                self.cancel_agreed(job.id)
                self._cancel(job.id, provider)

        question = Confirm(
            "Cancel this run?", lines, yes="cancel the run", no="let it run", on_yes=agreed
        )
        self.app.push_screen(question, answered)

    def refused(self, provider: str | None) -> bool:
        """Whether nothing may be changed at a provider; says so when that is the case."""
        if not feed_of(self.deck).read_only(provider):
            return False
        self.deck.tell(
            "Read-only: nothing is changed at this provider. Start without --read-only to act.",
            severity="warning",
        )
        return True

    def ask_change(self, job_id: str, deed: str, provider: str | None) -> None:
        """Pause or resume a run where the provider can, and say why not where it cannot.

        Args:
            job_id: The run.
            deed: ``pause`` or ``resume``.
            provider: The provider's name; ``None`` for the one in use.
        """
        if self.refused(provider):
            return
        try:
            can = feed_of(self.deck).provider(provider).can(deed)
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return
        if can.yes is False:
            self.deck.tell(can.why, severity="warning")
        else:
            self.change(job_id, deed, provider)

    def cancel_agreed(self, _job_id: str) -> None:
        """Show from now on that the run is being cancelled."""

    @work(group="cancel", exit_on_error=False)
    async def _cancel(self, job_id: str, provider: str | None) -> None:
        try:
            job = await feed_of(self.deck).cancelled(provider, job_id)
        except TunedeckError as error:
            self.post_message(DoneTo(job_id, "cancel", None, str(error)))
        else:
            self.post_message(DoneTo(job_id, "cancel", job))

    @work(group="change", exit_on_error=False)
    async def change(self, job_id: str, deed: str, provider: str | None) -> None:
        """Pause or resume a run.

        Args:
            job_id: The run.
            deed: ``pause`` or ``resume``.
            provider: The provider's name; ``None`` for the one in use.
        """
        try:
            at = feed_of(self.deck).provider(provider)
            job = await (at.pause(job_id) if deed == "pause" else at.resume(job_id))
        except TunedeckError as error:
            self.post_message(DoneTo(job_id, deed, None, str(error)))
        else:
            self.post_message(DoneTo(job_id, deed, job))

    def say_trouble(self, message: DoneTo) -> None:
        """Tell that a deed failed."""
        self.deck.tell(
            f"Could not {message.deed} {message.job_id}: {message.trouble}", severity="error"
        )
