"""Commands say in one quiet line, and doctor at length, when the faster engine does not count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRONG = """
__version__ = "0.3.99"
def batch_count(texts, encoding, threads=0, with_special=False):
    return [1 for _ in texts]
"""
BROKEN = "raise ImportError('built for another machine')"
PANICS = """
import os
__version__ = "0.3.99"
class Panic(BaseException):
    pass
def batch_count(texts, encoding, threads=0, with_special=False):
    raise Panic
"""


def run(
    folder: Path, home: Path, *words: str, engine: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "TUNEDECK_HOME": str(home),
            "TUNEDECK_TOKENIZER": engine,
        },
        cwd=Path(__file__).resolve().parents[2],
    )


def chats(path: Path, size: int) -> Path:
    with path.open("w") as file:
        n = 0
        while file.tell() < size:
            talk = [{"role": "user", "content": f"What is {n}? 'ſ 🙂 " + "word " * 300}]
            talk.append({"role": "assistant", "content": f"It is {n}."})
            file.write(json.dumps({"messages": talk}, ensure_ascii=n % 2 == 0) + "\n")
            n += 1
    return path


@pytest.mark.parametrize(
    ("module", "words"),
    [(WRONG, "disagree"), (BROKEN, "cannot be loaded"), (PANICS, "failed (Panic)")],
)
@pytest.mark.parametrize("size", [20_000, 1_500_000], ids=["here", "in workers"])
def test_stats_are_tiktokens_and_one_line_says_so(
    tmp_path: Path, module: str, words: str, size: int
) -> None:
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    (fakes / "toktok.py").write_text(module)
    path = chats(tmp_path / "train.jsonl", size)
    plain = run(fakes, tmp_path, "stats", str(path), "--json", engine="tiktoken")
    asked = run(fakes, tmp_path, "stats", str(path), "--json", engine="toktok")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert asked.returncode == 0
    assert asked.stdout == plain.stdout
    (line,) = asked.stderr.splitlines()
    assert words in line
    assert line.startswith("tunedeck: toktok-rs")


def test_doctor_says_what_counts_and_why(tmp_path: Path, home: Path) -> None:
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    (fakes / "toktok.py").write_text(WRONG)

    def finding(engine: str) -> dict[str, str]:
        document = json.loads(run(fakes, home, "doctor", "--json", engine=engine).stdout)
        (found,) = [found for found in document["findings"] if found["area"] == "tokenizer"]
        return dict(found)

    assert finding("")["state"] == "warning"
    assert "disagree" in finding("")["detail"]
    assert finding("tiktoken")["state"] == "ok"
    assert "chosen by TUNEDECK_TOKENIZER" in finding("tiktoken")["detail"]
    assert "unset TUNEDECK_TOKENIZER" in finding("abacus")["hint"]
