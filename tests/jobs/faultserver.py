"""A small fine-tuning server on a real socket that misbehaves on request.

It shares no code with the program. Jobs, events and files live in memory; ``fault`` makes the next
requests that match go wrong in a given way, after the work was done or before.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "test-key-1234567890"


@dataclass
class Fault:
    """What goes wrong: ``lose`` and ``cut`` do the work first, the others do not."""

    method: str
    path: re.Pattern[str]
    action: str
    times: int
    status: int = 500
    retry_after: str | None = None
    body: bytes = b""
    hook: Callable[[], None] = lambda: None


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    headers: dict[str, str]


@dataclass
class FaultServer:
    """The server; a context manager that listens on a free port of the loopback."""

    order: str = "newest"  # newest, oldest, shuffled
    ignore_filter: bool = False
    oldest_job_first: bool = False
    forget_metadata: bool = False
    ignore_after: bool = False
    has_more: bool = True
    bare_array: bool = False
    page_limit: int = 100
    jobs: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[str, bytes]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    on_retrieve: Callable[[dict[str, Any]], None] = lambda job: None
    on_events: Callable[[str, str | None], None] = lambda job_id, after: None
    on_list: Callable[[dict[str, Any]], None] = lambda query: None
    on_cancel: Callable[[dict[str, Any]], None] = lambda job: job.update(status="cancelled")

    def __enter__(self) -> FaultServer:
        owner = self

        class Handler(_Handler):
            server_state = owner

        self.lock = threading.RLock()
        self.ending = threading.Event()
        self.random = random.Random(7)
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/v1"
        # A short poll keeps the end of a test short too.
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.httpd.shutdown()
        self.httpd.server_close()

    def fault(self, method: str, path: str, action: str, times: int = 1, **more: Any) -> None:
        """Make the next ``times`` requests that match go wrong."""
        self.faults.append(Fault(method, re.compile(path), action, times, **more))

    def count(self, method: str, path: str) -> int:
        """How many requests matched."""
        return sum(1 for s in self.seen if s.method == method and re.fullmatch(path, s.path))

    def add_job(self, job_id: str = "ftjob-one", **fields: Any) -> dict[str, Any]:
        job = {
            "id": job_id,
            "object": "fine_tuning.job",
            "created_at": 1_700_000_000 + len(self.jobs),
            "model": "micro",
            "status": "running",
            "error": {},
            "training_file": "file-x",
            "result_files": [],
            "metadata": {},
            **fields,
        }
        self.jobs.append(job)
        self.events.setdefault(job_id, [])
        return job

    # --- what the routes do ---------------------------------------------------------------------

    def _take_fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and fault.path.fullmatch(path):
                fault.times -= 1
                return fault
        return None

    def _page(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> Any:
        limit = min(int(query.get("limit", ["20"])[0]), self.page_limit)
        after = query.get("after", [None])[0]
        if after is not None and not self.ignore_after:
            ids = [row.get("id") for row in rows]
            rows = rows[ids.index(after) + 1 :] if after in ids else []
        page = rows[:limit]
        if self.bare_array:
            return page
        answer: dict[str, Any] = {"object": "list", "data": page}
        if self.has_more:
            answer["has_more"] = len(rows) > limit or self.ignore_after
        return answer

    def _list_jobs(self, query: dict[str, list[str]]) -> Any:
        rows = list(self.jobs) if self.oldest_job_first else list(reversed(self.jobs))
        for name, values in query.items():
            found = re.fullmatch(r"metadata\[(.+)\]", name)
            if found and not self.ignore_filter:
                rows = [r for r in rows if (r["metadata"] or {}).get(found.group(1)) == values[0]]
        return self._page(rows, query)

    def _list_events(self, job_id: str, query: dict[str, list[str]]) -> Any:
        after = query.get("after", [None])[0]
        self.on_events(job_id, after)
        rows = list(self.events[job_id])
        if self.order == "newest":
            rows.reverse()
        elif self.order == "shuffled":
            # One order a walk, as a server without ORDER BY has it.
            if after is None:
                self.walk = rows[:]
                self.random.shuffle(self.walk)
            rows = self.walk
        return self._page(rows, query)

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.add_job(
            f"ftjob-{len(self.jobs) + 1:04d}",
            created_at=int(time.time()),
            status="validating_files",
            model=body["model"],
            training_file=body["training_file"],
            suffix=body.get("suffix"),
            method=body.get("method"),
            metadata=None if self.forget_metadata else body.get("metadata") or {},
        )

    def answer(self, method: str, path: str, query: Any, body: bytes) -> tuple[int, Any]:
        with self.lock:
            return self._answer(method, path, query, body)

    def _answer(self, method: str, path: str, query: Any, body: bytes) -> tuple[int, Any]:
        parts = path.removeprefix("/v1").strip("/").split("/")
        match (method, *parts):
            case ("POST", "files"):
                file_id = f"file-{len(self.files) + 1}"
                self.files[file_id] = body
                return 200, {"id": file_id, "object": "file"}
            case ("GET", "files", file_id, "content"):
                return (200, self.contents[file_id]) if file_id in self.contents else _missing()
            case ("GET", "files", file_id):
                return (200, {"id": file_id}) if file_id in self.files else _missing()
            case ("POST", "uploads", *rest):
                return self._upload_in_parts(rest, body)
            case ("POST", "fine_tuning", "jobs"):
                return 200, self._create(json.loads(body))
            case ("GET", "fine_tuning", "jobs"):
                self.on_list(query)
                return 200, self._list_jobs(query)
            case ("GET", "models"):
                return 200, {"object": "list", "data": self.models}
            case ("DELETE", "models", name):
                self.models = [m for m in self.models if m["id"] != name]
                return 200, {"id": name, "deleted": True}
            case (_, "fine_tuning", "jobs", job_id, *rest):
                job = next((j for j in self.jobs if j["id"] == job_id), None)
                return self._about(job, method, rest, query) if job else _missing()
        return _missing()

    def _upload_in_parts(self, rest: list[str], body: bytes) -> tuple[int, Any]:
        match rest:
            case []:
                upload_id = f"upload-{len(self.uploads) + 1}"
                self.uploads[upload_id] = {}
                answer = {"id": upload_id, "status": "pending", "expires_at": time.time() + 3600}
                return 200, answer
            case [upload_id, "parts"] if upload_id in self.uploads:
                part_id = f"part-{len(self.uploads[upload_id]) + 1}"
                boundary = body.split(b"\r\n", 1)[0]
                content = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n" + boundary, 1)[0]
                self.uploads[upload_id][part_id] = content
                return 200, {"id": part_id}
            case [upload_id, "complete"] if upload_id in self.uploads:
                parts = self.uploads.pop(upload_id)
                file_id = f"file-{len(self.files) + 1}"
                wanted = json.loads(body)["part_ids"]
                self.files[file_id] = b"".join(parts[part] for part in wanted)
                return 200, {"id": upload_id, "status": "completed", "file": {"id": file_id}}
            case [upload_id, "cancel"] if upload_id in self.uploads:
                del self.uploads[upload_id]
                return 200, {"id": upload_id, "status": "cancelled"}
        return _missing()

    def _about(self, job: Any, method: str, rest: list[str], query: Any) -> tuple[int, Any]:
        match (method, *rest):
            case ("GET",):
                self.on_retrieve(job)
                return 200, job
            case ("GET", "events"):
                return 200, self._list_events(job["id"], query)
            case ("POST", "cancel"):
                self.on_cancel(job)
                return 200, job
            case ("POST", "pause"):
                job["status"] = "paused"
                return 200, job
        return 405, {"detail": "Method Not Allowed"}


def _missing() -> tuple[int, Any]:
    return 404, {"error": {"message": "No such thing", "code": "not_found", "type": "x"}}


class _Handler(BaseHTTPRequestHandler):
    server_state: FaultServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _go(self) -> None:
        state = self.server_state
        url = urlsplit(self.path)
        path = unquote(url.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = parse_qs(url.query)
        with state.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.seen.append(Seen(self.command, path, query, body, headers))
            fault = state._take_fault(self.command, path)
        if fault is not None:
            self._misbehave(fault, path, query, body)
            return
        status, data = state.answer(self.command, path, query, body)
        self._send(status, data)

    do_GET = do_POST = do_DELETE = _go  # noqa: N815 - the names http.server looks for

    def _misbehave(self, fault: Fault, path: str, query: Any, body: bytes) -> None:
        state = self.server_state
        if fault.action in ("lose", "cut", "late500"):
            status, data = state.answer(self.command, path, query, body)
            if fault.action == "cut":
                text = json.dumps(data).encode()
                self._send(status, text[: len(text) // 2])
            elif fault.action == "late500":
                self._send(502, {"detail": "bad gateway"})
            fault.hook()
            self.close_connection = True
        elif fault.action == "late":
            # It works on long after whoever asked is gone.
            fault.hook()
            time.sleep(0.2)
            state.answer(self.command, path, query, body)
            self.close_connection = True
        elif fault.action == "hang":
            # Never answered: until the server ends, or whoever asked has long gone.
            state.ending.wait(60)
            self.close_connection = True
        elif fault.action == "drop":
            fault.hook()
            self.close_connection = True
        elif fault.action == "html":
            self._send(200, b"<!DOCTYPE html><html><body>Sign in</body></html>", kind="text/html")
        elif fault.action == "body":
            self._send(200, fault.body)
        elif fault.action == "status":
            extra = {"retry-after": fault.retry_after} if fault.retry_after is not None else {}
            self._send(fault.status, fault.body or {"detail": "scripted"}, extra)
        else:
            raise AssertionError(fault.action)

    def _send(
        self, status: int, data: Any, extra: dict[str, str] | None = None, kind: str = ""
    ) -> None:
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", kind or "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def message(number: int, text: str, created_at: int | None = None, **more: Any) -> dict[str, Any]:
    """An event without metrics."""
    return {
        "object": "fine_tuning.job.event",
        "id": f"ftevent-{number}",
        "created_at": created_at if created_at is not None else 1_700_000_000 + number,
        "level": "info",
        "message": text,
        "type": "message",
        "data": {},
        **more,
    }


def metrics(number: int, step: int, total: int = 30, **more: Any) -> dict[str, Any]:
    """An event with the metrics of a step, as OpenAI sends them."""
    loss = 3.0 / step
    return message(
        number,
        f"Step {step}/{total}: training loss={loss:.2f}",
        **{
            "type": "metrics",
            "data": {"step": step, "total_steps": total, "train_loss": loss},
            **more,
        },
    )
