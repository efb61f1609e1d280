"""How a job ends other than well, and what its automatic settings come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.service.store import TERMINAL, Store, now

BETA = 0.1
EVALUATIONS = 10


def settle(store: Store, job_id: str, status: str, error: Mapping[str, Any] | None = None) -> None:
    """Write that a job failed, was cancelled or was paused, with the event that says so."""
    messages = {
        "failed": (f"The job failed: {error['message']}" if error else "The job failed", "error"),
        "cancelled": ("Fine-tuning job cancelled", "info"),
        "paused": ("Fine-tuning job paused", "info"),
    }
    message, level = messages[status]
    with store.transaction():
        store.update_job(
            job_id,
            status=status,
            error=dict(error) if error else None,
            estimated_finish=None,
            engine_pid=None,
            finished_at=now() if status in TERMINAL else None,
            wanted=None,
        )
        store.add_event(job_id, message, level=level, data={"error": error} if error else None)


def resolve(settings: Mapping[str, Any], n_examples: int, multiplier: float) -> dict[str, Any]:
    """Return hyperparameters with every ``"auto"`` decided.

    Epochs follow the public rule, batches the old one of 0.2 % of the examples.

    Args:
        settings: The hyperparameters of the job's method.
        n_examples: Examples in the training file.
        multiplier: What the engine takes for an automatic learning rate multiplier.
    """
    from tui.pricing import automatic_epochs

    epochs, batch = settings["n_epochs"], settings["batch_size"]
    epochs = automatic_epochs(n_examples) if epochs == "auto" else epochs
    batch = max(1, min(256, round(0.002 * n_examples))) if batch == "auto" else batch
    steps = epochs * -(-n_examples // batch)
    automatic = {
        "n_epochs": epochs,
        "batch_size": batch,
        "learning_rate_multiplier": multiplier,
        "beta": BETA,
        "compute_multiplier": 1.0,
        "eval_interval": max(1, steps // EVALUATIONS),
        "eval_samples": 1,
    }
    return {name: automatic[name] if value == "auto" else value for name, value in settings.items()}
