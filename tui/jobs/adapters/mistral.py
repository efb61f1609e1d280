"""Mistral: the same addresses, with bodies and statuses of its own.

From its published client; not tried against the live service.
"""

from __future__ import annotations

from tui.jobs.adapters.base import Adapter


class Mistral(Adapter):
    """Mistral."""
