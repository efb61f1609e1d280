"""The request that creates a job: every parameter checked, with the hosted service's words."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from tui.service.engines import Engine
from tui.service.errors import bad_request, wrong_type
from tui.service.methods import needs_validation_file, read_method, within
from tui.service.store import Store, new_id, now

MAX_SEED = 2**31 - 1
MAX_SUFFIX = 64
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512
MAX_INTEGRATIONS = 5
MAX_LABEL = 256
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
    method = read_method(body, model, engines[base_model(model)].methods)
    training = _file(body, "training_file", store, required=True)
    validation = _file(body, "validation_file", store, required=False)
    if method.kind == "reinforcement" and validation is None:
        raise needs_validation_file()
    return {
        "id": new_id("ftjob"),
        "created_at": now(),
        "status": "validating_files",
        "model": model,
        "training_file": training,
        "validation_file": validation,
        "hyperparameters": method.hyperparameters,
        "method": {"type": method.kind, **method.settings},
        "suffix": _suffix(body.get("suffix")),
        "seed": _seed(body.get("seed")),
        "metadata": read_metadata(body.get("metadata")),
        "integrations": _integrations(body.get("integrations")),
    }


def base_model(model: str) -> str:
    """Return the base of a model: the model itself, or what ``ft:BASE:…`` was made from."""
    parts = model.split(":")
    return parts[1] if parts[0] == "ft" and len(parts) > 1 else model


def _required_text(body: Mapping[str, Any], name: str, param: str | None = None) -> str:
    value, param = body.get(name), param or name
    if value is None:
        raise bad_request(
            f"Missing required parameter: '{param}'.", param, "missing_required_parameter"
        )
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)
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


def _suffix(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("suffix", "a string", value)
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
        raise wrong_type("seed", "an integer", value)
    return within("seed", value, 0, MAX_SEED)


def read_metadata(value: object) -> dict[str, str] | None:
    """Return the metadata of a request: at most 16 pairs of short texts, or ``None``.

    Raises:
        ApiError: It is malformed or out of its limits.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type("metadata", "an object", value)
    if len(value) > MAX_PAIRS:
        raise bad_request(
            f"Invalid 'metadata': too many properties. Expected an object with at most {MAX_PAIRS}"
            f" properties, but got an object with {len(value)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, item in value.items():
        if not isinstance(item, str):
            raise wrong_type(f"metadata.{key}", "a string", item)
        if len(key) > MAX_KEY or len(item) > MAX_VALUE:
            raise bad_request(
                f"Invalid 'metadata': keys have at most {MAX_KEY} characters"
                f" and values at most {MAX_VALUE}.",
                "metadata",
                "string_above_max_length",
            )
    return value


def _integrations(value: object) -> list[dict[str, Any]]:
    """Return the integrations of a request, kept and shown; nothing is sent anywhere."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type("integrations", "an array", value)
    if len(value) > MAX_INTEGRATIONS:
        raise bad_request(
            f"Invalid 'integrations': array too long. Expected an array with maximum length"
            f" {MAX_INTEGRATIONS}, but got an array with length {len(value)} instead.",
            "integrations",
            "array_above_max_length",
        )
    return [_integration(item, f"integrations[{index}]") for index, item in enumerate(value)]


def _integration(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(where, "an object", value)
    if value.get("type") != "wandb":
        raise bad_request(
            f"Invalid value: {str(value.get('type'))[:80]!r}. Supported values are: 'wandb'.",
            f"{where}.type",
            "invalid_value",
        )
    settings = value.get("wandb")
    if not isinstance(settings, dict):
        raise wrong_type(f"{where}.wandb", "an object", settings)
    project = _required_text(settings, "project", f"{where}.wandb.project")
    found: dict[str, Any] = {"project": project}
    for name in ("name", "entity"):
        found[name] = settings.get(name)
        if found[name] is not None:
            _required_text(settings, name, f"{where}.wandb.{name}")
    tags = settings.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise wrong_type(f"{where}.wandb.tags", "an array of strings", tags)
    for text in (project, found["name"] or "", found["entity"] or "", *tags):
        if len(text) > MAX_LABEL:
            raise bad_request(
                f"Invalid '{where}.wandb': texts have at most {MAX_LABEL} characters.",
                f"{where}.wandb",
                "string_above_max_length",
            )
    return {"type": "wandb", "wandb": {**found, "tags": tags[:50]}}
