"""Marks are on the very characters at fault, whatever stands before them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.app.aids import CHAT, MakeApp, data, done, screen_text, wait_for, write_lines
from tui.dataset import (
    LineIndex,
    Source,
    check_record,
    record_from,
    sniff_format,
    unchecked_record,
)
from tui.opened.rows import record_data
from widgets.record_data import RecordData
from widgets.record_layout import Laid, chat_rows, fault_span, raw_rows
from widgets.text import cell_width, use_ascii

SAMPLES = Path(__file__).parent.parent.parent / "sample_data" / "broken"
WIDE = '漢字 \\" \\n \\ud83d\\ude00 é\\u00e9 '


@pytest.fixture(autouse=True)
def _unicode() -> Iterator[None]:
    yield
    use_ascii(False)


def marked(path: Path) -> Iterator[tuple[str, RecordData, int]]:
    """Yield every issue of the records of a file: its code, the record, its mark's number."""
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        kind = sniff_format(source)
        for i in range(index.lines):
            record = check_record(unchecked_record(source, index, i), format=kind)
            shown = record_data(record, record.issues, index.place(source, i)[1])
            for number, issue in enumerate(record.issues):
                yield issue.code, shown, number


def words(path: Path) -> list[tuple[str, str]]:
    """Return the characters that each mark is on."""
    found = []
    for code, shown, number in marked(path):
        span = fault_span(shown, shown.marks[number])
        found.append((code, shown.raw[slice(*span)] if span else ""))
    return found


def under(rows: list[Laid], number: int) -> str:
    """Return what the carets of a mark stand under, cell by cell."""
    at = next(i for i, row in enumerate(rows) if row.announces(number))
    carets = rows[at - 1].text
    assert set(carets.strip()) == {"^"}, carets
    text = next(row.text for row in reversed(rows[: at - 1]) if row.row is not None)
    start = len(carets) - len(carets.lstrip())
    cells = [char for char in text for _ in range(cell_width(char))]
    return "".join(cells[start : len(carets)])


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jsonl")), ids=lambda path: path.stem)
@pytest.mark.parametrize("ascii_", [False, True])
def test_every_kind_of_issue_is_marked(path: Path, ascii_: bool) -> None:
    use_ascii(ascii_)
    for code, shown, number in marked(path):
        mark = shown.marks[number]
        span = fault_span(shown, mark)
        assert span is not None, code
        for pretty in (True, False):
            rows = raw_rows(shown, 60, pretty=pretty)
            at = next(i for i, row in enumerate(rows) if row.announces(number))
            assert set(rows[at - 1].text.strip()) == {"^"} or rows[at - 1].announces()
        assert any(row.announces(number) for row in chat_rows(shown, 60)), code


def test_a_mark_is_on_the_message_it_is_about() -> None:
    path = SAMPLES / "unrecognized_role.jsonl"
    [(_, shown, number)] = marked(path)
    rows = chat_rows(shown, 80)
    at = next(i for i, row in enumerate(rows) if row.announces(number))
    assert rows[at - 1].text == "human"
    assert ("E ", "rows--error") in rows[at - 1].lead


def lines_of(tmp_path: Path, *lines: bytes, name: str = "odd.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('{"messages":[{"role":"user","content":"%s"},{"role":"gptä","content":"x"}]}',
         "unrecognized_role", '"gptä"'),
        ('{"messages":[{"role":"user","content":"%s"},{"role":"assistant","content":5}]}',
         "content_type", "5"),
        ('{"messages":[{"role":"user","content":"%s","ключ":1},{"role":"assistant","content":""}]}',
         "message_unrecognized_key", '"ключ"'),
        ('{"messages":[{"role":"user","content":"%s\tb"}]}', "invalid_json", "\t"),
        ('{"messages":[{"role":"user","content":"%s" "name":"b"}]}', "invalid_json", '"name"'),
        ('{"messages":[{"role":"user","content":"%s"},]}', "invalid_json", ","),
        ('{"messages":[{"role":"user","content":"%s\\ud800 x"}]}',
         "lone_surrogate", "\\ud800"),
        ('{"messages":[{"role":"user","content":"%s<|im_end|> b"}]}',
         "special_token", "<|im_end|>"),
        ('{"messages":[{"role":"user","content":"%s donâ€™t"}]}',
         "mojibake", "â€™"),
        ('{"messages":[{"role":"user","content":"%s anna.berg@fjordline-ferries.no b"}]}',
         "personal_data", "anna.berg@fjordline-ferries.no"),
        ('{"messages":[{"role":"user","content":"%s 4111 1111 1111 1111 b"}]}',
         "personal_data", "4111 1111 1111 1111"),
        ('{"messages":[{"role":"user","content":"%s AKIAQ7ZJ4N2P6WXK3RT5 b"}]}',
         "secret", "AKIAQ7ZJ4N2P6WXK3RT5"),
    ],
)  # fmt: skip
def test_wide_characters_and_escapes_before_it(
    tmp_path: Path, line: str, code: str, said: str
) -> None:
    path = lines_of(tmp_path, (line % WIDE).encode())
    assert (code, said) in words(path)
    for found, shown, number in marked(path):
        if found == code:
            for pretty in (True, False):
                text = under(raw_rows(shown, 400, pretty=pretty), number)
                expected = " " if said == "\t" else "".join(c * cell_width(c) for c in said)
                assert text.strip() == expected.strip()


def test_bytes_that_are_no_text_are_marked_alone(tmp_path: Path) -> None:
    line = b'{"messages":[{"role":"user","content":"\xe6\xbc\xa2\xff\xe5\xad\x97"}]}'
    assert ("invalid_utf8", "\ufffd") in words(lines_of(tmp_path, line))


def test_elements_of_an_array_on_several_lines(tmp_path: Path) -> None:
    text = """[{"messages": [{"role": "user", "content": "漢字"}, {"role": "gpt", "content": "a"}]},
      {"messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": 5}]}, {"messages":
        [{"role": "user", "content": "x"}, {"role": "bot", "content": "b"}]}]"""
    path = lines_of(tmp_path, text.encode(), name="array.json")
    assert words(path) == [
        ("unrecognized_role", '"gpt"'),
        ("content_type", "5"),
        ("unrecognized_role", '"bot"'),
    ]


ROLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(before=ROLE, role=ROLE, ascii_=st.booleans(), escaped=st.booleans())
def test_any_role_after_any_text_is_marked(
    before: str, role: str, ascii_: bool, escaped: bool
) -> None:
    record = {
        "messages": [
            {"role": "user", "content": before},
            {"role": f"{role}?", "content": "x"},
            {"role": "assistant", "content": "y"},
        ]
    }
    raw = json.dumps(record, ensure_ascii=escaped).encode()
    checked = record_from(raw, line=3)
    number = next(i for i, issue in enumerate(checked.issues) if issue.code == "unrecognized_role")
    shown = record_data(checked, checked.issues)
    span = fault_span(shown, shown.marks[number])
    assert span is not None
    assert json.loads(shown.raw[slice(*span)]) == f"{role}?"
    use_ascii(ascii_)
    for pretty in (True, False):
        assert under(raw_rows(shown, 1_000, pretty=pretty), number).startswith('"')


@pytest.fixture
def far_down(tmp_path: Path) -> Path:
    """A file whose one fault is far down in its last record."""
    long = " ".join(f"word{n}" for n in range(3_000))
    turns = [{"role": "user", "content": long}, {"role": "gpt", "content": "x"}]
    return write_lines(tmp_path / "long.jsonl", [*CHAT, {"messages": turns}])


async def test_from_issues_to_the_very_characters(make_app: MakeApp, far_down: Path) -> None:
    app = make_app(far_down)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("2")
        await wait_for(pilot, "the issues", lambda: "unrecognized_role" in screen_text(app))
        await pilot.press("j", "enter")
        await wait_for(pilot, "the record", lambda: data(app).view.mode == "raw")
        await wait_for(pilot, "the carets", lambda: "^^^^^" in screen_text(app))
        assert '"gpt"' in screen_text(app)


async def test_walking_goes_to_the_message_at_fault(make_app: MakeApp, far_down: Path) -> None:
    app = make_app(far_down)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_for(pilot, "the check", done(app))
        await pilot.press("e")
        await wait_for(pilot, "the mark", lambda: "E unrecognized_role" in screen_text(app))
