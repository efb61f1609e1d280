"""Running a grader on one answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.service.graders.check import parts_of
from tui.service.graders.formula import FormulaError, value_of
from tui.service.graders.similarity import METRICS
from tui.service.graders.template import TemplateError, UnparsedSampleError, fill

_COMPARED = 20_000


@dataclass(slots=True)
class Grade:
    """What a grader made of an answer.

    Attributes:
        reward: The score; 0 where the grader could not work.
        scores: The score of each part of a ``multi`` grader, by name.
        errors: The names of what went wrong, in the hosted service's words:
            ``invalid_variable_error``, ``sample_parse_error``, ``formula_parse_error``.
        seconds: How long it took.
    """

    reward: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    seconds: float = 0.0


def grade(grader: Mapping[str, Any], item: object, text: str) -> Grade:
    """Grade one answer.

    Args:
        grader: A grader that `check_grader` has let pass.
        item: The record of the dataset.
        text: What the model answered.
    """
    start, result = time.perf_counter(), Grade()
    if grader["type"] == "multi":
        for name, part in parts_of(grader).items():
            result.scores[name] = _score(part, item, text, result.errors)
        try:
            result.reward = value_of(grader["calculate_output"], result.scores)
        except FormulaError:
            result.errors.add("formula_parse_error")
    else:
        result.reward = _score(grader, item, text, result.errors)
    result.seconds = time.perf_counter() - start
    return result


def _score(grader: Mapping[str, Any], item: object, text: str, errors: set[str]) -> float:
    try:
        given = fill(grader["input"], item, text)
        reference = fill(grader["reference"], item, text)
    except TemplateError:
        errors.add("invalid_variable_error")
        return 0.0
    except UnparsedSampleError:
        errors.add("sample_parse_error")
        return 0.0
    if grader["type"] == "text_similarity":
        measure = METRICS[grader["evaluation_metric"]]
        return measure(given[:_COMPARED], reference[:_COMPARED])
    return float(_passes(grader["operation"], given, reference))


def _passes(operation: str, given: str, reference: str) -> bool:
    match operation:
        case "eq":
            return given == reference
        case "ne":
            return given != reference
        case "like":
            return reference in given
        case _:
            return reference.lower() in given.lower()
