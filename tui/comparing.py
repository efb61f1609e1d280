"""Runs that do not come from the list of jobs, for the application: logs, comparisons."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual import work
from textual.app import SystemCommand

from tui import messages
from tui.deck import Deck
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from tui.run.stops import StopRule


class Beginning(NamedTuple):
    """What the application opens on besides a dataset.

    Attributes:
        job: The live panel of this run.
        logs: These training logs: one in the live panel, several side by side.
        compare: These runs side by side.
        stop_rules: The stop rules of the run that is opened.
    """

    job: str | None = None
    logs: tuple[str, ...] = ()
    compare: tuple[RunKey, ...] = ()
    stop_rules: tuple[StopRule, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.job is not None or self.logs or self.compare)


class Comparing(Deck):
    """An application that opens training logs and compares runs over the Jobs screen."""

    stop_rules: dict[str, tuple[StopRule, ...]]
    """Stop rules given before a run's panel was open, by the run's id."""

    def action_mode(self, mode: str) -> None:
        """Go to a screen; the application knows how."""
        raise NotImplementedError

    async def on_open_job(self, message: messages.OpenJob) -> None:
        """Open the live panel of a run over the list of runs."""
        from tui.screens.job import JobScreen

        self.action_mode("jobs")
        await self.push_screen(JobScreen(message.job_id, provider=message.provider))

    async def on_open_run(self, message: messages.OpenRun) -> None:
        """Open the live panel of a run that is followed from somewhere, such as a log."""
        from tui.screens.job import JobScreen

        self.action_mode("jobs")
        await self.push_screen(JobScreen(message.source))

    async def open_first(self, beginning: Beginning) -> None:
        """Open what the command line asked for."""
        if beginning.job is not None:
            self.stop_rules[beginning.job] = beginning.stop_rules
            await self.on_open_job(messages.OpenJob(beginning.job, self.provider_name))
        elif len(beginning.logs) == 1:
            from tui.logs import LogSource

            (path,) = beginning.logs
            self.stop_rules[path] = beginning.stop_rules
            try:
                await self.on_open_run(messages.OpenRun(LogSource(path, wait=True)))
            except TunedeckError as error:
                self.tell(str(error), severity="error")
        elif beginning.logs:
            self.open_logs(beginning.logs)
        else:
            self.compare(beginning.compare)

    def on_compare_runs(self, message: messages.CompareRuns) -> None:
        """Open runs side by side."""
        from tui.screens.compare import CompareScreen

        self.action_mode("jobs")
        self.push_screen(CompareScreen(message.keys))

    def open_logs(self, paths: Sequence[str]) -> None:
        """Open one log in the live panel, several side by side."""
        from tui.logs import LogSource

        if len(paths) != 1:
            self.compare(tuple(("log", path) for path in paths))
            return
        try:
            self.post_message(messages.OpenRun(LogSource(paths[0])))
        except TunedeckError as error:
            self.tell(str(error), severity="error")

    def compare(self, keys: Sequence[RunKey]) -> None:
        """Open runs side by side."""
        self.post_message(messages.CompareRuns(tuple(keys)))

    @work(group="logs", exclusive=True, exit_on_error=False)
    async def action_open_log(self) -> None:
        """Ask for the path of a log and open it; a folder may hold several."""
        from tui.logs import find_logs
        from tui.screens.logpath import LogPathScreen

        path = await self.push_screen_wait(LogPathScreen())
        if not path:
            return
        try:
            found = await asyncio.to_thread(find_logs, path)
        except TunedeckError as error:
            self.tell(str(error), severity="error")
            return
        if found:
            self.open_logs([log.path for log in found])
        else:
            self.tell(f"No training log in {path}", severity="warning")

    @work(group="runs-of", exclusive=True, exit_on_error=False)
    async def action_runs_of_dataset(self) -> None:
        """Open the run that was trained on the open dataset, or all of them side by side."""
        from tui.run.dataset import runs_of_file
        from tui.run.feed import feed_of

        paths = self.workspace.paths
        if len(paths) != 1 or paths[0] == "-":
            self.tell("Open one file to see the runs that were trained on it", severity="warning")
            return
        try:
            ledger = await feed_of(self).ledger()
            keys = await asyncio.to_thread(runs_of_file, ledger, paths[0])
        except TunedeckError as error:
            self.tell(str(error), severity="error")
            return
        if not keys:
            self.tell("No run launched from this machine was trained on this file as it is now")
        elif len(keys) == 1:
            self.post_message(messages.OpenJob(keys[0][1], keys[0][0]))
        else:
            self.compare(keys)

    def comparing_commands(self) -> Iterable[SystemCommand]:
        """Yield what the palette offers of these."""
        yield SystemCommand(
            "Open a training log",
            "Of a trainer on this machine; a folder too",
            self.action_open_log,
        )
        yield SystemCommand("Compare runs", "Side by side, jobs and logs", lambda: self.compare(()))
        if self.workspace.source is not None:
            yield SystemCommand(
                "Runs of this dataset", "Trained on this very file", self.action_runs_of_dataset
            )
