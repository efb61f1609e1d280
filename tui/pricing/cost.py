"""What one training job will bill: epochs, tokens, dollars, and what to know before paying."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tui.errors import UsageError
from tui.pricing.models import ModelInfo, Offer, model_info, today_utc
from tui.pricing.prices import Price, PriceBook, load_prices

if TYPE_CHECKING:
    from tui.tokens import TokenTable

MIN_EPOCHS, MAX_EPOCHS = 1, 50

# The providers' public rule: three epochs, but more for few examples and fewer for very many.
_TARGET_EPOCHS = 3
_FEW, _MANY = 100, 25_000  # examples times epochs to reach, and not to pass
_AUTOMATIC_CAP = 25

_MAIN_PROVIDER = "openai"
_TIMED_METHOD = "reinforcement"


@dataclass(frozen=True, slots=True)
class CostRow:
    """What a job costs on one model.

    Attributes:
        provider: Who would run it.
        model: The canonical id of the base model.
        epochs: Passes over the data.
        epochs_source: ``given``, or ``heuristic`` where the public rule chose them.
        tokens_billed: Tokens on the bill, all epochs, examples cut at the context limit; 0 where
            training is billed by time.
        usd_per_million: The price of a million training tokens; ``None`` where not known.
        usd: The price of the job in US dollars; ``None`` where not known.
        prices_as_of: The day the price was true, ``YYYY-MM-DD``.
        trainable: The provider takes new jobs for the model today, as far as is known.
        shutdown_date: The day the model stops answering there, ``YYYY-MM-DD``, if there is one.
        notes: What to know before paying, a sentence each.
        examples: How many examples were counted.
        tokens_per_epoch: Billed tokens of one epoch.
        truncated: Examples longer than the context limit, whose ends are cut.
        approximate: The token count is an estimate.
        encoding: What the model's tokens are counted with.
        context_limit: Tokens an example may have in training; ``None`` where not known.
    """

    provider: str
    model: str
    epochs: int
    epochs_source: str
    tokens_billed: int
    usd_per_million: float | None
    usd: float | None
    prices_as_of: str | None
    trainable: bool
    shutdown_date: str | None
    notes: tuple[str, ...] = field(default_factory=tuple)
    examples: int = 0
    tokens_per_epoch: int = 0
    truncated: int = 0
    approximate: bool = False
    encoding: str = ""
    context_limit: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as ``cost --json`` prints it."""
        return {**asdict(self), "notes": list(self.notes)}


def automatic_epochs(n_examples: int) -> int:
    """Return the epochs that providers choose for a file of this many examples.

    The public rule, seen on every public job where it can be checked; Azure once chose fewer.
    """
    n = max(n_examples, 1)
    if n * _TARGET_EPOCHS < _FEW:
        return min(_AUTOMATIC_CAP, _FEW // n)
    if n * _TARGET_EPOCHS > _MANY:
        return max(1, _MANY // n)
    return _TARGET_EPOCHS


def check_epochs(epochs: int) -> int:
    """Return ``epochs`` if a provider would take it.

    Raises:
        UsageError: It is not from 1 to 50.
    """
    if not MIN_EPOCHS <= epochs <= MAX_EPOCHS:
        raise UsageError(
            f"{epochs} epochs cannot be trained",
            f"use {MIN_EPOCHS} to {MAX_EPOCHS}, or leave it out",
        )
    return epochs


def estimate(
    table: TokenTable,
    model: str,
    *,
    provider: str | None = None,
    epochs: int | None = None,
    today: datetime.date | None = None,
    prices: PriceBook | None = None,
    validation: bool = False,
    method: str | None = None,
) -> CostRow:
    """Return what a job on these examples costs.

    Args:
        table: The examples, counted with the model's encoding.
        model: Any name of a model; of a tuned one, its base is priced.
        provider: Who would run it; the model's main provider unless given.
        epochs: Passes over the data, 1 to 50; chosen by the public rule unless given.
        today: The date to judge by; today (UTC) unless given.
        prices: Prices to use; the shipped and configured ones unless given.
        validation: There is a validation file, which then is spoken of.
        method: ``supervised``, ``dpo`` or ``reinforcement``, where known. Reinforcement is billed
            by time, so a model that is billed by tokens gets no price for it.

    Raises:
        UsageError: ``epochs`` is out of range.
        ConfigError: The configured prices are malformed.
    """
    info = model_info(model)
    where = provider or info.provider or _MAIN_PROVIDER
    book = load_prices() if prices is None else prices
    price = book.price(where, info.id)
    day = today or today_utc()
    passes = automatic_epochs(len(table)) if epochs is None else check_epochs(epochs)
    hourly = price is not None and price.training_per_hour is not None
    timed = hourly or method == _TIMED_METHOD
    per_epoch = table.billed.sum(info.context_limit)
    billed = 0 if timed else per_epoch * passes
    rate = None if price is None else price.training
    offer = info.offer(where)
    return CostRow(
        provider=where,
        model=info.id,
        epochs=passes,
        epochs_source="heuristic" if epochs is None else "given",
        tokens_billed=billed,
        usd_per_million=rate,
        usd=_dollars(billed, rate, timed),
        prices_as_of=None if price is None else price.as_of,
        trainable=_trainable(info, where, day),
        shutdown_date=info.shutdown_at(where),
        notes=(
            *_model_notes(info, offer, where, day),
            *_method_notes(info, method),
            *_price_notes(info, price, where, book),
            *_count_notes(table, info),
            *(_validation_notes(where) if validation else ()),
        ),
        examples=len(table),
        tokens_per_epoch=per_epoch,
        truncated=table.over(info.context_limit),
        approximate=info.approximate or table.approximate,
        encoding=info.encoding,
        context_limit=info.context_limit,
    )


def _trainable(info: ModelInfo, provider: str, day: datetime.date) -> bool:
    offer = info.offer(provider)
    if offer is not None:
        return offer.trainable_on(day)
    # Of providers whose models are all in the table, silence means no; of others it means nothing.
    return provider not in ("openai", "azure", "local")


def _model_notes(
    info: ModelInfo, offer: Offer | None, provider: str, day: datetime.date
) -> list[str]:
    if offer is None:
        if provider in ("openai", "azure", "local"):
            return [f"{info.id} is not known at {provider}"]
        return []
    if offer.trainable_on(day):
        return []
    gone = offer.shutdown is not None and offer.shutdown <= day
    if gone:
        return [f"{info.id} was shut down on {offer.shutdown}"]
    return [f"{provider} has taken no new jobs for {info.id} since {offer.new_jobs_end}"]


def _method_notes(info: ModelInfo, method: str | None) -> list[str]:
    if method is None or not info.known or method in info.methods:
        return []
    return [f"{info.id} is not tuned by the method of these examples ({method})"]


def _dollars(billed: int, rate: float | None, timed: bool) -> float | None:
    if rate == 0:
        return 0.0
    return None if rate is None or timed else round(billed * rate / 1e6, 6)


def _price_notes(info: ModelInfo, price: Price | None, provider: str, book: PriceBook) -> list[str]:
    if price is not None and price.training_per_hour is not None:
        return [
            f"Billed by the hour of training (${price.training_per_hour:g} an hour), not by token, "
            "so no total can be given"
        ]
    if price is not None and price.training is not None:
        return []
    where = f": add it to {book.source}" if book.source else ""
    return [f"No training price is known for {info.id} at {provider}{where}"]


def _count_notes(table: TokenTable, info: ModelInfo) -> list[str]:
    notes = []
    if info.approximate:
        notes.append(
            f"Approximate: the tokenizer of {info.id} is not at hand, counted with {info.encoding}"
        )
    if table.approximate:
        notes.append("Approximate: how tools, images and pairs are billed is not published")
    over = table.over(info.context_limit)
    if over:
        lost = table.billed.sum() - table.billed.sum(info.context_limit)
        verb = "example is" if over == 1 else "examples are"
        notes.append(
            f"{over:,} {verb} longer than {info.context_limit:,} tokens and cut at the end: "
            f"{lost:,} tokens are neither trained nor billed"
        )
    return notes


def _validation_notes(provider: str) -> list[str]:
    if provider in ("openai", "local"):
        return ["The validation file is not billed"]
    return ["Whether this provider bills the validation file is not known; it is not in the price"]
