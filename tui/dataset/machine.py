"""A strict JSON reader that says what is wrong, where, and what to do.

The fast parsers say "invalid" and a position; this one runs only on text they refused. It reads
token by token with a stack of open brackets, never by recursion, so that no text can exhaust it;
what is right and not nested deeply it leaps over. It can be fed line by line, which tells an object
spread over several lines from a line that was cut off.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum, auto

from tui.dataset.leaps import ESCAPED, LEVELS, PLAIN, SPACE, strict

MAX_DEPTH = 256
"""Levels of nesting accepted. Real records have fewer than thirty."""

_WS = re.compile(SPACE)
_STRING = re.compile(rf'"({PLAIN}(?:{ESCAPED}{PLAIN})*+)(.?)', re.DOTALL)
_NUMBER = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+")
_NUMBER_LIKE = re.compile(r"[-+.0-9][-+.0-9a-zA-Z_]*+")
_WORD = re.compile(r"[^\W\d]\w*+")
_LITERALS = {"true", "false", "null"}
_FOREIGN = {
    "NaN": "use null or a number",
    "Infinity": "use null or a number",
    "inf": "use null or a number",
    "nan": "use null or a number",
    "None": "write null",
    "True": "write true",
    "False": "write false",
    "undefined": "write null, or leave the key out",
}
_CONTROL_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_CONTROL_NAMES = {"\n": "a line break", "\t": "a tab", "\r": "a carriage return", "\0": "a NUL"}
_QUOTES = "'`‘’“”«»"
_CLOSER = {"{": "}", "[": "]"}
_MARK_HINT = "remove it: files that were put one after the other leave one where each begins"


class _Expect(Enum):
    VALUE = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    FIRST_ELEMENT = auto()
    AFTER_VALUE = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong with a text.

    Attributes:
        offset: 0-based character in the text last fed.
        message: What is wrong.
        hint: What to do.
        too_deep: Nothing is wrong but the depth.
    """

    offset: int
    message: str
    hint: str
    too_deep: bool = False


@dataclass(frozen=True, slots=True)
class _Open:
    bracket: str
    line: int
    column: int


class JsonMachine:
    """Reads one JSON value from text fed in pieces that end between tokens (whole lines).

    Args:
        commas: Pass over a comma before a closing bracket and one after the value, if nothing else
            follows it there.

    Attributes:
        passed: Whether a comma was passed over.
    """

    def __init__(self, *, commas: bool = False) -> None:
        self._commas = commas
        self.passed = False
        self._stack: list[_Open] = []
        self._expect = _Expect.VALUE
        self._comma = (0, 0)
        self._lines = 0
        self._text = ""
        self._pos = 0
        self._whole, self._members = strict()

    @property
    def complete(self) -> bool:
        """Whether one whole value has been read."""
        return self._expect is _Expect.NOTHING

    @property
    def started(self) -> bool:
        """Whether anything but white space has been read."""
        return bool(self._stack) or self._expect is not _Expect.VALUE

    def feed(self, text: str) -> Fault | None:
        """Read on; return the first fault, or ``None`` where all is right so far."""
        self._text = text
        self._pos = _WS.match(text).end()  # type: ignore[union-attr]
        size = len(text)
        while self._pos < size:
            fault = self._step(text[self._pos])
            if fault is not None:
                return fault
            self._pos = _WS.match(text, self._pos).end()  # type: ignore[union-attr]
        self._lines += 1
        return None

    def finish(self) -> Fault | None:
        """Say what is missing when no more text follows the last piece fed."""
        if self.complete:
            return None
        end = len(self._text.rstrip(" \t\r\n"))
        if not self._stack:
            return Fault(end, "there is no value", "write one JSON object a line")
        last = self._stack[-1]
        missing = "".join(_CLOSER[entry.bracket] for entry in reversed(self._stack[-8:]))
        more = f" and {len(self._stack) - 8} more" if len(self._stack) > 8 else ""
        return Fault(
            end,
            f"the line ends before the {last.bracket} opened at column {last.column} is closed",
            f"the record is cut off: write the rest, at least {missing}{more}, or remove the line",
        )

    # One small method a state keeps each message beside the test that finds it.

    def _step(self, char: str) -> Fault | None:
        expect = self._expect
        if expect is _Expect.AFTER_VALUE:
            return self._after_value(char)
        if expect is _Expect.COLON:
            return self._colon(char)
        if expect is _Expect.NOTHING:
            return self._trailing(char)
        if expect is _Expect.FIRST_KEY or expect is _Expect.KEY:
            return self._key(char)
        if expect is _Expect.FIRST_ELEMENT and char == "]":
            return self._close(char)
        return self._value(char)

    def _value(self, char: str) -> Fault | None:
        if char == '"':
            return self._scalar(self._string())
        if char in "{[":
            return self._scalar(None) if self._leap(self._whole) else self._open(char)
        if char in "-0123456789":
            return self._scalar(self._number())
        word = _WORD.match(self._text, self._pos)
        if word and word.group() in _LITERALS:
            self._pos = word.end()
            return self._scalar(None)
        return self._bad_value(char, word)

    def _leap(self, pattern: re.Pattern[str]) -> bool:
        """Pass over what is certainly right; what is wrong is found by going through it."""
        if len(self._stack) > MAX_DEPTH - LEVELS:
            return False
        match = pattern.match(self._text, self._pos)
        self._pos = match.end() if match else self._pos
        return match is not None

    def _open(self, char: str) -> Fault | None:
        if len(self._stack) >= MAX_DEPTH:
            return Fault(
                self._pos,
                f"more than {MAX_DEPTH} levels of nesting",
                "flatten the record; no training service reads this deep",
                too_deep=True,
            )
        self._stack.append(_Open(char, self._lines, self._pos + 1))
        self._expect = _Expect.FIRST_KEY if char == "{" else _Expect.FIRST_ELEMENT
        self._pos += 1
        return None

    def _close(self, char: str) -> Fault | None:
        opened = self._stack[-1]
        closer = _CLOSER[opened.bracket]
        if closer != char:
            where = f"at column {opened.column}"
            if opened.line != self._lines:
                where += f", {self._lines - opened.line} lines above"
            return Fault(
                self._pos,
                f"{char} where {closer} must close the {opened.bracket} opened {where}",
                f"write {closer} before it, or remove the {char}",
            )
        self._stack.pop()
        self._pos += 1
        self._done()
        return None

    def _scalar(self, fault: Fault | None) -> Fault | None:
        if fault is None:
            self._done()
        return fault

    def _done(self) -> None:
        self._expect = _Expect.AFTER_VALUE if self._stack else _Expect.NOTHING

    def _after_value(self, char: str) -> Fault | None:
        if char == ",":
            self._comma = (self._lines, self._pos)
            inside = self._stack[-1].bracket
            self._expect = _Expect.KEY if inside == "{" else _Expect.VALUE
            self._pos += 1
            return None
        if char in "}]":
            return self._close(char)
        return self._missing_comma(char)

    def _missing_comma(self, char: str) -> Fault:
        comment = self._comment(char)
        if comment:
            return comment
        here = self._pos
        closer = _CLOSER[self._stack[-1].bracket]
        inside = "object" if closer == "}" else "list"
        if char in '"{[':
            return Fault(
                here,
                f"a comma is missing before this {_thing(char)} in the {inside}",
                'write a comma between the two; if a quote is part of the text, write it as \\"',
            )
        if char == ":":
            return Fault(
                here,
                "a colon where a comma or a closing bracket should stand",
                "check the quotes before it: the text before the colon is read as a value",
            )
        return Fault(
            here,
            f"{_show(self._text, here)} follows a finished value; a comma or {closer} should "
            "stand here",
            'a quote inside the text before it is probably not escaped: write it as \\"',
        )

    def _colon(self, char: str) -> Fault | None:
        if char == ":":
            self._expect = _Expect.VALUE
            self._pos += 1
            return None
        comment = self._comment(char)
        if comment:
            return comment
        if char == "=":
            return Fault(self._pos, "= where a colon should stand", "write : between key and value")
        return Fault(
            self._pos,
            f"a colon is missing after the key, before {_show(self._text, self._pos)}",
            "write : between key and value",
        )

    def _key(self, char: str) -> Fault | None:
        if char == '"':
            self._leap(self._members)
            fault = self._string()
            self._expect = _Expect.COLON
            return fault
        if char == "}":
            return self._trailing_comma("}") if self._expect is _Expect.KEY else self._close(char)
        comment = self._comment(char)
        if comment:
            return comment
        here = self._pos
        if char in _QUOTES:
            return _quote_fault(here, char, "key")
        if char == ",":
            return Fault(here, "one comma too many", "remove it")
        if char == "]":
            return self._close(char)
        word = _WORD.match(self._text, here)
        if word:
            return Fault(
                here,
                f"the key {_show(self._text, here)} stands without quotes",
                f'write it in double quotes: "{word.group()[:20]}"',
            )
        return Fault(
            here,
            f"{_show(self._text, here)} where a key in double quotes should stand",
            'every key is text in double quotes, such as "role"',
        )

    def _trailing_comma(self, closer: str) -> Fault | None:
        if self._commas:
            self.passed = True
            return self._close(closer)
        # After a line break the comma is in an earlier piece: the bracket is the nearest place.
        row, column = self._comma
        return Fault(
            column if row == self._lines else self._pos,
            f"a comma before the closing {closer}",
            "remove the comma: JSON allows none after the last entry",
        )

    def _bad_value(self, char: str, word: re.Match[str] | None) -> Fault | None:
        here = self._pos
        if char in "]}" and self._stack and self._expect is _Expect.VALUE:
            if self._stack[-1].bracket == "[" and char == "]":
                return self._trailing_comma("]")
            if self._stack[-1].bracket == "{":
                return Fault(here, "a value is missing after the colon", "write the value, or null")
        comment = self._comment(char)
        if comment:
            return comment
        if char in _QUOTES:
            return self._quoted(char)
        if char == "," and self._stack:
            return Fault(
                here, "a value is missing before this comma", "write the value, or remove it"
            )
        if char == "\ufeff":
            return Fault(here, "a byte order mark inside the file", _MARK_HINT)
        if char in "+.":
            return self._bad_number()
        if word:
            return self._bad_word(word)
        return Fault(
            here,
            f"{_show(self._text, here)} where a value should stand",
            "each line is one JSON object; remove what is not JSON",
        )

    def _quoted(self, char: str) -> Fault:
        if not self._stack and self._text.startswith("```", self._pos):
            return Fault(self._pos, "a code fence of Markdown", "remove the line")
        return _quote_fault(self._pos, char, "value")

    def _bad_word(self, word: re.Match[str]) -> Fault:
        name = word.group()
        if name in _FOREIGN:
            return Fault(self._pos, f"{name} is not JSON", _FOREIGN[name])
        if name.lower() in _LITERALS:
            return Fault(self._pos, f"{name} is not JSON", f"write {name.lower()}")
        if not self._stack:
            return Fault(
                self._pos,
                f"{_show(self._text, self._pos)} is not JSON",
                "each line is one JSON object that starts with {; convert other formats first",
            )
        return Fault(
            self._pos,
            f"{_show(self._text, self._pos)} stands without quotes",
            "put text in double quotes",
        )

    def _number(self) -> Fault | None:
        here = self._pos
        if self._text.startswith("-Infinity", here):
            return Fault(here, "-Infinity is not JSON", "use null or a number")
        match = _NUMBER.match(self._text, here)
        like = _NUMBER_LIKE.match(self._text, here)
        if match is None or like is None or like.end() != match.end():
            return self._bad_number()
        token = match.group()
        if math.isinf(float(token)):
            return Fault(
                here,
                f"a number of {len(token):,} characters that is too large to be read",
                "write a smaller number, or put it in quotes",
            )
        self._pos = match.end()
        return None

    def _bad_number(self) -> Fault:
        match = _NUMBER_LIKE.match(self._text, self._pos)
        token = match.group() if match else ""
        rest = token.lstrip("-")
        hint = "write a plain number such as 10, 0.5 or 1e3, or put the text in quotes"
        if token.startswith("+"):
            hint = "remove the plus sign"
        elif rest.startswith("."):
            hint = "write a 0 before the decimal point"
        elif rest.endswith("."):
            hint = "write a digit after the decimal point"
        elif len(rest) > 1 and rest[0] == "0" and rest[1].isdigit():
            hint = "remove the zeros before the number, or put it in quotes"
        return Fault(self._pos, f"{_show(self._text, self._pos)} is not a JSON number", hint)

    def _string(self) -> Fault | None:
        match = _STRING.match(self._text, self._pos)
        assert match is not None
        end, stop = match.end(1), match.group(2)
        if stop == '"':
            self._pos = match.end()
            return None
        start = self._pos + 1
        if not stop:
            return Fault(
                len(self._text),
                f"the line ends inside the text whose quote opens at column {start}",
                "the record is cut off, or the closing quote is missing: write the rest, or "
                "remove the line",
            )
        if stop == "\\":
            return self._bad_escape(end)
        if stop == "\r" and not self._text[end:].strip():
            return Fault(
                end,
                f"the line ends inside the text whose quote opens at column {start}",
                "write a line break inside text as \\n, or close the quote",
            )
        name = _CONTROL_NAMES.get(stop, f"the control character U+{ord(stop):04X}")
        escape = _CONTROL_ESCAPES.get(stop, f"\\u{ord(stop):04x}")
        return Fault(end, f"{name} inside a text, not escaped", f"write it as {escape}")

    def _bad_escape(self, at: int) -> Fault:
        after = self._text[at + 1 : at + 2]
        if not after:
            return Fault(
                len(self._text),
                "the line ends after a backslash, inside a text",
                "the record is cut off: write the rest, or remove the line",
            )
        if after == "u":
            return Fault(at, "\\u is not followed by four hexadecimal digits", "write \\u00e9, say")
        shown = _show(self._text, at + 1, 1)
        return Fault(
            at,
            f"a backslash before {shown}, which JSON does not know",
            "write \\\\ for a backslash; a single quote needs none",
        )

    def _comment(self, char: str) -> Fault | None:
        if char == "#" or self._text.startswith(("//", "/*"), self._pos):
            return Fault(self._pos, "a comment", "remove it: JSON has no comments")
        return None

    def _trailing(self, char: str) -> Fault | None:
        here = self._pos
        comment = self._comment(char)
        if comment:
            return comment
        if char in "{[":
            returned = "\r" in self._text[:here].rstrip("\n")[-2:]
            return Fault(
                here,
                "a second value on the same line",
                "end lines with a line feed, not a carriage return alone"
                if returned
                else "put each record on a line of its own",
            )
        if char == ",":
            if self._commas and not self._text[here + 1 :].strip(" \t\r\n"):
                self.passed = True
                self._pos = len(self._text)
                return None
            return Fault(
                here,
                "a comma after the record",
                "remove it: in JSONL the records stand on lines, with nothing between them",
            )
        if char in "}]":
            return Fault(here, f"one {char} too many", "remove it")
        return Fault(
            here,
            f"text after the record: {_show(self._text, here)}",
            "remove it, or escape a quote",
        )


def diagnose(text: str) -> Fault | None:
    """Return what is wrong with ``text`` as one JSON value, or ``None`` where nothing is."""
    machine = JsonMachine()
    return machine.feed(text) or machine.finish()


def _thing(char: str) -> str:
    return {'"': "text", "{": "object", "[": "list"}[char]


def _quote_fault(offset: int, char: str, what: str) -> Fault:
    from widgets.text import clean

    name = "single quotes" if char == "'" else f"the quote {clean(char)}"
    return Fault(offset, f"{name} around a {what}", 'use double quotes: "')


def _show(text: str, start: int, limit: int = 12) -> str:
    """Quote a little of the text for a message, cleaned, to the end of the word."""
    from widgets.text import clean

    piece = text[start : start + limit + 1]
    match = re.match(r"\S\w*", piece)
    word = match.group() if match else piece[:1]
    return f"“{clean(word, limit=limit)}”"
