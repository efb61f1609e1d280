"""The door for foreign text: nothing dangerous comes out, and widths add up."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets import text as door
from widgets.text import (
    cell_width,
    clean,
    cut_point,
    fit,
    pad,
    shorten_path,
    use_ascii,
    wrap,
)

NASTY = (
    "\x1b\x9b\x07\x00\t\n\r\x7f\u202e\u2066\u200d\ufe0f\ufeff\u2028\ud800\udc00\u0301\u0903"
    "👨👩🏽🇫🇷中文가\u1161é\u00ad\ue000\u0378 ab-"
)
ANY = st.text(st.one_of(st.characters(codec=None), st.sampled_from(NASTY)), max_size=60)


@pytest.fixture(autouse=True)
def _unicode() -> Iterator[None]:
    yield
    use_ascii(False)


def _dangerous(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or char in "\ufe0f\u200d"
    )


@given(ANY, st.booleans(), st.one_of(st.none(), st.integers(0, 70)))
def test_nothing_dangerous_comes_out(text: str, keep: bool, limit: int | None) -> None:
    out = clean(text, limit, keep_newlines=keep)
    assert not [c for c in out if _dangerous(c) and not (keep and c == "\n")]
    out.encode("utf-8")


@given(ANY)
def test_width_is_what_textual_counts(text: str) -> None:
    out = clean(text)
    assert cell_width(out) == cell_len(out)
    assert clean(out) == out


@given(ANY, st.booleans())
def test_a_prefix_cleans_to_a_prefix(text: str, keep: bool) -> None:
    whole = clean(text, keep_newlines=keep)
    for end in range(len(text)):
        assert whole.startswith(clean(text[:end], keep_newlines=keep))


@given(ANY)
def test_ascii_mode_sends_ascii(text: str) -> None:
    use_ascii(True)
    try:
        for out in (clean(text), clean(text, 5), fit(clean(text), 7), shorten_path(text, 9)):
            assert out.isascii()
            assert out.isprintable()
    finally:
        use_ascii(False)


@given(ANY, st.integers(-1, 30))
def test_fit_and_pad_keep_the_width(text: str, width: int) -> None:
    out = clean(text)
    assert cell_width(fit(out, width)) <= max(0, width)
    assert cell_width(fit(out, width, keep="end")) <= max(0, width)
    for align in ("left", "right", "center"):
        assert cell_width(pad(out, width, align=align)) == max(0, width)


@given(ANY, st.integers(1, 30), st.booleans())
def test_rows_cover_the_source_and_fit(text: str, width: int, ascii_: bool) -> None:
    use_ascii(ascii_)
    try:
        rows = list(wrap(text, width))
        assert rows[0].start == 0
        assert rows[-1].end == len(text)
        for before, after in pairwise(rows):
            assert before.end == after.start
            assert before.end > before.start
        for row in rows:
            assert cell_width(row.text) <= max(2, width)
            assert "\n" not in row.text
            assert not any(map(_dangerous, row.text))
    finally:
        use_ascii(False)


@given(ANY, st.integers(8, 30), st.data())
def test_a_span_shows_the_very_characters(text: str, width: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, max(0, len(text) - 1)))
    for row in wrap(text, width):
        span = row.span(text, at, at + 1)
        if span is not None:
            assert row.start <= at < row.end
            shown = row.text[span[0] : span[1]]
            assert shown
            if text[at].isalnum() and text[at].isascii():
                assert shown == text[at]


def test_pictures_marks_and_tabs() -> None:
    assert clean("a\x1b[2J\tb\r\n") == "a␛[2J   b␍␊"
    assert clean("one\ntwo\x00", keep_newlines=True) == "one\ntwo␀"
    assert clean("\u202eabc\x9b\x7f\ud800") == "‹202E›abc‹9B›␡‹D800›"
    assert clean("👨\u200d👩 ❤\ufe0f") == "👨◦👩 ❤◦"
    assert clean("e" + "\u0301" * 6) == "e\u0301\u0301\u0301◦\u0301\u0301"
    assert clean("\u0301x") == "◌\u0301x"


def test_cut_first_and_never_inside_a_cluster() -> None:
    assert clean("abcdef", 3) == "abc…"
    assert clean("abc", 3) == "abc"
    assert clean("abe\u0301f", 3) == "ab…"
    assert cut_point("x👨\u200d👩\u200d👧!", 4) == 1
    assert clean("x" * 10_000_000, 4) == "xxxx…"


def test_ascii_names_what_it_cannot_show() -> None:
    use_ascii(True)
    assert clean("café “ok” … 中\x1b\u202e") == 'cafe "ok" ... ?^[<202E>'
    assert door.ellipsis_mark() == "..."


def test_paths_keep_the_file_name() -> None:
    assert shorten_path("/a/b/c.jsonl", 40) == "/a/b/c.jsonl"
    assert shorten_path("/home/someone/data/train.jsonl", 20) == "…/data/train.jsonl"
    assert shorten_path("/x/averyveryverylongname.jsonl", 12) == "…gname.jsonl"
    assert shorten_path("evil\x1b[31m.jsonl", 40) == "evil␛[31m.jsonl"


def test_a_sign_wider_than_the_row_is_cut() -> None:
    assert [row.text for row in wrap("\t\ue000", 3)] == ["  …", "‹E…"]


def test_wrap_is_lazy() -> None:
    rows = wrap("word " * 20_000_000, 40)
    assert next(rows).text == "word word word word word word word word"
