"""Numbers and moments as others write them: in JSON of many servers, in logs of many trainers."""

from __future__ import annotations

import math
from datetime import datetime

MILLISECONDS = 1e11
"""From here on a moment is in milliseconds since 1970, as in seconds it would be far off."""


def number_of(value: object) -> float | None:
    """Return a number as float, also from text such as ``"0.5"`` or ``"nan"``, else ``None``.

    Booleans are no numbers, and neither are names that Python would read as one (``"1_000"``).
    """
    if type(value) is float:
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            return None
    return None


def moment_of(value: object) -> float | None:
    """Return seconds since 1970 from seconds, milliseconds or an ISO date, else ``None``."""
    found = number_of(value)
    if found is None and isinstance(value, str):
        try:
            found = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            return None
    if found is None or not math.isfinite(found):
        return None
    found = found / 1000 if found > MILLISECONDS else found
    return found if found < MILLISECONDS else None
