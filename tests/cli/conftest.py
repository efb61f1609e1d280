"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.cli.calling import Out, call
from widgets.text import use_ascii


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Out:
    """Call a command; see `call`."""
    return partial(call, capsys)


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what a command sets for the whole process."""
    monkeypatch.setenv("TUNEDECK_ASCII", "0")
    yield
    use_ascii(False)
