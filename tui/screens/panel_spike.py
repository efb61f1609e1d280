"""From a loss spike to the records behind it, where the order of the data is known."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.errors import TunedeckError
from tui.messages import OpenPath, ShowRecord
from tui.run.spikes import Behind, records_behind, spikes
from tui.screens.palette import Palette
from tui.screens.panel_charts import PanelCharts
from widgets.numbers import counted, integer
from widgets.text import clean


class PanelSpike(PanelCharts):
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

        def __init__(self, step: int, behind: Behind, previews: tuple[str, ...]) -> None:
            super().__init__()
            self.step = step
            self.behind = behind
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

    @work(group="records", exclusive=True, thread=True, exit_on_error=False)
    def _look_behind(self, step: int, kind: str) -> None:
        behind = records_behind(self.state, step, kind, self.file)
        self.post_message(self.Found(step, behind, _previews(self.file, behind.lines)))

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
            SystemCommand(f"Line {line}", preview, partial(self._show, line))
            for line, preview in zip(behind.lines, message.previews, strict=True)
        ]
        self.app.push_screen(Palette(commands, title=title))

    def _show(self, line: int) -> None:
        if self.file_is_open():
            self.app.post_message(ShowRecord(line))
        else:
            self.app.post_message(OpenPath(self.file))
            self.deck.tell(f"Opened the training file; :{line} goes to the record.")


def _previews(path: str, lines: tuple[int, ...]) -> tuple[str, ...]:
    """The beginnings of some lines of a file."""
    if not lines:
        return ()
    wanted = set(lines)
    found: dict[int, str] = {}
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if number in wanted:
                    found[number] = clean(line[:400].decode("utf-8", "replace"), 200)
                    if len(found) == len(wanted):
                        break
    except OSError:
        return ("",) * len(lines)
    return tuple(found.get(line, "") for line in lines)
