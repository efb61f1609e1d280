"""The faster engine gives tiktoken's counts or is not used, and people are told which counts."""

from __future__ import annotations

import random
import sys
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tokens.test_texts import ATOMS, TEXTS
from tui.tokens import ExampleCounter, alike, battery, fast, get_encoding
from tui.tokens.joined import Tiktoken
from tui.tokens.texts import TextCounter

LARGE = 1 << 30
ENCODINGS = ("cl100k_base", "o200k_base")
slow_ok = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(fast.VARIABLE, raising=False)
    fast._tried.cache_clear()
    yield
    fast._tried.cache_clear()


# --- the real engine, where it is installed ------------------------------------------------------


@pytest.fixture(scope="module", params=ENCODINGS)
def both(request: pytest.FixtureRequest) -> tuple[Any, Tiktoken]:
    """Return the faster engine and the reference."""
    pytest.importorskip("toktok", reason="toktok-rs is not installed: pip install 'tunedeck[fast]'")
    choice, count = fast.choose(request.param, LARGE)
    assert choice.engine == fast.TOKTOK, choice
    assert count is not None
    reference = Tiktoken(request.param)
    return fast.Toktok(count, lambda: reference), reference


def agree(both: tuple[Any, Tiktoken], texts: Sequence[str]) -> None:
    ours, theirs = (engine.count(texts) for engine in both)
    if ours != theirs:
        wrong = [ascii(text[:99]) for text, a, b in zip(texts, ours, theirs, strict=True) if a != b]
        raise AssertionError(f"{len(wrong)} differ, such as {wrong[:5]}")


# What a class decides: a contraction after it, a blank or a sign before it, digits in threes, the
# case that ends a word, line ends after signs.
CONTEXTS = (
    ("{}", "'{}'s", "a{}'llama", "the {}The"),
    ("1{}234", "{}{}{}", " \n {} \n", "A{}a THE{}re"),
    ("'{}", "'S{}e", "!{}/\n/", "\u0301{}'Re"),
)


@pytest.mark.parametrize("contexts", CONTEXTS)
def test_every_code_point(both: tuple[Any, Tiktoken], contexts: tuple[str, ...]) -> None:
    trusted = [chr(i) for first, last in alike.ranges() for i in range(first, last + 1)]
    for context in contexts:
        agree(both, [context.replace("{}", character) for character in trusted])
    # The others are the reference's business, as one sees from all of them together.
    trusted_too = set(trusted)
    others = [c for i in range(sys.maxunicode + 1) if (c := chr(i)) not in trusted_too]
    step = 4096
    for start in range(0, len(others), step):
        agree(both, [contexts[1].replace("{}", c) for c in others[start : start + step : 97]])
    agree(both, ["".join(others[start : start + 64]) for start in range(0, len(others), 64 * 11)])


@slow_ok
@given(texts=st.lists(TEXTS, max_size=12))
def test_mixtures(both: tuple[Any, Tiktoken], texts: list[str]) -> None:
    agree(both, texts)


def test_many_mixtures(both: tuple[Any, Tiktoken]) -> None:
    rng = random.Random(20261122)
    letters = [
        *ATOMS,
        *"\u2019\u017f\u212a\u0130\u0131ßǅʰªⅧ²٣٤中한あनिสอיء😀\u200d\ufe0f\u0301\u20e3🇺🇳",
    ]
    words = [
        "'ve",
        "'RE",
        "'ll",
        "Don't",
        "IT'S",
        "HTTPServer",
        "x = f(y)",
        "https://a.b/c?d",
        "\\u00e9",
    ]
    texts = ["".join(rng.choices(letters + words, k=rng.randint(1, 14))) for _ in range(30_000)]
    texts += [
        "".join(chr(rng.choice((rng.randrange(0x250), rng.randrange(0x3000)))) for _ in range(9))
        for _ in range(20_000)
    ]
    agree(both, texts)


def test_long_pieces(both: tuple[Any, Tiktoken]) -> None:
    rng = random.Random(7)
    runs = [
        c * n for c in (*"a =-\n\t0中é😀\u3000\u0301", "ab", "\r\n") for n in (99, 1_000, 20_001)
    ]
    runs += [run + "x" for run in runs] + ["'s " + run + "'s" for run in runs]
    runs += ["".join(rng.choices("abcdefghij", k=n)) for n in (90, 700, 5_000, 60_000)]
    runs += ["".join(rng.choices("\x00\x7f=#/<>{}", k=n)) for n in (90, 700, 5_000)]
    runs += ["👩\u200d👩\u200d👧" * 700, "<|endoftext|>" * 300, "<|im_start|>" * 300, "'s" * 900]
    agree(both, runs)


@pytest.mark.parametrize("engine", [fast.TIKTOKEN, fast.TOKTOK])
@pytest.mark.parametrize("text", ["a", " ", "=", "1", "\n", "\u3000", "😀", "中", " x", "'s"])
def test_a_megabyte_of_one_thing(
    engine: str, text: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if engine == fast.TOKTOK:
        pytest.importorskip(
            "toktok", reason="toktok-rs is not installed: pip install 'tunedeck[fast]'"
        )
    monkeypatch.setenv(fast.VARIABLE, engine)
    counter = TextCounter("o200k_base")
    assert counter.choice.engine == engine
    many = text * (1_100_000 // len(text))
    count, with_word = counter.count_each([many, many + "x"])
    assert 0 < count <= len(many.encode())
    assert abs(count - with_word) <= 5
    if engine == fast.TOKTOK:
        assert [count, with_word] == Tiktoken("o200k_base").count([many, many + "x"])
    assert capfd.readouterr() == ("", "")


# --- the rules of choosing -----------------------------------------------------------------------


def module(count: Callable[..., Any], version: str = "0.3.0") -> SimpleNamespace:
    return SimpleNamespace(batch_count=count, __version__=version)


def right(texts: Sequence[str], encoding: str, threads: int = 0) -> list[int]:
    return Tiktoken(encoding).count(texts)


def wrong(texts: Sequence[str], encoding: str, threads: int = 0) -> list[int]:
    return [
        count + (text == "12") for text, count in zip(texts, right(texts, encoding), strict=True)
    ]


class Panic(BaseException):
    """What compiled code raises when it panics: no Exception."""


def panics(texts: Sequence[str], encoding: str, threads: int = 0) -> list[int]:
    raise Panic


def panics_later(texts: Sequence[str], encoding: str, threads: int = 0) -> list[int]:
    if list(texts) == list(battery.TEXTS):
        return right(texts, encoding)
    raise Panic


def install(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setitem(sys.modules, "toktok", found)


def test_a_large_dataset_is_counted_by_the_faster_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, module(right))
    counter = TextCounter("o200k_base", LARGE)
    assert (counter.choice.engine, counter.choice.notice) == ("toktok", "")
    texts = ["hello", "'\u017f", "half \ud83d", "'\ua7ce's", "مرحبا", ""]
    expected = [len(get_encoding("o200k_base").encode_ordinary(text)) for text in texts]
    assert counter.count_each(texts) == expected


def test_what_it_may_class_differently_never_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def listening(texts: Sequence[str], encoding: str, threads: int = 0) -> list[int]:
        seen.extend(texts)
        return right(texts, encoding)

    install(monkeypatch, module(listening))
    counter = TextCounter("o200k_base", LARGE)
    seen.clear()
    counter.count_each(["plain", "'\u017fa", "x\ud800", "\U00032400", "naïve 😀", "'\u0c5c's"])
    assert seen == ["plain", "naïve 😀"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (module(wrong), "disagree"),
        (module(panics), "failed (Panic)"),
        (module(lambda *_, **__: []), "counts are missing"),
        (SimpleNamespace(__version__="0.3.1"), "failed (AttributeError)"),
        (module(right, "0.4.0"), "0.4.0 was never compared"),
        (SimpleNamespace(batch_count=right), "of unknown version was never compared"),
    ],
)
def test_an_engine_that_is_not_right_is_dropped_with_a_notice(
    monkeypatch: pytest.MonkeyPatch, found: object, words: str
) -> None:
    install(monkeypatch, found)
    counter = ExampleCounter("cl100k_base", LARGE)
    assert counter.choice.engine == "tiktoken"
    assert words in counter.choice.notice
    assert counter.choice.notice.endswith("counted with tiktoken")


def test_an_engine_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "toktok", raising=False)
    (tmp_path / "toktok.py").write_text("raise ImportError('wrong machine')")
    monkeypatch.syspath_prepend(tmp_path)
    choice, _ = fast.choose("o200k_base", LARGE)
    assert choice.engine == "tiktoken"
    assert "cannot be loaded (ImportError)" in choice.notice


def test_an_engine_that_fails_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, module(panics_later))
    counter = TextCounter("o200k_base", LARGE)
    assert counter.choice.engine == "toktok"
    assert counter.count_each(["hello world", "12"]) == [2, 1]
    assert counter.choice.engine == "tiktoken"
    assert "failed (Panic)" in counter.choice.notice


def test_without_it_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, None)
    choice, count = fast.choose("o200k_base", LARGE)
    assert (choice.engine, choice.notice, count) == ("tiktoken", "", None)
    assert "not installed" in choice.reason


def test_little_is_left_to_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, module(panics))
    for size in (None, 0, fast.WORTH - 1):
        choice, _ = fast.choose("o200k_base", size)
        assert (choice.engine, choice.notice) == ("tiktoken", "")
    choice, _ = fast.choose("p50k_base", LARGE)
    assert (choice.engine, choice.notice) == ("tiktoken", "")


def test_choosing_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, module(right, "9.9"))
    monkeypatch.setenv(fast.VARIABLE, "tiktoken")
    assert fast.choose("o200k_base", LARGE)[0].engine == "tiktoken"
    # By hand a version nobody knows may be taken, and for little data, but never a wrong one.
    monkeypatch.setenv(fast.VARIABLE, "toktok")
    assert fast.choose("o200k_harmony", None)[0].engine == "toktok"
    install(monkeypatch, module(wrong))
    fast._tried.cache_clear()
    assert fast.choose("o200k_base", None)[0].engine == "tiktoken"
    install(monkeypatch, None)
    fast._tried.cache_clear()
    assert "not installed" in fast.choose("o200k_base", None)[0].notice
    monkeypatch.setenv(fast.VARIABLE, "abacus")
    assert "neither" in fast.choose("o200k_base", LARGE)[0].notice


# --- what was written down -----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_expected_counts_are_tiktokens(encoding: str) -> None:
    encode = get_encoding(encoding).encode_ordinary
    assert battery.EXPECTED[encoding] == tuple(len(encode(text)) for text in battery.TEXTS)


def test_trusted_characters_are_old_ones() -> None:
    """Python's table is Unicode 14.0 or later, so it has them all."""
    for first, last in alike.ranges():
        if first == 0x1F000:  # unassigned characters among emoji are symbols to all
            continue
        assert not {unicodedata.category(chr(i)) for i in range(first, last + 1)} & {"Cn", "Cs"}


def test_the_versions_asked_for_are_the_known_ones() -> None:
    root = Path(__file__).resolve().parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (wanted,) = [line for line in extras["fast"] if line.startswith("toktok-rs")]
    major, minor = fast.KNOWN.split(".")[:2]
    assert wanted.startswith(f"toktok-rs>={major}.{minor},<{major}.{int(minor) + 1}")
