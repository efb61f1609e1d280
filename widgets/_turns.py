"""One message of a record as rows: its head, its marks, its content and its calls."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.laid import SIGNS, Laid, Rows
from widgets.numbers import compact
from widgets.record_data import Call, Mark, RecordData, Turn
from widgets.text import ascii_only, clean, fit

KNOWN_ROLES = frozenset(
    ("system", "developer", "user", "assistant", "tool", "function", "prompt", "completion")
)


def role_style(role: str) -> str:
    """Component class of a role; roles no schema knows have one of their own."""
    role = {"developer": "system", "function": "tool"}.get(role, role)
    if role in ("prompt", "completion"):
        role = "user" if role == "prompt" else "assistant"
    known = ("system", "user", "assistant", "tool")
    return f"record-view--{role}" if role in known else "record-view--other"


def lay_turn(
    out: Rows,
    turn: Turn,
    marks: Sequence[int],
    record: RecordData,
    changed: Sequence[tuple[int, int]] = (),
) -> None:
    """Lay a message out.

    Args:
        out: Where its rows go.
        turn: The message.
        marks: Which of the record's marks are on it.
        record: The record.
        changed: Parts of its text that differ from the answer beside it.
    """
    style = role_style(turn.role)
    bar = ("| " if ascii_only() else "▎ ", style)
    out.rows.append(_head(turn, [record.marks[i] for i in marks], bar, style, out.width))
    body = (bar,)
    for index in marks:
        out.mark(index, record.marks[index], body)
    for key, value in turn.extra:
        out.say(f"{key}:", "rows--muted", body)
        out.json(value, (bar, ("  ", "")))
    if turn.text:
        out.value(turn.text, "", body, changed=changed)
    for part in turn.parts:
        out.say(f"[{part.kind}]", "record-view--call", body)
        out.value(part.text, "rows--muted", (bar, ("  ", "")))
    for call in turn.calls:
        _call(out, call, bar)
    if not (turn.text or turn.parts or turn.calls or turn.extra):
        out.say("(no content)", "rows--muted", body)


def _head(turn: Turn, marks: Sequence[Mark], bar: tuple[str, str], style: str, width: int) -> Laid:
    """A turn's first row: role, name, whether it is trained, its worst mark, its tokens."""
    said = [clean(turn.role, 60).upper() if turn.role in KNOWN_ROLES else clean(turn.role, 60)]
    if turn.name:
        said.append(clean(turn.name, 64))
    if turn.call_id:
        said.append(f"answers {clean(turn.call_id, 64)}")
    if turn.weight is not None:
        trained = turn.weight == 0 and turn.weight is not False
        weight = clean(str(turn.weight), 20)
        said.append("not trained (weight 0)" if trained else f"weight {weight}")
    if turn.tokens is not None:
        said.append(f"{compact(turn.tokens)} tokens")
    signs = sorted({SIGNS.get(mark.severity, "?") for mark in marks}, key="EWA?".index)
    lead = (bar, *((f"{sign} ", _sign_style(sign)) for sign in signs))
    joint = " - " if ascii_only() else " · "
    room = max(4, width - 2 - 2 * len(signs))
    return Laid(lead, fit(joint.join(said), room), f"record-view--head {style}")


def _sign_style(sign: str) -> str:
    for severity, letter in SIGNS.items():
        if letter == sign:
            return f"rows--{severity}"
    return "rows--muted"


def _call(out: Rows, call: Call, bar: tuple[str, str]) -> None:
    arrow = "-> " if ascii_only() else "→ "
    name = clean(call.name, 80) + (f"  {clean(call.id, 64)}" if call.id else "")
    out.say(f"{arrow}{name}", "record-view--call", (bar,))
    if call.arguments:
        out.json(call.arguments, (bar, ("  ", "")))
