"""The model table answers for every name a model goes by, and for those it does not know."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.pricing import model_info, trainable_models
from tui.tokens import encoding_names

BEFORE = datetime.date(2026, 11, 21)
LAST = datetime.date(2027, 1, 5)
ENDED = datetime.date(2027, 1, 6)


@pytest.mark.parametrize(
    ("name", "canonical", "encoding"),
    [
        ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "o200k_base"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14", "o200k_base"),
        ("GPT-4o-mini", "gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4o", "gpt-4o-2024-08-06", "o200k_base"),
        # tiktoken's own table gives the wrong encoding for these two.
        ("ft:gpt-4.1-2025-04-14:org::abc", "gpt-4.1-2025-04-14", "o200k_base"),
        ("gpt-4.1-2025-04-14.ft-0123-suffix", "gpt-4.1-2025-04-14", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:org:name:abc:ckpt-step-80", "gpt-4o-mini-2024-07-18", None),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", "cl100k_base"),
        ("gpt-35-turbo-0613", "gpt-3.5-turbo-0613", "cl100k_base"),
        ("davinci-002", "davinci-002", "cl100k_base"),
        ("ft:micro:local:demo:x1", "micro", "o200k_base"),
    ],
)
def test_names_of_known_models(name: str, canonical: str, encoding: str | None) -> None:
    info = model_info(name)
    assert info.id == canonical
    assert info.known
    assert not info.approximate
    assert encoding in (None, info.encoding)


@pytest.mark.parametrize(
    ("name", "encoding", "approximate"),
    [
        ("gpt-5.1-mini", "o200k_base", False),
        ("o3", "o200k_base", False),
        ("openai/gpt-oss-20b", "o200k_harmony", False),
        ("gpt-4-turbo", "cl100k_base", False),
        ("davinci:ft-acme-2022-10-01", "r50k_base", False),
        ("gpt-6-luna", "o200k_base", True),
        ("meta-llama/Llama-3.1-8B-Instruct", "o200k_base", True),
        ("o1x", "o200k_base", True),
        ("", "o200k_base", True),
    ],
)
def test_models_not_in_the_table(name: str, encoding: str, approximate: bool) -> None:
    info = model_info(name)
    assert (info.encoding, info.approximate) == (encoding, approximate)
    assert not info.known
    assert not info.trainable
    assert info.context_limit is None
    assert info.provider is None
    assert info.shutdown_date is None


@given(st.text())
def test_every_name_has_an_answer(name: str) -> None:
    assert model_info(name).encoding in encoding_names()


def test_limits() -> None:
    assert model_info("gpt-4.1-nano").context_limit == 65536
    assert model_info("gpt-3.5-turbo").context_limit == 16385
    assert model_info("gpt-3.5-turbo-0613").context_limit == 4096
    assert model_info("o4-mini").methods == ("reinforcement",)


def test_what_can_be_trained_depends_on_the_day() -> None:
    hosted = {
        "gpt-4.1-2025-04-14",
        "gpt-4.1-mini-2025-04-14",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini-2024-07-18",
    }
    for day in (BEFORE, LAST):
        assert {info.id for info in trainable_models("openai", today=day)} == hosted
        assert {info.id for info in trainable_models(today=day)} == {*hosted, "micro"}
    assert trainable_models("openai", today=ENDED) == []
    assert [info.id for info in trainable_models(today=ENDED)] == ["micro"]
    assert {info.id for info in trainable_models("azure", today=ENDED)} >= hosted
    assert trainable_models("somewhere else", today=BEFORE) == []


def test_dates_at_each_provider() -> None:
    info = model_info("gpt-4.1-mini")
    assert info.provider == "openai"
    assert info.shutdown_date == "2027-01-14"
    assert info.shutdown_at("azure") == "2027-10-14"
    assert info.trainable_on(LAST)
    assert not info.trainable_on(ENDED)
    assert info.trainable_on(ENDED, "azure")
    assert info.replacement == "gpt-6-luna"
