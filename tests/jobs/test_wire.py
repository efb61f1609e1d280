"""Recorded answers of real providers are read right, and nothing sent breaks a reader."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.faultserver import FaultServer
from tui.errors import ProviderError
from tui.jobs import Event, Job, Provider, decode_results, flatten, point_of
from tui.jobs.results import fetch_results

WIRE = Path(__file__).resolve().parent.parent / "data" / "wire"


def load(name: str, key: str) -> list[Any]:
    return [item[key] for item in json.loads((WIRE / f"{name}.json").read_text())]


JOBS = load("jobs", "job")
EVENTS = load("events", "event")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("raw", JOBS, ids=lambda raw: f"{raw.get('status')}-{raw['id'][-4:]}")
def test_recorded_jobs(raw: dict[str, Any]) -> None:
    job = Job.from_wire(raw, "openai")
    assert job is not None
    assert job.id == raw["id"]
    assert job.fine_tuned_model == raw.get("fine_tuned_model")
    assert job.trained_tokens == raw.get("trained_tokens")
    assert job.result_files == tuple(raw.get("result_files") or ())
    if job.status == "succeeded":
        assert job.terminal
        assert job.error_message is None
    if job.status == "failed" and (raw.get("error") or {}).get("message"):
        assert job.error_message == raw["error"]["message"]


def test_healthy_jobs_have_no_error_whatever_its_shape() -> None:
    for error in (None, {}, {"code": None, "message": None}, {"error": None}, ""):
        job = Job.from_wire({"id": "a", "error": error}, "x")
        assert job is not None
        assert (job.error_code, job.error_message) == (None, None)


@pytest.mark.parametrize("raw", EVENTS, ids=lambda raw: raw["message"][:30])
def test_recorded_events(raw: dict[str, Any]) -> None:
    event = Event.from_wire(raw)
    assert event is not None
    assert (event.id, event.message) == (raw["id"], raw["message"])
    point = point_of(event)
    assert (point is not None) == (raw.get("type") == "metrics" or raw["message"][:5] == "Step ")
    data = raw.get("data") or {}
    if point is not None and data:
        assert point.step == data["step"]
        for name, value in data.items():
            if name not in ("step", "total_steps"):
                assert point.values[name] == value
    assert Event.from_wire(event.to_wire()) == event


def test_message_is_read_where_data_is_missing() -> None:
    text = "Step 300/400: training loss=0.15, validation loss=0.27, full validation loss=0.40"
    event = Event.from_wire({"id": "a", "type": "metrics", "message": text, "data": None})
    assert event is not None
    point = point_of(event)
    assert point is not None
    assert (point.step, point.total_steps) == (300, 400)
    assert point.values == {"train_loss": 0.15, "valid_loss": 0.27, "full_valid_loss": 0.4}


def test_nested_metrics_are_flat_with_dots() -> None:
    data = {"scores": {"graders": [{"name": "g", "mean": 0.5}], "x": True}, "n": "12", "z": None}
    assert flatten(data) == {"scores.graders.0.mean": 0.5, "n": 12.0}


@given(json_values)
def test_no_value_breaks_the_readers(value: Any) -> None:
    Job.from_wire(value, "x")
    event = Event.from_wire(value)
    if event is not None:
        point_of(event)


@given(
    st.dictionaries(st.sampled_from(["id", "created_at", "data", "message", "type"]), json_values)
)
def test_any_event_survives_the_ledger(raw: dict[str, Any]) -> None:
    event = Event.from_wire(raw)
    if event is not None:
        kept = Event.from_wire(json.loads(json.dumps(event.to_wire())))
        assert repr(kept) == repr(event)


@given(st.dictionaries(st.sampled_from(list(JOBS[4])), json_values))
def test_any_field_of_a_job_may_be_odd(fields: dict[str, Any]) -> None:
    job = Job.from_wire({**JOBS[4], **fields, "id": "a"}, "x")
    assert job is not None
    assert isinstance(job.status, str)


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.csv")), ids=lambda path: path.stem)
@pytest.mark.parametrize("wrap", [bytes, base64.b64encode, base64.encodebytes])
def test_recorded_results(path: Path, wrap: Any) -> None:
    plain = path.read_bytes()
    table = decode_results(wrap(plain))
    assert table.columns == tuple(plain.decode().splitlines()[0].split(","))
    assert len(table.rows) == len(plain.decode().strip().splitlines()) - 1
    assert table.column("step")[:2] == [1.0, 2.0]
    for row in table.rows:
        assert all(cell != "" for cell in row)


def test_results_with_empty_cells_and_short_rows() -> None:
    table = decode_results(b"\xef\xbb\xbfstep,loss\r\n1,\r\n2\r\n3,NaN,9\r\n")
    assert table.columns == ("step", "loss")
    assert [row[0] for row in table.rows] == [1.0, 2.0, 3.0]
    assert table.rows[0][1] is table.rows[1][1] is None


def test_a_single_plain_column_is_not_taken_for_base64() -> None:
    assert decode_results(b"step\n1234\n").rows == ((1234.0,),)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"<!DOCTYPE html><html>,</html>"])
def test_no_results(data: bytes) -> None:
    with pytest.raises(ProviderError):
        decode_results(data)


async def test_the_first_readable_results_file_is_taken(
    server: FaultServer, provider: Provider
) -> None:
    server.contents = {"file-a": b"", "file-b": b"step,train_loss\n1,2.5\n"}
    raw = server.add_job(status="succeeded", result_files=["file-a", "file-b"])
    job = Job.from_wire(raw, "lab")
    assert job is not None
    file_id, table = await fetch_results(provider, job)
    assert file_id == "file-b"
    assert table.records() == [{"step": 1.0, "train_loss": 2.5}]
