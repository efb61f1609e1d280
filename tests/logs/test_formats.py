"""Files of real trainers are read to the number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.logs.reading import DATA, events_of, points_of, track
from tui.errors import FileError
from tui.logs import find_logs, read_log

# What the state of the very same run says: the output was made with the same seed.
STATE = json.loads((DATA / "trainer_state.json").read_text())
LOSSES = [(e["step"], e["loss"]) for e in STATE["log_history"] if "loss" in e]
EVALS = [(e["step"], e["eval_loss"]) for e in STATE["log_history"] if "eval_loss" in e]


@pytest.mark.parametrize(
    ("name", "train", "valid"),
    [
        ("trainer_state.json", "loss", "eval_loss"),
        ("trainer_log.jsonl", "loss", "eval_loss"),
        ("hf_output.txt", "loss", "eval_loss"),
        ("events_hf", "train_loss", "valid_loss"),
    ],
)
def test_one_run_reads_the_same_from_each_of_its_logs(name: str, train: str, valid: str) -> None:
    found = track(DATA / name, train)
    assert [step for step, _ in found] == [step for step, _ in LOSSES]
    assert [value for _, value in found] == pytest.approx([v for _, v in LOSSES], rel=1e-3)
    validated = track(DATA / name, valid)
    assert [step for step, _ in validated] == [step for step, _ in EVALS]
    assert [value for _, value in validated] == pytest.approx([v for _, v in EVALS], rel=1e-3)
    updates = read_log(DATA / name)
    assert updates[-1].ended
    assert updates[-1].job is not None
    assert updates[-1].job.status == "succeeded"
    assert {point.total_steps for point in points_of(updates)} == {60}


def test_trl_output_has_its_own_measures_and_the_steps_of_the_bar() -> None:
    assert [step for step, _ in track(DATA / "trl_output.txt", "mean_token_accuracy")] == [
        *range(4, 41, 4)
    ]
    assert [step for step, _ in track(DATA / "trl_output.txt", "eval_loss")] == [20, 40]


def test_rows_without_steps_are_counted_and_that_is_said() -> None:
    assert [step for step, _ in track(DATA / "hf_plain.txt", "loss")] == [*range(1, 13)]
    said = [event.message for event in events_of(read_log(DATA / "hf_plain.txt"))]
    assert any("no step numbers" in message for message in said)


def test_torchtune() -> None:
    found = track(DATA / "torchtune.txt", "loss")
    assert found[0] == (1, 4.0)
    assert [step for step, _ in found] == [*range(1, 31)]
    assert track(DATA / "torchtune.txt", "learning_rate")[0] == (1, 2e-5)


@pytest.mark.parametrize("writer", ["torch", "x", "new"])
def test_tensorboard_writers(writer: str) -> None:
    found = track(DATA / f"events_{writer}", "train_loss")
    assert [step for step, _ in found] == [*range(41)]
    assert found[1][1] == 1.5
    assert math.isnan(found[-1][1])
    assert [step for step, _ in track(DATA / f"events_{writer}", "valid_loss")] == [9, 19, 29, 39]
    assert points_of(read_log(DATA / f"events_{writer}"))[5].created_at == 1_760_000_005


def test_the_arguments_of_the_trainer_are_known_from_its_events() -> None:
    job = read_log(DATA / "events_hf")[-1].job
    assert job is not None
    assert job.hyperparameters["learning_rate"] == 0.01
    assert job.hyperparameters["batch_size"] == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step,loss,val_loss\n1,2.5,\n2,2.0,2.2\n", [(1, {"loss": 2.5}), (2, {"valid_loss": 2.2})]),
        ("epoch;train loss\n1;0,5\n", [(1, {"train_loss": 0.5})]),
        ("step\tloss\n10\t0.5\n20\tnan\n", [(10, {"loss": 0.5})]),
        ('{"_step": 3, "loss": 1.5, "deep": {"acc": 0.5}}\n', [(3, {"deep.acc": 0.5})]),
        ('{"iter": 3, "loss": NaN}\n{"iter": 4, "loss": 1}\n', [(4, {"loss": 1.0})]),
        ("iter 10: loss 2.31, time 12.5ms, mfu -1.0%\n", [(10, {"loss": 2.31})]),
        ("[rank0] Step 7/90 | loss=0.5 lr: 1e-4\n", [(7, {"learning_rate": 1e-4})]),
        ("{'loss': tensor(1.25, device='cuda:0'), 'step': 4}\n", [(4, {"loss": 1.25})]),
        ("\x1b[32m{'loss': 0.25, 'step': 4}\x1b[0m\r\n", [(4, {"loss": 0.25})]),
    ],
)
def test_tables_lines_and_prints(
    tmp_path: Path, text: str, expected: list[tuple[int, dict[str, float]]]
) -> None:
    path = tmp_path / "log.txt"
    path.write_text(text, newline="")
    found = {point.step: point.values for point in points_of(read_log(path))}
    for step, values in expected:
        assert values.items() <= found[step].items()


@pytest.mark.parametrize(
    "data",
    [
        b'{"messages": [{"role": "user", "content": "hi"}]}\n' * 3,
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
        b'{"prompt": "a", "completion": "b", "score": 3}\n',
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(data)
    with pytest.raises(FileError, match="no training log"):
        find_logs(path)
    with pytest.raises(FileError, match="no training log"):
        read_log(path)


def test_a_failure_is_told_with_the_trainers_words(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    path.write_text(
        "{'loss': 2.0, 'epoch': 0.1}\nTraceback (most recent call last):\n"
        '  File "train.py", line 3, in <module>\n'
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n"
    )
    job = read_log(path)[-1].job
    assert job is not None
    assert job.status == "failed"
    assert "CUDA out of memory" in (job.error_message or "")
