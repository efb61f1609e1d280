"""Records a person edited and has not written to a file yet, kept so that a crash loses none.

They are held by record and appended to a journal in the state folder, one JSON object a line. When
the same file is opened again, those whose record is still what it was are there again.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tui.dataset import Source


class Edit(NamedTuple):
    """One edited record.

    Attributes:
        position: Its 0-based line, or element of an array.
        lines: Physical lines it takes in the file.
        offset: Its first byte in the file.
        before: Its bytes in the file.
        after: The JSON that is to stand in its place, on one line.
    """

    position: int
    lines: int
    offset: int
    before: bytes
    after: bytes


class Edits(Mapping[int, bytes]):
    """The edited records of one open file, by position; as a mapping, what stands in their place.

    Args:
        name: The path of the dataset; empty keeps nothing on disk.
        folder: Where the journals are.
    """

    def __init__(self, name: str = "", folder: Path | None = None) -> None:
        self._name = name
        self._folder = folder
        self.restored = 0
        """Edits of an earlier session that are here again."""
        self.lost = 0
        """Edits of an earlier session whose record is no longer in the file."""
        self.failure = ""
        """Why the journal could not be written; empty where it could."""
        self._edits: dict[int, Edit] = {}
        self._covered: dict[int, int] = {}

    @classmethod
    def of(cls, source: Source, state: Path) -> Edits:
        """Return the edits of a file, with those of an earlier session that still fit it."""
        if source.path == "-":
            return cls()
        edits = cls(os.path.realpath(source.path), state / "edits")
        if (state / "edits").is_dir():
            edits._load(source)
        return edits

    @property
    def file(self) -> Path | None:
        """The journal; ``None`` where nothing is kept on disk."""
        if self._folder is None:
            return None
        # Not loaded for the first screen: few people have edits.
        from hashlib import blake2b

        key = blake2b(os.fsencode(self._name), digest_size=12).hexdigest()
        return self._folder / f"{key}.jsonl"

    def __getitem__(self, position: int) -> bytes:
        return self._edits[position].after

    def __iter__(self) -> Iterator[int]:
        return iter(self._edits)

    def __len__(self) -> int:
        return len(self._edits)

    def at(self, position: int) -> Edit | None:
        """Return the edit that covers a line of the file, or an element of its array."""
        first = self._covered.get(position)
        return None if first is None else self._edits[first]

    def put(self, edit: Edit) -> None:
        """Keep an edit; one that puts back what was there takes an earlier one away."""
        if edit.after == edit.before:
            self.remove(edit.position)
            return
        self._keep(edit)
        self._note(
            {
                "position": edit.position,
                "lines": edit.lines,
                "offset": edit.offset,
                "before": base64.b64encode(edit.before).decode("ascii"),
                "after": edit.after.decode("utf-8"),
            }
        )

    def remove(self, position: int) -> None:
        """Drop an edit."""
        if self._drop(position):
            self._note({"position": position})

    def clear(self) -> None:
        """Drop all edits, and the journal: they are in a new file, or not wanted."""
        self._edits.clear()
        self._covered.clear()
        file = self.file
        if file is not None:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def _keep(self, edit: Edit) -> None:
        self._drop(edit.position)
        self._edits[edit.position] = edit
        for line in range(edit.position, edit.position + edit.lines):
            self._covered[line] = edit.position

    def _drop(self, position: int) -> bool:
        edit = self._edits.pop(position, None)
        if edit is None:
            return False
        for line in range(edit.position, edit.position + edit.lines):
            self._covered.pop(line, None)
        return True

    def _note(self, entry: dict[str, object]) -> None:
        file = self.file
        if file is None:
            return
        import json

        data = json.dumps(entry, ensure_ascii=True).encode("ascii") + b"\n"
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(file, flags, 0o600)
            try:
                os.write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            self.failure = ""
        except OSError as error:
            self.failure = error.strerror or str(error)

    def _load(self, source: Source) -> None:
        file = self.file
        try:
            lines = file.read_bytes().splitlines() if file is not None else []
        except OSError:
            return
        for line in lines:
            self._take(line)
        for position, edit in list(self._edits.items()):
            if source.read(edit.offset, len(edit.before)) != edit.before:
                self._drop(position)
                self.lost += 1
        self.restored = len(self._edits)

    def _take(self, line: bytes) -> None:
        """Take in one entry; half of one, which a crash may leave, counts as none."""
        import json

        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            if "after" not in entry:
                self._drop(int(entry["position"]))
                return
            before = base64.b64decode(entry["before"], validate=True)
            position, lines, offset = (int(entry[n]) for n in ("position", "lines", "offset"))
            after = str(entry["after"]).encode("utf-8")
            self._keep(Edit(position, lines, offset, before, after))
