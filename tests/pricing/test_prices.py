"""Prices ship with a date, and a person's own file adds to them or is refused with a reason."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tui.config import Paths
from tui.errors import ConfigError
from tui.pricing import load_prices, trainable_models


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "prices.toml"
    path.parent.mkdir()
    return path


def paths(own: Path) -> Paths:
    return Paths(own.parent, own.parent, own.parent)


def test_every_trainable_model_has_a_dated_price(tmp_path: Path) -> None:
    book = load_prices(Paths(tmp_path, tmp_path, tmp_path))
    for info in trainable_models(today=datetime.date(2026, 11, 21)):
        assert info.provider is not None
        price = book.price(info.provider, info.id)
        assert price is not None
        assert price.training is not None
        assert datetime.date.fromisoformat(str(price.as_of))


def test_shipped_prices(tmp_path: Path) -> None:
    book = load_prices(Paths(tmp_path, tmp_path, tmp_path))
    mini = book.price("openai", "gpt-4.1-mini")
    assert mini is not None
    assert (mini.training, mini.input, mini.output) == (5.0, 0.8, 3.2)
    assert mini.as_of == "2026-09-01"
    rft = book.price("openai", "o4-mini")
    assert rft is not None
    assert (rft.training, rft.training_per_hour) == (None, 100.0)
    assert book.price("openai", "llama") is None
    assert book.price("nowhere", "gpt-4.1-mini") is None


def test_own_prices_win_and_add(own: Path) -> None:
    own.write_text(
        """
        [openai]
        as_of = 2026-11-01
        [openai.models]
        "gpt-4.1-mini" = { training = 4 }
        [lab]
        [lab.models]
        "qwen-8b" = { training = 0.5, as_of = "2026-10-05" }
        """
    )
    book = load_prices(paths(own))
    mini, qwen = book.price("openai", "gpt-4.1-mini-2025-04-14"), book.price("lab", "qwen-8b")
    assert mini is not None
    assert qwen is not None
    assert (mini.training, mini.as_of) == (4.0, "2026-11-01")
    assert (qwen.training, qwen.as_of) == (0.5, "2026-10-05")
    assert book.price("openai", "gpt-4o") is not None
    assert book.models_at("lab") == ["qwen-8b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml at all", "cannot read"),
        ("openai = 3", "must be a table"),
        ("[openai]\nprices = 3", "unknown key 'prices'"),
        ("[openai]\nmodels = 3", "must be a table"),
        ('[openai]\nas_of = "soon"', "no date"),
        ("[openai]\nas_of = 3", "no date"),
        ('[openai.models]\n"m" = 5.0', "table of prices"),
        ('[openai.models]\n"m" = {}', "table of prices"),
        ('[openai.models]\n"m" = { train = 5.0 }', "unknown key 'train'"),
        ('[openai.models]\n"m" = { training = "5" }', "not a number"),
        ('[openai.models]\n"m" = { training = true }', "not a number"),
        ('[openai.models]\n"m" = { training = -1 }', "training is -1"),
        ('[openai.models]\n"m" = { training = nan }', "training is nan"),
        ('[openai.models]\n"m" = { training = 1, as_of = "x" }', "no date"),
    ],
)
def test_malformed_prices_are_refused(own: Path, text: str, said: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_prices(paths(own))
    assert str(own) in caught.value.message
    assert caught.value.hint


def test_a_folder_in_the_place_of_prices_is_refused(own: Path) -> None:
    own.mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        load_prices(paths(own))


def test_bytes_that_are_no_text_are_refused(own: Path) -> None:
    own.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read"):
        load_prices(paths(own))
