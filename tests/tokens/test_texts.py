"""Counts of many texts are tiktoken's own counts, whatever the texts."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.tokens import get_encoding, texts
from tui.tokens.encodings import get_spec
from tui.tokens.giant import count_giant, count_piece
from tui.tokens.joined import SEPARATOR, sanitise
from tui.tokens.texts import TextCounter

ENCODINGS = ("cl100k_base", "o200k_base", "r50k_base", "p50k_base")

# What text is cut by: blanks of all kinds, line ends, contractions, digits, marks, surrogates,
# control tokens, and the separator with its halves.
ATOMS = [
    *" \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2003\u2028\u3000\u200b\ufeff",
    *("  ", "\r\n", "\n\n", "' s", "'s", "'S", "'ſ", "'ll", "'", "/", "//\n", "123", "4567", "²"),
    *("a", "The", " quick", "ÄÖ", "é", "e\u0301", "中文", "ª", "ǅ", "ʰ", "😀", "👩\u200d👩", "!?"),
    *("<|endoftext|>", "<|fim_suffix|>", "\ud800", "\udc00", "\ud83d\ude00"),
    *(SEPARATOR, SEPARATOR[0], SEPARATOR[1], "\udbff\udffe\udbff\udffd"),
]
WORDS = st.lists(st.sampled_from(ATOMS), max_size=12).map("".join)
TEXTS = st.one_of(WORDS, st.text(st.characters(), max_size=30))

slow_ok = settings(deadline=None, suppress_health_check=list(HealthCheck))


def plain(encoding: str, text: str) -> int:
    return len(get_encoding(encoding).encode_ordinary(text))


@pytest.mark.parametrize("encoding", ENCODINGS)
@slow_ok
@given(st.lists(TEXTS, max_size=12))
def test_counts_equal_tiktoken(encoding: str, given_texts: list[str]) -> None:
    counts = TextCounter(encoding).count_all(given_texts)
    assert counts == {text: plain(encoding, text) for text in given_texts}


RUNS = st.tuples(
    st.sampled_from([*ATOMS, "A", "aB", "=", "-=", "xyz", "的", "Zx9", "a1b2", "\t ", "/\n"]),
    st.integers(1, 40),
).map(lambda run: run[0] * run[1])
SCATTERED = st.text("abcdeéхя的一ABC", min_size=20, max_size=120)
LONG = st.lists(st.one_of(WORDS, RUNS, SCATTERED), max_size=6).map("".join)


@pytest.mark.parametrize("encoding", ENCODINGS)
@slow_ok
@given(text=LONG, window=st.integers(8, 24))
def test_counting_huge_pieces_by_windows_changes_nothing(
    encoding: str, text: str, window: int
) -> None:
    text = sanitise(text)
    core, pattern = get_encoding(encoding)._core_bpe, get_spec(encoding).pattern
    counted = count_giant(core, pattern, text, lambda part: plain(encoding, part), window)
    assert counted == plain(encoding, text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("alphabet", ["a", "abcdefghijklmnopqrstuvwxyz", "的一是不了", "=", "01ab"])
def test_a_huge_piece_is_cut_only_where_no_merge_crosses(encoding: str, alphabet: str) -> None:
    drawn = random.Random(alphabet)
    piece = "".join(drawn.choices(alphabet, k=40_000)).encode()
    core = get_encoding(encoding)._core_bpe
    assert count_piece(core, piece, 1_000) == len(core.encode_single_piece(piece))


def test_a_window_without_a_safe_cut_is_counted_whole() -> None:
    class Stubborn:
        """Merges a whole piece into one token, so that no cut is ever right."""

        def encode_single_piece(self, piece: bytes) -> list[int]:
            return [len(piece)] if len(piece) > 4 else [1, 2, 3]

        def decode_bytes(self, tokens: list[int]) -> bytes:
            return b"xx" * len(tokens)

    assert count_piece(Stubborn(), b"x" * 100, 10) == 1


@pytest.mark.parametrize(
    ("encoding", "before", "after"),
    [
        ("o200k_base", "", ""),
        ("o200k_base", " " * 600_000 + "\n", "!"),
        ("cl100k_base", "", "x"),
        ("cl100k_base", "word\n", " 12"),
    ],
)
def test_enormous_runs_of_blanks(
    encoding: str, before: str, after: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = " " * 1_100_000
    # The run is one piece, but for the blank that the next word takes.
    piece = run[: len(run) - bool(after)]
    expected = (
        plain(encoding, before)
        + len(get_encoding(encoding)._encode_single_piece(piece))
        + plain(encoding, " " * bool(after) + after)
    )
    assert TextCounter(encoding).count(before + run + after) == expected
    assert capfd.readouterr().err == ""


def test_long_texts_and_many_texts_go_in_batches() -> None:
    many = [f"text {i} " * (i % 50) for i in range(1_500)] + ["long " * 60_000, "", SEPARATOR]
    counts = TextCounter("cl100k_base").count_all(many)
    assert counts == {text: plain("cl100k_base", text) for text in many}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MEMO_ENTRIES", 100)
    monkeypatch.setattr(texts, "_MEMO_CHARS", 2_000)
    counter = TextCounter("cl100k_base")
    for start in range(0, 3_000, 50):
        counter.count_all([f"text number {i}" for i in range(start, start + 50)] * 2)
    assert len(counter._young) + len(counter._old) < 400
    # Forgotten or not, the answer is the same.
    assert counter.count("text number 1") == plain("cl100k_base", "text number 1")


def test_what_repeats_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = TextCounter("cl100k_base")
    first = counter.count_all(["system prompt", "question", "system prompt", "question"])

    def fail(batch: list[str]) -> list[int]:
        assert not batch
        return []

    monkeypatch.setattr(counter._engine, "count", fail)
    assert counter.count_all(["question", "system prompt", "question"]) == first


@slow_ok
@given(st.lists(TEXTS, max_size=12), st.lists(st.integers(0, 11), max_size=40))
def test_counts_come_in_the_order_of_the_texts(some: list[str], places: list[int]) -> None:
    counter = TextCounter("o200k_base")
    for _ in range(2):
        chosen = [some[place] for place in places if place < len(some)]
        assert counter.count_each(chosen) == [plain("o200k_base", text) for text in chosen]


def test_an_unknown_encoding_is_refused() -> None:
    from tui.errors import UsageError

    with pytest.raises(UsageError):
        TextCounter("nope")
