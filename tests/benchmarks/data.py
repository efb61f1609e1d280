"""The file that measurements of large datasets read."""

from __future__ import annotations

import os
from pathlib import Path

SIZE_MB = int(os.environ.get("TUNEDECK_BENCH_MB", "1000"))
WORD = "TUNEDECKFIRSTRECORD"

# Containers often forbid Python to write bytecode, and then whatever runs from a checkout is
# compiled anew at each start; an installed program never is.
INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}


def large_chat(path: Path, megabytes: int = SIZE_MB) -> Path:
    """Write chats of about a kilobyte, the first of which holds ``WORD``."""
    line = (
        '{{"messages": [{{"role": "user", "content": "{word} question {n} {filler}"}}, '
        '{{"role": "assistant", "content": "answer {n} {filler}"}}]}}\n'
    )
    filler = "the quick brown fox jumps over the lazy dog " * 12
    wanted, n = megabytes * 1_000_000, 0
    with path.open("w") as file:
        while file.tell() < wanted:
            file.writelines(
                line.format(word=WORD if n + i == 0 else "a", n=n + i, filler=filler)
                for i in range(2000)
            )
            n += 2000
    return path
