"""The list of records searched, filtered, sorted and written, and the way there from a number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.app.aids import CHAT, MakeApp, assert_golden, data, screen_text, wait_for, write_lines
from tui.app import TunedeckApp
from tui.opened.workspace import Stage
from tui.screens.data import DataScreen

SIZES = [(80, 24), (160, 45)]


def _records() -> Iterator[object]:
    """Forty records: every fifth without system, faults in 11 and 31, long ones from 36 on."""
    for n in range(1, 41):
        answer = "word " * (40 if n > 35 else n % 7 + 1)
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Question {n}: {'a Refund' if n % 8 == 0 else 'lamps'}"},
            {"role": "gpt" if n in (11, 31) else "assistant", "content": f"{answer}{n}."},
        ]
        yield {"messages": messages[1:] if n % 5 == 0 else messages}


@pytest.fixture
def mixed_file(tmp_path: Path) -> Path:
    """Records that differ in everything one filters by."""
    return write_lines(tmp_path / "mixed.jsonl", list(_records()))


async def checked(app: TunedeckApp, pilot: Pilot[int]) -> DataScreen:
    await wait_for(pilot, "the check", lambda: app.workspace.stage is Stage.DONE)
    return data(app)


def rows(screen: DataScreen) -> list[int]:
    """The numbers of the records that are listed."""
    return [screen.record_at(row) + 1 for row in range(screen.records.count)]


async def shows(pilot: Pilot[int], screen: DataScreen, expected: list[int]) -> None:
    await wait_for(pilot, f"records {expected}", lambda: rows(screen) == expected)


async def searched(pilot: Pilot[int], screen: DataScreen, *keys: str) -> None:
    await pilot.press("slash", *keys)
    await wait_for(
        pilot,
        "the search",
        lambda: (
            screen.matches is not None
            and screen.matches.ask.text == "".join({"space": " "}.get(key, key) for key in keys)
            and screen.matches.ended
        ),
    )


# Search


async def test_a_search_goes_to_the_first_match_from_here(
    make_app: MakeApp, mixed_file: Path
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press(*"j" * 9)
        await searched(pilot, screen, *"refund")
        await wait_for(pilot, "the match", lambda: screen.position == 15)
        assert "5 matches" in screen_text(app)
        await pilot.press("enter")
        await wait_for(pilot, "where it is", lambda: "match 2 of 5" in screen_text(app))
        seen = []
        for key in "nnnnN":
            await pilot.press(key)
            await pilot.pause()
            seen.append(screen.position + 1)
        assert seen == [24, 32, 40, 8, 40]
        assert "round the beginning" in screen_text(app)


async def test_matches_are_listed_alone_and_forgotten(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await searched(pilot, screen, *"refund")
        await pilot.press("enter", "n", "a")
        await shows(pilot, screen, [8, 16, 24, 32, 40])
        assert screen.position == 15
        assert "only these are listed" in screen_text(app)
        await pilot.press("escape")
        await wait_for(pilot, "all records", lambda: screen.records.count == 40)
        assert screen.position == 15
        assert "* 16" in screen_text(app)
        await pilot.press("escape")
        await wait_for(pilot, "no marks", lambda: "* 16" not in screen_text(app))
        assert screen.matches is None


async def test_toggles_change_what_matches(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await searched(pilot, screen, *"Question", "space", *"1.")
        await wait_for(pilot, "no match", lambda: "no match" in screen_text(app))
        await pilot.press("ctrl+r")
        await wait_for(pilot, "an expression", lambda: "11 matches" in screen_text(app))
        await pilot.press("ctrl+t", "ctrl+t", "ctrl+o")
        await wait_for(pilot, "in system", lambda: "role system" in screen_text(app))
        await wait_for(pilot, "no match", lambda: "no match" in screen_text(app))
        await pilot.press("ctrl+o")
        await wait_for(pilot, "in user", lambda: "11 matches" in screen_text(app))


async def test_a_wrong_expression_is_told_under_the_line(
    make_app: MakeApp, mixed_file: Path
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("slash", "ctrl+r", *"lamps(")
        await wait_for(pilot, "why", lambda: "Not a regular expression" in screen_text(app))
        await pilot.press("enter")
        await pilot.pause()
        assert screen.search_line() is not None
        await pilot.press("backspace", "enter")
        await wait_for(pilot, "the end", lambda: screen.search_line() is None)
        await wait_for(pilot, "matches", lambda: bool(screen.matches and screen.matches.ended))


async def test_earlier_searches_come_back(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        for text in ("refund", "lamps"):
            await searched(pilot, screen, *text)
            await pilot.press("enter")
        await pilot.press("slash", *"new", "up", "up")
        await pilot.pause()
        line = screen.search_line()
        assert line is not None
        assert line.entry.value == "refund"
        await pilot.press("down", "down")
        await pilot.pause()
        assert line.entry.value == "new"
    kept = json.loads((app.paths.state / "app.json").read_text())
    assert kept["searches"] == ["lamps", "refund"]


async def test_escape_stops_a_search_and_keeps_what_it_found(
    make_app: MakeApp, mixed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_source, _index, _search, *, cancelled, on_found, start) -> int:
        on_found([start + 2], 100)
        while not cancelled():
            pass
        return 1

    monkeypatch.setattr("tui.dataset.find", endless, raising=False)
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("slash", "x", "enter")
        await wait_for(pilot, "the first match", lambda: screen.position == 2)
        await wait_for(pilot, "the word", lambda: "esc stops" in screen_text(app))
        await pilot.press("n")
        await wait_for(pilot, "not yet", lambda: "No further match so far" in screen_text(app))
        await pilot.press("escape")
        await wait_for(pilot, "the end", lambda: "stopped" in screen_text(app))
        assert screen.matches is not None
        assert screen.matches.positions().tolist() == [2]


# Filter and order


async def test_a_filter_narrows_and_keeps_the_record(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press(*"j" * 9, "ampersand", *"without:system", "enter")
        await shows(pilot, screen, [5, 10, 15, 20, 25, 30, 35, 40])
        assert screen.position == 9
        assert "8 of 40 records: without system messages" in screen_text(app)
        await pilot.press("j", "escape")
        await wait_for(pilot, "all records", lambda: screen.records.count == 40)
        assert screen.position == 14


async def test_words_are_picked_in_the_dialog(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("ampersand", *"unrec")
        await wait_for(pilot, "the word", lambda: "code:unrecognized_role" in screen_text(app))
        await pilot.press("tab")
        await wait_for(pilot, "what it says", lambda: "Shows: unrec" in screen_text(app))
        await pilot.press("enter")
        await shows(pilot, screen, [11, 31])
        await pilot.press("ampersand")
        await wait_for(pilot, "the filter in use", lambda: "Shows: unrec" in screen_text(app))
        await pilot.press(*"zebra", "enter")
        await wait_for(pilot, "what is wrong", lambda: "is no filter" in screen_text(app))
        await pilot.press("escape")
        await wait_for(pilot, "the list", lambda: len(app.screen_stack) == 1)
        assert rows(screen) == [11, 31]


async def test_a_code_counts_records(make_app: MakeApp, tmp_path: Path) -> None:
    twice = {"messages": [{"role": "gpt", "content": "a"}, {"role": "gpt", "content": "b"}]}
    app = make_app(write_lines(tmp_path / "twice.jsonl", [*_records(), twice]))
    async with app.run_test(size=(80, 24)) as pilot:
        await checked(app, pilot)
        assert app.workspace.report is not None
        assert app.workspace.report.counts["unrecognized_role"] == 4
        await pilot.press("ampersand", *"unrec")
        await wait_for(pilot, "its records", lambda: "unrecognized_role  " in screen_text(app))
        row = next(r for r in screen_text(app).splitlines() if "unrecognized_role  " in r)
        await wait_for(pilot, "three", lambda: " 3 " in screen_text(app))
        assert " 4 " not in row


async def test_nothing_fits_and_that_is_said(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("ampersand", *"tokens:>9999", "enter")
        await wait_for(pilot, "a word", lambda: "No record is like this" in screen_text(app))
        assert "0 of 40 records" in screen_text(app)
        await pilot.press("j", "v", "e", "n", "w", "enter", "tab", "escape")
        await wait_for(pilot, "all records", lambda: screen.records.count == 40)


async def test_orders_go_both_ways(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("ampersand", *"tokens:>50", "enter")
        await shows(pilot, screen, [36, 37, 38, 39, 40])
        await pilot.press("s")
        await wait_for(pilot, "the orders", lambda: "Most tokens first" in screen_text(app))
        await pilot.press(*"last", "enter")
        await shows(pilot, screen, [40, 39, 38, 37, 36])
        assert screen.position + 1 == 40
        await pilot.press("S")
        await shows(pilot, screen, [36, 37, 38, 39, 40])


async def test_issues_are_walked_within_the_view(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        screen.show_filter("role:system")
        await wait_for(pilot, "the view", lambda: screen.records.count == 32)
        seen = []
        for key in "eeeE":
            await pilot.press(key)
            await pilot.pause()
            seen.append(screen.position + 1)
        assert seen == [11, 31, 31, 11]


async def test_a_filter_waits_for_the_check_and_grows_with_it(
    make_app: MakeApp, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "long.jsonl", list(_records()) * 300)
    app = make_app(path)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = data(app)
        screen.show_filter("severity:error")
        await wait_for(pilot, "all of them", lambda: screen.records.count == 600)
        await checked(app, pilot)
        await wait_for(pilot, "the whole", lambda: not screen.base.partial)
        assert "600 of 12,000 records: errors" in screen_text(app)


async def test_a_filter_that_needs_a_check_which_failed_says_so(
    make_app: MakeApp, mixed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr("tui.dataset.Scan.run", fail)
        app = make_app(mixed_file)
        async with app.run_test(size=(120, 40)) as pilot:
            screen = data(app)
            await wait_for(pilot, "the end", lambda: app.workspace.stage is Stage.FAILED)
            screen.show_filter("severity:error")
            await wait_for(pilot, "a word", lambda: "r runs it" in screen_text(app))
            broken.undo()
            app.workspace.start()
            await shows(pilot, screen, [11, 31])
            assert "2 of 40 records: errors" in screen_text(app)


async def test_another_file_begins_with_all_its_records(
    make_app: MakeApp, mixed_file: Path, chat_file: Path
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        screen.show_filter("severity:error")
        await shows(pilot, screen, [11, 31])
        app.workspace.open(str(chat_file))
        app.workspace.start()
        await wait_for(pilot, "the file", lambda: screen.records.count == len(CHAT))
        assert "esc shows all" not in screen_text(app)


# From a number to its records


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("enter",), None),
        (("down", "end", "enter"), None),
        (("down", "down", "enter"), [5, 10, 15, 20, 25, 30, 35, 40]),
        (("down", "down", "down", "down", "enter"), [5, 10, 15, 20, 25, 30, 35, 40]),
    ],
)
async def test_a_figure_leads_to_its_records(
    make_app: MakeApp, mixed_file: Path, keys: tuple[str, ...], expected: list[int] | None
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("3")
        await wait_for(pilot, "Tokens", lambda: "Messages by role" in screen_text(app))
        await pilot.press(*keys)
        await wait_for(pilot, "the list", lambda: app.current_mode == "data")
        if expected is not None:
            await shows(pilot, screen, expected)
        await wait_for(pilot, "a view", lambda: "esc shows all" in screen_text(app))
        await pilot.press("escape")
        await wait_for(pilot, "all records", lambda: screen.records.count == 40)


async def test_a_rule_leads_to_its_records(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("2")
        await wait_for(pilot, "Issues", lambda: "unrecognized_role" in screen_text(app))
        await pilot.press("enter")
        await wait_for(pilot, "the list", lambda: app.current_mode == "data")
        assert len(rows(screen)) <= 40
        await wait_for(pilot, "a view", lambda: "esc shows all" in screen_text(app))
        await wait_for(pilot, "its records", lambda: screen.records.count in (2, 8))


# Writing


async def test_what_is_shown_is_written_and_opened(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    out = mixed_file.parent / "mixed.severity-error.jsonl"
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await checked(app, pilot)
        await pilot.press("w")
        await wait_for(pilot, "a word", lambda: "picks some to write" in screen_text(app))
        screen.show_filter("severity:error")
        await shows(pilot, screen, [11, 31])
        for question in (False, True):
            await pilot.press("w")
            await wait_for(pilot, "the dialog", lambda: "2 records: errors" in screen_text(app))
            await pilot.press("enter")
            if question:
                await wait_for(pilot, "a question", lambda: "Replace what" in screen_text(app))
                await pilot.press("y")
            await wait_for(pilot, "the file", lambda: "Wrote 2 records" in screen_text(app))
            if not question:
                await pilot.press("escape")
                await wait_for(pilot, "the list", lambda: len(app.screen_stack) == 1)
        lines = mixed_file.read_bytes().splitlines(keepends=True)
        assert out.read_bytes() == lines[10] + lines[30]
        manifest = json.loads(Path(f"{out}.manifest.json").read_text())
        assert manifest["filter"]["severities"] == ["error"]
        await pilot.press("enter")
        await wait_for(pilot, "it open", lambda: app.workspace.path == str(out))
        await wait_for(pilot, "its records", lambda: screen.records.count == 2)


async def test_listed_matches_are_written(make_app: MakeApp, mixed_file: Path) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await checked(app, pilot)
        await searched(pilot, screen, *"refund")
        await pilot.press("enter", "a", "w")
        await wait_for(pilot, "the dialog", lambda: "5 records: with" in screen_text(app))
        await pilot.press("enter")
        await wait_for(pilot, "the file", lambda: "Wrote 5 records" in screen_text(app))
        out = mixed_file.parent / "mixed.refund.jsonl"
        manifest = json.loads(Path(f"{out}.manifest.json").read_text())
        assert manifest["filter"]["search"]["text"] == "refund"
        assert out.read_bytes().count(b"\n") == 5


# How it looks


@pytest.mark.parametrize("size", SIZES)
async def test_narrowed_looks_as_kept(
    make_app: MakeApp, mixed_file: Path, size: tuple[int, int]
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=size) as pilot:
        screen = await checked(app, pilot)
        screen.show_filter("tokens:<30")
        await wait_for(pilot, "the view", lambda: "esc shows all" in screen_text(app))
        await wait_for(pilot, "its rows", lambda: screen.records.count < 40)
        await searched(pilot, screen, *"refund")
        await pilot.pause()
        assert_golden(app, f"search_{size[0]}x{size[1]}")
        await pilot.press("enter")
        await wait_for(pilot, "the end", lambda: screen.search_line() is None)
        await pilot.press("n")
        await pilot.pause()
        assert_golden(app, f"narrowed_{size[0]}x{size[1]}")
        await pilot.press("ampersand")
        await wait_for(pilot, "the counts", lambda: "script:latin" in screen_text(app))
        assert_golden(app, f"filter_{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", [(40, 12), (60, 14), (20, 5)])
async def test_any_size_of_terminal(
    make_app: MakeApp, mixed_file: Path, size: tuple[int, int]
) -> None:
    app = make_app(mixed_file)
    async with app.run_test(size=size) as pilot:
        screen = await checked(app, pilot)
        screen.show_filter("severity:error")
        await shows(pilot, screen, [11, 31])
        for keys in (("slash", "a", "enter", "a", "n"), ("ampersand", "down", "tab", "escape")):
            for key in (*keys, "w", "escape", "s", "escape", "escape"):
                await pilot.press(key)
                await pilot.pause()
        assert app.is_running
