"""How past bills compared to their estimates, told beside a new estimate. No Textual in here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tui.errors import TunedeckError


def past_bills(state: Path, profiles: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return a sentence a provider that has billed, by the profile whose prices it has.

    Blocking work; call it from a thread. A ledger that cannot be read has nothing to tell.

    Args:
        state: The folder of the ledger.
        profiles: The profile of each provider, by its name.
    """
    found: dict[str, tuple[str, ...]] = {}
    if not (state / "ledger.db").exists():
        return found
    from tui.jobs import open_ledger

    with suppress(TunedeckError):
        ledger = open_ledger(state)
        try:
            for name, profile in sorted(profiles.items()):
                for endpoint in ledger.endpoints_of(name):
                    ledger.keep_bills(endpoint, profile)
                    ratio = ledger.billed_ratio(endpoint)
                    if ratio is not None:
                        found[profile] = (*found.get(profile, ()), ratio.words(name))
        finally:
            ledger.close()
    return found
