"""The filter language: read, written, and put into plain English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tui.dataset.describe import FEATURES, ROLES, SCRIPTS, SEVERITIES
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.dataset.query.model import Bounds, Filter, Search

KEYS = (
    "code", "severity", "role", "without", "has", "script", "tokens", "assistant", "messages",
    "label", "text", "regex", "case", "in",
)  # fmt: skip
"""What may stand before a colon."""

_FEATURE_WORDS = {
    "tools": "tools",
    "calls": "tool calls",
    "images": "images",
    "weights": "weights",
    "names": "names",
}
_SCRIPT_WORDS = {name: name.capitalize() for name in SCRIPTS} | {"other": "other"}
_SEVERITY_WORDS = {"error": "errors", "warning": "warnings", "advice": "advice"}
_HINT = "such as severity:error tokens:100..500 has:tools /text/i"

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_WORD = re.compile(
    rf"\s*(?:/(?P<slashed>(?:[^/\\]|\\.)*+)/(?P<flags>\w*)(?=\s|$)"
    rf'|(?P<key>[a-z]+):(?P<value>(?:{_QUOTED}|[^\s"])*+)(?=\s|$)'
    rf"|(?P<other>\S+))",
    re.DOTALL,
)
_RANGE = re.compile(
    r"(?P<low>\d{1,15})?\.\.(?P<high>\d{1,15})?|(?P<sign>>=|<=|>|<|=)?(?P<number>\d{1,15})",
    re.ASCII,
)


def parse(text: str) -> dict[str, Any]:
    """Return the fields of a filter.

    Raises:
        UsageError: A word that is not known, or a value that makes no sense.
    """
    reader = _Reader()
    for match in _words(text):
        if match["slashed"] is not None:
            reader.slashed(match["slashed"], match["flags"])
        elif match["key"] is not None:
            reader.pair(match["key"], match["value"])
        else:
            raise _not_a_filter(match["other"])
    return reader.fields()


def _words(text: str) -> Iterator[re.Match[str]]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _WORD.match(text, at, end)
        assert match is not None, "every text has a first word"
        yield match
        at = match.end()


class _Reader:
    """Gathers the words of one filter."""

    def __init__(self) -> None:
        self._sets: dict[str, set[str]] = {}
        self._ranges: dict[str, Bounds] = {}
        self._label: tuple[str, str] | None = None
        self._text: str | None = None
        self._regex = False
        self._case: bool | None = None
        self._role: str | None = None
        self._handlers: dict[str, Callable[[str, str], None]] = {
            "code": self._code,
            "severity": self._choice("severities", SEVERITIES),
            "role": self._choice("roles", ROLES),
            "without": self._choice("without", ROLES),
            "has": self._choice("features", FEATURES),
            "script": self._choice("scripts", SCRIPTS),
            "tokens": self._range,
            "assistant": self._range,
            "messages": self._range,
            "label": self._labelled,
            "text": lambda _, value: self._search(value, regex=False),
            "regex": lambda _, value: self._search(value, regex=True),
            "case": self._cased,
            "in": self._inside,
        }

    def pair(self, key: str, raw: str) -> None:
        handler = self._handlers.get(key)
        if handler is None:
            close = get_close_matches(key, KEYS, n=1)
            mean = f"did you mean {close[0]}:? " if close else ""
            raise UsageError(f"{key}: is no part of a filter", f"{mean}there are {', '.join(KEYS)}")
        value = _unquote(raw)
        if not value:
            raise UsageError(f"{key}: has nothing after it", f"write {_EXAMPLES[key]}")
        handler(key, value)

    def slashed(self, text: str, flags: str) -> None:
        if not text:
            raise UsageError("// looks for nothing", "write the text between the slashes")
        unknown = set(flags) - set("ir")
        if unknown:
            raise UsageError(
                f"/{min(unknown)} is unknown after a text",
                "there are i to ignore case and r for a regular expression",
            )
        self._search(text.replace("\\/", "/"), regex="r" in flags)
        self._cased("case", "no" if "i" in flags else "yes")

    def fields(self) -> dict[str, Any]:
        from tui.dataset.query.model import Search

        found: dict[str, Any] = {name: frozenset(words) for name, words in self._sets.items()}
        found.update(self._ranges)
        if self._label is not None:
            found["label"] = self._label
        if self._text is not None:
            case = True if self._case is None else self._case
            if self._regex:
                from tui.dataset.query.pattern import compiled

                compiled(self._text, case=case)
            found["search"] = Search(self._text, self._regex, case, self._role)
        elif self._case is not None or self._role is not None:
            word = "in:" if self._role is not None else "case:"
            raise UsageError(f"{word} goes with a text and there is none", "write /text/ as well")
        return found

    def _code(self, _: str, value: str) -> None:
        from tui.dataset.rules.catalogue import RULES

        for code in value.split(","):
            if code not in RULES:
                close = get_close_matches(code, RULES, n=3)
                hint = f"did you mean {' or '.join(close)}? " if close else ""
                raise UsageError(
                    f"no rule is called {code!r}", f"{hint}tunedeck check --rules lists them"
                )
            self._sets.setdefault("codes", set()).add(code)

    def _choice(self, name: str, known: tuple[str, ...]) -> Callable[[str, str], None]:
        def choose(key: str, value: str) -> None:
            for word in value.split(","):
                if word not in known:
                    raise UsageError(
                        f"{key}:{word} is not known", f"{key}: takes one of {', '.join(known)}"
                    )
                self._sets.setdefault(name, set()).add(word)

        return choose

    def _range(self, key: str, value: str) -> None:
        self._once(key, key in self._ranges)
        match = _RANGE.fullmatch(value)
        low = high = None
        if match is not None and match["number"] is not None:
            low, high = _bounds(match["sign"] or "=", int(match["number"]))
        elif match is not None:
            low, high = (int(match[side]) if match[side] else None for side in ("low", "high"))
        empty = low is None and high is None
        crossed = low is not None and high is not None and low > high
        if empty or crossed or (high is not None and high < 0):
            raise UsageError(
                f"{key}:{value} is no range of numbers",
                f"write {key}:100..500, {key}:>4 or {key}:7",
            )
        self._ranges[key] = (low, high)

    def _labelled(self, key: str, value: str) -> None:
        self._once(key, self._label is not None)
        path, mark, wanted = value.partition("=")
        if not mark or not path:
            raise UsageError(
                f"label:{value} is no label", "write label:PATH=VALUE, or label:answer=VALUE"
            )
        self._label = (path, wanted)

    def _search(self, text: str, *, regex: bool) -> None:
        self._once("text", self._text is not None)
        self._text, self._regex = text, regex

    def _cased(self, key: str, value: str) -> None:
        self._once(key, self._case is not None)
        if value not in ("yes", "no"):
            raise UsageError(f"case:{value} is not known", "write case:yes or case:no")
        self._case = value == "yes"

    def _inside(self, key: str, value: str) -> None:
        self._once(key, self._role is not None)
        self._role = value

    def _once(self, key: str, given: bool) -> None:
        if given:
            raise UsageError(f"{key}: is given twice", "give it once")


_EXAMPLES = {
    "code": "code:blank_content",
    "severity": "severity:error",
    "role": "role:tool",
    "without": "without:system",
    "has": "has:tools",
    "script": "script:han",
    "tokens": "tokens:100..500",
    "assistant": "assistant:<10",
    "messages": "messages:>4",
    "label": "label:metadata.kind=refund",
    "text": 'text:"some words"',
    "regex": 'regex:"[0-9]+ EUR"',
    "case": "case:no",
    "in": "in:user",
}


def _bounds(sign: str, number: int) -> Bounds:
    if sign == ">":
        return number + 1, None
    if sign == ">=":
        return number, None
    if sign == "<":
        return None, number - 1
    if sign == "<=":
        return None, number
    return number, number


def _unquote(raw: str) -> str:
    return re.sub(
        _QUOTED, lambda match: re.sub(r"\\(.)", r"\1", match[0][1:-1], flags=re.DOTALL), raw
    )


def _not_a_filter(word: str) -> UsageError:
    if word.startswith("/") and word.count("/") == 1:
        return UsageError(f"the slash after {word!r} is missing", "write /text/ or /text/i")
    if '"' in word:
        return UsageError(f"a quote is open in {word!r}", 'close it: text:"some words"')
    return UsageError(
        f"{word!r} is no filter", f"write /{word}/ to search for it, or words {_HINT}"
    )


def to_text(wanted: Filter) -> str:
    """Return a filter in the filter language."""
    parts: list[str] = []
    for key, words in (
        ("code", wanted.codes),
        ("severity", wanted.severities),
        ("role", wanted.roles),
        ("without", wanted.without),
        ("has", wanted.features),
        ("script", wanted.scripts),
    ):
        if words:
            parts.append(f"{key}:{','.join(sorted(words))}")
    ranges = {"tokens": wanted.tokens, "assistant": wanted.assistant, "messages": wanted.messages}
    for key, (low, high) in ranges.items():
        if low is not None or high is not None:
            span = f"{'' if low is None else low}..{'' if high is None else high}"
            parts.append(f"{key}:{low if low == high else span}")
    if wanted.label is not None:
        parts.append("label:" + _quote("=".join(wanted.label)))
    if wanted.search is not None:
        parts.append(_search_text(wanted.search))
    return " ".join(parts)


def _search_text(search: Search) -> str:
    if "/" in search.text or "\\" in search.text:
        key = "regex" if search.regex else "text"
        text = f"{key}:{_quote(search.text)}" + ("" if search.case else " case:no")
    else:
        text = f"/{search.text}/{'' if search.case else 'i'}{'r' if search.regex else ''}"
    return text if search.role is None else f"{text} in:{_quote(search.role)}"


def _quote(value: str) -> str:
    if value and re.search(r'[\s"\\]', value) is None:
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def words(wanted: Filter) -> str:
    """Return a filter in plain English."""
    parts: list[str] = []
    if wanted.severities:
        parts.append(_listed([_SEVERITY_WORDS[s] for s in SEVERITIES if s in wanted.severities]))
    if wanted.codes:
        parts.append(_listed(sorted(wanted.codes)))
    amounts = (
        (wanted.tokens, "token"),
        (wanted.assistant, "assistant token"),
        (wanted.messages, "message"),
    )
    for bounds, noun in amounts:
        if bounds != (None, None):
            parts.append(_amount(bounds, noun))
    parts += _contents(wanted)
    if wanted.label is not None:
        path, value = wanted.label
        parts.append(f"{path} is “{value}”")
    if wanted.search is not None:
        parts.append(search_words(wanted.search))
    return ", ".join(parts) or "all records"


def _contents(wanted: Filter) -> Iterator[str]:
    features = [word for name, word in _FEATURE_WORDS.items() if name in wanted.features]
    if features:
        yield "with " + _listed(features, "and")
    if "blank" in wanted.features:
        yield "blank lines"
    if wanted.roles:
        roles = [role for role in ROLES if role in wanted.roles]
        yield f"with {_listed(roles, 'and')} messages"
    if wanted.without:
        roles = [role for role in ROLES if role in wanted.without]
        yield f"without {_listed(roles)} messages"
    if wanted.scripts:
        scripts = [_SCRIPT_WORDS[name] for name in SCRIPTS if name in wanted.scripts]
        yield f"with {_listed(scripts, 'and')} letters"


def search_words(search: Search) -> str:
    """Return a search in plain English."""
    what = f"matching /{search.text}/" if search.regex else f"with “{search.text}”"
    case = "" if search.case else " in any case"
    where = "" if search.role is None else f" in {search.role} messages"
    return what + case + where


def _listed(names: list[str], last: str = "or") -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _amount(bounds: Bounds, noun: str) -> str:
    low, high = bounds
    if low is None:
        return f"at most {high:,} {noun}{'' if high == 1 else 's'}"
    if high is None:
        return f"at least {low:,} {noun}{'' if low == 1 else 's'}"
    if low == high:
        return f"{low:,} {noun}{'' if low == 1 else 's'}"
    return f"{low:,} to {high:,} {noun}s"
