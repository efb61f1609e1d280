"""A field of a record by its path, as people write one: ``metadata.topic``, ``messages[0].role``.

Two names stand for what records of every format have: ``answer``, and ``label``, an answer short
enough to be one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tui.dataset.model import JsonPath
from tui.dataset.prompts import answer_of
from tui.errors import UsageError

ANSWER = "answer"
LABEL = "label"

MAX_LABEL = 60
"""Characters an answer may have to be a label."""

LONG = "(long)"
"""What stands for answers that are too long to be labels."""

_STEP = re.compile(r'\[(-?\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]"]+)')


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where in a record a value is looked for.

    Attributes:
        text: The path as written.
        steps: Its names and positions; a negative position counts from the end.
    """

    text: str
    steps: JsonPath

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Read a path; ``$.`` or ``item.`` before it, as other tools and graders write, is fine.

        Raises:
            UsageError: It is none.
        """
        given = text.strip()
        steps: list[str | int] = []
        at = 1 if given.startswith("$") else 0
        while at < len(given):
            match = _STEP.match(given, at)
            if match is None or (match.group().startswith(".") and at == 0):
                break
            position, quoted, name = match.groups()
            steps.append(int(position) if position else name or re.sub(r"\\(.)", r"\1", quoted))
            at = match.end()
        if not steps or at < len(given):
            raise UsageError(
                f"{text!r} is no path to a field",
                "write it as metadata.topic, messages[0].role or messages[-1].content",
            )
        return cls(given, tuple(steps))

    def of(self, record: dict[str, Any]) -> tuple[object, bool]:
        """Return a record's value, and whether the record has the field."""
        if self.text in record:
            return record[self.text], True
        value, found = _walk(record, self.steps)
        if not found and self.steps[0] == "item" and "item" not in record and len(self.steps) > 1:
            value, found = _walk(record, self.steps[1:])
        if not found and self.text in (ANSWER, LABEL):
            answer = _said(answer_of(record))
            short = not isinstance(answer, str) or len(answer.strip()) <= MAX_LABEL
            value = answer if short or self.text == ANSWER else LONG
            found = answer is not None
        return value, found


def _walk(value: object, steps: JsonPath) -> tuple[object, bool]:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return None, False
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return None, False
    return value, True


def _said(answer: object) -> object:
    """Return the text of an answer that is written as a list of parts."""
    if not isinstance(answer, list):
        return answer
    texts = [part.get("text") if isinstance(part, dict) else None for part in answer]
    return "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else answer
