"""The little the application remembers from one start to the next: files, searches, the theme.

It is a JSON file in the state folder, replaced in one step so that a closed laptop never leaves
half of it. Nothing depends on it: a missing or damaged file means a fresh start.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tui.config import Paths

MAX_RECENT = 12
MAX_SEARCHES = 50


@dataclass
class Memory:
    """What was remembered.

    Attributes:
        file: Where it is kept.
        recent: Absolute paths of the files opened last, the latest first.
        theme: Name of the theme chosen in the palette; empty for the default.
        searches: Texts searched for, the latest first.
    """

    file: Path
    recent: list[str] = field(default_factory=list)
    theme: str = ""
    searches: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, paths: Paths) -> Memory:
        """Read it; whatever is missing or damaged counts as not there."""
        file = paths.state / "app.json"
        try:
            data = orjson.loads(file.read_bytes())
        except (OSError, ValueError):
            return cls(file)
        if not isinstance(data, dict):
            return cls(file)
        theme = data.get("theme")
        return cls(
            file,
            _texts(data.get("recent"))[:MAX_RECENT],
            theme if isinstance(theme, str) else "",
            _texts(data.get("searches"))[:MAX_SEARCHES],
        )

    def opened(self, path: str) -> None:
        """Put a file at the head of the recent ones and save."""
        full = os.path.abspath(path)
        self.recent = [full, *(name for name in self.recent if name != full)][:MAX_RECENT]
        self.save()

    def searched(self, text: str) -> None:
        """Put a text at the head of those searched for and save."""
        others = [old for old in self.searches if old != text]
        self.searches = [text, *others][:MAX_SEARCHES]
        self.save()

    def save(self) -> None:
        """Write it; a folder that cannot be written is no reason to bother anybody."""
        data = orjson.dumps(
            {
                "recent": [_utf8(name) for name in self.recent],
                "theme": self.theme,
                "searches": [_utf8(text) for text in self.searches],
            },
            option=orjson.OPT_INDENT_2,
        )
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".app-")
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(data)
                os.replace(name, self.file)
            except OSError:
                os.unlink(name)
                raise


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _utf8(name: str) -> str:
    # A file name that is not UTF-8 carries surrogates, which JSON cannot; it is simply not found
    # again, which is all that can be lost here.
    return name.encode("utf-8", "replace").decode("utf-8")
