"""What a person asks to launch, and what can be found wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for.

    Attributes:
        file: The training file.
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


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stands in the way, or that one should know.

    Attributes:
        severity: ``error`` or ``warning``.
        code: A stable word.
        message: What is wrong.
        hint: What to do.
        forceable: Whether ``--force`` lifts it; limits on cost are never lifted.
    """

    severity: str
    code: str
    message: str
    hint: str = ""
    forceable: bool = True

    def to_json(self) -> dict[str, str]:
        """Return the object that ``--json`` prints."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }
