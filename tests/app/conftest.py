"""The application on small files of the tests' own, and on a provider in memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.aids import (
    ALONE,
    BROKEN,
    CHAT,
    EXTRA,
    GPT,
    HOSTILE_TEXT,
    PATIENCE,
    MakeApp,
    write_lines,
)
from tests.app.job_fakes import FakeProvider, application
from tui.app import TunedeckApp
from tui.config import Paths, Settings
from tui.opened import patience
from widgets.text import use_ascii


@pytest.fixture(autouse=True)
def _drawn_as_usual() -> Iterator[None]:
    """No test draws in ASCII because the one before it did."""
    use_ascii(False)
    yield
    use_ascii(False)


@pytest.fixture(autouse=True)
def _patient_with_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no silent disk."""
    monkeypatch.setattr(patience, "SECONDS", PATIENCE)


@pytest.fixture
def chat_file(tmp_path: Path) -> Path:
    """Fourteen good examples."""
    return write_lines(tmp_path / "chat.jsonl", list(CHAT))


@pytest.fixture
def broken_file(tmp_path: Path) -> Path:
    """Faults on lines 4 (an unknown role) and 11 (no answer)."""
    return write_lines(tmp_path / "broken.jsonl", list(BROKEN))


@pytest.fixture
def hostile_file(tmp_path: Path) -> Path:
    """Everything a terminal must not see, in every place of a record."""
    escaped = json.dumps(HOSTILE_TEXT + "\ud800")
    message = f'{{"role": "user", "content": {escaped}}}'
    answer = f'{{"role": "assistant", "content": {escaped}, "name": {escaped}}}'
    odd = f'{{"role": {escaped}, {escaped}: 1, "content": {escaped}}}'
    lines = [
        f'{{"messages": [{message}, {answer}]}}',
        f'{{"messages": [{odd}], {escaped}: {escaped}}}',
        HOSTILE_TEXT.replace("\u2028", ""),
        f"[{escaped}]",
    ]
    path = tmp_path / "hos\x1b[31m\u202etile.jsonl"
    path.write_bytes("\n".join(lines * 4).encode("utf-8", "surrogatepass") + b"\n\xff\xfe\x9b\n")
    return path


@pytest.fixture
def make_app(home: Path) -> MakeApp:
    """Return a maker of applications, on a file when one is named."""

    def make(path: Path | None = None, **options: object) -> TunedeckApp:
        app = TunedeckApp(paths=Paths.resolve(), settings=Settings(), **options)
        if path is not None:
            app.workspace.open(str(path))
        return app

    return make


@pytest.fixture
def provider() -> FakeProvider:
    """A provider in memory without a job."""
    return FakeProvider()


@pytest.fixture
def app(provider: FakeProvider, home: Path, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    """The application with that provider and no other, on a dataset that is not looked at."""
    return application(provider, home, monkeypatch)


@pytest.fixture
def make(
    provider: FakeProvider, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path | str], TunedeckApp]:
    """Return a maker of applications with that provider, on a file."""
    return lambda file: application(provider, home, monkeypatch, file=file)


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Repairs on lines 4, 5 (a copy) and 8; line 9 is invalid and no repair mends it."""
    monkeypatch.chdir(tmp_path)
    records = [*CHAT[:3], GPT, CHAT[0], *CHAT[4:6], EXTRA, ALONE, *CHAT[6:]]
    return write_lines(Path("train.jsonl"), records)


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what sets the editor: a line of shell that changes the file ``$1``."""
    path = tmp_path / "editor.sh"

    def use(body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(TunedeckApp, "suspend", lambda self: contextlib.nullcontext())
    use("true")
    return use
