"""The faster engine, toktok (``tunedeck[fast]``), where it is sure to give tiktoken's counts.

tiktoken is the reference. toktok is several times as fast, and its counts are the same but where
the two class a character differently; such text (see :mod:`tui.tokens.alike`) goes to tiktoken.
Before it is used at all it has to give tiktoken's counts for a fixed battery of texts, and its
version has to be one that was compared with tiktoken over all of Unicode. Where anything is wrong,
tiktoken counts, and a notice says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tui.tokens.encodings import get_spec

if TYPE_CHECKING:
    from tui.tokens.joined import Tiktoken

VARIABLE = "TUNEDECK_TOKENIZER"
"""The environment variable that chooses an engine by hand."""

TIKTOKEN, TOKTOK = "tiktoken", "toktok"

KNOWN = "0.3."
"""Versions of toktok-rs that start so were compared with tiktoken; pyproject.toml asks for them."""

# toktok's own vocabularies, by ours. The harmony encoding differs in control tokens only, which
# text never becomes here.
_VOCABULARIES = ("cl100k_base", "o200k_base")

WORTH = 8 << 20
"""Bytes of dataset below which tiktoken is done before toktok has loaded its vocabulary."""

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which engine counts, and why.

    Attributes:
        engine: ``tiktoken`` or ``toktok``.
        reason: Why, in plain words.
        notice: What to tell people once, where it is not what they may expect; else empty.
    """

    engine: str
    reason: str
    notice: str = ""


class Toktok:
    """Counts with toktok, and leaves to tiktoken what the two may see differently.

    Args:
        count: toktok's own count of many texts.
        reference: Returns the reference engine; called when it is first needed.
    """

    def __init__(self, count: Count, reference: Callable[[], Tiktoken]) -> None:
        self._count = count
        self._reference = reference
        self._alike = _alike()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the token count of every text, as tiktoken gives it.

        Raises:
            EngineError: toktok failed.
        """
        if all(map(str.isascii, texts)):
            return _guarded(self._count, texts)
        wide = "".join([text for text in texts if not text.isascii()])
        if self._alike(wide) is not None:
            return _guarded(self._count, texts)
        # Half a surrogate pair, which toktok does not take, is strange too.
        strange = [self._alike(text) is None for text in texts]
        ours = _guarded(self._count, _where(texts, strange, wanted=False))
        theirs = self._reference().count(_where(texts, strange, wanted=True))
        each = {True: iter(theirs), False: iter(ours)}
        return [next(each[odd]) for odd in strange]


class EngineError(Exception):
    """The faster engine failed; its message says how."""


def choose(encoding: str, size: int | None = None) -> tuple[Choice, Count | None]:
    """Choose the engine for an encoding.

    Args:
        encoding: The name of an encoding.
        size: How many bytes of dataset are to be counted, where that is known.

    Returns:
        The choice, and toktok's count of many texts where toktok it is.

    Raises:
        UsageError: No encoding has this name.
    """
    wish = os.environ.get(VARIABLE, "").strip().lower()
    plain = _without_trying(encoding, wish, size)
    if plain is not None:
        return plain, None
    choice, count = _tried(get_spec(encoding).vocabulary, wish == TOKTOK)
    if wish != TOKTOK:
        return choice, count
    if count is None:
        return _dropped(choice.reason), None
    return replace(choice, reason=f"chosen by {VARIABLE}; {choice.reason}"), count


def engine_choice(encoding: str) -> Choice:
    """Return which engine counts a large dataset with an encoding, after trying it.

    The answers it is compared by are tiktoken's, worked out here and now.

    Raises:
        UsageError: No encoding has this name.
    """
    from tui.tokens.battery import TEXTS
    from tui.tokens.joined import Tiktoken

    choice, count = choose(encoding, WORTH)
    if count is None:
        return choice
    reference = Tiktoken(encoding)
    try:
        same = Toktok(count, lambda: reference).count(TEXTS) == reference.count(TEXTS)
    except EngineError as error:
        return _dropped(f"toktok-rs failed ({error})")
    return choice if same else _dropped("toktok-rs and tiktoken disagree")


def _without_trying(encoding: str, wish: str, size: int | None) -> Choice | None:
    """Return the choice where it can be made without loading the faster engine."""
    if get_spec(encoding).vocabulary not in _VOCABULARIES:
        return Choice(TIKTOKEN, "toktok does not know this encoding")
    if wish == TIKTOKEN:
        return Choice(TIKTOKEN, f"chosen by {VARIABLE}")
    if wish not in ("", TOKTOK):
        reason = f"{VARIABLE} is neither {TIKTOKEN} nor {TOKTOK}"
        return Choice(TIKTOKEN, reason, f"{reason}: tokens are counted with tiktoken")
    if not wish and (size is None or size < WORTH):
        return Choice(TIKTOKEN, "so little is counted sooner than the faster engine loads")
    return None


@lru_cache(maxsize=2 * len(_VOCABULARIES))
def _tried(vocabulary: str, any_version: bool) -> tuple[Choice, Count | None]:
    """Load toktok and compare it with tiktoken; done once a process and vocabulary."""
    from tui.tokens.battery import EXPECTED, TEXTS

    try:
        toktok = _load()
    except ModuleNotFoundError:
        return Choice(TIKTOKEN, "toktok-rs is not installed"), None
    except Exception as error:  # noqa: BLE001  (somebody else's compiled module, at its import)
        return _dropped(f"toktok-rs cannot be loaded ({type(error).__name__})"), None
    name = f"toktok-rs {getattr(toktok, '__version__', 'of unknown version')}"
    if not (any_version or name.startswith(f"toktok-rs {KNOWN}")):
        return _dropped(f"{name} was never compared with tiktoken"), None

    def count(texts: Sequence[str]) -> list[int]:
        return list(toktok.batch_count(texts, vocabulary, threads=1))

    try:
        found = _guarded(count, TEXTS)
    except EngineError as error:
        return _dropped(f"{name} failed ({error})"), None
    if found != list(EXPECTED[vocabulary]):
        return _dropped(f"{name} and tiktoken disagree"), None
    return Choice(TOKTOK, f"{name} agrees with tiktoken"), count


def _dropped(reason: str) -> Choice:
    return Choice(TIKTOKEN, reason, f"{reason}: tokens are counted with tiktoken")


def _load() -> Any:
    # By name, since it is optional: type checkers need not find it.
    return import_module("toktok")


def _guarded(count: Count, texts: Sequence[str]) -> list[int]:
    """Return the counts, and turn whatever goes wrong within compiled code into one error."""
    try:
        counts = count(texts)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        raise EngineError(type(error).__name__) from error
    if len(counts) != len(texts):
        raise EngineError("counts are missing")
    return counts


def _where(texts: Sequence[str], marks: Sequence[bool], *, wanted: bool) -> list[str]:
    return [text for text, mark in zip(texts, marks, strict=True) if mark is wanted]


@lru_cache(maxsize=1)
def _alike() -> Callable[[str], object]:
    from tui.tokens.alike import pattern

    return pattern().fullmatch
