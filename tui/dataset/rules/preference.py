"""The preference format: one prompt, an answer that is better and one that is worse."""

from __future__ import annotations

from collections.abc import Iterator

from tui.dataset.model import Finding, JsonPath
from tui.dataset.rules import chat
from tui.dataset.rules.text import a_kind

OUTPUTS = ("preferred_output", "non_preferred_output")
STALE = {
    "preferred_completion": "preferred_output",
    "non_preferred_completion": "non_preferred_output",
}
RECORD_KEYS = frozenset(("input", *OUTPUTS))


def check(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    """Run every preference rule on a record that is an object."""
    yield from _input(record, encoding)
    for key in OUTPUTS:
        yield from _output(record, key, encoding)
    first, second = (record.get(key) for key in OUTPUTS)
    if isinstance(first, list) and first and first == second:
        yield Finding(
            "identical_outputs",
            (OUTPUTS[1],),
            "both outputs are the same: there is no preference to learn",
            "write the worse answer, or remove the line",
        )
    for key in record:
        if key not in RECORD_KEYS and key not in STALE:
            yield chat.extra_key(key, RECORD_KEYS)


def _input(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    given = record.get("input")
    messages = given.get("messages") if isinstance(given, dict) else None
    if not isinstance(messages, list) or not messages:
        path: JsonPath = ("input",) if "input" in record else ()
        if "input" not in record:
            found = "the record has no input"
        elif not isinstance(given, dict):
            found = f"the input is {a_kind(given)}, not an object"
        else:
            found = "the input has no messages"
        yield Finding("missing_input", path, found, 'write {"input": {"messages": […]}, …}')
        return
    yield from chat.check_messages(messages, ("input", "messages"), encoding)
    last = messages[-1]
    if isinstance(last, dict) and last.get("role") == "assistant":
        yield Finding(
            "input_ends_with_assistant",
            ("input", "messages", len(messages) - 1, "role"),
            "the input ends with an assistant message",
            "end it with the user's turn: the outputs are the answers to it",
        )


def _output(record: dict[str, object], key: str, encoding: str) -> Iterator[Finding]:
    if key not in record:
        stale = next((old for old, new in STALE.items() if new == key and old in record), None)
        yield Finding(
            "missing_output",
            (),
            f"the record has no {key}",
            f"rename the key {stale} to {key}" if stale else "write the answer as a list",
        )
        return
    messages = record[key]
    shape = 'write [{"role": "assistant", "content": …}]'
    if not isinstance(messages, list) or not messages:
        kind = "an empty list" if messages == [] else a_kind(messages)
        yield Finding("invalid_output", (key,), f"{key} is {kind}", shape)
        return
    yield from chat.check_messages(messages, (key,), encoding)
    roles = [entry.get("role") if isinstance(entry, dict) else None for entry in messages]
    if roles[-1] != "assistant" or roles.count("assistant") > 1 or "user" in roles:
        yield Finding("invalid_output", (key,), f"{key} is not one answer by the assistant", shape)
