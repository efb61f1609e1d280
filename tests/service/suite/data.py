"""Small files of each format, and waiting for a job."""

from __future__ import annotations

import json
import time
from typing import Any

import openai

CITIES = (
    *("Paris", "Lima", "Kyoto", "Nairobi", "Oslo"),
    *("Quito", "Delhi", "Madrid", "Havana", "Accra"),
)
ENDED = ("succeeded", "failed", "cancelled")


def jsonl(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def ask(city: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Is {city} warm?"}]


CHAT = jsonl([{"messages": [*ask(c), {"role": "assistant", "content": "yes"}]} for c in CITIES])
PAIRS = jsonl(
    [
        {
            "input": {"messages": ask(city)},
            "preferred_output": [{"role": "assistant", "content": "yes, it is"}],
            "non_preferred_output": [{"role": "assistant", "content": "who knows"}],
        }
        for city in CITIES
    ]
)
PROMPTS = jsonl([{"messages": ask(city), "answer": "yes"} for city in CITIES])
GRADER = {
    "type": "text_similarity",
    "name": "close",
    "evaluation_metric": "fuzzy_match",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}


def upload(client: openai.OpenAI, data: bytes = CHAT, name: str = "train.jsonl") -> str:
    return client.files.create(file=(name, data), purpose="fine-tune").id


def supervised(**settings: Any) -> dict[str, Any]:
    values = {"n_epochs": 1, "batch_size": 1, **settings}
    return {"type": "supervised", "supervised": {"hyperparameters": values}}


def wait(client: openai.OpenAI, job_id: str, *statuses: str, seconds: float = 90) -> Any:
    """Wait until a job is in one of these states, or in any last one."""
    deadline = time.monotonic() + seconds
    while True:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in (*statuses, *ENDED):
            return job
        assert time.monotonic() < deadline, f"still {job.status}"
        time.sleep(0.05)
