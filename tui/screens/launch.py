"""The Launch screen: a form, a live preflight beside it, and one key that spends money."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, Select, Static
from textual.worker import get_current_worker

from tui.errors import TunedeckError
from tui.messages import LaunchPrefill, OpenJob
from tui.opened.workspace import Change
from tui.run.feed import feed_of
from tui.run.form import METHODS, Form, Line, preflight_lines, question, read_form
from tui.run.words import status_sign as mark
from tui.screens.base import DeckScreen
from tui.screens.fields import Choice, Tick
from tui.screens.launch_news import Checked, Ended, Offered, Reading, Told, content_of
from widgets.confirm import Confirm
from widgets.text import ascii_only, clean

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.jobs import LaunchRequest, Preflight

OTHER = "\0other"
_FIELDS = (
    ("file", "Training file", "path of a .jsonl file"),
    ("validation", "Validation", "optional"),
    ("epochs", "Epochs", "auto"),
    ("batch", "Batch size", "auto"),
    ("learning", "Learning rate ×", "auto"),
    ("suffix", "Suffix", "a name for the result"),
    ("seed", "Seed", "optional"),
    ("metadata", "Metadata", "team=search, run=7"),
)
_AFTER_TYPING = 0.4
_PROGRESS_EVERY = 0.5


class LaunchScreen(DeckScreen):
    """Fill in a run, see what is wrong with it and what it costs, and start it once."""

    MODE = "launch"
    AUTO_FOCUS = "#model"
    CSS_PATH = "launch.tcss"
    HELP = """
    Fill in the form; the right side says at once what is wrong with the file and the settings and
    what the run will cost. Tab and the arrows move between fields, Esc leaves them.
    ctrl+l, or Enter on Launch, asks once more with the price; y launches. Nothing is sent before.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "launch", "launch", id="launch.go", tooltip="Launch; asks first"),
        Binding("l", "launch", "launch", id="launch.go2", show=False, tooltip="Launch; asks first"),
        Binding(
            "escape", "leave", "leave form", id="launch.leave", tooltip="Leave the field, then back"
        ),
        Binding("up", "app.focus_previous", "up", show=False, tooltip="The field above"),
        Binding("down", "app.focus_next", "down", show=False, tooltip="The field below"),
        Binding("r", "check_again", "check again", id="launch.check", show=False),
    ]

    model = getters.query_one("#model", Select)
    provider = getters.query_one("#provider", Select)
    method = getters.query_one("#method", Select)
    force = getters.query_one("#force", Checkbox)
    go = getters.query_one("#go", Button)
    lines = getters.query_one("#lines", Static)
    told = getters.query_one("#told", Static)

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self._timer: Timer | None = None
        self._checked: tuple[LaunchRequest, Preflight] | None = None
        self._launching = False
        self._log: list[tuple[str, Line]] = []
        self._wanted_model = ""
        self._models: tuple[str, ...] = ()
        self._own_file = ""

    # What is on the screen

    def body(self) -> ComposeResult:
        """The form to the left, what was found to the right."""
        with Horizontal(id="both"):
            with VerticalScroll(id="form", can_focus=False):
                names = [(clean(name, limit=40), name) for name in self.deck.provider_choices()]
                yield self._field("provider", "Provider", self._select(names, "provider"))
                yield self._input("file")
                yield self._input("validation")
                yield self._field("model", "Model", self._select([], "model"))
                other = Input(placeholder="model id", id="other", compact=True)
                other.cursor_blink = False
                yield self._field("other", "", other)
                methods = [(name, name) for name in METHODS]
                yield self._field("method", "Method", self._select(methods, "method"))
                for name in ("epochs", "batch", "learning", "suffix", "seed", "metadata"):
                    yield self._input(name)
                yield self._field("force", "Force", Tick("launch with errors", id="force"))
                yield Button("Launch", id="go", variant="primary", compact=True, disabled=True)
            with VerticalScroll(id="found"):
                yield Static(id="lines", markup=False)
                yield Static(id="told", markup=False)

    def _field(self, name: str, label: str, widget: Widget) -> Horizontal:
        return Horizontal(
            Label(clean(label), classes="label", markup=False),
            widget,
            classes="field",
            id=f"row-{name}",
        )

    def _input(self, name: str) -> Horizontal:
        label, hint = next((label, hint) for key, label, hint in _FIELDS if key == name)
        entry = Input(placeholder=hint, id=name, compact=True, select_on_focus=False)
        entry.cursor_blink = False
        return self._field(name, label, entry)

    def _select(self, options: list[tuple[str, str]], name: str) -> Choice:
        # An empty choice stands in until the models are known: Textual's own would stay a choice.
        return Choice(options or [("", "")], allow_blank=False, compact=True, id=name)

    def on_mount(self) -> None:
        """Take over the open dataset and find the models."""
        self.set_class(ascii_only(), "-ascii")
        self.deck.workspace.changes.subscribe(self, self._workspace_changed)
        self.deck.farewells.append(self._farewell)
        self._take_file()
        self._offer(self._provider_name())

    @on(events.ScreenResume)
    def _shown_again(self) -> None:
        prefill = self.deck.take_prefill()
        if prefill is not None:
            self._fill(prefill)
        self._take_file()

    def _workspace_changed(self, change: Change) -> None:
        if change == Change.OPENED:
            self._take_file()

    def _take_file(self) -> None:
        """Put the open dataset into the form, unless somebody typed another path."""
        path = self.deck.workspace.path
        entry = self.query_one("#file", Input)
        if path and entry.value in ("", self._own_file):
            self._own_file = path
            entry.value = path
            # The end of a path tells it from others; the cursor going there brings it into view.
            entry.cursor_position = 0
            self.call_after_refresh(entry.action_end)

    def _fill(self, prefill: LaunchPrefill) -> None:
        if prefill.file is not None:
            self.query_one("#file", Input).value = prefill.file
        if prefill.epochs is not None:
            self.query_one("#epochs", Input).value = str(prefill.epochs)
        if prefill.provider in self.deck.provider_choices():
            self.provider.value = prefill.provider
        if prefill.model is not None:
            self._choose_model(prefill.model)

    def _choose_model(self, model: str) -> None:
        self._wanted_model = model
        if model in self._models:
            self.model.value = model
        elif self._models:
            self.model.value = OTHER
            self.query_one("#other", Input).value = model

    async def _farewell(self) -> str:
        """Tell who leaves in the middle of a launch where to look."""
        if not self._launching:
            return ""
        return "tunedeck: a launch was under way: 'tunedeck jobs' says whether it made a run"

    # The form

    def _provider_name(self) -> str:
        value = self.provider.value
        return value if isinstance(value, str) else ""

    def _values(self) -> dict[str, str]:
        values = {name: self.query_one(f"#{name}", Input).value for name, _, _ in _FIELDS}
        model, method = self.model.value, self.method.value
        values["model"] = model if isinstance(model, str) else ""
        if model == OTHER:
            values["model"] = self.query_one("#other", Input).value
        values["method"] = method if isinstance(method, str) else METHODS[0]
        return values

    def _form(self) -> Form:
        return read_form(self._values(), force=self.force.value)

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _typed(self) -> None:
        self._check_soon()

    @on(Select.Changed, "#provider")
    def _provider_chosen(self, event: Select.Changed) -> None:
        if isinstance(event.value, str):
            self.deck.use_provider(event.value)
            self._offer(event.value)

    @on(Select.Changed, "#model")
    def _model_chosen(self, event: Select.Changed) -> None:
        self.query_one("#row-other").set_class(event.value == OTHER, "-shown")
        if isinstance(event.value, str) and event.value != OTHER:
            self._wanted_model = event.value
        elif event.value == OTHER:
            self.query_one("#other", Input).focus()
        self._check_soon()

    @on(Select.Changed, "#method")
    def _method_chosen(self) -> None:
        self._check_soon()

    @work(thread=True, group="models", exclusive=True, exit_on_error=False)
    def _offer(self, provider: str) -> None:
        """Find the models to choose from; the tables are read in this thread the first time."""
        from tui.pricing import trainable_models

        try:
            config = self.deck.provider_config(provider or None)
            found = tuple(_ids(trainable_models(config.profile)))
        except TunedeckError as error:
            self.post_message(Offered(provider, (), str(error)))
        else:
            self.post_message(Offered(provider, found))

    @on(Offered)
    def _offered(self, message: Offered) -> None:
        options = [(clean(model, limit=80), model) for model in message.models]
        with self.model.prevent(Select.Changed):
            self.model.set_options([*options, (clean("another model …"), OTHER)])
        self._models = (*message.models, OTHER)
        if self._wanted_model:
            self._choose_model(self._wanted_model)
        else:
            self.model.value = self._first_model()
        self._check_soon()

    def _first_model(self) -> str:
        """The model whose tokens were counted, where it is offered."""
        counted = self.deck.workspace.model
        return next((m for m in self._models if m.startswith(counted)), self._models[0])

    # The preflight

    def action_check_again(self) -> None:
        """Check again, for a file that was mended meanwhile."""
        self._check_soon()

    def _check_soon(self) -> None:
        """Check when the typing has stopped; what was found before counts no more."""
        self._turn += 1
        self._checked = None
        self._sync()
        self._show([Line("Checking …", "muted")])
        if self._log and not self._launching:
            self._log = []
            self.told.update("")
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_AFTER_TYPING, self._check)

    def _check(self) -> None:
        form = self._form()
        for name, _, _ in _FIELDS:
            self.query_one(f"#{name}", Input).set_class(name in form.complaints, "-wrong")
        if form.request is None:
            names = {key: label for key, label, _ in _FIELDS}
            self._show(
                [
                    Line("Fill in the form", "head"),
                    *(
                        Line(f"{mark('failed')} {names.get(name, name)}: {text}", "error")
                        for name, text in form.complaints.items()
                    ),
                ]
            )
            return
        try:
            config = self.deck.provider_config(self._provider_name() or None)
        except TunedeckError as error:
            self._show_trouble(error)
            return
        self._preflight(self._turn, form.request, config)

    @work(thread=True, group="preflight", exclusive=True, exit_on_error=False)
    def _preflight(self, turn: int, request: LaunchRequest, config: ProviderConfig) -> None:
        from tui.jobs import preflight

        worker = get_current_worker()
        said_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal said_at
            if total and time.monotonic() - said_at > _PROGRESS_EVERY:
                said_at = time.monotonic()
                self.post_message(Reading(turn, done / total))

        try:
            found = preflight(
                request, config, progress=progress, cancelled=lambda: worker.is_cancelled
            )
        except TunedeckError as error:
            self.post_message(Checked(turn, request, None, str(error)))
        else:
            if not worker.is_cancelled:
                self.post_message(Checked(turn, request, found))

    @on(Reading)
    def _reading(self, message: Reading) -> None:
        if message.turn == self._turn:
            self._show([Line(f"Checking the file, {message.fraction:.0%}", "muted")])

    @on(Checked)
    def _preflight_ready(self, message: Checked) -> None:
        if message.turn != self._turn:
            return
        if message.found is None:
            self._show([Line("Cannot check this launch", "head"), Line(message.trouble, "error")])
            return
        self._checked = (message.request, message.found)
        forceable = any(problem.forceable for problem in message.found.errors)
        self.query_one("#row-force").set_class(forceable or self.force.value, "-shown")
        self._show(preflight_lines(message.found, force=self.force.value))
        self._sync()

    def _show_trouble(self, error: TunedeckError) -> None:
        self._show([Line("Cannot check this launch", "head"), Line(str(error), "error")])

    def _show(self, lines: Sequence[Line]) -> None:
        self.lines.update(content_of(lines))

    def _sync(self) -> None:
        """Let the button say whether a launch is possible now."""
        ready = self._checked is not None and not self._checked[1].blocked and not self._launching
        if self.go.disabled == ready:
            self.go.disabled = not ready
        self.go.label = "Launching" if self._launching else "Launch"

    # The launch

    async def action_leave(self) -> None:
        """Leave the field; from no field, go back."""
        if isinstance(self.focused, (Input, Select, Checkbox, Button)):
            self.query_one("#found").focus()
        else:
            await self.app.run_action("back")

    @on(Button.Pressed, "#go")
    def _pressed(self) -> None:
        self.action_launch()

    def action_launch(self) -> None:
        """Ask once more, with the price; ``y`` launches."""
        if self._launching:
            return
        if self._checked is None:
            self.deck.tell("Still checking; the right side says when the launch is ready.")
            return
        request, found = self._checked
        if found.blocked:
            self.deck.tell("Blocked: the right side says why.", severity="warning")
            return
        provider = self._provider_name()
        turn = self._turn

        def answered(yes: bool | None) -> None:
            if yes and turn == self._turn and not self._launching:
                self._launching = True
                self._log = []
                self._sync()
                self._launch(request, found, provider or None)

        lines = question(request, found, provider)
        self.app.push_screen(
            Confirm("Launch this run?", lines, yes="launch", no="do not launch"), answered
        )

    @work(group="launch", exit_on_error=False)
    async def _launch(self, request: LaunchRequest, found: Preflight, provider: str | None) -> None:
        from tui.jobs import launch

        feed = feed_of(self.deck)
        said_at = 0.0

        def state(_state: Any, words: str) -> None:
            self.post_message(Told(words))

        def progress(done: int, total: int) -> None:
            nonlocal said_at
            now = time.monotonic()
            if total and (now - said_at > _PROGRESS_EVERY or done >= total):
                said_at = now
                self.post_message(Told(f"uploading {done / total:.0%}", "uploading"))

        try:
            result = await launch(
                request, found, feed.provider(provider), await feed.ledger(), state, progress
            )
        except TunedeckError as error:
            self.post_message(Ended(None, error.message, error.hint))
        else:
            self.post_message(Ended(result))

    @on(Told)
    def _launch_told(self, message: Told) -> None:
        key = message.key or message.text  # what is said again takes the place of the first time
        if self._log and self._log[-1][0] == key:
            self._log.pop()
        self._log.append((key, Line(message.text, "muted")))
        self._show_log()

    @on(Ended)
    def _launch_ended(self, message: Ended) -> None:
        self._launching = False
        result = message.result
        if result is None:
            self._log.append(("", Line(f"{mark('failed')} {message.trouble}", "error")))
            if message.hint:
                self._log.append(("", Line(f"  {message.hint}", "warning")))
        else:
            how = "found and taken over" if result.adopted else "created"
            self._log.append(("", Line(f"{mark('succeeded')} {how}: {result.job.id}", "success")))
            self.app.post_message(OpenJob(result.job.id, result.job.provider))
        self._show_log()
        self._sync()

    def _show_log(self) -> None:
        lines = [Line("Launch", "head"), *(line for _, line in self._log[-12:])]
        self.told.update(content_of(lines))
        self.query_one("#found", VerticalScroll).scroll_end(animate=False)


def _ids(models: Any) -> list[str]:
    """Return the ids of what the model table offers."""
    return [getattr(model, "id", model) for model in models]
