"""What a configuration file beside a log says of the run: Axolotl's, LLaMA-Factory's and others.

Such files are YAML of a plain kind: names with a value a line, a section below some of them. That
much is read here, line by line; lists, anchors and blocks of text are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.loose import number_of

_ALL = "hparams.yaml"
_NAMES = (
    _ALL,
    "torchtune_config.yaml",
    "training_args.yaml",
    "config.yaml",
    "config.yml",
    "axolotl.yaml",
    "axolotl.yml",
    "axolotl_config.yaml",
    "axolotl_config.yml",
)
_LARGEST = 256 * 1024
_MOST = 60
_LINE = re.compile(r"( *)([A-Za-z_][\w.-]*)\s*:(?:\s+(.*?))?\s*")
_COMMENT = re.compile(r"\s+#.*$")
_NO_VALUES = ("[", "{", "|", ">", "&", "*", "!", "- ")
KNOWN = {
    "base_model": "model",
    "model_name_or_path": "model",
    "model._component_": "model_builder",
    "num_epochs": "n_epochs",
    "num_train_epochs": "n_epochs",
    "epochs": "n_epochs",
    "max_epochs": "n_epochs",
    "batch_size": "batch_size",
    "micro_batch_size": "batch_size",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "max_steps": "max_steps",
    "learning_rate": "learning_rate",
    "lr": "learning_rate",
    "optimizer.lr": "learning_rate",
    "lr_scheduler": "lr_scheduler_type",
    "lr_scheduler_type": "lr_scheduler_type",
    "warmup_steps": "warmup_steps",
    "warmup_ratio": "warmup_ratio",
    "lr_scheduler.num_warmup_steps": "warmup_steps",
    "weight_decay": "weight_decay",
    "optimizer.weight_decay": "weight_decay",
    "optimizer": "optim",
    "optim": "optim",
    "optimizer._component_": "optim",
    "adapter": "adapter",
    "finetuning_type": "adapter",
    "stage": "stage",
    "rl": "method",
    "lora_r": "lora_r",
    "lora_rank": "lora_r",
    "model.lora_rank": "lora_r",
    "lora_alpha": "lora_alpha",
    "model.lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "model.lora_dropout": "lora_dropout",
    "sequence_len": "sequence_len",
    "cutoff_len": "sequence_len",
    "max_length": "sequence_len",
    "max_seq_len": "sequence_len",
    "tokenizer.max_seq_len": "sequence_len",
    "sample_packing": "packing",
    "packing": "packing",
    "dataset": "dataset",
    "val_size": "val_size",
    "val_set_size": "val_size",
    "pref_beta": "beta",
    "rl_beta": "beta",
    "beta": "beta",
    "seed": "seed",
}
"""What is compared, by the names trainers give it; the others are paths, switches, machines."""


def settings_in(folder: Path) -> dict[str, Any]:
    """Return what the configuration files of a folder set, by the names used here.

    Of several files the first that names something counts. Lightning's ``hparams.yaml`` holds
    hyperparameters alone: all of them are told, so many as fit on a screen.
    """
    found: dict[str, Any] = {}
    for path in _files(folder):
        for setting, value in _settings(path):
            known = KNOWN.get(setting)
            if known is None and path.name == _ALL and len(found) < _MOST:
                known = setting
            if known is not None:
                found.setdefault(known, value)
    return found


def _files(folder: Path) -> list[Path]:
    """Return the configuration files: those with names that trainers give, else the only one."""
    try:
        there = [path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")]
    except OSError:
        return []
    known = sorted((p for p in there if p.name in _NAMES), key=lambda p: _NAMES.index(p.name))
    return known or (there if len(there) == 1 else [])


def _settings(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each line with both; names in a section have its name before them."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    sections: list[tuple[int, str]] = []
    for line in text.splitlines():
        told = _LINE.fullmatch(_COMMENT.sub("", line))
        if told is None:
            continue
        indent = len(told[1])
        while sections and sections[-1][0] >= indent:
            sections.pop()
        if (indent > 0) != bool(sections):
            continue  # Within a list or a block of text.
        name = ".".join([*(section for _, section in sections), told[2]])
        value = _value(told[3] or "")
        if not told[3]:
            sections.append((indent, told[2]))
        elif value is not None:
            yield name, value


def _value(text: str) -> Any:
    if text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if text.startswith(_NO_VALUES) or text.lower() in ("", "null", "~", "none"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    amount = number_of(text)
    if amount is None:
        return text
    return int(amount) if text.lstrip("+-").isdigit() else amount
