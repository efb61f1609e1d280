"""Numbers as people read them: counts, sizes, durations, money, losses. No Textual, no locale."""

from __future__ import annotations

import math

_NONE = "-"


def integer(value: float | None) -> str:
    """A whole number with thousands separators: ``1,234,567``; ``-`` for None or NaN."""
    if value is None or not math.isfinite(value):
        return _NONE
    return f"{round(value):,}"


def counted(value: float | None, noun: str) -> str:
    """A number of things: ``1 record``, ``1,234 records``."""
    return f"{integer(value)} {noun}{'' if value == 1 else 's'}"


def compact(value: float | None) -> str:
    """A count in about four characters: ``950``, ``12.3k``, ``4.56M``, ``1.2B``.

    Args:
        value: Any number; None and NaN give ``-``.

    Returns:
        Three significant digits and a letter from 1,000 on.
    """
    if value is None or math.isnan(value):
        return _NONE
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if size < 999.5:
        return f"{value:.0f}" if value == round(value) else f"{value:.3g}"
    for power, letter in ((1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")):
        if size < power * 999.5 or letter == "T":
            return _three(value / power) + letter
    return f"{value:.3g}"


def size(value: float | None) -> str:
    """Bytes in decimal units, as prices and file managers give them: ``812 B``, ``12.3 MB``."""
    if value is None or not math.isfinite(value):
        return _NONE
    if abs(value) < 1000:
        return f"{value:.0f} B"
    for power, unit in ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")):
        if abs(value) < power * 999.5 or unit == "TB":
            return f"{_three(value / power)} {unit}"
    return _NONE


def duration(seconds: float | None) -> str:
    """A time span with two units at most: ``0.4s``, ``12s``, ``3m 05s``, ``2h 10m``, ``4d 03h``."""
    if seconds is None or not math.isfinite(seconds):
        return _NONE
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s" if seconds != round(seconds) else f"{seconds:.0f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    minutes = whole // 60
    if minutes < 48 * 60:
        return f"{minutes // 60}h {minutes % 60:02}m"
    return f"{minutes // 1440}d {minutes // 60 % 24:02}h"


def usd(value: float | None) -> str:
    """Money in US dollars: cents from one dollar on, four digits of a cent's fraction below."""
    if value is None or not math.isfinite(value):
        return _NONE
    if value == 0:
        return "$0"
    if abs(value) < 0.00005:
        return "<$0.0001"
    return f"${value:,.4f}" if abs(value) < 1 else f"${value:,.2f}"


def percent(part: float, whole: float) -> str:
    """A share as a percentage, never rounded to 0 % or 100 % when it is not: ``<1%``, ``>99%``."""
    if not whole or not math.isfinite(part / whole):
        return _NONE
    share = 100 * part / whole
    if 0 < share < 0.5:
        return "<1%"
    if 99.5 < share < 100:
        return ">99%"
    return f"{share:.0f}%"


def metric(value: float | None) -> str:
    """A loss, accuracy or other metric to four significant digits: ``0.4123``, ``3.10e-05``."""
    if value is None or math.isnan(value):
        return _NONE
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size_ = abs(value)
    if size_ and (size_ < 0.001 or size_ >= 1e6):
        return f"{value:.2e}"
    whole = len(str(int(size_)))
    return f"{value:.{max(0, min(4, 5 - whole))}f}"


def _three(value: float) -> str:
    """Three significant digits without an exponent: ``12.3``, ``1.2``, ``123``."""
    text = f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
