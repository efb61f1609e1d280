from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
import signal
import sqlite3
import sys
from pathlib import Path

import openai
import pytest

from tests.service.conftest import CHAT, Deck, example, jsonl
from tui.service.orphans import JOB_VARIABLE
from tui.service.validation import check_files


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def engine_pid(deck: Deck, job_id: str) -> int:
    pid = deck.app.state.service.store.job(job_id)["engine_pid"]
    assert pid
    return pid


async def test_a_run_from_file_to_model(deck: Deck) -> None:
    training, validation = await deck.upload(), await deck.upload()
    job_id = await deck.launch(
        suffix="my demo", seed=7, metadata={"a": "b"}, training_file=training,
        validation_file=validation,
    )  # fmt: skip
    fresh = await deck.job(job_id)
    assert fresh.error.code is None
    assert fresh.finished_at is None
    job = await deck.end(job_id)
    assert (job.status, job.seed, job.metadata) == ("succeeded", 7, {"a": "b"})
    assert job.fine_tuned_model == f"ft:tiny:local:my-demo:{job_id[6:14]}"
    assert job.hyperparameters.to_dict() == {
        "n_epochs": 3,
        "batch_size": 1,
        "learning_rate_multiplier": 1.0,
    }
    assert job.method.supervised.hyperparameters.to_dict() == job.hyperparameters.to_dict()
    assert job.finished_at >= job.created_at
    messages = await deck.messages(job_id)
    assert messages[:4] == [
        f"Created fine-tuning job: {job_id}",
        f"Validating training file: {training} and validation file: {validation}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
    ]
    assert messages[4] == "Step 1/12: training loss=5.00"
    assert "Checkpoint created at step 4" in messages
    assert messages[-2:] == [
        f"New fine-tuned model created: {job.fine_tuned_model}",
        "The job has successfully completed",
    ]
    assert await deck.steps(job_id) == list(range(1, 13))
    assert {"jobs", "files"} <= {path.name for path in deck.folder.iterdir()}
    assert not (deck.job_folder(job_id) / "training.jsonl").exists()


async def test_events_page_newest_first_and_carry_all_values(deck: Deck) -> None:
    job_id = await deck.launch(epochs=1)
    await deck.end(job_id)
    everything = (await deck.events(job_id))[::-1]
    paged = [e async for e in deck.client.fine_tuning.jobs.list_events(job_id, limit=3)]
    assert [e.id for e in paged] == [e.id for e in everything]
    assert len({e.id for e in everything}) == len(everything)
    point = next(e for e in everything if e.type == "metrics")
    assert point.data["nested"] == {"deep": {"value": 4}}
    assert point.data["total_steps"] == 4
    ordered = sorted(everything, key=lambda e: int(e.id.rpartition("e")[2]))
    assert ordered == everything[::-1]


async def test_results_and_checkpoints(deck: Deck) -> None:
    job = await deck.end(await deck.launch(epochs=5))
    text = (await deck.client.files.content(job.result_files[0])).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["step"]) for row in rows] == list(range(1, 21))
    assert rows[0]["train_loss"] == "5.00000"
    assert rows[0]["valid_loss"] == ""
    assert (await deck.client.files.retrieve(job.result_files[0])).purpose == "fine-tune-results"
    listed = deck.client.fine_tuning.jobs.checkpoints.list(job.id, limit=2)
    checkpoints = [checkpoint async for checkpoint in listed]
    assert [c.step_number for c in checkpoints] == [20, 16, 12]
    assert checkpoints[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    name = checkpoints[2].fine_tuned_model_checkpoint
    assert name == f"{job.fine_tuned_model}:ckpt-step-12"
    kept = {path.name for path in (deck.job_folder(job.id) / "checkpoints").iterdir()}
    assert kept == {"step-12", "step-16", "step-20"}
    answer = await deck.client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "x"}]
    )
    assert answer.choices[0].message.content == "step 12: x"


async def test_a_deleted_model_is_gone_and_the_others_stay(deck: Deck) -> None:
    job = await deck.end(await deck.launch())
    assert (await deck.client.models.delete(job.fine_tuned_model)).deleted
    with pytest.raises(openai.NotFoundError):
        await deck.client.models.retrieve(job.fine_tuned_model)
    assert not (deck.job_folder(job.id) / "checkpoints" / "step-12").exists()
    left = [m.id async for m in deck.client.models.list() if m.id.startswith("ft:")]
    assert left == [f"{job.fine_tuned_model}:ckpt-step-{n}" for n in (4, 8)]


async def test_a_run_can_start_from_a_tuned_model(deck: Deck) -> None:
    base = (await deck.end(await deck.launch(suffix="one"))).fine_tuned_model
    job_id = await deck.launch(base, suffix="two")
    job = await deck.end(job_id)
    assert (job.model, job.status) == (base, "succeeded")
    assert job.fine_tuned_model.startswith("ft:tiny:local:two:")


FILES = [
    (jsonl(CHAT[:7]), "invalid_n_examples",
     "Training file has 7 example(s), but must have at least 10 examples"),
    (jsonl([*CHAT, {**CHAT[0], "weight": 1}]), "invalid_file_format",
     'Example 11 contains an extra "weight"'),
    (jsonl(CHAT) + b"{'messages': []}\n", "invalid_file_format", "Example 11 cannot be parsed"),
    (jsonl([*CHAT, {"messages": [{"content": "x"}]}]), "invalid_training_file",
     "Example 11, message 1"),
    (jsonl([*CHAT, example("q", "<|endoftext|>")]), "invalid_file_format", "<|endoftext|>"),
    (jsonl([{"prompt": "a", "completion": "b"}] * 12), "invalid_training_file", "format"),
    (b"\x00\x01\x02\xff" * 100, "invalid_file_format", "Example 1"),
    (b"\n\n", "invalid_n_examples", "Training file has 0 example(s)"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code", "words"), FILES)
def test_a_bad_file_is_told_with_the_example_named(
    tmp_path: Path, data: bytes, code: str, words: str
) -> None:
    (tmp_path / "training.jsonl").write_bytes(data)
    verdict = check_files(tmp_path, {"training_file": "file-1"}, "micro")
    assert (verdict["type"], verdict["param"]) == ("invalid", "training_file")
    assert verdict["code"] == code
    assert words in verdict["message"]


async def test_a_bad_file_fails_its_job_while_it_is_checked(deck: Deck) -> None:
    data, code, words = FILES[0]
    job = await deck.end(await deck.launch(training_file=await deck.upload(data)))
    assert (job.status, job.error.code, job.error.message) == ("failed", code, words)
    assert job.error.param == "training_file"
    assert (job.trained_tokens, job.fine_tuned_model) == (None, None)
    messages = await deck.messages(job.id)
    assert "Fine-tuning job started" not in messages
    assert job.error.message in messages[-1]


async def test_a_bad_validation_file_is_named(deck: Deck) -> None:
    bad = await deck.upload(jsonl([{"messages": []}]))
    job = await deck.end(await deck.launch(validation_file=bad))
    assert (job.status, job.error.param) == ("failed", "validation_file")
    assert "validation file" in job.error.message


async def test_a_crash_fails_the_job_with_the_last_words(deck: Deck) -> None:
    job = await deck.end(await deck.launch("crashing"))
    assert (job.status, job.error.code) == ("failed", "engine_failed")
    assert "exit code 7" in job.error.message
    assert "fault at 0xdead" in job.error.message
    assert "\x1b" not in job.error.message
    assert await deck.steps(job.id) == [1, 2, 3]


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("failing", "out_of_memory", "not enough memory for 4 cats"),
        ("lying", "engine_failed", "a model that is not there"),
        ("absent", "engine_failed", "could not be started"),
    ],
)
async def test_an_engine_that_fails_says_why(deck: Deck, model: str, code: str, words: str) -> None:
    job = await deck.end(await deck.launch(model))
    assert (job.status, job.error.code) == ("failed", code)
    assert words in job.error.message


async def test_garbage_of_an_engine_is_passed_over(deck: Deck) -> None:
    job = await deck.end(await deck.launch("garbage"))
    assert job.status == "succeeded"
    assert await deck.steps(job.id) == list(range(1, 13))


async def test_jobs_run_one_at_a_time_in_order(deck: Deck) -> None:
    first, second = await deck.launch("gated"), await deck.launch("gated")
    await deck.reach_step(first, 6)
    await deck.reach(second, "queued")
    assert (await deck.job(first)).estimated_finish is not None
    deck.let_go(first)
    await deck.reach(first, "succeeded")
    await deck.reach(second, "running")
    deck.let_go(second)
    await deck.reach(second, "succeeded")


async def test_more_at_a_time_when_told(tmp_path: Path) -> None:
    deck = Deck(tmp_path / "data", concurrency=2)
    try:
        ids = [await deck.launch("gated") for _ in range(2)]
        for job_id in ids:
            await deck.reach_step(job_id, 6)
    finally:
        await deck.close()


async def test_cancel_while_checking_queued_running_and_paused(deck: Deck) -> None:
    running, queued = await deck.launch("gated"), await deck.launch("gated")
    await deck.reach_step(running, 6)
    await deck.reach(queued, "queued")
    checking = await deck.launch("gated")
    pid = engine_pid(deck, running)
    for job_id in (checking, queued, running):
        answer = await deck.client.fine_tuning.jobs.cancel(job_id)
        assert answer.status == "cancelled"
        assert answer.finished_at is not None
        assert (await deck.messages(job_id))[-1] == "Fine-tuning job cancelled"
        with pytest.raises(openai.BadRequestError) as caught:
            await deck.client.fine_tuning.jobs.cancel(job_id)
        assert "its status is cancelled" in caught.value.message
    assert gone(pid)
    paused = await deck.launch("gated")
    await deck.reach_step(paused, 6)
    await deck.client.fine_tuning.jobs.pause(paused)
    assert (await deck.client.fine_tuning.jobs.cancel(paused)).status == "cancelled"


async def test_an_engine_that_ignores_the_stop_is_killed(tmp_path: Path) -> None:
    deck = Deck(tmp_path / "data", cancel_grace=0.2)
    try:
        job_id = await deck.launch("stubborn")
        await deck.reach_step(job_id, 6)
        pid = engine_pid(deck, job_id)
        async with asyncio.timeout(10):
            answer = await deck.client.fine_tuning.jobs.cancel(job_id)
        assert answer.status == "cancelled"
        assert gone(pid)
    finally:
        await deck.close()


async def test_pause_keeps_a_checkpoint_and_resume_goes_on_from_it(deck: Deck) -> None:
    job_id = await deck.launch("gated")
    await deck.reach_step(job_id, 6)
    other = await deck.launch("gated")
    jobs = deck.client.fine_tuning.jobs
    assert (await jobs.pause(job_id)).status == "paused"
    await deck.reach(other, "running")
    with pytest.raises(openai.BadRequestError):
        await jobs.pause(job_id)
    await jobs.cancel(other)
    assert (await jobs.resume(job_id)).status == "queued"
    deck.let_go(job_id)
    assert (await deck.end(job_id)).status == "succeeded"
    assert await deck.steps(job_id) == list(range(1, 13))
    messages = await deck.messages(job_id)
    assert "Fine-tuning job resumed from the checkpoint at step 6" in messages
    with pytest.raises(openai.BadRequestError):
        await jobs.resume(job_id)


async def test_pause_while_queued(deck: Deck) -> None:
    first, second = await deck.launch("gated"), await deck.launch("gated")
    await deck.reach(first, "running")
    await deck.reach(second, "queued")
    jobs = deck.client.fine_tuning.jobs
    assert (await jobs.pause(second)).status == "paused"
    assert (await jobs.resume(second)).status == "queued"
    assert (await jobs.cancel(second)).status == "cancelled"


async def test_a_model_in_use_is_not_deleted(deck: Deck) -> None:
    job_id = await deck.launch("gated")
    await deck.reach_step(job_id, 6)
    name = f"ft:gated:local::{job_id[6:14]}:ckpt-step-4"
    with pytest.raises(openai.BadRequestError) as caught:
        await deck.client.models.delete(name)
    assert caught.value.code == "model_in_use"


async def test_deleting_the_file_does_not_stop_its_job(deck: Deck) -> None:
    training = await deck.upload()
    first = await deck.launch("gated", training_file=training)
    second = await deck.launch(training_file=training)
    await deck.client.files.delete(training)
    deck.let_go(first)
    assert (await deck.end(first)).status == "succeeded"
    assert (await deck.end(second)).status == "succeeded"


async def test_a_restart_takes_up_what_was_unfinished(deck: Deck) -> None:
    running, queued = await deck.launch("gated"), await deck.launch("gated")
    await deck.reach_step(running, 6)
    await deck.reach(queued, "queued")
    await deck.restart()
    assert (await deck.job(running)).status in ("queued", "running")
    for job_id in (running, queued):
        deck.let_go(job_id)
        assert (await deck.end(job_id)).status == "succeeded"
        assert await deck.steps(job_id) == list(range(1, 13))
    messages = await deck.messages(running)
    assert any("The service was restarted after step 6" in message for message in messages)
    assert "Fine-tuning job resumed from the checkpoint at step 6" in messages


async def test_a_job_that_never_gets_on_is_given_up(deck: Deck) -> None:
    job_id = await deck.launch("gated")
    await deck.reach_step(job_id, 6)
    await deck.close()
    # As after crashes of the service, one after the other, between two checkpoints.
    with contextlib.closing(sqlite3.connect(deck.folder / "service.sqlite3")) as db:
        db.execute("UPDATE jobs SET restarts = 3")
        db.commit()
    deck.start()
    job = await deck.end(job_id)
    assert (job.status, job.error.code) == ("failed", "interrupted")
    assert "Create it again" in job.error.message


async def test_a_killed_service_leaves_no_engine_behind(deck: Deck) -> None:
    job_id = await deck.launch("gated")
    await deck.reach_step(job_id, 6)
    await deck.close()
    # What an engine of a killed service left behind: it carries the job in its environment.
    orphan = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(600)",
        start_new_session=True, env={**os.environ, JOB_VARIABLE: job_id},
    )  # fmt: skip
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(600)",
        env={**os.environ, JOB_VARIABLE: "ftjob-other"},
    )  # fmt: skip
    deck.start()
    await deck.client.models.list()
    assert await orphan.wait() == -signal.SIGKILL
    assert other.returncode is None
    other.kill()
    await other.wait()


@pytest.mark.parametrize("how", ["cancelled", "paused"])
async def test_what_was_asked_before_a_kill_is_done_after_it(deck: Deck, how: str) -> None:
    job_id = await deck.launch("gated")
    await deck.reach_step(job_id, 6)
    await deck.close()
    # As where the service was killed after it was asked, and before the engine had ended.
    with contextlib.closing(sqlite3.connect(deck.folder / "service.sqlite3")) as db:
        db.execute("UPDATE jobs SET status = 'running', wanted = ?", [how])
        db.commit()
    deck.start()
    assert (await deck.reach(job_id, how)).status == how
    if how == "paused":
        await deck.client.fine_tuning.jobs.resume(job_id)
        deck.let_go(job_id)
        assert (await deck.end(job_id)).status == "succeeded"
        assert await deck.steps(job_id) == list(range(1, 13))


async def test_the_order_of_the_queue_outlives_a_restart(deck: Deck) -> None:
    jobs = deck.client.fine_tuning.jobs
    first = await deck.launch("gated")
    await deck.reach_step(first, 6)
    second, third = await deck.launch("gated"), await deck.launch("gated")
    await deck.reach(third, "queued")
    # Paused and resumed, it goes behind the one that came after it.
    await jobs.pause(second)
    await jobs.resume(second)
    await deck.restart()
    for job_id in (first, third, second):
        waiting = [other for other in (first, third, second) if other != job_id]
        await deck.reach_step(job_id, 6)
        for other in waiting:
            assert (await deck.job(other)).status != "running"
        deck.let_go(job_id)
        assert (await deck.end(job_id)).status == "succeeded"


async def test_the_last_events_are_there_with_the_status(deck: Deck) -> None:
    for _ in range(5):
        job_id = await deck.launch(epochs=1)
        await deck.end(job_id)
        # Asked right after the first answer that says so: nothing may come later.
        messages = await deck.messages(job_id)
        assert messages[-1] == "The job has successfully completed"


async def test_trained_tokens_follow_the_billing_formula(deck: Deck) -> None:
    from tui.dataset import scan_file
    from tui.pricing import estimate

    path = deck.folder / "train.jsonl"
    path.write_bytes(jsonl(CHAT))
    table = scan_file(path, encoding="o200k_base").table
    for epochs in (1, None):
        extra = {} if epochs else {"hyperparameters": {"n_epochs": "auto"}}
        job = await deck.end(await deck.launch(epochs=epochs or 1, **extra))
        row = estimate(table, "micro", provider="local", epochs=epochs)
        assert job.trained_tokens == row.tokens_billed
        assert job.hyperparameters.n_epochs == row.epochs
