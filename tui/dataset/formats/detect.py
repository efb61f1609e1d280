"""Format detection: of one record by its keys, of a file by its first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tui.dataset.model import Format

_PREFERENCE_KEYS = (
    "preferred_output",
    "non_preferred_output",
    "preferred_completion",
    "non_preferred_completion",
)
_ALLOWED_IN_CHAT = frozenset(("messages", "tools", "parallel_tool_calls", "functions"))
SURE = 10
"""Records without any assistant message before a file counts as reinforcement data."""


def record_format(record: dict[str, object]) -> Format:
    """Return what kind of record this is by its keys alone; reinforcement shows as chat."""
    if "messages" in record:
        return Format.CHAT
    if any(key in record for key in _PREFERENCE_KEYS):
        return Format.PREFERENCE
    if "prompt" in record or "completion" in record:
        # prompt with chosen and rejected is another tool's preference format.
        if "chosen" in record or "rejected" in record:
            return Format.UNKNOWN
        return Format.COMPLETION
    if "input" in record and _holds_messages(record["input"]):
        return Format.PREFERENCE
    return Format.UNKNOWN


def file_format(records: Iterable[object]) -> Format:
    """Return the format of a file from its first records: what most of those that show one are."""
    votes: Counter[Format] = Counter()
    seen = open_ended = extra = bare = 0
    for record in records:
        if not isinstance(record, dict):
            continue
        kind = record_format(record)
        votes[kind] += 1
        if kind is Format.CHAT:
            seen += 1
            roles = _roles(record["messages"])
            if roles and roles[-1] == "user" and "assistant" not in roles:
                open_ended += 1
                extra += any(key not in _ALLOWED_IN_CHAT for key in record)
                bare += "system" not in roles
    del votes[Format.UNKNOWN]
    if not votes:
        return Format.UNKNOWN
    winner = max(votes, key=lambda kind: votes[kind])
    # Conversations that wait for an answer: extra keys are what graders read. Without any they are
    # reinforcement data too, unless a system message shows that an answer was meant.
    waiting = open_ended > 0 and open_ended * 10 >= seen * 9
    if winner is Format.CHAT and waiting and (extra * 10 >= open_ended * 9 or bare == seen >= SURE):
        return Format.REINFORCEMENT
    return winner


def look_alike(record: dict[str, object]) -> tuple[str, str] | None:
    """Return the name of the foreign format a record seems to be in, and what to do about it."""
    keys = record.keys()
    convert = "convert it: tunedeck convert FILE -o OUT"
    if "conversations" in keys or "conversation" in keys:
        if "chosen" in keys or "rejected" in keys:
            return "ShareGPT preference", f"{convert} --from sharegpt"
        return "ShareGPT", f"{convert} --from sharegpt"
    if "instruction" in keys and ("output" in keys or "response" in keys):
        return "Alpaca", f"{convert} --from alpaca"
    if "chosen" in keys and "rejected" in keys:
        return (
            "chosen and rejected",
            convert,
        )
    if "assistant" in keys and ("user" in keys or "system" in keys):
        return (
            "one key a role",
            f'{convert}, or write {{"messages": [{{"role": "user", "content": …}}, …]}}',
        )
    if "role" in keys and "content" in keys:
        return (
            "a single message",
            'put the messages of one conversation on one line, in {"messages": […]}',
        )
    pairs = (("query", "response"), ("question", "answer"), ("input", "output"))
    for ask, answer in pairs:
        if ask in keys and answer in keys:
            return f"{ask} and {answer}", convert
    return None


def _roles(messages: object) -> list[object]:
    if not isinstance(messages, list):
        return []
    return [entry.get("role") if isinstance(entry, dict) else None for entry in messages]


def _holds_messages(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("messages"), list)
