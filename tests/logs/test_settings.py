"""What stands beside a log, or in it, and says how the run was set up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.logs.reading import DATA
from tui.logs import read_log
from tui.logs.settings import settings_in

AXOLOTL = """\
base_model: some/base
# a comment
datasets:
  - path: data.jsonl
    learning_rate: 99
val_set_size: 0.1
adapter: lora
lora_r: 16
lora_target_modules:
  - q_proj
wandb_project:
micro_batch_size: 2
num_epochs: 1
optimizer: adamw_8bit
learning_rate: 2e-4   # high
chat_template: |
  beta: 3
"""
TORCHTUNE = """\
model:
  _component_: torchtune.models.llama3_2.lora_llama3_2_1b
  lora_rank: 64
tokenizer:
  max_seq_len: null
seed: 7
optimizer:
  _component_: torch.optim.AdamW
  lr: 3.0e-4
epochs: 2
"""


def test_axolotl(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(AXOLOTL)
    assert settings_in(tmp_path) == {
        "model": "some/base",
        "val_size": 0.1,
        "adapter": "lora",
        "lora_r": 16,
        "batch_size": 2,
        "n_epochs": 1,
        "optim": "adamw_8bit",
        "learning_rate": 2e-4,
    }


def test_torchtune(tmp_path: Path) -> None:
    (tmp_path / "torchtune_config.yaml").write_text(TORCHTUNE)
    assert settings_in(tmp_path) == {
        "model_builder": "torchtune.models.llama3_2.lora_llama3_2_1b",
        "lora_r": 64,
        "seed": 7,
        "optim": "torch.optim.AdamW",
        "learning_rate": 3e-4,
        "n_epochs": 2,
    }


def test_lightning_tells_all_that_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "hparams.yaml").write_text("hidden: 64\nflag: true\nname: 'a: b'\nrate: .inf\n")
    assert settings_in(tmp_path) == {"hidden": 64, "flag": True, "name": "a: b", "rate": ".inf"}


def test_a_configuration_of_any_name_counts_where_it_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "llama3_lora_sft.yaml").write_text(
        "model_name_or_path: some/base\nlearning_rate: 1.0e-4\noutput_dir: x\n"
    )
    assert settings_in(tmp_path) == {"model": "some/base", "learning_rate": 1e-4}
    (tmp_path / "other.yaml").write_text("learning_rate: 1\n")
    assert settings_in(tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["\x00\x01\xff", "- a\n- b\n", "lr: [1\n", "lr:\n" * 2000, "  lr: 3\n"]
)
def test_what_is_no_configuration_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    assert settings_in(tmp_path) == {}
    assert settings_in(tmp_path / "missing") == {}


def test_a_log_knows_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text((DATA / "hf_output.txt").read_text())
    (tmp_path / "config.yml").write_text(AXOLOTL)
    job = read_log(tmp_path / "train.log")[-1].job
    assert job is not None
    assert job.model == "some/base"
    assert job.hyperparameters["learning_rate"] == 2e-4


def test_mlx_keeps_its_settings_with_the_adapter(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("Iter 10: Train loss 2.1, It/sec 1.2\n")
    settings = {"model": "some/base", "learning_rate": 1e-5, "iters": 600, "batch_size": 4}
    (tmp_path / "adapter_config.json").write_text(json.dumps({**settings, "lora_parameters": {}}))
    job = read_log(tmp_path / "train.log")[-1].job
    assert job is not None
    assert job.model == "some/base"
    assert job.hyperparameters == {"learning_rate": 1e-5, "max_steps": 600, "batch_size": 4}


def test_tensorboards_hyperparameters() -> None:
    job = read_log(DATA / "events_hparams")[-1].job
    assert job is not None
    assert job.hyperparameters == {"learning_rate": 0.1, "bsize": 4, "opt": "adam", "flag": 1}
