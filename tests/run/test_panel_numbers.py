"""What the panel makes of a run's numbers: charts by name, best, spikes, epochs, exports."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tui.jobs import Job, MetricPoint, Update
from tui.run.dataset import Whereabouts
from tui.run.measures import measures_of
from tui.run.points import as_csv, as_json
from tui.run.spikes import records_behind, spikes
from tui.run.state import Price, RunState
from tui.service import examples_of_step
from widgets.track import Track

NOW = 1_800_000_000


def job(**fields: object) -> Job:
    raw = {"id": "ftjob-1", "status": "running", "model": "micro", "created_at": NOW, **fields}
    found = Job.from_wire(raw, "local")
    assert found is not None
    return found


def state_of(rows: list[dict[str, float]], total: int | None = None, **fields: object) -> RunState:
    state = RunState("ftjob-1")
    points = [MetricPoint(f"e{n}", NOW + n, n, total, row) for n, row in enumerate(rows, 1)]
    state.apply(Update(job(**fields), points=tuple(points)))
    return state


def test_names_that_say_the_same_of_other_data_share_a_chart() -> None:
    names = [
        "learning_rate",
        "valid_loss",
        "train_loss",
        "full_valid_loss",
        "train_mean_token_accuracy",
        "valid_mean_token_accuracy",
        "train/grad_norm",
        "eval/rewards/margins",
        "graders.helpful.mean",
        "epoch",
    ]
    found = measures_of(names)
    charts = {m.name: [(p.name, p.label, p.points) for p in m.parts] for m in found}
    assert charts["loss"] == [
        ("train_loss", "train", False),
        ("valid_loss", "valid", True),
        ("full_valid_loss", "full valid", True),
    ]
    assert len(charts["token_accuracy"]) == 2
    assert charts["grad_norm"] == [("train/grad_norm", "train", False)]
    assert charts["rewards/margins"][0][1] == "valid"
    assert found[0].name == "loss"
    assert found[-1].name in ("epoch", "learning_rate")


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=40))
def test_every_number_that_arrives_has_its_place(names: list[str]) -> None:
    found = measures_of(names)
    assert sorted(part.name for m in found for part in m.parts) == sorted(names)
    assert len({m.name for m in found}) == len(found)
    for measure in found:
        labels = [part.label for part in measure.parts]
        assert len(set(labels)) == len(labels)


def test_a_chart_has_four_lines_and_the_rest_another() -> None:
    names = ["train_loss", "train/loss", "valid_loss", "eval_loss", "test_loss", "loss"]
    found = measures_of(names)
    assert [(measure.name, len(measure.parts)) for measure in found] == [("loss", 4), ("loss 2", 2)]


def test_the_best_step_is_judged_on_the_whole_validation_file_where_that_is_told() -> None:
    rows = [{"train_loss": 1.0, "valid_loss": v} for v in (2.0, 0.5, 1.0)]
    assert state_of(rows).best == ("valid_loss", 2.0, 0.5)
    rows[2]["full_valid_loss"] = 1.5
    assert state_of(rows).best == ("full_valid_loss", 3.0, 1.5)
    rewards = [{"train_mean_reward": 0.1, "valid_mean_reward": v} for v in (0.2, 0.6, 0.4)]
    assert state_of(rewards).best == ("valid_mean_reward", 2.0, 0.6)
    assert state_of([{"train_loss": 1.0}]).best is None


def test_epochs_end_where_the_total_or_the_told_epoch_says() -> None:
    known = state_of([{"train_loss": 1.0}], total=10, hyperparameters={"n_epochs": 4})
    assert known.epoch_ends() == (3.0, 5.0, 8.0)
    told = state_of([{"loss": 1.0, "epoch": n / 4} for n in range(1, 10)])
    assert told.epoch_ends() == (4.0, 8.0)


def test_tokens_are_those_told_before_those_estimated() -> None:
    state = state_of([{"loss": 1.0}, {"loss": 0.9}], total=4)
    assert state.tokens_a_step() is None
    state.price = Price(400, 8.0)
    assert state.tokens_a_step() == 100
    assert state.usd_so_far() == 4.0
    told = state_of([{"loss": 1.0, "num_tokens": 70.0 * n} for n in (1, 2)])
    assert told.tokens_so_far() == 140
    assert told.tokens_a_step() == 70


def spiky(places: list[int]) -> Track:
    track = Track()
    for step in range(1, 301):
        wobble = 0.03 * math.sin(step * 1.7)
        track.add(step, 0.4 + 2 * math.exp(-step / 40) + wobble + (1.0 if step in places else 0))
    return track


def test_a_spike_is_what_stands_out_where_it_is() -> None:
    assert spikes(spiky([])) == []
    assert spikes(spiky([90, 200, 300])) == [90.0, 200.0, 300.0]
    assert spikes(Track()) == []


def test_the_records_of_a_step_are_those_the_engine_takes(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text('\n{"a": 1}\n\n' + '{"b": 2}\n' * 9)
    lines = [2, *range(4, 13)]
    state = state_of([], seed=7, hyperparameters={"batch_size": 4})
    seen: list[int] = []
    for step in (1, 2, 3):
        behind = records_behind(state, step, "local", Whereabouts(str(file)))
        assert behind.lines == tuple(sorted(lines[i] for i in examples_of_step(7, step, 4, 10)))
        seen += behind.lines
    assert sorted(seen) == lines, "an epoch takes every record once"


def test_the_order_is_known_of_every_method_and_of_a_tuned_model_of_the_engine(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pairs.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n{}\n{}\n\n{}"))
    for fields in ({"method": {"type": "dpo"}}, {"model": "ft:micro:local:x:1"}):
        state = state_of([], seed=7, hyperparameters={"batch_size": 3}, **fields)
        assert records_behind(state, 1, "local", Whereabouts(str(file))).lines == (2, 3, 5)
    other = state_of([], seed=7, hyperparameters={"batch_size": 3}, model="ft:llama:local:x:1")
    assert "this engine" in records_behind(other, 1, "local", Whereabouts(str(file))).why_not


def test_where_the_order_is_not_known_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text("{}\n")
    there, gone = Whereabouts(str(file)), Whereabouts(why_not="it was moved")
    state = state_of([], seed=7, hyperparameters={"batch_size": 1})
    assert "shuffles" in records_behind(state, 1, "openai", there).why_not
    assert "log" in records_behind(state, 1, "log", gone).why_not
    assert records_behind(state, 1, "local", gone).why_not == "it was moved"
    unknown = RunState("ftjob-2")
    assert records_behind(unknown, 1, "local", there).why_not


def test_exported_points_are_the_numbers_that_arrived() -> None:
    one = state_of([{"loss": 1.25, "new.name": 3.0}, {"loss": math.nan}])
    other = state_of([{"eval_loss": 0.1}])
    rows = list(csv.reader(io.StringIO(as_csv([("a", one)]))))
    assert rows[0] == ["step", "time", "loss", "new.name"]
    assert rows[1:] == [["1", str(NOW + 1), "1.25", "3"], ["2", str(NOW + 2), "nan", ""]]
    both = list(csv.reader(io.StringIO(as_csv([("a", one), ("b, c", other)]))))
    assert both[0] == ["run", "step", "time", "loss", "new.name", "eval_loss"]
    assert both[-1][0] == "b, c"
    document = json.loads(as_json([("a", one), ("b", other)]))
    loss = document["runs"][0]["metrics"]["loss"]
    assert loss == {"steps": [1, 2], "times": [NOW + 1, NOW + 2], "values": [1.25, None]}
    assert [run["name"] for run in document["runs"]] == ["a", "b"]
