"""The preference format: one prompt, an answer that is better and one that is worse."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from tui.dataset.model import Finding
from tui.dataset.rules import chat, definitions, tools
from tui.dataset.rules.message import intended_role
from tui.dataset.rules.text import a_kind, quote

OUTPUTS = ("preferred_output", "non_preferred_output")
STALE = {
    "preferred_completion": "preferred_output",
    "non_preferred_completion": "non_preferred_output",
}
RECORD_KEYS = frozenset(("input", *OUTPUTS))
INPUT_KEYS = frozenset(("messages", "tools", "parallel_tool_calls", "functions"))

_SHAPE = 'write [{"role": "assistant", "content": …}]'


def check(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    """Run every preference rule on a record that is an object."""
    box, calls = yield from _input(record, encoding)
    for key in OUTPUTS:
        yield from _output(record, key, encoding)
        given = record.get(key)
        if isinstance(given, list):
            # The outputs are two ways to go on: each answers the input, not the other.
            yield from tools.check(given, (key,), box, encoding, calls.continued())
    first, second = (record.get(key) for key in OUTPUTS)
    if isinstance(first, list) and isinstance(second, list) and first and _same(first, second):
        yield Finding(
            "identical_outputs",
            (OUTPUTS[1],),
            "both outputs are the same: there is no preference to learn",
            "write the worse answer, or remove the line",
        )
    for key in record:
        if key not in RECORD_KEYS and key not in STALE:
            yield chat.extra_key(key, RECORD_KEYS, record)


def _input(
    record: dict[str, object], encoding: str
) -> Generator[Finding, None, tuple[definitions.Toolbox, tools.Calls]]:
    given, calls = record.get("input"), tools.Calls()
    hint = 'write {"input": {"messages": […]}, …}'
    if not isinstance(given, dict):
        if "input" not in record:
            yield Finding("missing_input", (), "the record has no input", hint)
        else:
            found = f"the input is {a_kind(given)}, not an object"
            yield Finding("missing_input", ("input",), found, hint)
        return definitions.Toolbox(sure=False), calls
    box = yield from definitions.check(given, ("input",))
    if given.get("functions") is not None:
        yield _deprecated()
    for key in given:
        if key not in INPUT_KEYS:
            yield _extra(key)
    messages = given.get("messages")
    if "messages" not in given:
        yield Finding("missing_input", ("input",), "the input has no messages", hint)
        return box, calls
    if not isinstance(messages, list) or not messages:
        found = "the messages of the input are empty"
        if messages != []:
            found = f"the messages of the input are {a_kind(messages)}, not a list"
        yield Finding("missing_messages_list", ("input", "messages"), found, hint)
        return box, calls
    yield from chat.check_messages(messages, ("input", "messages"), encoding)
    yield from tools.check(messages, ("input", "messages"), box, encoding, calls)
    last = messages[-1]
    if isinstance(last, dict) and intended_role(last.get("role")) == "assistant":
        yield Finding(
            "input_ends_with_assistant",
            ("input", "messages", len(messages) - 1, "role"),
            "the input ends with an assistant message",
            "end it with the user's turn: the outputs are the answers to it",
        )
    return box, calls


def _deprecated() -> Finding:
    return Finding(
        "functions_deprecated",
        ("input", "functions"),
        "functions is deprecated",
        "write tools and tool_calls instead",
        at_key=True,
        fixable=False,
    )


def _extra(key: str) -> Finding:
    return Finding(
        "record_unrecognized_key",
        ("input", key),
        f"the input has an extra key {quote(key)}",
        "remove it: an input has messages, tools and parallel_tool_calls",
        at_key=True,
        fixable=False,
    )


def _output(record: dict[str, object], key: str, encoding: str) -> Iterator[Finding]:
    if key not in record:
        stale = next((old for old, new in STALE.items() if new == key and old in record), None)
        clear = stale is not None and _is_output(record[stale])
        yield Finding(
            "missing_output",
            (),
            f"the record has no {key}",
            f"rename the key {stale} to {key}" if stale else "write the answer as a list",
            fixable=clear,
        )
        return
    messages = record[key]
    if not isinstance(messages, list) or not messages:
        kind = "an empty list" if messages == [] else a_kind(messages)
        hint = "put it into a list, with [ and ] around it" if _is_message(messages) else _SHAPE
        yield Finding("invalid_output", (key,), f"{key} is {kind}", hint)
        return
    for finding in chat.check_messages(messages, (key,), encoding):
        # Two turns of a role are more than one answer, which is the fault here.
        if finding.code != "consecutive_same_role":
            yield finding
    yield from _one_answer(messages, key)


def _one_answer(messages: list[object], key: str) -> Iterator[Finding]:
    """Find an output that is more, or less, than one answer by the assistant."""
    roles = [intended_role(e.get("role")) if isinstance(e, dict) else None for e in messages]
    for position, role in enumerate(roles[:-1]):
        if role in ("user", "system", "developer", "assistant"):
            yield Finding(
                "invalid_output",
                (key, position, "role"),
                f"{key} has more than one turn: a message of the role {role} before its answer",
                f"{_SHAPE}: what comes before the answer belongs in input",
            )
            return
    # A message whose role cannot be told has an issue of its own.
    if roles[-1] not in ("assistant", None):
        yield Finding(
            "invalid_output",
            (key, len(roles) - 1, "role"),
            f"{key} ends with a message of the role {roles[-1]}, not assistant",
            _SHAPE,
        )


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and "role" in value


def _is_output(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) for e in value)


def _same(first: list[object], second: list[object]) -> bool:
    """Return whether two outputs say the same, in whichever way it is written down."""
    return first == second or [_said(entry) for entry in first] == [_said(e) for e in second]


def _said(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    content = entry.get("content")
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else None for part in content]
        if all(isinstance(text, str) for text in texts):
            content = "".join(str(text) for text in texts)
    calls = [entry.get(key) for key in ("tool_calls", "function_call", "refusal")]
    return entry.get("role"), content, calls
