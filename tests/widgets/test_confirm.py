"""A question that only y answers with yes."""

from __future__ import annotations

import pytest
from textual.app import App

from tests.widgets.showing import HOSTILE
from widgets.confirm import Confirm


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("enter", False)])
async def test_only_y_says_yes(key: str, answer: bool) -> None:
    app: App[None] = App()
    got: list[bool | None] = []
    async with app.run_test() as pilot:
        question = Confirm("Cancel [/x]?", [HOSTILE], yes="Cancel the run")
        app.push_screen(question, got.append)
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        assert got == [answer]
