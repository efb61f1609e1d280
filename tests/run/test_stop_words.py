"""How stop rules are written: what is read, and what is meant by what is not."""

from __future__ import annotations

import math

import pytest

from tests.run.test_stops import NOW, run_of, seen
from tui.errors import UsageError
from tui.jobs import MetricPoint
from tui.run.stop_doubts import doubt, unheard, unknown
from tui.run.stop_words import join, parse, parse_all, seconds_of
from tui.run.stops import Action, StopWatch


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1800),
        ("30 min", 1800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5 hours", 5400),
        ("2 days", 172_800),
        ("0m", None),
        ("1h30", None),
        ("soon", None),
        ("30m ago", None),
    ],
)
def test_lengths_of_time(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("valid_loss raises 3", "valid_loss rises 3"),
        ("valid_loss rises", "valid_loss rises 3"),
        ("valid loss rises 3", "valid_loss rises 3"),
        ("valid_loss goes up 3", "valid_loss rises 3"),
        ("accuracy drops 2", "accuracy falls 2"),
        ("train_loss == nan", "train_loss is nan"),
        ("isnan(train_loss)", "train_loss is nan"),
        ("cost over 20", "cost > 20"),
        ("loss => 5", "loss >= 5"),
        ("loss ≥ 5", "loss >= 5"),
        ("no events in 30m", "no event for 30m"),
        ("silent for 30m", "no event for 30m"),
        ("runtime > 2h", "time > 2h"),
        ("if cost > 20 then cancel", "cost > 20 then cancel"),
        ("valid_loss rises 3 thn cancel", "valid_loss rises 3 then cancel"),
        ("valid_loss rises 3, cancel", "valid_loss rises 3 then cancel"),
        ("loss > 5 then stop", "loss > 5 then cancel"),
        ("loss > 5 && step > 10", "loss > 5 and step > 10"),
        ("loss > 5 or step > 10", "loss > 5; step > 10"),
    ],
)
def test_what_is_meant_is_guessed(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_all([typed])
    assert told.value.hint == f"did you mean {meant!r}?"
    assert parse_all([meant])


def test_what_nobody_can_guess_is_told_what_can_be_written() -> None:
    for text in ("make it so", "cost > 80%", "valid_loss rises -3", "step > $5"):
        with pytest.raises(UsageError) as told:
            parse(text)
        assert "no event for 30m" in told.value.hint
    with pytest.raises(UsageError) as told:
        parse("cost")
    assert "quotes" in told.value.hint, "the shell took the rest"
    with pytest.raises(UsageError) as told:
        parse("loss > 5 then explode")
    assert "after 'then' stands alert" in told.value.hint


def test_per_cent_heeds_no_noise() -> None:
    noisy = [2.0, 1.9, 1.95, 1.98, 2.01, 1.85]
    assert seen("valid_loss rises 3", run_of(noisy[:5]))
    assert not seen("valid_loss rises 10%", run_of(noisy))
    assert "20% over its lowest, 2.0000" in seen("valid_loss rises 10%", run_of([3, 2, 2.4]))
    assert "under its highest" in seen("accuracy falls 10%", run_of([0.5, 0.9, 0.7], "accuracy"))
    assert not seen("valid_loss rises 10%", run_of([math.nan, 5.0]))
    assert seen("accuracy < 30%", run_of([0.29], "accuracy")) == "accuracy is 29% (< 30%) at step 1"


def test_the_best_so_far_is_found_also_when_the_past_changes() -> None:
    state = run_of([2.0, 1.5])
    watch = StopWatch([parse("valid_loss rises 50%")], NOW)
    assert watch.check(state, NOW) == []
    state.take([MetricPoint("c", NOW, 3, 100, {"valid_loss": 2.0})])
    assert watch.check(state, NOW) == []
    state.take([MetricPoint("b", NOW, 2, 100, {"valid_loss": 1.0})])
    (found,) = watch.check(state, NOW)
    assert found.message == "valid_loss is 2.0000, 100% over its lowest, 1.0000, at step 3"


def test_all_conditions_must_be_true_of_the_same_step() -> None:
    rule = parse("train_loss > 5 and step >= 3 then cancel")
    assert rule.action is Action.CANCEL
    assert (
        rule.promise()
        == "Once train_loss is over 5.0000 and step is at least 3, the run is cancelled."
    )
    assert parse(str(rule)) == rule
    early = run_of([9, 1, 1, 1], "train_loss")
    assert rule.check(early, NOW, since={"train_loss": 0}) is None
    late = run_of([1, 1, 9, 1], "train_loss")
    found = rule.check(late, NOW, since={"train_loss": 0})
    assert found is not None
    assert found.message == "train_loss is 9.0000 (> 5.0000) at step 3 and step is 3 (>= 3)"
    both = "train_loss > 5 and valid_loss > 1"
    assert seen(both, run_of([9], "train_loss", valid_loss=2.0))
    assert not seen(both, run_of([9], "train_loss", valid_loss=0.5))
    assert not seen(both, run_of([9], "train_loss"))


def test_names_as_people_type_them() -> None:
    assert seen('"my loss: x" > 1', run_of([2], "my loss: x"))
    assert seen("Train_Loss > 1", run_of([2], "train_loss"))
    assert seen("train-loss > 1", run_of([2], "train/loss"))
    assert seen("cost > 1,000 usd", run_of([1])) == ""


def test_doubts_are_told() -> None:
    state = run_of([2.0], "valid_loss", full_valid_loss=2.0)
    assert unheard(parse("los > 1 and valid_los > 2"), state.metrics) == [
        ("los", ""),
        ("valid_los", "valid_loss"),
    ]
    assert "full_valid_loss rises 3" in doubt(parse("valid_loss rises 3"), state.metrics)
    assert doubt(parse("full_valid_loss rises 3"), state.metrics) == ""
    assert doubt(parse("valid_loss rises 10%"), state.metrics) == ""
    assert unknown(parse("cost > 20"), state) == []
    state.price = None
    assert unknown(parse("cost > 20 and tokens > 5"), state) == [
        "what the run costs",
        "how many tokens were trained",
    ]


def test_several_rules_in_one_line_read_back_to_the_same() -> None:
    for text in (
        "loss > 1; loss is nan then cancel",
        "loss > 1 then shell a; b;; loss is nan then run c 'd e';; cost > 2",
    ):
        rules = parse_all([text])
        assert len(rules) == text.count("loss") + text.count("cost")
        assert join(rules) == text
        assert parse_all([join(rules)]) == rules
