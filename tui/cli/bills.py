"""What past bills say about an estimate: told beside it, on stderr, and never in its figures."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from tui.cli.output import note
from tui.config import Paths
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.jobs import Ledger, Provider


def tell_bills_of(ledger: Ledger, provider: Provider) -> None:
    """Tell how the last bills of one provider compared to their estimates, if there are any."""
    with suppress(TunedeckError):
        ledger.keep_bills(provider.endpoint, provider.config.profile)
        ratio = ledger.billed_ratio(provider.endpoint)
        if ratio is not None:
            note(ratio.words(provider.name))


def tell_past_bills(providers: Collection[str]) -> None:
    """Tell how the last bills of these providers compared to their estimates, if there are any.

    Args:
        providers: Their names, as the settings have them.
    """
    state = Paths.resolve().state
    if not (state / "ledger.db").exists():
        return
    from tui.jobs import open_ledger

    # What an estimate is worth does not hang on a ledger that can be read.
    with suppress(TunedeckError):
        ledger = open_ledger(state)
        try:
            for endpoint in ledger.billed_endpoints():
                name = endpoint.partition(" ")[0]
                ratio = ledger.billed_ratio(endpoint) if name in providers else None
                if ratio is not None:
                    note(ratio.words(name))
        finally:
            ledger.close()
