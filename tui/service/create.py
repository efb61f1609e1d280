"""The request that creates a job: every parameter checked, with the hosted service's words."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from typing import Any

from tui.service.engines import Engine
from tui.service.errors import ApiError, bad_request
from tui.service.store import Store, new_id, now

MAX_SEED = 2**31 - 1
MAX_SUFFIX = 64
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512
METHODS = ("supervised", "dpo", "reinforcement")
HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")
LIMITS = {"n_epochs": (1, 50), "batch_size": (1, 256)}
KNOWN = frozenset(
    ("model", "training_file", "validation_file", "method", "hyperparameters", "suffix", "seed",
     "metadata", "integrations")
)  # fmt: skip


def new_job(body: object, store: Store, engines: Mapping[str, Engine]) -> dict[str, Any]:
    """Return the row of the job that a request asks for, not stored yet.

    Args:
        body: The parsed JSON body.
        store: Where its files and its base model are looked up.
        engines: The engine behind each base model.

    Raises:
        ApiError: A parameter is missing, unknown, or out of its limits.
    """
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    unknown = sorted(set(map(str, body)) - KNOWN)
    if unknown:
        raise bad_request(
            f"Unrecognized request argument supplied: {unknown[0]}",
            unknown[0],
            "unknown_parameter",
        )
    model = _model(body, store, engines)
    method, hyperparameters = _method(body, model)
    return {
        "id": new_id("ftjob"),
        "created_at": now(),
        "status": "validating_files",
        "model": model,
        "training_file": _file(body, "training_file", store, required=True),
        "validation_file": _file(body, "validation_file", store, required=False),
        "hyperparameters": hyperparameters,
        "method": {"type": method},
        "suffix": _suffix(body.get("suffix")),
        "seed": _seed(body.get("seed")),
        "metadata": _metadata(body.get("metadata")),
        "integrations": _integrations(body.get("integrations")),
    }


def base_model(model: str) -> str:
    """Return the base of a model: the model itself, or what ``ft:BASE:…`` was made from."""
    parts = model.split(":")
    return parts[1] if parts[0] == "ft" and len(parts) > 1 else model


def _wrong_type(param: str, wanted: str, value: object) -> ApiError:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal",
             list: "an array", dict: "an object", type(None): "null"}  # fmt: skip
    got = names.get(type(value), "something else")
    return bad_request(
        f"Invalid type for '{param}': expected {wanted}, but got {got} instead.",
        param,
        "invalid_type",
    )


def _required_text(body: Mapping[str, Any], param: str) -> str:
    value = body.get(param)
    if value is None:
        raise bad_request(
            f"Missing required parameter: '{param}'.", param, "missing_required_parameter"
        )
    if not isinstance(value, str):
        raise _wrong_type(param, "a string", value)
    return value


def _model(body: Mapping[str, Any], store: Store, engines: Mapping[str, Engine]) -> str:
    model = _required_text(body, "model")
    if model in engines:
        return model
    if model.startswith("ft:") and base_model(model) in engines and store.model(model):
        return model
    known = ", ".join(sorted(engines))
    raise bad_request(
        f"Model {model} is not available for fine-tuning or does not exist."
        f" This service trains: {known}, and the models made from it.",
        "model",
        "model_not_available",
    )


def _file(body: Mapping[str, Any], param: str, store: Store, *, required: bool) -> str | None:
    if not required and body.get(param) is None:
        return None
    file_id = _required_text(body, param)
    row = store.file(file_id)
    if row is None:
        raise bad_request(f"Invalid {param}: no such file: {file_id}", param, "file_not_found")
    if row["purpose"] != "fine-tune":
        raise bad_request(
            f"Invalid {param}: {file_id} has the purpose '{row['purpose']}',"
            " but must have 'fine-tune'.",
            param,
            "invalid_file_purpose",
        )
    return file_id


def _method(body: Mapping[str, Any], model: str) -> tuple[str, dict[str, Any]]:
    method = body.get("method")
    kind, settings, where = "supervised", body.get("hyperparameters"), "hyperparameters"
    if method is not None:
        if not isinstance(method, dict):
            raise _wrong_type("method", "an object", method)
        kind = method.get("type", "supervised")
        if kind not in METHODS:
            raise bad_request(
                f"Invalid value: {kind!r}. Supported values are: 'supervised', 'dpo',"
                " and 'reinforcement'.",
                "method.type",
                "invalid_value",
            )
        inner = method.get(kind)
        if inner is not None and not isinstance(inner, dict):
            raise _wrong_type(f"method.{kind}", "an object", inner)
        if inner and inner.get("hyperparameters") is not None:
            settings, where = inner["hyperparameters"], f"method.{kind}.hyperparameters"
    if kind != "supervised":
        raise bad_request(
            f"Finetuning with {model} requires the supervised method of finetuning.",
            "method",
            "unsupported_method",
        )
    return kind, _hyperparameters(settings, where)


def _hyperparameters(settings: object, where: str) -> dict[str, Any]:
    if settings is None:
        settings = {}
    if not isinstance(settings, dict):
        raise _wrong_type(where, "an object", settings)
    for name in settings:
        if name not in HYPERPARAMETERS:
            raise bad_request(
                f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}", "unknown_parameter"
            )
    found: dict[str, Any] = {}
    for name in HYPERPARAMETERS:
        value = settings.get(name, "auto")
        found[name] = "auto" if value is None or value == "auto" else _number(name, value, where)
    return found


def _number(name: str, value: object, where: str) -> int | float:
    param = f"{where}.{name}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type(param, "a number or 'auto'", value)
    if name not in LIMITS:
        if not (math.isfinite(value) and value > 0):
            raise bad_request(
                f"Invalid '{param}': decimal below minimum value."
                f" Expected a value > 0, but got {value} instead.",
                param,
                "decimal_below_min_value",
            )
        return float(value)
    if value != int(value) if math.isfinite(value) else True:
        raise _wrong_type(param, "an integer or 'auto'", value)
    return _within(param, int(value), *LIMITS[name])


def _within(param: str, value: int, low: int, high: int) -> int:
    if value < low:
        raise bad_request(
            f"Invalid '{param}': integer below minimum value."
            f" Expected a value >= {low}, but got {value} instead.",
            param,
            "integer_below_min_value",
        )
    if value > high:
        raise bad_request(
            f"Invalid '{param}': integer above maximum value."
            f" Expected a value <= {high}, but got {value} instead.",
            param,
            "integer_above_max_value",
        )
    return value


def _suffix(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type("suffix", "a string", value)
    if not 1 <= len(value) <= MAX_SUFFIX:
        side, word = ("short", "minimum") if not value else ("long", "maximum")
        bound = 1 if not value else MAX_SUFFIX
        raise bad_request(
            f"Invalid 'suffix': string too {side}. Expected a string with {word} length {bound},"
            f" but got a string with length {len(value)} instead.",
            "suffix",
            "string_below_min_length" if not value else "string_above_max_length",
        )
    # The suffix becomes a part of a name that stands in addresses and file names.
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", value)


def _seed(value: object) -> int:
    if value is None:
        return secrets.randbelow(MAX_SEED + 1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type("seed", "an integer", value)
    return _within("seed", value, 0, MAX_SEED)


def _metadata(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _wrong_type("metadata", "an object", value)
    if len(value) > MAX_PAIRS:
        raise bad_request(
            f"Invalid 'metadata': too many properties. Expected an object with at most {MAX_PAIRS}"
            f" properties, but got an object with {len(value)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, item in value.items():
        if not isinstance(item, str):
            raise _wrong_type(f"metadata.{key}", "a string", item)
        if len(key) > MAX_KEY or len(item) > MAX_VALUE:
            raise bad_request(
                f"Invalid 'metadata': keys have at most {MAX_KEY} characters"
                f" and values at most {MAX_VALUE}.",
                "metadata",
                "string_above_max_length",
            )
    return value


def _integrations(value: object) -> list[Any]:
    if value is None or value == []:
        return []
    if not isinstance(value, list):
        raise _wrong_type("integrations", "an array", value)
    raise bad_request(
        "Integrations are not supported by this service; leave 'integrations' out.",
        "integrations",
        "unsupported_parameter",
    )
