"""Whether a grader can be run, in the hosted service's words where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.service.errors import ApiError, bad_request
from tui.service.graders.formula import FormulaError, names_of
from tui.service.graders.similarity import METRICS
from tui.service.graders.template import TemplateError, variables

OPERATIONS = ("eq", "ne", "like", "ilike")
ELSEWHERE = {
    "python": "this service runs no code that comes with a request",
    "score_model": "this service has no model that could judge",
    "label_model": "this service has no model that could judge",
}
MOST_GRADERS = 16
MOST_NAME = 128
MOST_TEXT = 64 * 1024


def check_grader(grader: object, where: str = "grader") -> dict[str, Any]:
    """Return a grader that can be run.

    Args:
        grader: The value from a request.
        where: The parameter it came in, for the words of an error.

    Raises:
        ApiError: It is not a grader, or not one that runs here.
    """
    if grader is None:
        raise bad_request(
            f"Missing required parameter: '{where}'.", where, "missing_required_parameter"
        )
    found = _object(grader, where)
    kind = found.get("type") if isinstance(found.get("type"), str) else ""
    if kind in ELSEWHERE:
        raise bad_request(
            f"Graders of the type '{kind}' are not available here: {ELSEWHERE[kind]}."
            " Use string_check, text_similarity or multi.",
            f"{where}.type",
            "unsupported_grader",
        )
    if kind not in ("string_check", "text_similarity", "multi"):
        raise _invalid(where, "type", kind, ("string_check", "text_similarity", "multi"))
    _text(found, "name", where, most=MOST_NAME)
    if kind == "multi":
        _check_multi(found, where)
    else:
        _check_leaf(found, kind, where)
    return found


def parts_of(grader: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the graders of a ``multi`` grader by the name its formula knows them by."""
    inner = grader["graders"]
    return {inner["name"]: inner} if isinstance(inner.get("type"), str) else dict(inner)


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(
            f"Invalid type for '{where}': expected an object, but got something else instead.",
            where,
            "invalid_type",
        )
    return value


def _text(grader: Mapping[str, Any], name: str, where: str, *, most: int = MOST_TEXT) -> str:
    value = grader.get(name)
    if value is None:
        raise bad_request(
            f"Missing required parameter: '{where}.{name}'.",
            f"{where}.{name}",
            "missing_required_parameter",
        )
    if not isinstance(value, str):
        raise bad_request(
            f"Invalid type for '{where}.{name}': expected a string.",
            f"{where}.{name}",
            "invalid_type",
        )
    if len(value) > most:
        raise bad_request(
            f"Invalid '{where}.{name}': string too long. Expected a string with maximum length"
            f" {most}, but got a string with length {len(value)} instead.",
            f"{where}.{name}",
            "string_above_max_length",
        )
    return value


def _invalid(where: str, name: str, value: object, allowed: tuple[str, ...]) -> ApiError:
    words = ", ".join(f"'{word}'" for word in allowed)
    shown = value if isinstance(value, str) and len(value) < 80 else "that"
    return bad_request(
        f"Invalid value: '{shown}'. Supported values are: {words}.",
        f"{where}.{name}",
        "invalid_value",
    )


def _check_leaf(grader: Mapping[str, Any], kind: str, where: str) -> None:
    for name in ("input", "reference"):
        template = _text(grader, name, where)
        try:
            variables(template)
        except TemplateError as error:
            raise bad_request(
                f"Invalid '{where}.{name}': {error}.", f"{where}.{name}", "invalid_template"
            ) from error
    if kind == "string_check":
        if grader.get("operation") not in OPERATIONS:
            raise _invalid(where, "operation", grader.get("operation"), OPERATIONS)
    elif grader.get("evaluation_metric") == "cosine":
        raise bad_request(
            "The metric 'cosine' is not available here: it needs an embedding model."
            f" Use one of {', '.join(METRICS)}.",
            f"{where}.evaluation_metric",
            "unsupported_grader",
        )
    elif grader.get("evaluation_metric") not in tuple(METRICS):
        raise _invalid(where, "evaluation_metric", grader.get("evaluation_metric"), tuple(METRICS))


def _check_multi(grader: Mapping[str, Any], where: str) -> None:
    inner = _object(grader.get("graders"), f"{where}.graders")
    single = isinstance(inner.get("type"), str)
    if not inner or len(inner) > (MOST_TEXT if single else MOST_GRADERS):
        raise bad_request(
            f"Invalid '{where}.graders': expected 1 to {MOST_GRADERS} graders.",
            f"{where}.graders",
            "invalid_value",
        )
    for name, part in ({"": inner} if single else inner).items():
        place = f"{where}.graders.{name}".rstrip(".")
        if isinstance(part, dict) and part.get("type") == "multi":
            raise bad_request(
                f"Invalid '{place}': a multi grader holds no other.", place, "invalid_value"
            )
        check_grader(part, place)
    formula = _text(grader, "calculate_output", where, most=4096)
    try:
        unknown = names_of(formula) - set(parts_of(grader))
    except FormulaError as error:
        raise bad_request(
            f"Invalid '{where}.calculate_output': {error}.",
            f"{where}.calculate_output",
            "invalid_formula",
        ) from error
    if unknown:
        raise bad_request(
            f"Invalid '{where}.calculate_output': no grader is named '{min(unknown)}'.",
            f"{where}.calculate_output",
            "invalid_formula",
        )
