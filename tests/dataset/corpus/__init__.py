"""Files that a check must complain about, each for one thing, and near misses it must let pass.

Written from the format's rules and not from the checker. Every case is a fault of its own among
clean records; a marker's place is found by the text that stands there, so no column is counted by
hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

S: dict[str, Any] = {"role": "system", "content": "You answer in one sentence."}
U: dict[str, Any] = {"role": "user", "content": "Which planet is the largest?"}
A: dict[str, Any] = {"role": "assistant", "content": "Jupiter is the largest planet."}

PLANETS = (
    "Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune", "Ceres", "Pluto",
    "Eris", "Haumea", "Makemake", "Sedna",
)  # fmt: skip


def chat(*messages: Any, **more: Any) -> str:
    """Return a chat record as one line."""
    return json.dumps({"messages": list(messages), **more}, ensure_ascii=False)


def clean(i: int, kind: str = "chat") -> str:
    """Return the ``i``th of many clean records, all different."""
    name = PLANETS[i % len(PLANETS)] + ("" if i < len(PLANETS) else f" {i}")
    question = f"Say something about {name}, please."
    answer = f"{name} is a body of the solar system that goes around the sun."
    asked, told = {"role": "user", "content": question}, {"role": "assistant", "content": answer}
    if kind == "preference":
        worse = {"role": "assistant", "content": f"{name} is far away, I believe."}
        made: dict[str, Any] = {
            "input": {"messages": [asked]},
            "preferred_output": [told],
            "non_preferred_output": [worse],
        }
    elif kind == "reinforcement":
        made = {"messages": [asked], "solution": name}
    elif kind == "completion":
        made = {"prompt": f"{question}\n\n###\n\n", "completion": f" {answer} END"}
    else:
        made = {"messages": [S, asked, told]}
    return json.dumps(made, ensure_ascii=False)


@dataclass(frozen=True)
class Case:
    """One fault and one near miss.

    Attributes:
        code: The rule that must speak, alone.
        bad: The record at fault, on one line or several; or a whole file, made from clean lines.
        path: Where in the record.
        at: The text that starts at the place reported; empty for column 1 of the record's line.
        near: What must raise nothing; empty where another case has the near miss.
        kind: The format of the records around it.
        nth: Which occurrence of ``at`` is meant, from 0.
        rows: Clean records around it.
        provider: Whose rules apply.
        row: How many lines below the record's first one the fault stands.
    """

    code: str
    bad: str | bytes | Callable[[list[str]], str | bytes]
    path: str = ""
    at: str = ""
    near: str | bytes | Callable[[list[str]], str | bytes] = ""
    kind: str = "chat"
    nth: int = 0
    rows: int = 60
    provider: str = "openai"
    row: int = 0

    @property
    def whole(self) -> bool:
        """Whether the issue is about the file."""
        return callable(self.bad)

    def file(self, given: str | bytes | Callable[[list[str]], str | bytes]) -> tuple[bytes, int]:
        """Return the bytes of a file with the record in it, and the record's line (0 for none)."""
        rows = [clean(i, self.kind) for i in range(self.rows)]
        if callable(given):
            made = given(rows)
            return (made.encode() if isinstance(made, str) else made), 0
        record = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
        line = 12
        before = "".join(f"{row}\n" for row in rows[: line - 1]).encode()
        after = "".join(f"{row}\n" for row in rows[line - 1 :]).encode()
        return before + record + b"\n" + after, line

    def column(self) -> int:
        """Return the column the issue must have."""
        if not self.at:
            return 1
        text = self.bad.decode("utf-8", "replace") if isinstance(self.bad, bytes) else self.bad
        assert isinstance(text, str)
        line = text.split("\n")[self.row]
        place = -1
        for _ in range(self.nth + 1):
            place = line.index(self.at, place + 1)
        return place + 1
