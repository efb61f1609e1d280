"""Chat examples as bytes, and batches of positions drawn from them.

An example is written as its messages one after the other, each opened by a byte that names its
role and closed by `END`. Positions to learn are the assistant's bytes and the `END` after them.
Every example starts with a window of zero bytes, so no window reaches into another example.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.service.engines.micro.model import Batch, Shape

END = 0x04
CALL = 0x05
ROLES = {"system": 0x01, "developer": 0x01, "user": 0x02, "assistant": 0x03}
OTHER_ROLE = 0x06
# The bytes above mark structure, so the same bytes inside a text are replaced.
_CLEAN = bytes(0x1A if byte < 0x09 else byte for byte in range(256))

PROMPT_BYTES = 1024
PER_EXAMPLE = 256
PER_STEP = 1024
JUDGED = 16_384


@dataclass(frozen=True, slots=True)
class Corpus:
    """Every example of a file.

    Attributes:
        data: uint8: all examples, one after the other.
        spans: int64, (answers, 4): first and last-plus-one trained position of each assistant
            message, then the same of the message it answers.
        examples: int64, (examples + 1,): the answers of example i are ``examples[i]`` up to
            ``examples[i + 1]``.
    """

    data: NDArray[np.uint8]
    spans: NDArray[np.int64]
    examples: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self.examples) - 1

    @property
    def positions(self) -> int:
        """Number of positions that carry loss."""
        return int(np.sum(self.spans[:, 1] - self.spans[:, 0]))


def read_corpus(path: Path, shape: Shape) -> Corpus:
    """Read a JSONL file of chat examples that was checked before.

    Args:
        path: The file.
        shape: The network's shape; its window is the room before each example.

    Raises:
        ValueError: A line is not an example, or nothing is to be learnt.
    """
    builder = _Builder(shape.window)
    for number, record in read_records(path):
        try:
            builder.add(record["messages"])
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"line {number} is not a chat example ({error})") from error
    if not builder.spans:
        raise ValueError("no assistant message to learn from")
    return builder.corpus()


def read_pairs(path: Path, shape: Shape) -> Corpus:
    """Read a JSONL file of preference pairs that was checked before.

    Example ``2 i`` of the corpus is the better answer of pair ``i``, ``2 i + 1`` the worse one;
    only these answers carry loss, not what the assistant said before.

    Args:
        path: The file.
        shape: The network's shape.

    Raises:
        ValueError: A line is not a pair.
    """
    builder = _Builder(shape.window)
    for number, record in read_records(path):
        try:
            asked = [{**message, "weight": 0} for message in record["input"]["messages"]]
            for key in ("preferred_output", "non_preferred_output"):
                builder.add([*asked, *({"role": "assistant", **item} for item in record[key])])
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"line {number} is not a preference pair ({error})") from error
    if not builder.spans:
        raise ValueError("no answer to learn from")
    return builder.corpus()


def read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each record of a JSONL file with its line number; blank lines are passed over.

    Raises:
        ValueError: A line is not an object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if text:
                try:
                    record = json.loads(text)
                except ValueError as error:
                    raise ValueError(f"line {number} is not JSON ({error})") from error
                if not isinstance(record, dict):
                    raise ValueError(f"line {number} is not an object")
                yield number, record


class _Builder:
    def __init__(self, window: int) -> None:
        self._data = bytearray()
        self._margin = bytes(window)
        self._examples = [0]
        self.spans: list[tuple[int, int, int, int]] = []

    def add(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self._data += self._margin
        asked = (len(self._data), len(self._data))
        for message in messages:
            self._data.append(role_byte(message.get("role")))
            start = len(self._data)
            self._data += message_bytes(message)
            end = len(self._data)
            self._data.append(END)
            if message.get("role") != "assistant":
                asked = (start, end)
            elif message.get("weight", 1) != 0:
                self.spans.append((start, end + 1, *asked))
        self._examples.append(len(self.spans))

    def corpus(self) -> Corpus:
        return Corpus(
            np.frombuffer(bytes(self._data), dtype=np.uint8),
            np.array(self.spans, dtype=np.int64),
            np.array(self._examples, dtype=np.int64),
        )


def role_byte(role: object) -> int:
    """Return the byte that opens a message of this role."""
    return ROLES.get(role, OTHER_ROLE) if isinstance(role, str) else OTHER_ROLE


def message_bytes(message: Mapping[str, Any]) -> bytes:
    """Return a message's words, and its calls if it has any, as bytes without structure bytes."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, dict)]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if content is None:
        content = message.get("refusal")
    words = [_encode(content) if isinstance(content, str) else b""]
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        words.append(_encode(f"{function.get('name', '')} {function.get('arguments', '')}"))
    return bytes([CALL]).join(words)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace").translate(_CLEAN)


def features(data: NDArray[np.uint8], shape: Shape) -> NDArray[np.float32]:
    """Return one row of hashed three-byte features of a text, scaled to length about one."""
    row = np.zeros(shape.features, dtype=np.float32)
    text = data[-PROMPT_BYTES:].astype(np.int64)
    if len(text) < 3:
        return row
    hashed = (text[:-2] * 961 + text[1:-1] * 31 + text[2:]) * 2_654_435_761 >> 7
    np.add.at(row, hashed % shape.features, 1.0)
    row /= np.sqrt(len(hashed))
    return row


class Sampler:
    """Draws batches from a corpus; the same seed, epoch and step give the same batch."""

    def __init__(self, corpus: Corpus, shape: Shape, seed: int) -> None:
        self._corpus = corpus
        self._shape = shape
        self._seed = seed
        self._offsets = np.arange(-shape.window, 0)

    def batch(self, examples: Sequence[int] | NDArray[np.int64], step: int) -> Batch | None:
        """Return positions of these examples, or ``None`` where they have none.

        At most `PER_EXAMPLE` positions an example and `PER_STEP` in all, drawn evenly, so that
        a step takes about as long on a book as on a page.
        """
        rng = np.random.default_rng((self._seed, 2, step))
        drawn = [self._drawn(int(example), rng) for example in examples]
        rows, positions = [row for row, _ in drawn], [position for _, position in drawn]
        row, position = np.concatenate(rows), np.concatenate(positions)
        if len(position) > PER_STEP:
            keep = np.sort(rng.choice(len(position), PER_STEP, replace=False))
            row, position = row[keep], position[keep]
        return self._gather(row, position) if len(position) else None

    def each(
        self, examples: Sequence[int] | NDArray[np.int64], step: int
    ) -> tuple[Batch | None, NDArray[np.int64]]:
        """Return positions of these examples, at most `PER_EXAMPLE` each, and how many of each."""
        rng = np.random.default_rng((self._seed, 2, step))
        drawn = [self._drawn(int(example), rng) for example in examples]
        counts = np.array([len(position) for _, position in drawn], dtype=np.int64)
        row = np.concatenate([row for row, _ in drawn])
        position = np.concatenate([position for _, position in drawn])
        return (self._gather(row, position) if len(position) else None), counts

    def _drawn(
        self, example: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, position = self._positions(example)
        if len(position) > PER_EXAMPLE:
            keep = np.sort(rng.choice(len(position), PER_EXAMPLE, replace=False))
            row, position = row[keep], position[keep]
        return row, position

    def everything(self) -> Iterator[Batch]:
        """Yield the whole corpus in batches; of one with over `JUDGED` positions, an even part."""
        stride = max(1, -(-self._corpus.positions // JUDGED))
        seen, rows, positions = 0, [], []
        for index, (start, end, *_) in enumerate(self._corpus.spans.tolist()):
            first = start + (-seen) % stride
            seen += end - start
            position = np.arange(first, end, stride)
            rows.append(np.full(len(position), index))
            positions.append(position)
        row, position = np.concatenate(rows), np.concatenate(positions)
        for at in range(0, len(position), PER_STEP):
            yield self._gather(row[at : at + PER_STEP], position[at : at + PER_STEP])

    def _positions(self, example: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first, last = self._corpus.examples[example], self._corpus.examples[example + 1]
        spans = self._corpus.spans[first:last]
        lengths = spans[:, 1] - spans[:, 0]
        rows = np.repeat(np.arange(first, last), lengths)
        ranges = [np.arange(start, end) for start, end in spans[:, :2].tolist()]
        return rows, np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)

    def _gather(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> Batch:
        data, spans = self._corpus.data, self._corpus.spans
        answers, group = np.unique(rows, return_inverse=True)
        asked = [features(data[a:b], self._shape) for a, b in spans[answers, 2:].tolist()]
        return Batch(
            data[positions[:, None] + self._offsets],
            data[positions],
            group.reshape(-1).astype(np.int64),
            np.stack(asked),
        )
