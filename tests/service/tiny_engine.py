"""A second engine, nothing but the protocol: counts down a made-up loss, and misbehaves on request.

``python tiny_engine.py MODE train FOLDER`` or ``… sample CHECKPOINT``; no import of the project.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

stop = False


def on_term(_number, _frame):
    global stop
    stop = True


def emit(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


REWARDS = {4: 0.2, 8: 0.9, 12: 0.4, 16: 0.7, 20: float("nan"), 24: 0.1}


def save(folder, step, rewarded=False):
    path = folder / "checkpoints" / f"step-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "weights.json").write_text(json.dumps({"step": step}))
    metrics = {"step": step, "train_mean_reward": step}
    if rewarded:
        metrics["full_valid_mean_reward"] = REWARDS[step]
    emit(type="checkpoint", step=step, path=f"checkpoints/step-{step}", metrics=metrics)


def snapshot(folder, step):
    path = folder / "checkpoints" / f"snapshot-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "weights.json").write_text(json.dumps({"step": step}))
    emit(type="snapshot", step=step, path=f"checkpoints/snapshot-{step}")


def wait_for(path):
    while not stop and not path.exists():
        time.sleep(0.005)


def train(mode, folder):
    job = json.loads((folder / "job.json").read_text())
    examples = [json.loads(line) for line in (folder / job["training_file"]).open()]
    assert len(examples) == job["n_examples"]
    if job["method"] != "supervised":
        # What each method comes with, and nothing left for the engine to decide.
        assert job["method"] == "dpo" or job["grader"]["type"] == "string_check"
        assert "auto" not in job["hyperparameters"].values()
    with (folder / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    total = job["hyperparameters"]["n_epochs"] * 4
    first = 0
    if job["resume"]:
        first = json.loads((folder / job["resume"] / "weights.json").read_text())["step"]
    emit(type="started", total_steps=total, step=first)
    if mode == "garbage":
        sys.stdout.write("not json\n[1, 2]\n" + "x" * 3_000_000 + '\n{"type": "metrics"}\n')
    for step in range(first + 1, total + 1):
        if mode in ("gated", "careful") and step > 6:
            # Goes on only when the test says so: no clock in it.
            wait_for(folder / "go")
        if mode == "late" and step > 18:
            wait_for(folder / "go")
        if stop:
            save(folder, step - 1)
            return 0
        emit(
            type="metrics",
            step=step,
            total_steps=total,
            train_loss=5.0 / step,
            train_mean_token_accuracy=step / total,
            nested={"deep": {"value": step}},
        )
        if step % 4 == 0:
            save(folder, step, rewarded=job["method"] == "reinforcement")
        if mode == "careful":
            snapshot(folder, step)
        if step == 3:
            if mode == "crashing":
                sys.stderr.write("loading\nSegmentation\x1b[31m fault at 0xdead\n")
                os._exit(7)
            if mode == "failing":
                emit(type="error", code="out_of_memory", message="not enough memory for 4 cats")
                return 1
            if mode == "lying":
                emit(type="done", path="../../../../etc")
                return 0
    emit(type="done", path=f"checkpoints/step-{total}")
    return 0


def sample(folder):
    request = json.load(sys.stdin)
    step = json.loads((folder / "weights.json").read_text())["step"]
    for word in (f"step {step}: ", request["messages"][-1]["content"][::-1]):
        emit(type="text", text=word)
    emit(type="done", finish_reason="stop", prompt_tokens=3, completion_tokens=2)
    return 0


if __name__ == "__main__":
    mode, action, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        mode = "gated"
    else:
        signal.signal(signal.SIGTERM, on_term)
    sys.exit(train(mode, folder) if action == "train" else sample(folder))
