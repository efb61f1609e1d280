"""Kept results: used while the file is the same, completed when it has grown, else forgotten."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dataset import generate
from tui.dataset import LineIndex, Scan, ScanResult, Source, scan
from tui.dataset.cache import Kept, ScanCache, stamp_of

DAY_AGO = 1_600_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scan, "_INLINE_STEP", 100_000)
    path = tmp_path / "data.jsonl"
    generate.write(path, 1 << 20)
    path.write_bytes(b"{\n" + path.read_bytes())
    age(path)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> ScanCache:
    return ScanCache(tmp_path / "cache", smallest=0)


def age(path: Path, by: int = 0) -> None:
    os.utime(path, ns=(DAY_AGO + by, DAY_AGO + by))


def scan_of(source: Source, **options: Any) -> Scan:
    return Scan(source, encoding="o200k_base", facets=True, workers=0, **options)


def keep(cache: ScanCache, path: Path, **options: Any) -> ScanResult:
    with Source.open(path) as source:
        stamp, made = stamp_of(source), scan_of(source, **options)
        result = made.run()
        index = LineIndex(source)
        index.extend(source)
        assert cache.keep(made, stamp, index, result)
    return result


def find(cache: ScanCache, path: Path, **options: Any) -> Kept | None:
    with Source.open(path) as source:
        return cache.find(scan_of(source, **options))


def same(one: ScanResult, other: ScanResult) -> None:
    assert one.report.to_json() == other.report.to_json()
    assert one.table == other.table
    assert one.facets is not None
    assert other.facets is not None
    assert one.facets.rows == other.facets.rows
    for name, column in one.facets.columns.items():
        assert np.array_equal(column.read(), other.facets.columns[name].read()), name


def test_what_was_found_is_found_again(cache: ScanCache, path: Path) -> None:
    result = keep(cache, path)
    kept = find(cache, path)
    assert kept is not None
    assert kept.result is not None
    same(kept.result, result)
    assert kept.result.report.complete
    assert kept.result.facets is not None
    assert result.facets is not None
    code = next(iter(result.report.counts))
    assert np.array_equal(kept.result.facets.with_codes([code]), result.facets.with_codes([code]))


@pytest.mark.parametrize("head", [0, 1000, 1 << 30])
def test_the_index_is_there_at_once(cache: ScanCache, path: Path, head: int) -> None:
    keep(cache, path)
    kept = find(cache, path)
    assert kept is not None
    with Source.open(path) as source:
        read, kept_index = LineIndex(source), LineIndex(source)
        read.extend(source)
        if head:
            kept_index.head(source, head)
        kept_index.restore(source, kept.blocks)
        assert (kept_index.lines, kept_index.complete) == (read.lines, True)
        places = [*range(50), *range(read.lines - 50, read.lines)]
        assert [kept_index.span(i) for i in places] == [read.span(i) for i in places]
        assert kept_index.line_at(source.size - 1) == read.line_at(source.size - 1)


def test_other_settings_have_results_of_their_own(cache: ScanCache, path: Path) -> None:
    keep(cache, path)
    assert find(cache, path, model="gpt-4.1-mini") is None
    assert find(cache, path, profile="azure") is None
    assert find(cache, path) is not None


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_of_a_grown_file_only_the_tail_is_missing(cache: ScanCache, path: Path, end: bytes) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + end)
    age(path)
    keep(cache, path)
    path.write_bytes(data[: len(data) // 2] + end + data[len(data) // 2 :])
    kept = find(cache, path)
    assert kept is not None
    assert kept.result is None
    with Source.open(path) as source:
        again = scan_of(source, settled=kept.settled).run()
        same(again, scan_of(source).run())


def test_one_changed_byte_is_seen_whatever_the_clock_says(cache: ScanCache, path: Path) -> None:
    data = path.read_bytes()
    for at in random.Random(7).sample(range(len(data) - 1), 20):
        path.write_bytes(data)
        age(path)
        keep(cache, path)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))
        age(path)
        assert find(cache, path) is None


def test_a_touched_file_is_read_again_but_not_scanned(cache: ScanCache, path: Path) -> None:
    keep(cache, path)
    age(path, by=10**9)
    kept = find(cache, path)
    assert kept is not None
    assert kept.result is None
    assert kept.settled.offset == path.stat().st_size


def test_a_file_that_shrank_is_new(cache: ScanCache, path: Path) -> None:
    keep(cache, path)
    path.write_bytes(path.read_bytes()[: 1 << 19])
    assert find(cache, path) is None


def test_a_file_changed_while_it_was_scanned_is_not_kept(cache: ScanCache, path: Path) -> None:
    with Source.open(path) as source:
        stamp, made = stamp_of(source), scan_of(source)
        result = made.run()
        index = LineIndex(source)
        index.extend(source)
        age(path, by=5)
        assert not cache.keep(made, stamp, index, result)


def test_a_damaged_result_is_no_result(cache: ScanCache, path: Path, tmp_path: Path) -> None:
    keep(cache, path)
    (file,) = (tmp_path / "cache").iterdir()
    good = file.read_bytes()
    head = good.index(b"{")
    chance = random.Random(3)
    broken = [b"", good[:30], good[: len(good) // 2], b"x" + good, good[:head] + b"[" * 5000]
    for _ in range(60):
        at = chance.randrange(head, head + 4000)
        broken.append(good[:at] + bytes([chance.randrange(32, 127)]) + good[at + 1 :])
        at = chance.randrange(head, len(good))
        broken.append(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
    for data in broken:
        file.write_bytes(data)
        assert find(cache, path) is None or data == good
        assert data == good or not file.exists()


def test_only_its_owner_reads_it_and_the_oldest_go_first(tmp_path: Path, path: Path) -> None:
    folder = tmp_path / "cache"
    cache = ScanCache(folder, smallest=0, most=1 << 30)
    keep(cache, path)
    (first,) = folder.iterdir()
    assert first.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0
    size = first.stat().st_size
    os.utime(first, ns=(1, 1))
    keep(ScanCache(folder, smallest=0, most=size + size // 2), path, model="gpt-4.1-mini")
    assert not first.exists()
    assert len(list(folder.iterdir())) == 1


def test_small_files_and_pipes_are_not_kept(tmp_path: Path, path: Path) -> None:
    cache = ScanCache(tmp_path / "cache")
    with Source.open(path) as source:
        made, stamp = scan_of(source), stamp_of(source)
        index = LineIndex(source)
        index.extend(source)
        assert not cache.keep(made, stamp, index, made.run())
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_to_does_no_harm(tmp_path: Path, path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    cache = ScanCache(tmp_path / "cache", smallest=0)
    assert find(cache, path) is None
    with Source.open(path) as source:
        made, stamp = scan_of(source), stamp_of(source)
        index = LineIndex(source)
        index.extend(source)
        assert not cache.keep(made, stamp, index, made.run())
