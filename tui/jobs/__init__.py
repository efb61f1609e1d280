"""Launch, follow, cancel and finish fine-tuning jobs, on any provider that speaks the OpenAI wire.

Names are resolved on first use (PEP 562), so that importing the package costs nothing and reaches
neither ``openai`` nor ``sqlite3``. No module here may have the name of an exported function:
importing it would put the module in the function's place.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.jobs.bills import Bill, BilledRatio
    from tui.jobs.cancel import CancelOutcome, cancel_job
    from tui.jobs.launcher import LaunchResult, Upload, launch
    from tui.jobs.ledger import Ledger, open_ledger
    from tui.jobs.metrics import flatten, point_of
    from tui.jobs.models import (
        LAUNCH_KEY,
        Checkpoint,
        Event,
        Job,
        JobPage,
        MetricPoint,
        ModelEntry,
    )
    from tui.jobs.precheck import Preflight, preflight
    from tui.jobs.provider import Provider, open_provider
    from tui.jobs.recovery import Reconciled, reconcile
    from tui.jobs.request import LaunchRequest, Problem
    from tui.jobs.results import (
        MAIN_METRICS,
        ResultsTable,
        best_checkpoint,
        common_name,
        decode_results,
        fetch_results,
        results_of_events,
        sorted_checkpoints,
    )
    from tui.jobs.rows import JobRow, LaunchRow, LaunchState, Progress
    from tui.jobs.sampling import (
        Answer,
        AnswerState,
        SampledModel,
        SamplePrompt,
        SampleSettings,
        Sampling,
        Score,
        is_exact,
        request_key,
        score,
        similarity,
    )
    from tui.jobs.transport import CallError
    from tui.jobs.watcher import Update, Watcher

_HOMES = {
    "bills": ("Bill", "BilledRatio"),
    "cancel": ("CancelOutcome", "cancel_job"),
    "launcher": ("LaunchResult", "Upload", "launch"),
    "ledger": ("Ledger", "open_ledger"),
    "metrics": ("flatten", "point_of"),
    "models": (
        "LAUNCH_KEY",
        "Checkpoint",
        "Event",
        "Job",
        "JobPage",
        "MetricPoint",
        "ModelEntry",
    ),
    "precheck": ("Preflight", "preflight"),
    "provider": ("Provider", "open_provider"),
    "recovery": ("Reconciled", "reconcile"),
    "request": ("LaunchRequest", "Problem"),
    "results": (
        "MAIN_METRICS",
        "ResultsTable",
        "best_checkpoint",
        "common_name",
        "decode_results",
        "fetch_results",
        "results_of_events",
        "sorted_checkpoints",
    ),
    "rows": ("JobRow", "LaunchRow", "LaunchState", "Progress"),
    "sampling": (
        "Answer",
        "AnswerState",
        "SamplePrompt",
        "SampleSettings",
        "SampledModel",
        "Sampling",
        "Score",
        "is_exact",
        "request_key",
        "score",
        "similarity",
    ),
    "transport": ("CallError",),
    "watcher": ("Update", "Watcher"),
}
_NAMES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LAUNCH_KEY",
    "MAIN_METRICS",
    "Answer",
    "AnswerState",
    "Bill",
    "BilledRatio",
    "CallError",
    "CancelOutcome",
    "Checkpoint",
    "Event",
    "Job",
    "JobPage",
    "JobRow",
    "LaunchRequest",
    "LaunchResult",
    "LaunchRow",
    "LaunchState",
    "Ledger",
    "MetricPoint",
    "ModelEntry",
    "Preflight",
    "Problem",
    "Progress",
    "Provider",
    "Reconciled",
    "ResultsTable",
    "SamplePrompt",
    "SampleSettings",
    "SampledModel",
    "Sampling",
    "Score",
    "Update",
    "Upload",
    "Watcher",
    "best_checkpoint",
    "cancel_job",
    "common_name",
    "decode_results",
    "fetch_results",
    "flatten",
    "is_exact",
    "launch",
    "open_ledger",
    "open_provider",
    "point_of",
    "preflight",
    "reconcile",
    "request_key",
    "results_of_events",
    "score",
    "similarity",
    "sorted_checkpoints",
]


def __getattr__(name: str) -> Any:
    """Return an exported name, importing its module the first time."""
    module = _NAMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
