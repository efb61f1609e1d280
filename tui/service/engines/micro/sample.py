"""Words from a trained model, a byte at a time."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
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
from tui.service.engines.micro.model import BYTES, Batch, Network, Shape

Emit = Callable[[Mapping[str, Any]], None]

DEFAULT_MAX_TOKENS = 256


def question(
    messages: Sequence[Mapping[str, Any]], shape: Shape
) -> tuple[bytes, NDArray[np.float32]]:
    """Return a conversation as the bytes an answer follows, and the features of what is asked.

    Args:
        messages: The conversation.
        shape: The network's shape.
    """
    context, asked = bytearray(shape.window), b""
    for message in messages:
        words = message_bytes(message)
        if message.get("role") != "assistant":
            asked = words
        context += bytes([role_byte(message.get("role"))]) + words + bytes([END])
    context.append(ROLES["assistant"])
    return bytes(context), features(np.frombuffer(asked, dtype=np.uint8), shape)


def sample(
    folder: Path, request: Mapping[str, Any], emit: Emit, stopped: Callable[[], bool]
) -> None:
    """Answer a conversation and report the text as it comes.

    Args:
        folder: The checkpoint.
        request: ``messages``, and optionally what `tui.service.engines` says; a token is a byte.
        emit: Writes one protocol line.
        stopped: Says whether to end early.

    Raises:
        CheckpointError: The folder holds no checkpoint of this engine.
    """
    network = checkpoint.load(folder)
    start, row = question(request["messages"], network.shape)
    context = bytearray(start)
    writer = _Writer(emit, tuple(request.get("stop") or ()), request.get("logprobs"))
    limit = int(request.get("max_tokens") or DEFAULT_MAX_TOKENS)
    chooser = _Chooser(network, request)
    reason, count = "length", 0
    while count < limit and not stopped():
        byte, logprobs = chooser.choose(context, row)
        count += 1
        if byte == END or writer.take(byte, logprobs):
            reason = "stop"
            break
        context.append(byte)
    writer.close()
    emit(
        {
            "type": "done",
            "finish_reason": reason,
            "prompt_tokens": len(start) - network.shape.window - 1,
            "completion_tokens": count,
        }
    )


class _Chooser:
    """Draws the next byte by what a request says of temperature, penalties and the like."""

    def __init__(self, network: Network, request: Mapping[str, Any]) -> None:
        self._network = network
        seed = request.get("seed")
        self._rng = np.random.default_rng(None if seed is None else int(seed) % 2**63)
        self._temperature = float(request.get("temperature", 1.0))
        self._top_p = float(request.get("top_p", 1.0))
        self._presence = float(request.get("presence_penalty") or 0.0)
        self._frequency = float(request.get("frequency_penalty") or 0.0)
        self._counts = np.zeros(BYTES)
        self._bias = np.zeros(BYTES)
        for token, weight in (request.get("logit_bias") or {}).items():
            if int(token) < BYTES:
                self._bias[int(token)] = weight

    def choose(
        self, context: bytearray, row: NDArray[np.float32]
    ) -> tuple[int, NDArray[np.float64]]:
        """Return the next byte, and the natural logarithm of each byte's probability."""
        window = np.frombuffer(bytes(context[-self._network.shape.window :]), dtype=np.uint8)
        batch = Batch(window[None, :], np.zeros(1, np.uint8), np.zeros(1, np.int64), row[None, :])
        logits = self._network.logits(batch)[0].astype(np.float64)
        logits += self._bias - self._presence * (self._counts > 0) - self._frequency * self._counts
        logits -= logits.max()
        logprobs = logits - np.log(np.exp(logits).sum())
        byte = self._draw(logits)
        self._counts[byte] += 1
        return byte, logprobs

    def _draw(self, logits: NDArray[np.float64]) -> int:
        if self._temperature <= 0 or self._top_p <= 0:
            return int(logits.argmax())
        weights = np.exp(logits / self._temperature)
        weights /= weights.sum()
        if self._top_p < 1:
            order = np.argsort(-weights, kind="stable")
            # Those before the share is reached, and the one that reaches it.
            beyond = np.cumsum(weights[order]) - weights[order] >= self._top_p
            weights[order[beyond]] = 0
            weights /= weights.sum()
        return int(self._rng.choice(BYTES, p=weights))


class _Writer:
    """Turns bytes into text, and holds back what may be the start of a stop sequence."""

    def __init__(self, emit: Emit, stops: tuple[str, ...], top: int | None) -> None:
        self._emit = emit
        self._stops = tuple(stop for stop in stops if stop)
        self._hold = max((len(stop) for stop in self._stops), default=1) - 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._stopped = False
        self._top = top
        # What is known of each byte whose text is still pending, and the characters it completed.
        self._tokens: list[tuple[int, dict[str, Any]]] = []

    def take(self, byte: int, logprobs: NDArray[np.float64]) -> bool:
        """Take one byte; return whether a stop sequence is complete."""
        text = self._decoder.decode(b"\n" if byte == CALL else bytes([byte]))
        self._pending += text
        if self._top is not None:
            self._tokens.append((len(text), _token(byte, logprobs, self._top)))
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
        if not text:
            return
        line: dict[str, Any] = {"type": "text", "text": text}
        if self._top is not None:
            room, tokens = len(text), []
            while self._tokens and self._tokens[0][0] <= room:
                size, token = self._tokens.pop(0)
                room -= size
                tokens.append(token)
            line["tokens"] = tokens
        self._emit(line)


def _token(byte: int, logprobs: NDArray[np.float64], top: int) -> dict[str, Any]:
    best = np.argsort(-logprobs, kind="stable")[:top].tolist()
    return {**_shown(byte, logprobs), "top": [_shown(other, logprobs) for other in best]}


def _shown(byte: int, logprobs: NDArray[np.float64]) -> dict[str, Any]:
    # Bytes that are no character by themselves are written as the hosted service does.
    token = chr(byte) if byte < 0x80 else f"bytes:\\x{byte:02x}"
    return {"token": token, "logprob": float(logprobs[byte]), "bytes": [byte]}
