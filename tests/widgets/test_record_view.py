"""One record in full: as a conversation, as raw text, and what is found in it."""

from __future__ import annotations

import json

from tests.widgets.showing import HOSTILE, shown, text
from widgets.conversation import conversation
from widgets.record_data import Mark, RecordData
from widgets.record_view import RecordView

# RecordView

RAW = json.dumps(
    {
        "messages": [
            {"role": "system", "content": f"Be brief. {HOSTILE}"},
            {"role": "asistant", "content": "Hello there, how are you? " * 30, "weight": 0},
        ]
    }
)


def record() -> RecordData:
    turns, extra = conversation(json.loads(RAW))
    mark = Mark(
        "error",
        'role "asistant" is unknown',
        "unrecognized_role",
        "Did you mean assistant?",
        "messages[1].role",
        RAW.index('"asistant"'),
    )
    return RecordData(turns, RAW, (mark,), len(RAW), extra=extra)


async def test_a_record_is_a_conversation_with_its_faults_in_place() -> None:
    widget = RecordView()
    async with shown(widget, 50, 30) as pilot:
        widget.show(record())
        await pilot.pause()
        assert [line.rstrip(" ▐") for line in text(widget)[:9]] == [
            "▎ SYSTEM",
            "▎ Be brief. ␛]0;owned␇ [/x] [@click=app.quit]q[/]",
            "▎ ‹202E›‹D800›",
            "",
            "▎ E asistant · not trained (weight 0)",
            '▎ E unrecognized_role: role "asistant" is unknown',
            "▎   Did you mean assistant?",
            "▎ Hello there, how are you? Hello there, how are",
            "▎ you? Hello there, how are you? Hello there, how",
        ]


async def test_raw_text_has_carets_under_the_very_characters() -> None:
    widget = RecordView()
    async with shown(widget, 60, 30) as pilot:
        widget.show(record())
        await pilot.press("v")
        await pilot.pause()
        lines = text(widget)
        at = next(i for i, line in enumerate(lines) if '"asistant"' in line)
        assert lines[at + 1].index("^") == lines[at].index('"asistant"')
        assert lines[at + 1].count("^") == len('"asistant"')
        assert lines[at + 2].strip() == 'E unrecognized_role: role "asistant" is unknown'
        assert [m.mode for m in pilot.app.of(RecordView.ModeChanged)] == ["raw"]  # type: ignore[attr-defined]
        await pilot.press("p", "v")
        assert widget.mode == "chat"


async def test_find_goes_from_place_to_place_and_back() -> None:
    widget = RecordView()
    async with shown(widget, 40, 8) as pilot:
        widget.show(record())
        await pilot.pause()
        assert widget.find("HOW ARE")
        tops = [widget.top]
        while widget.find("how are"):
            tops.append(widget.top)
        assert len(tops) == 30
        assert tops == sorted(tops)
        assert widget.find("how are", backwards=True)
        assert not widget.find("nowhere")
        widget.clear_find()


async def test_any_width_and_size_is_survived() -> None:
    widget = RecordView()
    async with shown(widget, 20, 5) as pilot:
        widget.show(record())
        for size in ((1, 1), (3, 2), (200, 60), (9, 4)):
            await pilot.resize_terminal(*size)
            await pilot.press("v", "G", "g")
            assert len(text(widget)) == widget.size.height
        widget.show(None)
        await pilot.pause()
        assert "Hello" not in "".join(text(widget))


async def test_what_is_not_a_conversation_is_shown_raw() -> None:
    widget = RecordView()
    async with shown(widget, 60, 10) as pilot:
        widget.show(RecordData((), '{"a": tru', (Mark("error", "cut off", start=6),), 9))
        await pilot.pause()
        assert text(widget)[:3] == [' {"a": tru', "       ^^^", " E cut off"]
