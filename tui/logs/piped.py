"""A log that comes through a pipe: standard input, a named pipe, ``<(ssh host tail -f log)``."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque

from tui.errors import FileError
from tui.logs.detect import HEAD, KINDS, kind_of, reader_of
from tui.logs.pipe import is_named, open_pipe
from tui.logs.rows import Batch
from tui.logs.state import TrainerState
from tui.logs.text import Reader

_CHUNK = 1 << 16
_PAUSE = 0.2
_MOST_HELD = 256 << 20
# So much waits to be read before the writer has to wait too.
_MOST_CAME = 16 << 20


class Piped:
    """Reads what is written into a pipe until its writer closes it.

    A thread takes it out as it comes, also when nobody looks: a trainer whose pipe is full would
    stand still.

    Args:
        path: ``-`` for standard input, or a pipe.

    Attributes:
        path: As given.
        modified: When something last came, in seconds since 1970.

    Raises:
        FileError: It cannot be opened.
        UsageError: Standard input is the keyboard.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.modified = time.time()
        self._reader: Reader | TrainerState | None = None
        self._held = b""
        self._came: deque[bytes] = deque()
        self._wanted = True
        file = open_pipe(self.path)
        self._drain = threading.Thread(target=self._take_out, args=(file,), daemon=True)
        self._drain.start()

    @property
    def kind(self) -> str:
        """What the log is, for people."""
        return self._reader.kind if self._reader is not None else KINDS["output"]

    @property
    def over(self) -> bool:
        """Whether the writer closed it, and all that came was looked at."""
        return not self._drain.is_alive() and not self._came

    def poll(self) -> Batch:
        """Return what came since the last look; does not wait for more.

        Raises:
            FileError: What comes is no log.
        """
        ended = not self._drain.is_alive()
        came = [self._came.popleft() for _ in range(len(self._came))]
        self._held += b"".join(came)
        batch = self._taken(ended=ended)
        batch.more = bool(came)
        return batch

    def finish(self) -> Batch:
        """Return what has waited for more that will not come."""
        if isinstance(self._reader, TrainerState):
            return self._reader.whole(self._held) or Batch()
        return self._reader.settle(final=True) if self._reader is not None else Batch()

    def forget(self) -> None:
        """Throw away what comes from now on; the writer does not notice."""
        self._wanted = False

    def _taken(self, *, ended: bool) -> Batch:
        if self._reader is None:
            kind = kind_of(self._held[:HEAD])
            if kind is None:
                raise FileError("what comes is no training log", "pipe a trainer's output")
            if not kind and not ended:
                return Batch()
            self._reader = TrainerState() if kind == "state" else reader_of(kind or "output")
        if isinstance(self._reader, TrainerState):
            if len(self._held) > _MOST_HELD:
                raise FileError("the trainer state is larger than 256 MB", "name the file instead")
            return Batch()
        data, self._held = self._held, b""
        return self._reader.feed(data) if data else Batch()

    def _take_out(self, file: int) -> None:
        begun = False
        try:
            while True:
                while self._wanted and len(self._came) * _CHUNK > _MOST_CAME:
                    time.sleep(_PAUSE / 10)
                select.select([file], [], [])
                data = os.read(file, _CHUNK)
                if data:
                    begun, self.modified = True, time.time()
                    if self._wanted:
                        self._came.append(data)
                elif begun or not is_named(self.path):
                    return
                else:
                    # Nobody has opened a named pipe for writing yet.
                    time.sleep(_PAUSE)
        except OSError:
            return
        finally:
            os.close(file)
