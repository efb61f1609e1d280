"""A dataset that was seen before: its counts are there at once, and only its tail is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.aids import CHAT, MakeApp, wait_for, write_lines
from tui.app import TunedeckApp
from tui.dataset import Scan, cache
from tui.opened.workspace import Stage

LINES = 300


def done(app: TunedeckApp) -> Callable[[], bool]:
    return lambda: app.workspace.stage is Stage.DONE


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where each scan that really ran began."""
    monkeypatch.setattr(cache, "SMALLEST", 0)
    began: list[int] = []
    real = Scan.run

    def run(self: Scan, *args: object, **options: object) -> object:
        began.append(self._state.offset)
        return real(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Scan, "run", run)
    return began


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = write_lines(tmp_path / "long.jsonl", (list(CHAT) * LINES)[:LINES])
    os.utime(path, ns=(10**18, 10**18))
    return path


async def seen(make: MakeApp, path: Path) -> tuple[int, int, int]:
    app: TunedeckApp = make(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await app.workers.wait_for_complete()
        report, table = app.workspace.report, app.workspace.table
        assert report is not None
        assert table is not None
        assert app.workspace.index is not None
        assert app.workspace.index.complete
        assert app.workspace.tokens_of(app.workspace.lines - 1)
        return app.workspace.lines, report.records, table.billed.sum()


async def test_the_second_opening_scans_nothing(
    make_app: MakeApp, path: Path, scans: list[int]
) -> None:
    first = await seen(make_app, path)
    assert scans == [0]
    assert await seen(make_app, path) == first
    assert scans == [0]


async def test_a_grown_file_is_scanned_from_where_it_ended(
    make_app: MakeApp, path: Path, scans: list[int]
) -> None:
    lines, records, _ = await seen(make_app, path)
    size = path.stat().st_size
    with path.open("a") as file:
        file.write(path.read_text().splitlines(keepends=True)[0])
    found = await seen(make_app, path)
    assert found[:2] == (lines + 1, records + 1)
    assert scans == [0, size]


@pytest.mark.parametrize("change", [lambda text: text[:-100], lambda text: "{}\n" + text])
async def test_a_file_that_was_changed_is_scanned_anew(
    make_app: MakeApp, path: Path, scans: list[int], change: Callable[[str], str]
) -> None:
    await seen(make_app, path)
    path.write_text(change(path.read_text()))
    app: TunedeckApp = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        assert app.workspace.report is not None
        assert app.workspace.report.errors == 1
    assert scans == [0, 0]
