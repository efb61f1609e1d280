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
    from tui.run.pastbills import past_bills

    paths = Paths.resolve()
    # An estimate does not hang on settings that can be read.
    with suppress(TunedeckError):
        written = load_settings(paths).providers
        profiles = {name: str(written.get(name, {}).get("profile", name)) for name in providers}
        for words in past_bills(paths.state, profiles).values():
            for sentence in words:
                note(sentence)
