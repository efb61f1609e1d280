"""A second server, written apart from the first, that does everything wrong at once.

One run of many steps happens as it is looked at. Every answer is drawn from a seeded chance:
dropped, cut, delayed by ``Retry-After``, a web page, an error, or an answer whose page is shuffled,
holds events twice, leaves out fields, spells times three ways, and says for ever that more follows.
"""

from __future__ import annotations

import json
import math
import random
import socketserver
import threading
from dataclasses import dataclass, field
from typing import Any

STEPS = 40
JOB = "wild-7"
_STATUS_WORDS = {"running": ["running", "RUNNING", "started"], "over": ["succeeded", "completed"]}


@dataclass
class Wild:
    """The run, and how badly it is told.

    Attributes:
        seed: Of the chance.
        badness: How often a request goes wrong, 0 to 1.
        each: Steps that happen between two looks at the job.
        page: The longest page.
        forever: Whether pages end: ``after`` is ignored and more is always promised.
    """

    seed: int
    badness: float = 0.4
    each: int = 3
    page: int = 100
    forever: bool = False
    done: int = 0
    cancelled: bool = False
    cancels: int = 0
    requests: int = 0
    connections: int = 0
    frozen: set[int] = field(default_factory=set)

    def __enter__(self) -> Wild:
        owner = self

        class Handler(_Talk):
            wild = owner

        self.chance = random.Random(self.seed)
        self.lock = threading.Lock()
        self.history = [self._event(step) for step in range(1, STEPS + 1)]
        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def freeze(self) -> None:
        """Leave every connection there is without an answer for ever; new ones are well."""
        with self.lock:
            self.frozen |= set(range(1, self.connections + 1))

    def _event(self, step: int) -> dict[str, Any]:
        at = 1_750_000_000 + step // 4
        loss: object = 5.0 / step if step % 9 else math.nan
        event: dict[str, Any] = {
            "id": f"ev-{step:04}",
            "created_at": [at, str(at), at * 1000, float(at)][step % 4],
            "type": ["metrics", "message", None][step % 3],
            "level": ["info", "warn", 3, None][step % 4],
            "message": f"Step {step}/{STEPS}: training loss=0.1",
            "data": {"step": [step, float(step), str(step)][step % 3], "train_loss": loss},
            "what": ["is", {"this": None}],
        }
        if step % 5 == 0:
            del event["created_at"]
        if step % 7 == 0:
            event["data"]["total_steps"] = STEPS
        return event

    # --- what is answered -----------------------------------------------------------------------

    def job(self) -> dict[str, Any]:
        with self.lock:
            self.done = self.done if self.cancelled else min(STEPS, self.done + self.each)
            over = self.done >= STEPS
            words = _STATUS_WORDS["over" if over else "running"]
            status = "canceled" if self.cancelled else self.chance.choice(words)
            job: dict[str, Any] = {"id": JOB, "status": status, "error": {"code": None}}
            if self.chance.random() < 0.5:
                job |= {"model": "m", "created_at": "1750000000", "hyperparameters": None}
            return job

    def events(self, after: str) -> Any:
        with self.lock:
            rows = self.history[: self.done][::-1]
            if after and not self.forever:
                ids = [row["id"] for row in rows]
                rows = rows[ids.index(after) + 1 :] if after in ids else []
            rows = rows[: self.page]
            for row in list(rows):
                if self.chance.random() < 0.2:
                    rows.insert(self.chance.randrange(len(rows) + 1), row)
            if self.page >= STEPS:
                # With more pages than one, the last of a page must stay the last: it is the cursor.
                self.chance.shuffle(rows)
            odd: list[Any] = [*rows]
            if self.chance.random() < 0.3:
                odd.insert(0, self.chance.choice([None, "x", 7, []]))
            if not self.forever and self.chance.random() < 0.2 and self.page >= STEPS:
                return odd
            more = bool(rows) if self.forever else len(rows) >= self.page
            return {"data": odd, "has_more": more} if more else {"data": odd}

    def cancel(self) -> dict[str, Any]:
        with self.lock:
            self.cancels += 1
            self.cancelled = True
        return self.job()

    def wrong(self, changes: bool) -> str:
        """Draw what goes wrong with a request; an answer to a change is mostly lost."""
        with self.lock:
            self.requests += 1
            if self.chance.random() >= (0.9 if changes and self.cancels < 3 else self.badness):
                return ""
            kinds = ["drop", "cut", "429", "500", "page", "null", "nothing", "503"]
            return self.chance.choice([*kinds, "lost"] if not changes else ["lost", "lost500"])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Talk(socketserver.StreamRequestHandler):
    """One connection: requests are read by hand, one after the other."""

    wild: Wild

    def setup(self) -> None:
        super().setup()
        with self.wild.lock:
            self.wild.connections += 1
            self.number = self.wild.connections

    def handle(self) -> None:
        try:
            while self._one():
                pass
        except OSError:
            return

    def _one(self) -> bool:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        length = 0
        while (header := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = header.partition(":")
            length = int(value) if name.lower() == "content-length" else length
        self.rfile.read(length)
        if self.number in self.wild.frozen:
            self.rfile.read()  # until the other side gives up
            return False
        return self._answer(line[0], line[1])

    def _answer(self, method: str, target: str) -> bool:
        path, _, query = target.partition("?")
        after = next((part[6:] for part in query.split("&") if part.startswith("after=")), "")
        wrong = self.wild.wrong(method == "POST")
        if wrong == "drop":
            return False
        if wrong in ("429", "500", "503"):
            self._send(int(wrong), b'{"error": "no"}', "retry-after: 0\r\n" * (wrong == "429"))
            return True
        if wrong in ("page", "null", "nothing"):
            self._send(200, {"page": b"<html>hello", "null": b"null", "nothing": b""}[wrong])
            return True
        if path.endswith("/events"):
            data: Any = self.wild.events(after)
        elif path.endswith("/cancel"):
            data = self.wild.cancel()
        else:
            data = self.wild.job()
        if wrong == "lost":
            return False
        body = json.dumps(data).encode()
        if wrong == "lost500":
            self._send(502, b"Bad Gateway")
        else:
            self._send(200, body[: len(body) // 2] if wrong == "cut" else body)
        return True

    def _send(self, status: int, body: bytes, more: str = "") -> None:
        head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        self.wfile.write(head.encode() + body)
