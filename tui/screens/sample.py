"""The Sample screen: several models asked the same prompt, their answers side by side."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.jobs import SamplePrompt, SampleSettings
from tui.run.feed import feed_of
from tui.run.named import short_name
from tui.run.samples import SampleColumn, Samples, answers_untuned, read_settings, warning_of
from tui.screens.base import DeckScreen
from tui.screens.prompt import Prompt
from tui.screens.sample_news import Asked, Offered, PromptsRead, Resolved, Trouble
from widgets.answer_pane import AnswerPane, columns_of, spread
from widgets.confirm import Confirm
from widgets.conversation import conversation
from widgets.record_data import RecordData
from widgets.record_view import RecordView
from widgets.rows import RowsView
from widgets.text import cell_width, clean, fit

if TYPE_CHECKING:
    from tui.jobs import Provider, Sampling

FRAME = 0.5
"""Seconds between two frames of answers that are coming, at least."""
MOST_PROMPTS = 500
_LEAST_PANE = 38
_MOST_MODELS = 6


class PromptView(RecordView, inherit_bindings=False):
    """The prompt as a conversation; its keys only scroll, as others belong to the screen."""

    BINDINGS = RowsView.BINDINGS


class SampleScreen(DeckScreen):
    """Ask models the same prompts and compare what they answer.

    Args:
        models: As they are named; see :class:`tui.messages.SampleRun`.
        provider: Where those without a provider of their own answer; ``None`` for the one in use.
        prompts: A file with prompts; ``None`` for the open dataset.
        trained_on: Path of the training file of the run this is about.
    """

    MODE = "jobs"
    AUTO_FOCUS = "#prompt"
    HELP = """
    The same prompt to several models, their answers side by side as they come. Words that differ
    from the reference (the answer in the data) are underlined and bold; without a reference, from
    the first answer. Exact means the reference word for word; alike is the share of words in common
    with it, in order; cut means the limit of tokens was reached. None says that an answer is right.
    Enter asks the prompt in view and sends no request twice; a asks again; one typed by hand is
    asked at once. Tab goes from pane to
    pane, and the arrow keys scroll the one with the marked title.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask(False)", "ask", id="sample.ask", tooltip="Ask the models this"),
        Binding("n,right", "step(1)", "next", id="sample.next", tooltip="The next prompt"),
        Binding("p,left", "step(-1)", "previous", id="sample.previous", tooltip="The one before"),
        Binding("t", "type", "type one", id="sample.type", tooltip="Type a prompt by hand"),
        Binding("m", "add_model", "add model", id="sample.model", tooltip="Ask one model more"),
        Binding(
            "minus",
            "drop_model",
            "drop model",
            id="sample.drop",
            tooltip="Leave out the model whose pane has the focus, or the last one",
            show=False,
        ),
        Binding("f", "file", "file", id="sample.file", tooltip="Take prompts from another file"),
        Binding("e", "settings", "settings", id="sample.settings", tooltip="Temperature, seed, …"),
        Binding("a", "ask(True)", "again", id="sample.again", tooltip="Ask this again", show=False),
        Binding("escape", "stop", "stop", id="sample.stop", tooltip="Stop the answers"),
        Binding("tab", "app.focus_next", "pane", show=False, tooltip="The next pane"),
        Binding("shift+tab", "app.focus_previous", "pane", show=False, tooltip="The pane before"),
    ]
    DEFAULT_CSS = """
    SampleScreen {
        & #about { height: 1; padding: 0 1; color: $text-muted; }
        & #prompt { height: 30%; min-height: 3; max-height: 12; }
        & #answers { layout: grid; grid-gutter: 0 1; height: 1fr; }
        & #state { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
        & #state.-trouble { color: $text-warning; }
        & #empty { display: none; height: 1fr; content-align: center middle; text-align: center; }
        &.-none #empty { display: block; }
        &.-none #answers, &.-none #prompt { display: none; }
        &.-short #prompt { height: 3; }
    }
    """

    about = getters.query_one("#about", Static)
    state = getters.query_one("#state", Static)
    empty = getters.query_one("#empty", Static)
    view = getters.query_one("#prompt", PromptView)
    grid = getters.query_one("#answers", Container)

    def __init__(
        self,
        models: Sequence[str] = (),
        *,
        provider: str | None = None,
        prompts: str | None = None,
        trained_on: str = "",
    ) -> None:
        super().__init__()
        self._provider = provider
        self._file = prompts
        self._trained_on = trained_on
        self._samples = Samples(SampleSettings(temperature=0.0))
        self._samples.columns = [SampleColumn(name) for name in dict.fromkeys(models)]
        self._frame: Timer | None = None
        self._asking = False
        self._agreed: dict[tuple[str, ...], int] = {}
        self._trouble = ""
        self._note = ""
        self._reading = False
        self._shown: tuple[object, ...] = ()
        self._panes: list[AnswerPane] = []

    def body(self) -> ComposeResult:
        """Which prompt, the prompt, the answers, and what there is to say."""
        yield Static(id="about", markup=False)
        yield PromptView(id="prompt", empty_text="No prompt")
        yield Container(id="answers")
        yield Static(id="empty", markup=False)
        yield Static(id="state", markup=False)
        yield Prompt()

    def on_mount(self) -> None:
        """Read the prompts, and look the models up."""
        # What is coming is shown in frames: a piece of an answer at a time is a lot on a slow link.
        self._frame = self.set_interval(FRAME, self._draw_answers, pause=True)
        self._reading = True
        self._find_prompts()
        for column in self._samples.columns:
            self._look_up(column)
        self._arrange()
        self._draw()

    def on_resize(self) -> None:
        """As many panes side by side as fit."""
        self._arrange()
        self._draw_state()

    # What workers do: they ask, and post what they heard.

    def _read(self, path: str) -> None:
        self._file, self._reading = path, True
        self._read_file(path)

    @work(group="read", exclusive=True, exit_on_error=False)
    async def _read_file(self, path: str) -> None:
        from tui.run.heldout import read_prompts

        try:
            found = await asyncio.to_thread(read_prompts, path, MOST_PROMPTS)
        except TunedeckError as error:
            self.post_message(PromptsRead(None, str(error)))
        else:
            self.post_message(PromptsRead(found))

    @work(group="find", exit_on_error=False)
    async def _find_prompts(self) -> None:
        """Read the file named, else what the run was validated on, else the open dataset."""
        path = self._file or await self._validation() or self.deck.workspace.path
        if path and path != "-":
            self._read(path)
        else:
            self.post_message(PromptsRead(None))

    async def _validation(self) -> str:
        """Return the validation file of the first run named, where it is still on this machine."""
        from tui.run.named import parse_model

        with contextlib.suppress(TunedeckError):
            for column in self._samples.columns:
                name = parse_model(column.name, self.deck.provider_choices())
                provider = feed_of(self.deck).provider(name.provider or self._provider)
                ledger = await feed_of(self.deck).ledger()
                launch = await asyncio.to_thread(ledger.launch_of, provider.endpoint, name.job)
                path = launch.recipe.get("validation") if launch is not None else None
                if isinstance(path, str) and os.path.isfile(path):
                    return path
        return ""

    @work(group="look-up", exit_on_error=False)
    async def _look_up(self, column: SampleColumn) -> None:
        from tui.run.named import parse_model, resolve_model

        try:
            name = parse_model(column.name, self.deck.provider_choices())
            provider = feed_of(self.deck).provider(name.provider or self._provider)
            column.model = await resolve_model(name, provider)
        except TunedeckError as error:
            column.trouble = str(error)
        self.post_message(Resolved(column))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def _ask(self, sampling: Sampling) -> None:
        from tui.run.asked import cost_of

        try:
            cost = await asyncio.to_thread(cost_of, sampling)
            # A yes holds for what costs no more: not for a model or for tokens on top of it.
            if cost.paid and cost.output_tokens > self._agreed.get(cost.where, -1):
                question = Confirm(
                    "Ask this?",
                    [
                        f"{cost.words()}.",
                        "Prompts that cost no more are then asked without this question.",
                    ],
                    yes="ask",
                    no="ask nothing",
                )
                if not await self.app.push_screen_wait(question):
                    return
                self._agreed[cost.where] = cost.output_tokens
            self._samples.take(sampling)
            if self._frame is not None:
                self._frame.resume()
            await sampling.run(lambda _model, _prompt: None)
        except TunedeckError as error:
            self.post_message(Trouble(str(error)))
        finally:
            self.post_message(Asked())

    @work(group="offer", exclusive=True, exit_on_error=False)
    async def _offer(self) -> None:
        from tui.run.keepings import kept_models

        try:
            provider: Provider = feed_of(self.deck).provider(self._provider)
            ledger = await feed_of(self.deck).ledger()
            jobs = await asyncio.to_thread(ledger.jobs, provider.endpoint)
            entries = await provider.models()
        except TunedeckError as error:
            self.post_message(Trouble(str(error)))
            return
        found = kept_models(entries, jobs, provider.config.profile, "")
        names = [
            (model.name, f"from {model.job_id}" if model.job_id else model.base or "base model")
            for model in sorted(found, key=lambda model: not model.tuned)
        ]
        self.post_message(Offered(provider.name, names))

    # What handlers do: they alone change what is shown.

    @on(PromptsRead)
    def _prompts_read(self, message: PromptsRead) -> None:
        self._reading = False
        found = message.found
        if found is None:
            self._trouble = message.trouble
        else:
            self._trouble = ""
            typed = [prompt for prompt in self._samples.prompts if not prompt.line]
            self._samples.prompts = [*typed, *found.prompts]
            self._samples.at = 0
            self._note = warning_of(found, self._trained_on)
        self._draw()

    @on(Resolved)
    def _resolved(self, message: Resolved) -> None:
        model = message.column.model
        alone = len(self._samples.columns) == 1
        if alone and model is not None and model.base and answers_untuned(model.provider.config):
            # What a run was good for shows beside the model it began with.
            self._add(f"{model.provider.name}/{model.base}")
        self._draw_answers()
        self._draw_state()

    @on(Asked)
    def _asked(self) -> None:
        self._asking = False
        if self._frame is not None:
            self._frame.pause()
        self._draw_answers()
        self._draw_state()
        self.refresh_bindings()

    @on(Trouble)
    def _failed(self, message: Trouble) -> None:
        self._trouble = message.text
        self._draw_state()

    @on(Offered)
    def _offered(self, message: Offered) -> None:
        from tui.screens.palette import Palette

        here = {column.model.model for column in self._samples.columns if column.model}
        choices = [
            SystemCommand(short_name(name), words, partial(self._add, name))
            for name, words in message.names
            if name not in here
        ]
        choices.append(
            SystemCommand("Another …", "Type PROVIDER/MODEL or job:ID@STEP", self._ask_name)
        )
        self.app.push_screen(Palette(choices, title=f"Models at {clean(message.provider, 40)}"))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action == "stop":
            return self._asking
        if action == "ask":
            return not self._asking and bool(self._samples.prompts and self._samples.columns)
        if action in ("step", "drop_model"):
            many = self._samples.prompts if action == "step" else self._samples.columns
            return len(many) > (action == "step")
        return super().check_action(action, parameters)

    def action_ask(self, again: bool) -> None:
        """Ask the models the prompt in view."""
        sampling = self._samples.to_ask(again=again)
        if sampling is None:
            waits = any(not c.model and not c.trouble for c in self._samples.columns)
            self.say(
                "The models are still being looked up"
                if waits
                else "All have answered this prompt: n goes on, a asks again",
                "warning" if waits else "muted",
            )
            return
        self._trouble = ""
        self._asking = True
        self.refresh_bindings()
        self._ask(sampling)

    def action_stop(self) -> None:
        """Stop the answers that are coming; what has come stays."""
        self.workers.cancel_group(self, "ask")

    def action_step(self, step: int) -> None:
        """Go to another prompt; answers go on coming meanwhile."""
        at = max(0, min(self._samples.at + step, len(self._samples.prompts) - 1))
        if at != self._samples.at:
            self._samples.at = at
            self._draw()

    def action_type(self) -> None:
        """Ask for a prompt."""
        self.query_one(Prompt).ask("prompt", "Prompt")

    def action_file(self) -> None:
        """Ask for a file with prompts."""
        self.query_one(Prompt).ask("file", "Prompts from", self._file or "")

    def action_settings(self) -> None:
        """Ask for temperature, length and seed."""
        self.query_one(Prompt).ask("settings", "Answers with", self._samples.settings_words())

    def action_add_model(self) -> None:
        """Offer the provider's models."""
        if len(self._samples.columns) >= _MOST_MODELS:
            self.say(f"{_MOST_MODELS} models are the most that can be compared", "warning")
            return
        self._offer()

    def action_drop_model(self) -> None:
        """Leave a model out."""
        panes = [pane for pane in self._panes if pane.display]
        focused = next((at for at, pane in enumerate(panes) if pane.has_focus), len(panes) - 1)
        at = focused - (len(panes) - len(self._samples.columns))
        self._samples.columns.pop(max(0, at))
        self._arrange()
        self._draw()

    def _ask_name(self) -> None:
        self.query_one(Prompt).ask("model", "Model")

    def _add(self, name: str) -> None:
        column = SampleColumn(name)
        self._samples.columns.append(column)
        self._look_up(column)
        self._arrange()
        self._draw()

    @on(Prompt.Answered)
    def _answered(self, message: Prompt.Answered) -> None:
        self.close_question()
        self.view.focus()
        text = message.text.strip()
        if not text:
            return
        if message.kind == "prompt":
            self._samples.add_prompt(SamplePrompt(({"role": "user", "content": text},)))
            self._draw()
            if self._samples.models and not self._asking:
                self.action_ask(False)
        elif message.kind == "file":
            self._read(os.path.expanduser(text))
            self._draw_state()
        elif message.kind == "model":
            self._add(text)
        else:
            self._set(text)

    def _set(self, text: str) -> None:
        try:
            self._samples.settings = read_settings(text, self._samples.settings)
        except TunedeckError as error:
            self.say(clean(str(error)), "warning")
            return
        self._draw()

    @on(Prompt.GivenUp)
    def _given_up(self) -> None:
        self.close_question()
        self.view.focus()

    # Drawing

    def _arrange(self) -> None:
        """Make as many panes as there are texts, as many side by side as fit."""
        wanted = len(self._samples.views())
        fresh = [AnswerPane() for _ in range(wanted - len(self._panes))]
        if fresh:
            self._panes += fresh
            self.grid.mount(*fresh)
        # Those too many are put by: the reference comes and goes with the prompt.
        for number, pane in enumerate(self._panes):
            pane.display = number < wanted
        columns = columns_of(max(1, self.size.width), max(1, wanted), _LEAST_PANE)
        self.grid.styles.grid_size_columns = columns

    def _draw(self) -> None:
        nothing = self._samples.prompt is None or not self._samples.columns
        self.set_class(nothing, "-none")
        if nothing:
            self.empty.update(Content(self._nothing()))
        prompt = self._samples.prompt
        if prompt is not None:
            turns, _ = conversation({"messages": [dict(message) for message in prompt.messages]})
            self.view.show(RecordData(turns=turns))
            # What is asked stands at the end; a long system message comes before it.
            self.view.call_after_refresh(self.view.action_last)
        self._draw_answers()
        self._draw_state()
        self.refresh_bindings()

    def _nothing(self) -> str:
        if self._reading:
            return clean("Reading the prompts …")
        if not self._samples.columns:
            return "No model is chosen yet.\n\nPress m to choose one, and again for a second."
        if self._trouble:
            return "No prompts could be read.\n\nPress f for another file, or t to type one."
        return "No prompts yet.\n\nPress f to take them from a file, or t to type one."

    def _draw_answers(self) -> None:
        views = self._samples.views()
        if sum(pane.display for pane in self._panes) != len(views):
            self._arrange()
        panes = self._panes[: len(views)]
        key = (self._samples.at, *(view.title for view in views))
        anew, self._shown = key != self._shown, key
        spread(views, panes, anew=anew)

    def _about(self, about: str) -> str:
        """Say which prompt this is, of which file, and how it is asked, as far as there is room."""
        settings = self._samples.settings_words()
        room = self.size.width - 2 - cell_width(about) - cell_width(settings) - 4
        name = fit(clean(os.path.basename(self._file or ""), 200), room) if room > 8 else ""
        gap = max(2, room - cell_width(name) + 2)
        return f"{about}  {name}{' ' * gap}{settings}"

    def _draw_state(self) -> None:
        about = self._samples.about()
        self.about.update(Content(self._about(about) if about else ""))
        lines = [clean(self._trouble, 300)] if self._trouble else []
        lines += [clean(self._note, 300)] if self._note else []
        lines += self._samples.totals() if not self._asking else []
        self.state.set_class(bool(self._trouble), "-trouble")
        self.state.update(Content("\n".join(lines[:3])))
