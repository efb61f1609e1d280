"""The provider's own estimate, asked for when the files are there and before the job is.

It knows its tokenizer and its prices, so it is told, and it keeps ``--max-cost`` too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tui.errors import SafetyError
from tui.jobs.models import Estimate
from tui.jobs.provider import Provider
from tui.jobs.transport import CallError


async def keep_to_price(
    provider: Provider,
    body: Mapping[str, Any],
    max_cost: float | None,
    tell: Callable[[str], None],
    *,
    priced: bool = True,
) -> Estimate | None:
    """Ask for the price of a create where the provider tells one, and tell it.

    Args:
        provider: Where the job would run.
        body: The create, in OpenAI's shape.
        max_cost: The limit in US dollars, if there is one.
        tell: Told the price in words.
        priced: The limit was kept by a price known here; otherwise only the provider's own can.

    Returns:
        The estimate; ``None`` where the provider makes none or cannot be asked just now.

    Raises:
        SafetyError: It is over the limit, or nobody can tell whether it is (``price_unknown``);
            nothing was created.
        CallError: What should have been a question made a job (``dry_run_ignored``).
    """
    needed = max_cost is not None and not priced
    if provider.can("estimate").yes is not True:
        if needed:
            raise _unknown(provider, "it does not tell a price any more")
        return None
    try:
        estimate = await provider.estimate(body)
    except CallError as error:
        if error.code == "dry_run_ignored":
            raise
        if needed:
            raise _unknown(provider, error.message) from error
        tell(f"{provider.name} does not tell a price ({error.message})")
        return None
    if estimate.price is None:
        if needed:
            raise _unknown(provider, "its estimate names none")
        return None
    tokens = f" for {estimate.tokens:,} tokens" if estimate.tokens is not None else ""
    price = f"{estimate.price:,.2f} {estimate.currency}"
    if max_cost is not None and estimate.currency == "USD" and estimate.price > max_cost:
        raise SafetyError(
            f"{provider.name} estimates {price}{tokens}, over the limit of ${max_cost:,.2f}",
            "train fewer epochs or tokens, or raise --max-cost",
            code="over_max_cost",
        )
    if needed and estimate.currency != "USD":
        raise _unknown(provider, f"it estimates {price}{tokens}, and the limit is in US dollars")
    tell(f"{provider.name} estimates {price}{tokens}")
    return estimate


def _unknown(provider: Provider, why: str) -> SafetyError:
    return SafetyError(
        f"the price is not known, so --max-cost cannot be kept by {provider.name}: {why}",
        "nothing was created; add the price to prices.toml, or leave --max-cost out",
        code="price_unknown",
    )
