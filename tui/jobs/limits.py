"""The limits providers put on a job's settings, so that they are said before anything is sent.

From OpenAI's published API schema and the documentation of Azure, Nebius and Crusoe; a provider
without a published limit gets none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from tui.jobs.graders import grader_problems
from tui.jobs.models import LAUNCH_KEY
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem
from tui.loose import number_of

_MAX_PAIRS = 16
_MAX_KEY, _MAX_VALUE = 64, 512
_MAX_SEED = 2**31 - 1
_SUFFIX_LIMITS = {"azure": 18}
_MAX_SUFFIX = 64
_EPOCHS = {"openai": (1, 50), "azure": (1, 50), "local": (1, 50), "nebius": (1, 20)}
_BATCHES = {"openai": (1, 256), "azure": (1, 256), "nebius": (1, 32), "crusoe": (16, 1024)}
_ANY = (1, 1_000_000)
_ALL = ("supervised", "dpo", "reinforcement")
_REINFORCED = ("reinforcement",)
_SETTINGS = {
    "n_epochs": ("epochs", _ALL),
    "batch_size": ("batch size", _ALL),
    "learning_rate_multiplier": ("learning rate multiplier", _ALL),
    "beta": ("beta", ("dpo",)),
    "reasoning_effort": ("reasoning effort", _REINFORCED),
    "compute_multiplier": ("compute multiplier", _REINFORCED),
    "eval_interval": ("eval interval", _REINFORCED),
    "eval_samples": ("eval samples", _REINFORCED),
}
_NUMBERS = {
    "learning_rate_multiplier": (0.0, float("inf")),
    "beta": (0.0, 2.0),
    "compute_multiplier": (0.00001, 10.0),
}
_EFFORTS = ("default", "low", "medium", "high")
_MAX_INTEGRATIONS = 5
_SUPERVISED_ONLY = {"nebius": "Nebius", "mistral": "Mistral"}


def settings_problems(
    request: LaunchRequest, profile: str, suffix_max: int | None = None
) -> list[Problem]:
    """Return what is wrong with the settings of a launch, files aside.

    Args:
        request: What is asked for.
        profile: The provider's rule profile, whose limits apply.
        suffix_max: The longest suffix of this very provider, where it is known.
    """
    return [
        *_hyperparameters(request, profile),
        *_suffix(request.suffix, suffix_max or _SUFFIX_LIMITS.get(profile, _MAX_SUFFIX)),
        *_seed(request.seed),
        *_metadata(request.metadata),
        *_integrations(request),
        *_method(request, profile),
    ]


def _hyperparameters(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    for name, value in request.hyperparameters.items():
        if name not in _SETTINGS:
            found += _unknown_setting(name, profile)
            continue
        words, methods = _SETTINGS[name]
        if request.method not in methods:
            found.append(
                Problem(
                    ERROR,
                    f"bad_{name}",
                    f"{words} belongs to the {' and '.join(methods)} method",
                    f"add --method {methods[0]}",
                )
            )
        elif value != "auto":
            found += _value(name, words, value, profile)
    return found


def _value(name: str, words: str, value: object, profile: str) -> list[Problem]:
    if name == "reasoning_effort":
        good, allowed = value in _EFFORTS, f"one of {', '.join(_EFFORTS)}"
    elif name in ("learning_rate_multiplier", "beta", "compute_multiplier"):
        low, high = _NUMBERS[name]
        number = None if isinstance(value, str) else number_of(value)
        good = number is not None and low < number <= high
        most = "" if high == float("inf") else f" and at most {high:g}"
        allowed = f"a number above {low:g}{most}"
    else:
        limits = {"n_epochs": _EPOCHS, "batch_size": _BATCHES}.get(name, {})
        least, top = limits.get(profile, _ANY)
        whole = isinstance(value, int) and not isinstance(value, bool)
        good = whole and least <= value <= top  # type: ignore[operator]
        allowed = f"{least} to {top}, or leave it out"
    if good:
        return []
    return [Problem(ERROR, f"bad_{name}", f"{words} is {value}", f"use {allowed}")]


def _unknown_setting(name: str, profile: str) -> list[Problem]:
    """Say that a setting is not OpenAI's; other providers have settings of their own."""
    if profile not in ("openai", "azure", "local"):
        return []
    near = difflib.get_close_matches(name, _SETTINGS, 1)
    return [
        Problem(
            ERROR if near else WARNING,
            "unknown_hyperparameter",
            f"no hyperparameter is called {name}",
            f"did you mean {near[0]}?" if near else "the provider may refuse it",
        )
    ]


def _suffix(suffix: str | None, most: int) -> list[Problem]:
    if suffix is None:
        return []
    if not 1 <= len(suffix) <= most:
        return [
            Problem(
                ERROR,
                "bad_suffix",
                f"the suffix has {len(suffix)} characters",
                f"use 1 to {most}",
            )
        ]
    if not re.fullmatch(r"[A-Za-z0-9._-]+", suffix):
        return [
            Problem(
                WARNING,
                "odd_suffix",
                "the suffix holds characters other than letters, digits, '-', '_' and '.'",
                "the provider may change or refuse it",
            )
        ]
    return []


def _seed(seed: int | None) -> list[Problem]:
    if seed is None or 0 <= seed <= _MAX_SEED:
        return []
    return [Problem(ERROR, "bad_seed", f"the seed is {seed}", f"use 0 to {_MAX_SEED}")]


def _metadata(metadata: Mapping[str, str]) -> list[Problem]:
    found = []
    if len(metadata) > _MAX_PAIRS - 1:
        found.append(
            Problem(
                ERROR,
                "too_much_metadata",
                f"there are {len(metadata)} metadata pairs",
                f"use at most {_MAX_PAIRS - 1}: providers take {_MAX_PAIRS}, and one is tunedeck's",
            )
        )
    for key, value in metadata.items():
        if key == LAUNCH_KEY:
            text = f"the metadata key {key} is tunedeck's own"
            found.append(Problem(ERROR, "reserved_metadata", text, "name it otherwise", False))
        elif not 0 < len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            found.append(
                Problem(
                    ERROR,
                    "long_metadata",
                    f"the metadata pair {key[:20]!r} is too long",
                    f"use keys of 1 to {_MAX_KEY} and values of at most {_MAX_VALUE} characters",
                )
            )
    return found


def _integrations(request: LaunchRequest) -> list[Problem]:
    if len(request.integrations) <= _MAX_INTEGRATIONS:
        return []
    return [
        Problem(
            ERROR,
            "too_many_integrations",
            f"there are {len(request.integrations)} integrations",
            f"use at most {_MAX_INTEGRATIONS}",
        )
    ]


def _method(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    if request.method == "reinforcement":
        found += _reinforcement(request)
    elif request.grader is not None or request.response_format is not None:
        what = "a grader" if request.grader is not None else "a response format"
        found.append(
            Problem(
                ERROR,
                "bad_grader",
                f"{what} belongs to the reinforcement method",
                "add --method reinforcement, or leave it out",
            )
        )
    if profile in _SUPERVISED_ONLY and request.method != "supervised":
        found.append(
            Problem(
                ERROR,
                "method_not_supported",
                f"{_SUPERVISED_ONLY[profile]} does not train with {request.method}",
                "use --method supervised, or another provider",
            )
        )
    return found


def _reinforcement(request: LaunchRequest) -> list[Problem]:
    found = []
    if request.grader is None:
        found.append(
            Problem(
                ERROR,
                "grader_required",
                "a reinforcement job needs a grader",
                "add --grader FILE.json",
            )
        )
    else:
        found += grader_problems(request.grader)
    if request.validation is None and request.validation_id is None:
        found.append(
            Problem(
                ERROR,
                "validation_required",
                "a reinforcement job needs a validation file",
                "add --validation FILE",
            )
        )
    return found
