"""How stop rules are written: a line a person can type, read or refused with what may be meant.

::

    METRIC > NUMBER        also >= < <= == !=, such as train_loss > 5 or valid_accuracy < 30%
    METRIC rises N         the last N measurements each went up; falls N: each went down
    METRIC rises N%        it is that far over its lowest; falls N%: that far under its highest
    METRIC is nan          the value is no finite number
    cost > 20              dollars so far; also step, epoch, tokens, and time > 2h
    no event for 1h30m     nothing was heard while the run was running

Several may stand in one rule with ``and`` between them; all must be true at the same time. A name
with blanks in it stands in double quotes. What is done follows: ``then alert`` (the default),
``then cancel``, ``then run COMMAND…`` (without a shell), or ``then shell LINE``.
"""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Sequence
from typing import NoReturn

from tui.errors import UsageError
from tui.run.stops import OF_THE_RUN, Action, Condition, StopRule, Test

GRAMMAR = (
    "'valid_loss rises 3', 'valid_loss rises 10%', 'train_loss is nan', 'cost > 20', "
    "'step > 500', 'time > 2h' or 'no event for 30m', with 'then cancel' or 'then run COMMAND' "
    "after it"
)
_MOST = 1000
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
# Compiled when a rule is read: most panels have none.
_NAME = r"(\"[^\"]+\"|[\w./:@-]+)"
_NUMBER = r"[+-]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_TIME = rf"(\d+(?:\.\d+)?\s*{_UNIT}?(?:\s*\d+(?:\.\d+)?\s*{_UNIT})*)"
_SILENCE = rf"no\s+events?\s+for\s+{_TIME}"
_CLOCK = rf"time\s*(>=|>)\s*{_TIME}"
_COMPARE = rf"{_NAME}\s*(>=|<=|==|!=|=|>|<)\s*(\$?)\s*({_NUMBER})\s*(%|\$|usd|dollars)?"
_TREND = rf"{_NAME}\s+(rises|falls)\s+(?:(\d+)(?:\s+times(?:\s+in\s+a\s+row)?)?|({_NUMBER})\s*%)"
_NAN = rf"{_NAME}\s+is\s+(?:nan|inf|infinite|not\s+finite)"
_THEN = r"\bthen\s+(alert|cancel|run|shell)\b\s*"
_AND = r"\s+and\s+"
# Other ways to say it, each with the way that is understood: for "did you mean".
_MEANT = (
    (r"[\u2018\u2019\u201c\u201d'`]", ""),
    (r"≥|=>|\b(?:is )?at least\b", ">="),
    (r"≤|=<|\b(?:is )?at most\b", "<="),
    (r"\b(?:is |goes )?(?:above|over|greater than|more than|bigger than|exceeds)\b", ">"),
    (r"\b(?:is |goes )?(?:below|under|less than|smaller than|lower than)\b", "<"),
    (r"^\s*(?:stop |cancel |alert )?(?:if|when|once)\s+", ""),
    (r"\b(?:raises|rise|rising|rose|increases?|grows?|climbs?|(?:is |goes )up)\b", "rises"),
    (r"\b(?:fall|falling|fell|decreases?|drops?|shrinks?|(?:is |goes )down)\b", "falls"),
    (r"\b(rises|falls)\s+(?:by|for)\s+", r"\1 "),
    (r"\b(rises|falls)\s+x?(\d+)\s*x?(?:\s+(?:steps|measurements|epochs|in a row).*)?$", r"\1 \2"),
    (r"\b(rises|falls)\s*$", r"\1 3"),
    (r"^(?:is_?)?nan\(?\s*([\w./-]+)\s*\)?$", r"\1 is nan"),
    (r"(?:==?|\bis)\s*(?:a\s+)?(?:nan|not a number|infinity|none|null)\b", "is nan"),
    (r"^([\w./-]+)\s+nan$", r"\1 is nan"),
    (
        r"\b(?:silent|silence|quiet|idle|nothing|stalled|no news)\s*(?:>|for|in|since)?\s*(?=\d)",
        "no event for ",
    ),
    (
        r"\bno\s+(?:new\s+)?(?:events?|metrics?|updates?)\s*(?:>|in|since|for|within)?\s*(?=\d)",
        "no event for ",
    ),
    (r"^(?:price|spend|spent|money|usd|costs)\b", "cost"),
    (r"^steps\b", "step"),
    (r"^epochs\b", "epoch"),
    (r"^(?:elapsed|runtime|duration|wall ?time|hours)\b", "time"),
    (r"\s*(?:&&?|\bAND\b)\s*", " and "),
    (r"\s*(?:\|\|?|\bor\b)\s*", "; "),
    (
        r"\s*(?:->|:|,)?\s*\b(?:then\s+)?(?:stop|kill|abort|cancel)(?:\s+(?:it|the (?:run|job)))?$",
        " then cancel",
    ),
    (r"\bthen\s+(?:notify|tell|warn|bell|beep)(?:\s+me)?$", "then alert"),
    (r"\bthen\s+(?:exec|execute|call|command)\b", "then run"),
    (r"^([a-z]+)\s+([a-z]+)(?=\s*(?:[<>=!]|rises|falls|is\s))", r"\1_\2"),
)
_WORDS = ("rises", "falls", "then", "cancel", "alert", "no", "event", "for", "and", "shell", "run")


def parse(text: str, default: str = "alert") -> StopRule:
    """Read one rule.

    Args:
        text: As in the description of this module.
        default: What follows ``then`` when the text does not say it.

    Raises:
        UsageError: It is not a rule; the hint shows what is.
    """
    rule = _read(text, default)
    if rule is None:
        _refuse(text)
    return rule


def parse_all(texts: Sequence[str], default: str = "alert") -> tuple[StopRule, ...]:
    """Read the rules of several texts; a text may hold several, with ``;`` between them.

    A command takes the rest of its text, semicolons too; ``;;`` ends it. Rules given twice count
    once.

    Raises:
        UsageError: One of them is not a rule.
    """
    rules: dict[StopRule, None] = {}
    for text in texts:
        for part in _parts(text):
            rules[parse(part, default)] = None
    if not rules:
        _refuse("")
    return tuple(rules)


def join(rules: Sequence[StopRule]) -> str:
    """Return one line that :func:`parse_all` reads back to the same rules."""
    between = ";; " if any(rule.command for rule in rules) else "; "
    return between.join(map(str, rules))


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for whole in text.split(";;"):
        rest = whole
        while rest.strip():
            head, _, tail = rest.partition(";")
            if re.search(r"\bthen\s+(run|shell)\b", head, re.IGNORECASE):
                head, tail = rest, ""
            parts.append(head)
            rest = tail
    return [part for part in parts if part.strip()]


def seconds_of(text: str) -> float | None:
    """Read a length of time such as ``90``, ``30m`` or ``1h 30m``; ``None`` when it is not one."""
    if not re.fullmatch(_TIME, text.strip(), re.IGNORECASE):
        return None
    total = 0.0
    for number, unit in re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]?)[a-z]*", text.casefold()):
        total += float(number) * _UNITS[unit]
    return total if 0 < total < math.inf else None


def _read(text: str, default: str) -> StopRule | None:
    then = re.search(_THEN, text, re.IGNORECASE)
    head = text[: then.start()] if then else text
    parts = [_condition(part) for part in re.split(_AND, " ".join(head.split()), flags=re.I)]
    found = tuple(part for part in parts if part is not None)
    if len(found) < len(parts):
        return None
    return _with_action(found, text[then.start() :] if then else f"then {default}", text)


def _condition(text: str) -> Condition | None:
    if found := re.fullmatch(_SILENCE, text, re.IGNORECASE):
        seconds = seconds_of(found[1])
        return Condition(text, "", Test.SILENCE, seconds) if seconds else None
    if found := re.fullmatch(_CLOCK, text, re.IGNORECASE):
        seconds = seconds_of(found[2])
        return Condition(text, "time", Test.TIME, seconds, found[1]) if seconds else None
    if found := re.fullmatch(_NAN, text, re.IGNORECASE):
        return Condition(text, _name(found[1]), Test.NAN)
    if found := re.fullmatch(_TREND, text, re.IGNORECASE):
        return _trend(text, found)
    found = re.fullmatch(_COMPARE, text, re.IGNORECASE)
    return _comparison(text, found) if found else None


def _trend(text: str, found: re.Match[str]) -> Condition | None:
    percent = found[3] is None
    number = _number(found[4] if percent else found[3])
    fits = 0 < number < math.inf if percent else 1 <= number <= _MOST
    test = Test(found[2].lower())
    return Condition(text, _name(found[1]), test, number, percent=percent) if fits else None


def _comparison(text: str, found: re.Match[str]) -> Condition | None:
    name, limit, unit = _name(found[1]), _number(found[4]), (found[5] or "").lower()
    money, percent = bool(found[3] or unit not in ("", "%")), unit == "%"
    if not math.isfinite(limit) or name == "time" or (money and name != "cost"):
        return None
    if percent and (money or name in OF_THE_RUN):
        return None
    op = "==" if found[2] == "=" else found[2]
    return Condition(text, name, Test.COMPARE, limit / 100 if percent else limit, op, percent)


def _name(text: str) -> str:
    return text[1:-1].strip() if text.startswith('"') else text


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _with_action(conditions: tuple[Condition, ...], text: str, whole: str) -> StopRule | None:
    found = re.match(_THEN, text, re.IGNORECASE)
    if found is None:
        return None
    kind, rest = found[1].lower(), text[found.end() :].strip()
    if kind in ("alert", "cancel"):
        return None if rest else StopRule(conditions, Action(kind))
    try:
        words = (rest,) if kind == "shell" else tuple(shlex.split(rest))
    except ValueError as error:
        raise UsageError(
            f"{whole!r}: the command cannot be read ({str(error).lower()})",
            "close the quotes, or write 'then shell LINE'",
        ) from error
    if not words or not words[0]:
        raise UsageError(f"{whole!r} names no command to run", "such as: then run notify-send done")
    return StopRule(conditions, Action.RUN, words, shell=kind == "shell")


def _refuse(text: str) -> NoReturn:
    hint = f"write {GRAMMAR}"
    if meant := _meant(text):
        hint = f"did you mean {meant!r}?"
    elif re.fullmatch(r"[\w./:@-]+", text.strip()):
        hint = f"put the whole rule in quotes, such as {GRAMMAR}"
    elif _reads(re.split(r"\s+then\b", text, flags=re.IGNORECASE)[0]):
        hint = "after 'then' stands alert, cancel, 'run COMMAND' or 'shell LINE'"
    raise UsageError(f"{text!r} is not a stop rule", hint)


def _meant(text: str) -> str:
    """Return the rule that a text most likely means; empty when nobody can tell."""
    tried = " ".join(text.split())
    if guess := _spelt(tried):
        return guess
    for pattern, better in _MEANT:
        tried = " ".join(re.sub(pattern, better, tried, flags=re.IGNORECASE).split())
        if _reads(tried):
            return tried
    return _spelt(tried)


def _spelt(text: str) -> str:
    """Return a text with its words spelt as they are understood, if that is a rule then."""
    words = text.split()
    for at, word in enumerate(words[1:], 1):
        if word.isalpha():
            close = difflib.get_close_matches(word.lower(), _WORDS, 1, 0.6)
            words[at] = close[0] if close else word
    spelt = " ".join(words)
    return spelt if _reads(spelt) else ""


def _reads(text: str) -> bool:
    try:
        return all(_read(part, "alert") is not None for part in _parts(text)) and bool(text)
    except UsageError:
        return False
