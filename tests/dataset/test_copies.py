"""Records that are alike: found exactly, in memory or on the disk, in one process or several."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import check_file, copies, near_issues
from tui.dataset.across import Across
from tui.dataset.copies import Copies, Copy
from tui.dataset.observe import COLUMN_BITS, Observed

pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=60)


def observed(rows: list[tuple[int, int]], first: int = 1) -> Observed:
    made = Observed()
    for at, (prompt, answer) in enumerate(rows):
        # Spread over all 64 bits, as hashes are.
        made.prompts.append(prompt * 0x9E3779B97F4A7C15 % 2**64)
        made.answers.append((prompt * 31 + answer) * 0xC2B2AE3D27D4EB4F % 2**64)
        made.places.append(first + at << COLUMN_BITS | 1)
    return made


def expected(rows: list[tuple[int, int]]) -> list[Copy]:
    first: dict[int, int] = {}
    same: dict[tuple[int, int], int] = {}
    found = []
    for at, row in enumerate(rows):
        line = at + 1
        if row in same:
            found.append(Copy(line, 1, same[row], True))
        elif row[0] in first:
            found.append(Copy(line, 1, first[row[0]], False))
        first.setdefault(row[0], line)
        same.setdefault(row, line)
    return found


@given(pairs, st.booleans(), st.integers(0, 60))
def test_copies_name_the_first_of_their_kind(
    rows: list[tuple[int, int]], on_disk: bool, cut: int
) -> None:
    found = Copies(1000, on_disk=on_disk)
    found.add(observed(rows[:cut]), 0)
    found.add(observed(rows[cut:]), len(rows[:cut]))
    assert found.finish() == expected(rows)
    assert found.duplicates + found.conflicts == len(expected(rows))


@given(pairs, st.integers(1, 20))
def test_passes_over_the_disk_find_the_same(rows: list[tuple[int, int]], part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "DICTIONARY", 0)
        patch.setattr(copies, "PASS", part)
        patch.setattr(copies, "_STEP", 7)
        found = Copies(1000)
        found.add(observed(rows), 0)
        assert found.finish() == expected(rows)
        few = Copies(3)
        few.add(observed(rows), 0)
        assert few.finish() == expected(rows)[:3]
        assert few.duplicates == found.duplicates


def test_looking_stops_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST", 10)
    found = Across(100)
    for _ in range(3):
        found.add(observed([(i, 0) for i in range(6)]), 0)
    assert found.stopped
    assert found.copies.rows == 12


def test_what_is_settled_stays_and_what_goes_on_goes_on() -> None:
    rows = [(1, 0), (2, 0), (1, 0)]
    first = Across(100, on_disk=True)
    first.add(observed(rows), 0)
    settled = Across.restored(json.loads(json.dumps(first.state())), first.copies.columns)
    first.add(observed([(2, 1)]), 3)
    again = settled.resume()
    again.add(observed([(1, 0)]), 3)
    assert first.copies.finish() == expected([*rows, (2, 1)])
    assert again.copies.finish() == expected([*rows, (1, 0)])


def chat(asked: str, answer: str) -> str:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages})


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_is_compared_across_ranges(tmp_path: Path, workers: int) -> None:
    rng = random.Random(7)
    lines = [chat(f"q{i} " + "word " * rng.randint(100, 400), f"a{i}.") for i in range(9000)]
    lines[8000], lines[8500] = lines[5], lines[7].replace("a7.", "b7.")
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    report = check_file(path, workers=workers)
    assert [(issue.line, issue.code, issue.message) for issue in report.issues if issue.line] == [
        (8001, "duplicate_example", "the same as line 6"),
        (8501, "conflicting_answers", "the same prompt as line 8, with another answer"),
    ]


def test_near_copies_are_found_on_request(tmp_path: Path) -> None:
    text = "The parcel left our house on Monday and should be with you in two days at the latest"
    other = "Please switch the device off, wait for ten seconds, and then switch it on once more"
    lines = [
        chat(text * 3, "Thank you."),
        chat(other * 3, "Thank you."),
        chat(text.upper() * 3, "Thank you!"),
        chat(text * 3, "Thank you."),
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    issues, all_compared = near_issues(path)
    assert all_compared
    assert [(issue.line, issue.message) for issue in issues] == [(3, "nearly the same as line 1")]


def test_keys_that_train_nothing_make_no_difference(tmp_path: Path) -> None:
    def chat(answer: str = "a", **more: object) -> dict[str, object]:
        turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]
        return {"messages": turns, **more}

    def told(*records: object) -> list[str]:
        path = tmp_path / "a.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        wanted = ("duplicate_example", "conflicting_answers")
        return [issue.code for issue in check_file(path).issues if issue.code in wanted]

    assert told(chat(), chat(id=1), chat(id=2), chat(tools=None)) == ["duplicate_example"] * 3
    assert told(chat(id=1), chat("b", id=1)) == ["conflicting_answers"]
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert told(chat(tools=tools), chat(tools=tools, parallel_tool_calls=True)) == []
    assert told(chat(), chat(tools=tools)) == []


def test_records_of_another_format_among_chat_are_compared_whole(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    others = [{"instruction": word, "input": "", "output": word} for word in ("one", "two", "two")]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"messages": turns}, *others]))
    found = [issue for issue in check_file(path).issues if issue.code == "duplicate_example"]
    assert [(issue.line, issue.message) for issue in found] == [(4, "the same as line 3")]
