"""Azure / Microsoft Foundry: OpenAI's shapes, with a training tier of its own.

From Microsoft's API specification, the SDK's source and recorded answers; not tried against a live
resource. Both ways work: ``…/openai/v1`` and the classic one with ``api-version`` and ``api-key``,
each with a key or with a token of Microsoft Entra ID that a key command prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.jobs.adapters.base import Adapter


class Azure(Adapter):
    """Azure's two ways."""

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Add the training tier; the classic way takes a supervised job's settings at the top.

        Every classic ``api-version`` knows ``hyperparameters`` at the top, while ``method`` came
        with the previews of 2025.
        """
        body = dict(request)
        if self.wire.config.training_type:
            body.setdefault("trainingType", self.wire.config.training_type)
        if self.wire.config.style == "classic":
            lift_settings(body)
        return body


def lift_settings(body: dict[str, Any]) -> None:
    """Move the settings of a supervised job from ``method`` to the top level, in place."""
    method = body.get("method")
    if not isinstance(method, Mapping) or method.get("type", "supervised") != "supervised":
        return
    del body["method"]
    inner = method.get("supervised")
    settings = inner.get("hyperparameters") if isinstance(inner, Mapping) else None
    if settings:
        body.setdefault("hyperparameters", dict(settings))
