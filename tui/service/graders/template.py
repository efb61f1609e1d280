"""Templates of graders: ``{{item.KEY}}`` and ``{{sample.output_text}}`` in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SLOT = re.compile(r"\{\{\s*(.{0,256}?)\s*\}\}", re.DOTALL)
_PATH = re.compile(r"(item|sample)((?:\.[\w-]+|\[\d+\]|\['[^']*'\]|\[\"[^\"]*\"\])*)")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_SAMPLE = ("output_text", "output_json", "output_tools", "choices")


class TemplateError(ValueError):
    """The template names something that no item and no sample has."""


class UnparsedSampleError(ValueError):
    """The template reads the sample as JSON, and it is none."""


Steps = tuple[str | int, ...]


def variables(template: str) -> list[tuple[str, Steps]]:
    """Return what a template reads: ``item`` or ``sample``, and the way into it.

    Raises:
        TemplateError: It names neither.
    """
    return [_path(slot) for slot in _SLOT.findall(template)]


def _path(slot: str) -> tuple[str, Steps]:
    found = _PATH.fullmatch(slot)
    if found is None:
        raise TemplateError(f"'{{{{{slot[:80]}}}}}' is neither item.… nor sample.…")
    steps: list[str | int] = []
    for name, number, single, double in _STEP.findall(found[2]):
        steps.append(int(number) if number else name or single or double)
    if found[1] == "sample" and (not steps or steps[0] not in _SAMPLE):
        raise TemplateError(f"'{{{{{slot[:80]}}}}}': a sample has {', '.join(_SAMPLE)}")
    return found[1], tuple(steps)


def fill(template: str, item: object, text: str) -> str:
    """Return a template with its slots filled.

    Args:
        template: The text.
        item: The record of the dataset.
        text: What the model answered.

    Raises:
        TemplateError: The item has no such field.
        UnparsedSampleError: A field of the sample's JSON is wanted, and it is none.
    """

    def value(found: re.Match[str]) -> str:
        space, steps = _path(found[1])
        start: Any = item if space == "item" else _sample(steps, text)
        return _shown(_follow(start, steps, found[1]))

    return _SLOT.sub(value, template)


def _sample(steps: Steps, text: str) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "output_text": text,
        "output_tools": [],
        "choices": [{"message": {"role": "assistant", "content": text}}],
    }
    if steps[0] == "output_json":
        try:
            sample["output_json"] = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnparsedSampleError("the sample is not JSON") from error
    return sample


def _follow(value: Any, steps: Steps, slot: str) -> Any:
    for step in steps:
        inside = isinstance(value, Mapping) and step in value
        inside = inside or (isinstance(value, list) and isinstance(step, int) and step < len(value))
        if not inside:
            raise TemplateError(f"there is no '{slot[:80]}'")
        value = value[step]
    return value


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
