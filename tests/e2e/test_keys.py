"""Keys that reach the program all at once, as they do over a slow line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terminal import TUNEDECK, Terminal

pytestmark = pytest.mark.e2e

RECORDS = 40


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (":50%\r", f"Record 20 of {RECORDS}"),
        (":31\r", f"Record 31 of {RECORDS}"),
        ("/question 17\r", "Record 18 of"),
        ("&/question 3/\r", "11 of 40 records"),
        ("jjk:$\r", f"Record {RECORDS} of {RECORDS}"),
    ],
)
def test_each_goes_where_the_one_before_it_led(tmp_path: Path, keys: str, shown: str) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for number in range(RECORDS):
            asked = {"role": "user", "content": f"question {number}"}
            answer = {"role": "assistant", "content": f"Answer {number}."}
            file.write(json.dumps({"messages": [asked, answer]}) + "\n")
    home = {"TUNEDECK_HOME": str(tmp_path / "home")}
    with Terminal([*TUNEDECK, str(path)], env=home) as terminal:
        terminal.wait_for(f"{RECORDS} records")
        terminal.type(keys)
        terminal.wait_for(shown)
