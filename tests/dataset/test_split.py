"""Splitting: nothing shared, nothing lost, and the same choice everywhere."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset import generate
from tui.dataset import SplitReport, split_file
from tui.dataset.digests import DigestSet
from tui.errors import FileError, TunedeckError, UsageError

SAMPLES = Path(__file__).parent.parent.parent / "sample_data"


def chat(prompt: str, answer: str = "a", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **more}


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def parted(path: Path, share: float, **options: Any) -> tuple[SplitReport, list[Any], list[Any]]:
    report = split_file(path, share, force=True, **options)
    sides = [Path(name).read_text().splitlines() for name in (report.train, report.validation)]
    return report, [json.loads(x) for x in sides[0]], [json.loads(x) for x in sides[1]]


def prompts(records: list[Any]) -> set[str]:
    return {json.dumps(record["messages"][:-1]) for record in records}


def test_shares_and_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [chat(f"q{i}") for i in range(100)])
    for share, held in ((0.1, 10), (0.005, 0), (0.25, 25), (1, 1), (99, 99)):
        if not held:
            with pytest.raises(UsageError, match="less than one"):
                split_file(path, share)
            continue
        report, train, validation = parted(path, share)
        assert (len(train), len(validation)) == (100 - held, held)
        assert (report.records, report.prompts, report.wanted) == (100, 100, held)


def test_the_choice_is_fixed_for_all_time(tmp_path: Path) -> None:
    # Files that were split on another machine, or years ago, are split the same way today.
    path = write(tmp_path / "in.jsonl", [chat(f"q{i}") for i in range(20)])
    _, _, held = parted(path, 5)
    assert [record["messages"][0]["content"] for record in held] == ["q1", "q3", "q5", "q7", "q16"]
    _, _, other = parted(path, 5, seed=8)
    assert other != held


def test_neither_order_nor_spelling_matters(tmp_path: Path) -> None:
    records = [chat(f"q{i}") for i in range(60)]
    _, _, held = parted(write(tmp_path / "a.jsonl", records), 0.2)
    random.Random(1).shuffle(records)
    turned = [{"messages": [dict(reversed(m.items())) for m in r["messages"]]} for r in records]
    _, _, again = parted(write(tmp_path / "b.jsonl", turned), 0.2)
    assert prompts(held) == {json.dumps([dict(reversed(json.loads(p)[0].items()))])
                             for p in prompts(again)}  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=40),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
    by=st.booleans(),
)
def test_nothing_is_shared_and_nothing_lost(
    pairs: list[tuple[int, int]], share: float, seed: int, by: bool, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("split")
    records = [chat(f"q{q}", f"a{a}", label=a) for q, a in pairs]
    path = write(folder / "in.jsonl", records)
    try:
        report, train, held = parted(path, share, seed=seed, by="label" if by else "")
    except UsageError:
        assert os.listdir(folder) == ["in.jsonl"]
        return
    assert train
    assert held
    assert len(held) <= report.wanted
    assert not prompts(train) & prompts(held)
    key = json.dumps
    assert sorted(map(key, train + held)) == sorted(map(key, records))
    assert [r for r in records if r in train] == train
    if by:
        assert sum(t for t, _ in report.strata.values()) == len(train)


def test_prompts_that_only_look_different_stay_together(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s"}
    records = []
    for i in range(20):
        records.append(chat(f"What is {i}?"))
        records.append(chat(f"  what IS\n{i}?", "b"))
        records.append(chat("x", "c"))
        records[-1]["messages"][0]["content"] = [{"type": "text", "text": f"What is {i}?"}]
        records.append({"messages": [system, *chat(f"What is {i}?")["messages"]]})
    _, train, held = parted(write(tmp_path / "in.jsonl", records), 0.5)

    def plain(record: Any) -> str:
        content = record["messages"][-2]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        return " ".join([str(len(record["messages"])), *text.lower().split()])

    assert not {plain(r) for r in train} & {plain(r) for r in held}


def test_values_are_spread_evenly(tmp_path: Path) -> None:
    records = [chat(f"q{i}", topic=["a", "a", "a", "b"][i % 4], meta={"k": i % 2})
               for i in range(200)]  # fmt: skip
    path = write(tmp_path / "in.jsonl", records)
    report, _, _ = parted(path, 0.1, by="topic")
    assert report.strata == {"a": (135, 15), "b": (45, 5)}
    report, _, _ = parted(path, 0.1, by="meta.k")
    assert report.strata == {"0": (90, 10), "1": (90, 10)}
    labels = [chat(f"q{i}", ["yes", "no"][i % 2]) for i in range(40)]
    report, _, _ = parted(write(tmp_path / "labels.jsonl", labels), 0.25, by="answer")
    assert report.strata == {"no": (15, 5), "yes": (15, 5)}


def test_other_formats(tmp_path: Path) -> None:
    for name in ("preference", "reinforcement", "completion", "tools", "images", "weights"):
        report = split_file(SAMPLES / f"{name}.jsonl", 0.25, folder=tmp_path)
        assert report.train_records + report.validation_records == report.records
        assert report.train.endswith(f"{name}.train.jsonl")
    for name in ("sharegpt.json", "alpaca_zh.json"):
        with pytest.raises(TunedeckError, match="convert"):
            split_file(SAMPLES / name, 0.25, folder=tmp_path)


def test_lines_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "in.json.jsonl"
    spread = json.dumps(chat("spread"), indent=1)
    body = f"\ufeff{json.dumps(chat('q0'))}\r\n\n{spread}\n{json.dumps(chat('é'))}"
    path.write_bytes(body.encode())
    report = split_file(path, 1, folder=tmp_path / "new" / "folder")
    both = Path(report.train).read_bytes() + Path(report.validation).read_bytes()
    assert b"\xef\xbb\xbf" not in both
    assert sorted(both.split(b"\n")[:-1]) == sorted(
        [json.dumps(chat("q0")).encode() + b"\r", json.dumps(chat("spread")).encode(),
         json.dumps(chat("é")).encode()]
    )  # fmt: skip
    assert report.validation == str(tmp_path / "new" / "folder" / "in.json.validation.jsonl")


@pytest.mark.parametrize(
    ("records", "share", "by", "words"),
    [
        ([], 0.5, "", "has no records"),
        ([chat("a")], 0.5, "", "one record only"),
        ([chat("a"), chat("b")], 2, "", "leave none"),
        ([chat("a"), chat("b")], 0.9, "", "leaves none"),
        ([chat("a", str(i)) for i in range(9)], 3, "", "same prompt"),
        ([chat("ab"[i % 2], str(i)) for i in range(8)], 1, "", "stay together"),
        ([chat("a"), chat("b")], 1, "topic", "no record has the field"),
        ([chat(str(i), id=i) for i in range(1100)], 1, "id", "more than 1,000"),
    ],
)
def test_what_cannot_be(
    records: list[Any], share: float, by: str, words: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "in.jsonl", records)
    with pytest.raises(UsageError, match=words):
        split_file(path, share, by=by)
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize("bad", ["{broken", "[1]", "7"])
def test_a_record_that_cannot_be_read_is_named(bad: str, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [chat("a"), chat("b")])
    path.write_text(path.read_text() + bad + "\n")
    with pytest.raises(TunedeckError, match="line 3 is not"):
        split_file(path, 1)


def test_both_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "in.jsonl", [chat(str(i)) for i in range(10)])
    (tmp_path / "in.validation.jsonl").write_text("precious")
    with pytest.raises(FileError, match="exists already"):
        split_file(path, 1)
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "in.validation.jsonl"]
    (tmp_path / "in.validation.jsonl").unlink()
    real, calls = os.link, 0

    def second_fails(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    monkeypatch.setattr(os, "link", second_fails)
    with pytest.raises(FileError, match="disk is full"):
        split_file(path, 1)
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_thousands(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    generate.write(path, 2 << 20)
    report, train, held = parted(path, 0.2)
    assert len(held) == report.wanted == round(0.2 * report.records)
    assert not prompts(train) & prompts(held)


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=50), st.integers(0, 60))
def test_digests_are_a_set(digests: list[bytes], limit: int) -> None:
    found, seen = DigestSet(limit), set[bytes]()
    for digest in digests + digests:
        # A digest of zeros would look like an empty place.
        if digest[:8] == bytes(8):
            continue
        assert found.add(digest) is (digest not in seen)
        if len(seen) < limit:
            seen.add(digest)
    assert len(found) == len(seen)


def test_many_digests() -> None:
    found = DigestSet()
    made = [random.Random(i).randbytes(16) for i in range(20_000)]
    assert all(found.add(digest) for digest in made)
    assert not any(found.add(digest) for digest in made)
    assert not found.full
