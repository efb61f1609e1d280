"""What a provider tells us, read leniently: missing fields, odd types and extra fields are normal.

Nothing here raises on a strange value: a field that cannot be read becomes ``None`` (or empty), and
``raw`` keeps what was sent. Shapes follow OpenAI's API reference and recorded answers of OpenAI,
Azure, Nebius and Mistral.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from tui.loose import moment_of, number_of

LAUNCH_KEY = "tunedeck_launch"
TERMINAL = frozenset({"succeeded", "failed", "cancelled"})

# Other words for the same states, as Mistral and some gateways use them.
_STATUSES = {
    "success": "succeeded",
    "completed": "succeeded",
    "failed_validation": "failed",
    "error": "failed",
    "canceled": "cancelled",
    "started": "running",
    "validating": "validating_files",
    "cancellation_requested": "cancelling",
    # Mistral's word for a job whose files are read and which waits for its turn.
    "validated": "queued",
    # Older words of OpenAI and Azure for a job that has not begun.
    "created": "queued",
    "pending": "queued",
    "notrunning": "queued",
}
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def text_of(value: object) -> str | None:
    """Return a non-empty string, else ``None``."""
    return value if isinstance(value, str) and value else None


def integer_of(value: object) -> int | None:
    """Return a whole number, also from ``100.0`` and ``"100"``; anything else is ``None``."""
    number = number_of(value)
    if number is None or not math.isfinite(number) or number != int(number):
        return None
    return int(number)


def time_of(value: object) -> int | None:
    """Return whole seconds since 1970 (see `moment_of`), else ``None``; 0 counts as unknown."""
    found = moment_of(value)
    return int(found) if found is not None and found >= 1 else None


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return a mapping, or an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else _EMPTY


def strings_of(value: object) -> tuple[str, ...]:
    """Return the non-empty strings of a list, or nothing."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return ()
    return tuple(item for item in value if isinstance(item, str) and item)


def status_of(value: object) -> str:
    """Return a job status in OpenAI's words; unknown words are kept, nothing is ``unknown``."""
    word = (text_of(value) or "unknown").strip().lower()
    return _STATUSES.get(word, word)


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tuning job as the provider describes it.

    Attributes:
        id: The provider's id.
        provider: The name of the provider, as in the settings.
        status: In OpenAI's words; see :func:`status_of`.
        model: The model being tuned; empty when not told.
        created_at: Seconds since 1970, or ``None``.
        finished_at: Seconds since 1970, or ``None``.
        estimated_finish: Seconds since 1970, or ``None``.
        fine_tuned_model: The result, once there is one.
        trained_tokens: Billable tokens, once known.
        error_code: ``None`` on healthy jobs, whatever shape their ``error`` has.
        error_message: The provider's words.
        hyperparameters: Of the method if given there, else the job's own; values may be ``"auto"``.
        method: ``supervised``, ``dpo``, ``reinforcement``, or what the provider says.
        training_file: File id.
        validation_file: File id, or ``None``.
        result_files: File ids.
        metadata: Key-value pairs attached to the job.
        suffix: The part of the tuned model's name that was asked for.
        seed: The training seed.
        raw: The object as sent.
    """

    id: str
    provider: str
    status: str
    model: str = ""
    created_at: int | None = None
    finished_at: int | None = None
    estimated_finish: int | None = None
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    method: str = "supervised"
    training_file: str | None = None
    validation_file: str | None = None
    result_files: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def terminal(self) -> bool:
        """Whether the job has ended, one way or another."""
        return self.status in TERMINAL

    @classmethod
    def from_wire(cls, data: object, provider: str) -> Job | None:
        """Read a job object; ``None`` when it is not one (no id)."""
        raw = mapping_of(data)
        job_id = text_of(raw.get("id"))
        if job_id is None:
            return None
        code, message = _error_of(raw.get("error"))
        method, hyperparameters = _method_of(raw)
        return cls(
            id=job_id,
            provider=provider,
            status=status_of(raw.get("status")),
            model=text_of(raw.get("model")) or "",
            created_at=time_of(raw.get("created_at")),
            finished_at=time_of(raw.get("finished_at")),
            estimated_finish=time_of(raw.get("estimated_finish")),
            fine_tuned_model=text_of(raw.get("fine_tuned_model")),
            trained_tokens=integer_of(raw.get("trained_tokens")),
            error_code=code,
            error_message=message,
            hyperparameters=hyperparameters,
            method=method,
            training_file=_training_file(raw),
            validation_file=text_of(raw.get("validation_file")),
            result_files=strings_of(raw.get("result_files")),
            metadata={
                key: value
                for key, value in mapping_of(raw.get("metadata")).items()
                if isinstance(value, str)
            },
            suffix=text_of(raw.get("user_provided_suffix")) or text_of(raw.get("suffix")),
            seed=integer_of(raw.get("seed")),
            raw=raw,
        )


def _error_of(value: object) -> tuple[str | None, str | None]:
    """Return code and message; ``{}``, all-null objects and ``None`` mean no error."""
    if isinstance(value, str):
        return (None, value) if value else (None, None)
    error = mapping_of(value)
    inner = error.get("error")
    if isinstance(inner, (str, Mapping)) and not error.get("message"):
        return _error_of(inner)
    return text_of(error.get("code")), text_of(error.get("message"))


def _method_of(raw: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    method = mapping_of(raw.get("method"))
    kind = text_of(method.get("type")) or text_of(raw.get("method")) or "supervised"
    own = mapping_of(mapping_of(method.get(kind)).get("hyperparameters"))
    return kind, own or mapping_of(raw.get("hyperparameters"))


def _training_file(raw: Mapping[str, Any]) -> str | None:
    return text_of(raw.get("training_file")) or next(
        iter(strings_of(raw.get("training_files"))), None
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history.

    Attributes:
        id: The provider's id, or one made from the content where it sends none.
        created_at: Seconds since 1970; ``None`` when not told.
        level: ``info``, ``warn`` or ``error``, or the provider's word.
        message: The provider's words; never trusted, clean before showing.
        type: ``message``, ``metrics``, ``moderation_checks``, …
        data: The ``data`` object, ``None`` where there is none.
    """

    id: str
    created_at: int | None
    level: str
    message: str
    type: str
    data: Mapping[str, Any] | None

    @classmethod
    def from_wire(cls, data: object) -> Event | None:
        """Read an event object; ``None`` when it holds nothing at all."""
        raw = mapping_of(data)
        if not raw:
            return None
        created = time_of(raw.get("created_at"))
        message = raw.get("message")
        details = raw.get("data")
        own = raw.get("id")
        return cls(
            id=text_of(own) or (str(own) if isinstance(own, int) else _content_id(raw)),
            created_at=created,
            level=_level(raw.get("level")),
            message=message if isinstance(message, str) else "",
            type=text_of(raw.get("type")) or "message",
            data=details if isinstance(details, Mapping) and details else None,
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the object :meth:`from_wire` reads back to an equal event."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "level": self.level,
            "message": self.message,
            "type": self.type,
            "data": dict(self.data) if self.data is not None else None,
        }


def _level(value: object) -> str:
    """Return a level in OpenAI's words; Azure writes ``Info``."""
    word = (text_of(value) or "info").lower()
    return "warn" if word == "warning" else word


def _content_id(raw: Mapping[str, Any]) -> str:
    """Name an event without an id by its content, so that the next poll knows it again."""
    content = json.dumps(raw, sort_keys=True, default=str)
    return f"content-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """The metrics of one training step.

    Attributes:
        id: The id of the event it came from.
        created_at: Seconds since 1970; ``None`` when not told.
        step: The training step, counted from 1 by most providers.
        total_steps: All steps of the run, where the provider says so.
        values: Metric name to value, nested names joined with dots; NaN and infinities occur.
    """

    id: str
    created_at: int | None
    step: int
    total_steps: int | None
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that the provider kept.

    Attributes:
        id: The provider's id.
        step: Where in training it was taken.
        model: A name that can be used or trained on.
        created_at: Seconds since 1970, or ``None``.
        metrics: As in :class:`MetricPoint`.
    """

    id: str
    step: int | None
    model: str | None
    created_at: int | None
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model the provider offers to this key.

    Attributes:
        id: Its name.
        owned_by: Who made it, as the provider says.
        created_at: Seconds since 1970, or ``None``.
        shutdown_date: ``YYYY-MM-DD`` when the provider has announced an end.
        trainable: Whether it can be tuned, where the provider says so.
    """

    id: str
    owned_by: str
    created_at: int | None
    shutdown_date: str | None
    trainable: bool | None = None

    @classmethod
    def from_wire(cls, data: object) -> ModelEntry | None:
        """Read a model object of OpenAI, Azure or Mistral; ``None`` when it has no id."""
        raw = mapping_of(data)
        name = text_of(raw.get("id"))
        if name is None:
            return None
        able = mapping_of(raw.get("capabilities"))
        trainable = able.get("fine_tune", able.get("fine_tuning"))
        created = raw.get("created") if raw.get("created") is not None else raw.get("created_at")
        return cls(
            name,
            text_of(raw.get("owned_by")) or "",
            time_of(created),
            text_of(raw.get("shutdown_date")) or _end_of(raw.get("deprecation")),
            trainable if isinstance(trainable, bool) else None,
        )

    @property
    def tuned(self) -> bool:
        """Whether this is the result of a fine-tuning job rather than a base model."""
        return self.id.startswith("ft:") or ".ft-" in self.id


def _end_of(deprecation: object) -> str | None:
    """Return the day a model stops to answer: Azure names it inside, Mistral plainly."""
    inner = mapping_of(deprecation)
    when = time_of(inner.get("inference") if inner else deprecation)
    return datetime.fromtimestamp(when, UTC).date().isoformat() if when else None


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a provider's job list.

    Attributes:
        jobs: The jobs on it that could be read.
        has_more: Whether the provider says there are older ones.
        last_id: The cursor of the next page; ``None`` on an empty page.
    """

    jobs: tuple[Job, ...]
    has_more: bool
    last_id: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of a job's events, in the order the provider sent them.

    Attributes:
        events: The events on it that could be read.
        has_more: Whether the provider says there are more.
        last_id: The cursor of the next page; ``None`` when the last event has no id of its own.
    """

    events: tuple[Event, ...]
    has_more: bool
    last_id: str | None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file kept at the provider.

    Attributes:
        id: Its id.
        name: Its name as it was uploaded; never trusted, clean before showing.
        bytes: Its size, or ``None``.
        purpose: ``fine-tune``, ``fine-tune-results``, …
        created_at: Seconds since 1970, or ``None``.
        status: ``processed``, ``error``, … or empty; providers differ.
    """

    id: str
    name: str
    bytes: int | None
    purpose: str
    created_at: int | None
    status: str

    @classmethod
    def from_wire(cls, data: object) -> FileEntry | None:
        """Read a file object; ``None`` when it is not one (no id)."""
        raw = mapping_of(data)
        file_id = text_of(raw.get("id"))
        if file_id is None:
            return None
        size = raw.get("bytes") if raw.get("bytes") is not None else raw.get("size_bytes")
        return cls(
            file_id,
            text_of(raw.get("filename")) or "",
            integer_of(size),
            text_of(raw.get("purpose")) or "",
            time_of(raw.get("created_at")),
            text_of(raw.get("status")) or "",
        )


@dataclass(frozen=True, slots=True)
class FilePage:
    """One page of a provider's files.

    Attributes:
        files: The files on it that could be read.
        has_more: Whether the provider says there are more.
        last_id: The cursor of the next page; ``None`` on an empty page.
    """

    files: tuple[FileEntry, ...]
    has_more: bool
    last_id: str | None


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """An upload in parts that was begun.

    Attributes:
        id: Its id.
        expires_at: Seconds since 1970 by which it must be complete, or ``None``.
    """

    id: str
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A provider's own estimate of what a job will cost.

    Attributes:
        price: In ``currency``; ``None`` when the answer names none.
        currency: ``USD`` unless the provider says otherwise.
        tokens: What it would bill, or ``None``.
        raw: The answer as sent.
    """

    price: float | None
    currency: str
    tokens: int | None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChatEnd:
    """How an answer to a prompt ended.

    Attributes:
        reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, … or empty.
        prompt_tokens: As the provider counts them, or ``None``.
        completion_tokens: As the provider counts them, or ``None``.
    """

    reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
