"""Logs that grow, are cut, are replaced, and are half written."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logs.reading import DATA, events_of, points_of, rows_in
from tui.errors import FileError
from tui.jobs import Update
from tui.logs import Batch, Follower, LogSource, find_logs, read_log
from tui.logs.detect import reader_of

NAMES = ["hf_output.txt", "trl_output.txt", "trainer_log.jsonl", "torchtune.txt"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hf_output.txt", "output"),
        ("trainer_log.jsonl", "jsonl"),
        ("torchtune.txt", "output"),
        ("events_torch", "events"),
        ("events_new", "events"),
    ],
)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), max_size=12))
def test_it_does_not_matter_where_the_bytes_are_cut(name: str, kind: str, cuts: list[int]) -> None:
    path = DATA / name
    data = (next(path.iterdir()) if path.is_dir() else path).read_bytes()
    whole = reader_of(kind)
    at_once = [whole.feed(data), whole.settle(final=True)]
    expected = rows_in(at_once)
    reader, at, found = reader_of(kind), 0, []
    for cut in cuts:
        found.append(reader.feed(data[at : at + cut]))
        at += cut
    found += [reader.feed(data[at:]), reader.settle(final=True)]
    assert len(expected) > 10
    if kind == "events":
        # Numbers of one step are one row only where they come together.
        assert _numbers(found) == _numbers(at_once)
    else:
        assert rows_in(found) == expected


def _numbers(batches: list[Batch]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for batch in batches:
        counts.update(
            {name: len(at) for name, (at, _) in batch.rows.values.items()} if batch.rows else {}
        )
    return counts


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=600), kind=st.sampled_from(["output", "jsonl", "csv", "events"]))
def test_any_bytes_are_survived(data: bytes, kind: str) -> None:
    reader = reader_of(kind)
    reader.feed(data)
    reader.settle(final=True)


def test_a_damaged_event_file_says_so_and_keeps_what_came_before(tmp_path: Path) -> None:
    source = next((DATA / "events_torch").iterdir())
    data = bytearray(source.read_bytes())
    data[1000] ^= 0xFF
    target = tmp_path / source.name
    target.write_bytes(data)
    updates = read_log(target)
    assert 5 < len(points_of(updates)) <= 41
    assert any("damaged" in event.message for event in events_of(updates))


def test_polls_see_only_what_is_new_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    follower = Follower(path)
    assert rows_in([follower.poll()]) == [(1, "{'loss': 2.0}")]
    with path.open("a") as file:
        file.write('ss": 1.5}')
    assert rows_in([follower.poll()]) == []
    # No newline comes: an object that is whole is taken after a look in vain.
    assert rows_in([follower.poll(), follower.poll()]) == [(2, "{'loss': 1.5}")]
    with path.open("a") as file:
        file.write('\n{"step": 3, "loss": 1.0}\n')
    assert rows_in([follower.poll()]) == [(3, "{'loss': 1.0}")]


@pytest.mark.parametrize("how", ["truncated", "replaced", "rewritten longer"])
def test_a_log_that_begins_anew_is_read_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.5}\n')
    follower = Follower(path)
    follower.poll()
    fresh = '{"step": 1, "loss": 9.0}\n' + ('{"step": 2, "loss": 8.0}\n' * 4 * ("longer" in how))
    if how == "replaced":
        other = tmp_path / "other"
        other.write_text(fresh)
        os.replace(other, path)
    else:
        path.write_text(fresh)
    batch = follower.poll()
    assert batch.restart
    assert rows_in([batch])[0] == (1, "{'loss': 9.0}")


def test_a_log_that_goes_away_is_trouble_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,2\n")
    follower = Follower(path)
    follower.poll()
    path.unlink()
    assert "cannot be read" in follower.poll().trouble
    path.write_text("step,loss\n1,3\n")
    assert rows_in([follower.poll()]) == [(1, "{'loss': 3.0}")]


def test_steps_that_go_back_are_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    steps = [1, 2, 3, 4, 5, 3, 4]
    path.write_text(
        "".join(json.dumps({"step": s, "loss": 1.0 + i}) + "\n" for i, s in enumerate(steps))
    )
    updates = read_log(path)
    restarts = [event for event in events_of(updates) if event.type == "restart"]
    assert [event.data for event in restarts] == [{"step": 3}]
    assert len({point.id for point in points_of(updates)}) == len(steps)


def test_steps_counted_anew_in_each_epoch_go_on(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{epoch},{step},0.5" for epoch in range(3) for step in range(4)]
    path.write_text("epoch,step,loss\n" + "\n".join(lines) + "\n")
    updates = read_log(path)
    assert [point.step for point in points_of(updates)] == [*range(12)]
    assert not [event for event in events_of(updates) if event.type == "restart"]


def test_the_state_of_the_newest_checkpoint_is_read_and_what_was_told_is_not_told_again(
    tmp_path: Path,
) -> None:
    state = json.loads((DATA / "trainer_state.json").read_text())
    history = state["log_history"]
    for number, upto in ((20, 5), (40, 10)):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        path = folder / "trainer_state.json"
        path.write_text(json.dumps({**state, "log_history": history[:upto]}))
        os.utime(path, (number, number))
    follower = Follower(tmp_path)
    assert len(rows_in([follower.poll()])) == 10
    path = tmp_path / "trainer_state.json"
    path.write_text("{")
    assert rows_in([follower.poll()]) == []
    path.write_text(json.dumps(state))
    assert len(rows_in([follower.poll()])) == len(history) - 10 - 1
    assert not follower.poll().rows


def test_event_files_of_a_folder_are_one_run(tmp_path: Path) -> None:
    source = next((DATA / "events_torch").iterdir())
    shutil.copy(source, tmp_path / "events.out.tfevents.1.a")
    follower = Follower(tmp_path)
    assert len(rows_in([follower.poll()])) == 41
    shutil.copy(source, tmp_path / "events.out.tfevents.2.a")
    assert len(rows_in([follower.poll()])) == 41


def test_a_folder_of_runs(tmp_path: Path) -> None:
    shutil.copytree(DATA / "events_hf", tmp_path / "run-10" / "runs" / "Nov22")
    shutil.copy(DATA / "trainer_state.json", tmp_path / "run-10")
    shutil.copytree(DATA / "events_torch", tmp_path / "run-2")
    (tmp_path / "run-3").mkdir()
    shutil.copy(DATA / "trainer_log.jsonl", tmp_path / "run-3")
    shutil.copy(DATA / "hf_output.txt", tmp_path / "run-3" / "train.log")
    (tmp_path / "run-3" / "data.jsonl").write_text('{"messages": []}\n' * 4)
    (tmp_path / "notes.txt").write_text("nothing of interest\n" * 20)
    found = find_logs(tmp_path)
    assert [(log.title, log.kind) for log in found] == [
        ("run-2", "events"),
        ("run-3", "jsonl"),
        ("run-10", "events"),
    ]
    with pytest.raises(FileError, match="3 runs"):
        Follower(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        Follower(tmp_path / "missing.jsonl")
    with pytest.raises(FileError, match="no training log"):
        Follower(tmp_path)


async def test_a_source_follows_a_live_log_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "trainer_log.jsonl"
    lines = (DATA / "trainer_log.jsonl").read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    source = LogSource(path)
    seen: list[Update] = []
    async with asyncio.timeout(30), aclosing(source.updates()) as updates:
        async for update in updates:
            seen.append(update)
            if len(points_of(seen)) == 3 and len(lines) > 3:
                with path.open("a") as file:
                    file.write("".join(lines[3:]))
                lines = lines[:3]
    assert seen[-1].ended
    assert next(u.job.status for u in seen if u.job) == "running"
    assert seen[-1].job is not None
    assert seen[-1].job.status == "succeeded"
    assert len(points_of(seen)) == 15


async def test_a_log_that_stands_still_ends_when_told_so(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,2\n2,1")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    async with asyncio.timeout(30):
        seen = [update async for update in LogSource(path, idle=1.0).updates()]
    assert seen[-1].job is not None
    assert seen[-1].job.status == "unknown"
    assert [point.step for point in points_of(seen)] == [1, 2]


@pytest.mark.parametrize(("last", "status"), [(4, "succeeded"), (3, "unknown")])
async def test_the_last_of_all_steps_is_the_end(tmp_path: Path, last: int, status: str) -> None:
    path = tmp_path / "trainer_log.jsonl"
    rows = [{"current_steps": i, "total_steps": 4, "loss": 1.0 / i} for i in range(1, last + 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    async with asyncio.timeout(30):
        seen = [update async for update in LogSource(path, idle=1.0).updates()]
    assert seen[-1].job is not None
    assert seen[-1].job.status == status


def test_two_runs_in_one_output(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    one = (DATA / "hf_output.txt").read_text()
    path.write_text(one + "\n" + one)
    updates = read_log(path)
    restarts = [event for event in events_of(updates) if event.type == "restart"]
    assert [event.data for event in restarts] == [{"step": 5}]
    assert len(points_of(updates)) == 30
    # The second run is shorter, and the first one was killed: nothing said that it was over.
    killed = one[: one.index("train_runtime") - 2]
    path.write_text(killed + "\n" + one.replace("/60 [", "/30 ["))
    totals = [point.total_steps for point in points_of(read_log(path))]
    assert totals[0] == 60
    assert totals[-1] == 30


def test_a_training_that_goes_on_from_a_checkpoint_forgets_what_it_measures_again(
    tmp_path: Path,
) -> None:
    from tui.run.state import RunState

    path = tmp_path / "log.jsonl"
    rows = [(1, 4.0), (2, 3.0), (3, 2.0), (2, 2.5)]
    path.write_text("".join(json.dumps({"step": s, "loss": v}) + "\n" for s, v in rows))
    state = RunState("x")
    for update in read_log(path):
        state.apply(update)
    track = state.metrics["loss"]
    assert (list(track.steps), list(track.values)) == ([1, 2], [4.0, 2.5])


def test_the_model_and_the_adapter_are_known_from_what_stands_beside(tmp_path: Path) -> None:
    shutil.copytree(DATA / "events_hf", tmp_path / "runs" / "Nov22")
    for number, rank in ((20, 8), (100, 16)):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        adapter = {"base_model_name_or_path": "some/base", "r": rank, "lora_alpha": 32}
        (folder / "adapter_config.json").write_text(json.dumps(adapter))
    (tmp_path / "config.json").write_text("[1, 2")
    job = read_log(tmp_path)[-1].job
    assert job is not None
    assert job.model == "some/base"
    assert job.hyperparameters["lora_r"] == 16
    assert job.hyperparameters["learning_rate"] == 0.01
