"""Training logs on this machine, whatever trainer wrote them, read as they grow.

Names are resolved on first use (PEP 562), so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.logs.columns import Rows
    from tui.logs.detect import KINDS, kind_of
    from tui.logs.find import FoundLog, find_logs, log_title
    from tui.logs.follow import Follower
    from tui.logs.rows import Batch
    from tui.logs.source import LogSource, read_log

_HOMES = {
    "columns": ("Rows",),
    "detect": ("KINDS", "kind_of"),
    "find": ("FoundLog", "find_logs", "log_title"),
    "follow": ("Follower",),
    "rows": ("Batch",),
    "source": ("LogSource", "read_log"),
}
_NAMES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "KINDS",
    "Batch",
    "Follower",
    "FoundLog",
    "LogSource",
    "Rows",
    "find_logs",
    "kind_of",
    "log_title",
    "read_log",
]

__getattr__ = exports(__name__, _NAMES)
