"""The kinds of provider, as data: addresses, limits and abilities known beforehand.

``kinds.toml`` holds them, with the date they are as of; nothing here contacts anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

COMPATIBLE = "compatible"
ABILITIES: Mapping[str, str] = {
    "pause": "pause a job",
    "resume": "resume a job",
    "checkpoints": "list a job's checkpoints",
    "metrics_endpoint": "give a job's metrics by themselves",
    "uploads": "take a file in parts",
    "delete_model": "delete a model",
    "delete_file": "delete a file",
    "estimate": "estimate a price",
    "files_list": "list files",
    "chat": "answer prompts",
}
"""What a provider may be able to do, and the words for it."""


@dataclass(frozen=True, slots=True)
class Can:
    """Whether a provider can do something.

    Attributes:
        yes: ``True`` it can, ``False`` it cannot, ``None`` nobody knows before it is tried.
        why: What that is known from, or why not; words for a person, without a full stop.
    """

    yes: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of provider.

    Attributes:
        name: As settings name it: ``openai``, ``azure``, ``nebius``, ``crusoe``, ``mistral``,
            ``compatible``, ``local``.
        title: What people call it.
        base_url: Its address, where all its customers share one.
        api_key_env: The variable its key usually is in.
        hosts: Its host names; a subdomain counts too.
        suffix_max: The longest suffix of a model's name, in characters.
        upload_max_bytes: The largest file it takes in one piece; ``None`` when not published.
        parts_max_bytes: The largest file it takes in parts; ``None`` when it takes none.
        abilities: What is known beforehand of :data:`ABILITIES`.
        names_model_within: Seconds after the end of a job until it names its model; 0 where it
            does so at once.
    """

    name: str
    title: str
    base_url: str | None = None
    api_key_env: str = ""
    hosts: tuple[str, ...] = ()
    suffix_max: int = 64
    upload_max_bytes: int | None = None
    parts_max_bytes: int | None = None
    abilities: Mapping[str, Can] = field(default_factory=dict)
    names_model_within: float = 0.0

    def owns(self, url: str) -> bool:
        """Return whether an address belongs to this kind's company."""
        host = host_name(url)
        return any(host == own or host.endswith(f".{own}") for own in self.hosts)


def host_name(url: str) -> str:
    """Return the host of an address in lower case; empty when there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind by name, read once from ``kinds.toml``."""
    import tomllib

    data = tomllib.loads((Path(__file__).parent / "kinds.toml").read_text("utf-8"))
    return {name: _kind(name, table) for name, table in data.items()}


def kind_named(name: str) -> Kind:
    """Return a kind; one that is not known is ``compatible``."""
    return kinds().get(name) or kinds()[COMPATIBLE]


def kind_of_address(url: str) -> Kind:
    """Return the kind an address belongs to, ``compatible`` for any other."""
    return next((kind for kind in kinds().values() if kind.owns(url)), kinds()[COMPATIBLE])


def _kind(name: str, table: Mapping[str, Any]) -> Kind:
    title = table["title"]
    known_from = table.get("known_from", f"{title} documents it")
    abilities = {what: Can(True, known_from) for what in table.get("yes", ())}
    abilities |= {what: Can(False, why) for what, why in table.get("no", {}).items()}
    abilities |= {what: Can(None, why) for what, why in table.get("maybe", {}).items()}
    return Kind(
        name,
        title,
        table.get("base_url"),
        table.get("api_key_env", ""),
        tuple(table.get("hosts", ())),
        table.get("suffix_max", 64),
        table.get("upload_max_bytes"),
        table.get("parts_max_bytes"),
        abilities,
        float(table.get("names_model_within", 0.0)),
    )
