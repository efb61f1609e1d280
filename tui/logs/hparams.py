"""The hyperparameters that TensorBoard's hparams plugin keeps in an event file.

They stand in the metadata of a value called ``_hparams_/session_start_info``: field numbers are
those of summary.proto of TensorFlow and of plugin_data.proto and api.proto of the plugin.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

TAG = "_hparams_/session_start_info"
_MOST = 100

Fields = Callable[[bytes, int, int], Iterator[tuple[int, int, int, int]]]


def hparams_in(data: bytes, at: int, end: int, fields: Fields) -> dict[str, Any]:
    """Return names and values out of the metadata of a value.

    Args:
        data: The record.
        at: Where the metadata begins in it.
        end: Where they end.
        fields: Yields field, wire type, start and end of the fields between two offsets.
    """
    found: dict[str, Any] = {}
    places = [(at, end)]
    # SummaryMetadata.plugin_data, PluginData.content, HParamsPluginData.session_start_info,
    # SessionStartInfo.hparams: a map, so each entry is a message of its own.
    for wanted in (1, 2, 3, 1):
        places = [
            (start, stop)
            for first, last in places
            for name, kind, start, stop in fields(data, first, last)
            if (name, kind) == (wanted, 2)
        ]
    for first, last in places[:_MOST]:
        key, value = "", None
        for name, kind, start, stop in fields(data, first, last):
            if (name, kind) == (1, 2):
                key = data[start:stop].decode("utf-8", "replace")
            elif (name, kind) == (2, 2):
                value = _value(data, start, stop, fields)
        if key and value is not None:
            found[key] = value
    return found


def _value(data: bytes, at: int, end: int, fields: Fields) -> Any:
    """Read a ``google.protobuf.Value``: a number, a text or a truth; others are passed over."""
    for name, kind, start, stop in fields(data, at, end):
        if (name, kind) == (2, 1):
            number: float = struct.unpack_from("<d", data, start)[0]
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        if (name, kind) == (3, 2):
            return data[start:stop].decode("utf-8", "replace")
        if (name, kind) == (4, 0):
            return bool(data[start])
    return None
