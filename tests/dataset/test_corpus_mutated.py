"""Whatever is done to good records: the check never fails, loses no line, and finds the fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dataset import corpus
from tests.dataset.corpus import good
from tui.dataset import check_file, get_profile
from tui.dataset.checker import Checker, CheckSettings
from tui.dataset.machine import diagnose
from tui.dataset.model import Format
from tui.dataset.rules.quality.suspects import is_suspect

CLEAN = [corpus.clean(i) for i in range(12)]
CHECKER = Checker(CheckSettings(get_profile(), Format.CHAT))
# Text whose characters, bytes and escapes are all of different number.
odd = st.text(
    st.sampled_from('aé漢😀\u0301"\\/\n\t{}[]:, \u200b\u00a0') | st.characters(codec="utf-8"),
    min_size=1,
    max_size=12,
)

Plant = Callable[[dict[str, Any]], None]
PLANTS: dict[str, tuple[Plant, str, str]] = {
    "unrecognized_role": (lambda m: m.update(role="robot"), "role", '"robot"'),
    "content_type": (lambda m: m.update(content=471147), "content", "471147"),
    "invalid_name": (lambda m: m.update(name="no name!"), "name", '"no name!"'),
    "message_unrecognized_key": (lambda m: m.update(zeitpunkt=1), "zeitpunkt", '"zeitpunkt"'),
    "invalid_content_part": (
        lambda m: m.update(content=[{"type": "text", "text": "x"}, {"type": "klang"}]),
        "content[1].type",
        '"klang"',
    ),
}


def spaced(draw: st.DrawFn, value: Any) -> str:
    """Write JSON with white space anywhere it may stand, some of it escaped as it likes."""
    escaped = draw(st.booleans())
    marks = (draw(st.sampled_from([",", " ,", ", ", "\t,  "])), draw(st.sampled_from([":", " : "])))
    return json.dumps(value, ensure_ascii=escaped, separators=marks)


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """Return a line with one fault, its code, its path, and the text that stands there."""
    code = draw(st.sampled_from(sorted(PLANTS)))
    change, path, text = PLANTS[code]
    turns = draw(st.integers(1, 3))
    messages: list[dict[str, Any]] = []
    for _ in range(turns):
        messages.append({"role": "user", "content": "q " + draw(odd)})
        messages.append({"role": "assistant", "content": "a " + draw(odd)})
    at = 2 * draw(st.integers(0, turns - 1))
    change(messages[at])
    record = {"messages": messages}
    return (
        " " * draw(st.integers(0, 3)) + spaced(draw, record),
        code,
        f"messages[{at}].{path}",
        text,
    )


@given(planted())
def test_a_planted_fault_is_found_alone_and_exactly(case: tuple[str, str, str, str]) -> None:
    line, code, path, text = case
    issues = [issue for issue in CHECKER.check(line.encode(), 1).issues if issue.code == code]
    assert [(issue.path, issue.column) for issue in issues] == [(path, line.index(text) + 1)]


@given(planted(), st.sampled_from(["{", "}", "[", "]", ",", ":", '"']), st.data())
def test_a_broken_line_is_faulted_no_later_than_it_breaks(
    case: tuple[str, str, str, str], sign: str, data: st.DataObject
) -> None:
    line = case[0]
    at = data.draw(st.integers(0, len(line)))
    broken = line[:at] + sign + line[at:]
    issues = CHECKER.check(broken.encode(), 1).issues
    try:
        json.loads(broken)
    except ValueError:
        assert [issue.code for issue in issues] == ["invalid_json"]
        assert 1 <= issues[0].column <= len(broken) + 1
        # What stands before the fault could still have become a record.
        before = broken[: issues[0].column - 1]
        fault = diagnose(before)
        assert fault is None or fault.offset >= len(before.rstrip())


@pytest.mark.parametrize("workers", [0, 2])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_line_is_lost_whatever_the_bytes(
    workers: int, tmp_path: Path, data: st.DataObject
) -> None:
    lines = [line.encode() for line in CLEAN]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        row = bytearray(lines[at])
        place = data.draw(st.integers(0, len(row)))
        row[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
        lines[at] = bytes(row).replace(b"\n", b" ")
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    report = check_file(path, workers=workers if data.draw(st.booleans()) else 0)
    # What is said of the file as a whole is not said of each line again.
    foreign = any("the file is" in issue.message for issue in report.issues)
    spread = report.counts.get("pretty_printed", 0)
    assert report.lines == len(lines)
    if not spread:
        assert report.records + report.blank_lines == len(lines)
    assert sum(report.counts.values()) == report.errors + report.warnings + report.advice
    for number, line in enumerate(lines, 1):
        told = any(issue.line == number for issue in report.issues)
        try:
            json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            assert told or spread or foreign


@given(st.sampled_from(good.CHAT), st.data())
def test_a_glance_at_the_bytes_misses_no_secret(record: str, data: st.DataObject) -> None:
    secret = data.draw(
        st.sampled_from(
            [
                "sk-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z",
                "AKIAQ7T3MZXW5LKD2VNB",
                "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
                "AIzaSyA-1234567890abcdefghijklmnopqrstu",
                "xoxb-2738495061-8472615903-aBcDeFgHiJkLmNoP",
                "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN",
                "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7bq2",
                "maria.keller@mailbox.org",
                "415-555-2671",
                "(415) 555-2671",
                "415.555.2671",
                "+44 20 7946 0958",
                "4539 1488 0343 6467",
                "4539148803436467",
                "536-22-8714",
            ]
        )
    )
    places = [at for at, char in enumerate(record) if char == " " and record[at - 1].isalpha()]
    at = data.draw(st.sampled_from(places or [0]))
    raw = (record[:at] + f" {secret} " + record[at:]).encode("utf-8", "surrogatepass")
    assert is_suspect(raw)
