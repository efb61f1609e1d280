"""What stands beside a log and says how the run was set up: never more than small JSON files.

``adapter_config.json`` (PEFT) names the base model and the adapter's size, ``config.json`` (a
saved model) the model. ``training_args.bin`` is a pickle and is left alone: reading one runs code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LARGEST = 1 << 20
_ADAPTER = {"r": "lora_r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}


def facts_beside(path: Path) -> dict[str, Any]:
    """Return what is known of the run whose log this is; reads a few small files.

    Args:
        path: The log, or its folder.
    """
    facts: dict[str, Any] = {}
    for folder in _folders(path if path.is_dir() else path.parent):
        adapter = _object(folder / "adapter_config.json")
        model = adapter.get("base_model_name_or_path")
        for name, known_as in _ADAPTER.items():
            if isinstance(adapter.get(name), (int, float)):
                facts.setdefault(known_as, adapter[name])
        if not isinstance(model, str) or not model:
            model = _object(folder / "config.json").get("_name_or_path")
        if isinstance(model, str) and model:
            facts.setdefault("model", model)
    return facts


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folder a trainer writes to, and its newest checkpoint."""
    if folder.parent.name == "runs":
        folder = folder.parent.parent
    yield folder
    try:
        kept = [p for p in folder.glob("checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    except OSError:
        return
    if kept:
        yield max(kept, key=lambda p: int(p.name.rpartition("-")[2]))


def _object(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
