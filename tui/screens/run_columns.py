"""The columns of the list of runs: which of them a width has room for, and what they say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from tui.run import words
from tui.run.runlist import RunRow
from tui.run.state import RunState
from widgets.numbers import compact, metric, usd
from widgets.text import clean, fit, pad

STATUS_WIDTH = 12
_NAME_WIDTH = 14
_WIDE = 100
_VERY_WIDE = 140
_LOSS = ("train_loss", "training_loss", "loss", "train_mean_reward", "valid_loss")
# What is left out last where there is little room, and the order in which they stand.
_IMPORTANT = ("step", "provider", "cost", "started", "loss", "model")
_ORDER = ("provider", "model", "step", "loss", "started", "cost")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the list of runs.

    Attributes:
        key: Its stable name.
        title: Its heading.
        width: Its cells.
        align: ``left``, or ``right`` as numbers are.
        quiet: Whether it is drawn in the quiet colour.
    """

    key: str
    title: str
    width: int
    align: str = "right"
    quiet: bool = False

    def fit(self, text: str) -> str:
        """Return text in exactly this column's width."""
        return pad(clean(text, limit=200), self.width, align=self.align)


@lru_cache(maxsize=8)
def columns_for(width: int, *, several: bool = False) -> tuple[Column, ...]:
    """Return the columns between status and name that ``width`` cells have room for.

    Args:
        width: Cells of a row, without its signs.
        several: Whether the runs are of several providers, which are told then.
    """
    wide = width >= _WIDE
    model = 10 if not wide else 20 if width < _VERY_WIDE else 28
    every = {
        "provider": Column("provider", "Provider", 12 if wide else 8, "left", quiet=True),
        "model": Column("model", "Model", model, "left"),
        "step": Column("step", "Step", 13 if wide else 9),
        "loss": Column("loss", "Loss", 8),
        "started": Column("started", "Started", 7, quiet=True),
        "cost": Column("cost", "Cost", 16 if wide else 9),
    }
    if not several:
        del every["provider"]
    room = width - STATUS_WIDTH - 1 - _NAME_WIDTH
    chosen: set[str] = set()
    for key in _IMPORTANT:
        if key in every and every[key].width + 1 <= room:
            room -= every[key].width + 1
            chosen.add(key)
    return tuple(every[key] for key in _ORDER if key in chosen)


def headings(width: int, *, several: bool = False) -> str:
    """Return the line of headings over a list ``width`` cells wide."""
    found = columns_for(width - 3, several=several)
    columns = "".join(" " + column.fit(column.title) for column in found)
    return fit(f"  {pad('Status', STATUS_WIDTH)}{columns} Name", width)


def values_of(row: RunRow, now: float, width: int) -> dict[str, str]:
    """Return what every column says of a run, by the column's key; not cleaned.

    Args:
        row: The run.
        now: Seconds since 1970.
        width: Cells of a row; a wide one has room for more of the cost.
    """
    return {
        "provider": row.job.provider,
        "model": row.job.model or "–",
        "step": _steps(row, 13 if width >= _WIDE else 9),
        "loss": _loss(row),
        "started": words.ago(row.job.created_at, now),
        "cost": cost(row, width),
    }


def name_of(row: RunRow) -> str:
    """Return what a run is called, then its id; not cleaned."""
    job = row.job
    name = job.suffix or job.fine_tuned_model or os.path.basename(row.file)
    return f"{name}  {job.id}" if name else job.id


def text_of(row: RunRow, status: str) -> str:
    """Return what the filter looks at, in small letters."""
    job = row.job
    parts = (
        job.id,
        status,
        job.status,
        words.status_word(job.status),
        job.model,
        job.suffix,
        job.fine_tuned_model,
        job.provider,
        row.file,
    )
    return " ".join(part for part in parts if part).lower()


def state_of(row: RunRow) -> RunState:
    """Return the state of a run as far as the list knows it."""
    state = RunState(row.job.id, row.price)
    state.job = row.job
    if row.progress is not None:
        state.step = row.progress.step
        state.total_steps = row.progress.total_steps or 0
    return state


def _steps(row: RunRow, room: int) -> str:
    """Return the newest step and the last, as exactly as there is room for."""
    if row.progress is None:
        return "–"
    step, total = row.progress.step, row.progress.total_steps
    if not total:
        return f"{step:,}"
    forms = (f"{step:,}/{total:,}", f"{step}/{total}", f"{compact(step)}/{compact(total)}")
    return next((form for form in forms if len(form) <= room), forms[-1])


def _loss(row: RunRow) -> str:
    value = words.pick(row.progress.values, _LOSS) if row.progress else None
    return metric(value) if value is not None else "–"


def usd_of(row: RunRow) -> float | None:
    """Return what a run has cost or, while it goes on, will have cost; ``None`` if not known."""
    job, price = row.job, row.price
    if price is None or price.usd is None:
        return None
    if job.trained_tokens and price.tokens:
        return price.usd * job.trained_tokens / price.tokens
    return price.usd if not job.terminal else None


def cost(row: RunRow, width: int) -> str:
    """Money where an estimate was made, tokens once the provider has counted them.

    Until then ``~`` and the estimate for the whole run; nothing for a run that ended untrained.

    Args:
        row: The run.
        width: Cells of the list; a wide one has room for both.
    """
    job, price = row.job, row.price
    parts = []
    money = usd_of(row)
    if money:
        parts.append(usd(money) if job.trained_tokens else f"~{usd(money)}")
    if job.trained_tokens:
        parts.append(f"{compact(job.trained_tokens)} tok")
    if not parts and price is not None and price.usd == 0:
        parts.append("free")
    return " · ".join(parts[: 1 if width < _WIDE else 2]) or "–"
