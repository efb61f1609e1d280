"""Repairs: what is mended, what is left alone, and that nothing good is ever lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tui.dataset import (
    RULES,
    FixReport,
    Format,
    Severity,
    check_file,
    fix_file,
    repair_record,
)
from tui.dataset.repair.model import ON_REQUEST, SAFE
from tui.dataset.repair.record import chosen
from tui.dataset.repair.values import undo_mojibake
from tui.dataset.signature import MAGIC_BYTES, packing
from tui.errors import FileError, UsageError

U = {"role": "user", "content": "Where is my order?"}
A = {"role": "assistant", "content": "On its way."}
SAMPLES = Path(__file__).parent.parent.parent / "sample_data"


def good(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Question {number}?"}, A]}


def write(path: Path, *lines: object) -> Path:
    made = [
        line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()
        for line in lines
    ]
    path.write_bytes(b"\n".join(made) + b"\n")
    return path


def among_good(path: Path, *lines: object) -> Path:
    return write(path, *(good(i) for i in range(12)), *lines)


def fixed(path: Path, **options: Any) -> tuple[FixReport, list[bytes]]:
    out = path.with_name("out.jsonl")
    report = fix_file(path, out, force=True, **options)
    return report, out.read_bytes().split(b"\n")[:-1]


def mend(record: dict[str, Any], **options: Any) -> Any:
    raw = json.dumps(record).encode()
    return json.loads(repair_record(raw, record, **options).raw)


# One record


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"messages": [U, A], "id": 7}, {"messages": [U, A]}, id="extra key"),
        pytest.param(
            {"a": 1, "messages": [U, A], "b": {"x": [1]}, "c": ""}, {"messages": [U, A]},
            id="extra keys on both sides",
        ),
        pytest.param(
            {"messages": [{**U, "role": "human"}, {**A, "role": "GPT"}]}, {"messages": [U, A]},
            id="roles",
        ),
        pytest.param(
            {"messages": [{"id": 1, **U, "ts": 2}, {**A, "model": "x"}]}, {"messages": [U, A]},
            id="keys of messages",
        ),
        pytest.param(
            {"messages": [{"from": "human", "value": "Where is my order?"}, A]},
            {"messages": [U, A]}, id="from and value",
        ),
        pytest.param(
            {"messages": [{"Role": "User", "Content": "Where is my order?"}, A]},
            {"messages": [U, A]}, id="keys in another case",
        ),
        pytest.param({"Messages": [U, A]}, {"messages": [U, A]}, id="messages in another case"),
        pytest.param(
            {"system": "Be brief.", "messages": [U, A]},
            {"messages": [{"role": "system", "content": "Be brief."}, U, A]},
            id="system beside the messages",
        ),
        pytest.param(
            {"messages": [{**U, "loss_weight": 0.0}, {**A, "loss_weight": 0.0}, U, A]},
            {"messages": [U, {**A, "weight": 0}, U, A]}, id="loss_weight",
        ),
        pytest.param(
            {"messages": [{**U, "weight": 1}, {**A, "weight": True}, U, {**A, "weight": "1"}]},
            {"messages": [U, {**A, "weight": 1}, U, {**A, "weight": 1}]}, id="weights",
        ),
    ],
)  # fmt: skip
def test_a_record_is_mended(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert mend(before) == after


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"messages": [{**U, "role": "narrator"}, A]}, id="a role nobody knows"),
        pytest.param({"messages": [{**U, "role": "observation"}, A]}, id="a result of no call"),
        pytest.param({"messages": [{**U, "images": ["a.png"]}, A]}, id="a picture"),
        pytest.param({"messages": [U, A], "weight": 0}, id="a weight of the record"),
        pytest.param({"messages": [U, A], "chosen": "x"}, id="another answer"),
        pytest.param({"messages": [U, {**A, "weight": 0.5}]}, id="half a weight"),
        pytest.param({"messages": [U, {**A, "loss_weight": 0.5}]}, id="half a loss weight"),
        pytest.param({"messages": [{"role": "user", "parts": ["x"]}, A]}, id="text elsewhere"),
        pytest.param(
            {"messages": [{"role": "system", "content": "A"}, U, A], "system": "B"},
            id="another system text",
        ),
        pytest.param({"messages": [{**U, "tool_calls": [{"id": "1"}]}, A]}, id="the wrong role"),
        pytest.param({"instruction": "a", "output": "b"}, id="another format"),
        pytest.param({"messages": "none"}, id="no messages"),
        pytest.param({"messages": [None, 3, "x"]}, id="messages that are none"),
    ],
)
def test_what_cannot_be_told_is_left_alone(record: dict[str, Any]) -> None:
    raw = json.dumps(record).encode()
    done = repair_record(raw, record)
    assert done.raw is raw
    assert done.changes == ()


def test_only_what_is_repaired_changes() -> None:
    raw = (
        b'{"id" : 1e2,\t"messages":[ {"role":"human","content":"\\u00e9 \xc3\xa9 \\/"} , '
        b'{"content": "a", "role": "assistant" } ], "tools": [{"n": 1.50}], "n": [1, {"b": 2}] }\r'
    )
    value = json.loads(raw)
    assert repair_record(raw, value).raw == (
        b'{"messages":[ {"role":"user","content":"\\u00e9 \xc3\xa9 \\/"} , '
        b'{"content": "a", "role": "assistant" } ], "tools": [{"n": 1.50}] }\r'
    )


def test_extra_keys_are_what_graders_read() -> None:
    record = {"messages": [U], "answer": 42}
    assert mend(record, format=Format.REINFORCEMENT) == record


def test_preference_and_completion() -> None:
    bot = [{"role": "bot", "content": "x"}]
    record = {
        "input": {"messages": [{**U, "role": "human"}]}, "preferred_completion": bot,
        "non_preferred_output": [A], "id": 1,
    }  # fmt: skip
    assert mend(record, format=Format.PREFERENCE) == {
        "input": {"messages": [U]},
        "preferred_output": [{"role": "assistant", "content": "x"}],
        "non_preferred_output": [A],
    }
    record = {"prompt": "a", "completion": "b", "id": 1}
    assert mend(record, format=Format.COMPLETION) == {"prompt": "a", "completion": "b"}


def _with_functions() -> dict[str, Any]:
    return {
        "messages": [
            U,
            {"role": "assistant", "content": None,
             "function_call": {"name": "find", "arguments": "{\"n\": 1}"}},
            {"role": "function", "name": "find", "content": "found"},
            A,
        ],
        "functions": [{"name": "find", "parameters": {"type": "object", "properties": {}}}],
    }  # fmt: skip


def test_functions_become_tools(tmp_path: Path) -> None:
    done = mend(_with_functions())
    assert set(done) == {"messages", "tools"}
    call = done["messages"][1]["tool_calls"][0]
    assert call["function"] == {"name": "find", "arguments": '{"n": 1}'}
    assert done["messages"][2] == {
        "role": "tool", "tool_call_id": call["id"], "content": "found"
    }  # fmt: skip
    assert done["tools"][0]["function"]["name"] == "find"
    report, _ = fixed(among_good(tmp_path / "in.jsonl", _with_functions()))
    assert report.check is not None
    assert report.check.errors == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r["messages"].pop(2),
        lambda r: r["messages"][2].update(name="other"),
        lambda r: r.update(tools=[]),
        lambda r: r["messages"][1]["function_call"].update(arguments={}),
        lambda r: r["messages"].insert(1, dict(r["messages"][2])),
    ],
)
def test_functions_stay_where_a_call_is_unclear(spoil: Callable[[Any], object]) -> None:
    record = _with_functions()
    spoil(record)
    assert mend(record) == record


@pytest.mark.parametrize("text", ["donâ€™t", "cafÃ©", "naÃ¯ve", "Ã¤Ã¶Ã¼", "ðŸ˜€ ok", "cafÃƒÂ©"])
def test_mojibake_is_undone_when_asked(text: str) -> None:
    assert undo_mojibake(text) not in (text, "")
    assert undo_mojibake(text).isprintable()
    record = {"messages": [{"role": "user", "content": text}, A]}
    assert mend(record) == record
    done = mend(record, codes=chosen(["mojibake"]))
    assert done["messages"][0]["content"] == undo_mojibake(text)


@given(st.text())
def test_text_that_was_spoilt_comes_back(text: str) -> None:
    try:
        spoilt = text.encode("utf-8").decode("cp1252")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return
    if undo_mojibake(text) == text:
        assert undo_mojibake(spoilt) == text


def test_other_repairs_on_request() -> None:
    record = {"messages": [{"role": "developer", "content": "x"}, {**U, "content": " "}, U, A]}
    assert mend(record) == record
    done = mend(record, codes=chosen(["developer_role", "blank_content"]))
    assert done == {"messages": [{"role": "system", "content": "x"}, U, A]}


def test_every_rule_marked_fixable_has_a_repair() -> None:
    marked = {code for code, rule in RULES.items() if rule.fixable}
    assert marked <= set(SAFE) | set(ON_REQUEST)


# A file


def test_good_records_are_copied_byte_for_byte(tmp_path: Path) -> None:
    for name in ("support_chat.jsonl", "completion.jsonl", "tools.jsonl", "weights.jsonl"):
        report, _ = fixed_copy(SAMPLES / name, tmp_path)
        assert (tmp_path / "out.jsonl").read_bytes() == (SAMPLES / name).read_bytes()
        assert report.changed == report.dropped == 0
        assert report.repairs == {}


def fixed_copy(path: Path, folder: Path) -> tuple[FixReport, Path]:
    out = folder / "out.jsonl"
    return fix_file(path, out, force=True), out


FIXABLE = sorted(
    path.name
    for path in (SAMPLES / "broken").iterdir()
    if path.stem in RULES and RULES[path.stem].fixable and path.stem in SAFE
)


@pytest.mark.parametrize("name", FIXABLE)
def test_a_fixable_sample_passes_afterwards(name: str, tmp_path: Path) -> None:
    code = name.removesuffix(".jsonl")
    report, out = fixed_copy(SAMPLES / "broken" / name, tmp_path)
    assert report.repairs[code] >= 1
    assert report.check is not None
    assert code not in report.check.counts
    assert report.check.errors == 0
    assert check_file(out).counts == report.check.counts


def test_lines_are_mended(tmp_path: Path) -> None:
    spread = json.dumps(good(99), indent=2).encode()
    path = among_good(tmp_path / "in.jsonl", b"", b"  \r", spread, good(0), good(100))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    report, lines = fixed(path)
    assert report.repairs == {
        "byte_order_mark": 1, "blank_line": 2, "pretty_printed": 1, "duplicate_example": 1
    }  # fmt: skip
    assert [json.loads(line) for line in lines] == [*map(good, range(12)), good(99), good(100)]
    assert (report.records, report.written, report.changed, report.dropped) == (15, 14, 1, 1)
    places = {change.code: change.line for change in report.changes}
    assert places["pretty_printed"] == 15
    assert places["duplicate_example"] == 15 + spread.count(b"\n") + 1
    assert report.check is not None
    assert report.check.errors == report.check.warnings == 0


def test_only_the_repairs_that_are_named(tmp_path: Path) -> None:
    spread = json.dumps(good(99), indent=2).encode()
    path = among_good(tmp_path / "in.jsonl", b"", spread, good(0), {**good(7), "id": 1})
    before = path.read_bytes()
    report, _ = fixed(path, rules=["record_unrecognized_key"])
    assert report.repairs == {"record_unrecognized_key": 1}
    assert (tmp_path / "out.jsonl").read_bytes() == before.replace(b', "id": 1', b"")
    with pytest.raises(UsageError, match="no repair for 'too_deep'"):
        fixed(path, rules=["too_deep"])


def test_an_array_becomes_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps([*map(good, range(12)), {**good(12), "id": 1}], indent=2))
    report, lines = fixed(path)
    assert [json.loads(line) for line in lines] == list(map(good, range(13)))
    assert report.check is not None
    assert report.check.errors == 0
    path.write_text(json.dumps([good(0), good(1)]) + json.dumps(good(2)))
    with pytest.raises(FileError, match="after the end"):
        fixed(path)


def test_copies_stay_where_too_little_would_be_left(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", *map(good, range(9)), good(0), good(1))
    report, lines = fixed(path)
    assert report.copies_kept
    assert len(lines) == 11
    report, lines = fixed(path, rules=["duplicate_example"])
    assert len(lines) == 9


def test_copies_are_the_same_content(tmp_path: Path) -> None:
    first = {"messages": [U, A], "tools": [{"n": 18446744073709551617}]}
    path = among_good(
        tmp_path / "in.jsonl",
        b'{"messages": [{"content": "x", "role": "user"}, {"role": "assistant", "content": "y"}]}',
        b'{ "messages":[{"role":"user","content":"x"},{"role":"assistant","content":"\\u0079"}]}\r',
        first,
        {"messages": [U, A], "tools": [{"n": 18446744073709551618}]},
        {"messages": [{**U, "role": "human"}, {**A, "content": "z"}]},
        {"messages": [U, {**A, "content": "z"}]},
    )
    report, _ = fixed(path)
    dropped = [change.line for change in report.changes if change.code == "duplicate_example"]
    assert dropped == [14, 18]


def test_records_that_stay_wrong_are_dropped_when_asked(tmp_path: Path) -> None:
    bad = {"messages": [U, {**A, "content": 7}]}
    path = among_good(tmp_path / "in.jsonl", bad, b"{broken", b"\xff", [1], {**good(20), "id": 1})
    report, lines = fixed(path)
    assert len(lines) == 17
    assert report.check is not None
    assert report.check.errors == 4
    report, lines = fixed(path, drop_invalid=True)
    assert len(lines) == 13
    assert (report.dropped, report.invalid) == (4, 4)
    assert report.invalid_counts == {
        "content_type": 1, "invalid_json": 1, "invalid_utf8": 1, "data_type": 1
    }  # fmt: skip
    assert report.check is not None
    assert report.check.errors == 0
    assert json.loads(lines[-1]) == good(20)


def test_the_provider_that_wants_a_mark_keeps_it(tmp_path: Path) -> None:
    path = among_good(tmp_path / "in.jsonl")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    before = path.read_bytes()
    fixed(path, profile="azure")
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_hostile_samples_stay_whole(tmp_path: Path) -> None:
    for path in sorted((SAMPLES / "hostile").iterdir()):
        report, out = fixed_copy(path, tmp_path)
        assert report.written + report.dropped == report.records
        again = fix_file(out, None)
        assert again.changed == again.dropped == 0


# Where it is written


# Whatever is in the file

NAMES = st.sampled_from(
    ["role", "content", "name", "weight", "from", "value", "id", "tool_calls", "function_call",
     "text", "Role", "contents", "loss_weight", "é", "messages", "system", "functions", "tools"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["user", "human", "assistant", "gpt", "system", "tool", "observation"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
MESSAGES = st.dictionaries(NAMES, VALUES, max_size=4) | VALUES
RECORDS = st.builds(
    lambda messages, rest: {**rest, "messages": messages},
    st.lists(MESSAGES, max_size=4),
    st.dictionaries(NAMES, VALUES, max_size=3),
)


@settings(max_examples=120, deadline=None)
@given(RECORDS, st.booleans(), st.sampled_from([None, (",", ":"), (" ,", " : ")]))
def test_a_repaired_record_is_json_and_needs_no_more(
    record: dict[str, Any], ascii_only: bool, separators: tuple[str, str] | None
) -> None:
    text = json.dumps(record, ensure_ascii=ascii_only, separators=separators)
    raw = text.encode("utf-8", "surrogatepass")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return
    done = repair_record(raw, record)
    assert json.loads(done.raw) == done.value
    again = repair_record(done.raw, done.value)
    assert again.raw == done.raw
    if not done.changes:
        assert done.raw is raw


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_good_record_is_ever_lost(data: st.DataObject, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("fix")
    junk = st.binary(max_size=12) | RECORDS.map(lambda r: json.dumps(r).encode()) | st.sampled_from(
        [b"", b" ", b"{", b"}", b"[", b'{"a":', b"\xef\xbb\xbf", b"null", b'"x"', b"{\n}"]
    )  # fmt: skip
    lines: list[bytes] = []
    kept: list[bytes] = []
    for number in range(data.draw(st.integers(1, 8))):
        lines += data.draw(st.lists(junk, max_size=2))
        record = json.dumps(good(number)).encode()
        lines.append(record)
        kept.append(record)
    end = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    path = folder / "in.jsonl"
    path.write_bytes(end.join(lines) + data.draw(st.sampled_from([b"", end])))
    # Whose first bytes are those of a packed file is a damaged one of that kind.
    assume(not packing(path.read_bytes()[:MAGIC_BYTES]))
    good_before = {
        line for line in kept if _valid_alone(path, line)
    }  # fmt: skip
    for drop in (False, True):
        try:
            report = fix_file(
                path, folder / "out.jsonl", drop_invalid=drop, format="chat", force=True
            )
        except FileError:
            # The first bytes made it a file of another kind.
            return
        written = {line.rstrip(b"\r") for line in (folder / "out.jsonl").read_bytes().split(b"\n")}
        assert good_before <= written
        if drop:
            assert report.check is not None
            bad = [i for i in report.check.issues if i.line and i.severity is Severity.ERROR]
            assert not bad


def _valid_alone(path: Path, line: bytes) -> bool:
    """Whether the checker sees this line as a record of its own, without an error."""
    content = path.read_bytes().split(b"\n")
    numbers = [i + 1 for i, found in enumerate(content) if found.rstrip(b"\r") == line]
    wrong = {issue.line for issue in check_file(path, format="chat").issues}
    spread = check_file(path, format="chat").counts.get("pretty_printed", 0)
    return not spread and any(number not in wrong for number in numbers)
