"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(good: Callable[[], T], seconds: float = 60) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := good()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value
