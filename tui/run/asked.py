"""What sampling will cost, told before anything is sent: tokens of the prompts, and a price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.config import LOCAL, is_loopback
from tui.pricing import load_prices, model_info
from widgets.numbers import counted, integer, usd

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.jobs import SampledModel, SamplePrompt, Sampling


@dataclass(frozen=True, slots=True)
class AskedCost:
    """What requests cost at most.

    Attributes:
        requests: How many are sent.
        input_tokens: Tokens of all prompts, counted with each model's own encoding or a like one.
        output_tokens: Tokens that all answers may have together.
        usd: The most they cost; ``None`` where the price of one of the models is not known.
        paid: Whether any goes to a provider that may bill it.
        where: The names of those providers.
    """

    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    paid: bool
    where: tuple[str, ...]

    def words(self) -> str:
        """Say it in a sentence."""
        what = (
            f"{counted(self.requests, 'request')}, about {integer(self.input_tokens)} tokens in"
            f" and at most {integer(self.output_tokens)} out"
        )
        if not self.paid:
            return f"{what}, free"
        price = "price not known" if self.usd is None else f"at most {usd(self.usd)}"
        return f"{what} at {', '.join(self.where)}, {price}"


def is_paid(config: ProviderConfig) -> bool:
    """Whether a provider may bill what it is asked: all but this very machine."""
    return config.kind != LOCAL and not (config.base_url and is_loopback(config.base_url))


def cost_of(sampling: Sampling) -> AskedCost:
    """Return what the requests that are still to be sent cost; counts tokens, so for a thread."""
    prices = load_prices()
    requests = tokens_in = tokens_out = 0
    dollars: float | None = 0.0
    where: list[str] = []
    for at, numbers in sampling.to_send.items():
        if not numbers:
            continue
        model = sampling.models[at]
        prompts = [sampling.prompts[number] for number in numbers]
        sent = _tokens(model, prompts)
        answers = len(numbers) * sampling.settings.max_tokens
        requests += len(numbers)
        tokens_in += sent
        tokens_out += answers
        if not is_paid(model.provider.config):
            continue
        where.append(model.provider.name)
        price = prices.price(model.provider.config.profile, model.model)
        if price is None or price.input is None or price.output is None:
            dollars = None
        elif dollars is not None:
            dollars += (sent * price.input + answers * price.output) / 1e6
    names = tuple(dict.fromkeys(where))
    return AskedCost(requests, tokens_in, tokens_out, dollars, bool(names), names)


def _tokens(model: SampledModel, prompts: Sequence[SamplePrompt]) -> int:
    from tui.tokens import ExampleCounter

    counter = ExampleCounter(model_info(model.model).encoding)
    # The well-known count of a conversation that is about to be answered.
    return counter.count([{"messages": list(prompt.messages)} for prompt in prompts]).classic.sum()
