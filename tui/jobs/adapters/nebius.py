"""Nebius Token Factory: OpenAI's shapes, with the settings at the top level.

From its documentation and others' working scripts; not tried against the live service. ``method``
sent along is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.jobs.adapters.azure import lift_settings
from tui.jobs.adapters.base import Adapter
from tui.jobs.transport import CallError


class Nebius(Adapter):
    """Nebius."""

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Move the settings to the top level.

        Raises:
            CallError: The method is not supervised; nothing was sent.
        """
        body = dict(request)
        lift_settings(body)
        if "method" in body:
            raise CallError(
                f"{self.wire.config.name} trains supervised jobs only",
                "use --method supervised, or another provider",
                code="method_not_supported",
            )
        return body
