"""What every screen may ask of the application, without knowing the application.

Screens import this, the application derives from it, so the arrow stays ``app → screens``.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.events import Event, Key
from textual.notifications import SeverityLevel
from textual.signal import Signal

from tui.config import Paths, ProviderConfig, Settings, provider_names, resolve_provider
from tui.errors import TunedeckError
from tui.ink import InkApp
from tui.keys import KeysInOrder
from tui.messages import LaunchPrefill
from tui.sheet import KeptSheet
from widgets.text import clean

if TYPE_CHECKING:
    from tui.opened.remember import Memory
    from tui.opened.workspace import Workspace


class Deck(InkApp[int]):
    """The shared state and services of the application.

    Attributes:
        paths: Where settings, state and cache are.
        settings: The settings file as read at start.
        ascii: Whether to draw with ASCII only.
        provider_name: The provider asked for; ``None`` for the configured default.
        workspace: The open dataset and what is known of it.
        memory: What is remembered from one start to the next.
        provider_changed: Published with the new name when another provider is chosen.
    """

    workspace: Workspace
    memory: Memory

    def __init__(
        self,
        *,
        paths: Paths,
        settings: Settings,
        provider: str | None = None,
        ascii: bool = False,  # noqa: A002 - the name of the flag
        ansi_color: bool | None = None,
    ) -> None:
        shared = Path(__file__).parent
        sheets = [shared / "app.tcss", *([shared / "ascii.tcss"] if ascii else [])]
        super().__init__(css_path=sheets, ansi_color=ansi_color)
        self.stylesheet = KeptSheet(variables=self.get_css_variables())
        self.paths = paths
        self.settings = settings
        self.ascii = ascii
        self.provider_name = provider
        self.provider_changed: Signal[str] = Signal(self, "provider_changed")
        self.farewells: list[Callable[[], Awaitable[str]]] = []
        """What must be finished before the program ends; each returns words for the person who
        left, or nothing."""
        self.closers: list[Callable[[], Awaitable[None]]] = []
        """What lets go of connections and files when every screen is gone."""
        self.opens_run = False
        """Whether a run is about to cover the first screen, which need not begin its work."""
        self._prefill: LaunchPrefill | None = None
        self._keys = KeysInOrder(self, super().on_event)

    async def on_event(self, event: Event) -> None:
        """Take keys in order; see `KeysInOrder`."""
        if isinstance(event, Key) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    def provider_config(self, name: str | None = None) -> ProviderConfig:
        """Return the provider called ``name``, or the one in use.

        Raises:
            TunedeckError: There is no such provider, or its key is missing.
        """
        return resolve_provider(self.settings, name or self.provider_name)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed at the provider in use."""
        everywhere = self.settings.read_only or os.environ.get("TUNEDECK_READ_ONLY", "0")
        tables = self.settings.providers.values()
        if everywhere in ("", "0") and not any(table.get("read_only") for table in tables):
            # The first frame asks this, and need not read what kinds of provider there are.
            return False
        try:
            return self.provider_config().read_only
        except TunedeckError:
            return self.settings.read_only

    def provider_choices(self) -> list[str]:
        """Return the providers to pick from, the one in use first."""
        names = provider_names(self.settings)
        return sorted(names, key=lambda name: name != self.provider_name)

    def use_provider(self, name: str) -> None:
        """Make ``name`` the provider in use and tell the screens."""
        self.provider_name = name
        self.provider_changed.publish(name)

    def take_prefill(self) -> LaunchPrefill | None:
        """Hand over, once, what another screen suggests for the launch form."""
        prefill, self._prefill = self._prefill, None
        return prefill

    def tell(
        self,
        text: str,
        *,
        severity: SeverityLevel = "information",
        title: str = "",
        timeout: float | None = None,
    ) -> None:
        """Show a short note; ``text`` and ``title`` may be foreign and are cleaned here."""
        self.notify(
            clean(text, limit=400),
            title=clean(title, limit=60),
            severity=severity,
            timeout=timeout,
            markup=False,
        )
