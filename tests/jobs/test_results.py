"""Results files of every known shape, checkpoints, and bills beside their estimates."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import Paths
from tui.errors import ProviderError
from tui.jobs import (
    MAIN_METRICS,
    Checkpoint,
    Event,
    Job,
    LaunchRow,
    LaunchState,
    Ledger,
    best_checkpoint,
    common_name,
    decode_results,
    flatten,
    open_ledger,
    sorted_checkpoints,
)
from tui.jobs.bills import billed_tokens
from tui.jobs.rows import Owner
from tui.pricing import estimate
from tui.tokens import ExampleCounter

DATA = Path(__file__).resolve().parent.parent / "data"
WIRE = DATA / "wire"


def checkpoint(step: int | None, **metrics: float) -> Checkpoint:
    return Checkpoint(f"c{step}", step, f"m:ckpt-step-{step}", 1_700_000_000, metrics)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "drawn"),
    [
        ("openai_sft_validation.csv", {"train_loss", "valid_loss"}),
        ("openai_sft_tools.csv", {"train_loss"}),
        ("azure_sft.csv", {"train_loss", "valid_loss", "full_valid_loss"}),
        ("azure_dpo.csv", {"train_loss", "train_error_rate"}),
        ("azure_rft.csv", {"train_mean_reward", "full_valid_mean_reward"}),
    ],
)
def test_recorded_files_have_their_lines_under_common_names(file: str, drawn: set[str]) -> None:
    table = decode_results((WIRE / file).read_bytes())
    lines = table.series()
    assert drawn <= set(lines)
    assert "step" not in lines
    assert "timestamp" not in lines
    steps = [x for x, _ in lines[next(iter(sorted(drawn)))]]
    assert steps == sorted(steps)
    assert set(table.names()) == set(table.columns)
    for name in drawn:
        column = next(c for c, common in table.names().items() if common == name)
        written = [value for value in table.column(column) if value is not None]
        assert [y for _, y in lines[name]] == written


def test_recorded_grader_columns_are_those_of_the_events() -> None:
    table = decode_results((WIRE / "azure_rft.csv").read_bytes())
    assert "usage.samples.train_reasoning_tokens_mean" in table.names().values()


@pytest.mark.parametrize(
    ("column", "common"),
    [
        ("train_accuracy", "train_mean_token_accuracy"),
        ("validation_mean_token_accuracy", "valid_mean_token_accuracy"),
        ("valid_mean_token_accuracy", "valid_mean_token_accuracy"),
        ("Training Loss", "train_loss"),
        ("eval_loss", "valid_loss"),
        ("scores/graders/a/b", "scores.graders.a.b"),
        (" Global_Step ", "step"),
    ],
)
def test_common_names(column: str, common: str) -> None:
    assert common_name(column) == common
    assert common_name(common) == common


PLAIN = "step,train_loss,valid_loss\n1,0.5,\n2,0.25,0.75\n"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        base64.b64encode(PLAIN.encode()),
        base64.b64encode(PLAIN.encode()).rstrip(b"="),
        base64.urlsafe_b64encode(PLAIN.encode()),
        base64.encodebytes(PLAIN.encode()),
        b'"' + base64.b64encode(PLAIN.encode()) + b'"\n',
        base64.b64encode(PLAIN.replace(",", ";").encode()),
        ("\n" + PLAIN + "\n,,\n").encode(),
    ],
)
def test_every_shape_gives_the_same_lines(data: bytes) -> None:
    table = decode_results(data)
    assert table.series() == {"train_loss": [(1.0, 0.5), (2.0, 0.25)], "valid_loss": [(2.0, 0.75)]}


def test_rows_without_a_step_count_by_their_place() -> None:
    assert decode_results(b"loss,x\n3,a\n2,b\n").series() == {"train_loss": [(1, 3.0), (2, 2.0)]}
    assert decode_results(b"step,loss\n,3\nNaN,2\n7,1\n").series() == {
        "train_loss": [(1, 3.0), (2, 2.0), (7, 1.0)]
    }


def test_columns_of_one_name_or_none_stay_apart() -> None:
    table = decode_results(b",loss,loss\n1,2,3\n")
    assert len(set(table.columns)) == 3
    assert list(table.records()[0].values()) == [1.0, 2.0, 3.0]


def test_an_error_object_is_no_results_file() -> None:
    with pytest.raises(ProviderError):
        decode_results(b'{"error": {"message": "no such file", "code": null}}')


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        table = decode_results(data)
    except ProviderError:
        return
    table.series()
    assert len(table.records()) == len(table.rows)


# --- checkpoints --------------------------------------------------------------------------------


def recorded() -> list[Checkpoint]:
    raws = [item["checkpoint"] for item in json.loads((WIRE / "checkpoints.json").read_text())]
    return [
        Checkpoint(
            raw["id"],
            raw["step_number"],
            raw["fine_tuned_model_checkpoint"],
            raw["created_at"],
            flatten(raw["metrics"]),
        )
        for raw in raws
        if raw["fine_tuning_job_id"].endswith("020db01")
    ]


def test_recorded_checkpoints_are_in_order_with_their_metrics_and_the_best() -> None:
    found = sorted_checkpoints(recorded())
    assert [one.step for one in found] == [80, 90, 100]
    for one in found:
        assert {"full_valid_loss", "full_valid_mean_token_accuracy"} <= set(one.metrics)
        assert set(one.metrics) & set(MAIN_METRICS)
    best = best_checkpoint(found)
    assert best is not None
    assert (best[0].step, best[1]) == (80, "full_valid_loss")
    assert (
        best[0].model == "gpt-4o-mini-2024-07-18.ft-41e7d3a9b59541148bc5514c3b74e616:ckpt-step-80"
    )


def test_the_best_is_judged_by_what_tells_most() -> None:
    reward = [checkpoint(1, valid_reward_mean=0.2), checkpoint(2, valid_reward_mean=0.9)]
    found = best_checkpoint(reward)
    assert found is not None
    assert (found[0].step, found[1]) == (2, "valid_mean_reward")
    assert best_checkpoint([checkpoint(1, train_loss=1.0)]) is None
    assert best_checkpoint([checkpoint(1), checkpoint(2)]) is None
    assert best_checkpoint([checkpoint(1, valid_loss=float("nan")), checkpoint(2)]) is None
    assert best_checkpoint([]) is None


# --- bills --------------------------------------------------------------------------------------

# billing.md of the public record: training files whose bill is known.
CASES = [
    ("qtran_norec.jsonl", "gpt-4o-mini-2024-07-18", 3, 19956),
    ("qtran_dqe.jsonl", "gpt-4o-mini-2024-07-18", 4, 37616),
    ("llamaindex_react_finetuning_events_10q.jsonl.gz", "gpt-3.5-turbo-0613", 3, 449481),
    ("cookbook_drone_training.jsonl.gz", "gpt-3.5-turbo", 3, 145983),
]
AZURE_CASES = [
    ("mslearn_travel_finetune_hotel.jsonl", 10, 15670, 16000),
    ("azure_clippy_training_set.jsonl", 10, 4780, 5000),
]


def estimated(file: str, model: str, epochs: int, provider: str = "openai") -> dict[str, Any]:
    path = DATA / "billed" / file
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    values = [json.loads(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    encoding = "cl100k_base" if "3.5" in model else "o200k_base"
    table = ExampleCounter(encoding).count(values)
    return estimate(table, model, provider=provider, epochs=epochs).to_json()


@pytest.fixture
def ledger(home: Path) -> Any:
    opened = open_ledger(Paths.resolve({"TUNEDECK_HOME": str(home)}).state)
    yield opened
    opened.close()


def launched(
    ledger: Ledger,
    job_id: str,
    estimate_row: dict[str, Any],
    at: str = "lab",
    recipe: dict[str, Any] | None = None,
    file: str = "train.jsonl",
) -> None:
    row = LaunchRow(
        id=f"launch-{job_id}",
        endpoint=at,
        provider=at,
        file=file,
        sha256=job_id,
        model="m",
        state=LaunchState.CREATED,
        file_id="file-1",
        job_id=job_id,
        reason="",
        request={},
        estimate=estimate_row,
        owner=Owner.me(),
        planned_at=1.0,
        creating_at=2.0,
        updated_at=3.0,
        recipe=recipe or {},
    )
    assert ledger.plan(row) is None


def ended(job_id: str, tokens: int | None, finished: int = 100, **more: Any) -> Job:
    raw = {"id": job_id, "status": "succeeded", "model": "m", "trained_tokens": tokens}
    job = Job.from_wire({**raw, "finished_at": finished, **more}, "lab")
    assert job is not None
    return job


@pytest.mark.parametrize(("file", "model", "epochs", "billed"), CASES)
def test_estimates_equal_the_bill(
    ledger: Ledger, file: str, model: str, epochs: int, billed: int
) -> None:
    launched(ledger, "ftjob-1", estimated(file, model, epochs))
    bill = ledger.keep_bill("lab", ended("ftjob-1", billed), "openai")
    assert bill is not None
    assert (bill.estimated, bill.billed, bill.agrees, bill.ratio) == (billed, billed, True, 1.0)
    ratio = ledger.billed_ratio("lab")
    assert ratio is not None
    assert ratio.words("lab") == "lab billed 1.00x of the estimate in the last run"


@pytest.mark.parametrize(("file", "epochs", "tokens", "billed"), AZURE_CASES)
def test_estimates_equal_the_bill_at_azure(
    ledger: Ledger, file: str, epochs: int, tokens: int, billed: int
) -> None:
    launched(ledger, "ftjob-1", estimated(file, "gpt-4o-mini", epochs, "azure"))
    # Its own count of trained tokens is larger, and no bill.
    job = ended("ftjob-1", round(1.4 * tokens))
    assert ledger.keep_bill("lab", job, "azure") is None
    event = Event("e", 90, "info", f"Training tokens billed: {billed}", "message", None)
    ledger.keep_events("lab", "ftjob-1", [event], None, complete=True)
    bill = ledger.keep_bill("lab", job, "azure")
    assert bill is not None
    assert (bill.estimated, bill.billed, bill.rounded, bill.agrees) == (tokens, billed, True, True)
    assert bill.ratio == 1.0


def test_recorded_events_tell_the_bill_of_azure() -> None:
    raws = [item["event"] for item in json.loads((WIRE / "events.json").read_text())]
    events = [event for raw in raws if (event := Event.from_wire(raw))]
    told = [event for event in events if "billed" in event.message]
    assert {billed_tokens(ended("j", 1), [event], "azure") for event in told} <= {
        None,
        (5000, True),
        (0, True),
    }
    assert any("tokens billed" in event.message for event in told)
    assert billed_tokens(ended("j", 6720), [], "azure") is None
    assert billed_tokens(ended("j", 6720), events[:0], "openai") == (6720, False)


def test_recorded_jobs_bill_what_was_estimated() -> None:
    """Jobs among the recorded ones whose training file is known."""
    raws = [item["job"] for item in json.loads((WIRE / "jobs.json").read_text())]
    told = {raw["trained_tokens"] for raw in raws if raw.get("trained_tokens")}
    checked = 0
    for file, model, epochs, billed in CASES:
        if billed in told:
            checked += 1
            assert estimated(file, model, epochs)["tokens_billed"] == billed
    assert checked >= 2


def test_the_ratio_is_of_the_last_runs(ledger: Ledger) -> None:
    for number, billed in enumerate((500, 100, 100, 100, 100, 200), 1):
        launched(ledger, f"j{number}", {"tokens_billed": 100, "approximate": True})
        ledger.keep_bill("lab", ended(f"j{number}", billed, finished=number), "openai")
    ratio = ledger.billed_ratio("lab")
    assert ratio is not None
    assert (ratio.runs, ratio.exact, ratio.ratio) == (5, 4, pytest.approx(1.2))
    said = ratio.words("lab")
    assert said == "lab billed 1.20x of the estimate in the last 5 runs (1.00x to 2.00x)"
    assert ledger.billed_ratio("elsewhere") is None


def test_what_has_no_bill_is_not_kept(ledger: Ledger) -> None:
    launched(ledger, "j1", {"tokens_billed": 100})
    assert ledger.keep_bill("lab", ended("j1", None), "openai") is None
    assert ledger.keep_bill("lab", ended("j1", 100, status="failed"), "openai") is None
    assert ledger.keep_bill("lab", ended("other", 100), "openai") is None
    launched(ledger, "j2", {"tokens_billed": 0})
    assert ledger.keep_bill("lab", ended("j2", 100), "openai") is None
    assert ledger.billed_ratio("lab") is None


def test_jobs_that_ended_unwatched_are_settled_later(ledger: Ledger) -> None:
    launched(ledger, "j1", {"tokens_billed": 100})
    ledger.keep_jobs("lab", [ended("j1", 90)])
    ledger.keep_bills("lab", "openai")
    bill = ledger.bill("lab", "j1")
    assert bill is not None
    assert bill.ratio == 0.9
    ledger.keep_bills("lab", "openai")
    assert ledger.bill("lab", "j1") == bill
