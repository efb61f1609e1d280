"""The encodings of OpenAI's models, built from package data: no network, no cache folder.

Three vocabularies serve seven encodings: r50k and gpt2 are the head of p50k's, p50k_edit shares it,
and o200k_harmony is o200k with more special tokens. Patterns and special tokens are facts about the
encodings, proved equal to tiktoken's own by a test. Nothing is registered with tiktoken: a plug-in
that reuses one of its names would break every ``tiktoken.get_encoding`` of the process.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tui.errors import TunedeckError, UsageError

if TYPE_CHECKING:
    import tiktoken

# A token that p50k does not have: its id is the end-of-text token of the older vocabularies.
_P50K_GAP = 50256

_SHA256 = {
    "p50k_base": "d9854f0a086f29402e282a425917c69b2e146b388771b4095e8bcf944d55ed77",
    "cl100k_base": "361486d95ef56257109fcf28e783a73e6bc9943c2a44296fb6cea1b386e2739a",
    "o200k_base": "8c866d8a9169a585a00b0b43e116668ae8636bd4ebe25be6b7ec9ab977c1dbff",
}

_R50K_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)"  # contractions
    r"| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++"  # letters, digits, the rest, with one blank before
    r"|\s++$|\s+(?!\S)|\s"  # blanks, but for the one that belongs to the next word
)
_CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)"
    r"|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K_PATTERN = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)

_END = "<|endoftext|>"
_FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
_PROMPT_END = "<|endofprompt|>"


def _harmony_specials() -> dict[str, int]:
    named = {
        _END: 199999,
        "<|startoftext|>": 199998,
        "<|return|>": 200002,
        "<|constrain|>": 200003,
        "<|channel|>": 200005,
        "<|start|>": 200006,
        "<|end|>": 200007,
        "<|message|>": 200008,
        "<|call|>": 200012,
        _PROMPT_END: 200018,
    }
    taken = set(named.values()) - {200018}
    reserved = {f"<|reserved_{i}|>": i for i in range(200000, 201088) if i not in taken}
    return {**named, **reserved}


@dataclass(frozen=True, slots=True)
class EncodingSpec:
    """What defines an encoding, besides its ranks.

    Attributes:
        vocabulary: The packed file its ranks come from.
        pattern: The regular expression that cuts text into pieces.
        specials: Control tokens and their ids.
        head: How many of the vocabulary's tokens it has; ``None`` for all.
    """

    vocabulary: str
    pattern: str
    specials: Mapping[str, int] = field(default_factory=dict)
    head: int | None = None


SPECS: Mapping[str, EncodingSpec] = {
    "cl100k_base": EncodingSpec(
        "cl100k_base",
        _CL100K_PATTERN,
        {_END: 100257, **{fim: 100258 + i for i, fim in enumerate(_FIM)}, _PROMPT_END: 100276},
    ),
    "o200k_base": EncodingSpec("o200k_base", _O200K_PATTERN, {_END: 199999, _PROMPT_END: 200018}),
    "o200k_harmony": EncodingSpec("o200k_base", _O200K_PATTERN, _harmony_specials()),
    "p50k_base": EncodingSpec("p50k_base", _R50K_PATTERN, {_END: 50256}),
    "p50k_edit": EncodingSpec(
        "p50k_base",
        _R50K_PATTERN,
        {_END: 50256, **{fim: 50281 + i for i, fim in enumerate(_FIM)}},
    ),
    "r50k_base": EncodingSpec("p50k_base", _R50K_PATTERN, {_END: 50256}, head=_P50K_GAP),
    "gpt2": EncodingSpec("p50k_base", _R50K_PATTERN, {_END: 50256}, head=_P50K_GAP),
}

_LOCK = threading.Lock()


def encoding_names() -> tuple[str, ...]:
    """Return the names :func:`get_encoding` knows."""
    return tuple(SPECS)


def get_spec(name: str) -> EncodingSpec:
    """Return what defines an encoding.

    Raises:
        UsageError: No encoding has this name.
    """
    spec = SPECS.get(name)
    if spec is None:
        raise UsageError(f"no encoding is called {name!r}", f"use one of {', '.join(SPECS)}")
    return spec


def get_encoding(name: str) -> tiktoken.Encoding:
    """Return an encoding that gives the very tokens tiktoken gives; built once, then kept.

    Building takes about 0.2 s and holds the interpreter for most of it, so an interface asks for
    it in a worker.

    Raises:
        UsageError: No encoding has this name.
        TunedeckError: The vocabulary that came with the program is damaged.
    """
    get_spec(name)
    # One at a time: two threads that ask at once would both pay, and one result be thrown away.
    with _LOCK:
        return _build(name)


@lru_cache(maxsize=len(SPECS))
def _build(name: str) -> tiktoken.Encoding:
    from tiktoken import Encoding

    spec = get_spec(name)
    return Encoding(
        name,
        pat_str=spec.pattern,
        mergeable_ranks=load_ranks(spec.vocabulary, spec.head),
        special_tokens=dict(spec.specials),
    )


def load_ranks(vocabulary: str, head: int | None = None) -> dict[bytes, int]:
    """Return the ranks of a packed vocabulary, or of its first ``head`` tokens.

    Raises:
        TunedeckError: The file is missing or its SHA-256 is not the expected one.
    """
    from tui.tokens.vocab.pack import unpack

    path = files("tui.tokens.vocab").joinpath(f"{vocabulary}.bin")
    try:
        packed = path.read_bytes()
        if hashlib.sha256(packed).hexdigest() != _SHA256[vocabulary]:
            raise zlib.error("checksum differs")
        tokens = unpack(packed)
    except (OSError, zlib.error) as error:
        raise TunedeckError(
            f"the vocabulary {vocabulary} is damaged ({error})", "install tunedeck again"
        ) from error
    if vocabulary != "p50k_base":
        return {token: rank for rank, token in enumerate(tokens)}
    return {token: rank + (rank >= _P50K_GAP) for rank, token in enumerate(tokens[:head])}
