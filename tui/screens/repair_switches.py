"""The switches of the Repair screen: a row a repair, with how many records it touches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.message import Message

from tui.opened.fixing import EDITS, INVALID, REPAIRS, WORDS
from widgets.rows import Pieces, VirtualList
from widgets.text import pad

_ORDER = (EDITS, *REPAIRS, INVALID)


class Switches(VirtualList):
    """Repairs that the file needs, each on or off; the rest of them is not shown.

    Args:
        chosen: Those that are on.
    """

    DEFAULT_CSS = """
    Switches {
        & > .switches--on { text-style: bold; }
        & > .switches--count { color: $text-primary; }
        &:ansi > .switches--count { color: ansi_bright_blue; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"switches--on", "switches--count"}

    class Changed(Message):
        """A switch was turned.

        Attributes:
            code: Which one; empty for several.
            chosen: Those that are on now.
        """

        def __init__(self, code: str, chosen: frozenset[str]) -> None:
            super().__init__()
            self.code = code
            self.chosen = chosen

    def __init__(self, chosen: set[str]) -> None:
        super().__init__()
        self.chosen = chosen
        self._counts: dict[str, int] = {}
        self._codes: list[str] = [INVALID]
        self._turned = False

    @property
    def row_count(self) -> int:
        """How many switches there are: two rows each, the second says what it does."""
        return len(self._codes)

    @property
    def codes(self) -> list[str]:
        """The switches that are shown, in order."""
        return list(self._codes)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Take in how many records each repair touches; new ones come in their places.

        Args:
            counts: Records by code; less than none where that is not known yet.
        """
        before, under = len(self._codes), self._codes[self.cursor]
        changed = [code for code in self._codes if counts.get(code) != self._counts.get(code)]
        self._counts = dict(counts)
        codes = [code for code in _ORDER if counts.get(code) or code == INVALID]
        if codes != self._codes:
            self._codes = codes
            # The last switch is the first one there is: it is where nobody has gone so far.
            stay = under in codes and (under != INVALID or self._turned)
            self.cursor = codes.index(under) if stay else 0
            self.rows_changed(before)
            self.refresh(layout=True)
        else:
            self.refresh_row(*(codes.index(code) for code in changed))

    def get_content_height(self, *_: object) -> int:
        """As high as there are switches, where there is little room."""
        return len(self._codes)

    def row_pieces(self, index: int, width: int) -> Pieces:
        """The switch, the repair's code, its count, what it does."""
        code = self._codes[index]
        on = code in self.chosen
        count = self._counts.get(code, -1)
        known = count >= 0
        return [
            (self.cursor_sign(index), ""),
            ("[x] " if on else "[ ] ", "switches--on" if on else "rows--muted"),
            (f"{count:>7,}  " if known else " " * 9, "switches--count"),
            (pad(_NAMES.get(code, code), _NAME), "switches--on" if on else ""),
            (f" {WORDS[code]}" if width - _NAME > 30 else "", "rows--muted"),
        ]

    def toggle(self) -> None:
        """Turn the switch under the cursor."""
        code = self._codes[self.cursor]
        self.chosen ^= {code}
        self._turned = True
        self.refresh_row(self.cursor)
        self.post_message(self.Changed(code, frozenset(self.chosen)))

    def toggle_all(self) -> None:
        """Turn on every repair that is shown; where all are on, turn them off."""
        shown = {code for code in self._codes if code in REPAIRS}
        if shown <= self.chosen:
            self.chosen -= set(REPAIRS)
        else:
            self.chosen |= shown
        self.refresh()
        self.post_message(self.Changed("", frozenset(self.chosen)))

    def row_chosen(self) -> None:
        """Enter, or a click on the cursor's row, turns the switch."""
        self.toggle()


_NAMES = {EDITS: "your edits", INVALID: "drop invalid records"}
_NAME = max(map(len, (*REPAIRS, *_NAMES.values())))
