"""Keys no service knows: which of them carry nothing of the example, so that they can go."""

from __future__ import annotations

from collections.abc import Mapping

# What stands under these keys is part of the example, and has no other place to go.
_MEDIA = frozenset(("image", "images", "audio", "audios", "video", "videos", "attachments"))
_FILES = ("file", "files")
ROLE_NAMES = ("from", "speaker", "author")
CONTENT_NAMES = ("value", "text", "message")
WEIGHT_NAMES = ("loss_weight", "train", "trainable")
# Another format's answer, or tools that stand in the wrong place: what was meant is not for a
# machine to say.
_ELSEWHERE = frozenset(
    (
        *("chosen", "rejected", "completion", "conversations", "messages"),
        *("tools", "functions", "parallel_tool_calls"),
        *("preferred_completion", "non_preferred_completion"),
    )
)


def carries(key: str, value: object) -> bool:
    """Return whether a key holds media of the example rather than a note about it."""
    return key.lower() in _MEDIA and not _is_number(value)


def is_needless(key: str, entry: Mapping[str, object], role: str | None) -> bool:
    """Return whether an extra key of a message can go without losing what it says.

    Args:
        key: The key, which no message may have.
        entry: The message.
        role: The role that is meant.
    """
    value = entry[key]
    if value in (None, "", [], {}):
        return True
    if carries(key, value) or (key.lower() in _FILES and not _is_number(value)):
        return False
    if key in WEIGHT_NAMES and role == "assistant":
        # A share between 0 and 1 has no place in the format: what it should become is a choice.
        return value in (0, 1)
    # A message without text may keep it under this key.
    speaks = "content" in entry or any(entry.get(name) for name in ("tool_calls", "function_call"))
    return "role" in entry and (speaks or bool(entry.get("refusal")))


def is_needless_in_record(key: str, record: Mapping[str, object]) -> bool:
    """Return whether an extra key of a record can go without losing what it says."""
    value = record[key]
    if value in (None, "", [], {}):
        return True
    if carries(key, value):
        return False
    if key in ("weight", "loss_weight"):
        return value == 1
    return key not in _ELSEWHERE


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float))
