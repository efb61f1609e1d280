"""What ids of events tell."""

from __future__ import annotations

import re

# A number that stands alone at the end of an id counts up; the tail of a hexadecimal id does not.
_SEQUENCE = re.compile(r"(?:^|[^0-9A-Za-z])(\d{1,15})$")


def sequence_of(event_id: str) -> int:
    """Return the number that an id counts up with; -1 where it has none."""
    found = _SEQUENCE.search(event_id)
    return int(found.group(1)) if found else -1
