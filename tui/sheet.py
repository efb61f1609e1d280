"""A style sheet that parses each of its sources once.

Textual parses every source anew whenever a theme is set or a mode begins, which is four times
before the first frame. Nothing of that is needed while the variables are the same.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_SOURCES = 512
"""Widgets and screens whose parsed styles are kept: more than the application has."""


class KeptSheet(Stylesheet):
    """The styles of the application, parsed again only when a variable has another value."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the variables of a theme; what was parsed stays where they are the same."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Put the rules together from what is parsed already, and parse the rest."""
        self.parse()
