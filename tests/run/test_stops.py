"""Stop rules: what can be typed, what comes true, each once."""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.errors import UsageError
from tui.jobs import Event, Job, MetricPoint, Update
from tui.run.alerts import event_of, keep, notification, run_command
from tui.run.state import Price, RunState
from tui.run.stop_words import parse, parse_all
from tui.run.stops import Action, StopRule, StopWatch, Verdict

NOW = 1_800_000_000
RUNNING = Job("ftjob-1", "lab", "running", created_at=NOW)


def run_of(values: list[float], name: str = "valid_loss", **more: float) -> RunState:
    state = RunState("ftjob-1", Price(1000, 40.0))
    points = [
        MetricPoint(f"e{i}", NOW + i, i + 1, 100, {name: value, **more})
        for i, value in enumerate(values)
    ]
    state.apply(Update(RUNNING, points=tuple(points)))
    return state


def seen(rule: str, state: RunState, now: float = NOW + 60) -> str:
    verdict = parse(rule).check(state, now)
    return verdict.message if verdict else ""


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("valid_loss rises 3", Action.ALERT),
        ("valid_loss  RISES 3 times then cancel", Action.CANCEL),
        ("train_loss is nan", Action.ALERT),
        ("cost > $20 then cancel", Action.CANCEL),
        ("no event for 30m then alert", Action.ALERT),
        ("no events for 90", Action.ALERT),
        ("step >= 500", Action.ALERT),
        ("time > 2h then run notify-send 'too long'", Action.RUN),
        ("scores.deep/value <= -1e-3 then shell echo hi; date", Action.RUN),
    ],
)
def test_what_can_be_typed(text: str, action: Action) -> None:
    rule = parse(text)
    assert rule.action is action
    assert parse(str(rule)) == rule
    assert rule.promise().endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "valid_loss",
        "valid_loss rises",
        "valid_loss rises 0",
        "valid_loss rises 3 then stop",
        "valid_loss rises 3 then cancel now",
        "loss > nan",
        "loss > 1e999",
        "loss > $3",
        "no event for 0m",
        "no event for ever",
        "cost > 20 then run",
        "cost > 20 then run 'unclosed",
        "time < 2h",
    ],
)
def test_what_cannot_is_told_with_what_can(text: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_all([text])
    assert told.value.hint
    assert told.value.exit_code == 2


def test_several_in_one_text_and_a_command_takes_the_rest() -> None:
    rules = parse_all(["cost > 20 then cancel; loss is nan", "step > 5 then shell a; b; c"])
    assert [rule.condition for rule in rules] == ["cost > 20", "loss is nan", "step > 5"]
    assert rules[2].command == ("a; b; c",)
    assert [
        rule.action for rule in parse_all(["loss is nan", "step > 5 then alert"], "cancel")
    ] == [
        Action.CANCEL,
        Action.ALERT,
    ]


def test_what_comes_true() -> None:
    assert seen("valid_loss rises 3", run_of([3, 1, 2, 3, 4]))
    assert not seen("valid_loss rises 3", run_of([1, 2, 3]))
    assert not seen("valid_loss rises 3", run_of([1, 2, 2, 3, 4]))
    assert seen("valid_loss rises 3", run_of([1, 2, math.nan, 3, 4])), "NaN breaks no row"
    assert seen("valid_loss falls 2", run_of([3, 2, 1]))
    assert "inf" in seen("train_loss is nan", run_of([1, math.inf], "loss")), "another name of it"
    assert not seen("train_loss is nan", run_of([math.nan, 1], "train_loss"))
    assert seen("eval_loss > 2", run_of([1, 3]))
    assert not seen("eval_loss > 2", run_of([3, math.nan])), "NaN is compared with nothing"
    assert seen("step >= 2", run_of([1, 1]))
    assert seen("cost > 1.9", run_of([1] * 5)) == "cost is $2.00 (> $1.90)"
    assert seen("time > 1m", run_of([1]), NOW + 61)
    assert not seen("time > 1m", run_of([1]), NOW + 59)
    assert not seen("never_heard_of > 1", run_of([5]))


def test_a_run_that_is_over_is_left_in_peace() -> None:
    state = run_of([1, 2, 3, 4])
    state.apply(Update(Job("ftjob-1", "lab", "succeeded", created_at=NOW)))
    watch = StopWatch(parse_all(["valid_loss rises 2; time > 1s; no event for 1s"]), NOW)
    assert watch.check(state, NOW + 10_000) == []


def test_silence_counts_from_what_was_said_last_and_only_while_running() -> None:
    state = run_of([1.0])
    watch = StopWatch(parse_all(["no event for 30m"]), NOW + 5000)
    old = Event("e", NOW, "info", "hello", "message", None)
    watch.see(Update(RUNNING, events=(old,)), NOW + 5000)
    assert watch.check(state, NOW + 5000), "it was silent for long when we came"
    watch = StopWatch(parse_all(["no event for 30m"]), NOW)
    watch.see(Update(RUNNING, trouble="no answer"), NOW + 1700)
    for at in range(60, 1800, 30):
        assert watch.check(state, NOW + at) == []
    assert watch.check(state, NOW + 1801), "asking in vain is no news"
    queued = RunState("ftjob-1")
    queued.apply(Update(Job("ftjob-1", "lab", "queued", created_at=NOW)))
    watch = StopWatch(parse_all(["no event for 30m"]), NOW)
    assert watch.check(queued, NOW + 9999) == []


def test_nothing_between_two_looks_is_missed() -> None:
    state = run_of([1.0], "train_loss")
    watch = StopWatch(parse_all(["train_loss is nan"]), NOW)
    assert watch.check(state, NOW) == []
    state.take([MetricPoint("x", NOW, 2, 100, {"train_loss": math.nan})])
    state.take([MetricPoint("y", NOW, 3, 100, {"train_loss": 0.5})])
    assert [verdict.message for verdict in watch.check(state, NOW)] == [
        "train_loss is nan at step 2"
    ]
    assert watch.check(state, NOW) == []


VALUES = st.lists(st.floats(0, 10) | st.just(math.nan), max_size=30)


@given(values=VALUES, cuts=st.lists(st.integers(0, 30), max_size=5), count=st.integers(1, 4))
def test_each_rule_fires_once_and_as_the_definition_says(
    values: list[float], cuts: list[int], count: int
) -> None:
    rule = parse(f"valid_loss rises {count}")
    state = RunState("x")
    state.apply(Update(RUNNING))
    watch, fired, at = StopWatch([rule], NOW), [], 0
    watch.check(state, NOW)
    for cut in [*sorted(cuts), len(values)]:
        points = [
            MetricPoint(str(i), NOW, i, 100, {"valid_loss": values[i]})
            for i in range(at, min(cut, len(values)))
        ]
        at = max(at, min(cut, len(values)))
        if points:
            state.take(points)
        fired += watch.check(state, NOW)
    assert len(fired) <= 1
    finite = [value for value in values if math.isfinite(value)]
    windows = [finite[i : i + count + 1] for i in range(len(finite) - count)]
    met = any(all(a < b for a, b in itertools.pairwise(w)) for w in windows)
    assert bool(fired) == met


def test_what_was_measured_long_before_the_rule_counts_only_if_it_is_still_so() -> None:
    state = run_of([1, 2, 3, 4, 1.5])
    later = NOW + 10_000
    assert StopWatch(parse_all(["valid_loss rises 3"]), later).check(state, later) == []
    state = run_of([1.5, 1, 2, 3, 4])
    assert StopWatch(parse_all(["valid_loss rises 3"]), later).check(state, later)


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    try:
        rules = parse_all([text])
    except UsageError:
        return
    assert all(isinstance(rule, StopRule) for rule in rules)


def test_the_notification_is_clean_and_wrapped_where_needed() -> None:
    plain = notification("loss\x1b[31m is\x07 bad", {"TERM": "xterm"})
    assert plain.startswith("\a\x1b]9;tunedeck: loss")
    assert "\x1b[31m" not in plain
    assert plain.count("\a") == 1
    assert notification("x", {"TERM": "screen", "TMUX": "1"}).startswith("\a\x1bPtmux;\x1b\x1b]9;")
    assert notification("x", {"TERM": "dumb"}) == "\a"


async def test_a_command_gets_what_was_seen_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import os; open({str(out)!r}, 'w').write(os.environ['TUNEDECK_MESSAGE'])"
    rule = StopRule(parse("loss > 1").conditions, Action.RUN, (sys.executable, "-c", code))
    said = await asyncio.wait_for(run_command(Verdict(rule, "loss is $(2)"), "ftjob-1"), 60)
    assert said.startswith("the command was run")
    assert out.read_text() == "loss is $(2)"
    missing = parse("loss > 1 then run /no/such/program")
    assert "could not be started" in await run_command(Verdict(missing, "x"), "ftjob-1")


def test_what_happened_is_kept_and_hides_no_older_event(tmp_path: Path) -> None:
    from tui.jobs import open_ledger

    ledger = open_ledger(tmp_path)
    event = event_of(Verdict(parse("loss > 1"), "loss is 2"), "you were told", NOW)
    keep(ledger, "lab http://x", "ftjob-1", event)
    assert ledger.has_gap("lab http://x", "ftjob-1")
    assert [kept.message for kept in ledger.events("lab http://x", "ftjob-1")] == [event.message]
    ledger.close()


def test_what_only_the_ledger_told_is_not_judged() -> None:
    state = run_of([1, 2, 3, 4])
    watch = StopWatch(parse_all(["valid_loss rises 3; no event for 1m"]), NOW + 9000)
    old = Event("e", NOW, "info", "hello", "message", None)
    watch.see(Update(RUNNING, events=(old,), kept=True), NOW + 9000)
    assert watch.check(state, NOW + 9000) == [], "the provider may know better"
    state.take([MetricPoint("x", NOW + 8999, 5, 100, {"valid_loss": 0.5})])
    new = Event("f", NOW + 8999, "info", "hello", "message", None)
    watch.see(Update(RUNNING, events=(new,)), NOW + 9001)
    assert watch.check(state, NOW + 9001) == []


def test_time_the_machine_slept_is_no_silence() -> None:
    state = run_of([1.0])
    watch = StopWatch(parse_all(["no event for 30m then cancel"]), NOW)
    watch.see(Update(RUNNING, events=(Event("d", NOW, "info", "x", "message", None),)), NOW)
    assert watch.check(state, NOW + 10_000) == [], "it has just woken"
    watch.see(
        Update(RUNNING, events=(Event("e", NOW, "info", "x", "message", None),)), NOW + 10_002
    )
    for at in range(0, 1790, 30):
        assert watch.check(state, NOW + 10_003 + at) == []
    assert watch.check(state, NOW + 10_003 + 1800)


def test_no_run_is_cancelled_while_its_provider_cannot_be_asked() -> None:
    state = run_of([1.0])
    rules = parse_all(["no event for 1m; no event for 1m then cancel"])
    watch = StopWatch(rules, NOW)
    state.apply(Update(RUNNING, trouble="no answer"))
    told = [verdict for at in (30, 60, 90) for verdict in watch.check(state, NOW + at)]
    assert [verdict.action for verdict in told] == [Action.ALERT]
    assert "does not answer" in told[0].message
    state.apply(Update(RUNNING))
    assert [verdict.action for verdict in watch.check(state, NOW + 120)] == [Action.CANCEL]


def test_that_a_rule_came_true_is_no_sign_of_life() -> None:
    watch = StopWatch(parse_all(["no event for 30m"]), NOW + 5000)
    events = (
        Event("e", NOW, "info", "hello", "message", None),
        Event("f", NOW + 4999, "warn", "Stop rule", "stop_rule", None),
    )
    watch.see(Update(RUNNING, events=events), NOW + 5000)
    assert watch.check(run_of([1.0]), NOW + 5000)


def test_a_log_without_times_is_judged_line_by_line() -> None:
    state = RunState("log")
    state.apply(Update(RUNNING))
    watch = StopWatch(parse_all(["loss is nan"]), NOW)
    state.take([MetricPoint("a", None, 1, 9, {"loss": 1.0})])
    assert watch.check(state, NOW) == []
    points = [MetricPoint(str(n), None, n, 9, {"loss": v}) for n, v in ((2, math.nan), (3, 1.0))]
    state.take(points)
    assert [verdict.message for verdict in watch.check(state, NOW)] == ["loss is nan at step 2"]


async def test_a_command_that_fails_says_its_last_words() -> None:
    failing = parse("loss > 1 then shell echo one; echo 'two \x1b[31m' >&2; exit 3")
    said = await asyncio.wait_for(run_command(Verdict(failing, "x"), "ftjob-1"), 60)
    assert "failed with exit code 3" in said
    assert said.rstrip("\x1b[31m ").endswith("two")
    killed = parse("loss > 1 then shell kill -9 $$")
    assert "killed by signal 9" in await run_command(Verdict(killed, "x"), "ftjob-1")


def test_rules_are_kept_and_one_process_acts(tmp_path: Path) -> None:
    from tui.jobs import open_ledger

    at = ("lab http://x", "ftjob-1")
    ledger, other = open_ledger(tmp_path), open_ledger(tmp_path)
    ledger.keep_rules(*at, ["loss > 1", "loss is nan then run x"])
    assert [one.text for one in other.kept_rules(*at)] == ["loss > 1", "loss is nan then run x"]
    assert other.claim_rule(*at, "loss is nan then run x", "loss is nan")
    assert not ledger.claim_rule(*at, "loss is nan then run x", "loss is nan")
    ledger.keep_rules(*at, ["loss is nan then run x"])
    (kept,) = ledger.kept_rules(*at)
    assert kept.acted_at
    assert kept.seen == "loss is nan"
    ledger.keep_rules(*at, ["loss is nan then run x"], anew=["loss is nan then run x"])
    assert ledger.claim_rule(*at, "loss is nan then run x", "again")
    assert ledger.kept_rules("lab http://x", "ftjob-2") == []
    ledger.close()
    other.close()
