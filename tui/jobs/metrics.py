"""From events to metric points: numeric leaves of any depth, and what only the message says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tui.jobs.models import Event, MetricPoint, integer_of
from tui.loose import number_of

_STEP_KEYS = ("step", "global_step", "current_step", "current_steps")
_TOTAL_KEYS = ("total_steps", "max_steps")
_NOT_VALUES = frozenset(_STEP_KEYS + _TOTAL_KEYS)
_MAX_DEPTH = 12
_MAX_VALUES = 500

_STEP = re.compile(r"\s*Step\s+(\d{1,12})(?:\s*/\s*(\d{1,12}))?\s*[:,]", re.IGNORECASE)
_PAIR = re.compile(
    r"([A-Za-z][A-Za-z _]{0,60}?)\s*=\s*([-+]?(?:nan|inf(?:inity)?|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+))",
    re.IGNORECASE,
)
# The words of event messages and the names the same numbers have in ``data``.
_WORDS = {
    "training loss": "train_loss",
    "validation loss": "valid_loss",
    "full validation loss": "full_valid_loss",
    "training accuracy": "train_mean_token_accuracy",
    "validation accuracy": "valid_mean_token_accuracy",
}


def _leaves(data: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, float]]:
    for key, value in data.items():
        yield from _leaf(f"{prefix}{key}", value, depth)


def _leaf(name: str, value: object, depth: int) -> Iterator[tuple[str, float]]:
    if depth <= 0:
        return
    if isinstance(value, Mapping):
        yield from _leaves(value, f"{name}.", depth - 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaf(f"{name}.{index}", item, depth - 1)
    else:
        number = number_of(value)
        if number is not None:
            yield name, number


def flatten(data: Mapping[str, Any]) -> dict[str, float]:
    """Return every numeric leaf of a nested object, names joined with dots.

    Lists count from 0 (``graders.0.mean``); booleans, nulls and text are left out; numeric text
    (``"0.41"``) counts as its number. NaN and infinities are kept. At most 500 values, 12 levels.
    """
    found: dict[str, float] = {}
    for name, value in _leaves(data, "", _MAX_DEPTH):
        found[name] = value
        if len(found) >= _MAX_VALUES:
            break
    return found


def parse_message(message: str) -> tuple[int | None, int | None, dict[str, float]]:
    """Read ``Step 3/10: training loss=0.41, …`` into step, total steps and values.

    Returns ``(None, None, {})`` for any other message.
    """
    head = _STEP.match(message)
    if head is None:
        return None, None, {}
    values: dict[str, float] = {}
    for words, number in _PAIR.findall(message[head.end() : head.end() + 2000]):
        words = words.strip().lower()
        values[_WORDS.get(words, words.replace(" ", "_"))] = float(number)
    total = int(head.group(2)) if head.group(2) else None
    return int(head.group(1)), total, values


def _first(data: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        number = integer_of(data.get(key))
        if number is not None and number >= 0:
            return number
    return None


def point_of(event: Event) -> MetricPoint | None:
    """Return the metrics an event carries; ``None`` when it carries none.

    Where ``data`` lacks them (null, empty, no step) the message is read instead. A point needs a
    step: metrics that belong nowhere on the axis stay an event.
    """
    data = event.data or {}
    step, total = _first(data, _STEP_KEYS), _first(data, _TOTAL_KEYS)
    values = flatten({k: v for k, v in data.items() if k not in _NOT_VALUES})
    if step is not None and total is not None and values and None not in data.values():
        # Nothing is left for the message to say.
        if event.type not in ("metrics", "message"):
            return None
        return MetricPoint(event.id, event.created_at, step, total, values)
    said_step, said_total, said = parse_message(event.message)
    if step is None and said_step is None:
        return None
    if not values:
        values = said
    else:
        missing = {key for key, value in data.items() if value is None}
        values.update({key: value for key, value in said.items() if key in missing})
    if event.type != "metrics" and not values:
        return None
    # A snapshot's moderation result or the like may name a step without being a measurement.
    if event.type not in ("metrics", "message"):
        return None
    return MetricPoint(
        id=event.id,
        created_at=event.created_at,
        step=step if step is not None else said_step or 0,
        total_steps=total if total is not None else said_total,
        values=values,
    )
