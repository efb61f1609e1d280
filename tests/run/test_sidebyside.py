"""Runs in a table: what is told apart, sorted, judged and written."""

from __future__ import annotations

import csv
import io
import math

import pytest

from tests.run.test_compare import NOW, state_of
from tui.jobs import Job, MetricPoint, Update
from tui.run.compare import Compared, higher_is_better, measures, name_apart, usual_measure
from tui.run.compare_files import as_csv
from tui.run.points import as_csv as points_csv
from tui.run.sidebyside import NAME, Column, as_text, columns, ordered
from tui.run.state import RunState
from tui.run.verdict import verdict


def job(job_id: str, suffix: str | None = None, **fields: object) -> Job:
    return Job(job_id, "lab", "succeeded", "micro", suffix=suffix, **fields)


def run(
    job_id: str, *valid: float, suffix: str | None = None, sha: str = "", file: str = "", **more
) -> Compared:
    steps = dict(enumerate(valid, 1))
    state = state_of([2.0, 1.0], steps, job(job_id, suffix, **more))
    return Compared(("lab", job_id), job_id, state, file, sha)


def telling(job_id: str, **values: float) -> Compared:
    state = RunState(job_id)
    state.apply(Update(job(job_id), points=(MetricPoint("1", NOW, 1, 2, values),)))
    return Compared(("lab", job_id), job_id, state)


def test_runs_of_one_name_are_told_apart() -> None:
    runs = [
        run("ftjob-aaaa1111bbbb", suffix="same"),
        run("ftjob-cccc2222dddd", suffix="same"),
        run("ftjob-e", suffix="-"),
        run("ftjob-f", suffix="数据"),
        Compared(("log", "/x/a/trainer_log.jsonl"), "", RunState("")),
        Compared(("log", "/y/a/trainer_log.jsonl"), "", RunState("")),
    ]
    name_apart(runs)
    assert [each.title for each in runs] == [
        "same aaaa1111", "same cccc2222", "ftjob-e", "数据", "x/a", "y/a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "higher"),
    [
        ("loss", False),
        ("reward", True),
        ("token_accuracy", True),
        ("rewards.rejected", False),
        ("rewards/margins", True),
        ("eval_bleu", True),
        ("perplexity", False),
        ("kl", False),
        ("unheard_of", False),
    ],
)
def test_which_way_is_better(measure: str, higher: bool) -> None:
    assert higher_is_better(measure) is higher


def test_runs_that_tell_different_numbers() -> None:
    runs = [
        telling("a", train_loss=1.0, valid_loss=3.0),
        telling("b", **{"eval/loss": 2.0, "loss": 1.5}),
        telling("c", train_reward_mean=9.0),
        telling("d", ppl=4.0),
        telling("e"),
    ]
    assert usual_measure(runs) == "loss"
    assert measures(runs) == {"loss": 2, "reward": 1, "ppl": 1}
    shown = {column.key: column.cells for column in columns(runs, NOW)}
    assert shown["best"] == ("3.0000 @1", "2.0000 @1", "-", "-", "-")
    shown = {column.key: column.cells for column in columns(runs, NOW, "ppl")}
    assert shown["train"] == ("-", "-", "-", "4.0000", "-")
    assert usual_measure([runs[2], runs[4]]) == "reward"
    assert usual_measure([runs[3]]) == "ppl"
    assert usual_measure([]) == "loss"


def test_sorted_with_the_best_first_and_the_unknown_last() -> None:
    runs = [run("a", 1.5), run("b"), run("c", 0.5), run("d", math.nan)]
    table = columns(runs, NOW)
    name = lambda found: "".join(each.key[1] for each in found)  # noqa: E731
    assert name(ordered(runs, table, "best")) == "cabd"
    assert name(ordered(runs, table, "best", backwards=True)) == "acbd"
    assert name(ordered(runs, table, NAME, backwards=True)) == "dcba"
    assert name(ordered(runs, table, "is not there")) == "abcd"
    rewards = [telling("a", valid_reward_mean=0.1), telling("b", valid_reward_mean=0.9)]
    assert name(ordered(rewards, columns(rewards, NOW), "best")) == "ba"
    auto = [
        run("a", 1.0, hyperparameters={"batch_size": "auto"}),
        run("b", 1.0, hyperparameters={"batch_size": 16}),
        run("c", 1.0, hyperparameters={"batch_size": 2}),
    ]
    assert name(ordered(auto, columns(auto, NOW), "hyper.batch_size")) == "cba"


def test_data_of_one_name_or_of_one_content_is_marked() -> None:
    one = run("a", sha="1" * 64, file="/x/train.jsonl")
    same_name = run("b", sha="2" * 64, file="/y/train.jsonl")
    same_bytes = run("c", sha="1" * 64, file="/x/copy.jsonl")
    other = run("d", sha="2" * 64, file="/x/other.jsonl")

    def data(*runs: Compared) -> tuple[str, ...]:
        return next(column.cells for column in columns(runs, NOW) if column.key == "data")

    assert data(one, other) == ("train.jsonl", "other.jsonl")
    assert data(one, same_name) == ("train.jsonl #111111", "train.jsonl #222222")
    assert data(one, same_bytes) == ("train.jsonl #111111", "copy.jsonl #111111")


def test_the_verdict_says_in_what_the_best_differs_and_what_is_not_comparable() -> None:
    settings = ({"n_epochs": 3}, {"n_epochs": 5})
    same = [run(n, v, hyperparameters=h, validation_file="file-v") for n, v, h in zip(
        "ab", (1.0, 2.0), settings, strict=True)]  # fmt: skip
    assert verdict(same) == (
        "a has the lowest validation loss, 1.0000 at step 1; b has 2.0000 (epochs 3 against 5)"
    )
    same[1].sha256, same[0].sha256 = "1", "2"
    assert "(other data, epochs 3 against 5)" in verdict(same)
    level = [run(name, 1.0, validation_file="file-v") for name in "abc"]
    assert verdict(level) == "a, b and 1 more are level: 1.0000"
    different = [run("a", 1.0, validation_file="file-1"), run("b", 2.0, validation_file="file-2")]
    assert verdict(different).endswith("; they were validated on different files")
    log = Compared(("log", "/x"), "x", state_of([1.0], {1: 0.5}))
    assert verdict([log, same[0]]).endswith("; whether on the same validation data is not known")
    assert verdict([run("a", 1.0), run("b")]) == ""


def test_a_run_that_nobody_answers_for_is_marked() -> None:
    state = state_of([2.0], None, Job("x", "lab", "running", "micro"))
    lost = Compared(("lab", "x"), "x", state, trouble="nothing answers")
    over = run("y")
    over.trouble = "nothing answers"
    assert columns([lost, over], NOW)[0].cells == ("running?", "succeeded")


def test_the_table_for_spreadsheets() -> None:
    runs = [
        run("a", 0.5, suffix="=HYPERLINK(1)", hyperparameters={"n_epochs": 3, "name": "x"}),
        run("b", hyperparameters={"lr": -0.5}),
    ]
    name_apart(runs)
    rows = list(csv.DictReader(io.StringIO(as_csv(runs, NOW))))
    assert rows[0]["run"] == "'=HYPERLINK(1)"
    assert (rows[0]["best_valid"], rows[0]["best_valid_step"]) == ("0.5", "1")
    assert (rows[0]["hyper.n_epochs"], rows[0]["hyper.name"]) == ("3", "x")
    assert rows[1]["hyper.lr"] == "-0.5", "a number is no formula"
    assert rows[1]["best_valid"] == ""
    runs[1].title = "\x1b]0;owned\x07"
    assert "\x1b" not in as_csv(runs, NOW)
    points = points_csv([("=1+1", runs[0].state), ("-x", runs[1].state)])
    assert {row["run"] for row in csv.DictReader(io.StringIO(points))} == {"'=1+1", "'-x"}


def test_a_table_that_does_not_fit_leaves_columns_out_and_says_so() -> None:
    runs = [run("a" * 60, 1.0, sha="1", file="/x/train.jsonl"), run("b", 2.0)]
    runs[1].title = "\x1b[31m数据" * 20
    whole = as_text(runs, columns(runs, NOW), {runs[0].key: "a"})
    assert "train.jsonl" in whole[2]
    assert "\x1b" not in "".join(whole)
    narrow = as_text(runs, columns(runs, NOW), width=60)
    assert "left out for want of room" in narrow[-1]
    assert max(map(len, narrow[:4])) <= 60
    assert as_text([], [], width=60)


def test_a_column_of_the_cursor_comes_before_the_other_numbers() -> None:
    runs = [run("a", 1.0)]
    at = Column("cursor", "At 1", ("0.1000",), (0.1,))
    assert [column.key for column in columns(runs, NOW, at=at)][:3] == ["status", "cursor", "best"]
