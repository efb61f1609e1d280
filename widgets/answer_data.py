"""What stands in one of several panes of text side by side. Pure data, no Textual."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What a pane shows.

    Attributes:
        title: Whose text it is; cleaned by the caller, its end kept where it is too long.
        said: How it stands, such as ``exact`` or ``12 words``; cleaned by the caller.
        text: The text; foreign.
        marks: Parts of it that differ from what it is compared to, as offsets.
        tone: ``""``, ``muted``, ``error``, ``warning`` or ``success``, for what is said of it.
        plain: The text is no answer but words about one, such as why there is none.
        growing: More of the text is coming, so that its end is followed.
    """

    title: str
    said: str = ""
    text: str = ""
    marks: tuple[Span, ...] = ()
    tone: str = ""
    plain: bool = False
    growing: bool = False
