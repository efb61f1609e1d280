"""Whatever is sent, the answer is JSON in the hosted shape, and never an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import Deck

GRADER = {"type": "string_check", "name": "x", "operation": "eq", "input": "{{sample.output_text}}",
          "reference": "{{item.a}}"}  # fmt: skip
LIKE = {**GRADER, "type": "text_similarity", "evaluation_metric": "bleu"}
MULTI = {"type": "multi", "name": "m", "calculate_output": "a * b",
         "graders": {"a": GRADER, "b": LIKE}}  # fmt: skip
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/fine_tuning/jobs", {
        "model": "absent", "training_file": "file-x", "seed": 1, "suffix": "a",
        "metadata": {"a": "b"}, "hyperparameters": {"n_epochs": 1},
        "integrations": [{"type": "wandb", "wandb": {"project": "p", "tags": ["a"]}}],
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 1}}}}),
    ("/v1/fine_tuning/jobs", {
        "model": "micro", "training_file": "file-x", "validation_file": "file-x", "method": {
            "type": "reinforcement", "reinforcement": {
                "grader": MULTI, "response_format": {"type": "json_schema"},
                "hyperparameters": {"reasoning_effort": "low", "compute_multiplier": 1}}}}),
    ("/v1/chat/completions", {
        "model": "ft:absent:local::0", "n": 1, "stop": ["a"], "logit_bias": {"5": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        "logprobs": True, "top_logprobs": 1, "metadata": {"a": "b"}, "stream": True}),
    ("/v1/uploads", {"filename": "a.jsonl", "bytes": 5, "mime_type": "x", "purpose": "fine-tune",
                     "expires_after": {"anchor": "created_at", "seconds": 3600}}),
    ("/v1/fine_tuning/alpha/graders/run", {"grader": MULTI, "model_sample": "x", "item": {}}),
    ("/v1/fine_tuning/alpha/graders/validate", {"grader": MULTI}),
]  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20),
    st.sampled_from(["", "auto", "x" * 70_000, "\x00", 10**30, [], [[]], {}, {"a": {}},
                     {"type": "dpo"}, {"type": "multi", "graders": {"type": "multi"}}]),
)  # fmt: skip


def spoilt(value: Any, draw: st.DrawFn) -> Any:
    """A body with some of its parts replaced."""
    if draw(st.integers(0, 4)) == 0:
        return draw(JUNK)
    if isinstance(value, dict):
        return {key: spoilt(item, draw) for key, item in value.items()}
    if isinstance(value, list):
        return [spoilt(item, draw) for item in value]
    return value


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    path, body = draw(st.sampled_from(BODIES))
    return path, spoilt(body, draw)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(asked=requests())
async def test_spoilt_bodies(deck: Deck, asked: tuple[str, Any]) -> None:
    path, body = asked
    answer = await deck.http.post(path, content=json.dumps(body))
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


NO_JSON = (
    *(b"{", b"<html><body>", b"\xff\xfe", b"NaN", b"[]", b"", b'{"model": "\\ud800"}'),
    *(b"[" * 100_000, b'{"a":' * 5000, b'{"seed": ' + b"9" * 5000 + b"}"),
)


@pytest.mark.parametrize("path", sorted({path for path, _ in BODIES}))
async def test_what_is_no_json(deck: Deck, path: str) -> None:
    for body in NO_JSON:
        answer = await deck.http.post(path, content=body)
        assert answer.status_code == 400, body[:20]
        assert answer.json()["error"]["type"] == "invalid_request_error"
    huge = await deck.http.post(path, content=b"x" * 9_000_000)
    assert (huge.status_code, huge.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "query",
    ["limit=%00", "limit=1e3", "limit=" + "9" * 30, "after=%FF%FE", "after='--", "order=x",
     "metadata[a]=%00", "purpose=%F0%9F"],
)  # fmt: skip
async def test_odd_questions(deck: Deck, query: str) -> None:
    for path in ("/v1/files", "/v1/fine_tuning/jobs", "/v1/chat/completions"):
        answer = await deck.http.get(f"{path}?{query}")
        assert answer.status_code in (200, 400)
        answer.json()


@pytest.mark.parametrize(
    "path", ["/v1/files/%00", "/v1/files/..%2f..", "/v1/models/%FF", "/v1/models/a/b", "/", "//",
             "/v1/fine_tuning/jobs/%F0%9F/cancel", "/v1//files"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
async def test_odd_addresses(deck: Deck, method: str, path: str) -> None:
    answer = await deck.http.request(method, path)
    assert answer.status_code in (400, 404, 405)
    assert answer.json()["error"]["message"]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(
        st.sampled_from([
            b"--x\r\n", b'Content-Disposition: form-data; name="purpose"\r\n\r\n', b"fine-tune\r\n",
            b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n', b"{}\n",
            b"\r\n", b"--x--\r\n", b"\xff\xfe", b": \r\n", b"\x00" * 50,
            b'Content-Disposition: form-data; name="expires_after[seconds]"\r\n\r\n', b"9" * 100,
        ]), max_size=12,
    ),
    kind=st.sampled_from(["multipart/form-data; boundary=x", "multipart/form-data", "text/html", "",
                          "multipart/form-data; boundary=" + "x" * 300]),
)  # fmt: skip
async def test_odd_forms(deck: Deck, parts: list[bytes], kind: str) -> None:
    answer = await deck.http.post(
        "/v1/files", content=b"".join(parts), headers={"Content-Type": kind}
    )
    assert answer.status_code in (200, 400)
    answer.json()
