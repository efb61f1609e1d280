"""One record's bytes to its issues: parsing, structure, format rules, places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from tui.dataset.clutter import can_be_cleared
from tui.dataset.formats.detect import look_alike, record_format
from tui.dataset.locate import Locator, write_path
from tui.dataset.machine import MAX_DEPTH, diagnose
from tui.dataset.model import Finding, Format, Issue, JsonPath
from tui.dataset.profile import Profile
from tui.dataset.rules import chat, completion, images, preference, reinforcement
from tui.dataset.rules.catalogue import RULES
from tui.dataset.rules.message import intended_role
from tui.dataset.rules.quality import record as quality
from tui.dataset.rules.quality.suspects import is_suspect
from tui.dataset.rules.text import DEFAULT_ENCODING, a_kind, quote

if TYPE_CHECKING:
    from tui.tokens import ExampleCounter

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_MOST_SURROGATES = 20
_IMAGE = b"image_url"
_ENGLISH = {
    Format.CHAT: "chat",
    Format.PREFERENCE: "preference",
    Format.REINFORCEMENT: "reinforcement",
    Format.COMPLETION: "prompt and completion",
    Format.UNKNOWN: "unknown",
}


_CHECKS = {
    Format.CHAT: chat.check,
    Format.PREFERENCE: preference.check,
    Format.REINFORCEMENT: reinforcement.check,
    Format.COMPLETION: completion.check,
}


@dataclass(slots=True)
class Checked:
    """What came of one record.

    Attributes:
        value: The parsed record; ``None`` where it does not parse (or is ``null``).
        parsed: Whether it is JSON at all.
        issues: Everything found, in the order of the text.
        roles: The roles of its messages as meant, for a chat record; ``None`` for others.
        images: How many image parts it has.
    """

    value: object = None
    parsed: bool = False
    issues: list[Issue] = field(default_factory=list)
    roles: frozenset[str | None] | None = None
    images: int = 0


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What checking depends on besides the bytes; small, and the same in every process.

    Attributes:
        profile: Severities and limits.
        format: The format of the file; ``UNKNOWN`` where none of its first records shows one.
        encoding: Whose control tokens text may not hold.
        context_limit: Tokens an example may have; ``None`` for no limit.
        model: The model the limit belongs to, for messages.
        approximate: Whether its tokens are counted with another model's encoding.
        quality: Whether the rules about what an example teaches speak too.
    """

    profile: Profile
    format: Format = Format.CHAT
    encoding: str = DEFAULT_ENCODING
    context_limit: int | None = None
    model: str = ""
    approximate: bool = False
    quality: bool = True


class Checker:
    """Applies every rule that needs one record only."""

    def __init__(self, settings: CheckSettings) -> None:
        self.settings = settings
        self._counter: ExampleCounter | None = None

    def check(self, raw: bytes, line: int, column: int = 1, *, placed: bool = True) -> Checked:
        """Check the bytes of one record.

        Args:
            raw: The record, without the line feed after it; may hold line feeds between tokens.
            line: The 1-based line it starts on.
            column: The 1-based column it starts at.
            placed: Find where in the record each issue stands, which takes a third of the time;
                where nobody is to see them, all stand at its beginning.
        """
        checked = Checked()
        text: str | None = None
        try:
            checked.value = orjson.loads(raw)
            checked.parsed = True
        except (ValueError, RecursionError):
            text = self._refused(raw, checked, line, column)
        if not checked.parsed:
            return checked
        findings = list(self._structure(raw, checked.value, escapes=text is not None))
        if findings and findings[0].code == "too_deep":
            # What a record this deep was meant to be cannot be told.
            pass
        elif isinstance(checked.value, dict):
            checked.roles = self._roles(checked.value)
            findings += self._format(checked.value)
            findings += self._context(raw, checked.value)
            if _IMAGE in raw:
                findings += self._images(checked, checked.value)
            if self.settings.quality and not checked.issues:
                kind = self.settings.format
                findings += quality.check(checked.value, kind, suspect=is_suspect(raw))
        else:
            findings.append(_not_an_object(checked.value))
        if findings:
            locator = Locator(raw.decode("utf-8", "replace") if text is None else text)
            checked.issues += self._place(findings, locator if placed else None, line, column)
            checked.issues.sort(key=lambda issue: (issue.line, issue.column))
        return checked

    def issue(
        self,
        code: str,
        line: int,
        column: int,
        message: str,
        hint: str,
        *,
        fixable: bool | None = None,
    ) -> Issue:
        """Build an issue about a line or a file rather than about a value in a record."""
        rule = RULES[code]
        severity = self.settings.profile.severity(code, rule.severity)
        can = rule.fixable if fixable is None else fixable
        return Issue(line, column, "", code, severity, message, hint, can)

    def _refused(self, raw: bytes, checked: Checked, line: int, column: int) -> str | None:
        """Find out why the fast parser refused; parse all the same where that is possible."""
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            text = raw.decode("utf-8", "replace")
            checked.issues.append(self._bad_utf8(raw, error.start, line, column))
        fault = diagnose(text)
        if fault is None:
            checked.value = _lenient(text)
            checked.parsed = checked.value is not _FAILED
            if checked.parsed:
                return text
            checked.value = None
            checked.issues.append(
                self.issue(
                    "invalid_json", line, column, "no JSON reader takes this", "rewrite it",
                    fixable=False,
                )
            )  # fmt: skip
        elif not checked.issues:
            row, at = Locator(text).position(fault.offset)
            place = (line + row, at + (column - 1 if row == 0 else 0))
            code = "too_deep" if fault.too_deep else "invalid_json"
            can = can_be_cleared(raw)
            checked.issues.append(self.issue(code, *place, fault.message, fault.hint, fixable=can))
        return None

    def _bad_utf8(self, raw: bytes, start: int, line: int, column: int) -> Issue:
        before = raw[:start].decode("utf-8")
        row = before.count("\n")
        at = len(before) - before.rfind("\n") if row else len(before) + column
        shown = " ".join(f"{byte:02X}" for byte in raw[start : start + 4])
        return self.issue(
            "invalid_utf8",
            line + row,
            at,
            f"bytes that are not UTF-8: {shown}",
            f"save the file as UTF-8; this line looks like {_guess_encoding(raw)}",
        )

    def _structure(self, raw: bytes, value: object, *, escapes: bool) -> Iterator[Finding]:
        strings, depth = shape(value)
        if depth > MAX_DEPTH:
            yield Finding(
                "too_deep",
                _deep_path(value),
                f"more than {MAX_DEPTH} levels of nesting",
                "flatten the record; no training service reads this deep",
            )
        if not quotes_match(raw, strings):
            yield from _duplicate_keys(raw)
        if escapes and _SURROGATE_ESCAPE.search(raw):
            yield from _lone_surrogates(value)

    def _format(self, record: dict[str, object]) -> Iterator[Finding]:
        wanted = self.settings.format
        kind = record_format(record)
        alike = look_alike(record) if kind is Format.UNKNOWN else None
        if kind is Format.UNKNOWN and (alike or wanted is Format.UNKNOWN):
            yield _unknown(record, alike)
            return
        base = Format.CHAT if wanted is Format.REINFORCEMENT else wanted
        if kind in (base, Format.UNKNOWN):
            kind = wanted
        elif wanted is not Format.UNKNOWN:
            yield Finding(
                "mixed_formats",
                (),
                f"a {_ENGLISH[kind]} record in a {_ENGLISH[wanted]} file",
                "keep one format a file: move this record to a file of its own",
            )
        yield from self._rules(kind, record)

    def _rules(self, kind: Format, record: dict[str, object]) -> Iterator[Finding]:
        yield from _CHECKS[kind](record, self.settings.encoding)

    def _images(self, checked: Checked, record: dict[str, object]) -> Iterator[Finding]:
        lists = message_lists(record)
        checked.images = images.count_images(lists)
        if checked.images:
            outputs = frozenset(preference.OUTPUTS)
            yield from images.check(lists, self.settings.profile, outputs=outputs)

    def _roles(self, record: dict[str, object]) -> frozenset[str | None] | None:
        messages = record.get("messages")
        if (
            self.settings.format is not Format.CHAT
            or not isinstance(messages, list)
            or not messages
        ):
            return None
        return frozenset(
            intended_role(entry.get("role")) if isinstance(entry, dict) else None
            for entry in messages
        )

    def _context(self, raw: bytes, record: dict[str, object]) -> Iterator[Finding]:
        limit = self.settings.context_limit
        # A token stands for at least one byte, so a shorter record cannot be over.
        if limit is None or len(raw) <= limit or not isinstance(record.get("messages"), list):
            return
        if self._counter is None:
            from tui.tokens import ExampleCounter

            self._counter = ExampleCounter(self.settings.encoding)
        billed = self._counter.rows([record]).billed
        tokens = billed[0] if billed else 0
        if tokens > limit:
            about = "about " if self.settings.approximate else ""
            yield Finding(
                "over_context",
                ("messages",),
                f"{about}{tokens:,} tokens, of which {self.settings.model} trains on {limit:,}",
                f"the last {tokens - limit:,} tokens, the answer, get cut off: shorten or split it",
            )

    def _place(
        self, findings: list[Finding], locator: Locator | None, line: int, column: int
    ) -> Iterator[Issue]:
        row, at = 0, 1
        for finding in findings:
            rule = RULES[finding.code]
            if locator is not None:
                row, at = locator.position(locator.find(finding.path, at_key=finding.at_key))
            yield Issue(
                line + row,
                at + (column - 1 if row == 0 else 0),
                write_path(finding.path),
                finding.code,
                self.settings.profile.severity(finding.code, rule.severity),
                finding.message,
                finding.hint,
                rule.fixable if finding.fixable is None else finding.fixable,
            )


def message_lists(record: dict[str, object]) -> list[tuple[JsonPath, list[object]]]:
    """Return every list of messages a record has, whatever its format, each with its path."""
    given = record.get("input")
    inside = given.get("messages") if isinstance(given, dict) else None
    found: list[tuple[JsonPath, object]] = [
        (("messages",), record.get("messages")),
        (("input", "messages"), inside),
        *(((key,), record.get(key)) for key in preference.OUTPUTS),
    ]
    return [(path, entries) for path, entries in found if isinstance(entries, list)]


def shape(value: object) -> tuple[int, int]:
    """Return how many strings a JSON value holds, keys included, and how deep it is nested."""
    if isinstance(value, str):
        return 1, 0
    strings = depth = 0
    level: list[object] = [value] if isinstance(value, (dict, list)) else []
    while level:
        depth += 1
        below: list[object] = []
        for container in level:
            entries: object = container
            if type(container) is dict:
                strings += len(container)
                entries = container.values()
            for entry in entries:  # type: ignore[attr-defined]
                kind = type(entry)
                if kind is str:
                    strings += 1
                elif kind is dict or kind is list:
                    below.append(entry)
        level = below
    return strings, depth


def quotes_match(raw: bytes, strings: int) -> bool:
    """Return whether the text has as many strings as the value parsed from it.

    It has more exactly when a key stands twice in one object, because parsers keep only the last
    of them. Counting quotes is far cheaper than a parser that reports every pair.
    """
    quotes = raw.count(b'"')
    if quotes == 2 * strings:
        return True
    if b"\\" not in raw:
        return False
    if b"\\\\" not in raw:
        return quotes - raw.count(b'\\"') == 2 * strings
    return _ESCAPE.sub(b"", raw).count(b'"') == 2 * strings


def _duplicate_keys(raw: bytes) -> Iterator[Finding]:
    text = raw.decode("utf-8", "replace")
    locator = Locator(text)
    ahead: list[tuple[JsonPath, int]] = [((), locator.root)]
    while ahead:
        path, offset = ahead.pop()
        children = locator.entries(offset)
        # Of a key written twice the last value counts.
        last = {child.name: child.value for child in children}
        seen: set[str | int] = set()
        told: set[str | int] = set()
        for child in children:
            if child.name in seen and child.name not in told:
                told.add(child.name)
                yield Finding(
                    "duplicate_key",
                    (*path, child.name),
                    f"the key {quote(child.name)} stands twice in this object",
                    "remove one: every reader silently keeps only the last",
                    at_key=True,
                )
            if child.name not in seen and text[child.value : child.value + 1] in ("{", "["):
                ahead.append(((*path, child.name), last[child.name]))
            seen.add(child.name)


def _lone_surrogates(value: object) -> Iterator[Finding]:
    found = 0
    stack: list[tuple[JsonPath, object]] = [((), value)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, str):
            if _is_broken(here):
                yield _surrogate(path, here, at_key=False)
                found += 1
        elif isinstance(here, dict):
            for key in here:
                if _is_broken(key):
                    yield _surrogate((*path, key), key, at_key=True)
                    found += 1
            stack += [((*path, key), entry) for key, entry in reversed(here.items())]
        elif isinstance(here, list):
            stack += [((*path, i), here[i]) for i in range(len(here) - 1, -1, -1)]
        if found >= _MOST_SURROGATES:
            return


def _surrogate(path: JsonPath, text: str, *, at_key: bool) -> Finding:
    code = next(ord(char) for char in text if "\ud800" <= char <= "\udfff")
    return Finding(
        "lone_surrogate",
        path,
        f"\\u{code:04x} without its partner: half a character",
        "write the whole pair, or remove it; text was probably cut in the middle of an emoji",
        at_key=at_key,
    )


def _is_broken(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


_FAILED = object()


def _lenient(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _FAILED


def _deep_path(value: object) -> JsonPath:
    """Return the way down to the first value past the limit, by the deepest first branches."""
    path: JsonPath = ()
    level: list[tuple[JsonPath, object]] = [((), value)]
    for _ in range(3):
        following: list[tuple[JsonPath, object]] = []
        for here, container in level[:1000]:
            entries = container.items() if isinstance(container, dict) else enumerate(container)  # type: ignore[arg-type]
            following += [
                ((*here, name), entry)
                for name, entry in entries
                if isinstance(entry, (dict, list)) and shape(entry)[1] + len(here) + 1 > MAX_DEPTH
            ]
        if not following:
            break
        level = following[:1]
        path = level[0][0]
    return path


def _not_an_object(value: object) -> Finding:
    if isinstance(value, list):
        hint = (
            'put each record on a line of its own; a list of messages belongs in {"messages": […]}'
        )
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        hint = "the object is written as text: it was encoded twice, decode it once"
    else:
        hint = 'each line is one object: {"messages": […]}'
    return Finding("data_type", (), f"the record is {a_kind(value)}, not an object", hint)


def _unknown(record: dict[str, object], alike: tuple[str, str] | None) -> Finding:
    if alike:
        name, hint = alike
        return Finding("unknown_format", (), f"this looks like the format {name}", hint)
    keys = ", ".join(quote(key, 20) for key in list(record)[:4]) or "none"
    return Finding(
        "unknown_format",
        (),
        f"neither messages, preference nor prompt and completion: its keys are {keys}",
        'write {"messages": […]}, or convert it: tunedeck convert FILE -o OUT',
    )


def _guess_encoding(raw: bytes) -> str:
    if raw.count(0) * 3 > len(raw):
        return "UTF-16"
    for encoding, name in (("gb18030", "GBK"), ("shift_jis", "Shift JIS"), ("euc_kr", "EUC-KR")):
        try:
            text = raw.decode(encoding)
        except ValueError:
            continue
        wide = sum("\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" for char in text)
        foreign = sum(char > "\x7f" for char in text)
        if wide >= 4 and wide * 10 >= foreign * 9:
            return name
    return "Windows-1252 or Latin-1" if 0 not in raw else "binary data"
