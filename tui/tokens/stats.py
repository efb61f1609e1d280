"""The answer of ``tunedeck stats``: what a dataset holds, in tokens, messages and roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.tokens.table import TokenTable, distribution

# What each distribution is made of: the column of the table it reads.
DISTRIBUTIONS = {
    "tokens_per_example": "classic",
    "messages_per_example": "messages",
    "assistant_tokens_per_example": "assistant",
}


def stats_json(
    head: Mapping[str, Any],
    table: TokenTable,
    *,
    encoding: str,
    model: str | None,
    context_limit: int | None,
    approximate: bool = False,
) -> dict[str, Any]:
    """Return what ``stats --json`` prints.

    ``tokens_per_example`` is the cookbook's well-known estimate, so that the numbers match what
    people know; ``tokens_total`` sums it with every example cut at ``context_limit``. The price
    and ``over_limit`` rest on the billing formula instead, two tokens an example lower.

    Args:
        head: The head of ``check --json``: file, bytes, format, records, …
        table: The counts.
        encoding: The encoding they were counted with.
        model: The model asked about, as the person named it.
        context_limit: Tokens an example may have in training; ``None`` where unknown.
        approximate: The model's own tokenizer is not at hand.
    """
    return {
        **head,
        "encoding": encoding,
        "model": model,
        "approximate": approximate or table.approximate,
        "examples": len(table),
        "left_out": max(0, int(head.get("records", len(table))) - len(table)),
        "tokens_total": table.classic.sum(context_limit),
        "assistant_tokens_total": table.assistant.sum(),
        "trained_tokens_total": table.trained.sum(),
        "context_limit": context_limit,
        "over_limit": table.over(context_limit),
        "missing_system": table.missing_system,
        "missing_user": table.missing_user,
        "distributions": {
            name: distribution(getattr(table, column)).to_json()
            for name, column in DISTRIBUTIONS.items()
        },
        "roles": dict(table.roles),
    }
