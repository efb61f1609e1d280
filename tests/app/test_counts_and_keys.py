"""What the Data screen counts where lines are no records, and the keys it offers without a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.aids import CHAT, MakeApp, done, screen_lines, screen_text, wait_for


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_blank_line_is_counted_as_one(
    make_app: MakeApp, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "gaps.jsonl"
    records = [json.dumps(record) for record in CHAT]
    path.write_text("\n".join([records[0], "", *records[1:]]) + "\n")
    app = make_app(path)
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.pause()
        header = screen_lines(app)[0]
        assert f"{len(CHAT)} records  {len(CHAT) + 1} lines" in header
        assert f"Line 1 of {len(CHAT) + 1}" in screen_text(app)
        await pilot.press("colon", *"99", "enter")
        await wait_for(pilot, "the last", lambda: f"{len(CHAT) + 1} lines; " in screen_text(app))


async def test_where_every_line_is_a_record_nothing_else_is_said(
    make_app: MakeApp, chat_file: Path
) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.pause()
        assert "lines" not in screen_lines(app)[0]
        assert f"Record 1 of {len(CHAT)}" in screen_text(app)


async def test_without_a_file_no_key_offers_to_repair_or_edit_it(
    make_app: MakeApp, chat_file: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(160, 45)) as pilot:
        for mode in ("1", "2"):
            await pilot.press(mode)
            await pilot.pause()
            keys = screen_lines(app)[-1]
            assert "F fix" not in keys
            assert "edit" not in keys
            assert "? " in keys
    app = make_app(chat_file)
    async with app.run_test(size=(160, 45)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.pause()
        assert "F fix" in screen_lines(app)[-1]
        assert "ctrl+e edit" in screen_lines(app)[-1]
