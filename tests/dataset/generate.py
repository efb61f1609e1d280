"""Chat data of any size, always the same for the same seed, with faults planted on request.

``python -m tests.dataset.generate OUT --bytes 100000000 [--faults 50]`` writes a file and prints
the faults as JSON lines ``{"line": …, "code": …}``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = tuple(
    re.findall(
        r"\w+",
        """
        the a to of and in is it you that for on are with as your be this have from or
        by not but we can if will order account please refund delivery address change
        number days card payment email customer support return item shipping tracking
        invoice subscription cancel update plan password reset device screen battery
        warranty replace store credit balance month year price discount coupon checkout
        basket question answer help thank sorry issue check confirm details
        """,
    )
)
OTHER = (
    "Grüße aus München – die Lieferung war großartig! ",
    "注文した商品がまだ届いていません。確認していただけますか。",
    "¿Podrían decirme cuándo llega mi pedido? ",
    "Le colis est arrivé abîmé 😕 que dois-je faire ? ",
    "Привет, подскажите, пожалуйста, как изменить адрес. ",
)
CODE = 'def total(items):\n    """Sum \\"prices\\"."""\n    return sum(i["price"] for i in items)\n'
SYSTEM = (
    "You are the support assistant of a web shop. Answer briefly, kindly and exactly.",
    "You help customers of a phone company. Never promise what you cannot check.",
    "You answer questions about software. Show code where it helps.",
)

Record = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """A fault: the line it stands on, and the code that must be reported for it."""

    line: int
    code: str


def text(rng: random.Random, low: int, high: int) -> str:
    """Return a few sentences, now and then in another language or with code."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(low, high))]
    for i in range(0, len(words), 12):
        words[i] = words[i].capitalize()
        words[min(i + 11, len(words) - 1)] += "."
    out = " ".join(words)
    dice = rng.random()
    if dice < 0.08:
        out += "\n" + rng.choice(OTHER)
    elif dice < 0.12:
        out += "\n```python\n" + CODE + "```"
    return out


def record(rng: random.Random, number: int) -> Record:
    """Return one conversation of one to three turns; ``number`` makes it unlike all others."""
    messages = [{"role": "system", "content": rng.choice(SYSTEM)}]
    for turn in range(rng.choice((1, 1, 1, 2, 3))):
        mark = f"#{number}.{turn} "
        messages.append({"role": "user", "content": mark + text(rng, 8, 90)})
        messages.append({"role": "assistant", "content": text(rng, 20, 200)})
    return {"messages": messages}


def _edit(change: Callable[[Record], object]) -> Callable[[Record], list[str]]:
    def apply(value: Record) -> list[str]:
        change(value)
        return [json.dumps(value, ensure_ascii=False)]

    return apply


def _line(change: Callable[[str], str]) -> Callable[[Record], list[str]]:
    return lambda value: [change(json.dumps(value))]


def _last(value: Record) -> Record:
    message: Record = value["messages"][-1]
    return message


FAULTS: dict[str, Callable[[Record], list[str]]] = {
    "invalid_json": _line(lambda line: line[:-2] + ",]}"),
    "pretty_printed": lambda value: json.dumps(value, indent=2).split("\n"),
    "blank_line": lambda value: [""],
    "data_type": _line(lambda line: f"[{line}]"),
    "duplicate_key": _line(
        lambda line: line.replace('{"role": "user"', '{"role": "user", "role": "user"', 1)
    ),
    "lone_surrogate": _line(lambda line: line.replace('"content": "', '"content": "\\ud83d', 1)),
    "mixed_formats": lambda value: [json.dumps({"prompt": "a", "completion": " b"})],
    "unknown_format": lambda value: [json.dumps({"instruction": "a", "input": "", "output": "b"})],
    "missing_messages_list": _edit(lambda value: value.update(messages=[])),
    "record_unrecognized_key": _edit(lambda value: value.update(id=7)),
    "message_not_object": _edit(lambda value: value["messages"].insert(1, "hello")),
    "message_missing_key": _edit(lambda value: value["messages"][1].pop("content")),
    "message_unrecognized_key": _edit(lambda value: value["messages"][1].update(id=7)),
    "unrecognized_role": _edit(lambda value: value["messages"][1].update(role="human")),
    "developer_role": _edit(lambda value: value["messages"][0].update(role="developer")),
    "missing_content": _edit(lambda value: value["messages"][1].update(content=None)),
    "blank_content": _edit(lambda value: value["messages"][1].update(content=" \n ")),
    "content_type": _edit(lambda value: value["messages"][1].update(content=7)),
    "invalid_content_part": _edit(
        lambda value: value["messages"][1].update(content=[{"type": "input_audio"}])
    ),
    "example_missing_assistant_message": _edit(
        lambda value: value.update(messages=value["messages"][:2])
    ),
    "last_message_not_assistant": _edit(
        lambda value: value["messages"].append({"role": "user", "content": "thanks"})
    ),
    "nothing_trained": _edit(
        lambda value: [m.update(weight=0) for m in value["messages"] if m["role"] == "assistant"]
    ),
    "invalid_weight": _edit(lambda value: _last(value).update(weight=0.5)),
    "invalid_name": _edit(lambda value: value["messages"][1].update(name="Jane Doe")),
    "special_token": _edit(lambda value: _last(value).update(content="done <|endoftext|>")),
    "system_not_first": _edit(
        lambda value: value["messages"].insert(2, {"role": "system", "content": "Be brief."})
    ),
    "consecutive_same_role": _edit(
        lambda value: value["messages"].insert(1, {"role": "user", "content": "Hello?"})
    ),
}
"""How each fault is made from a good record: it returns the lines to write instead."""


def lines(
    size: int, *, faults: int = 0, seed: int = 7, codes: list[str] | None = None
) -> tuple[Iterator[bytes], list[Planted]]:
    """Return the lines of a file of about ``size`` bytes, and the faults that will be in it.

    The list of faults is complete when the iterator has been read to its end.

    Args:
        size: Bytes to stop after.
        faults: How many faults to plant, spread evenly, of every kind in turn.
        seed: Another seed gives another file.
        codes: The kinds to plant; all by default.
    """
    kinds = list(FAULTS) if codes is None else codes
    planted: list[Planted] = []

    def produce() -> Iterator[bytes]:
        rng = random.Random(seed)
        every = size // faults if faults else 0
        next_fault = every // 2 if faults else size + 1
        written = line = number = 0
        while written < size:
            value = record(rng, number)
            number += 1
            if written >= next_fault and len(planted) < faults:
                code = kinds[len(planted) % len(kinds)]
                planted.append(Planted(line + 1, code))
                made = [part.encode() for part in FAULTS[code](value)]
                next_fault += every
            else:
                escaped = rng.random() < 0.5
                made = [json.dumps(value, ensure_ascii=escaped).encode()]
            for part in made:
                yield part
                written += len(part) + 1
                line += 1

    return produce(), planted


def write(
    path: Path, size: int, *, faults: int = 0, seed: int = 7, codes: list[str] | None = None
) -> list[Planted]:
    """Write a file of about ``size`` bytes and return the faults planted in it."""
    made, planted = lines(size, faults=faults, seed=seed, codes=codes)
    with path.open("wb") as file:
        for part in made:
            file.write(part + b"\n")
    return planted


def main() -> None:
    """Write a file as the command line says."""
    parser = argparse.ArgumentParser(description="generate chat training data")
    parser.add_argument("out", type=Path)
    parser.add_argument("--bytes", type=int, default=12_000_000)
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    for fault in write(args.out, args.bytes, faults=args.faults, seed=args.seed):
        sys.stdout.write(json.dumps({"line": fault.line, "code": fault.code}) + "\n")


if __name__ == "__main__":
    main()
