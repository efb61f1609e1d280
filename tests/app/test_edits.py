"""Edited records are kept until they are saved, and the editor gets a private file."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import Source
from tui.opened.editor import EditorError, edit, editor_command, pretty
from tui.opened.edits import Edit, Edits
from tui.opened.fixing import default_repairs, free_name, proposed_name, rules_of

LINES = [b'{"a": 1}', b'{"b": 2}', b'{"c":', b'"3"}']


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def opened(file: Path, state: Path) -> Edits:
    with Source.open(file) as source:
        return Edits.of(source, state)


FIRST = Edit(0, 1, 0, LINES[0], '{"a": "ü"}'.encode())
SPREAD = Edit(2, 2, 18, b"\n".join(LINES[2:]), b'{"c": 4}')


def test_edits_are_there_again(file: Path, tmp_path: Path) -> None:
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    edits.put(SPREAD)
    assert edits.at(3) is not None
    assert edits.at(1) is None
    again = opened(file, tmp_path / "state")
    assert dict(again) == {0: FIRST.after, 2: SPREAD.after}
    assert (again.restored, again.lost) == (2, 0)
    again.remove(0)
    assert dict(opened(file, tmp_path / "state")) == {2: SPREAD.after}
    again.clear()
    assert not opened(file, tmp_path / "state")


def test_the_journal_is_private(file: Path, tmp_path: Path) -> None:
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    assert edits.file is not None
    assert stat.S_IMODE(edits.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(edits.file.parent.stat().st_mode) == 0o700


def test_what_no_longer_fits_is_left_out(file: Path, tmp_path: Path) -> None:
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    edits.put(SPREAD)
    file.write_bytes(file.read_bytes().replace(b'"3"', b'"5"'))
    again = opened(file, tmp_path / "state")
    assert dict(again) == {0: FIRST.after}
    assert (again.restored, again.lost) == (1, 1)


def test_an_edit_that_changes_nothing_is_none(file: Path, tmp_path: Path) -> None:
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    edits.put(Edit(0, 1, 0, LINES[0], LINES[0]))
    assert not edits
    assert not opened(file, tmp_path / "state")


@pytest.mark.parametrize("end", [b"\xff\x00 no json\n", b'{"position": "x"}\n', b'{"position": 7'])
def test_half_a_journal_is_read_as_far_as_it_goes(file: Path, tmp_path: Path, end: bytes) -> None:
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    assert edits.file is not None
    with edits.file.open("ab") as stream:
        stream.write(end)
    assert dict(opened(file, tmp_path / "state")) == {0: FIRST.after}


def test_a_journal_that_cannot_be_written_is_told(file: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    edits = opened(file, tmp_path / "state")
    edits.put(FIRST)
    assert edits.failure
    assert dict(edits) == {0: FIRST.after}


# The editor


def script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return [str(path)]


def test_the_file_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    body = f'echo "$1" > {tmp_path}/name; stat -c %a "$1" > {tmp_path}/mode; printf new > "$1"'
    assert edit("old", script(tmp_path, body)) == "new"
    assert (tmp_path / "mode").read_text().strip() == "600"
    name = Path((tmp_path / "name").read_text().strip())
    assert not name.exists()
    assert not name.parent.exists()


def test_an_editor_that_does_nothing_changes_nothing(tmp_path: Path) -> None:
    assert edit("x\udcffy", script(tmp_path, "true")) == "x\udcffy"


@pytest.mark.parametrize("body", ["exit 3", 'rm "$1"', "kill -9 $$"])
def test_an_editor_that_fails_is_told(tmp_path: Path, body: str) -> None:
    with pytest.raises(EditorError):
        edit("old", script(tmp_path, body))


def test_which_editor(tmp_path: Path) -> None:
    [path] = script(tmp_path, "true")
    env = {"PATH": str(tmp_path)}
    assert editor_command({**env, "EDITOR": "editor --wait 'a b'"}) == ["editor", "--wait", "a b"]
    assert editor_command({**env, "VISUAL": path, "EDITOR": "none"}) == [path]
    for wrong in ("missing", "'unclosed"):
        with pytest.raises(EditorError, match="not there"):
            editor_command({**env, "EDITOR": wrong})
    with pytest.raises(EditorError, match="no editor"):
        editor_command(env)
    (tmp_path / "vi").symlink_to(path)
    assert editor_command(env) == ["vi"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)


@given(JSON, st.booleans())
def test_what_is_edited_is_the_record(value: object, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped)
    assert json.loads(pretty(raw)) == value
    blanks = str.maketrans("", "", " \n")
    assert pretty(raw).translate(blanks) == raw.translate(blanks)


# What the Repair screen proposes


def test_a_name_that_is_free(tmp_path: Path) -> None:

    for given_name, proposed in (
        ("train.jsonl", "train.fixed.jsonl"),
        ("train.jsonl.gz", "train.fixed.jsonl.gz"),
        ("train.json", "train.fixed.jsonl"),
        ("train.jsonl.zst", "train.fixed.jsonl"),
        ("train", "train.fixed.jsonl"),
        ("data.v1.ndjson", "data.v1.fixed.ndjson"),
    ):
        assert proposed_name(str(tmp_path / given_name)) == str(tmp_path / proposed)
    (tmp_path / "train.fixed.jsonl").touch()
    (tmp_path / "train.fixed-2.jsonl").symlink_to("nowhere")
    assert proposed_name(str(tmp_path / "train.jsonl")) == str(tmp_path / "train.fixed-3.jsonl")
    assert proposed_name("-") == "stdin.fixed.jsonl"


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for name, free in (
        ("a.jsonl", "a-2.jsonl"),
        ("a.jsonl.gz", "a-2.jsonl.gz"),
        ("b.tar", "b.tar-2"),
        (".jsonl", ".jsonl-2"),
    ):
        assert free_name(str(tmp_path / name)) == str(tmp_path / name)
        (tmp_path / name).touch()
        assert free_name(str(tmp_path / name)) == str(tmp_path / free)
    (tmp_path / "a-2.jsonl").touch()
    assert free_name(str(tmp_path / "a.jsonl")) == str(tmp_path / "a-3.jsonl")


def test_a_folder_that_cannot_be_written_is_not_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert proposed_name(str(tmp_path / "train.jsonl")) == "train.fixed.jsonl"


def test_the_usual_repairs_are_told_as_such() -> None:
    usual = default_repairs("openai")
    assert rules_of(usual, "openai") == []
    assert rules_of({*usual, "edits", "invalid"}, "openai") == []
    assert rules_of({"edits"}, "openai") is None
    assert rules_of({"mojibake"}, "openai") == ["mojibake"]
