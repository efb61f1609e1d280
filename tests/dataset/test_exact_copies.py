"""`fix` leaves out nothing but exact copies, whatever their hashes say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset.test_repair import fixed, good, write
from tui.dataset import Source, Survey, check_file, fix_source
from tui.dataset.repair import copies


@pytest.fixture
def colliding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record has the same hash."""
    monkeypatch.setattr(copies, "digest", lambda *_: b"\1" * 16)


@pytest.mark.usefixtures("colliding")
def test_hashes_that_agree_are_no_proof(tmp_path: Path) -> None:
    records = [good(0), good(1), good(0), *(good(i) for i in range(2, 14))]
    path = write(tmp_path / "in.jsonl", *records)
    report, lines = fixed(path)
    assert report.repairs == {"duplicate_example": 1}
    assert [json.loads(line) for line in lines] == [records[0], records[1], *records[3:]]
    survey = Survey()
    with Source.open(path) as source:
        survey.run(source)
    assert survey.counts["duplicate_example"] == 1


@pytest.mark.usefixtures("colliding")
def test_what_is_compared_is_what_is_written(tmp_path: Path) -> None:
    """Spread over lines, with a mark, a comma, an old role or in an array: the first is repaired
    in the same way before it is compared."""
    old = {"messages": [{"role": "human", "content": "Hi"}, good(0)["messages"][1]]}
    new = json.dumps(old).replace("human", "user").encode()
    spread = json.dumps(old, indent=1).encode()
    others = [good(i) for i in range(12)]
    for first in (
        spread,
        spread + b",",
        b"\xef\xbb\xbf" + spread,
        json.dumps(old).encode() + b" ,",
    ):
        report, lines = fixed(write(tmp_path / "in.jsonl", first, new, *others))
        assert report.repairs["duplicate_example"] == 1, first
        assert json.loads(lines[0]) == json.loads(new)
    path = tmp_path / "in.json"
    path.write_bytes(b"[" + spread + b", " + new + b"," + json.dumps(others)[1:].encode())
    assert fixed(path)[0].repairs["duplicate_example"] == 1


@pytest.mark.usefixtures("colliding")
def test_an_edited_record_is_compared_as_edited(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", good(0), good(20), *(good(i) for i in range(12)))
    edit = json.dumps(good(20)).encode()
    with Source.open(path) as source:
        report = fix_source(source, tmp_path / "out.jsonl", edits={0: edit}, rules=[])
    assert report.repairs == {"duplicate_example": 1}
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [good(20), *(good(i) for i in range(12))]


_TEXTS = st.sampled_from(["a", "a\0va", "a\0", "\0a", "a\0\0b", "b", "", "1", "1.0", "a\0b"])


@settings(deadline=None)
@given(st.lists(st.tuples(_TEXTS, _TEXTS), min_size=2, max_size=6))
def test_texts_that_hold_nul_are_told_apart(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    """Only records that say the same are copies, to the check as well."""
    path = tmp_path_factory.mktemp("nul") / "in.jsonl"
    turns = [("system", "s"), ("user", "u"), ("assistant", "v"), ("user", "w"), ("assistant", "x")]
    records = []
    for one, other in pairs:
        texts = ["s", f"u{one}", f"v{other}", "w", "x"]
        messages = [
            {"role": role, "content": text} for (role, _), text in zip(turns, texts, strict=True)
        ]
        records.append({"messages": messages})
    write(path, *records)
    different = {json.dumps(record) for record in records}
    counts = check_file(path).counts
    assert counts.get("duplicate_example", 0) == len(records) - len(different)
    assert counts.get("conflicting_answers", 0) == 0
    assert len(fixed(path, rules=["duplicate_example"])[1]) == len(different)
