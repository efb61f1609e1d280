"""Places in records: found by leaps over what is right, and the same as without them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import machine as machine_module
from tui.dataset.clutter import can_be_cleared, without_commas
from tui.dataset.locate import Locator
from tui.dataset.machine import JsonMachine, diagnose
from tui.dataset.rows import BROKEN
from tui.dataset.rules import message

_NEVER = re.compile(r"(?!)")
_TEXT = st.sampled_from(["", "a", 'say "so"', "é\n", "back\\", "{[,]}", "<|endoftext|>", " "])
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from([0.5, -2e30]), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=24,
)
_SPACING = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")])
_INDENT = st.sampled_from([None, None, 1])


@st.composite
def _written(draw: st.DrawFn) -> tuple[Any, str]:
    value = draw(_VALUES)
    for _ in range(draw(st.sampled_from([0, 0, 1, 7]))):
        value = draw(st.sampled_from([[value], {"a": value}, [0, value, 1]]))
    ascii_only = draw(st.booleans())
    text = json.dumps(
        value, ensure_ascii=ascii_only, separators=draw(_SPACING), indent=draw(_INDENT)
    )
    return value, draw(st.sampled_from(["", " "])) + text


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    found = [(path, value)]
    if isinstance(value, (dict, list)):
        for name, entry in value.items() if isinstance(value, dict) else enumerate(value):
            found += _paths(entry, (*path, name))
    return found


@given(_written())
def test_every_path_is_found(written: tuple[Any, str]) -> None:
    value, text = written
    locator = Locator(text)
    for path, wanted in reversed(_paths(value)):
        assert json.JSONDecoder().raw_decode(text, locator.find(path))[0] == wanted
        if path and isinstance(path[-1], str):
            key = locator.find(path, at_key=True)
            assert json.JSONDecoder().raw_decode(text, key)[0] == path[-1]


def test_lists_and_levels_longer_than_a_leap() -> None:
    entries: list[Any] = [{"a": {"b": [{"c": {"d": [i]}}]}} for i in range(1500)]
    value = {"long": entries, "far": [[[[[[[1, {"x": 2}]]]]]]]}
    text = json.dumps(value)
    locator = Locator(text)
    for path, wanted in (
        (("long", 1499, "a", "b", 0, "c", "d", 0), 1499),
        (("long", 3, "a"), entries[3]["a"]),
        (("far", 0, 0, 0, 0, 0, 0, 1, "x"), 2),
    ):
        assert json.JSONDecoder().raw_decode(text, locator.find(path))[0] == wanted
    assert locator.find(("long", 1500)) == locator.find(("long",))


def test_of_a_key_written_twice_the_last_one_counts() -> None:
    text = '{"a": [1, 2], "b": 0, "a": {"c": 5}}'
    locator = Locator(text)
    assert text[locator.find(("a", "c"))] == "5"
    assert [child.name for child in locator.children(())] == ["a", "b", "a"]


_DAMAGE = st.sampled_from([*'{}[]",:\\ \n0-.etnx#\x01', "null", ",]", ",}", "NaN", "1e999", "\\u1"])


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    _, text = draw(_written())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 1, 1000]))
        text = text[:at] + draw(_DAMAGE) * (cut != 1000) + text[at + cut :]
    return text


def _read(text: str, *, commas: bool) -> tuple[object, ...]:
    """Return everything that reading a text line by line tells."""
    reader = JsonMachine(commas=commas)
    for line in text.split("\n"):
        fault = reader.feed(line)
        if fault is not None:
            break
    else:
        fault = reader.finish()
    return fault, reader.passed, reader.complete, reader.started


@given(_damaged(), st.booleans())
def test_what_is_leapt_over_changes_no_fault(text: str, commas: bool) -> None:
    found = _read(text, commas=commas)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine_module, "strict", lambda: (_NEVER, _NEVER))
        assert _read(text, commas=commas) == found


def test_a_fault_at_the_end_of_a_long_record_takes_few_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {"role": "user", "content": "hello", "weight": 1}
    text = json.dumps({"id": 7, "note": "x", "messages": [entry] * 300})[:-2] + "}"
    steps: list[str] = []
    step = JsonMachine._step

    def counted(self: JsonMachine, char: str) -> object:
        steps.append(char)
        return step(self, char)

    monkeypatch.setattr(JsonMachine, "_step", counted)
    fault = diagnose(text)
    assert fault is not None
    assert fault.offset == len(text) - 1
    # Token by token it would be thirteen a message.
    assert len(steps) < 3 * 300


@given(_damaged())
def test_nothing_to_take_away_is_told_at_a_glance(text: str) -> None:
    raw = text.encode("utf-8", "replace")
    if diagnose(raw.decode()) is None:
        return
    cleared = without_commas(raw)[1] is not BROKEN
    assert can_be_cleared(raw) == cleared


@given(
    st.dictionaries(
        st.sampled_from(["role", "content", "name", "weight"]),
        st.one_of(
            _TEXT, st.sampled_from(["user", "assistant", "system", "tool", "human"]), _VALUES
        ),
        max_size=3,
    )
)
def test_a_message_taken_at_a_glance_breaks_no_rule(entry: dict[str, object]) -> None:
    found = list(message.check(entry, ("messages", 0), "o200k_base"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message, "_is_plain", lambda _entry: False)
        assert list(message.check(entry, ("messages", 0), "o200k_base")) == found
