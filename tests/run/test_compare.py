"""The course of a run in words, and runs side by side."""

from __future__ import annotations

import math

from tui.jobs import Job, MetricPoint, Update
from tui.run.compare import Compared, differing
from tui.run.compare_files import as_json
from tui.run.sidebyside import columns
from tui.run.state import Price, RunState
from tui.run.trend import ends_rising, trend
from tui.run.verdict import verdict

NOW = 1_800_000_000


def state_of(
    train: list[float],
    valid: dict[int, float] | None = None,
    job: Job | None = None,
    price: Price | None = None,
) -> RunState:
    state = RunState("x", price)
    points = [
        MetricPoint(str(i), NOW + i, i, 120, {"train_loss": v}) for i, v in enumerate(train, 1)
    ]
    points += [
        MetricPoint(f"v{i}", NOW + i, i, 120, {"valid_loss": v}) for i, v in (valid or {}).items()
    ]
    state.apply(Update(job, points=tuple(points)))
    return state


def test_the_trend_in_words() -> None:
    assert trend(RunState("x")) == "nothing has been measured yet"
    falling = state_of([2.31, 1.0, 0.42], {1: 0.9, 2: 0.51, 3: 0.6, 4: 0.7, 5: 0.8})
    assert trend(falling) == (
        "train_loss fell from 2.3100 to 0.4200 over 2 steps; "
        "best valid_loss 0.5100 at step 2, 0.8000 at the last; its last 3 measurements rose"
    )
    assert "hardly changed" in trend(state_of([1.0, 1.001]))
    assert "no finite number once, first at step 2" in trend(state_of([2.0, math.nan, 1.0]))
    assert "no finite value" in trend(state_of([math.nan, math.nan]))
    assert trend(state_of([1.5])) == "train_loss is 1.5000 at step 1"


def test_the_trend_of_many_values_is_an_average_and_says_so() -> None:
    said = trend(state_of([3.0, 1.0] * 40))
    assert said.startswith("train_loss hardly changed, about 2.0000 to 2.0000 over 79 steps")
    assert said.endswith("1.0000 at the last")


def test_the_trend_and_the_panel_name_the_same_best() -> None:
    state = state_of([2.0, 1.0], {1: 0.2, 2: 0.9})
    state.take([MetricPoint("f", NOW, 2, 120, {"full_valid_loss": 0.7})])
    assert state.best == ("full_valid_loss", 2.0, 0.7)
    assert "best full_valid_loss 0.7000 at step 2" in trend(state)


def test_rises_at_the_end() -> None:
    assert ends_rising([]) == 0
    assert ends_rising([3, 1, 2, math.nan, 3]) == 2
    assert ends_rising([1, 2, 2]) == 0


def job(**hyperparameters: object) -> Job:
    return Job("x", "lab", "succeeded", "micro", hyperparameters=hyperparameters, seed=7)


def test_only_what_differs_is_shown_and_empty_columns_are_not() -> None:
    runs = [
        Compared(
            ("lab", "a"),
            "a",
            state_of([2, 1], {2: 1.5}, job(n_epochs=3, batch_size=4)),
            "/x/t.jsonl",
        ),
        Compared(
            ("lab", "b"),
            "b",
            state_of([2, 1], {2: 1.2}, job(n_epochs=5, batch_size=4)),
            "/x/t.jsonl",
        ),
        Compared(("log", "/c"), "c", state_of([2, 1.1])),
    ]
    assert differing(runs) == ["n_epochs"]
    shown = {column.key: column.cells for column in columns(runs, NOW)}
    assert shown["hyper.n_epochs"] == ("3", "5", "-")
    assert shown["best"] == ("1.5000 @2", "1.2000 @2", "-")
    assert shown["data"] == ("t.jsonl", "t.jsonl", "-")
    assert "cost" not in shown
    assert "kept" not in shown
    assert verdict(runs).startswith("b has the lowest validation loss, 1.2000 at step 2; a has 1.5")
    found = as_json(runs, NOW)
    assert found["differ"] == ["n_epochs"]
    assert found["runs"][1]["valid"] == {"last": 1.2, "best": 1.2, "best_step": 2.0, "count": 1}
    assert found["runs"][2]["valid"] is None


def test_nothing_to_judge_by() -> None:
    runs = [
        Compared(("log", "/c"), "c", state_of([2, 1.1])),
        Compared(("log", "/d"), "d", state_of([])),
    ]
    assert verdict(runs) == ""
    assert columns([], NOW) == []
