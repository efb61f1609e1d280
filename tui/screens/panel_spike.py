"""From a loss spike to the records behind it, where the order of the data is known."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.errors import TunedeckError
from tui.run.dataset import Whereabouts, lines_of
from tui.run.spikes import Behind, records_behind, spikes
from tui.screens.palette import Palette
from tui.screens.panel_charts import PanelCharts
from tui.screens.panel_data import DatasetOf
from widgets.numbers import counted, integer
from widgets.text import clean


class PanelSpike(PanelCharts, DatasetOf):
    """The part of the panel that finds spikes and what stood behind them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "n",
            "spike(1)",
            "spike",
            id="job.spike",
            tooltip="The cursor to the next value that stands out",
            show=False,
        ),
        Binding(
            "N",
            "spike(-1)",
            "spike before",
            id="job.spike_before",
            tooltip="The cursor to the spike before",
            show=False,
        ),
        Binding(
            "enter",
            "records",
            "records",
            id="job.records",
            tooltip="The records of the step at the cursor, where the order of the data is known",
        ),
    ]

    class Found(Message):
        """The records behind a step are known, or why they are not."""

        def __init__(self, step: int, behind: Behind, path: str, previews: tuple[str, ...]) -> None:
            super().__init__()
            self.step = step
            self.behind = behind
            self.path = path
            self.previews = previews

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer records only where a step is pointed at."""
        if action == "records":
            return self.view.cursor is not None
        return super().check_action(action, parameters)

    def action_spike(self, way: int) -> None:
        """Put the cursor on the next step whose loss stands out, after the last on the first."""
        state = self.state
        found = spikes(state.train, upwards=not state.higher_is_better)
        if not found:
            self.say("No training value stands out: none is six times as far off as usual")
            return
        here = self.cursor_step()
        if way > 0:
            step = next((s for s in found if here is None or s > here), found[0])
        else:
            step = next((s for s in reversed(found) if here is None or s < here), found[-1])
        self.put_cursor(step)
        place = found.index(step) + 1
        self.say(f"Spike {place} of {len(found)}, at step {integer(int(step))}: Enter, its records")

    @work(group="records", exclusive=True, exit_on_error=False)
    async def _look_behind(self, step: int, kind: str) -> None:
        found = Whereabouts()
        try:
            if kind == "local":
                key = (self.deck.provider_config(self.provider).name, self.source.id)
                # Only the very bytes of the launch have the lines that were trained on.
                found = await self.data_of(key)
            behind = await asyncio.to_thread(records_behind, self.state, step, kind, found)
            previews = await asyncio.to_thread(_previews, found.path, behind.lines)
        except (TunedeckError, OSError) as error:
            self.deck.tell(str(error), severity="error")
            return
        self.post_message(self.Found(step, behind, found.path, previews))

    def action_records(self) -> None:
        """Show which records the step at the cursor was trained on."""
        step = self.cursor_step()
        if step is None:
            self.say("No step stands at the cursor")
            return
        kind = "log"
        if self.source.kind == "job":
            try:
                kind = self.deck.provider_config(self.provider).kind
            except TunedeckError as error:
                self.deck.tell(str(error), severity="error")
                return
        self._look_behind(step, kind)

    @on(Found)
    def _found(self, message: Found) -> None:
        behind = message.behind
        if behind.why_not:
            self.deck.tell(f"{behind.why_not}.", severity="warning")
            return
        title = f"Step {integer(message.step)}: {counted(len(behind.lines), 'record')} trained on"
        commands = [
            SystemCommand(f"Line {line}", preview, partial(self.open_line, message.path, line))
            for line, preview in zip(behind.lines, message.previews, strict=True)
        ]
        self.app.push_screen(Palette(commands, title=title))


def _previews(path: str, lines: tuple[int, ...]) -> tuple[str, ...]:
    """The beginnings of some lines of a file."""
    if not lines:
        return ()
    wanted = set(lines)
    found: dict[int, str] = {}
    try:
        for number, line in enumerate(lines_of(path), 1):
            if number in wanted:
                found[number] = clean(line[:400].decode("utf-8", "replace"), 200)
                if len(found) == len(wanted):
                    break
    except TunedeckError:
        return ("",) * len(lines)
    return tuple(found.get(line, "") for line in lines)
