"""The question before the OpenAI key is sent to a host that is not OpenAI's.

The provider refuses such a call by itself (:mod:`tui.credentials`), so a question that is never
answered sends nothing; here is where the application asks, once a host and a start.
"""

from __future__ import annotations

from tui.deck import Deck
from tui.errors import TunedeckError
from widgets.confirm import Confirm

_ASKED_IN = ("launch", "jobs")
"""The modes that talk to a provider."""


class KeyConsent(Deck):
    """The part of the application that asks where a key may go."""

    _declined: frozenset[str] = frozenset()

    def ask_where_the_key_goes(self, mode: str) -> None:
        """Ask, before a screen that talks to providers, about the first one that needs a yes."""
        if mode not in _ASKED_IN:
            return
        from tui.credentials import needs_consent

        for name in self.provider_choices():
            try:
                config = self.provider_config(name)
            except TunedeckError:
                # It has no key to send; the screen says what is wrong.
                continue
            host = needs_consent(config, self.paths)
            if host is not None and host not in self._declined:
                self._ask(config.name, config.api_key_env, host)
                return

    def _ask(self, provider: str, variable: str, host: str) -> None:
        # Asked once: a person who says no, or goes away, is not asked at every visit.
        self._declined |= {host}
        question = Confirm(
            f"Send the OpenAI key to {host}?",
            [
                f"The provider {provider} is at {host}, which is not OpenAI's.",
                f"Whoever runs it could use the key in {variable}, and what it pays for.",
                "A yes is remembered. Without one nothing is sent there.",
            ],
            yes="Send it there from now on",
            no="Do not send it",
            on_yes=lambda: self._agree(provider, host),
        )
        # Behind what is on its way to the screen, such as the panel of a run.
        self.call_later(self.push_screen, question)

    def _agree(self, provider: str, host: str) -> None:
        from tui.credentials import give_consent

        try:
            give_consent(host, self.paths)
        except TunedeckError as error:
            self.tell(str(error), severity="error")
            return
        self.provider_changed.publish(provider)
