"""What a person asks to launch, and what can be found wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ERROR, WARNING = "error", "warning"
METHODS = ("supervised", "dpo", "reinforcement")


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for.

    Attributes:
        file: The training file; only the name it had, where ``file_id`` stands for it.
        model: The model to tune.
        validation: The validation file, if any.
        method: ``supervised``, ``dpo`` or ``reinforcement``.
        hyperparameters: As the API names them; what is left out is the provider's choice.
        suffix: A part of the tuned model's name.
        seed: Makes the training repeatable where the provider honours it.
        metadata: Pairs of the person's own.
        max_cost: In US dollars; a higher or unknown price refuses the launch.
        force: Launch in spite of errors that are not about cost.
        grader: The grader of a reinforcement job, as the API shapes it.
        integrations: Where the provider shall send metrics too, as the API shapes them.
        response_format: The answers' format in a reinforcement job, as the API shapes it.
        file_id: The training file at the provider, when this machine has no copy of it.
        validation_id: The validation file at the provider, likewise.
    """

    file: Path
    model: str
    validation: Path | None = None
    method: str = "supervised"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_cost: float | None = None
    force: bool = False
    grader: Mapping[str, Any] | None = None
    integrations: tuple[Mapping[str, Any], ...] = ()
    response_format: Mapping[str, Any] | None = None
    file_id: str | None = None
    validation_id: str | None = None

    def recipe(self) -> dict[str, Any]:
        """Return all of it as JSON values, from which :meth:`from_recipe` makes it again."""
        return {
            "file": str(self.file.absolute()) if self.file_id is None else str(self.file),
            "model": self.model,
            "validation": str(self.validation.absolute()) if self.validation else None,
            "method": self.method,
            "hyperparameters": dict(self.hyperparameters),
            "suffix": self.suffix,
            "seed": self.seed,
            "metadata": dict(self.metadata),
            "max_cost": self.max_cost,
            "force": self.force,
            "grader": dict(self.grader) if self.grader is not None else None,
            "integrations": [dict(one) for one in self.integrations],
            "response_format": dict(self.response_format) if self.response_format else None,
            "file_id": self.file_id,
            "validation_id": self.validation_id,
        }

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> LaunchRequest | None:
        """Return the request of a recipe; ``None`` when it holds none (an older ledger)."""
        if not recipe.get("file") or not recipe.get("model"):
            return None
        known = {name: recipe[name] for name in cls.__slots__ if name in recipe}
        validation = known.get("validation")
        known["file"] = Path(known["file"])
        known["validation"] = Path(validation) if validation else None
        known["integrations"] = tuple(known.get("integrations") or ())
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stands in the way, or that one should know.

    Attributes:
        severity: ``error`` or ``warning``.
        code: A stable word.
        message: What is wrong.
        hint: What to do.
        forceable: Whether ``--force`` lifts it; limits on cost are never lifted.
        by_provider: The provider refused, or could not be asked, as it would any other command.
    """

    severity: str
    code: str
    message: str
    hint: str = ""
    forceable: bool = True
    by_provider: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the object that ``--json`` prints."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


def integration_of(text: str) -> dict[str, Any]:
    """Read an integration such as ``wandb:PROJECT:entity=TEAM:name=RUN:tag=A``.

    Raises:
        ValueError: It is not one; the text says how to write it.
    """
    kind, _, rest = text.strip().partition(":")
    parts = rest.split(":") if rest else []
    if kind != "wandb" or not parts or not parts[0] or "=" in parts[0]:
        raise ValueError("write wandb:PROJECT, and after it :entity=…, :name=… or :tag=…")
    found: dict[str, Any] = {"project": parts[0]}
    for part in parts[1:]:
        key, equals, value = part.partition("=")
        if not equals or not value or key not in ("entity", "name", "tag"):
            raise ValueError(f"{part!r} is none of entity=…, name=… and tag=…")
        if key == "tag":
            found.setdefault("tags", []).append(value)
        else:
            found[key] = value
    return {"type": "wandb", "wandb": found}


def integration_text(one: Mapping[str, Any]) -> str:
    """Return an integration as :func:`integration_of` reads it."""
    kind = str(one.get("type", ""))
    about = one.get(kind)
    if not isinstance(about, Mapping):
        return kind
    more = [f"{key}={about[key]}" for key in ("entity", "name") if about.get(key)]
    more += [f"tag={tag}" for tag in about.get("tags") or ()]
    return ":".join([kind, str(about.get("project", "")), *more])


def setting_of(text: str) -> tuple[str, Any]:
    """Read a hyperparameter ``K=V``: numbers, true and false as such, ``auto`` as ``None``.

    Raises:
        ValueError: It is not a pair.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key or not value:
        raise ValueError(f"{text!r} is not a pair: write NAME=VALUE")
    if value.lower() == "auto":
        return key, None
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


def method_of(text: str) -> str:
    """Return the API's name of a method; ``preference`` is what ``dpo`` learns from.

    Raises:
        ValueError: There is no such method.
    """
    word = {"preference": "dpo", "sft": "supervised", "rft": "reinforcement"}.get(text, text)
    if word not in METHODS:
        raise ValueError(f"use one of {', '.join(METHODS)}")
    return word
