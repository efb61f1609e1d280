"""Small servers on real sockets that speak as each provider does; no code of the program in them.

Shapes are those of the vendors' specifications, published clients and recorded answers.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handle = Callable[[Seen, "re.Match[str]"], Any]


class WireServer:
    """Answers what its routes know and says 404, in the words of ``missing``, to all else."""

    root = "/v1"
    missing: Any = {"detail": "Not Found"}

    def __init__(self, *keys: str) -> None:
        self.seen: list[Seen] = []
        self.routes: list[tuple[str, re.Pattern[str], Handle]] = []
        self.keys = set(keys)
        self.refuse: Callable[[Seen], Answer | None] = lambda seen: None
        self.build()

    def build(self) -> None:
        """Add the routes."""

    def on(self, method: str, path: str, handle: Handle | Any) -> None:
        """Answer a path below the root with a value or a function; the newest route wins."""
        found = handle if callable(handle) else lambda seen, match: handle
        self.routes.insert(0, (method, re.compile(self.root + path), found))

    def authorized(self, seen: Seen) -> bool:
        key = seen.headers.get("authorization", "").removeprefix("Bearer ")
        return not self.keys or key in self.keys

    def denied(self) -> Answer:
        error = {"message": "Incorrect API key provided", "code": "invalid_api_key"}
        return Answer({"error": error}, 401)

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        if not self.authorized(seen):
            return self.denied()
        refused = self.refuse(seen)
        if refused is not None:
            return refused
        for method, path, handle in self.routes:
            match = path.fullmatch(seen.path)
            if method == seen.method and match:
                made = handle(seen, match)
                return made if isinstance(made, Answer) else Answer(made)
        return Answer(self.missing, 404)

    def calls(self, method: str, path: str) -> list[Seen]:
        return [s for s in self.seen if s.method == method and re.fullmatch(path, s.path)]

    def __enter__(self) -> Any:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                size = int(self.headers.get("content-length") or 0)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(
                    self.command, unquote(parts.path), query, headers, self.rfile.read(size)
                )
                made = owner.answer(seen)
                body = made.body
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                self.send_response(made.status)
                for name, value in made.headers.items():
                    self.send_header(name, value)
                if "content-length" in made.headers:
                    # It promises more than it sends, and hangs up.
                    self.close_connection = True
                else:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.host = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        self.url = self.host + self.root
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


def page(rows: list[Any], **more: Any) -> dict[str, Any]:
    return {"object": "list", "data": rows, **more}


class OpenAIServer(WireServer):
    """OpenAI's own wire: what most others are made of."""

    def build(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, bytes] = {}
        self.on("GET", "/fine_tuning/jobs", lambda s, m: page(self.jobs[::-1], has_more=False))
        self.on("POST", "/fine_tuning/jobs", lambda s, m: self.create(s.body))
        self.on("GET", "/fine_tuning/jobs/([^/]+)", lambda s, m: self.job(m[1]))
        self.on("POST", "/fine_tuning/jobs/([^/]+)/cancel", lambda s, m: self.job(m[1]))
        self.on("GET", "/fine_tuning/jobs/[^/]+/events", lambda s, m: page(self.events[::-1]))
        self.on("GET", "/fine_tuning/jobs/[^/]+/checkpoints", lambda s, m: page(self.checkpoints))
        self.on("GET", "/models", lambda s, m: page([{"id": "gpt-4.1-mini", "object": "model"}]))
        self.on("DELETE", "/models/(.+)", lambda s, m: {"id": m[1], "deleted": True})
        self.on("GET", "/files", lambda s, m: page(list(self.files.values())))
        self.on("POST", "/files", lambda s, m: self.keep_file(len(s.raw)))
        self.on("DELETE", "/files/(.+)", lambda s, m: self.files.pop(m[1]) and {"deleted": True})

    def create(self, body: dict[str, Any]) -> Any:
        job = {
            "id": f"ftjob-{len(self.jobs) + 1}",
            "object": "fine_tuning.job",
            "created_at": int(time.time()),
            "status": "validating_files",
            "error": {},
            **body,
        }
        self.jobs.append(job)
        return job

    def job(self, job_id: str) -> Any:
        found = next((job for job in self.jobs if job["id"] == job_id), None)
        missing = {"error": {"message": f"Could not find {job_id}", "code": "fine_tune_not_found"}}
        return found or Answer(missing, 404)

    def keep_file(self, size: int) -> dict[str, Any]:
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = {
            "id": file_id,
            "bytes": size,
            "filename": "train.jsonl",
            "purpose": "fine-tune",
            "created_at": 1_700_000_000,
            "status": "processed",
        }
        return self.files[file_id]

    def with_uploads(self) -> None:
        """Take files in parts."""
        self.on("POST", "/uploads", lambda s, m: {"id": "upload_1", "expires_at": 1_900_000_000})
        self.on("POST", "/uploads/upload_1/parts", lambda s, m: self.part(s.raw))
        self.on("POST", "/uploads/upload_1/complete", lambda s, m: self.complete(s.body))
        self.on("POST", "/uploads/upload_1/cancel", {"id": "upload_1", "status": "cancelled"})

    def part(self, data: bytes) -> dict[str, Any]:
        part_id = f"part/{len(self.parts)}=="
        self.parts[part_id] = data
        return {"id": part_id, "upload_id": "upload_1"}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        size = sum(len(self.parts[one]) for one in body["part_ids"])
        return {"id": "upload_1", "status": "completed", "file": self.keep_file(size)}


class AzureServer(OpenAIServer):
    """An Azure resource; classic insists on ``api-version`` and the ``api-key`` header."""

    missing = {"error": {"code": "404", "message": "Resource not found"}}

    def __init__(self, classic: bool) -> None:
        self.classic = classic
        self.root = "/openai" if classic else "/openai/v1"
        super().__init__()

    def build(self) -> None:
        super().build()
        base = {
            "id": "gpt-4.1-mini-2025-04-14",
            "status": "succeeded",
            "capabilities": {"fine_tune": True, "inference": True},
            "lifecycle_status": "generally-available",
            "deprecation": {"fine_tune": 1_807_660_800, "inference": 1_823_385_600},
            "created_at": 1_744_588_800,
            "object": "model",
        }
        tuned = {
            **base,
            "id": "gpt-4.1-mini-2025-04-14.ft-72a2",
            "capabilities": {"fine_tune": False, "inference": True},
        }
        self.on("GET", "/models", lambda s, m: page([base, tuned]))
        self.on("POST", "/deployments/(.+)/chat/completions", self.chat)
        self.on("POST", "/chat/completions", self.chat)

    def authorized(self, seen: Seen) -> bool:
        bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.classic:
            return bearer in self.keys
        return seen.headers.get("api-key") in self.keys or bearer in self.keys

    def denied(self) -> Answer:
        words = "Access denied due to invalid subscription key or wrong API endpoint."
        return Answer({"error": {"code": "401", "message": words}}, 401)

    def answer(self, seen: Seen) -> Answer:
        made = super().answer(seen)
        if self.classic and "api-version" not in seen.query:
            return Answer(self.missing, 404)
        return made

    def create(self, body: dict[str, Any]) -> Any:
        if self.classic and body.get("method"):
            return Answer({"error": {"code": "invalidPayload", "message": "Unknown: method"}}, 400)
        made = super().create(body)
        made.update(id="ftjob-90ee01aa55", status="pending")
        return Answer(made, 201)

    def chat(self, seen: Seen, match: re.Match[str]) -> Any:
        name = match[1] if match.re.groups else seen.body["model"]
        if name != "my-deployment":
            words = "The API deployment for this resource does not exist."
            return Answer({"error": {"code": "DeploymentNotFound", "message": words}}, 404)
        return sse({"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]})


class NebiusServer(OpenAIServer):
    """Nebius refuses ``method`` and reads the settings at the top."""

    def create(self, body: dict[str, Any]) -> Any:
        if "method" in body:
            wrong = [{"loc": ["body", "method"], "msg": "Extra inputs are not permitted"}]
            return Answer({"detail": wrong}, 422)
        return super().create({**body, "trained_steps": 0, "total_steps": 30})


class CrusoeServer(OpenAIServer):
    """Crusoe: metrics and the price have addresses of their own."""

    def build(self) -> None:
        super().build()
        self.steps: list[tuple[float, float | None]] = []
        self.on("GET", "/fine_tuning/jobs/[^/]+/metrics", lambda s, m: self.metrics())
        self.on("POST", "/fine_tuning/jobs/estimate_price", lambda s, m: self.price(s.body))

    def price(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["method"]["supervised"]["hyperparameters"]
        return {"object": "estimate", "estimated_price": "1.25", "total_tokens": 120_000}

    def metrics(self) -> dict[str, Any]:
        losses = [{"value": train} for train, _ in self.steps]
        evals = [
            {"value": value, "step": step + 1}
            for step, (_, value) in enumerate(self.steps)
            if value is not None
        ]
        count = len(self.steps)
        return {
            "metrics": [
                {"metric_name": "ev_loss", "data": losses},
                {"metric_name": "ev_eval_loss", "data": evals},
                {"metric_name": "ev_current_step", "data": [{"y": n + 1} for n in range(count)]},
                {"metric_name": "ev_total_steps", "data": [{"value": 40}] if count else []},
            ]
        }


class MistralServer(WireServer):
    """Mistral: its own bodies, statuses and pages; events and checkpoints inside the job."""

    def build(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.on("GET", "/fine_tuning/jobs", lambda s, m: self.numbered(self.jobs[::-1], s))
        self.on("POST", "/fine_tuning/jobs", lambda s, m: self.create(s))
        self.on("GET", "/fine_tuning/jobs/([^/]+)", lambda s, m: self.job(m[1]))
        self.on("POST", "/fine_tuning/jobs/([^/]+)/cancel", lambda s, m: self.cancel(m[1]))
        self.on("GET", "/models", lambda s, m: page([MISTRAL_MODEL]))
        self.on("GET", "/files", lambda s, m: self.numbered([MISTRAL_FILE], s))
        self.on("POST", "/chat/completions", lambda s, m: self.chat(s.body))

    def denied(self) -> Answer:
        return Answer({"message": "Unauthorized", "request_id": "1"}, 401)

    def numbered(self, rows: list[Any], seen: Seen) -> dict[str, Any]:
        number, size = int(seen.query["page"]), int(seen.query["page_size"])
        assert "limit" not in seen.query
        some = rows[number * size : (number + 1) * size]
        return page([_without_details(row) for row in some], total=len(rows))

    def create(self, seen: Seen) -> Any:
        allowed = {
            "model",
            "training_files",
            "validation_files",
            "suffix",
            "hyperparameters",
            "auto_start",
        }
        body = seen.body
        wrong = sorted(set(body) - allowed)
        if wrong or not isinstance(body.get("training_files"), list):
            return Answer({"detail": [{"loc": ["body", *wrong], "msg": "extra_forbidden"}]}, 422)
        if seen.query.get("dry_run") == "true":
            return {
                "object": "job.metadata",
                "train_tokens_per_step": 131_072,
                "train_tokens": 1_310_720,
                "cost": 4.5,
                "cost_currency": "EUR",
            }
        job = {
            "id": f"52f77a52-{len(self.jobs)}",
            "object": "job",
            "job_type": "completion",
            "auto_start": body["auto_start"],
            "model": body["model"],
            "status": "QUEUED",
            "created_at": int(time.time()),
            "modified_at": int(time.time()),
            "training_files": [one["file_id"] for one in body["training_files"]],
            "validation_files": body.get("validation_files", []),
            "hyperparameters": {"training_steps": 10, **body["hyperparameters"]},
            "suffix": body.get("suffix"),
            "fine_tuned_model": None,
            "metadata": {"cost": 4.5, "cost_currency": "EUR"},
            "events": [{"name": "status-updated", "created_at": 1_700_000_000, "data": None}],
            "checkpoints": [],
        }
        self.jobs.append(job)
        return job

    def job(self, job_id: str) -> Any:
        found = next((job for job in self.jobs if job["id"] == job_id), None)
        return found or Answer({"detail": "Job not found: " + job_id}, 404)

    def cancel(self, job_id: str) -> Any:
        self.job(job_id)["status"] = "CANCELLATION_REQUESTED"
        return self.job(job_id)

    def chat(self, body: dict[str, Any]) -> Any:
        assert "seed" not in body
        text = f"seed {body.get('random_seed')}"
        return sse({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]})


MISTRAL_MODEL = {
    "id": "open-mistral-7b",
    "capabilities": {"fine_tuning": True},
    "created": 1_700_000_000,
    "deprecation": "2026-12-01T00:00:00Z",
}
MISTRAL_FILE = {
    "id": "f1",
    "size_bytes": 5,
    "bytes": 5,
    "filename": "a.jsonl",
    "purpose": "fine-tune",
}


def _without_details(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("events", "checkpoints")}


def sse(*chunks: Any, end: bool = True) -> Answer:
    lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    body = lines + ("data: [DONE]\n\n" if end else "")
    return Answer(body.encode(), headers={"content-type": "text/event-stream"})
