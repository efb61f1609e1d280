"""How far the work on the open dataset has got, and what may be told of it."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """How far the work on the open dataset has got."""

    CLOSED = "closed"
    HEAD = "head"
    UNPACKING = "unpacking"
    INDEXING = "indexing"
    SCANNING = "scanning"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Change(StrEnum):
    """What :attr:`Workspace.changes` tells of."""

    OPENED = "opened"
    RELOADED = "reloaded"
    FORMAT = "format"
    LINES = "lines"
    SCAN = "scan"
    ENDED = "ended"
    DISK = "disk"
    EDITED = "edited"
