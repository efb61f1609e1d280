"""How a place in a dataset is named in a message."""

from __future__ import annotations


def in_file(line: int) -> str:
    """Name a line of a file in words."""
    return f"line {line:,}"
