"""Issues, tokens and prices on screen, and the dialogs: how they look and what their keys do."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.app.aids import MakeApp, assert_golden, screen_text, wait_for
from tui.app import TunedeckApp
from tui.jobs import Job, LaunchRow, LaunchState, Ledger, open_ledger
from tui.jobs.rows import Owner
from tui.messages import LaunchPrefill
from tui.opened.workspace import Stage
from tui.screens.issues import IssuesScreen
from tui.screens.price import PriceScreen
from widgets.record_view import RecordView

SIZES = [(80, 24), (160, 45)]


@pytest.fixture(autouse=True)
def _a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    day = datetime.date(2026, 11, 21)
    monkeypatch.setattr("tui.pricing.models.today_utc", lambda: day)
    monkeypatch.setattr("tui.pricing.cost.today_utc", lambda: day)


def launched(ledger: Ledger, endpoint: str, *, estimated: int, billed: int) -> None:
    """Keep a run of this machine that has ended and was billed."""
    now = time.time()
    estimate = {"tokens_billed": estimated, "usd": 0.1}
    row = LaunchRow(
        "one", endpoint, "openai", "f.jsonl", "0", "m", LaunchState.PLANNED, None, None, "", {},
        estimate, Owner.me(), now, None, now,
    )  # fmt: skip
    assert ledger.plan(row) is None
    ledger.advance("one", LaunchState.CREATED, job_id="ftjob-1")
    raw = {"id": "ftjob-1", "status": "succeeded", "model": "m", "trained_tokens": billed}
    job = Job.from_wire({**raw, "created_at": 1, "finished_at": 2}, "openai")
    assert job is not None
    ledger.keep_jobs(endpoint, [job])


async def checked(app: TunedeckApp, pilot: Pilot[int]) -> None:
    await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)


async def go(app: TunedeckApp, pilot: Pilot[int], key: str, mode: str) -> None:
    await pilot.press(key)
    await wait_for(pilot, mode, lambda: app.current_mode == mode and app.screen.is_mounted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("key", "mode"), [("2", "issues"), ("3", "tokens"), ("4", "price")])
async def test_looks_as_kept(
    make_app: MakeApp, broken_file: Path, size: tuple[int, int], key: str, mode: str
) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=size) as pilot:
        await checked(app, pilot)
        await go(app, pilot, key, mode)
        assert_golden(app, f"{mode}_{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES)
async def test_help_lists_the_keys_that_work(
    make_app: MakeApp, broken_file: Path, size: tuple[int, int]
) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=size) as pilot:
        await checked(app, pilot)
        await pilot.press("question_mark")
        await wait_for(pilot, "the keys", lambda: "On this screen" in screen_text(app))
        assert_golden(app, f"help_{size[0]}x{size[1]}")
        await pilot.press("escape")
        await wait_for(pilot, "the end", lambda: len(app.screen_stack) == 1)


async def test_every_key_of_ours_is_explained(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        for key in "1234":
            await pilot.press(key)
            await pilot.pause()
            nodes = {active.node for active in app.screen.active_bindings.values()}
            for kind in {kind for node in nodes for kind in type(node).__mro__}:
                if kind.__module__.startswith(("tui.", "widgets.")):
                    for binding in kind.__dict__.get("BINDINGS", ()):
                        assert binding.tooltip, binding
                        assert binding.id or kind.__module__.startswith("widgets."), binding


async def test_an_issue_leads_to_its_record(make_app: MakeApp, broken_file: Path) -> None:
    app = make_app(broken_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "2", "issues")
        screen = app.screen
        assert isinstance(screen, IssuesScreen)
        assert "2 errors" in screen_text(app)
        for _ in range(10):
            if screen.listed._issue(screen.listed.cursor)[0] == "unrecognized_role":
                break
            await pilot.press("down")
        await pilot.press("down", "enter")
        await wait_for(pilot, "the record", lambda: app.current_mode == "data")
        await wait_for(pilot, "its line", lambda: "Record 4 of 16" in screen_text(app))
        text = screen_text(app)
        assert "^^^^^" in text
        assert '"gpt"' in text
        await pilot.press("k")
        await pilot.pause()
        assert app.screen.query_one(RecordView).mode == "chat"


async def test_nothing_wrong_is_said(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "2", "issues")
        assert "0 errors" in screen_text(app)


async def test_another_model_is_counted(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "3", "tokens")
        assert "o200k_base" in screen_text(app)
        await pilot.press("m", *"gpt-3.5-turbo", "enter")
        await wait_for(pilot, "the count", lambda: "cl100k_base" in screen_text(app))


async def test_a_bar_leads_to_an_example(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "3", "tokens")
        await pilot.press("enter")
        await wait_for(pilot, "the record", lambda: app.current_mode == "data")


async def test_epochs_change_in_place(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "4", "price")
        screen = app.screen
        assert isinstance(screen, PriceScreen)

        def epochs() -> list[tuple[int, str]]:
            return [(row.epochs, row.epochs_source) for row in screen.table.rows]

        automatic = epochs()
        first = automatic[0][0]
        assert automatic[0][1] == "heuristic"
        await pilot.press("plus")
        assert epochs() == [(first + 1, "given"), *automatic[1:]]
        await pilot.press("minus", "minus")
        assert epochs()[0] == (first - 1, "given")
        await pilot.press("right_square_bracket")
        assert {row[0] for row in epochs()} == {first}
        await pilot.press("T", "2", "enter")
        await wait_for(pilot, "two epochs", lambda: {row[0] for row in epochs()} == {2})
        await pilot.press("t", "9", "9", "enter")
        await wait_for(pilot, "the limit", lambda: "from 1 to 50" in screen_text(app))
        await pilot.press("0")
        assert epochs() == automatic


async def test_past_bills_are_told_beside_the_price(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    ledger = open_ledger(app.paths.state)
    launched(ledger, "openai https://api.openai.com/v1", estimated=100, billed=102)
    ledger.close()
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        await go(app, pilot, "4", "price")
        said = "openai billed 1.02x of the estimate in the last run"
        await wait_for(pilot, "the bill", lambda: said in screen_text(app))
        await pilot.press("end")
        await wait_for(pilot, "another provider", lambda: said not in screen_text(app))


async def test_price_goes_on_to_launch(
    make_app: MakeApp, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(chat_file)
    taken: list[LaunchPrefill | None] = []
    monkeypatch.setattr(app, "action_mode", lambda mode: taken.append(app.take_prefill()))
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        app.switch_mode("price")
        await wait_for(pilot, "prices", lambda: "Billed tokens" in screen_text(app))
        await pilot.press("down", "plus", "enter")
        await wait_for(pilot, "the way", lambda: bool(taken))
    prefill = taken[0]
    assert prefill is not None
    assert prefill.file == str(chat_file)
    assert prefill.model == "gpt-4.1-mini-2025-04-14"
    assert prefill.epochs == 8
    assert prefill.provider == "openai"


async def test_opening_another_file(make_app: MakeApp, chat_file: Path, broken_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(80, 24)) as pilot:
        await checked(app, pilot)
        await pilot.press("o")
        await wait_for(pilot, "the dialog", lambda: "Open a dataset" in screen_text(app))
        path = app.screen.path
        path.value = f"{chat_file.parent}/b"
        await wait_for(pilot, "the choice", lambda: "broken.jsonl" in screen_text(app))
        await pilot.press("tab")
        await pilot.pause()
        assert path.value == str(broken_file)
        await pilot.press("enter")
        await wait_for(pilot, "the file", lambda: app.workspace.path == str(broken_file))
        await checked(app, pilot)
        await pilot.press("o")
        await wait_for(pilot, "the recent files", lambda: "chat.jsonl" in screen_text(app))
        kept = json.loads((app.paths.state / "app.json").read_text())
        assert kept["recent"] == [str(broken_file), str(chat_file)]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "does not exist"), (b"", "empty"), (b"PK\x03\x04" * 9, "zip")]
)
async def test_a_file_that_cannot_be_opened_is_said_in_the_dialog(
    make_app: MakeApp,
    chat_file: Path,
    tmp_path: Path,
    content: bytes | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # By a short name: a long one would break the sentence anywhere.
    monkeypatch.chdir(tmp_path)
    bad = Path("bad.data")
    if content is not None:
        bad.write_bytes(content)
    app = make_app(chat_file)
    async with app.run_test(size=(80, 24)) as pilot:
        await checked(app, pilot)
        await pilot.press("o")
        await wait_for(pilot, "the dialog", lambda: "Open a dataset" in screen_text(app))
        app.screen.path.value = str(bad)
        await pilot.pause()
        await pilot.press("enter")
        await wait_for(pilot, "what is wrong", lambda: said in screen_text(app))
        assert app.workspace.path == str(chat_file)


async def test_a_folder_is_listed(make_app: MakeApp, chat_file: Path, broken_file: Path) -> None:
    app = make_app(first=str(chat_file.parent))
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, "the list", lambda: "broken.jsonl" in screen_text(app))
        assert "chat.jsonl" in screen_text(app)
        await pilot.press("down", "enter")
        await wait_for(pilot, "the file", lambda: app.workspace.path == str(chat_file))


async def test_back_never_quits(make_app: MakeApp, chat_file: Path) -> None:
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40)) as pilot:
        await checked(app, pilot)
        for key in "2", "3", "4":
            await go(app, pilot, key, {"2": "issues", "3": "tokens", "4": "price"}[key])
        for mode in ("tokens", "issues", "data"):
            await pilot.press("q")
            await wait_for(pilot, mode, lambda mode=mode: app.current_mode == mode)
        await pilot.press("q", "q")
        await pilot.pause()
        assert app.current_mode == "data"
        assert app.is_running


async def test_a_worker_that_fails_is_told_and_the_screen_goes_on(
    make_app: MakeApp, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise ValueError("bad [/x] \x1b[31m luck")

    monkeypatch.setattr("tui.dataset.Scan.run", fail)
    app = make_app(chat_file)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, "a word", lambda: "luck" in screen_text(app))
        assert "\x1b" not in screen_text(app)
        assert app.is_running
        await pilot.press("j")
        assert app.is_running
