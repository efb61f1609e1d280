"""The limits providers put on a job's settings, so that they are said before anything is sent.

From OpenAI's published API schema and the documentation of Azure, Nebius and Crusoe; a provider
without a published limit gets none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui.jobs.models import LAUNCH_KEY, number_of
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem

_MAX_PAIRS = 16
_MAX_KEY, _MAX_VALUE = 64, 512
_MAX_SEED = 2**31 - 1
_SUFFIX_LIMITS = {"azure": 18}
_MAX_SUFFIX = 64
_EPOCHS = {"openai": (1, 50), "azure": (1, 50), "local": (1, 50), "nebius": (1, 20)}
_BATCHES = {"openai": (1, 256), "azure": (1, 256), "nebius": (1, 32), "crusoe": (16, 1024)}
_ANY = (1, 1_000_000)


def settings_problems(request: LaunchRequest, profile: str) -> list[Problem]:
    """Return what is wrong with the settings of a launch, files aside.

    Args:
        request: What is asked for.
        profile: The provider's rule profile, whose limits apply.
    """
    return [
        *_hyperparameters(request, profile),
        *_suffix(request.suffix, profile),
        *_seed(request.seed),
        *_metadata(request.metadata),
        *_method(request, profile),
    ]


def _hyperparameters(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    given = request.hyperparameters
    for name, words, (low, high) in (
        ("n_epochs", "epochs", _EPOCHS.get(profile, _ANY)),
        ("batch_size", "batch size", _BATCHES.get(profile, _ANY)),
    ):
        value = given.get(name, "auto")
        if value != "auto" and not (isinstance(value, int) and low <= value <= high):
            found.append(
                Problem(
                    ERROR,
                    f"bad_{name}",
                    f"{words} is {value}",
                    f"use {low} to {high}, or leave it out",
                )
            )
    for name, words, most in (
        ("learning_rate_multiplier", "learning rate multiplier", float("inf")),
        ("beta", "beta", 2.0),
    ):
        value = given.get(name, "auto")
        number = number_of(value)
        if value != "auto" and (number is None or not 0 < number <= most):
            limit = "above 0" if most == float("inf") else f"above 0 and at most {most:g}"
            found.append(
                Problem(ERROR, f"bad_{name}", f"{words} is {value}", f"use a number {limit}")
            )
    if "beta" in given and request.method != "dpo":
        found.append(
            Problem(ERROR, "bad_beta", "beta belongs to the dpo method", "add --method dpo")
        )
    return found


def _suffix(suffix: str | None, profile: str) -> list[Problem]:
    if suffix is None:
        return []
    most = _SUFFIX_LIMITS.get(profile, _MAX_SUFFIX)
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


def _method(request: LaunchRequest, profile: str) -> list[Problem]:
    found = []
    if request.method == "reinforcement":
        if request.grader is None:
            found.append(
                Problem(ERROR, "grader_required", "a reinforcement job needs a grader", "--grader")
            )
        if request.validation is None:
            found.append(
                Problem(
                    ERROR,
                    "validation_required",
                    "a reinforcement job needs a validation file",
                    "add --validation FILE",
                )
            )
    if profile == "local" and request.method != "supervised":
        found.append(
            Problem(
                ERROR,
                "method_not_supported",
                f"the built-in engine does not train with {request.method}",
                "use --method supervised, or another provider",
            )
        )
    return found
