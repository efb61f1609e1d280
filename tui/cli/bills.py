"""What past bills say about an estimate: told beside it, on stderr, and never in its figures."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from tui.cli.output import note
from tui.config import Paths, load_settings
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

    # An estimate does not hang on a ledger or settings that can be read.
    with suppress(TunedeckError):
        written = load_settings(Paths.resolve()).providers
        ledger = open_ledger(state)
        try:
            for name in sorted(providers):
                profile = str(written.get(name, {}).get("profile", name))
                for endpoint in ledger.endpoints_of(name):
                    ledger.keep_bills(endpoint, profile)
                    ratio = ledger.billed_ratio(endpoint)
                    if ratio is not None:
                        note(ratio.words(name))
        finally:
            ledger.close()
