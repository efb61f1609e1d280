"""The chat format: one record is one conversation.

`plain` accepts at a glance the records that certainly have no error, which is nearly all of them
in nearly every file; `check` runs every rule on the others. A test proves that whatever `plain`
accepts, `check` finds nothing in.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from difflib import get_close_matches

from tui.dataset.model import Finding, JsonPath
from tui.dataset.mojibake import looks_odd
from tui.dataset.rules import definitions, tools
from tui.dataset.rules import message as message_rules
from tui.dataset.rules.extra import is_needless_in_record
from tui.dataset.rules.quality.answers import REFUSAL_STARTS, is_refusal
from tui.dataset.rules.text import TOKEN_START, a_kind, nearest, quote

RECORD_KEYS = frozenset(("messages", "tools", "parallel_tool_calls", "functions"))

PLAIN_USER = 1
PLAIN_SYSTEM = 2
PLAIN_ODD = 8
PLAIN_SHIFT = 4
_FLAGS = {"user": PLAIN_USER, "system": PLAIN_SYSTEM, "assistant": 4}
_ASSISTANT = 4


def plain(record: dict[str, object]) -> int:  # noqa: C901  (the loop every record goes through)
    """Return a positive number for an ordinary record without errors, 0 for any other.

    The number tells by its flags whether it has a user and a system message, and whether the
    quality rules should look at it (`PLAIN_ODD`); what stands above `PLAIN_SHIFT` is how many
    strings, keys included, the record holds.
    """
    if len(record) != 1:
        return 0
    messages = record.get("messages")
    if type(messages) is not list:
        return 0
    flags = 0
    previous = asked = None
    try:
        # Whatever is not as expected in kind or key raises: asking first would double the time.
        for entry in messages:
            content, role = entry["content"], entry["role"]
            if (
                len(entry) != 2
                # One character is looked for many times faster than two.
                or ("<" in content and TOKEN_START in content)
                or not content
                or content.isspace()
                or role == previous
            ):
                return 0
            flag = _FLAGS[role]
            if flag == _ASSISTANT:
                if content == asked or (content[:4] in REFUSAL_STARTS and is_refusal(content)):
                    flag |= PLAIN_ODD
            elif flag == PLAIN_SYSTEM and previous is not None:
                return 0
            if not content.isascii() and looks_odd(content):
                flag |= PLAIN_ODD
            flags |= flag
            previous, asked = role, content
    except (AttributeError, KeyError, TypeError):
        return 0
    if previous != "assistant":
        return 0
    return (1 + 4 * len(messages)) << PLAIN_SHIFT | flags


def check(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    """Run every chat rule on a record that is an object."""
    if "messages" in record:
        for key in record:
            if key not in RECORD_KEYS:
                yield extra_key(key, RECORD_KEYS, record)
    messages = yield from messages_of(record)
    box = yield from definitions.check(record, ())
    yield from tools.deprecated(record, messages)
    if messages is not None:
        yield from check_messages(messages, ("messages",), encoding)
        yield from check_supervised(messages)
        yield from tools.check(messages, ("messages",), box, encoding)


def messages_of(record: dict[str, object]) -> Generator[Finding, None, list[object] | None]:
    """Return the record's messages; say what is wrong where there are none."""
    if "messages" not in record:
        yield _no_messages(record)
        return None
    messages = record["messages"]
    if not isinstance(messages, list):
        yield Finding(
            "missing_messages_list",
            ("messages",),
            f"messages is {a_kind(messages)}, not a list",
            'write a list of messages, each {"role": …, "content": …}',
        )
        return None
    if not messages:
        yield Finding(
            "missing_messages_list",
            ("messages",),
            "messages is empty",
            "write the conversation, with a user and an assistant message, or remove the line",
        )
        return None
    return messages


def extra_key(key: str, known: Collection[str], record: dict[str, object]) -> Finding:
    """Say that a record has a key that training files of its format may not have."""
    close = nearest(key, known, 0.8)
    hint = f"did you mean {close}? if not, remove it" if close else "remove it"
    if key == "weight":
        hint = "put it on an assistant message, or remove it"
    return Finding(
        "record_unrecognized_key",
        (key,),
        f"the record has an extra key {quote(key)}",
        f"{hint}: services refuse files with extra keys",
        at_key=True,
        fixable=is_needless_in_record(key, record),
    )


def check_messages(messages: list[object], path: JsonPath, encoding: str) -> Iterator[Finding]:
    """Run the rules of each message, and of their order, on the list at ``path``."""
    previous: object = None
    spoken = False
    for position, entry in enumerate(messages):
        here = (*path, position)
        if not isinstance(entry, dict):
            yield Finding(
                "message_not_object",
                here,
                f"this message is {a_kind(entry)}, not an object",
                'write {"role": …, "content": …}',
            )
            previous, spoken = None, True
            continue
        yield from message_rules.check(entry, here, encoding)
        role = message_rules.intended_role(entry.get("role"))
        if role == "system" and spoken:
            yield Finding(
                "system_not_first",
                (*here, "role"),
                "a system message after other messages",
                "move it to the front, or merge it with the first one",
            )
        if role == previous and role in ("user", "assistant"):
            yield Finding(
                "consecutive_same_role",
                (*here, "role"),
                f"a second {role} message in a row",
                "merge it with the one before, or put the missing turn between them",
            )
        spoken = spoken or role not in ("system", "developer")
        # What is missing after a call is its answer, which has a rule of its own.
        previous = None if entry.get("tool_calls") else role


def check_supervised(messages: list[object]) -> Iterator[Finding]:
    """Find conversations that supervised training can learn nothing from."""
    entries = [entry for entry in messages if isinstance(entry, dict)]
    roles = [message_rules.intended_role(entry.get("role")) for entry in entries]
    unclear = len(entries) < len(messages) or None in roles
    if "assistant" not in roles:
        # A message whose role cannot be told may be the assistant's; its own issue says so.
        if not unclear:
            yield Finding(
                "example_missing_assistant_message",
                ("messages",),
                "no assistant message: there is nothing to learn",
                "add the answer the model should give, or remove the line",
            )
        return
    last = messages[-1]
    last_role = message_rules.intended_role(last.get("role")) if isinstance(last, dict) else None
    if last_role is not None and last_role != "assistant":
        yield Finding(
            "last_message_not_assistant",
            ("messages", len(messages) - 1, "role"),
            f"the last message has the role {last_role}, not assistant",
            "end with the answer to learn, or remove what follows the last assistant message",
        )
    if not unclear and _all_weights_zero(entries, roles):
        yield Finding(
            "nothing_trained",
            ("messages",),
            "every assistant message has weight 0: there is nothing to learn",
            "give the answers to learn weight 1, or remove the line",
        )


def _all_weights_zero(entries: list[dict[str, object]], roles: list[str | None]) -> bool:
    weights = [
        entry.get("weight", 1)
        for entry, role in zip(entries, roles, strict=True)
        if role == "assistant"
    ]
    return all(type(weight) is int and weight == 0 for weight in weights)


def _no_messages(record: dict[str, object]) -> Finding:
    close = get_close_matches("messages", [key for key in record if len(key) < 40], n=1, cutoff=0.7)
    if close:
        hint = f"rename the key {quote(close[0])} to messages"
    else:
        hint = 'write {"messages": [{"role": "user", "content": …}, {"role": "assistant", …}]}'
    found = f"its keys are {_key_list(record)}" if record else "the object is empty"
    return Finding("missing_messages_list", (), f"the record has no messages: {found}", hint)


def _key_list(record: dict[str, object], most: int = 4) -> str:
    shown = ", ".join(quote(key, 20) for key in list(record)[:most])
    return shown + (f" and {len(record) - most} more" if len(record) > most else "")
