"""How a run is put into words: signs, numbers, times and money, the same on every screen.

Pure functions over plain values, no Textual, so that lists, panels and questions agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

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


def status_sign(status: str, *, ascii_only: bool = False) -> str:
    """Return the one-cell sign of a status, so that colour is never the only one."""
    sign = SIGNS.get(status, "·")
    return ASCII_SIGNS.get(sign, "-") if ascii_only else sign


def status_word(status: str) -> str:
    """Return the word people read for a provider's status."""
    return WORDS.get(status, status.replace("_", " ") or "unknown")


def status_tone(status: str) -> str:
    """Return ``accent``, ``success``, ``error``, ``warning`` or ``muted`` for a status."""
    return TONES.get(status, "muted")


def number(value: float | None, digits: int = 4) -> str:
    """Write a metric with ``digits`` significant digits; a missing one as ``–``, NaN as ``NaN``."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-4:
        return f"{value:.{digits - 2}e}"
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:.{min(places, 6)}f}"


def short_count(value: float) -> str:
    """Write a large count in three digits: ``940``, ``31.2 k``, ``4.05 M``, ``1.20 G``."""
    if value < 1000:
        return f"{value:.0f}"
    for unit in ("k", "M", "G"):
        value /= 1000
        if value < 999.5 or unit == "G":
            break
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{places}f} {unit}"


def count(value: int) -> str:
    """Write a count with thousands apart: ``86,120``."""
    return f"{value:,}"


def money(usd: float | None) -> str:
    """Write an amount in US dollars; cents, or four places when it is small."""
    if usd is None:
        return "–"
    if usd == 0:
        return "$0.00"
    if usd < 0.0001:
        return "under $0.0001"
    return f"${usd:,.4f}" if usd < 1 else f"${usd:,.2f}"


def duration(seconds: float | None) -> str:
    """Write a length of time in its two largest units: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def ago(then: float | None, now: float) -> str:
    """Say how long ago something was, in one unit: ``now``, ``3 min ago``, ``2 d ago``."""
    if then is None or then <= 0:
        return "–"
    seconds = max(0, now - then)
    if seconds < 60:
        return "now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "now"


def progress_bar(part: float, width: int, *, ascii_only: bool = False) -> str:
    """Draw a fraction as a bar of ``width`` cells, in eighths of a cell where the terminal can."""
    part = min(1.0, max(0.0, part if math.isfinite(part) else 0.0))
    if ascii_only:
        full = int(part * width)
        return "#" * full + "." * (width - full)
    eighths = round(part * width * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return bar + "░" * (width - len(bar))


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
            f"The provider may bill the training done so far (about {money(usd_so_far)}), "
            "and nothing after it stops."
        )
    return f"{bill} A cancelled run cannot be continued."


def pick(values: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    """Return the first of ``names`` that is in ``values``; ``None`` when none is."""
    for name in names:
        if name in values:
            return values[name]
    return None
