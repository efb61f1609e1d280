"""Whole files: nothing lost, nothing invented, the same in one process and in several."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dataset import generate
from tui.dataset import CheckReport, Issue, Scan, ScanUpdate, Source, check_file, scan, scan_file
from tui.dataset.pool import WorkerDied
from tui.errors import FileError

# What the examples teach has tests of its own.
check_file = partial(check_file, quality=False)
scan_file = partial(scan_file, quality=False)

GOOD = json.dumps(
    {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
        ]
    }
)
PRETTY = json.dumps(json.loads(GOOD), indent=2)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def said(report: CheckReport) -> list[tuple[int, int, str]]:
    return [(issue.line, issue.column, issue.code) for issue in report.issues if not missing(issue)]


def missing(issue: Issue) -> bool:
    return issue.code in ("missing_user", "missing_system", "too_few_examples")


def by_line(report: CheckReport) -> list[tuple[int, str]]:
    return [(issue.line, issue.code) for issue in report.issues if issue.line]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[generate.Planted]]:
    path = tmp_path_factory.mktemp("big") / "chat.jsonl"
    return path, generate.write(path, 12_000_000, faults=3 * len(generate.FAULTS))


@pytest.mark.parametrize("workers", [0, 2])
def test_every_planted_fault_is_found_on_its_line_and_nothing_else(
    big: tuple[Path, list[generate.Planted]], workers: int
) -> None:
    path, planted = big
    report = check_file(path, model="gpt-4.1-mini", workers=workers)
    assert by_line(report) == [(fault.line, fault.code) for fault in planted]
    assert report.lines == path.read_bytes().count(b"\n")
    assert report.complete
    assert not report.issues_truncated
    assert sum(report.counts.values()) == report.errors + report.warnings + report.advice


def test_several_processes_say_what_one_says(
    big: tuple[Path, list[generate.Planted]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = big
    alone = scan_file(path, encoding="cl100k_base", workers=0)
    monkeypatch.setattr(scan, "RANGE", 300_000)
    together = scan_file(path, encoding="cl100k_base", workers=2)
    assert together.report.to_json() == alone.report.to_json()
    assert together.table is not None
    assert alone.table is not None
    assert together.table == alone.table


# Objects over several lines


def test_a_spread_object_is_one_issue_and_hides_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "\n".join([GOOD, PRETTY, GOOD, PRETTY, GOOD[:40], GOOD]))
    report = check_file(path)
    height = PRETTY.count("\n") + 1
    assert by_line(report) == [
        (2, "pretty_printed"),
        (3 + height, "pretty_printed"),
        (3 + 2 * height, "invalid_json"),
    ]
    assert report.records == 6


def test_what_is_wrong_inside_a_spread_object_is_told_on_its_own_line(tmp_path: Path) -> None:
    bad = PRETTY.replace('"user"', '"human"')
    report = check_file(write(tmp_path / "a.jsonl", f"{GOOD}\n{bad}\n"))
    row = bad.split("\n").index('      "role": "human",')
    assert said(report) == [
        (2, 1, "pretty_printed"),
        (2 + row, len('      "role": ') + 1, "unrecognized_role"),
    ]


@pytest.mark.parametrize("opening", ['{"messages": [', "[", "{", '{"messages": [{"role": "user",'])
def test_a_line_cut_off_before_good_records_hides_none_of_them(
    tmp_path: Path, opening: str
) -> None:
    report = check_file(write(tmp_path / "a.jsonl", "\n".join([GOOD, opening, *[GOOD] * 5])))
    assert by_line(report) == [(2, "invalid_json")]
    assert report.valid == 6
    assert "cut off" in report.issues.for_line(2)[0].hint


def test_a_file_of_opening_brackets_ends(tmp_path: Path) -> None:
    report = check_file(write(tmp_path / "a.jsonl", "{}\n" + "[\n" * 30_000))
    assert report.records == 30_001
    assert report.counts["invalid_json"] == 30_000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.sampled_from(
            [GOOD, PRETTY, "", "[", '{"a": [', "x", "}", GOOD[:30], "\ufeff", "\r", "{}"]
        ),
        max_size=12,
    ),
    step=st.sampled_from([7, 64, 1000]),
    newline=st.booleans(),
)
def test_where_ranges_end_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[str], step: int, newline: bool
) -> None:
    text = "\n".join([GOOD, *parts]) + ("\n" if newline else "")
    path = write(tmp_path / "a.jsonl", text)
    whole = check_file(path)
    monkeypatch.setattr(scan, "_INLINE_STEP", step)
    assert check_file(path).to_json() == whole.to_json()
    lines = text.encode().split(b"\n")
    assert whole.lines == len(lines) - (lines[-1] == b"")


def test_ranges_that_end_inside_an_object_are_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", "\n".join([PRETTY, GOOD, PRETTY] * 40))
    whole = check_file(path, workers=0)
    monkeypatch.setattr(scan, "RANGE", 150)
    assert check_file(path, workers=2).to_json() == whole.to_json()
    assert whole.counts["pretty_printed"] == 80


# Any bytes


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode())))
def test_no_bytes_make_it_fail_or_lose_a_line(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "a.jsonl", b"{}\n" + data)
    report = check_file(path)
    lines = path.read_bytes().split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert report.lines == len(lines)
    spread = report.counts.get("pretty_printed", 0)
    if not spread:
        assert report.records + report.blank_lines == len(lines)
    json.dumps(report.to_json()).encode()


ODD: dict[str, bytes] = {
    "utf16": GOOD.encode("utf-16"),
    "utf16 without mark": (GOOD + "\n").encode("utf-16-le") * 3,
    "utf32": GOOD.encode("utf-32"),
    "zip": b"PK\x03\x04" + bytes(range(256)) * 8,
    "parquet": b"PAR1" + bytes(range(256)),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_is_not_text_is_one_issue_that_names_it(tmp_path: Path, name: str) -> None:
    report = check_file(write(tmp_path / "a.jsonl", ODD[name]))
    assert report.counts == {"invalid_utf8": 1}
    assert said(report) == [(1, 1, "invalid_utf8")]
    assert name.split()[0].replace("utf", "utf-").lower() in report.issues[0].message.lower()


def test_a_byte_order_mark_is_said_once_and_counts_as_no_column(tmp_path: Path) -> None:
    bad = '{"messages": [{"role": "user", "content": null}, {"role": "assistant", "content": "a"}]}'
    report = check_file(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + f"{bad}\n{GOOD}".encode()))
    assert said(report) == [
        (1, 1, "byte_order_mark"),
        (1, bad.index("null") + 1, "missing_content"),
    ]
    azure = check_file(tmp_path / "a.jsonl", profile="azure")
    assert azure.issues.by_code("byte_order_mark")[0].severity == "advice"


def test_a_very_long_line_and_huge_numbers(tmp_path: Path) -> None:
    long = json.loads(GOOD)
    long["messages"][1]["content"] = "word " * 4_000_000
    long["messages"][2]["weight"] = 3
    number = '{"messages": [{"role": "user", "content": "q", "weight": ' + "9" * 5000 + "}]}"
    path = write(tmp_path / "a.jsonl", "\n".join([GOOD, json.dumps(long), number, GOOD]))
    assert by_line(check_file(path)) == [(2, "invalid_weight"), (3, "invalid_json")]


def test_crlf_lines_are_fine_and_lone_carriage_returns_are_told(tmp_path: Path) -> None:
    good = check_file(write(tmp_path / "a.jsonl", f"{GOOD}\r\n" * 12))
    assert not good.counts
    (issue,) = list(check_file(write(tmp_path / "b.jsonl", f"{GOOD}\r" * 6)).issues)[1:]
    assert issue.code == "invalid_json"
    assert "line feed" in issue.hint


# The file as a whole


def test_an_empty_file_is_told_and_nothing_more(tmp_path: Path) -> None:
    assert said(check_file(write(tmp_path / "a.jsonl", ""))) == [(0, 0, "empty_file")]
    report = check_file(write(tmp_path / "a.jsonl", "\n \r\n"))
    assert report.counts == {"empty_file": 1, "blank_line": 2}
    assert report.blank_lines == 2


def test_too_few_examples_depends_on_the_provider(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 9)
    assert check_file(path).counts == {"too_few_examples": 1}
    assert check_file(path, profile="nebius").counts == {}
    assert check_file(write(path, f"{GOOD}\n" * 10)).counts == {}


def test_a_file_too_large_is_told(tmp_path: Path) -> None:
    from dataclasses import replace

    from tui.dataset import get_profile

    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 12)
    small = replace(get_profile(), max_bytes=100, max_examples=11)
    assert check_file(path, profile=small).counts == {"file_too_large": 2}


def test_missing_roles_are_said_once_with_their_number(tmp_path: Path) -> None:
    bare = '{"messages": [{"role": "assistant", "content": "a"}]}'
    report = check_file(write(tmp_path / "a.jsonl", f"{GOOD}\n" * 10 + f"{bare}\n" * 3))
    assert report.counts == {"missing_user": 1, "missing_system": 1}
    assert "3 of 13" in report.issues.by_code("missing_user")[0].message
    assert report.valid == 13


def test_too_many_tokens_are_counted_exactly(tmp_path: Path) -> None:
    from tui.pricing import model_info

    limit = model_info("gpt-4.1-mini").context_limit
    assert limit is not None

    def example(words: int) -> str:
        # One token a word; 1 + two messages of 3 + role + content.
        return json.dumps(
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "a" + " a" * (words - 1)},
                ]
            }
        )

    fits = limit - 1 - 3 - 1 - 1 - 3 - 1
    text = f"{example(fits)}\n{example(fits + 5)}\n" + f"{GOOD}\n" * 9
    report = check_file(write(tmp_path / "a.jsonl", text), model="gpt-4.1-mini")
    assert by_line(report) == [(2, "over_context")]
    issue = report.issues.for_line(2)[0]
    assert (issue.path, issue.column) == ("messages", 14)
    assert f"{limit + 5:,} tokens" in issue.message
    assert "last 5 tokens" in issue.hint
    assert check_file(tmp_path / "a.jsonl").counts == {"missing_system": 1}


# Arrays


def test_a_json_array_is_read_element_by_element(tmp_path: Path) -> None:
    good = json.loads(GOOD)
    bad = {"messages": [{"role": "Bot", "content": "ü😀"}]}
    path = write(tmp_path / "a.json", json.dumps([good, bad, 7] + [good] * 9, indent=2))
    report = check_file(path)
    lines = path.read_text().split("\n")
    row = next(i for i, line in enumerate(lines) if "Bot" in line)
    seven = lines.index("  7,")
    assert said(report) == [
        (row + 1, lines[row].index('"Bot"') + 1, "unrecognized_role"),
        (seven + 1, 3, "data_type"),
    ]
    assert report.records == 12
    one_line = write(tmp_path / "b.json", json.dumps([good, bad, 7] + [good] * 9))
    text = one_line.read_text()
    assert said(check_file(one_line)) == [
        (1, text.index('"Bot"') + 1, "unrecognized_role"),
        (1, text.index("7") + 1, "data_type"),
    ]


def test_an_array_with_faults_between_elements(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", f"[{GOOD},\n,{GOOD},\n]\nmore")
    assert [
        (issue.line, issue.column) for issue in check_file(path).issues.by_code("invalid_json")
    ] == [
        (2, 1),
        (3, 1),
        (4, 1),
    ]
    cut = check_file(write(tmp_path / "b.json", f"[{GOOD},\n{GOOD[:50]}"))
    assert (2, "invalid_json") in by_line(cut)


def test_an_array_under_a_jsonl_name_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps([json.loads(GOOD)] * 12, indent=1))
    report = check_file(path)
    assert said(report) == [(1, 1, "pretty_printed")]
    assert report.records == 12
    lists = check_file(write(tmp_path / "b.jsonl", f"[{GOOD}]\n" * 12))
    assert lists.counts == {"data_type": 12}


def test_a_large_array_is_the_same_in_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [json.loads(GOOD) for _ in range(3000)]
    rows[1234]["messages"][1]["content"] = None
    path = write(tmp_path / "a.json", json.dumps(rows, indent=1, ensure_ascii=False))
    alone = check_file(path, workers=0)
    monkeypatch.setattr(scan, "RANGE", 50_000)
    assert check_file(path, workers=2).to_json() == alone.to_json()
    assert alone.counts == {"missing_content": 1}


# Being stopped, dying workers, files that change


@pytest.mark.parametrize("workers", [0, 2])
def test_it_stops_when_told_and_says_so(
    big: tuple[Path, list[generate.Planted]], workers: int
) -> None:
    path, _ = big
    with Source.open(path) as source:
        task = Scan(source, workers=workers)
        asked: list[int] = []

        def cancelled() -> bool:
            asked.append(1)
            return len(asked) > 3

        result = task.run(None, cancelled)
    assert result.cancelled
    assert not result.report.complete
    assert result.report.bytes == path.stat().st_size


def test_the_progress_is_told_to_the_end(big: tuple[Path, list[generate.Planted]]) -> None:
    path, _ = big
    updates: list[ScanUpdate] = []
    with Source.open(path) as source:
        Scan(source, workers=2).run(updates.append, lambda: False)
    assert updates[-1].bytes_done == updates[-1].bytes_total == path.stat().st_size
    assert [update.bytes_done for update in updates] == sorted(
        update.bytes_done for update in updates
    )


def test_a_killed_worker_is_an_error_and_never_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 200_000)
    monkeypatch.setattr(scan, "RANGE", 200_000)
    workers: list[psutil.Process] = []

    def kill() -> bool:
        if not workers:
            workers.extend(psutil.Process().children())
            for worker in workers[:1]:
                worker.kill()
        return False

    with Source.open(path) as source, pytest.raises(WorkerDied) as caught:
        Scan(source, workers=2).run(None, kill)
    assert caught.value.hint
    assert len(workers) == 2
    assert not any(worker.is_running() for worker in workers)


def test_a_file_that_shrinks_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 50_000)
    with Source.open(path) as source:
        os.truncate(path, 1000)
        with pytest.raises(FileError, match="shorter"):
            Scan(source, workers=0).run()
        with pytest.raises(FileError, match="shorter"):
            Scan(source, workers=2).run()


def test_a_file_that_grows_is_checked_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 20)
    with Source.open(path) as source:
        with path.open("a") as file:
            file.write("broken\n" * 5)
        assert Scan(source, quality=False).run().report.counts == {}


# Many issues


def test_counts_stay_exact_when_issues_are_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f"{GOOD}\n" * 12 + "\n" * 500 + "x\n" * 500)
    for workers in (0, 1):
        report = check_file(path, max_issues=100, workers=workers)
        assert report.counts == {"blank_line": 500, "invalid_json": 500}
        assert len(report.issues) == 100
        assert report.issues_truncated
    assert not check_file(path).issues_truncated


def test_the_log_finds_its_way_quickly(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "\n".join([GOOD, "x", GOOD, '{"messages": 1, "a": 2}', ""]))
    log = check_file(path).issues
    assert log.next_line(0) == 2
    assert log.next_line(2) == 4
    assert log.next_line(4) is None
    assert log.next_line(4, -1) == 2
    assert log.next_line(2, -1) is None
    assert [issue.code for issue in log.for_line(4)] == [
        "missing_messages_list",
        "record_unrecognized_key",
    ]
    assert [issue.line for issue in log.by_code("invalid_json")] == [2]
    assert log.by_code("too_few_examples")[0].line == 0
    assert set(log.codes()) == {issue.code for issue in log}
    assert log[-1].line == 4
    assert log[1:3] == list(log)[1:3]
