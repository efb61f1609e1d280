"""Draw the README's pictures: the real application, the embedded service, a real run.

``python -m tests.pictures`` writes ``.readme/*.svg``. Run it when a screen has changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".readme"
SIZE = (116, 34)
CHAT = "sample_data/support_chat.jsonl"
VALIDATION = "sample_data/support_chat_validation.jsonl"
FAULTY = "sample_data/broken/unrecognized_role.jsonl"
PATIENCE = 600


def main() -> None:
    """Run one job, then draw the panel on it and the Data screen on a faulty file."""
    os.chdir(ROOT)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(TUNEDECK_HOME=home, TERM="xterm-256color", COLORTERM="truecolor")
        try:
            job = _train()
            asyncio.run(_draw("panel.svg", lambda screen: "successfully" in screen, open_job=job))
            asyncio.run(_draw("data.svg", lambda screen: "✗ 1" in screen, first=FAULTY, keys="e"))
        finally:
            _tunedeck("serve", "--stop")


def _tunedeck(*args: str) -> str:
    command = [sys.executable, "-m", "tui", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _train() -> str:
    launched = _tunedeck(
        *("launch", CHAT, "--validation", VALIDATION, "--model", "micro", "--epochs", "3"),
        *("--seed", "7", "--suffix", "support", "--yes", "--json"),
    )
    job = str(json.loads(launched)["job"]["id"])
    _tunedeck("wait", job)
    return job


async def _draw(name: str, ready: Callable[[str], bool], *, keys: str = "", **options: Any) -> None:
    from tui.app import TunedeckApp
    from tui.config import Paths, load_settings

    paths = Paths.resolve()
    first = options.pop("first", None)
    app = TunedeckApp(paths=paths, settings=load_settings(paths), **options)
    if first:
        app.workspace.open(first)
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(PATIENCE):
            await pilot.pause(0.1)
            if ready(_text(app)):
                break
        else:
            raise SystemExit(f"{name}: the screen never came:\n{_text(app)}")
        for key in keys:
            await pilot.press(key)
        await pilot.pause(1)
        # The reader's own fixed-width font will do: a picture should ask nothing of other hosts.
        svg = re.sub(
            r"@font-face \{.*?\}\s*", "", app.export_screenshot(title="tunedeck"), flags=re.S
        )
        (OUT / name).write_text(svg)
    app.workspace.close()


def _text(app: Any) -> str:
    svg = app.export_screenshot(simplify=True)
    return re.sub(r"<[^>]+>", "", svg).replace("&#160;", " ")


if __name__ == "__main__":
    main()
