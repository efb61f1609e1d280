"""The ``method`` of a job: supervised, dpo or reinforcement, each with settings of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.service.errors import ApiError, bad_request, wrong_type
from tui.service.graders import check_grader

METHODS = ("supervised", "dpo", "reinforcement")
COMMON = ("n_epochs", "batch_size", "learning_rate_multiplier")
EFFORTS = ("default", "low", "medium", "high")
HYPERPARAMETERS = {
    "supervised": COMMON,
    "dpo": (*COMMON, "beta"),
    "reinforcement": (
        *COMMON,
        "compute_multiplier",
        "eval_interval",
        "eval_samples",
        "reasoning_effort",
    ),
}
WHOLE = {
    "n_epochs": (1, 50),
    "batch_size": (1, 256),
    "eval_interval": (1, 10_000),
    "eval_samples": (1, 64),
}
MOST = {"learning_rate_multiplier": math.inf, "beta": 2.0, "compute_multiplier": 10.0}
_MOST_SCHEMA = 64 * 1024


@dataclass(frozen=True, slots=True)
class Method:
    """What a request says of the method.

    Attributes:
        kind: ``supervised``, ``dpo`` or ``reinforcement``.
        hyperparameters: Every one of the method, ``"auto"`` where nothing was said.
        settings: What else belongs to it: ``grader``, ``response_format``.
    """

    kind: str
    hyperparameters: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


def read_method(body: Mapping[str, Any], model: str, trained: Collection[str]) -> Method:
    """Return the method of a request.

    Args:
        body: The request.
        model: The base model, for the words of an error.
        trained: The methods that its engine trains.

    Raises:
        ApiError: It is malformed, out of its limits, or the model cannot be trained so.
    """
    method = body.get("method")
    if method is None:
        method = {"type": "supervised"}
    if not isinstance(method, dict):
        raise wrong_type("method", "an object", method)
    kind = method.get("type", "supervised")
    if kind not in METHODS:
        raise bad_request(
            f"Invalid value: {str(kind)[:80]!r}. Supported values are: 'supervised', 'dpo',"
            " and 'reinforcement'.",
            "method.type",
            "invalid_value",
        )
    for name in method:
        if name not in ("type", *METHODS):
            raise bad_request(
                f"Unknown parameter: 'method.{name}'.", f"method.{name}", "unknown_parameter"
            )
    inner = method.get(kind)
    if inner is None:
        inner = {}
    if not isinstance(inner, dict):
        raise wrong_type(f"method.{kind}", "an object", inner)
    if kind not in trained:
        words = " or ".join(trained)
        raise bad_request(
            f"Finetuning with {model} requires the {words} method of finetuning.",
            "method",
            "unsupported_method",
        )
    return _read(body, kind, inner)


def _read(body: Mapping[str, Any], kind: str, inner: Mapping[str, Any]) -> Method:
    where = f"method.{kind}.hyperparameters"
    values, settings = inner.get("hyperparameters"), {}
    if values is None:
        # The older place of them, which only knew one method.
        where, values = "hyperparameters", body.get("hyperparameters")
    for name in inner:
        known = ("hyperparameters", "grader", "response_format")
        if name not in (known if kind == "reinforcement" else known[:1]):
            param = f"method.{kind}.{name}"
            raise bad_request(f"Unknown parameter: '{param}'.", param, "unknown_parameter")
    if kind == "reinforcement":
        settings["grader"] = check_grader(inner.get("grader"), "method.reinforcement.grader")
        if inner.get("response_format") is not None:
            settings["response_format"] = _response_format(inner["response_format"])
    return Method(kind, hyperparameters(values, kind, where), settings)


def _response_format(value: object) -> dict[str, Any]:
    param = "method.reinforcement.response_format"
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    if len(json.dumps(value)) > _MOST_SCHEMA:
        raise bad_request(f"Invalid '{param}': the schema is too large.", param, "invalid_value")
    return value


def hyperparameters(values: object, kind: str, where: str) -> dict[str, Any]:
    """Return every hyperparameter of a method, ``"auto"`` where nothing is said.

    Raises:
        ApiError: One is unknown, of the wrong type, or out of its limits.
    """
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise wrong_type(where, "an object", values)
    known = HYPERPARAMETERS[kind]
    for name in values:
        if name not in known:
            raise bad_request(
                f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}", "unknown_parameter"
            )
    found: dict[str, Any] = {}
    for name in known:
        value = values.get(name)
        if name == "reasoning_effort":
            found[name] = _effort(value, f"{where}.{name}")
        else:
            automatic = value is None or value == "auto"
            found[name] = "auto" if automatic else _number(name, value, f"{where}.{name}")
    return found


def _effort(value: object, param: str) -> str:
    if value is None:
        return "default"
    if value not in EFFORTS:
        raise bad_request(
            f"Invalid value: {str(value)[:80]!r}. Supported values are: 'default', 'low',"
            " 'medium', and 'high'.",
            param,
            "invalid_value",
        )
    return str(value)


def _number(name: str, value: object, param: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(param, "a number or 'auto'", value)
    if name in MOST:
        return _decimal(param, value, MOST[name])
    if not math.isfinite(value) or value != int(value):
        raise wrong_type(param, "an integer or 'auto'", value)
    return within(param, int(value), *WHOLE[name])


def _decimal(param: str, value: float, most: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not number > 0:
        raise bad_request(
            f"Invalid '{param}': decimal below minimum value."
            f" Expected a value > 0, but got {number} instead.",
            param,
            "decimal_below_min_value",
        )
    if number > most or math.isinf(number):
        raise bad_request(
            f"Invalid '{param}': decimal above maximum value."
            f" Expected a value <= {most:g}, but got {number} instead.",
            param,
            "decimal_above_max_value",
        )
    return number


def within(param: str, value: int, low: int, high: int) -> int:
    """Return a whole number that lies within its limits.

    Raises:
        ApiError: It does not.
    """
    side = "below minimum" if value < low else "above maximum"
    if low <= value <= high:
        return value
    bound = f">= {low}" if value < low else f"<= {high}"
    raise bad_request(
        f"Invalid '{param}': integer {side} value."
        f" Expected a value {bound}, but got {_short(value)} instead.",
        param,
        "integer_below_min_value" if value < low else "integer_above_max_value",
    )


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**20 else "a number with very many digits"


def needs_validation_file() -> ApiError:
    """Return the error for a reinforcement job without a validation file."""
    return bad_request(
        "Missing required parameter: 'validation_file'. The reinforcement method needs one.",
        "validation_file",
        "missing_required_parameter",
    )
