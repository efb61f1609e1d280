"""Small records of the tests' own, and ways to wait for the application and to read it."""

from __future__ import annotations

import difflib
import json
import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from tui.app import TunedeckApp
from tui.opened.workspace import Stage
from tui.screens.data import DataScreen

GOLDENS = Path(__file__).parent / "goldens"
PATIENCE = 60.0
MakeApp = Callable[..., TunedeckApp]

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
GPT = {"messages": [{"role": "user", "content": "Hello"}, {"role": "gpt", "content": "Hi"}]}
EXTRA = {"messages": [{"role": "human", "content": "Hey", "id": 1}, *CHAT[0]["messages"][2:]]}
ALONE = {"messages": [{"role": "user", "content": "No answer follows"}]}
HOSTILE_TEXT = (
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eevil\u2066 [bold]markup[/x] [@click=app.quit]x[/] "
    "\x00 \x7f \u200d \ufeff \u2028 a\u0301\u0301\u0301\u0301\u0301\u0301 \t end"
)


def write_lines(path: Path, records: list[object]) -> Path:
    """Write records as JSONL with nothing escaped that need not be."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


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


def data(app: TunedeckApp) -> DataScreen:
    """Return the Data screen, whichever is in front."""
    screen = app.get_screen_stack("data")[0]
    assert isinstance(screen, DataScreen)
    return screen


def done(app: TunedeckApp) -> Callable[[], bool]:
    """Return whether the open file has been checked to its end, as something to wait for."""
    return lambda: app.workspace.stage is Stage.DONE


def says(app: TunedeckApp, *words: str) -> Callable[[], bool]:
    """Return whether the screen shows all these words, as something to wait for."""
    return lambda: all(word in screen_text(app) for word in words)
