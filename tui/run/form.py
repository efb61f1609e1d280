"""The launch form without a screen: from what was typed to a request, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest

AUTO = ("", "auto")
METHODS = ("supervised", "dpo", "reinforcement")
_MAX_GRADER = 1 << 20
# What has a field of its own, by the API's name.
_OWN = {
    "n_epochs": "epochs",
    "batch_size": "batch",
    "learning_rate_multiplier": "learning",
    "beta": "beta",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of the form.

    Attributes:
        name: What the form calls it.
        label: Its words.
        hint: Shown while it is empty.
        more: Whether it is among the fields that few need.
        method: The method it belongs to; empty for all.
    """

    name: str
    label: str
    hint: str
    more: bool = False
    method: str = ""


FIELDS = (
    Field("file", "Training file", "path of a .jsonl file"),
    Field("validation", "Validation", "optional"),
    Field("epochs", "Epochs", "auto"),
    Field("suffix", "Suffix", "a name for the result"),
    Field("beta", "Beta", "auto", method="dpo"),
    Field("grader", "Grader", "path of a .json file", method="reinforcement"),
    Field("batch", "Batch size", "auto", more=True),
    Field("learning", "Learning rate ×", "auto", more=True),
    Field("seed", "Seed", "optional", more=True),
    Field("settings", "Others", "name=value, name=value", more=True),
    Field("metadata", "Metadata", "team=search, run=7", more=True),
    Field("integrations", "Integrations", "wandb:PROJECT", more=True),
    Field("cost", "Most to pay", "no limit, in US dollars", more=True),
)
LABELS = {entry.name: entry.label for entry in FIELDS} | {"model": "Model"}


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, read.

    Attributes:
        request: The launch asked for; ``None`` while something cannot be read.
        complaints: What cannot be read, by field.
    """

    request: LaunchRequest | None
    complaints: Mapping[str, str] = field(default_factory=dict)


def read_form(
    values: Mapping[str, str], *, force: bool = False, past: LaunchRequest | None = None
) -> Form:
    """Read the fields of the form.

    Args:
        values: Text by field, of :data:`FIELDS` and ``model`` and ``method``; a missing one is
            empty. Fields of another method than the chosen one are left out.
        force: Whether to launch in spite of errors in the file.
        past: The launch that the form was filled with; what it has and the form cannot show (a
            grader without a file, a file that only the provider has) is kept.
    """
    from tui.jobs import LaunchRequest, integration_of

    complaints: dict[str, str] = {}
    method = values.get("method", "").strip() or METHODS[0]
    others = {entry.name for entry in FIELDS if entry.method not in ("", method)}

    def get(name: str) -> str:
        return "" if name in others else values.get(name, "").strip()

    def read(name: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(get(name))
        except ValueError as error:
            complaints[name] = str(error)
            return None

    if not get("file"):
        complaints["file"] = "name the training file, or open a dataset with o"
    if not get("model"):
        complaints["model"] = "choose a model"
    settings = {
        "n_epochs": read("epochs", _whole_or_auto),
        "batch_size": read("batch", _whole_or_auto),
        "learning_rate_multiplier": read("learning", _number_or_auto),
        "beta": read("beta", _number_or_auto),
        **(read("settings", _settings) or {}),
    }
    seed = read("seed", _whole_or_nothing)
    metadata = read("metadata", _pairs) or {}
    cost = read("cost", _dollars)
    grader = read("grader", _grader)
    integrations = read("integrations", lambda text: [integration_of(one) for one in _list(text)])
    if complaints:
        return Form(None, complaints)
    kept = _kept(past, get("file"), get("validation"), method)
    if grader is not None:
        kept["grader"] = grader
    validation = get("validation")
    request = LaunchRequest(
        file=Path(get("file")).expanduser(),
        model=get("model"),
        validation=Path(validation).expanduser() if _is_path(validation) else None,
        method=method,
        hyperparameters={k: v for k, v in settings.items() if v is not None},
        suffix=get("suffix") or None,
        seed=seed,
        metadata=metadata,
        max_cost=cost,
        force=force,
        integrations=tuple(integrations or ()),
        **kept,
    )
    return Form(request)


_AT_PROVIDER = "at the provider: "


def _is_path(text: str) -> bool:
    return bool(text) and not text.startswith(_AT_PROVIDER)


def _kept(past: LaunchRequest | None, file: str, validation: str, method: str) -> dict[str, Any]:
    """Return what a past launch had that the form cannot show, while it still is the same."""
    if past is None:
        return {}
    kept: dict[str, Any] = {}
    if past.file_id is not None and file == str(past.file):
        kept["file_id"] = past.file_id
    if past.validation_id is not None and validation == f"{_AT_PROVIDER}{past.validation_id}":
        kept["validation_id"] = past.validation_id
    if method == past.method == "reinforcement":
        kept["grader"], kept["response_format"] = past.grader, past.response_format
    return kept


def form_of(request: LaunchRequest) -> dict[str, str]:
    """Return the text of each field for a request, so that the form can show and change it."""
    from tui.jobs import integration_text

    settings = dict(request.hyperparameters)
    values = {form: _shown(settings.pop(api, "")) for api, form in _OWN.items()}
    validation = str(request.validation) if request.validation else ""
    if request.validation_id is not None:
        validation = f"{_AT_PROVIDER}{request.validation_id}"
    return {
        **values,
        "file": str(request.file),
        "validation": validation,
        "model": request.model,
        "method": request.method,
        "suffix": request.suffix or "",
        "seed": _shown(request.seed),
        "settings": ", ".join(f"{name}={_shown(value)}" for name, value in settings.items()),
        "metadata": ", ".join(f"{name}={value}" for name, value in request.metadata.items()),
        "integrations": ", ".join(integration_text(one) for one in request.integrations),
        "cost": _shown(request.max_cost),
        "grader": "",
    }


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _whole_or_auto(text: str) -> int | None:
    if text.lower() in AUTO:
        return None
    return _whole(text, "write a whole number, or auto")


def _whole_or_nothing(text: str) -> int | None:
    return _whole(text, "write a whole number, or nothing") if text else None


def _whole(text: str, advice: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        raise ValueError(advice)
    return int(text)


def _number_or_auto(text: str) -> float | None:
    return None if text.lower() in AUTO else _number(text, "write a number such as 0.5, or auto")


def _dollars(text: str) -> float | None:
    text = text.removeprefix("$").strip()
    return _number(text, "write dollars such as 12.50, or nothing") if text else None


def _number(text: str, advice: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise ValueError(advice)
    return number


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _settings(text: str) -> dict[str, Any]:
    from tui.jobs import setting_of

    found = dict(setting_of(part) for part in _list(text))
    own = next((name for name in found if name in _OWN), None)
    if own is not None:
        raise ValueError(f"{own} has a field of its own: {LABELS[_OWN[own]]}")
    return found


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in _list(text):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError("write pairs such as team=search, run=7")
        pairs[key.strip()] = value.strip()
    return pairs


def _grader(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    path = Path(text).expanduser()
    try:
        if path.stat().st_size > _MAX_GRADER:
            raise ValueError("that file is far too large for a grader")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read it ({error.strerror})") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object with a type")
    return value
