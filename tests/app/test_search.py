"""Searching lines by their bytes finds what a person would find by reading them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import search
from tui.search import Query, find_line


class Held:
    """Lines held in memory, with the two interfaces a search needs."""

    def __init__(self, lines: list[bytes]) -> None:
        self.data = b"".join(line + b"\n" for line in lines)
        self._spans: list[tuple[int, int]] = []
        offset = 0
        for line in lines:
            self._spans.append((offset, len(line)))
            offset += len(line) + 1

    @property
    def lines(self) -> int:
        return len(self._spans)

    def span(self, i: int) -> tuple[int, int]:
        return self._spans[i]

    def line_at(self, offset: int) -> int:
        return self.data.count(b"\n", 0, offset)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


def held(*texts: str, ascii_only: bool = False) -> Held:
    return Held([json.dumps({"content": text}, ensure_ascii=ascii_only).encode() for text in texts])


def find(lines: Held, text: str, start: int = 0, *, backwards: bool = False) -> int | None:
    return find_line(lines, lines, Query(text), start, backwards=backwards)


def test_goes_forward_and_round() -> None:
    lines = held("apple", "pear", "apple", "plum")
    assert find(lines, "apple", 1) == 2
    assert find(lines, "apple", 3) == 0
    assert find(lines, "plum", 0) == 3


def test_goes_backwards_and_round() -> None:
    lines = held("apple", "pear", "apple", "plum")
    assert find(lines, "apple", 1, backwards=True) == 0
    assert find(lines, "plum", 1, backwards=True) == 3
    assert find(lines, "apple", 2, backwards=True) == 2


def test_small_letters_match_capitals_but_capitals_only_themselves() -> None:
    lines = held("an apple", "An Apple")
    assert find(lines, "apple", 1) == 1
    assert find(lines, "Apple", 0) == 1


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "naïve café", "日本", "🎉"])
def test_finds_text_however_json_spells_it(text: str, ascii_only: bool) -> None:
    lines = held("nothing", f"before {text} after", ascii_only=ascii_only)
    assert find(lines, text) == 1


def test_nothing_there() -> None:
    assert find(held("a", "b"), "zebra") is None
    assert find(Held([]), "a") is None
    assert find(held("a"), "") is None


def test_stops_when_told() -> None:
    lines = held("apple")
    assert find_line(lines, lines, Query("apple"), 0, cancelled=lambda: True) is None


@given(
    texts=st.lists(st.text("abcd ", max_size=8), min_size=1, max_size=12),
    needle=st.text("abcd", min_size=1, max_size=3),
    start=st.integers(0, 11),
    backwards=st.booleans(),
)
def test_agrees_with_a_plain_loop_across_block_edges(
    texts: list[str], needle: str, start: int, backwards: bool
) -> None:
    lines = Held([text.encode() for text in texts])
    start = min(start, len(texts) - 1)
    step = -1 if backwards else 1
    order = [(start + step * i) % len(texts) for i in range(len(texts))]
    expected = next((i for i in order if needle in texts[i]), None)
    block, search.BLOCK = search.BLOCK, 4
    try:
        assert find(lines, needle, start, backwards=backwards) == expected
    finally:
        search.BLOCK = block
