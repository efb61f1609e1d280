"""A log that is not there yet: a training that is about to begin."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tui.logs.find import find_logs
from tui.logs.follow import Follower
from tui.logs.rows import Batch

# A folder is searched for logs that often, in seconds.
_PAUSE = 2.0


class Awaited:
    """Follows a log from the moment it is there.

    Args:
        path: Where it will be: a file, or a folder that a trainer makes.

    Attributes:
        path: Absolute.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(Path(path).absolute())
        self._since = time.time()
        self._looked = 0.0
        self._log: Follower | None = None

    @property
    def there(self) -> bool:
        """Whether the log has come."""
        return self._log is not None

    @property
    def kind(self) -> str:
        """What the log is, for people."""
        return self._log.kind if self._log is not None else "log"

    @property
    def modified(self) -> float:
        """When it last changed; when waiting began while it is not there."""
        return self._log.modified if self._log is not None else self._since

    def poll(self) -> Batch:
        """Return what is new, or say what is waited for.

        Raises:
            FileError: What came is no log, or several.
        """
        if self._log is None and self._is_there():
            self._log = Follower(self.path)
        if self._log is not None:
            return self._log.poll()
        where = Path(self.path)
        what = f"no training log in {where}" if where.is_dir() else f"there is no {where}"
        return Batch(trouble=f"{what} yet: waiting for it")

    def finish(self) -> Batch:
        """Return what has waited for more that will not come."""
        return self._log.finish() if self._log is not None else Batch()

    def _is_there(self) -> bool:
        where = Path(self.path)
        if not where.is_dir():
            return where.exists()
        if time.monotonic() - self._looked < _PAUSE:
            return False
        self._looked = time.monotonic()
        return bool(find_logs(where))
