"""One thin adapter for each wire that differs from OpenAI's; see :mod:`tui.jobs.adapters.base`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.jobs.adapters.base import Adapter
    from tui.jobs.wire import Wire


def adapter_for(wire: Wire) -> Adapter:
    """Return the adapter of a provider; OpenAI's own wire where none is known."""
    from tui.jobs.adapters.azure import Azure
    from tui.jobs.adapters.base import Adapter
    from tui.jobs.adapters.crusoe import Crusoe
    from tui.jobs.adapters.mistral import Mistral
    from tui.jobs.adapters.nebius import Nebius

    made: dict[str, type[Adapter]] = {
        "azure": Azure,
        "crusoe": Crusoe,
        "mistral": Mistral,
        "nebius": Nebius,
    }
    return made.get(wire.config.known.name, Adapter)(wire)
