"""What trainers print in words is read to the number, and prose is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.logs.phrases import numbers_in, numbers_of_bar

BAR = " 10%|█         | 1/10 [00:00<00:01,  8.9it/s"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (  # mlx-lm
            "Iter 10: Train loss 2.100, Learning Rate 1.000e-05, It/sec 1.2, Peak mem 10.1 GB",
            {"step": 10, "train_loss": 2.1, "learning_rate": 1e-5, "It/sec": 1.2, "peak_mem": 10.1},
        ),
        (
            "Iter 1: Val loss 3.012, Val took 5.123s",
            {"step": 1, "valid_loss": 3.012, "valid_took": 5.123},
        ),
        # nanoGPT
        (
            "step 250: train loss 2.3976, val loss 2.41",
            {"step": 250, "train_loss": 2.3976, "valid_loss": 2.41},
        ),
        (
            "iter 10: loss 9.5, time 120.00ms, mfu -100.00%",
            {"step": 10, "loss": 9.5, "mfu": -100.0},
        ),
        (  # litgpt
            "Epoch 1 | iter 20 step 10 | loss train: 1.134, val: 1.5 | iter time: 345.67 ms (step)",
            {
                "epoch": 1.0,
                "step": 10,
                "train_loss": 1.134,
                "valid_loss": 1.5,
                "iter_time": 345.67,
            },
        ),
        (
            "Epoch 1 | iter 5 step 2 | loss train: 1.2, val: n/a | iter time: 3 ms",
            {"epoch": 1.0, "step": 2, "train_loss": 1.2, "iter_time": 3.0},
        ),
        (  # Megatron-LM
            " iteration      100/  500000 | consumed samples:       102400 | learning rate: 1.5E-04"
            " | lm loss: 6.512345E+00 | grad norm: 1.234 | number of nan iterations:   0 |",
            {
                "step": 100,
                "total_steps": 500000,
                "consumed_samples": 102400.0,
                "learning_rate": 1.5e-4,
                "lm_loss": 6.512345,
                "grad_norm": 1.234,
                "number_of_nan_iterations": 0.0,
            },
        ),
        (  # verl
            "(TaskRunner pid=1) step:1 - actor/pg_loss:-0.05 - critic/score/mean:0.3",
            {"step": 1, "actor/pg_loss": -0.05, "critic/score/mean": 0.3},
        ),
        (  # fairseq
            "2020-05-01 12:00:00 | INFO | train_inner | epoch 001:    100 / 3000 loss=8.1, "
            "num_updates=100, lr=1e-05",
            {"epoch": 1.0, "step": 100, "loss": 8.1, "lr": 1e-5},
        ),
        (
            "2020-05-01 12:00:00 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 7.1 "
            "| ppl 137 | num_updates 200",
            {"epoch": 1.0, "step": 200, "valid_loss": 7.1, "valid_ppl": 137.0},
        ),
        # Loops written by hand
        (
            "Epoch [1/5], Step [100/600], Loss: 0.5123",
            {"epoch": 1.0, "step": 100, "loss": 0.5123},
        ),
        (
            "Epoch 2/3, Train Loss: 2.0, Val Loss: 1.9",
            {"epoch": 2.0, "train_loss": 2.0, "valid_loss": 1.9},
        ),
        (
            "Epoch 2 Train Loss: 2.0 Val Loss: 1.9",
            {"epoch": 2.0, "train_loss": 2.0, "valid_loss": 1.9},
        ),
        (
            "11/22/2026 08:01:00 - INFO - __main__ - epoch 0: perplexity: 12.3 eval_loss: 2.51",
            {"epoch": 0.0, "perplexity": 12.3, "eval_loss": 2.51},
        ),
        ("loss: 2.31 | step: 10", {"step": 10, "loss": 2.31}),
        ("INFO:root:step 10: loss=2.5 lr=1e-05", {"step": 10, "loss": 2.5, "lr": 1e-5}),
        ("step 6 loss 0.5s acc 85.3%", {"step": 6, "loss": 0.5, "acc": 85.3}),
        ("step 7 loss inf grad_norm -inf", {"step": 7, "loss": math.inf, "grad_norm": -math.inf}),
        ("Validation - step 100: loss=2.3", {"step": 100, "valid_loss": 2.3}),
        ("step 1 | tokens: 3.5k | loss: 1", {"step": 1, "tokens": 3500.0, "loss": 1.0}),
    ],
)
def test_lines_of_trainers(line: str, expected: dict[str, float]) -> None:
    assert numbers_in(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Step 1 of 3: tokenizing 1000 examples",
        "step 3: done in 3.5 s",
        "Iter 20: Saved adapter weights to adapters/0000020_adapters.safetensors.",
        "Starting training..., iters: 100",
        "step 5 loss 1_000",
        "Epoch 1/3",
        "Epoch 3 took 12.5 s",
        "saved to out/step-100/model.safetensors loss 3",
        "[2026-11-22 08:00:00,123] [INFO] [logging.py:107:log_dist] [Rank 0] step=10, skipped=0",
        "version 1.2.3 of step.py: line 3",
        "",
    ],
)
def test_prose(line: str) -> None:
    assert numbers_in(line) is None


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        (f"Training: {BAR}, loss=2.31, lr=1e-5]", {"loss": 2.31, "lr": 1e-5}),
        (f"Epoch 3: {BAR}, v_num=0, train_loss=0.52]", {"epoch": 3.0, "train_loss": 0.52}),
        (f"Epoch 0: : {BAR}, reduced_train_loss=0.5, global_step=9.0]",
         {"epoch": 0.0, "reduced_train_loss": 0.5, "step": 9}),
        (f"1|10|Loss: 2.31: {BAR}]", {"epoch": 1, "step": 10, "loss": 2.31}),
        (f"Loading shards: {BAR}]", None),
        (f"{BAR}, eta 3:12]", None),
    ],
)  # fmt: skip
def test_bars(bar: str, expected: dict[str, float] | None) -> None:
    assert numbers_of_bar(bar) == expected


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["step 1", "epoch", "loss", ": ", "=", " ", "|", "1e-5", "[", "val"]),
            st.text(max_size=8),
        )
    ).map("".join)
)
def test_any_line_is_survived(line: str) -> None:
    for found in (numbers_in(line), numbers_of_bar(line)):
        assert found is None or all(isinstance(value, (int, float)) for value in found.values())
