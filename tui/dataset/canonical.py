"""One spelling of a JSON value, the same whatever order its keys have."""

from __future__ import annotations

import json

import orjson


def canonical(value: object, fallback: bytes = b"") -> bytes:
    """Return one spelling of a JSON value; ``fallback`` where it is too deep to be written."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        pass
    try:
        return json.dumps(value, sort_keys=True).encode("ascii")
    except (ValueError, TypeError, RecursionError):
        return fallback
