"""The reinforcement format: a conversation that waits for its answer, and what graders read."""

from __future__ import annotations

from collections.abc import Iterator

from tui.dataset.model import Finding
from tui.dataset.rules import chat, definitions, tools
from tui.dataset.rules.message import intended_role


def check(record: dict[str, object], encoding: str) -> Iterator[Finding]:
    """Run every reinforcement rule on a record that is an object; any extra key is allowed."""
    messages = yield from chat.messages_of(record)
    # Of the other keys of chat records only tools is one here; the rest are the graders'.
    box = yield from definitions.check(record, (), settings=False)
    if messages is None:
        return
    for finding in chat.check_messages(messages, ("messages",), encoding):
        # Here the developer role is the one to use.
        if finding.code != "developer_role":
            yield finding
    box.sure = box.sure and "functions" not in record
    yield from tools.check(messages, ("messages",), box, encoding)
    if tools.uses_tools(messages):
        yield from tools.deprecated({**record, "functions": None}, messages)
    last = messages[-1]
    role = intended_role(last.get("role")) if isinstance(last, dict) else None
    if role is not None and role != "user":
        yield Finding(
            "last_message_not_user",
            ("messages", len(messages) - 1, "role"),
            f"the last message has the role {role}, not user",
            "end with the question: the model writes the answer itself, and graders score it",
        )
    for position, entry in enumerate(messages):
        if isinstance(entry, dict) and entry.get("role") == "system":
            yield Finding(
                "system_role",
                ("messages", position, "role"),
                "a system message in reinforcement data",
                "use the role developer, or put it into the user message",
            )
