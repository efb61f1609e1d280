"""The application on small files of the tests' own, and ways to wait for it and to read it."""

from __future__ import annotations

import difflib
import json
import os
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tui.app import TunedeckApp
from tui.config import Paths, Settings
from tui.opened import patience
from widgets.text import use_ascii

GOLDENS = Path(__file__).parent / "goldens"
PATIENCE = 60.0

CHAT = [
    {
        "messages": [
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": f"What is {n} plus {n}?"},
            {"role": "assistant", "content": f"{n} plus {n} is {2 * n}."},
        ]
    }
    for n in range(1, 15)
]
BROKEN = [
    *CHAT[:3],
    {"messages": [{"role": "user", "content": "Hello"}, {"role": "gpt", "content": "Hi"}]},
    *CHAT[3:9],
    {"messages": [{"role": "user", "content": "No answer follows this question"}]},
    *CHAT[9:],
]
HOSTILE_TEXT = (
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eevil\u2066 [bold]markup[/x] [@click=app.quit]x[/] "
    "\x00 \x7f \u200d \ufeff \u2028 a\u0301\u0301\u0301\u0301\u0301\u0301 \t end"
)


def write_lines(path: Path, records: list[object]) -> Path:
    """Write records as JSONL with nothing escaped that need not be."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


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
def make_app(home: Path) -> Callable[..., TunedeckApp]:
    """Return a maker of applications, on a file when one is named."""

    def make(path: Path | None = None, **options: object) -> TunedeckApp:
        app = TunedeckApp(paths=Paths.resolve(), settings=Settings(), **options)
        if path is not None:
            app.workspace.open(str(path))
        return app

    return make


async def wait_for(pilot: Pilot[int], said: str, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail with what was waited for."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, _in_vain(pilot.app, said)
        await pilot.pause(0.02)
    await pilot.pause()


def _in_vain(app: TunedeckApp, said: str) -> str:
    why = app.workspace.failure if isinstance(app, TunedeckApp) else ""
    return f"waited in vain for: {said} {why}\n{screen_text(app)}"


def screen_lines(app: TunedeckApp) -> list[str]:
    """Return the text of the screen, a string a row."""
    strips = app.screen._compositor.render_strips(app.size)
    return [strip.text for strip in strips]


def screen_text(app: TunedeckApp) -> str:
    """Return the text of the screen without the blanks at the end of its rows."""
    return "\n".join(line.rstrip() for line in screen_lines(app))


def raw_characters(text: str) -> set[str]:
    """Return the characters of a screen that must never reach a terminal."""
    bidi = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    hidden = {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\n"}
    return hidden | (bidi & set(text)) | (set("\u200d\ufeff") & set(text))


def assert_golden(app: TunedeckApp, name: str) -> None:
    """Compare the screen with the one kept in ``goldens``; UPDATE_GOLDENS=1 keeps this one."""
    kept = GOLDENS / f"{name}.txt"
    shown = screen_text(app) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDENS.mkdir(exist_ok=True)
        kept.write_text(shown, encoding="utf-8")
    expected = kept.read_text(encoding="utf-8")
    difference = difflib.unified_diff(
        expected.splitlines(), shown.splitlines(), "kept", "shown", lineterm=""
    )
    assert shown == expected, "\n".join(difference)
