"""How alike two texts are, from 0 to 1, by the well-known measures.

Words are runs of letters and digits, in lower case. ``meteor`` counts exact words only: the full
measure also knows stems and synonyms, for which a dictionary would be needed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

_WORD = re.compile(r"\w+")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _common(a: Sequence[object], b: Sequence[object]) -> int:
    """Return the length of the longest common subsequence, by bits of one large number."""
    places: dict[object, int] = {}
    for index, item in enumerate(a):
        places[item] = places.get(item, 0) | 1 << index
    row = full = (1 << len(a)) - 1
    for item in b:
        hit = row & places.get(item, 0)
        row = (row + hit | row - hit) & full
    return (row ^ full).bit_count()


def fuzzy_match(text: str, reference: str) -> float:
    """Return twice the common subsequence over both lengths, in characters."""
    total = len(text) + len(reference)
    return 2 * _common(text, reference) / total if total else 1.0


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _f1(hits: int, made: int, wanted: int) -> float:
    if made == 0 or wanted == 0:
        return 1.0 if made == wanted else 0.0
    return 2 * hits / (made + wanted)


def _rouge(n: int) -> Callable[[str, str], float]:
    def rouge(text: str, reference: str) -> float:
        made, wanted = _grams(_words(text), n), _grams(_words(reference), n)
        return _f1((made & wanted).total(), made.total(), wanted.total())

    return rouge


def rouge_l(text: str, reference: str) -> float:
    """Return the balanced share of words in the longest common subsequence."""
    made, wanted = _words(text), _words(reference)
    return _f1(_common(made, wanted), len(made), len(wanted))


def bleu(text: str, reference: str) -> float:
    """Return the geometric mean of the shares of 1- to 4-grams that are in the reference.

    Orders beyond the text's length are left out, missing ones count as half a hit, and a text
    shorter than its reference is scaled down.
    """
    made, wanted = _words(text), _words(reference)
    if not made or not wanted:
        return 1.0 if made == wanted else 0.0
    logs = []
    for n in range(1, min(4, len(made)) + 1):
        grams = _grams(made, n)
        hits = (grams & _grams(wanted, n)).total()
        if hits == 0 and n == 1:
            return 0.0
        logs.append(math.log((hits or 0.5) / grams.total()))
    brevity = min(0.0, 1 - len(wanted) / len(made))
    return math.exp(brevity + sum(logs) / len(logs))


def gleu(text: str, reference: str) -> float:
    """Return the smaller of precision and recall over all 1- to 4-grams."""
    made, wanted = _words(text), _words(reference)
    if not made or not wanted:
        return 1.0 if made == wanted else 0.0
    hits = sum((_grams(made, n) & _grams(wanted, n)).total() for n in range(1, 5))
    ours = sum(_grams(made, n).total() for n in range(1, 5))
    theirs = sum(_grams(wanted, n).total() for n in range(1, 5))
    return hits / max(ours, theirs)


def meteor(text: str, reference: str) -> float:
    """Return precision and recall of words, recall counting nine times, less for scattered ones."""
    made, wanted = _words(text), _words(reference)
    if not made or not wanted:
        return 1.0 if made == wanted else 0.0
    pairs = _aligned(made, wanted)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(made), len(pairs) / len(wanted)
    mean = 10 * precision * recall / (recall + 9 * precision)
    chunks = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in pairwise(pairs))
    return mean * (1 - 0.5 * (chunks / len(pairs)) ** 3) if len(pairs) > 1 else mean


def _aligned(made: Sequence[str], wanted: Sequence[str]) -> list[tuple[int, int]]:
    free: dict[str, list[int]] = {}
    for index, word in enumerate(wanted):
        free.setdefault(word, []).append(index)
    pairs: list[tuple[int, int]] = []
    for index, word in enumerate(made):
        if places := free.get(word):
            follows = pairs[-1][1] + 1 if pairs else 0
            place = follows if follows in places else places[0]
            places.remove(place)
            pairs.append((index, place))
    return pairs


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": fuzzy_match,
    "bleu": bleu,
    "gleu": gleu,
    "meteor": meteor,
    **{f"rouge_{n}": _rouge(n) for n in range(1, 6)},
    "rouge_l": rouge_l,
}
