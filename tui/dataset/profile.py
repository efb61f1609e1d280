"""Provider profiles: limits and severities that differ from provider to provider, kept as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from tui.dataset.model import Severity
from tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's limits.

    Attributes:
        name: The provider's short name, ``openai`` by default.
        min_examples: The fewest examples it trains on.
        max_examples: The most examples it takes; ``None`` where it names no limit.
        max_bytes: The largest file it takes by any way of upload; ``None`` where it names none.
        max_images: The most images an example may have; ``None`` where it names no limit.
        max_image_bytes: The longest data URL of an image, likewise.
        max_pictured: The most examples with images in a file, likewise.
        max_reinforcement: The most examples of reinforcement data to train on, likewise.
        max_reinforcement_validation: The most of them to validate with, likewise.
        retired_formats: Formats that none of its models takes any more.
        severities: Rules that weigh differently here than in the catalogue.
        source: Where the numbers are from.
    """

    name: str
    min_examples: int
    max_examples: int | None = None
    max_bytes: int | None = None
    max_images: int | None = None
    max_image_bytes: int | None = None
    max_pictured: int | None = None
    max_reinforcement: int | None = None
    max_reinforcement_validation: int | None = None
    retired_formats: Sequence[str] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    source: str = ""

    def severity(self, code: str, default: Severity) -> Severity:
        """Return how much ``code`` matters here."""
        return self.severities.get(code, default)


@cache
def profiles() -> dict[str, Profile]:
    """Return every profile by name, as ``profiles.toml`` writes them."""
    text = files("tui.dataset").joinpath("profiles.toml").read_text(encoding="utf-8")
    found = {}
    for name, table in tomllib.loads(text).items():
        severities = {code: Severity(word) for code, word in table.pop("severities", {}).items()}
        found[name] = Profile(name=name, severities=severities, **table)
    return found


def get_profile(name: str = "openai") -> Profile:
    """Return the profile called ``name``.

    Raises:
        UsageError: There is none.
    """
    known = profiles()
    if name not in known:
        raise UsageError(f"no profile is called {name!r}", f"use one of {', '.join(known)}")
    return known[name]
