"""Files of anything: what previews show is what is written, and a second repair finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset.test_repair import fixed, good, write
from tui.dataset import SAFE, LineIndex, Source, Survey, fix_file, preview, read_raw

MARK = "\ufeff"


def _pieces(number: int) -> list[str]:
    line = json.dumps(good(number))
    spread = json.dumps(good(number), indent=1)
    return [
        line, line, f"{line},", f"{line[:-2]},]}}", spread, f"{spread} ,", f"{spread},,", "```json",
        " ~~~", "``` x y", MARK + line, f"{MARK}{line},", MARK + spread, MARK, f"{MARK}```", "",
        " ", "\t\r", line.replace("assistant", "gpt"), line[:30], line[:-1], "{", "}", '{"a":',
        line.replace('"content"', '"id": 1, "content"', 1), "[1, 2]", "7", "{}",
    ]  # fmt: skip


_LINES = st.lists(
    st.integers(0, 5).flatmap(lambda number: st.sampled_from(_pieces(number))), max_size=12
)
_CODES = st.one_of(st.just([]), st.lists(st.sampled_from(sorted(SAFE)), min_size=1, unique=True))


def _previewed(path: Path, codes: set[str]) -> bytes:
    """Return what a file becomes by the previews of its records."""
    survey, made = Survey(codes), []
    with Source.open(path) as source:
        index = LineIndex()
        index.extend(source)
        survey.run(source)
        position = 0
        while position < index.lines:
            found = survey.at(position)
            raw = read_raw(source, index, position, found.lines if found else 1)
            assert raw is not None
            if found is None:
                made.append(raw)
            else:
                shown = preview(raw, found, codes).after
                made += [] if shown is None else [shown.encode()]
            position += found.lines if found else 1
    return b"\n".join(made)


@settings(max_examples=150, deadline=None)
@given(_LINES, _CODES, st.booleans())
def test_previews_and_the_file_agree(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], rules: list[str], end: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path, out, again = folder / "in.jsonl", folder / "out.jsonl", folder / "again.jsonl"
    whole = [json.dumps(good(number)) for number in range(100, 112)]
    path.write_bytes(("\n".join([*whole, *lines]) + "\n" * end).encode())
    report = fix_file(path, out, rules=rules)
    assert not report.copies_kept
    written = out.read_bytes()
    assert _previewed(path, set(rules or SAFE)).rstrip(b"\n") == written.rstrip(b"\n")
    fix_file(out, again, rules=rules)
    assert again.read_bytes() == written
    assert written.split(b"\n")[:12] == [line.encode() for line in whole]


def test_a_mark_goes_with_its_record(tmp_path: Path) -> None:
    """Not onto the next one, where marks are to stay."""
    others = [good(number) for number in range(1, 14)]
    marked = f"{MARK}{json.dumps(good(1))}".encode()
    for clutter, rule in ((marked, "duplicate_example"), (MARK.encode() + b"```", "invalid_json")):
        path = write(tmp_path / "in.jsonl", *others, clutter, good(20))
        report, lines = fixed(path, rules=[rule])
        assert report.repairs == {rule: 1}
        assert json.loads(lines[-1]) == good(20)
    path = write(tmp_path / "in.jsonl", f"{MARK}```".encode(), *others)
    assert fixed(path, profile="azure")[1][0].startswith(MARK.encode() + b"{")
