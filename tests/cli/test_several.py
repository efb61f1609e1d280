"""Several files taken as one dataset by the commands that count."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words: str) -> dict[str, object]:
    command = [sys.executable, "-m", "tui", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def _told(*words: str) -> str:
    command = [sys.executable, "-m", "tui", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("command", ["stats", "cost"])
def test_several_files_are_counted_as_one(home: Path, tmp_path: Path, command: str) -> None:
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"What is {n}?"},
                    {"role": "assistant", "content": f"It is {n * n}."},
                ]
            }
        )
        for n in range(30)
    ]
    whole, first, second = (tmp_path / name for name in ("all.jsonl", "a.jsonl", "b.jsonl.gz"))
    whole.write_text("\n".join(lines) + "\n")
    first.write_text("\n".join(lines[:20]))
    second.write_bytes(gzip.compress(("\n".join(lines[20:]) + "\n").encode()))
    first.write_text("{}\n")
    answer = _told(command, str(first), str(second))
    assert f"see 'tunedeck check {first} {second}'" in answer
    first.write_text("\n".join(lines[:20]))
    joined, single = run(command, str(first), str(second)), run(command, str(whole))
    assert joined.pop("file") == f"{first} + {second}"
    assert single.pop("file") == str(whole)
    assert joined == single
