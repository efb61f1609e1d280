"""The terminal application: wiring only.

Modes, keys and signals stand here; the state of the dataset is in :mod:`tui.opened.workspace`, what
screens may ask is in :mod:`tui.deck`, and everything a person sees is in :mod:`tui.screens`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.app import SystemCommand
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.worker import Worker, WorkerState

from tui import messages
from tui.afterrun import AfterRun
from tui.comparing import Beginning, Comparing
from tui.config import Paths, Settings, load_settings
from tui.errors import FileError, TunedeckError
from tui.keyconsent import KeyConsent
from tui.modes import KEYS, MODES, warm
from tui.opened.converting import Converting
from tui.opened.mending import Mending
from tui.opened.opening import Opened, opens_at_once
from tui.opened.remember import Memory
from tui.opened.workspace import Stage, Workspace
from tui.terminal import keys_from_terminal, require_terminal, wants_mouse
from tui.theme import DARK, LIGHT, PlainBars
from widgets.text import use_ascii

if TYPE_CHECKING:
    from tui.run.stops import StopRule

_WARM_AFTER = 1.0
"""Seconds after which the other screens are loaded where a run is opened first."""


class TunedeckApp(KeyConsent, AfterRun, Comparing, Mending, Converting):
    """The deck: six modes, one dataset, and the way between them.

    Args:
        first: A folder whose datasets are offered at start, or ``None``.
        others: Further files named on the command line, offered first by the Open dialog.
        opening: Files to open together once the screen is there, as that takes a while.
        open_job: Open on the live panel of this run.
        beginning: What else it opens on: logs, a comparison.
        paths: Where settings, state and cache are.
        settings: The settings file as read.
        provider: The provider asked for.
        ascii: Draw with ASCII only.
    """

    TITLE = "tunedeck"
    MODES = MODES
    DEFAULT_MODE = "data"
    COMMAND_PALETTE_BINDING = "ctrl+p"
    PAUSE_GC_ON_SCROLL = True
    BINDINGS = KEYS

    def __init__(
        self,
        *,
        first: str | None = None,
        others: Sequence[str] = (),
        opening: Sequence[str] = (),
        open_job: str | None = None,
        beginning: Beginning | None = None,
        paths: Paths,
        settings: Settings,
        provider: str | None = None,
        ascii: bool = False,  # noqa: A002 - the name of the flag
    ) -> None:
        # NO_COLOR must not turn into shades of grey, which it does unless the terminal's own
        # colours are in use before Textual makes its filters.
        no_color = "NO_COLOR" in os.environ
        super().__init__(
            paths=paths,
            settings=settings,
            provider=provider,
            ascii=ascii,
            ansi_color=True if no_color else None,
        )
        use_ascii(ascii)
        ScrollBar.renderer = PlainBars if ascii else ScrollBarRender
        self.set_class(ascii, "-ascii")
        self.animation_level = "none"
        self.memory = Memory.load(paths)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        if self.console.color_system not in ("256", "truecolor"):
            # 16 colours are the terminal's own palette; ours would be guesses at it.
            self.ansi_color = True
        wanted = "ansi-dark" if self.ansi_color else self.memory.theme
        self.theme = wanted if wanted in self.available_themes else DARK.name
        self.workspace = Workspace(self, paths)
        self.offered = tuple(others)
        self._folder = first
        self._wanted = tuple(opening)
        self._beginning = beginning or Beginning(open_job)
        self.opens_run = bool(self._beginning)
        self.stop_rules = {}
        self._trail: list[str] = []
        self._noticed: set[str] = set()

    def on_mount(self) -> None:
        """Begin what the first frame does not need, after it."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self._watch_signals()
        self.call_after_refresh(self._begin)

    @on(events.Mount)
    async def _open_beginning(self) -> None:
        """Go to the run that is asked for before anything is drawn that it would cover."""
        if self._beginning:
            await self.open_first(self._beginning)

    def _begin(self) -> None:
        self.workspace.start()
        self._remember(self.workspace.paths)
        if self.workspace.source is None and not self._beginning:
            self.action_open()
        # A run that is opened first still reads its numbers, and is what is waited for.
        self.set_timer(_WARM_AFTER if self._beginning else 0.01, self._warm)
        # What is alive now lives to the end; the collector need not look at it again and again.
        gc.freeze()
        gc.enable()

    def _warm(self) -> None:
        self.run_worker(warm, group="warm", thread=True, exit_on_error=False)

    def _watch_signals(self) -> None:
        """Leave in an orderly way when the terminal goes away or somebody says stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            # Only the main thread may; a test or an embedding program keeps its own handlers.
            with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
                loop.add_signal_handler(number, self._told_to_stop, 128 + number)

    def _told_to_stop(self, code: int) -> None:
        self.run_worker(self._leave(code), group="leave", exclusive=True, exit_on_error=False)

    async def _leave(self, code: int) -> None:
        """End the program once nothing that was agreed to is left undone."""
        self.workspace.close()
        words = [said for farewell in self.farewells if (said := await farewell())]
        self.exit(return_code=code, message="\n".join(words) or None)

    async def on_unmount(self) -> None:
        """Let go of what the screens used."""
        for close in self.closers:
            await close()

    def _handle_exception(self, error: Exception) -> None:
        if self._exit:
            # Keys typed after the one that leaves find screens half taken down.
            self.log.error(repr(error))
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End on a fault of ours without a page of it on the screen.

        `run_app` raises it again, and the command line keeps the traceback in a file.
        """
        self._close_messages_no_wait()

    async def action_quit(self) -> None:
        """Leave; a cancel that was agreed to reaches the provider first."""
        if self.may_leave(partial(self._told_to_stop, 0)):
            await self._leave(0)

    def _keep_theme(self, _theme: object) -> None:
        if self.ansi_color is None and self.theme != self.memory.theme:
            self.memory.theme = self.theme
            self.memory.save()

    # Where to go.

    def action_mode(self, mode: str) -> None:
        """Go to a screen, remembering the one before."""
        if mode == self.current_mode:
            return
        self._trail.append(self.current_mode)
        del self._trail[:-20]
        self.switch_mode(mode)
        self.ask_where_the_key_goes(mode)

    async def action_back(self) -> None:
        """Close what lies over the screen, else go to the screen before; never quit."""
        if len(self.screen_stack) > 1:
            await self.pop_screen()
        elif self._trail:
            self.switch_mode(self._trail.pop())
        else:
            self.tell("This is the first screen; ctrl+q quits", timeout=3)

    def action_help(self) -> None:
        """Show the keys."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen.of(self.screen))

    def action_open(self) -> None:
        """Ask which dataset to open."""
        from tui.screens.open import OpenScreen

        folder, self._folder = self._folder, None
        recent = [*self.offered, *self.memory.recent]
        wanted, self._wanted = self._wanted, ()
        self.push_screen(OpenScreen(folder, recent=recent, opening=wanted), self.take_opened)

    def action_reload(self) -> None:
        """Read the file again, or go on with what was stopped, or with what the file has gained."""
        stopped = self.workspace.stage is Stage.STOPPED and not self.workspace.stale
        try:
            if stopped or self.workspace.stale == "grown":
                self.workspace.start(grown=not stopped)
            else:
                self.workspace.reload()
        except TunedeckError as error:
            self.tell(str(error), severity="error")

    def action_stop(self) -> None:
        """Stop reading and checking, and keep what was found."""
        if self.workspace.stop():
            self.tell("Stopped. What was found stays; r goes on", severity="warning", timeout=4)

    # What screens and workers say.

    def show_opened(self, opened: Opened | None) -> None:
        """Show a dataset that was opened, and begin to check it."""
        if opened is None:
            return
        self.workspace.adopt(opened)
        self._remember(opened.paths)
        self.action_mode("data")
        self.workspace.start()

    def _remember(self, paths: Sequence[str]) -> None:
        for path in reversed(paths):
            if path != "-":
                self.memory.opened(path)

    async def on_show_record(self, message: messages.ShowRecord) -> None:
        """Show a record on the Data screen."""
        from tui.screens.data import DataScreen

        self.action_mode("data")
        cast(DataScreen, self.get_screen_stack("data")[0]).show_line(message.line, message.issue)

    async def on_show_records(self, message: messages.ShowRecords) -> None:
        """Show on the Data screen the records a filter lets through."""
        from tui.screens.data import DataScreen

        self.action_mode("data")
        cast(DataScreen, self.get_screen_stack("data")[0]).show_filter(message.filter)

    def on_go_launch(self, message: messages.GoLaunch) -> None:
        """Go to the launch form, which takes over what was suggested."""
        self._prefill = message.prefill
        self.action_mode("launch")

    def _from_worker(self, message: messages.FromWorker) -> None:
        self.workspace.apply(message)

    on_format_known = _from_worker
    on_index_grew = _from_worker
    on_index_ready = _from_worker
    on_scan_grew = _from_worker
    on_work_failed = _from_worker
    on_disk_changed = _from_worker

    def on_scan_ended(self, message: messages.ScanEnded) -> None:
        """Take what the scan came to, and say once if tokens were not counted as one expects."""
        self.workspace.apply(message)
        notice = message.result.notice
        if notice and notice not in self._noticed:
            self._noticed.add(notice)
            self.tell(notice, timeout=8)

    def on_reloaded(self, message: messages.Reloaded) -> None:
        """Put the dataset as it is now in place of the one that was open."""
        self.workspace.apply(message)
        name = ", ".join(os.path.basename(path) for path in message.opened.paths)
        self.tell(f"{name} was read again", timeout=4)

    def on_reload_failed(self, message: messages.ReloadFailed) -> None:
        """Say why; one that is followed may be back in a moment."""
        self.workspace.apply(message)
        if not self.workspace.following:
            self.tell(message.text, severity="error")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell of a worker that failed in a way nobody foresaw; the application goes on."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.log.error(f"{event.worker.name}: {error!r}")
            self.tell(f"{type(error).__name__}: {error}", title="This went wrong", severity="error")

    def action_command_palette(self) -> None:
        """Show the palette."""
        from tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(self.get_system_commands(self.screen)))

    def search_themes(self) -> None:
        """Offer the themes by name, the one in use first."""
        from tui.screens.palette import Palette

        names = sorted(self.available_themes, key=lambda name: (name != self.theme, name))
        commands = [
            SystemCommand(name, "in use" if name == self.theme else "", partial(self._wear, name))
            for name in names
        ]
        self.push_screen(Palette(commands, title="Theme"))

    def _wear(self, theme: str) -> None:
        self.theme = theme

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield what the palette offers: the screens, then what can be done."""
        from tui.screens.shownkeys import ShownKeys

        for number, mode in enumerate(self.MODES, 1):
            go = partial(self.action_mode, mode)
            yield SystemCommand(mode.title(), f"Go to the screen (key {number})", go)
        if isinstance(screen, ShownKeys):
            yield from screen.deeds()
        yield SystemCommand("Open", "Open another dataset (key o)", self.action_open)
        yield from self.mending_commands()
        yield from self.converting_commands()
        yield from self.after_run_commands()
        yield from self.comparing_commands()
        yield SystemCommand("Reload", "Read the file again (key r)", self.action_reload)
        yield SystemCommand("Stop", "Stop reading and checking (key Esc)", self.action_stop)
        yield SystemCommand("Redraw", "Draw the screen anew (ctrl+l)", self.action_redraw)
        yield SystemCommand("Theme", "Choose colours; the choice is kept", self.action_change_theme)
        yield SystemCommand("Help", "The keys of this screen (key ?)", self.action_help)
        yield SystemCommand("Quit", "Leave tunedeck (ctrl+q)", self.action_quit)


class RunsFirst(TunedeckApp):
    """The deck opened on runs: what shows a dataset is not even loaded."""

    DEFAULT_MODE = "jobs"


def run_app(
    paths: Sequence[str] = (),
    *,
    provider: str | None = None,
    open_job: str | None = None,
    open_logs: Sequence[str] = (),
    compare: Sequence[tuple[str, str]] = (),
    stop_rules: Sequence[StopRule] = (),
    ascii: bool = False,  # noqa: A002 - the name of the flag
    mouse: bool | None = None,
) -> int:
    """Open the application on a dataset, a folder, or nothing, and return its exit code.

    Args:
        paths: Files to open (several become one dataset), or a folder to choose from.
        provider: The provider to use; the configured default if ``None``.
        open_job: Open on the live panel of this run.
        open_logs: Open on these training logs: one in the live panel, several side by side.
        compare: Open on these runs side by side: provider and id, or ``log`` and a path.
        stop_rules: Stop rules of the run it opens on.
        ascii: Draw with ASCII only.
        mouse: Turn the mouse on or off; ``None`` takes the setting, which is off over SSH.

    Raises:
        FileError: A path is missing, empty, unreadable, not text, or a folder without datasets.
        UsageError: There is no terminal to draw on.
        ConfigError: The settings file is malformed.
    """
    # Nothing made on the way to the first frame is garbage; `_begin` turns collecting on again.
    gc.disable()
    require_terminal(paths)
    where = Paths.resolve()
    settings = load_settings(where)
    folder = None
    at_once = True
    if paths and os.path.isdir(paths[0]):
        from tui.opened.files import find_datasets

        folder = paths[0]
        if not find_datasets(folder):
            raise FileError(f"{folder} holds no datasets", "name a .jsonl file, or its folder")
    elif "-" not in paths:
        at_once = opens_at_once(paths)
    beginning = Beginning(open_job, tuple(open_logs), tuple(compare), tuple(stop_rules))
    app = (RunsFirst if beginning else TunedeckApp)(
        first=folder,
        others=paths[1:] if folder is not None else (),
        opening=() if at_once else paths,
        beginning=beginning,
        paths=where,
        settings=settings,
        provider=provider,
        ascii=ascii or settings.ascii or os.environ.get("TUNEDECK_ASCII", "") not in ("", "0"),
    )
    if paths and folder is None and at_once:
        app.workspace.open(paths)
        if "-" in paths:
            keys_from_terminal()
    try:
        app.run(mouse=wants_mouse(mouse, settings))
    finally:
        app.workspace.close()
    if app._exception is not None:
        raise app._exception
    return app.return_code or 0
