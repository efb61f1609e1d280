"""The two themes of the deck: calm, one accent, and quiet greys that 256 colours can show."""

from __future__ import annotations

from typing import ClassVar

from textual.scrollbar import ScrollBarRender
from textual.theme import Theme


class PlainBars(ScrollBarRender):
    """Scroll bars of whole cells that are told apart by colour alone, for ``--ascii``."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


DARK = Theme(
    name="deck-dark",
    primary="#5fafaf",
    secondary="#87afaf",
    accent="#5fd7d7",
    warning="#d7af5f",
    error="#ff5f5f",
    success="#87d787",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    boost="#303030",
    dark=True,
    variables={
        "block-cursor-background": "#3a3a3a",
        "block-cursor-foreground": "#eeeeee",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#303030",
        "block-cursor-blurred-foreground": "#d0d0d0",
        "input-cursor-text-style": "reverse",
        "border": "#5fafaf",
        "border-blurred": "#3a3a3a",
        "scrollbar": "#3a3a3a",
        "scrollbar-hover": "#4e4e4e",
        "scrollbar-active": "#5fafaf",
        "scrollbar-background": "#1c1c1c",
        "scrollbar-corner-color": "#1c1c1c",
        "scrollbar-background-hover": "#1c1c1c",
        "scrollbar-background-active": "#1c1c1c",
    },
)
LIGHT = Theme(
    name="deck-light",
    primary="#005f5f",
    secondary="#5f8787",
    accent="#008787",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#262626",
    background="#ffffff",
    surface="#f5f5f5",
    panel="#e4e4e4",
    boost="#dadada",
    dark=False,
    variables={
        "block-cursor-background": "#d0d0d0",
        "block-cursor-foreground": "#121212",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#dadada",
        "block-cursor-blurred-foreground": "#262626",
        "input-cursor-text-style": "reverse",
        "border": "#008787",
        "border-blurred": "#c6c6c6",
        "scrollbar": "#c6c6c6",
        "scrollbar-background": "#f5f5f5",
        "scrollbar-corner-color": "#f5f5f5",
    },
)
