"""Mistral: the same addresses, with bodies, statuses and pages of its own.

From the source of its published client; not tried against the live service. Files come as lists,
epochs are ``epochs``, a job needs ``auto_start``, statuses are in capitals, events and checkpoints
stand inside the job, and lists have pages by number. It keeps no metadata of ours, so a launch is
found again by its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tui.jobs.adapters.base import JOBS, Adapter, Rows
from tui.jobs.models import (
    LAUNCH_KEY,
    TERMINAL,
    Estimate,
    integer_of,
    mapping_of,
    status_of,
    strings_of,
    text_of,
)
from tui.jobs.transport import CallError, not_what_was_asked
from tui.loose import number_of

_PAGE = "page:"
_SETTINGS = {"n_epochs": "epochs"}
_REFUSED = {
    "seed": "a seed",
    "integrations": "integrations without a key of theirs",
}
_NOT_SETTINGS = {
    "batch_size": "a batch size",
    "learning_rate_multiplier": "a learning rate multiplier, only learning_rate",
    "beta": "beta",
}


class Mistral(Adapter):
    """Mistral."""

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return Mistral's body of a create.

        Raises:
            CallError: It asks for what Mistral does not have; nothing was sent.
        """
        method = mapping_of(request.get("method"))
        kind = text_of(method.get("type")) or "supervised"
        if kind != "supervised":
            raise self._without(f"the method {kind}")
        for name, words in _REFUSED.items():
            if request.get(name) is not None:
                raise self._without(words)
        if set(mapping_of(request.get("metadata"))) - {LAUNCH_KEY}:
            raise self._without("metadata")
        body: dict[str, Any] = {
            "model": request["model"],
            "training_files": [{"file_id": request["training_file"], "weight": 1}],
            "hyperparameters": self._settings(method, request),
            "auto_start": True,
        }
        if request.get("validation_file"):
            body["validation_files"] = [request["validation_file"]]
        if request.get("suffix"):
            body["suffix"] = request["suffix"]
        return body

    def _settings(self, method: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        own = mapping_of(mapping_of(method.get("supervised")).get("hyperparameters"))
        settings: dict[str, Any] = {}
        for name, value in (own or mapping_of(request.get("hyperparameters"))).items():
            if value == "auto":
                continue
            if name in _NOT_SETTINGS:
                raise self._without(_NOT_SETTINGS[name])
            settings[_SETTINGS.get(name, name)] = value
        return settings

    def _without(self, what: str) -> CallError:
        return CallError(
            f"{self.wire.config.name} takes no {what.removeprefix('a ')}",
            "leave it out, or use another provider",
            code="setting_not_supported",
        )

    def prompt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a chat body: the seed has another name."""
        sent = dict(body)
        if "seed" in sent:
            sent["random_seed"] = sent.pop("seed")
        # Asked for in OpenAI's way only; Mistral counts without being asked.
        sent.pop("stream_options", None)
        return sent

    def job(self, raw: Any) -> Any:
        """Return a job in OpenAI's shape; what Mistral calls metadata is its own."""
        if not isinstance(raw, Mapping):
            return raw
        settings = dict(mapping_of(raw.get("hyperparameters")))
        if "n_epochs" not in settings and settings.get("epochs") is not None:
            settings["n_epochs"] = settings["epochs"]
        status = status_of(raw.get("status"))
        job = {
            **raw,
            "hyperparameters": settings,
            "metadata": {},
            "mistral_metadata": raw.get("metadata"),
            "validation_file": next(iter(strings_of(raw.get("validation_files"))), None),
        }
        if status in TERMINAL and raw.get("finished_at") is None:
            job["finished_at"] = raw.get("modified_at")
        if status == "failed" and not raw.get("error"):
            job["error"] = {"code": None, "message": _why_failed(raw)}
        return job

    async def jobs(
        self,
        limit: int,
        after: str | None,
        metadata: Mapping[str, str] | None,  # noqa: ARG002 - Mistral keeps none
        attempts: int | None,
    ) -> Rows:
        """Return one page of jobs; the cursor is the number of the next page."""
        return await self._numbered(JOBS, limit, after, {}, "a list of jobs", attempts)

    async def files(self, limit: int, after: str | None, purpose: str | None) -> Rows:
        """Return one page of files."""
        query = {"purpose": purpose} if purpose else {}
        return await self._numbered("/files", limit, after, query, "a list of files", None)

    async def _numbered(
        self,
        path: str,
        limit: int,
        after: str | None,
        query: Mapping[str, Any],
        what: str,
        attempts: int | None,
    ) -> Rows:
        number = integer_of((after or "").removeprefix(_PAGE)) or 0
        sent = {"page": number, "page_size": limit, **query}
        answer = await self.wire.get(path, sent, attempts)
        rows = self.page(answer, what).rows
        total = integer_of(mapping_of(answer).get("total"))
        more = bool(rows) and total is not None and (number + 1) * limit < total
        return Rows(rows, more, f"{_PAGE}{number + 1}" if rows else None)

    async def _whole(self, job_id: str, attempts: int | None) -> Mapping[str, Any]:
        raw = await self.wire.get(f"{JOBS}/{job_id}", {}, attempts)
        if text_of(mapping_of(raw).get("id")) is None:
            raise not_what_was_asked("a job", self.wire.base_url)
        return mapping_of(raw)

    async def events(
        self,
        job_id: str,
        after: str | None,
        limit: int,  # noqa: ARG002 - they all come with the job
        attempts: int | None,
    ) -> Rows:
        """Return all events of a job and the metrics of its checkpoints, in one page."""
        if after is not None:
            return Rows([], False, None)
        raw = await self._whole(job_id, attempts)
        events = [_event(row) for row in map(mapping_of, _list(raw, "events")) if row]
        return Rows([*events, *_metric_events(raw)], False, None)

    async def metrics(self, job_id: str, attempts: int | None = None) -> list[Any]:
        """Return the metrics of a job's checkpoints, an event each."""
        return _metric_events(await self._whole(job_id, attempts))

    async def checkpoints(self, job_id: str) -> list[Any]:
        """Return the checkpoints of a job; Mistral gives them neither id nor name."""
        rows = map(mapping_of, _list(await self._whole(job_id, None), "checkpoints"))
        return [{"id": f"step-{row.get('step_number')}", **row} for row in rows if row]

    async def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """Ask for a dry run, which creates nothing and tells the price and the tokens.

        Should something between overlook that it is dry, the job is there but not started.
        """
        sent = {**self.body(body), "auto_start": False}
        answer = mapping_of(
            await self.wire.change("ask for a dry run", JOBS, sent, {"dry_run": "true"})
        )
        job_id = text_of(answer.get("id"))
        if job_id is not None:
            error = CallError(
                f"{self.wire.config.name} made a job of a dry run; it was not started",
                f"cancel it: tunedeck cancel {job_id}",
                code="dry_run_ignored",
            )
            error.details["job_id"] = job_id
            raise error
        return Estimate(
            number_of(answer.get("cost")),
            (text_of(answer.get("cost_currency")) or "USD").upper(),
            integer_of(answer.get("train_tokens")),
            answer,
        )


def _list(raw: Mapping[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    return value if isinstance(value, list) else []


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in OpenAI's shape, named by its content because it has no id."""
    data = mapping_of(row.get("data"))
    words = [text_of(row.get("name")) or "event"]
    words += [str(data[key]) for key in ("status", "message", "error") if text_of(data.get(key))]
    content = json.dumps(dict(row), sort_keys=True, default=str)
    failed = "error" in data or "FAILED" in str(data.get("status", "")).upper()
    return {
        "id": f"event-{hashlib.sha256(content.encode()).hexdigest()[:24]}",
        "created_at": row.get("created_at"),
        "level": "error" if failed else "info",
        "type": "message",
        "message": ": ".join(words),
        "data": dict(data),
    }


def _metric_events(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    total = integer_of(mapping_of(raw.get("hyperparameters")).get("training_steps"))
    found = []
    for row in map(mapping_of, _list(raw, "checkpoints")):
        step = integer_of(row.get("step_number"))
        values = {
            str(name): number
            for name, value in mapping_of(row.get("metrics")).items()
            if (number := number_of(value)) is not None
        }
        if step is None or not values:
            continue
        of = f"/{total}" if total else ""
        said = ", ".join(f"{name}={value:.4g}" for name, value in values.items())
        found.append(
            {
                "id": f"metric-{step}",
                "created_at": row.get("created_at"),
                "level": "info",
                "type": "metrics",
                "message": f"Step {step}{of}: {said}",
                "data": {"step": step, **values, **({"total_steps": total} if total else {})},
            }
        )
    return sorted(found, key=lambda event: event["data"]["step"])


def _why_failed(raw: Mapping[str, Any]) -> str | None:
    """Return the words of the last event that tells of an error."""
    for row in reversed(_list(raw, "events")):
        data = mapping_of(mapping_of(row).get("data"))
        words = text_of(data.get("error")) or text_of(data.get("message"))
        if words:
            return words
    return None
