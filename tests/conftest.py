"""Fixtures every test can use: a home of its own, and no word from the developer's environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before any test imports Textual: the same still, plain screen everywhere.
os.environ.update(
    TEXTUAL_ANIMATIONS="none",
    TEXTUAL_SMOOTH_SCROLL="0",
    TZ="UTC",
    COLUMNS="120",
    LINES="40",
)
for _name in list(os.environ):
    # What points the service's suite elsewhere is for that suite alone.
    if _name.startswith("TUNEDECK_SUITE_"):
        continue
    if _name.startswith(("OPENAI_", "AZURE_", "TUNEDECK_")) or _name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "SSH_CONNECTION",
        "COLORTERM",
    ):
        del os.environ[_name]

# A busy machine is slow and not wrong.
settings.register_profile("tunedeck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tunedeck")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A TUNEDECK_HOME of the test's own; a service started in it is stopped afterwards."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TUNEDECK_HOME", str(folder))
    yield folder
    if (folder / "state" / "service.json").exists():
        from tui.config import Paths
        from tui.service import stop

        stop(Paths.resolve({"TUNEDECK_HOME": str(folder)}))


@pytest.fixture
def sample_data() -> Path:
    """The folder of small files that ships with the project."""
    return ROOT / "sample_data"
