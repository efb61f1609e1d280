"""Prices: dated data that ships with the program, and what a person adds to it."""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tui.config import Paths
from tui.errors import ConfigError
from tui.pricing.models import model_info

_RATES = ("training", "input", "output", "training_per_hour")
_FORM = '[PROVIDER.models] "MODEL" = { training = 5.0 }'


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs at one provider, in US dollars.

    Attributes:
        training: Per million billed training tokens.
        input: Per million input tokens of the tuned model.
        output: Per million output tokens of the tuned model.
        training_per_hour: Per hour, where training is billed by its time.
        as_of: The day the price was true, as written in the file.
    """

    training: float | None = None
    input: float | None = None
    output: float | None = None
    training_per_hour: float | None = None
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All known prices.

    Attributes:
        prices: Prices by provider and canonical model id.
        source: The file where a person's own prices go.
    """

    prices: Mapping[tuple[str, str], Price] = field(default_factory=dict)
    source: Path | None = None

    def models_at(self, provider: str) -> list[str]:
        """Return the canonical ids of the models that have a price at a provider."""
        return [model for name, model in self.prices if name == provider]

    def price(self, provider: str, model: str) -> Price | None:
        """Return the price of a model (any of its names) at a provider, if it is known."""
        return self.prices.get((provider, model_info(model).id))


def load_prices(paths: Paths | None = None) -> PriceBook:
    """Return the shipped prices with those of ``prices.toml`` in the configuration folder on top.

    Args:
        paths: Where that folder is; found from the environment unless given.

    Raises:
        ConfigError: The file is not TOML, or holds something that is not a price.
    """
    own = (paths or Paths.resolve()).config / "prices.toml"
    prices = dict(_shipped())
    try:
        with own.open("rb") as file:
            data = tomllib.load(file)
    except FileNotFoundError:
        return PriceBook(prices, own)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {own} ({error})", "fix or remove the file") from error
    prices.update(_read(data, str(own)))
    return PriceBook(prices, own)


@cache
def _shipped() -> Mapping[tuple[str, str], Price]:
    text = files("tui.pricing").joinpath("prices.toml").read_text("utf-8")
    return _read(tomllib.loads(text), "prices.toml")


def _read(data: Mapping[str, Any], where: str) -> dict[tuple[str, str], Price]:
    """Return the prices of a parsed file, or say what is wrong in it."""
    prices = {}
    for provider, table in data.items():
        place = f"{where}: [{provider}]"
        if not isinstance(table, dict):
            raise ConfigError(f"{place} must be a table", f"write {_FORM}")
        if unknown := set(table) - {"as_of", "models"}:
            raise ConfigError(f"{place} has an unknown key {min(unknown)!r}", f"write {_FORM}")
        as_of = _date(table.get("as_of"), place)
        models = table.get("models", {})
        if not isinstance(models, dict):
            raise ConfigError(f"{place} models must be a table", f"write {_FORM}")
        for model, row in models.items():
            key = (provider, model_info(model).id)
            prices[key] = _price(row, as_of, f"{where}: [{provider}.models] {model!r}")
    return prices


def _price(row: object, as_of: str | None, place: str) -> Price:
    if not isinstance(row, dict) or not row:
        raise ConfigError(f"{place} must be a table of prices", f"write {_FORM}")
    rates: dict[str, float] = {}
    for key, value in row.items():
        if key == "as_of":
            as_of = _date(value, place)
            continue
        if key not in _RATES:
            raise ConfigError(f"{place} has an unknown key {key!r}", f"use {', '.join(_RATES)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{place} {key} is not a number", "write US dollars, such as 5.0")
        if not math.isfinite(value) or value < 0:
            raise ConfigError(f"{place} {key} is {value}", "write US dollars, zero or more")
        rates[key] = float(value)
    return Price(**rates, as_of=as_of)


def _date(value: object, place: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    try:
        return datetime.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ConfigError(
            f"{place} as_of is {value!r}, which is no date", 'write a day, such as "2026-09-01"'
        ) from None
