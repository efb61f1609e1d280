"""Numbers in a line of words: ``Iter 10: Train loss 2.1, It/sec 1.2``, bars with numbers behind.

Trainers that print neither dictionaries nor tables print a step or an epoch, and names with
numbers. Names are words, so whatever stands around them is kept out: a line counts only where a
number has a measure's name, or all of its numbers have a sign before them, and never with a name
of the machinery.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui.logs.rows import STEPS, named

Record = dict[str, object]

MEASURE = re.compile(
    r"loss|reward|acc|ppl|perplexity|score|grad_norm|\blr\b|learning.rate|entropy|bleu|rouge|\bf1\b",
    re.IGNORECASE,
)
_NUMBER = r"(?>[+-]?(?:nan|inf(?:inity)?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))(?![.:/_-]?\d)"
_UNIT = r"(?P<unit>\s?[A-Za-z%][\w/%]*)?"
_WORD = r"[A-Za-z_][\w./@%-]*(?:\([\w/%]{1,12}\))?"
_SPLIT = r"train(?:ing)?|val(?:id(?:ation)?)?|eval(?:uation)?|test(?:ing)?"
_STEP = re.compile(
    r"(?<![\w./-])(?:global[_ ]?)?(?P<word>step|iter|iteration|num_update)s?\s*[:=]?\s*\[?\s*"
    r"(?P<step>\d{1,15})(?![\d.]*[\w%]|\.\d)(?:\s*(?:/|of)\s*(?P<total>\d{1,15}))?\]?",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"Step (\d{1,15}) \| (?=[\w./@-]+:)")
_EPOCH = re.compile(
    r"(?<![\w./-])epoch\s*[:=]?\s*\[?\s*(?P<epoch>\d+(?:\.\d+)?)(?![\d.]*\w)(?:\s*(?:/|of)\s*(?P<epochs>\d+))?\]?",
    re.IGNORECASE,
)
# "Peak mem 10.1 GB", "learning rate: 1.5E-04": between marks a name may be of several words.
_BETWEEN = re.compile(r"[|,;\t]|\s-\s|\s{2,}")
_AFTER_SIGN = re.compile(r"([:=])\s+")
_WHOLE = re.compile(
    rf"(?P<name>{_WORD}(?:\s{_WORD}|\s\(\w+\)){{0,5}})(?P<sign>\s*[:=]\s*|\s+)(?P<number>{_NUMBER}){_UNIT}[\s\])}}.]*",
    re.IGNORECASE,
)
_PAIR = re.compile(
    rf"(?<![\w./@%-])(?:(?P<name>(?:{_WORD}\s){{0,3}}?{_WORD})(?P<sign>\s*[:=]\s*)(?P<number>{_NUMBER})"
    rf"|(?P<said>(?!nan\b|inf\b)(?:(?:{_SPLIT})\s)?{_WORD})\s+(?P<amount>{_NUMBER}))",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"\b(?:nan|inf)\b", re.IGNORECASE)
_SPLIT_WORD = re.compile(rf"(?<![\w./])(?:{_SPLIT})(?![\w./])", re.IGNORECASE)
_TRAIN = re.compile(r"train(?:ing)?", re.IGNORECASE)
# What stands in lines of trainers beside their measures.
_MACHINERY = frozenset(
    {*STEPS, "epoch", "skipped", "rank", "local_rank", "pid", "v_num", "eta", "num_updates", "time"}
)
_LONGEST = 4000
_SIZES = {"k": 1e3, "M": 1e6}
# " 33%|███▎      | 20/60 [00:00<00:00, 260.86it/s, loss=0.5]"
_BAR_NUMBERS = re.compile(r"\[[^\[\]]*(?:it/s|s/it|\?)\s*,\s*(?P<numbers>[^\[\]]*=[^\[\]]*)\]?\s*$")
_TUNE_BAR = re.compile(
    rf"(?P<epoch>\d+)\|(?P<step>\d+)\|Loss:\s*(?P<loss>{_NUMBER})", re.IGNORECASE
)


def _plain(text: str) -> Record | None:
    """Read the commonest form at once: ``Step 1 | loss:0.5 lr:2e-05``, as torchtune writes it."""
    told = _PLAIN.match(text)
    if told is None:
        return None
    pairs = [pair.split(":", 1) for pair in text[told.end() :].split()]
    try:
        found: Record = {name: float(value) for name, value in pairs}
    except ValueError:
        return None
    found["step"] = int(told[1])
    return found


def numbers_in(text: str) -> Record | None:
    """Return the names and numbers of a line; ``None`` where it tells of no step and no epoch.

    Args:
        text: The line, without colours.
    """
    if len(text) > _LONGEST:
        return None
    if (plain := _plain(text)) is not None:
        return plain
    step, epoch = _step_in(text), _EPOCH.search(text)
    if step is None and epoch is None:
        return None
    found = _pairs_around(text, step, epoch)
    if not found or (step is None and not any(map(MEASURE.search, found))):
        return None
    if epoch is not None:
        found["epoch"] = float(epoch["epoch"])
    if step is not None:
        found["step"] = int(step["step"])
        if step["total"] and not (epoch is not None and epoch["epochs"]):
            found["total_steps"] = int(step["total"])
    return found


def numbers_of_bar(text: str) -> Record | None:
    """Return the numbers that stand in a progress bar, with its epoch where it names one.

    Args:
        text: The bar: ``Epoch 0: 10%|█ | 10/100 [00:01<00:09, 9.9it/s, loss=0.5]``, or with
            ``1|10|Loss: 0.5`` before it.
    """
    tune = _TUNE_BAR.match(text.lstrip())
    if tune is not None:
        return {"epoch": int(tune["epoch"]), "step": int(tune["step"]), "loss": float(tune["loss"])}
    told = _BAR_NUMBERS.search(text)
    if told is None:
        return None
    found: Record = {name: value for name, value, _ in _named_numbers(told["numbers"])}
    for step in re.finditer(r"(?<!\w)(?:global_)?step=(\d+)", told["numbers"]):
        found["step"] = int(step[1])
    if not any(map(MEASURE.search, found)):
        return None
    epoch = _EPOCH.search(text[: told.start()])
    if epoch is not None:
        found["epoch"] = float(epoch["epoch"])
    return found


def _step_in(text: str) -> re.Match[str] | None:
    """Return where the step is told: steps rather than iterations, which may be parts of a step."""
    first: re.Match[str] | None = None
    for match in _STEP.finditer(text):
        if match["word"].lower() == "step":
            return match
        first = first or match
    return first


def _pairs_around(text: str, step: re.Match[str] | None, epoch: re.Match[str] | None) -> Record:
    """Return what is told behind the step or the epoch, and measures that are told before it."""
    marks = [match for match in (step, epoch) if match is not None]
    first, last = min(m.start() for m in marks), max(m.end() for m in marks)
    start = min(marks, key=lambda m: m.start()).end()
    before = [told for told in _named_numbers(text[:first]) if MEASURE.search(told[0])]
    rest = text[start:]
    for match in marks:
        if match.start() >= start:
            rest = rest.replace(match[0], "|", 1)
    pairs = [*before, *_named_numbers(rest.lstrip(" :|-\t]"))]
    if not pairs:
        return {}
    if not any(MEASURE.search(name) for name, _, _ in pairs) and not all(s for _, _, s in pairs):
        return {}
    found: Record = {}
    whose = _split_of(text, pairs, last)
    for name, value, _ in pairs:
        found.setdefault(f"{whose}{name}" if whose and MEASURE.search(name) else name, value)
    return found


def _split_of(text: str, pairs: list[tuple[str, float, bool]], last: int) -> str:
    """Return ``valid_`` where a whole line is about validation: ``valid | step 3 | loss 2``."""
    if any(name.startswith(("train", "valid")) for name, _, _ in pairs):
        return ""
    head = _SPLIT_WORD.search(text[: last + 40])
    return "valid_" if head is not None and not _TRAIN.fullmatch(head[0]) else ""


def _named_numbers(text: str) -> Iterator[tuple[str, float, bool]]:
    """Yield name, number and whether a sign stands between them."""
    measure = ""
    for part in _BETWEEN.split(_AFTER_SIGN.sub(r"\1", text)):
        whole = _WHOLE.fullmatch(part.strip())
        if whole is not None and (whole["sign"].strip() or not _NO_NAME.search(whole["name"])):
            told = [(whole["name"], whole["number"], whole["unit"], bool(whole["sign"].strip()))]
        else:
            told = [
                (p["name"] or p["said"], p["number"] or p["amount"], None, bool(p["name"]))
                for p in _PAIR.finditer(part)
            ]
        for words, amount, unit, sign in told:
            name = _named(words, measure)
            measure = "loss" if name.endswith("loss") else measure
            if name not in _MACHINERY:
                yield name, float(amount) * _SIZES.get((unit or "").strip(), 1.0), sign


def _named(words: str, measure: str) -> str:
    """Return the name that words are; behind ``loss train: 2``, ``val: 3`` is a loss too."""
    if measure and _SPLIT_WORD.fullmatch(words):
        return named(f"{words} {measure}")
    return named(words)
