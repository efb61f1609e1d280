"""What an answer is like: a refusal, a copy of the question, or one that stops too early."""

from __future__ import annotations

import re
from functools import cache

_REFUSES = (
    r"(?:can(?:no|['’])?t|can not|am (?:un|not )able to|(?:wo|do)n['’]t(?: be able to)?|"
    r"will not|['’]m (?:un|not )able to|must decline to|have to decline)"
)
_DEEDS = (
    r"(?: to)?(?: help(?: you)?| assist(?: you)?| provide| fulfil+| comply| do (?:that|this)|"
    r" engage| participate| support (?:that|this)| discuss (?:that|this)| continue with|"
    r" (?:create|generate) (?:that|this|content)| write (?:that|this)| answer (?:that|this|your))"
)
_OBJECTS = r"(?:[^.!?\n]{0,60}\b(?:that|this|these|those|such|request|your|any)\b|[.!?]|$)"


@cache
def _refusal() -> re.Pattern[str]:
    return re.compile(
        r"(?:(?:I['’]m|I am|We['’]re) (?:very |so |really |truly )?sorry|Sorry|Unfortunately|"
        r"I apologi[sz]e|My apologies|Apologies)?"
        r"[,.;]?(?: but)?(?: as an AI[^,.]{0,40},)?\s*"
        rf"I(?:['’]m| am)? ?{_REFUSES}{_DEEDS}\b{_OBJECTS}"
        rf"|(?:Unfortunately|Sorry|I['’]m sorry),?(?: but)? I ?{_REFUSES} provide"
        r" (?:assistance|guidance|instructions|advice)\b"
        rf"|As an AI\b[^.!?\n]{{0,60}}\bI(?:['’]m| am)? ?{_REFUSES}\b"
        r"|I(?:['’]m| am) sorry,? (?:but )?as an AI\b",
        re.IGNORECASE,
    )


REFUSAL_STARTS = frozenset(
    ("I'm ", "I’m ", "I am", "I ca", "I wo", "I wi", "I do", "I mu", "I ha", "I ap", "Sorr", "Unfo",
     "My a", "Apol", "As a", "We'r", "We’r")
)  # fmt: skip
"""The first four characters of whatever `is_refusal` may say yes to."""

_OPENING = 240
_SHORT = 12


def is_refusal(answer: str) -> bool:
    """Return whether an answer starts by declining what is asked."""
    return answer[:4] in REFUSAL_STARTS and _refusal().match(answer[:_OPENING]) is not None


def is_copy(answer: str, question: str) -> bool:
    """Return whether an answer is the question once more, and long enough for that to be odd."""
    return len(answer) >= _SHORT and answer == question


STOPS = frozenset(".!?…。！？．।؟۔:;)]}>\"'”’»`*_|~%$€£™°✓♪|/\\=#0123456789")
"""Last characters after which nothing is missed."""

_MID_WORDS = """
a an the and or but nor of to in into is are was were be been with without for that which who
whose by on at as from because if when while than then your their its his her our my this
these those will would can could should may might must not such both either about between
through
"""
_MID = frozenset(_MID_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+$")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_FENCE = "```"
_FEW_WORDS = 4
_LONG_ROW = 50


def stops_early(answer: str) -> str:
    """Return in which way an answer seems cut off: in a few words, or nothing where it does not."""
    text = answer.rstrip()
    if not text:
        return ""
    if text.count(_FENCE) % 2 and text.lstrip().count(_FENCE):
        return "ends in the middle of code"
    last = text[-1]
    if last in STOPS:
        return ""
    row = text[text.rfind("\n") + 1 :]
    if last in ",([{":
        return f"ends with {last}"
    if not last.islower() or len(row.split(None, _FEW_WORDS)) < _FEW_WORDS:
        return ""
    word = row[-40:].rsplit(None, 1)[-1]
    if not word.isalpha():
        match = _WORD.search(word)
        if match is None:
            return ""
        word = match.group()
    if word in _MID:
        return f"ends with “{word}”"
    if len(row) >= _LONG_ROW and _SENTENCE_END.search(text):
        return "ends in the middle of a sentence"
    return ""
