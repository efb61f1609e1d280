"""Words from a trained model, a byte at a time."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.service.engines.micro import checkpoint
from tui.service.engines.micro.corpus import (
    CALL,
    END,
    ROLES,
    features,
    message_bytes,
    role_byte,
)
from tui.service.engines.micro.model import Batch, Network

Emit = Callable[[Mapping[str, Any]], None]

DEFAULT_MAX_TOKENS = 256


def sample(
    folder: Path, request: Mapping[str, Any], emit: Emit, stopped: Callable[[], bool]
) -> None:
    """Answer a conversation and report the text as it comes.

    Args:
        folder: The checkpoint.
        request: ``messages``, and optionally ``temperature``, ``max_tokens`` (bytes here),
            ``seed`` and ``stop``.
        emit: Writes one protocol line.
        stopped: Says whether to end early.

    Raises:
        CheckpointError: The folder holds no checkpoint of this engine.
    """
    network = checkpoint.load(folder)
    context = bytearray(network.shape.window)
    asked = b""
    for message in request["messages"]:
        words = message_bytes(message)
        if message.get("role") != "assistant":
            asked = words
        context += bytes([role_byte(message.get("role"))]) + words + bytes([END])
    prompt = len(context) - network.shape.window
    context.append(ROLES["assistant"])
    row = features(np.frombuffer(asked, dtype=np.uint8), network.shape)
    writer = _Writer(emit, tuple(request.get("stop") or ()))
    limit = int(request.get("max_tokens") or DEFAULT_MAX_TOKENS)
    temperature = float(request.get("temperature", 1.0))
    rng = np.random.default_rng(request.get("seed"))
    reason, count = "length", 0
    while count < limit and not stopped():
        byte = _choose(network, context, row, temperature, rng)
        count += 1
        if byte == END or writer.take(byte):
            reason = "stop"
            break
        context.append(byte)
    writer.close()
    emit(
        {
            "type": "done",
            "finish_reason": reason,
            "prompt_tokens": prompt,
            "completion_tokens": count,
        }
    )


def _choose(
    network: Network,
    context: bytearray,
    row: NDArray[np.float32],
    temperature: float,
    rng: np.random.Generator,
) -> int:
    window = np.frombuffer(bytes(context[-network.shape.window :]), dtype=np.uint8)
    batch = Batch(window[None, :], np.zeros(1, np.uint8), np.zeros(1, np.int64), row[None, :])
    logits = network.logits(batch)[0].astype(np.float64)
    if temperature <= 0:
        return int(logits.argmax())
    logits = (logits - logits.max()) / temperature
    weights = np.exp(logits)
    return int(rng.choice(len(weights), p=weights / weights.sum()))


class _Writer:
    """Turns bytes into text, and holds back what may be the start of a stop sequence."""

    def __init__(self, emit: Emit, stops: tuple[str, ...]) -> None:
        self._emit = emit
        self._stops = tuple(stop for stop in stops if stop)
        self._hold = max((len(stop) for stop in self._stops), default=1) - 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._stopped = False

    def take(self, byte: int) -> bool:
        """Take one byte; return whether a stop sequence is complete."""
        self._pending += self._decoder.decode(b"\n" if byte == CALL else bytes([byte]))
        found = [at for stop in self._stops if (at := self._pending.find(stop)) >= 0]
        if found:
            self._pending = self._pending[: min(found)]
            self._stopped = True
        elif len(self._pending) > self._hold:
            cut = len(self._pending) - self._hold
            self._say(self._pending[:cut])
            self._pending = self._pending[cut:]
        return self._stopped

    def close(self) -> None:
        """Write what is left."""
        if not self._stopped:
            self._pending += self._decoder.decode(b"", final=True)
        self._say(self._pending)

    def _say(self, text: str) -> None:
        if text:
            self._emit({"type": "text", "text": text})
