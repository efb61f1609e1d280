"""What a provider can do: known beforehand, or found out by asking, and then remembered.

What was found out is kept by address in ``providers.json`` in the state folder. A yes stays; a no
is forgotten after a day, because services grow and gateways are mended.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.kinds import ABILITIES, Can, Kind

_FILE = "providers.json"
_FORGET_SECONDS = 86_400
_MOST = 200


class Abilities:
    """The abilities of one address.

    Args:
        state: The state folder; a file that cannot be read or written is done without.
        endpoint: What the ledger knows the provider by.
        kind: What is known beforehand.
    """

    def __init__(self, state: Path, endpoint: str, kind: Kind) -> None:
        self._path = state / _FILE
        self._endpoint = endpoint
        self._kind = kind
        self._found: dict[str, dict[str, Any]] | None = None

    def can(self, what: str) -> Can:
        """Return whether the provider can do ``what``; what was found out beats what was said.

        Raises:
            KeyError: ``what`` is not one of :data:`tui.kinds.ABILITIES`.
        """
        words = ABILITIES[what]
        found = self._known().get(what)
        if found is not None:
            return Can(bool(found["yes"]), str(found["why"]))
        return self._kind.abilities.get(what) or Can(
            None, f"not known yet whether it can {words}: it is found out by trying"
        )

    def learn(self, what: str, yes: bool, why: str) -> None:
        """Remember what was found out; ``why`` holds no secrets."""
        known = self._known()
        before = known.get(what)
        if before is not None and before["yes"] is yes and yes:
            return
        known[what] = {"yes": yes, "why": why[:200], "at": int(time.time())}
        with suppress(OSError):
            self._keep(known)

    def _known(self) -> dict[str, dict[str, Any]]:
        if self._found is None:
            self._found = _usable(_read(self._path).get(self._endpoint))
        return self._found

    def _keep(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the file anew beside the old one, so that no reader ever sees half of it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        everything = {**_read(self._path)}
        # Another process may have found out more about the same address.
        theirs = _usable(everything.pop(self._endpoint, None))
        known = {**theirs, **known}
        # Addresses with random ports come and go in tests and tunnels: the newest stay.
        kept = dict(list(everything.items())[-(_MOST - 1) :])
        kept[self._endpoint] = dict(known)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".providers-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _usable(entry: object) -> dict[str, dict[str, Any]]:
    """Return what can be believed of an entry that anybody may have edited."""
    if not isinstance(entry, dict):
        return {}
    return {
        what: found
        for what, found in entry.items()
        if what in ABILITIES
        and isinstance(found, dict)
        and isinstance(found.get("yes"), bool)
        and isinstance(found.get("why"), str)
        and isinstance(found.get("at"), (int, float))
        and (found["yes"] or time.time() - found["at"] < _FORGET_SECONDS)
    }
