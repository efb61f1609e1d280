"""How a run is put into words: signs, numbers, times and money, the same on every screen.

Pure functions over plain values, no Textual, so that lists, panels and questions agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from widgets.numbers import usd
from widgets.text import ascii_only

SIGNS = {
    "planned": "○",
    "uploading": "○",
    "uploaded": "○",
    "creating": "○",
    "validating_files": "○",
    "queued": "○",
    "running": "●",
    "paused": "‖",
    "cancelling": "◌",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "■",
    "refused": "✗",
    "unknown": "?",
}
ASCII_SIGNS = {
    "○": "o",
    "●": "*",
    "‖": "=",
    "◌": "~",
    "✓": "+",
    "✗": "x",
    "■": "#",
    "?": "?",
}
TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
_SHORT = 8
WORDS = {"validating_files": "validating"}
TONES = {
    "running": "accent",
    "cancelling": "warning",
    "paused": "warning",
    "succeeded": "success",
    "failed": "error",
    "refused": "error",
    "unknown": "warning",
    "cancelled": "muted",
}


def status_sign(status: str) -> str:
    """Return the one-cell sign of a status, so that colour is never the only one."""
    sign = SIGNS.get(status, "·")
    return ASCII_SIGNS.get(sign, "-") if ascii_only() else sign


def status_word(status: str) -> str:
    """Return the word people read for a provider's status."""
    return WORDS.get(status, status.replace("_", " ") or "unknown")


def status_tone(status: str) -> str:
    """Return ``accent``, ``success``, ``error``, ``warning`` or ``muted`` for a status."""
    return TONES.get(status, "muted")


def short_id(job_id: str) -> str:
    """Return as much of a job's id as tells it from others: what follows ``ftjob-``, not all."""
    return job_id.rpartition("-")[2][:_SHORT]


def ago(then: float | None, now: float) -> str:
    """Say how long ago something was, in one unit: ``now``, ``3m ago``, ``2d ago``."""
    if then is None or then <= 0:
        return "–"
    seconds = max(0, now - then)
    if seconds < 60:
        return "now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return "now"


def progress_bar(part: float, width: int) -> str:
    """Draw a fraction as a bar of ``width`` cells.

    Whole cells only: a finer end would be redrawn at every step, and the percentage says more.
    """
    part = min(1.0, max(0.0, part if math.isfinite(part) else 0.0))
    full = int(part * width)
    done, rest = ("#", ".") if ascii_only() else ("━", "─")
    return done * full + rest * (width - full)


def cancel_consequences(kind: str, usd_so_far: float | None, status: str) -> str:
    """Say what cancelling means for the bill and for the run.

    Args:
        kind: The provider's kind, as in ``tui.config.ProviderConfig``.
        usd_so_far: What the run has cost so far by our estimate; ``None`` when not known.
        status: The run's status now.
    """
    if kind == "local":
        bill = "It runs on this machine and costs nothing."
    elif status in ("validating_files", "queued"):
        bill = "Training has not begun, so there should be nothing to pay."
    elif usd_so_far is None:
        bill = "The provider may bill the training done so far, and nothing after it stops."
    else:
        bill = (
            f"The provider may bill the training done so far (about {usd(usd_so_far)}), "
            "and nothing after it stops."
        )
    return f"{bill} A cancelled run cannot be continued."


def pick(values: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    """Return the first of ``names`` that is in ``values``; ``None`` when none is."""
    for name in names:
        if name in values:
            return values[name]
    return None


def ended_as(status: str) -> str:
    """Say how a run ended, as the end of a sentence that begins with ``it``."""
    return {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}.get(
        status, f"is {status_word(status)}"
    )
