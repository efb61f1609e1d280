"""Rows of the list: what is asked and answered, as far as the beginning of a record shows it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tui.opened.rows import summary

RECORD = {
    "metadata": {"n": [1, 2.5, None, True], "note": 'a "quoted" \\ word'},
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1 plus 1? " + "é" * 100},
        {"role": "assistant", "content": "It is 2. " + "x" * 500},
    ],
}


def test_a_cut_record_shows_its_question_and_the_answer_begun() -> None:
    raw = json.dumps(RECORD).encode()
    row = summary(raw[:-300], len(raw))
    assert row.roles == "sua"
    assert row.text.startswith("What is 1 plus 1?")
    assert "»  It is 2." in row.text
    asked = summary(raw[: raw.index(b"plus")], len(raw))
    assert (asked.roles, asked.text) == ("su", "What is 1")


@given(cut=st.integers(1, 1000), ascii_only=st.booleans())
def test_it_may_be_cut_anywhere(cut: int, ascii_only: bool) -> None:
    raw = json.dumps(RECORD, ensure_ascii=ascii_only).encode()
    row = summary(raw[:cut], len(raw) + 1)
    assert row.text
    # Of a message that has only begun the role may not be known.
    assert "sua".startswith(row.roles.removesuffix("?"))


def test_what_is_no_record_stays_as_it_is() -> None:
    for raw in (b"nonsense, really", b'"text', b"[1, 2", b"}{", b'{"a'):
        assert summary(raw, 10_000).text == raw.decode()
