"""What ``tunedeck doctor`` finds out about each provider: address, key, reach, abilities."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tui.config import (
    LOCAL,
    Paths,
    ProviderConfig,
    Settings,
    is_loopback,
    provider_names,
    public_url,
    resolve_provider,
)
from tui.credentials import foreign_host, key_source, needs_consent, trusting
from tui.errors import TunedeckError
from tui.kinds import ABILITIES, Can


@dataclass(slots=True)
class Reach:
    """One provider, looked at.

    Attributes:
        name: Its name.
        chosen: Whether it is the one that commands use, so that its trouble is an error.
        kind: What kind it is, for a person.
        address: Where it is; no password.
        key: Where its key comes from; never the key.
        read_only: Whether nothing may be changed there.
        reachable: Whether it answered; ``None`` when it was not asked.
        models: How many models the key can use, where they are listed.
        trouble: What is wrong, if anything.
        notes: What one should know besides.
        can: What it can do.
    """

    name: str
    chosen: bool
    kind: str = ""
    address: str = ""
    key: str = ""
    read_only: bool = False
    reachable: bool | None = None
    models: int | None = None
    trouble: TunedeckError | None = None
    notes: list[str] = field(default_factory=list)
    can: dict[str, Can] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        trouble = self.trouble
        return {
            "name": self.name,
            "chosen": self.chosen,
            "kind": self.kind,
            "address": self.address,
            "key": self.key,
            "read_only": self.read_only,
            "reachable": self.reachable,
            "models": self.models,
            "trouble": None
            if trouble is None
            else {"code": trouble.code, "message": trouble.message, "hint": trouble.hint},
            "notes": self.notes,
            "can": {what: {"yes": can.yes, "why": can.why} for what, can in self.can.items()},
        }

    def words(self, yes: bool | None) -> str:
        """Return what it can (or cannot, or may) do, in one line, with the reason for a no."""
        return "; ".join(
            ABILITIES[what] + (f" ({can.why})" if yes is False else "")
            for what, can in self.can.items()
            if can.yes is yes
        )


def look(settings: Settings, only: str | None, trusted: Iterable[str] | None) -> list[Reach]:
    """Look at one provider, or at every one there is, all at once.

    Raises:
        TunedeckError: There is no provider called ``only``.
    """
    paths = Paths.resolve()
    names = [only] if only else provider_names(settings)
    found = []
    configs: list[tuple[Reach, ProviderConfig]] = []
    for place, name in enumerate(names):
        reach = Reach(name, chosen=place == 0)
        found.append(reach)
        try:
            config = trusting(resolve_provider(settings, name), trusted)
        except TunedeckError as error:
            reach.trouble = error
            continue
        _describe(reach, config)
        configs.append((reach, config))
    asyncio.run(_ask_all(configs, paths))
    return found


def _describe(reach: Reach, config: ProviderConfig) -> None:
    reach.kind = config.known.title
    reach.address = public_url(config.base_url or "") or "on this machine"
    reach.key = key_source(config)
    reach.read_only = config.read_only
    host = foreign_host(config)
    if host is not None and needs_consent(config) is None:
        reach.notes.append(f"the OpenAI key goes to {host}, which is not OpenAI's")
    url = config.base_url or ""
    if url.startswith("http:") and not is_loopback(url) and reach.key != "no key":
        reach.notes.append("the key crosses the network unencrypted: use https")


async def _ask_all(configs: list[tuple[Reach, ProviderConfig]], paths: Paths) -> None:
    await asyncio.gather(*(_ask(reach, config, paths) for reach, config in configs))


async def _ask(reach: Reach, config: ProviderConfig, paths: Paths) -> None:
    from tui.jobs import abilities_of, open_provider, probe_provider

    provider = open_provider(config, paths)
    try:
        if config.kind == LOCAL and not reach.chosen and not await _runs(paths):
            reach.notes.append("not running; it starts by itself when it is used")
            reach.can = abilities_of(provider)
            return
        probed = await probe_provider(provider)
    except TunedeckError as error:
        reach.trouble = error
        return
    finally:
        await provider.aclose()
    reach.reachable = probed.reachable
    reach.models = probed.models
    reach.trouble = probed.trouble
    reach.can = probed.can


async def _runs(paths: Paths) -> bool:
    from tui.service import find_running

    return await asyncio.to_thread(find_running, paths) is not None
