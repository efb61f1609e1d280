r"""Engines: programs that train, each a process of its own, and the protocol they speak.

An engine is a command. The service runs it in a new session and process group, with its standard
error kept in ``engine.log``, and reads its standard output: one JSON object a line, UTF-8, at
most 1 MiB a line. A line that is not a JSON object is kept as a log line and otherwise ignored.

Training: ``COMMAND train FOLDER``
    FOLDER holds ``job.json``, ``training.jsonl`` and, where there is one, ``validation.jsonl``,
    both checked before. ``job.json`` has::

        {"protocol": 1, "job": "ftjob-…", "model": "micro", "base": null, "method": "supervised",
         "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.0},
         "grader": null, "seed": 42, "training_file": "training.jsonl", "validation_file": null,
         "n_examples": 50, "checkpoints": "checkpoints", "resume": null}

    ``method`` is one of those the engine was registered with (`Engine.methods`). ``dpo`` comes
    with pairs and ``beta`` among its hyperparameters; ``reinforcement`` with records that wait for
    an answer, the ``grader`` of the request, and ``compute_multiplier``, ``eval_interval`` and
    ``eval_samples``; every hyperparameter has a value, none is ``"auto"``.

    ``base`` is the folder of an earlier fine-tuned model to start from, relative to FOLDER or
    absolute, else ``null``. ``resume`` is the checkpoint to go on from, relative to FOLDER, else
    ``null``. The engine writes checkpoints, each a folder of its own, under ``checkpoints``, and
    reports::

        {"type": "started", "total_steps": 150, "step": 0}
        {"type": "metrics", "step": 1, "total_steps": 150, "train_loss": 5.54,
         "train_mean_token_accuracy": 0.01, "valid_loss": …, "full_valid_loss": …}
        {"type": "checkpoint", "step": 50, "path": "checkpoints/step-50", "metrics": {…}}
        {"type": "snapshot", "step": 70, "path": "checkpoints/snapshot-70"}
        {"type": "log", "level": "info", "message": "…"}
        {"type": "done", "path": "checkpoints/step-150"}
        {"type": "error", "code": "training_diverged", "message": "…"}

    A checkpoint is a model that people can use, one an epoch; a snapshot is only for going on after
    a kill, is shown to nobody, and replaces the one before it.
    Metrics of preference jobs are ``train_loss``, ``valid_loss``, ``full_valid_loss`` and nested
    ``rewards``; those of reinforcement ``train_mean_reward`` and ``full_valid_mean_reward``.
    Steps count from 1 and never go back, except after ``resume``: steps that were reported before
    are recognised and dropped. Every further numeric or nested value of a metrics line is passed
    on. ``done`` names the checkpoint that is the model, and is the last line before exit 0.
    ``error`` ends the job as failed, with that message. What only a resumed run needs belongs in
    files of the checkpoint whose names start with ``state``: they are removed when the job ends.

Stopping: on SIGTERM the engine writes a checkpoint, reports it, and exits 0 without ``done``. One
    that takes too long is killed with its whole group. When its standard output is closed the
    service has gone, and the engine ends by itself. After a kill of the service, whatever still
    carries the job in its environment (``TUNEDECK_SERVICE_JOB``) is killed before the job is taken
    up again, so that no two processes ever train one job.

Sampling: ``COMMAND sample CHECKPOINT``
    Reads one JSON object from standard input, ``{"messages": […], "temperature": 1.0, "top_p": 1.0,
    "max_tokens": 256, "seed": 7, "stop": [], "presence_penalty": 0.0, "frequency_penalty": 0.0,
    "logit_bias": {}, "logprobs": null}``, and writes ``{"type": "text", "text": "…"}`` as the
    words come, then ``{"type": "done", "finish_reason": "stop", "prompt_tokens": 10,
    "completion_tokens": 20}`` (``"length"`` where ``max_tokens`` cut it off), or an ``error``.
    Where ``logprobs`` is a number, a text line also has ``"tokens"``: its tokens, each with
    ``token``, ``logprob`` (natural), ``bytes``, and in ``top`` that many of the likeliest.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

PROTOCOL = 1
LINE_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Engine:
    """A command that trains one base model.

    Attributes:
        model: The name of the base model.
        command: The program and its first arguments; ``train FOLDER`` and the like are added.
        methods: How it can train: ``supervised``, ``dpo``, ``reinforcement``.
        learning_rate_multiplier: What ``"auto"`` means for it.
        description: One line for people.
    """

    model: str
    command: tuple[str, ...]
    methods: tuple[str, ...] = ("supervised",)
    learning_rate_multiplier: float = 1.0
    description: str = ""


MICRO = Engine(
    model="micro",
    command=(sys.executable, "-m", "tui.service.engines.micro"),
    methods=("supervised", "dpo", "reinforcement"),
    description="a byte-level neural language model in numpy, small on purpose",
)
BUILTIN = {MICRO.model: MICRO}
