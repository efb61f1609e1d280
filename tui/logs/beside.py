"""What stands beside a log and says how the run was set up: small JSON and YAML files.

``adapter_config.json`` (PEFT, and mlx-lm with all settings in it) names the base model and the
adapter's size, ``config.json`` (a saved model) the model; configuration files are read by
:mod:`tui.logs.settings`. ``training_args.bin`` is a pickle and is left alone: reading one runs
code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.logs.settings import KNOWN, settings_in

_LARGEST = 1 << 20
_ADAPTER = {"r": "lora_r", "iters": "max_steps", "model": "model", **KNOWN}


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
            if isinstance(adapter.get(name), (int, float, str)):
                facts.setdefault(known_as, adapter[name])
        if not isinstance(model, str) or not model:
            model = _object(folder / "config.json").get("_name_or_path")
        if isinstance(model, str) and model:
            facts.setdefault("model", model)
        for name, value in settings_in(folder).items():
            facts.setdefault(name, value)
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
