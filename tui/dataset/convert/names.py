"""What formats, targets and columns are called: by the command line, and in words for people."""

from __future__ import annotations

from collections.abc import Mapping

CONVERT_KINDS: Mapping[str, str] = {
    "alpaca": "Alpaca",
    "sharegpt": "ShareGPT",
    "completion": "prompt and completion",
    "csv": "a CSV table",
    "qa": "question and answer",
    "columns": "a key a role",
    "preference": "chosen and rejected",
}
"""The formats that can be converted, by what ``--from`` calls them."""

CONVERT_TARGETS: Mapping[str, str] = {
    "mistral": "Mistral",
    "together": "Together AI",
    "fireworks": "Fireworks AI",
    "gemini": "Gemini",
    "bedrock": "Amazon Bedrock",
    "anthropic": "Claude",
    "sharegpt": "ShareGPT",
    "alpaca": "Alpaca",
    "completion": "prompt and completion",
}
"""Whom records are written for, by what ``--to`` calls them."""

CONVERT_ROLES = ("system", "user", "context", "assistant", "chosen", "rejected")
"""What a column or key can be said to be."""


def named_columns(text: str) -> dict[str, str]:
    """Return which column is what, from words as ``user=Question,assistant=Answer``.

    Raises:
        ValueError: They do not say so; the words why are for people, and hold foreign text.
    """
    named: dict[str, str] = {}
    for part in text.split(","):
        role, mark, name = part.partition("=")
        role = role.strip().lower()
        if not mark or role not in CONVERT_ROLES or not name.strip():
            raise ValueError(f"{part!r} is not ROLE=NAME with a role of {', '.join(CONVERT_ROLES)}")
        named[role] = name.strip()
    answers = "assistant" in named or {"chosen", "rejected"} <= set(named)
    if "user" not in named or not answers:
        raise ValueError("it must name user and assistant, or chosen and rejected")
    return named
