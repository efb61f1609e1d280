"""Logs as they are found on real machines: holes, ranks, laps, tables of other programs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.logs.reading import DATA, events_of, points_of, rows_in
from tui.errors import FileError
from tui.logs import find_logs, read_log
from tui.logs.literal import dictionary_in
from tui.logs.output import Output


def steps_and(path: Path, name: str) -> list[tuple[int, float]]:
    points = points_of(read_log(path))
    return [(point.step, point.values[name]) for point in points if name in point.values]


def written(tmp_path: Path, text: str | bytes, name: str = "train.log") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        # Emptied while the trainer went on to write at its place.
        ("\0" * 70_000 + "step 1 loss 2\nstep 2 loss 1\n", "loss", [(1, 2.0), (2, 1.0)]),
        # Bars that are drawn anew with backspaces.
        ("Epoch 1\n 1/9 - loss\b\b\b\b\b\nstep 1 loss 2\n", "loss", [(1, 2.0)]),
        # A table with names in quotes, with quotes within, with comments in front.
        (
            '"step","train loss","note"\n"1","0.5","a, b"\n"2","0.4",""\n',
            "train_loss",
            [(1, 0.5), (2, 0.4)],
        ),
        ("# a run\n# of mine\nstep,loss\n1,2\n2,1\n", "loss", [(1, 2.0), (2, 1.0)]),
        # What TensorBoard, W&B and a notebook hand out.
        ("Wall time,Step,Value\n1760000000.5,3,2.5\n", "value", [(3, 2.5)]),
        (
            '"Step","a - train/loss","a - train/loss__MIN"\n"1","2","2"\n',
            "a - train/loss",
            [(1, 2.0)],
        ),
        (
            "Step\tTraining Loss\tValidation Loss\n10\t2.5\t2.6\n20\t2.0\t2.2\n",
            "valid_loss",
            [(10, 2.6), (20, 2.2)],
        ),
        # Lightning's metrics.csv: a row for training, another for validation.
        (
            "epoch,step,train_loss_step,val_loss\n0,9,2.1,\n0,9,,2.0\n1,19,1.8,\n",
            "train_loss",
            [(9, 2.1), (19, 1.8)],
        ),
        # Names as people write them.
        (
            '{"Step": 1, "Train Loss": 2, "KL": 1}\n{"Step": 5, "Train Loss": 1}\n',
            "train_loss",
            [(1, 2.0), (5, 1.0)],
        ),
        # The history alone, as JSON.
        (
            json.dumps([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], indent=1),
            "loss",
            [(1, 2.0), (2, 1.0)],
        ),
        # Objects in objects.
        ('{"step": 1, "a": {"b": {"c": {"loss": 2}}}}\n', "a.b.c.loss", [(1, 2.0)]),
        ("start\n{'step': 1, 'a': {'loss': 2.0, 'b': {}}}\n", "a.loss", [(1, 2.0)]),
        # An epoch a row: each is a step of its own, also where it tells of validation alone.
        (
            "".join(f'{{"epoch": {e}, "train_loss": 1, "val_loss": {e}}}\n' for e in (1, 2, 3)),
            "valid_loss",
            [(1, 1.0), (2, 2.0), (3, 3.0)],
        ),
        (
            "".join(f"epoch {e} | eval_loss: {e}\n" for e in (1, 2)),
            "eval_loss",
            [(1, 1.0), (2, 2.0)],
        ),
        # Steps that are counted anew in each epoch.
        (
            "".join(
                f"Epoch [{e}/2], Step [{s}/200], Loss: {e}\n" for e in (1, 2) for s in (100, 200)
            ),
            "loss",
            [(100, 1.0), (200, 1.0), (300, 2.0), (400, 2.0)],
        ),
    ],
)
def test_found_on_real_machines(
    tmp_path: Path, text: str, name: str, expected: list[tuple[int, float]]
) -> None:
    path = written(tmp_path, text)
    assert steps_and(path, name) == expected
    assert not [event for event in events_of(read_log(path)) if event.type == "restart"]


def test_validation_alone_stays_with_the_training_before_it(tmp_path: Path) -> None:
    rows = [{"loss": 2}, {"eval_a_loss": 3}, {"eval_b_loss": 4}, {"loss": 1}, {"eval_a_loss": 2}]
    path = written(tmp_path, "".join(f"{row}\n" for row in rows))
    assert steps_and(path, "eval_a_loss") == [(1, 3.0), (2, 2.0)]
    assert steps_and(path, "eval_b_loss") == [(1, 4.0)]


def test_one_of_several_processes_is_read_and_that_is_said(tmp_path: Path) -> None:
    lines = [(1, 0), (2, 0), (1, 1), (3, 0), (2, 1), (3, 1)]
    text = "".join(f"[rank{rank}] step {step} loss {step + rank / 10}\n" for step, rank in lines)
    path = written(tmp_path, text)
    assert steps_and(path, "loss") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    said = [event.message for event in events_of(read_log(path))]
    assert said == ["Several processes print their numbers: those of rank 0 are read."]


def test_a_process_that_fails_says_so_behind_its_rank(tmp_path: Path) -> None:
    text = (
        "step 1 loss 2\n[rank1]: Traceback (most recent call last):\n"
        '[rank1]:   File "train.py", line 3\n[rank1]: torch.OutOfMemoryError: CUDA out of memory\n'
    )
    job = read_log(written(tmp_path, text))[-1].job
    assert job is not None
    assert (job.status, job.error_message) == (
        "failed",
        "torch.OutOfMemoryError: CUDA out of memory",
    )


def test_rows_that_come_late_are_no_restart(tmp_path: Path) -> None:
    order = [1, 2, 4, 3, 5, 8, 7, 6, 9]
    path = written(tmp_path, "".join(f'{{"step": {s}, "loss": {s}}}\n' for s in order))
    assert [step for step, _ in steps_and(path, "loss")] == order
    assert not [event for event in events_of(read_log(path)) if event.type == "restart"]


def test_a_restart_that_logs_more_often_is_one(tmp_path: Path) -> None:
    order = [10, 20, 30, 40, 25, 30, 35, 40]
    path = written(tmp_path, "".join(f'{{"step": {s}, "loss": {s}}}\n' for s in order))
    restarts = [event for event in events_of(read_log(path)) if event.type == "restart"]
    assert [event.data for event in restarts] == [{"step": 30}]


def bar(done: int, total: int, numbers: str, about: str = "") -> str:
    head = f"{about}{done * 100 // total:3}%|##   | {done}/{total}"
    return f"{head} [00:01<00:09,  9.9it/s{numbers}]\r"


def test_numbers_in_bars(tmp_path: Path) -> None:
    text = "".join(bar(s, 3, f", loss={s}.5") + bar(s, 3, f", loss={s}.5") for s in (0, 1, 2, 3))
    path = written(tmp_path, text + bar(1, 9, ", loss=9", "Evaluating: "))
    assert steps_and(path, "loss") == [(0, 0.5), (1, 1.5), (2, 2.5), (3, 3.5)]
    assert {point.total_steps for point in points_of(read_log(path))} == {3}


def test_steps_follow_from_epochs_where_the_beginning_tells_of_how_many() -> None:
    path = DATA / "hf_verbose.txt"
    assert [step for step, _ in steps_and(path, "loss")] == [*range(5, 51, 5)]
    assert [step for step, _ in steps_and(path, "eval_loss")] == [20, 40, 50]
    updates = read_log(path)
    assert {point.total_steps for point in points_of(updates)} == {50}
    job = updates[-1].job
    assert job is not None
    assert (job.status, job.hyperparameters["examples"]) == ("succeeded", 48)


def test_what_is_printed_while_a_bar_is_drawn(tmp_path: Path) -> None:
    # As tqdm and print leave it in one file: the bar has no end of line.
    text = "".join(f"\r{bar(s, 30, '')[:-1]}Step {s}: loss {s}.25\n" for s in (5, 10))
    text += f"\r{bar(15, 30, '')[:-1]}{bar(20, 30, '')[:-1]}{{'loss': 20.0}}\n{bar(20, 30, '')}"
    text += f"{{'loss': 25.0}}{bar(25, 30, '')}"
    path = written(tmp_path, text)
    assert steps_and(path, "loss") == [(5, 5.25), (10, 10.25), (20, 20.0), (25, 25.0)]


def test_a_line_after_the_bar_of_an_epoch_has_the_bars_step(tmp_path: Path) -> None:
    text = "".join(
        bar(9, 9, f", loss={epoch}", f"Epoch {epoch}: ") + f"\nEpoch {epoch}: val_loss={epoch}\n"
        for epoch in (1, 2)
    )
    path = written(tmp_path, text)
    assert steps_and(path, "valid_loss")[0] == (9, 1.0)


def test_a_line_behind_a_bar_is_waited_for() -> None:
    reader = Output()
    reader.feed(f"{bar(5, 30, '')[:-1]}step 5 loss 2.3".encode())
    assert not rows_in([reader.settle(final=False)])
    assert rows_in([reader.feed(b"45\n")]) == [(5, "{'loss': 2.345}")]


@pytest.mark.parametrize(
    "line",
    [
        " " * 900_000 + "%|",
        bar(1, 10, "")[:-1] * 25_000,
        " " * 900_000 + "[",
        "{'a': " * 100_000 + "}",
        " 1%|" * 200_000,
        "step 1 " * 100_000,
    ],
)
def test_long_lines_take_no_time(line: str) -> None:
    reader = Output()
    began = time.process_time()
    reader.feed(f"{line}\n".encode())
    reader.settle(final=True)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("about", ["", "Epoch {}: "])
def test_a_bar_for_each_epoch_goes_on(tmp_path: Path, about: str) -> None:
    laps = [(epoch, step) for epoch in range(3) for step in (1, 2)]
    text = "".join(bar(s, 2, f", loss={e}{s}", about.format(e)) for e, s in laps)
    path = written(tmp_path, text)
    assert [step for step, _ in steps_and(path, "loss")] == [1, 2, 3, 4, 5, 6]
    assert not [event for event in events_of(read_log(path)) if event.type == "restart"]


def test_times_before_the_lines_are_those_of_the_rows(tmp_path: Path) -> None:
    text = "2026-11-22 08:00:00,123 - step 1: loss=2\n[2026-11-22T08:00:07] step 2: loss=1\n"
    first, second = points_of(read_log(written(tmp_path, text)))
    assert first.created_at is not None
    assert second.created_at == first.created_at + 7


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "packed"),
        ("step,loss\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x08\x00\x00", "no training log"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "no training log"),
        (b'\x58\0\0\0\0\0\0\0{"__metadata__":{"format":"pt"}}', "no training log"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_name(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        find_logs(written(tmp_path, data))


def test_a_run_with_runs_below_it_is_read_by_itself(tmp_path: Path) -> None:
    for folder in (tmp_path / "run", tmp_path / "run" / "below"):
        folder.mkdir()
        source = next((DATA / "events_torch").iterdir())
        (folder / source.name).write_bytes(source.read_bytes())
    found = find_logs(tmp_path)
    assert [log.title for log in found] == ["run", "run/below"]
    assert all(len(points_of(read_log(log.path))) == 41 for log in found)


def test_training_that_goes_on_in_another_folder_of_events_is_one_run(tmp_path: Path) -> None:
    source = next((DATA / "events_torch").iterdir())
    (tmp_path / "out" / "checkpoint-20").mkdir(parents=True)
    for name in ("Nov21", "Nov22"):
        folder = tmp_path / "out" / "runs" / name
        folder.mkdir(parents=True)
        (folder / f"events.out.tfevents.{name[-2:]}.host").write_bytes(source.read_bytes())
    (found,) = find_logs(tmp_path)
    assert (found.title, found.path) == ("out", str(tmp_path / "out"))
    updates = read_log(found.path)
    assert len(points_of(updates)) == 82
    restarts = [event for event in events_of(updates) if event.type == "restart"]
    assert [event.data for event in restarts] == [{"step": 0}]


def test_a_log_alone_in_its_folder_goes_by_the_folders_name(tmp_path: Path) -> None:
    for name in ("one/train.log", "two/train.log", "two/mine.log", "three/mine.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("step 1 loss 2\n")
    titles = [log.title for log in find_logs(tmp_path)]
    assert titles == ["one", "three/mine.log", "two/mine.log", "two/train.log"]


def test_what_wandb_notes_about_itself_is_no_run(tmp_path: Path) -> None:
    for name in ("logs/debug.log", "files/output.log"):
        path = tmp_path / "wandb" / "run-1" / name
        path.parent.mkdir(parents=True)
        path.write_text("{'lr': 0.1, 'loss': 4}\n")
    assert [log.title for log in find_logs(tmp_path)] == ["wandb/run-1/files/output.log"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{'a': {'b': 1.0, 'c': {}}, 'd': '2'}", {"a": {"b": 1.0, "c": {}}, "d": "2"}),
        ("{'a': {'b': 1.0}, }", {"a": {"b": 1.0}}),
        ("{'a': {1: 2}, 'b': 3}", None),
        ("{" * 2000 + "}", None),
        ("{'a': " * 2000 + "1" + "}" * 2000, None),
        ("{'a': 1} and more", None),
    ],
)
def test_dictionaries_in_dictionaries(line: str, expected: dict[str, object] | None) -> None:
    assert dictionary_in(line) == expected
