"""What a job costs: epochs by the public rule, billed tokens, dollars, and what to know first."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.errors import UsageError
from tui.pricing import CostRow, Price, PriceBook, automatic_epochs, estimate, load_prices
from tui.tokens import TokenTable, ValueCounts

TODAY = datetime.date(2026, 11, 21)
ENDED = datetime.date(2027, 1, 6)
KEYS = {
    "provider",
    "model",
    "epochs",
    "epochs_source",
    "tokens_billed",
    "usd_per_million",
    "usd",
    "prices_as_of",
    "trainable",
    "shutdown_date",
    "notes",
}

pytestmark = pytest.mark.usefixtures("home")


def table(*billed: int, approximate: bool = False) -> TokenTable:
    return TokenTable(billed=ValueCounts(billed), approximate=approximate)


def row(*billed: int, model: str = "gpt-4.1-mini", **more: object) -> CostRow:
    more.setdefault("today", TODAY)
    return estimate(table(*billed), model, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [
        *((0, 25), (1, 25), (4, 25), (5, 20), (10, 10), (14, 7), (20, 5), (24, 4), (25, 4)),
        *((33, 3), (34, 3), (40, 3), (8_333, 3), (8_334, 2), (12_501, 1), (30_000, 1)),
    ],
)
def test_automatic_epochs(examples: int, epochs: int) -> None:
    assert automatic_epochs(examples) == epochs


@given(st.integers(0, 10**9))
def test_automatic_epochs_stay_in_bounds(examples: int) -> None:
    assert 1 <= automatic_epochs(examples) <= 25


def test_a_row() -> None:
    found = row(4306, epochs=20)
    assert found.to_json() | {"notes": []} == {
        **found.to_json(),
        "provider": "openai",
        "model": "gpt-4.1-mini-2025-04-14",
        "epochs": 20,
        "epochs_source": "given",
        "tokens_billed": 86120,
        "usd_per_million": 5.0,
        "usd": 0.4306,
        "prices_as_of": "2026-09-01",
        "trainable": True,
        "shutdown_date": "2027-01-14",
        "notes": [],
    }
    assert set(found.to_json()) >= KEYS
    assert json.loads(json.dumps(found.to_json())) == found.to_json()
    assert found.notes == ()


def test_the_rule_chooses_where_nothing_is_given() -> None:
    found = row(*[100] * 10)
    assert (found.epochs, found.epochs_source, found.tokens_billed) == (10, "heuristic", 10_000)


@pytest.mark.parametrize("epochs", [0, -1, 51])
def test_epochs_out_of_range(epochs: int) -> None:
    with pytest.raises(UsageError, match="epochs"):
        row(1, epochs=epochs)


def test_examples_are_billed_up_to_the_limit() -> None:
    found = row(10, 65_536, 70_000, epochs=1)
    assert found.tokens_billed == 10 + 2 * 65_536
    assert found.truncated == 1
    assert any("4,464 tokens" in note for note in found.notes)


def test_retired_models_keep_their_price_and_say_so() -> None:
    found = row(1000, model="gpt-3.5-turbo", epochs=1)
    assert found.usd == 0.008
    assert not found.trainable
    assert "shut down on 2026-10-23" in found.notes[0]
    later = row(1000, epochs=1, today=ENDED)
    assert not later.trainable
    assert "no new jobs" in later.notes[0]


def test_time_is_not_priced_as_tokens() -> None:
    found = row(1000, model="o4-mini")
    assert (found.usd, found.usd_per_million, found.tokens_billed) == (None, None, 0)
    assert any("by the hour" in note and "$100" in note for note in found.notes)


def test_a_method_the_model_is_not_tuned_by() -> None:
    found = row(1000, method="reinforcement")
    assert (found.usd, found.tokens_billed) == (None, 0)
    assert any("reinforcement" in note for note in found.notes)
    pairs = row(1000, model="davinci-002", method="dpo")
    assert any("dpo" in note for note in pairs.notes)
    # The small model of the embedded service takes every method.
    assert not any("dpo" in note for note in row(1000, model="micro", method="dpo").notes)
    assert row(1000, method="supervised").notes == ()
    assert row(1000, method="dpo").notes == ()


def test_an_unknown_price_is_no_price() -> None:
    found = row(1000, model="mystery")
    assert found.usd is None
    assert found.approximate
    assert not found.trainable
    assert any("No training price" in note for note in found.notes)
    assert any("tokenizer" in note for note in found.notes)


def test_silence_of_another_provider_means_nothing() -> None:
    found = row(1000, model="qwen-8b", provider="lab")
    assert found.trainable
    assert found.usd is None
    book = PriceBook({("lab", "qwen-8b"): Price(training=2.0, as_of="2026-11-01")})
    priced = row(500_000, model="qwen-8b", provider="lab", prices=book, epochs=1)
    assert (priced.usd, priced.prices_as_of) == (1.0, "2026-11-01")


def test_this_machine_is_free() -> None:
    found = row(1000, model="ft:micro:local:x:y")
    assert (found.provider, found.model, found.usd) == ("local", "micro", 0.0)
    assert found.trainable
    assert found.shutdown_date is None
    assert found.notes == ()


def test_other_providers_have_other_dates() -> None:
    found = row(1000, provider="azure", today=ENDED)
    assert found.trainable
    assert found.shutdown_date == "2027-10-14"
    assert found.usd is None


def test_estimated_counts_are_marked() -> None:
    found = estimate(table(10, approximate=True), "gpt-4o", today=TODAY)
    assert found.approximate
    assert found.notes


def test_validation_is_spoken_of() -> None:
    assert row(10, validation=True).notes == ("The validation file is not billed",)
    assert "not known" in row(10, validation=True, provider="lab").notes[-1]


def test_nothing_costs_nothing() -> None:
    assert row().usd == 0.0


@given(st.lists(st.integers(0, 200_000), max_size=30), st.integers(1, 50))
def test_the_bill_is_the_sum_of_what_fits(billed: list[int], epochs: int) -> None:
    book = load_prices()
    found = row(*billed, epochs=epochs, prices=book)
    assert found.tokens_billed == epochs * sum(min(tokens, 65_536) for tokens in billed)
    assert found.usd == pytest.approx(found.tokens_billed * 5e-6, abs=1e-6)
