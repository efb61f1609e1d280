"""How fast exact token counts are, beside the loop that everybody writes.

The peer is the cookbook's way: ``json.loads`` a line, then one call of tiktoken for every value.
Both count the same lines in the same run, in turn, and must agree to the token. The text is made
from a vocabulary with a fixed seed: chats with a system prompt that repeats, answers of very
different length, some of it escaped, some not Latin.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.table import Row
from tui.tokens import ExampleCounter, get_encoding
from tui.tokens.fast import VARIABLE
from tui.tokens.joined import SEPARATOR, Tiktoken

SIZE_MB = int(os.environ.get("TUNEDECK_BENCH_TOKENS_MB", "20"))
STATS_MB = int(os.environ.get("TUNEDECK_BENCH_STATS_MB", "100"))
ROUNDS = 3
_BATCH = 2_000
_JOINED = 300
_PARTS = ("half-1.json", "half-2.json")
_SYSTEM = "You are a patient assistant of an electronics shop. Answer in the customer's language. "


def measure() -> list[Row]:
    """Return the time of both ways for two encodings, and what building an encoding takes."""
    lines = _lines(SIZE_MB * 1_000_000)
    rows = [_compare(name, lines) for name in ("o200k_base", "cl100k_base")]
    return [*rows, *_commands(), _building()]


def _compare(encoding: str, lines: list[bytes]) -> Row:
    ours, naive = [], []
    for way in (_count, _count_naively):  # builds what each way needs
        way(encoding, lines[:10])
    for _ in range(ROUNDS):
        mine, seconds = _timed(_count, encoding, lines, clock=time.process_time)
        ours.append(seconds)
        theirs, seconds = _timed(_count_naively, encoding, lines, clock=time.process_time)
        naive.append(seconds)
        assert mine == theirs, "the two ways disagree"
    what = f"exact counts of {SIZE_MB} MB of chats, {encoding}, one thread, processor time"
    peer = "json.loads and one encode a value"
    return Row(what, statistics.median(ours), "s", peer, statistics.median(naive), 0.8)


def _commands() -> list[Row]:
    """Time the whole command, start and checks of the format included, beside three peers.

    All of them are processes of their own and take turns in every round. The bound is what two
    processes take that do nothing but start, build tiktoken and count each content once.
    """
    encoding = "o200k_base"
    lines = _lines(STATS_MB * 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        _write_contents(lines, Path(folder))
        del lines
        command = [sys.executable, "-m", "tui", "stats", str(path), "--json"]
        here = [sys.executable, "-m", __spec__.name]
        bound = [[*here, "bound", encoding, str(Path(folder) / part)] for part in _PARTS]
        ways: dict[str, tuple[list[list[str]], str]] = {
            "loop": ([[*here, "loop", encoding, str(path)]], ""),
            "bound": (bound, ""),
            "tiktoken": ([command], "tiktoken"),
        }
        if importlib.util.find_spec("toktok"):
            ways["toktok"] = ([command], "toktok")
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        answers: dict[str, str] = {}
        for _ in range(ROUNDS):
            for way, (commands, engine) in ways.items():
                answers[way], took = _timed(_together, commands, engine)
                seconds[way].append(took)
    took = {way: statistics.median(times) for way, times in seconds.items()}
    assert answers.get("toktok", answers["tiktoken"]) == answers["tiktoken"]
    total, assistant = json.loads(answers["loop"])
    told = json.loads(answers["tiktoken"])
    assert (total, assistant) == (told["tokens_total"], told["assistant_tokens_total"])
    what = f"tunedeck stats on {STATS_MB} MB of chats, everything included"
    loop = "json.loads and one encode a value"
    rows = [
        Row(f"{what}, tiktoken", took["tiktoken"], "s", loop, took["loop"], 0.333),
        Row(
            f"{what}, tiktoken",
            took["tiktoken"],
            "s",
            "two processes that only run tiktoken",
            took["bound"],
            1 / 0.85,
        ),
    ]
    if "toktok" in took:
        rows.append(Row(f"{what}, [fast]", took["toktok"], "s", loop, took["loop"], 1 / 6))
    return rows


def _together(commands: list[list[str]], engine: str) -> str:
    """Run commands side by side and return what the first one printed."""
    environment = {**os.environ, VARIABLE: engine}
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for command in commands
    ]
    printed = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running), commands
    return printed[0]


def _write_contents(lines: list[bytes], folder: Path) -> None:
    """Write every content once, in two halves, joined as they are given to tiktoken."""
    contents = dict.fromkeys(
        message["content"] for line in lines for message in orjson.loads(line)["messages"]
    )
    texts = list(contents)
    joined = [
        SEPARATOR.join(texts[start : start + _JOINED]) for start in range(0, len(texts), _JOINED)
    ]
    for number, part in enumerate(_PARTS):
        (folder / part).write_bytes(orjson.dumps(joined[number :: len(_PARTS)]))


def _only_tiktoken(encoding: str, path: str) -> int:
    """Do what nobody who counts tokens can do without."""
    encode = Tiktoken(encoding).encode
    return sum(len(encode(text)) for text in orjson.loads(Path(path).read_bytes()))


def _loop(encoding: str, path: str) -> tuple[int, int]:
    with open(path, "rb") as file:
        return _count_naively(encoding, file)


def _building() -> Row:
    """Time loading an encoding in a fresh process, beside tiktoken's own way to load it."""
    code = (
        "import time, tiktoken, tiktoken.load, numpy\n"
        "from tui.tokens.encodings import get_encoding, load_ranks, get_spec\n"
        "from tests.tokens.ranks import to_tiktoken\n"
        "start = time.perf_counter(); get_encoding('o200k_base')\n"
        "ours = time.perf_counter() - start\n"
        "text = to_tiktoken(load_ranks('o200k_base').items())\n"
        "spec = get_spec('o200k_base')\n"
        "tiktoken.load.read_file_cached = lambda *_: text\n"
        "start = time.perf_counter()\n"
        "ranks = tiktoken.load.load_tiktoken_bpe('x')\n"
        "tiktoken.Encoding('x', pat_str=spec.pattern, mergeable_ranks=ranks, special_tokens={})\n"
        "print(ours, time.perf_counter() - start)\n"
    )
    pairs = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        pairs.append([float(word) for word in done.stdout.split()])
    ours, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Row("building o200k_base", ours, "s", "tiktoken from its cached file", peer, 1.1)


def _timed(
    work: Any, *arguments: Any, clock: Any = time.perf_counter, **named: Any
) -> tuple[Any, float]:
    gc.collect()
    start = clock()
    result = work(*arguments, **named)
    return result, clock() - start


def _count(encoding: str, lines: list[bytes]) -> tuple[int, int]:
    counter = ExampleCounter(encoding)
    total = assistant = 0
    for start in range(0, len(lines), _BATCH):
        table = counter.count([orjson.loads(line) for line in lines[start : start + _BATCH]])
        total += int(table.classic.sum())
        assistant += int(table.assistant.sum())
    return total, assistant


def _count_naively(encoding: str, lines: Iterable[bytes]) -> tuple[int, int]:
    encode = get_encoding(encoding).encode
    total = assistant = 0
    for line in lines:
        total += 3
        messages = json.loads(line)["messages"]
        for message in messages:
            total += 3
            for value in message.values():
                total += len(encode(value, disallowed_special=()))
        for message in messages:
            if message["role"] == "assistant":
                assistant += len(encode(message["content"], disallowed_special=()))
    return total, assistant


def _lines(wanted: int) -> list[bytes]:
    """Return chat lines of this many bytes in all; the same ones every time."""
    rng = random.Random(20261121)
    words = _words(rng)
    lines: list[bytes] = []
    size = 0
    while size < wanted:
        messages = [{"role": "system", "content": _SYSTEM + f"Shop {rng.randrange(9)}."}]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            messages.append({"role": "user", "content": _text(rng, words, 40)})
            messages.append({"role": "assistant", "content": _text(rng, words, 160)})
        text = json.dumps({"messages": messages}, ensure_ascii=rng.random() < 0.5)
        lines.append(text.encode())
        size += len(lines[-1]) + 1
    return lines


def _words(rng: random.Random) -> list[str]:
    """Return a vocabulary: words that are real tokens, made-up ones, numbers and other scripts."""
    encoding = get_encoding("o200k_base")
    known = [encoding.decode_single_token_bytes(i) for i in range(1_000, 60_000, 7)]
    real = [word[1:].decode() for word in known if word[:1] == b" " and word[1:].isalpha()]
    made = ["".join(rng.choices("aeiourstlnmdp", k=rng.randint(4, 12))) for _ in range(1_500)]
    other = ["".join(chr(rng.randrange(0x4E00, 0x5E00)) for _ in range(3)) for _ in range(300)]
    return [*real, *made, *other, *(str(rng.randrange(10_000)) for _ in range(300))]


def _text(rng: random.Random, words: list[str], most: int) -> str:
    chosen = rng.choices(words, k=rng.randint(3, most))
    ends = rng.choices((" ", " ", " ", " ", " ", ", ", ". ", "\n"), k=len(chosen))
    return "".join(word + end for word, end in zip(chosen, ends, strict=True)).strip()


if __name__ == "__main__":
    work = {"loop": _loop, "bound": _only_tiktoken}[sys.argv[1]]
    print(json.dumps(work(*sys.argv[2:])))
