"""Launch, follow, cancel and finish fine-tuning jobs, on any provider that speaks the OpenAI wire.

Names are resolved on first use (PEP 562), so that importing the package costs nothing and reaches
neither ``openai`` nor ``sqlite3``. No module here may have the name of an exported function:
importing it would put the module in the function's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.jobs.again import Relaunch, relaunch
    from tui.jobs.asking import ask_provider
    from tui.jobs.bills import Bill, BilledRatio
    from tui.jobs.cancel import CancelOutcome, cancel_job
    from tui.jobs.columns import NONE, PointColumns
    from tui.jobs.kept_rules import KeptRule
    from tui.jobs.late_names import is_still_unnamed
    from tui.jobs.launcher import LaunchResult, launch, read_only_refusal
    from tui.jobs.ledger import Ledger, open_ledger
    from tui.jobs.leftover import (
        Standing,
        clear_launch,
        clear_unasked,
        find_launch,
        leftovers,
        request_of,
        standing,
        what_is_left,
    )
    from tui.jobs.metrics import flatten, point_of
    from tui.jobs.models import (
        LAUNCH_KEY,
        ChatEnd,
        Checkpoint,
        Estimate,
        Event,
        FileEntry,
        FilePage,
        Job,
        JobPage,
        MetricPoint,
        ModelEntry,
        UploadTicket,
    )
    from tui.jobs.precheck import Preflight, preflight
    from tui.jobs.probe import Probed, abilities_of, probe_provider
    from tui.jobs.provider import Provider, open_provider
    from tui.jobs.recovery import Reconciled, acknowledge, reconcile
    from tui.jobs.request import (
        METHODS,
        LaunchRequest,
        Problem,
        integration_of,
        integration_text,
        method_of,
        setting_of,
    )
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
    from tui.jobs.sending import Upload
    from tui.jobs.transport import CallError
    from tui.jobs.update import Update
    from tui.jobs.watcher import Watcher

_HOMES = {
    "abilities": ("Abilities",),
    "bills": ("Bill", "BilledRatio"),
    "columns": ("NONE", "PointColumns"),
    "cancel": ("CancelOutcome", "cancel_job"),
    "asking": ("ask_provider",),
    "leftover": (
        "Standing",
        "clear_launch",
        "clear_unasked",
        "find_launch",
        "leftovers",
        "request_of",
        "standing",
        "what_is_left",
    ),
    "again": ("Relaunch", "relaunch"),
    "launcher": ("LaunchResult", "launch", "read_only_refusal"),
    "sending": ("Upload",),
    "kept_rules": ("KeptRule",),
    "ledger": ("Ledger", "open_ledger"),
    "metrics": ("flatten", "point_of"),
    "models": (
        "LAUNCH_KEY",
        "ChatEnd",
        "Checkpoint",
        "Estimate",
        "Event",
        "FileEntry",
        "FilePage",
        "Job",
        "JobPage",
        "MetricPoint",
        "ModelEntry",
        "UploadTicket",
    ),
    "precheck": ("Preflight", "preflight"),
    "probe": ("Probed", "abilities_of", "probe_provider"),
    "provider": ("Provider", "open_provider"),
    "recovery": ("Reconciled", "acknowledge", "reconcile"),
    "request": (
        "METHODS",
        "LaunchRequest",
        "Problem",
        "integration_of",
        "integration_text",
        "method_of",
        "setting_of",
    ),
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
    "late_names": ("is_still_unnamed",),
    "update": ("Update",),
    "watcher": ("Watcher",),
}
_NAMES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LAUNCH_KEY",
    "MAIN_METRICS",
    "METHODS",
    "NONE",
    "Abilities",
    "Answer",
    "AnswerState",
    "Bill",
    "BilledRatio",
    "CallError",
    "CancelOutcome",
    "ChatEnd",
    "Checkpoint",
    "Estimate",
    "Event",
    "FileEntry",
    "FilePage",
    "Job",
    "JobPage",
    "JobRow",
    "KeptRule",
    "LaunchRequest",
    "LaunchResult",
    "LaunchRow",
    "LaunchState",
    "Ledger",
    "MetricPoint",
    "ModelEntry",
    "PointColumns",
    "Preflight",
    "Probed",
    "Problem",
    "Progress",
    "Provider",
    "Reconciled",
    "Relaunch",
    "ResultsTable",
    "SamplePrompt",
    "SampleSettings",
    "SampledModel",
    "Sampling",
    "Score",
    "Standing",
    "Update",
    "Upload",
    "UploadTicket",
    "Watcher",
    "abilities_of",
    "acknowledge",
    "ask_provider",
    "best_checkpoint",
    "cancel_job",
    "clear_launch",
    "clear_unasked",
    "common_name",
    "decode_results",
    "fetch_results",
    "find_launch",
    "flatten",
    "integration_of",
    "integration_text",
    "is_exact",
    "is_still_unnamed",
    "launch",
    "leftovers",
    "method_of",
    "open_ledger",
    "open_provider",
    "point_of",
    "preflight",
    "probe_provider",
    "read_only_refusal",
    "reconcile",
    "relaunch",
    "request_key",
    "request_of",
    "results_of_events",
    "score",
    "setting_of",
    "similarity",
    "sorted_checkpoints",
    "standing",
    "what_is_left",
]

__getattr__ = exports(__name__, _NAMES)
