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
from tui.messages import LaunchPrefill
from tui.opened.workspace import Change
from tui.run.feed import feed_of
from tui.run.form import FIELDS, LABELS, METHODS, Form, form_of, read_form
from tui.run.launchwords import Line, preflight_lines, question
from tui.run.words import status_sign as mark
from tui.screens.fields import Choice, Tick
from tui.screens.launch_going import GoingLaunch
from tui.screens.launch_news import Checked, Offered, Reading, content_of
from widgets.confirm import Confirm
from widgets.text import ascii_only, clean

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.jobs import LaunchRequest, Preflight

OTHER = "\0other"
_ROOMY = 32
_MOST_MODELS = 200
_AFTER_TYPING = 0.4
_PROGRESS_EVERY = 0.5
# The switch for the settings that few need stands after this one.
_LAST_PLAIN = "grader"


class LaunchScreen(GoingLaunch):
    """Fill in a run, see what is wrong with it and what it costs, and start it once."""

    MODE = "launch"
    AUTO_FOCUS = "#model"
    CSS_PATH = "launch.tcss"
    HELP = """
    Fill in the form; the right side says at once what is wrong with the file and the settings and
    what the run will cost. Tab and the arrows move between fields, Esc leaves them.
    ctrl+l, or Enter on Launch, asks once more with the price; y launches. Nothing is sent before.
    While a launch is under way Esc stops it, and says what was left where. One that was cut short
    is told of here when the screen is next opened: f fills the form to finish it, d drops it.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "launch", "launch", id="launch.go", tooltip="Launch; asks first"),
        Binding("l", "launch", "launch", id="launch.go2", show=False, tooltip="Launch; asks first"),
        Binding(
            "escape", "leave", "leave form", id="launch.leave", tooltip="Leave the field, then back"
        ),
        Binding("escape", "stop", "stop launch", id="launch.stop", tooltip="Stop the launch"),
        Binding("up", "app.focus_previous", "up", show=False, tooltip="The field above"),
        Binding("down", "app.focus_next", "down", show=False, tooltip="The field below"),
        Binding(
            "r",
            "check_again",
            "check again",
            id="launch.check",
            tooltip="Check the file and the settings again",
            show=False,
        ),
        Binding("m", "more", "more", id="launch.more", tooltip="Settings that few need"),
        Binding("f", "finish_launch", "finish", id="launch.finish", tooltip="Finish what was cut"),
        Binding("d", "drop_launch", "drop", id="launch.drop", tooltip="Drop what was cut short"),
    ]

    model = getters.query_one("#model", Select)
    provider = getters.query_one("#provider", Select)
    method = getters.query_one("#method", Select)
    force = getters.query_one("#force", Checkbox)
    more = getters.query_one("#more", Checkbox)
    go = getters.query_one("#go", Button)
    lines = getters.query_one("#lines", Static)

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self._timer: Timer | None = None
        self._checked: tuple[LaunchRequest, Preflight] | None = None
        self._past: LaunchRequest | None = None
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
                for entry in FIELDS[2:]:
                    yield self._input(entry.name)
                    if entry.name == _LAST_PLAIN:
                        yield self._field("more", "", Tick("more settings", id="more"))
                yield self._field("force", "Force", Tick("launch with errors", id="force"))
                yield Button("Launch", id="go", variant="primary", compact=True, disabled=True)
            with VerticalScroll(id="found"):
                yield Static(id="open", markup=False)
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
        about = next(entry for entry in FIELDS if entry.name == name)
        entry = Input(placeholder=about.hint, id=name, compact=True, select_on_focus=False)
        entry.cursor_blink = False
        row = self._field(name, about.label, entry)
        row.set_class(about.more, "-more")
        row.set_class(bool(about.method), f"-for-{about.method}")
        return row

    def _select(self, options: list[tuple[str, str]], name: str) -> Choice:
        # An empty choice stands in until the models are known: Textual's own would stay a choice.
        return Choice(options or [("", "")], allow_blank=False, compact=True, id=name)

    def on_mount(self) -> None:
        """Take over the open dataset and find the models."""
        self.set_class(ascii_only(), "-ascii")
        self.deck.workspace.changes.subscribe(self, self._workspace_changed)
        self.deck.farewells.append(self._farewell)
        self.open_ones.display = False
        # Where there is room, nothing need be hidden.
        self.more.value = self.app.size.height >= _ROOMY
        self._take_file()
        self._offer(self._provider_name())

    @on(events.ScreenResume)
    def _shown_again(self) -> None:
        prefill = self.deck.take_prefill()
        if prefill is not None:
            self._fill(prefill)
        self._take_file()
        self.look_back(self._provider_name() or None)

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
        if prefill.job is not None:
            if prefill.provider in self.deck.provider_choices():
                self.provider.value = str(prefill.provider)
            self.recall(prefill.job, prefill.provider)
            return
        if prefill.file is not None:
            self.query_one("#file", Input).value = prefill.file
        if prefill.epochs is not None:
            self.query_one("#epochs", Input).value = str(prefill.epochs)
        if prefill.provider in self.deck.provider_choices():
            self.provider.value = prefill.provider
        if prefill.model is not None:
            self._choose_model(prefill.model)

    def _fill_all(self, request: LaunchRequest) -> None:
        """Put every setting of a request into the form."""
        self._past = request
        values = form_of(request)
        for entry in FIELDS:
            self.query_one(f"#{entry.name}", Input).value = values[entry.name]
        self.query_one("#grader", Input).placeholder = (
            "as that run had it" if request.grader else "path of a .json file"
        )
        self.method.value = request.method
        self.force.value = request.force
        if any(entry.more and values[entry.name] for entry in FIELDS):
            self.more.value = True
        self._choose_model(request.model)

    _finish = _fill_all

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
        values = {entry.name: self.query_one(f"#{entry.name}", Input).value for entry in FIELDS}
        model, method = self.model.value, self.method.value
        values["model"] = model if isinstance(model, str) else ""
        if model == OTHER:
            values["model"] = self.query_one("#other", Input).value
        values["method"] = method if isinstance(method, str) else METHODS[0]
        return values

    def _form(self) -> Form:
        return read_form(self._values(), force=self.force.value, past=self._past)

    @on(Input.Changed)
    @on(Checkbox.Changed, "#force")
    def _typed(self) -> None:
        self._check_soon()

    @on(Checkbox.Changed, "#more")
    def _more_or_less(self) -> None:
        self.set_class(self.more.value, "-all")

    def action_more(self) -> None:
        """Show the settings that few need, or hide them again."""
        self.more.value = not self.more.value

    @on(Select.Changed, "#provider")
    def _provider_chosen(self, event: Select.Changed) -> None:
        if isinstance(event.value, str):
            self.deck.use_provider(event.value)
            self._offer(event.value)
            self.look_back(event.value)

    @on(Select.Changed, "#model")
    def _model_chosen(self, event: Select.Changed) -> None:
        self.query_one("#row-other").set_class(event.value == OTHER, "-shown")
        if isinstance(event.value, str) and event.value != OTHER:
            self._wanted_model = event.value
        elif event.value == OTHER:
            self.query_one("#other", Input).focus()
        self._check_soon()

    @on(Select.Changed, "#method")
    def _method_chosen(self, event: Select.Changed) -> None:
        for name in METHODS:
            self.set_class(event.value == name, f"-{name}")
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

    @work(group="listed", exclusive=True, exit_on_error=False)
    async def _offer_listed(self, provider: str) -> None:
        """Offer what the provider itself lists, where no table knows its models."""
        try:
            listed = await feed_of(self.deck).provider(provider).models()
        except TunedeckError:
            return  # The preflight says why it cannot be asked.
        names = [entry.id for entry in listed if entry.trainable is not False]
        if names:
            self.post_message(Offered(provider, tuple(names[:_MOST_MODELS])))

    @on(Offered)
    def _offered(self, message: Offered) -> None:
        if message.provider != self._provider_name():
            return  # Another one was chosen meanwhile.
        if not message.models and not message.trouble:
            self._offer_listed(message.provider)
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
        self.workers.cancel_group(self, "ask")
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_AFTER_TYPING, self._check)

    def _check(self) -> None:
        form = self._form()
        for entry in FIELDS:
            wrong = entry.name in form.complaints
            self.query_one(f"#{entry.name}", Input).set_class(wrong, "-wrong")
        if form.request is None:
            self._show(
                [
                    Line("Fill in the form", "head"),
                    *(
                        Line(f"{mark('failed')} {LABELS.get(name, name)}: {text}", "error")
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
        found = message.found
        if found is None:
            self._show([Line("Cannot check this launch", "head"), Line(message.trouble, "error")])
            return
        forceable = any(problem.forceable for problem in found.errors)
        self.query_one("#row-force").set_class(forceable or self.force.value, "-shown")
        lines = preflight_lines(found, force=self.force.value)
        if not message.asked and not found.blocked:
            name = self._provider_name()
            lines = (Line(f"Asking {name} about the model and the key …", "muted"), *lines[1:])
        self._show(lines)
        if message.asked:
            self._checked = (message.request, found)
            self._sync()
        else:
            self._ask(message.turn, message.request, found, self._provider_name() or None)

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def _ask(
        self, turn: int, request: LaunchRequest, found: Preflight, provider: str | None
    ) -> None:
        """Ask the provider what only it can know; nothing is created or paid for."""
        from tui.jobs import ask_provider

        try:
            found = await ask_provider(request, found, feed_of(self.deck).provider(provider))
        except TunedeckError as error:
            self.post_message(Checked(turn, request, None, str(error)))
        else:
            self.post_message(Checked(turn, request, found, asked=True))

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc leaves the form, and stops a launch that is under way."""
        if action in ("leave", "stop"):
            return self._launching == (action == "stop")
        return super().check_action(action, parameters)

    def action_stop(self) -> None:
        """Stop the launch under way, as long as that is possible."""
        self.stop_launch()

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
        if feed_of(self.deck).read_only(self._provider_name() or None):
            self.deck.tell(
                "Read-only: nothing is launched here. Start without --read-only to launch.",
                severity="warning",
            )
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
                self.begin(request, found, provider or None)

        lines = question(request, found, provider)
        self.app.push_screen(
            Confirm("Launch this run?", lines, yes="launch", no="do not launch"), answered
        )


def _ids(models: Any) -> list[str]:
    """Return the ids of what the model table offers."""
    return [getattr(model, "id", model) for model in models]
