"""Token counts of whole examples, by the formula that providers bill.

The formula is measured, exact on every public job with text only whose file and bill are known::

    billed = 1 + sum over messages of (3 + tokens(role) + tokens(content))

A message's ``weight`` and ``name`` change nothing in it. Tool calls and definitions, images,
refusals, preference pairs and prompt/completion pairs are counted as near as is known, and mark
the table approximate.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import add, mul, sub
from typing import TYPE_CHECKING, Any

from tui.tokens.rows import COLUMNS, TokenRows, add_roles
from tui.tokens.texts import TextCounter
from tui.tokens.tools import function_objects, render_namespace

if TYPE_CHECKING:
    from tui.tokens.fast import Choice
    from tui.tokens.table import TokenTable

KNOWN_ROLES = ("system", "user", "assistant", "tool", "function", "developer")

_PER_EXAMPLE = 1
_PER_MESSAGE = 3
_PER_CALL = 3
_CLASSIC_EXTRA = 2  # the cookbook's +3 an example, where one is billed
_AFTER_ANSWER = 2  # tokens after an assistant's content that carry loss too
_NAMESPACE_SAVING = 5  # the bill is this much below the tokens of the text made here
_IMAGE_LOW = 85
_IMAGE_HIGH = 765  # four tiles and the base, the price of 1024 by 1024

# What a text counts for.
_BILLED, _ASSISTANT, _TRAINED, _NAME = 1, 2, 4, 8


class ExampleCounter:
    """Counts the tokens of parsed records, exactly as the named encoding gives them.

    It takes any JSON value and never fails on one. A record that is no example (not an object,
    no messages, no pair) gets no row. Keep one counter a thread and use it for many batches: it
    remembers texts that repeat.

    Args:
        encoding: The name of an encoding.
        size: How many bytes of dataset are to be counted, where that is known; much is worth the
            time that the faster engine takes to load.

    Raises:
        UsageError: No encoding has this name.
    """

    def __init__(self, encoding: str, size: int | None = None) -> None:
        self.encoding = encoding
        self._texts = TextCounter(encoding, size)
        self._roles = dict(zip(KNOWN_ROLES, self._texts.count_each(KNOWN_ROLES), strict=True))
        # What a message of a known role costs besides its content.
        self._costs = {role: _PER_MESSAGE + tokens for role, tokens in self._roles.items()}

    @property
    def choice(self) -> Choice:
        """Which engine counts, and why."""
        return self._texts.choice

    def count(self, values: Sequence[object], lines: Sequence[int] | None = None) -> TokenTable:
        """Return the counts of the examples among ``values``.

        Args:
            values: Parsed records, in file order.
            lines: Their 1-based line numbers; 1, 2, 3, … unless given.
        """
        from tui.tokens.table import TokenTable

        return TokenTable.of(self.rows(values, lines))

    def rows(self, values: Sequence[object], lines: Sequence[int] | None = None) -> TokenRows:
        """Return the same as :meth:`count`, as plain arrays and without numpy."""
        numbers = range(1, len(values) + 1) if lines is None else lines
        talks = _talks(values)
        if talks is None or not talks.roles_in(self._costs):
            return self._mixed(values, numbers)
        return self._plain(talks, numbers)

    def _mixed(self, values: Sequence[object], lines: Sequence[int]) -> TokenRows:
        """Count ordinary records together and the others one by one, and put them in order."""
        plain, rest = [], []
        batch = _Batch(self._roles)
        for position, value in enumerate(values):
            alone = _talks((value,))
            if alone is not None and alone.roles_in(self._costs):
                plain.append(value)
                rest.append(position)
            else:
                batch.add(position, value)
        others = batch.rows(self._texts)
        talks = _talks(plain)
        both = TokenRows() if talks is None else self._plain(talks, rest)
        both.extend(others)
        order = sorted(range(len(both)), key=both.line.__getitem__)
        rows = TokenRows(
            roles=both.roles,
            missing_system=both.missing_system,
            missing_user=both.missing_user,
            approximate=both.approximate,
        )
        for name in COLUMNS:
            getattr(rows, name).extend(map(getattr(both, name).__getitem__, order))
        for i, position in enumerate(rows.line):
            rows.line[i] = lines[position]
        return rows

    def _plain(self, talks: _Talks, lines: Iterable[int]) -> TokenRows:
        """Count records of messages that are a known role and a text, and nothing else.

        Nearly all are, so this goes through all of them at once by steps that are loops in C.
        """
        roles, sums = talks.roles, talks.sums
        tokens = self._texts.count_each(talks.contents)
        learnt = list(map("assistant".__eq__, roles))
        assistant = sums(map(mul, tokens, learnt))
        billed = sums(map(add, tokens, map(self._costs.__getitem__, roles)))
        times = Counter(roles)
        rows = TokenRows(
            roles=dict(times),
            missing_system=sums(map(("system", "developer").__contains__, roles)).count(0),
            missing_user=sums(map("user".__eq__, roles)).count(0),
        )
        rows.line.extend(lines)
        rows.billed.extend([_PER_EXAMPLE + tokens for tokens in billed])
        rows.classic.extend([_PER_EXAMPLE + _CLASSIC_EXTRA + tokens for tokens in billed])
        rows.assistant.extend(assistant)
        after = sums(learnt)
        rows.trained.extend(
            [tokens + _AFTER_ANSWER * n for tokens, n in zip(assistant, after, strict=True)]
        )
        rows.messages.extend(talks.lengths)
        return rows


@dataclass(slots=True)
class _Talks:
    """The messages of some records, one after the other, and how many each record has."""

    lengths: list[int]
    roles: list[str]
    contents: list[str]

    def roles_in(self, known: Mapping[str, int]) -> bool:
        """Return whether all roles are among these."""
        return known.keys() >= set(self.roles)

    def sums(self, numbers: Iterable[int]) -> list[int]:
        """Return the sum over each record's messages of one number a message."""
        total = list(accumulate(numbers, initial=0))
        ends = [total[end] for end in accumulate(self.lengths)]
        return list(map(sub, ends, [0, *ends]))


def _talks(values: Sequence[Any]) -> _Talks | None:
    """Return the messages of records, or ``None`` unless all are messages of two texts each."""
    try:
        if set(map(len, values)) != {1}:
            return None
        lists = [value["messages"] for value in values]
        if set(map(type, lists)) != {list} or not all(lists):
            return None
        messages = list(chain.from_iterable(lists))
        if set(map(len, messages)) != {2}:
            return None
        contents = [message["content"] for message in messages]
        roles = [message["role"] for message in messages]
    except (KeyError, TypeError, IndexError):
        return None
    if not set(map(type, contents)) == set(map(type, roles)) == {str}:
        return None
    return _Talks(list(map(len, lists)), roles, contents)


class _Batch:
    """Examples taken apart: constants an example, and texts with what they count for."""

    def __init__(self, role_tokens: Mapping[str, int]) -> None:
        self._role_tokens = role_tokens
        self._texts: list[str] = []
        self._owners: list[int] = []
        self._kinds: list[int] = []
        self._lines: list[int] = []
        self._fixed: list[int] = []
        self._named: list[int] = []
        self._trained: list[int] = []
        self._messages: list[int] = []
        self._roles: Counter[str] = Counter()
        self._missing_system = 0
        self._missing_user = 0
        self._approximate = False
        # The example being taken apart.
        self._constant = 0
        self._names = 0
        self._after = 0
        self._seen: set[str] = set()

    def add(self, line: int, value: object) -> None:
        """Take one record apart, if it is an example."""
        if not isinstance(value, dict):
            return
        self._constant, self._names, self._after = _PER_EXAMPLE, 0, 0
        self._seen.clear()
        messages = self._add_example(value)
        if messages is None:
            return
        self._lines.append(line)
        self._fixed.append(self._constant)
        self._named.append(self._names)
        self._trained.append(self._after)
        self._messages.append(messages)
        if messages:
            self._missing_system += not self._seen & {"system", "developer"}
            self._missing_user += "user" not in self._seen

    def _add_example(self, value: dict[str, Any]) -> int | None:
        """Add the parts of an example and return its number of messages, or ``None``."""
        messages = value.get("messages")
        if isinstance(messages, list) and messages:
            self._add_messages(messages, learnt=True)
            self._add_tools(value)
            return len(messages)
        if "preferred_output" in value or "non_preferred_output" in value:
            return self._add_preference(value)
        return self._add_completion(value)

    def _add_preference(self, value: dict[str, Any]) -> int | None:
        outputs = [value.get("preferred_output"), value.get("non_preferred_output")]
        given = value.get("input")
        messages = given.get("messages") if isinstance(given, dict) else None
        if not isinstance(messages, list) or not all(isinstance(out, list) for out in outputs):
            return None
        self._approximate = True
        self._add_messages(messages, learnt=False)
        if isinstance(given, dict):
            self._add_tools(given)
        total = len(messages)
        for output in outputs:
            if isinstance(output, list):
                self._add_messages(output, learnt=True)
                total += len(output)
        return total

    def _add_completion(self, value: dict[str, Any]) -> int | None:
        prompt, completion = value.get("prompt"), value.get("completion")
        if not isinstance(prompt, str) or not isinstance(completion, str):
            return None
        self._approximate = True
        self._constant = 0
        self._text(prompt, _BILLED)
        self._text(completion, _BILLED | _ASSISTANT | _TRAINED)
        return 0

    def _add_messages(self, messages: list[Any], *, learnt: bool) -> None:
        answer = _BILLED | _ASSISTANT | (_TRAINED if learnt else 0)
        for message in messages:
            if not isinstance(message, dict):
                self._approximate = True
            elif len(message) != 2 or not self._add_plain(message, answer):
                self._add_message(message, learnt)

    def _add_plain(self, message: dict[str, Any], answer: int) -> bool:
        """Add a known role and a text, which nearly all messages are; else return false."""
        role, content = message.get("role"), message.get("content")
        if type(content) is not str or type(role) is not str:
            return False
        tokens = self._role_tokens.get(role)
        if tokens is None:
            return False
        self._constant += _PER_MESSAGE + tokens
        self._roles[role] += 1
        self._seen.add(role)
        self._texts.append(content)
        self._owners.append(len(self._lines))
        if role == "assistant":
            self._kinds.append(answer)
            self._after += _AFTER_ANSWER if answer & _TRAINED else 0
        else:
            self._kinds.append(_BILLED)
        return True

    def _add_message(self, message: dict[str, Any], learnt: bool) -> None:
        self._constant += _PER_MESSAGE
        role = message.get("role")
        kind = _BILLED
        if isinstance(role, str):
            self._add_role(role)
            if role == "assistant":
                kind |= _ASSISTANT
                if learnt and message.get("weight") != 0:
                    kind |= _TRAINED
                    self._after += _AFTER_ANSWER
        content = message.get("content")
        if isinstance(content, str):
            self._text(content, kind)
        elif content is not None:
            self._add_parts(content, kind)
        if len(message) > 2 or content is None:
            self._add_rest(message, kind)

    def _add_role(self, role: str) -> None:
        self._roles[role] += 1
        self._seen.add(role)
        tokens = self._role_tokens.get(role)
        if tokens is None:
            self._text(role, _BILLED)
        else:
            self._constant += tokens

    def _add_parts(self, content: object, kind: int) -> None:
        """Add content that is not a plain text: a list of parts, or something odd."""
        if not isinstance(content, list):
            self._approximate = True
            self._text(_as_json(content), kind)
            return
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                self._text(part["text"], kind)
            elif isinstance(part, str):
                self._text(part, kind)
            else:
                self._approximate = True
                self._constant += _image_tokens(part)

    def _add_rest(self, message: dict[str, Any], kind: int) -> None:
        """Add what a message may hold besides role and content."""
        name = message.get("name")
        if isinstance(name, str):
            self._names += 1
            self._text(name, _NAME)
        refusal = message.get("refusal")
        if isinstance(refusal, str):
            self._approximate = True
            self._text(refusal, kind)
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                self._add_call(call.get("function") if isinstance(call, dict) else None, kind)
        if "function_call" in message:
            self._add_call(message["function_call"], kind)

    def _add_call(self, function: object, kind: int) -> None:
        if not isinstance(function, dict):
            return
        self._approximate = True
        self._constant += _PER_CALL
        # A call is not content, but the model learns to make it.
        kind &= ~_ASSISTANT
        if kind & _TRAINED:
            self._after += _PER_CALL
        for key in ("name", "arguments"):
            part = function.get(key)
            if isinstance(part, str):
                self._text(part, kind)

    def _add_tools(self, value: dict[str, Any]) -> None:
        functions = [
            *function_objects(value.get("tools")),
            *function_objects(value.get("functions")),
        ]
        if functions:
            self._approximate = True
            self._constant -= _NAMESPACE_SAVING
            self._text(render_namespace(functions), _BILLED)

    def _text(self, text: str, kind: int) -> None:
        self._texts.append(text)
        self._owners.append(len(self._lines))
        self._kinds.append(kind)

    def rows(self, counter: TextCounter) -> TokenRows:
        """Count all texts and return the columns."""
        counts = counter.count_all(self._texts)
        billed, names = self._fixed, self._named
        assistant, trained = [0] * len(billed), self._trained
        for text, owner, kind in zip(self._texts, self._owners, self._kinds, strict=True):
            tokens = counts[text]
            if kind & _BILLED:
                billed[owner] += tokens
            else:
                names[owner] += tokens
            if kind & _ASSISTANT:
                assistant[owner] += tokens
            if kind & _TRAINED:
                trained[owner] += tokens
        roles: dict[str, int] = {}
        add_roles(roles, self._roles)
        classic = [sum(pair, _CLASSIC_EXTRA) for pair in zip(billed, names, strict=True)]
        rows = TokenRows(
            roles=roles,
            missing_system=self._missing_system,
            missing_user=self._missing_user,
            approximate=self._approximate,
        )
        rows.line.extend(self._lines)
        rows.billed.extend(billed)
        rows.classic.extend(classic)
        rows.assistant.extend(assistant)
        rows.trained.extend(trained)
        rows.messages.extend(self._messages)
        return rows


def _image_tokens(part: object) -> int:
    """Return a guess of what a part that is no text costs; nothing but images has a known price."""
    image = part.get("image_url") if isinstance(part, dict) else None
    if image is None:
        return 0
    low = isinstance(image, dict) and image.get("detail") == "low"
    return _IMAGE_LOW if low else _IMAGE_HIGH


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""
