"""Examples that are taken and teach the wrong thing."""

from __future__ import annotations

import json
from typing import Any

from tests.dataset.corpus import Case, S, U, chat, clean

Q = "messages[1].content"
R = "messages[2].content"


def _asks(text: str) -> str:
    return chat(S, {**U, "content": text}, {"role": "assistant", "content": "It is done."})


def _says(text: str, **more: Any) -> str:
    return chat(S, U, {"role": "assistant", "content": text, **more})


def _labelled(counts: dict[str, int]) -> str:
    rows = []
    for label, count in counts.items():
        for i in range(count):
            asked = {"role": "user", "content": f"Sort message {label} {i}."}
            rows.append(chat(S, asked, {"role": "assistant", "content": label}) + "\n")
    return "".join(rows)


CASES = [
    Case("duplicate_example", clean(4), near=_asks("Say something about Jupiter, please!")),
    Case("duplicate_example", json.dumps({"messages": [
        {"content": entry["content"], "role": entry["role"]}
        for entry in json.loads(clean(4))["messages"]]}, indent=None, separators=(" ,", " : "))),
    Case("duplicate_example", clean(4, "preference"), kind="preference"),
    Case("duplicate_example", clean(4, "reinforcement"), kind="reinforcement"),
    Case("conflicting_answers", clean(4).replace("that goes around the sun", "of great size"),
         near=clean(4).replace("Say something", "Say anything")),
    Case("secret", _asks("My key is sk-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z, is it?"), Q, '"My key',
         near=_asks("My key is sk-your-api-key-goes-right-here, is it right?")),
    Case("secret", _asks("aws_access_key_id = AKIAQ7T3MZXW5LKD2VNB"), Q, '"aws_',
         near=_asks("Keys begin with AKIA and have twenty characters.")),
    Case("secret", _says("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq2\n"), R, '"-----BEG',
         near=_says("Such a file starts with -----BEGIN RSA PRIVATE KEY----- and so on.")),
    Case("secret", _asks("ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), Q, '"ghp_'),
    Case("secret", _asks("xoxb-2738495061-8472615903-aBcDeFgHiJkLmNoP"), Q, '"xoxb'),
    Case("secret", _asks("Use eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3"), Q,
         '"Use'),
    Case("personal_data", _asks("Write to maria.keller@mailbox.org about it."), Q, '"Write',
         near=_asks("Write to support@mailbox.org about it, or see logo@2x.png.")),
    Case("personal_data", _asks("My number is 415-555-2671."), Q, '"My',
         near=_asks("My order is 415-555-26714, of 2024-01-15.")),
    Case("personal_data", _asks("Call +44 20 7946 0958 now."), Q, '"Call',
         near=_asks("Call it +44 or 20 7946 0958 in all.")),
    Case("personal_data", _asks("Charge 4539 1488 0343 6467 please."), Q, '"Charge',
         near=_asks("Charge 4539 1488 0343 6468 please.")),
    Case("personal_data", _asks("My SSN is 536-22-8714."), Q, '"My',
         near=_asks("Part 000-22-8714.")),
    Case("refusal", _says("I'm sorry, but I can't assist with that request."), R, '"I\'m',
         near=_says("I'm sorry that the parcel is late. It will be there on Monday.")),
    Case("refusal", _says("As an AI language model, I cannot have opinions."), R, '"As an'),
    Case("refusal", _says("I cannot help with that."), R, '"I cannot',
         near=_says("I cannot help with that.", weight=1).replace("I cannot help with that",
                                                                  "I can help with that")),
    Case("truncated_answer", _says("The largest planet of the solar system is the"), R, '"The',
         near=_says("The largest planet")),
    Case("truncated_answer", _says("So it is done:\n```python\nfor x in range(3):\n    print("), R,
         '"So', near=_says("So it is done:\n```python\nprint(3)\n```")),
    Case("truncated_answer", _says("Jupiter is the largest. It has many moons, a faint ring, and"),
         R, '"Jup'),
    Case("mojibake", _asks("It donâ€™t work, and the cafÃ© is closed."), Q, '"It',
         near=_asks("It don’t work, and the café is closed – Ñandú, NÃO.")),
    Case("mojibake", _asks("ÐŸÑ€Ð¸Ð²ÐµÑ‚, what does it mean?"), Q, '"Ð',
         near=_asks("Привет, what does it mean?")),
    Case("mojibake", _asks("The caf\ufffd is closed."), Q, '"The',
         near=_asks("The sign \ufffd stands for what was lost.")),
    Case("few_examples", lambda rows: "\n".join(rows[:20]), near=lambda rows: "\n".join(rows[:50])),
    Case("unbalanced_labels", lambda _: _labelled({"spam": 98, "ham": 2}),
         near=lambda _: _labelled({"spam": 60, "ham": 40})),
    Case("context_copied", _says(str(U["content"])), R, '"Which', nth=1,
         near=_says("Which planet is the largest? Jupiter.")),
]  # fmt: skip
