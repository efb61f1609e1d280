"""Entry point: ``tunedeck`` and ``python -m tui``."""

from __future__ import annotations

import os
import sys

# Textual reads these once, at import: no animation, no smooth scrolling, and few frames a second,
# because the terminal is far away and every frame is bytes on the line.
_TEXTUAL_DEFAULTS = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
    "TEXTUAL_FPS": "20",
}


def main() -> int:
    """Run the command line and return its exit code."""
    for name, value in _TEXTUAL_DEFAULTS.items():
        os.environ.setdefault(name, value)
    from tui.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
