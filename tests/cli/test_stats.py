"""``tunedeck stats``: the known numbers, the contract's keys, and output safe for a person."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import HEAD
from tui.cli import run

BILLED = Path(__file__).parent.parent / "data" / "billed"
TOY = str(BILLED / "cookbook_toy_chat_fine_tuning.jsonl")
KEYS = [
    "encoding",
    "model",
    "approximate",
    "tokens_total",
    "assistant_tokens_total",
    "trained_tokens_total",
    "context_limit",
    "over_limit",
    "missing_system",
    "missing_user",
    "distributions",
    "roles",
]
DISTRIBUTION = [
    "min",
    "max",
    "mean",
    "p1",
    "p5",
    "p10",
    "p25",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "histogram",
]

pytestmark = pytest.mark.usefixtures("home", "restored")


def stats_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["stats", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def stats_text(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["stats", *arguments]) == code
    return capsys.readouterr().out


def write(path: Path, *lines: str | bytes) -> str:
    data = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"\n".join(data) + b"\n")
    return str(path)


def chat(*contents: str) -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)]
    return json.dumps({"messages": messages})


def test_the_classic_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    answer = stats_json(capsys, TOY, "--encoding", "cl100k_base")
    spread = answer["distributions"]
    known = {
        "tokens_per_example": (26, 8032, 1648.4, 45, 26.8, 4863.6),
        "messages_per_example": (2, 9, 3.8, 3, 2, 6.6),
        "assistant_tokens_per_example": (4, 8000, 1610.2, 10, 6, 4811.2),
    }
    for name, numbers in known.items():
        found = spread[name]
        assert tuple(found[key] for key in ("min", "max", "mean", "p50", "p10", "p90")) == numbers
    assert (answer["missing_system"], answer["missing_user"]) == (1, 1)
    assert answer["records"] == answer["examples"] == 5
    assert answer["encoding"] == "cl100k_base"
    assert answer["approximate"] is False


def test_the_classic_total_has_the_classic_limit(capsys: pytest.CaptureFixture[str]) -> None:
    answer = stats_json(capsys, TOY, "--model", "gpt-3.5-turbo-0613")
    assert answer["encoding"] == "cl100k_base"
    assert answer["context_limit"] == 4096
    assert answer["tokens_total"] == 4306
    assert answer["over_limit"] == 1
    assert answer["assistant_tokens_total"] == 8051
    assert answer["roles"] == {"system": 4, "user": 7, "assistant": 8}


def test_every_key_of_the_contract_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    answer = stats_json(capsys, TOY)
    assert list(answer)[: len(HEAD)] == HEAD
    assert set(answer) >= set(KEYS)
    assert answer["file"] == TOY
    assert answer["model"] == "gpt-4.1-mini"
    assert answer["encoding"] == "o200k_base"
    assert answer["context_limit"] == 65536
    for spread in answer["distributions"].values():
        assert list(spread) == DISTRIBUTION
        histogram = spread["histogram"]
        assert sum(histogram["counts"]) == 5
        assert len(histogram["edges"]) == len(histogram["counts"]) + 1


def test_a_model_without_a_tokenizer_is_approximate(capsys: pytest.CaptureFixture[str]) -> None:
    assert stats_json(capsys, TOY, "--model", "llama-3")["approximate"] is True
    answer = stats_json(capsys, TOY, "--model", "ft:gpt-4.1-2025-04-14:me::x")
    assert (answer["approximate"], answer["encoding"]) == (False, "o200k_base")


def test_broken_records_are_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.jsonl", chat("a", "b"), "{broken", '"text"', "", b"\xff\xfe")
    answer = stats_json(capsys, path)
    assert (answer["records"], answer["examples"], answer["left_out"]) == (4, 1, 3)
    text = stats_text(capsys, path)
    assert "3 records cannot be counted and are left out" in text
    assert "tunedeck check" in text


def test_a_file_without_examples_is_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", "{broken")
    answer = stats_json(capsys, path, code=1)
    assert answer["distributions"]["tokens_per_example"]["mean"] is None
    assert run(["stats", path]) == 1
    assert "holds no example" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such/file"], "does not exist"),
        (["{folder}"], "folder"),
        ([TOY, "--encoding", "klingon"], "cl100k_base"),
        ([], "FILE"),
    ],
)
def test_wrong_usage(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.replace("{folder}", str(tmp_path)) for word in arguments]
    assert run(["stats", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_gzip_and_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = stats_json(capsys, str(BILLED / "cookbook_drone_training.jsonl.gz"))
    assert packed["examples"] == 103
    assert packed["approximate"] is True
    path = tmp_path / "in.jsonl"
    write(path, chat("a", "b"))
    with path.open("rb") as file, io.TextIOWrapper(file) as text:
        monkeypatch.setattr(sys, "stdin", text)
        assert stats_json(capsys, "-")["examples"] == 1


def test_what_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    text = stats_text(capsys, TOY, "--encoding", "cl100k_base")
    assert "4,863.6" in text
    assert "8,242 tokens" in text
    assert "█" in text
    assert "Examples without a user message: 1" in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines() if TOY not in line) <= 100


def test_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    text = stats_text(capsys, TOY, "--ascii")
    assert text.isascii()
    assert "####" in text
    assert os.environ["TUNEDECK_ASCII"] == "1"


def test_foreign_text_does_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"messages": [{"role": "us\x1b[31mer\u202e", "content": "a"}] * 2}
    path = write(tmp_path / "\x1b[2Jname.jsonl", json.dumps(record), chat("x", "y"))
    assert run(["stats", path, "--model", "m\x1b[0m"]) == 0
    captured = capsys.readouterr()
    for stream in (captured.out, captured.err):
        assert not set("\x1b\u202e\x07") & set(stream)


def test_a_lone_surrogate_is_counted_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = '{"messages": [{"role": "\\ud800", "content": "\\udc00 x"}]}'
    answer = stats_json(capsys, write(tmp_path / "a.jsonl", line))
    assert answer["examples"] == 1
    assert sum(answer["roles"].values()) == 1


def test_workers_and_one_process_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Above the size from which worker processes count.
    lines = [chat(f"question {i} " * 12, f"answer {i} " * 12) for i in range(6_000)]
    large = stats_json(capsys, write(tmp_path / "large.jsonl", *lines))
    parts = [
        stats_json(capsys, write(tmp_path / f"{i}.jsonl", *lines[i * 2_000 : (i + 1) * 2_000]))
        for i in range(3)
    ]
    assert large["bytes"] > 2_000_000
    assert large["examples"] == 6_000
    for key in ("tokens_total", "assistant_tokens_total", "trained_tokens_total"):
        assert large[key] == sum(part[key] for part in parts)
