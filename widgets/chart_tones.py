"""The colours of charts, on the screen and in pictures: told apart on white and on black alike.

Blue and orange come first, as most people can tell them apart. All are among the 256 that simple
terminals show. Keys are those of `widgets.chart_data` and of `widgets.raster`.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT = {
    "t": "#005fd7",
    "v": "#af5f00",
    "w": "#008700",
    "x": "#d70000",
    "A": "#8700af",
    "B": "#008787",
    "C": "#d70087",
    "D": "#5f5f00",
    "b": "#008700",
    "k": "#008700",
    "m": "#d70000",
}
DARK = {
    "t": "#5fafff",
    "v": "#ffaf5f",
    "w": "#87d787",
    "x": "#ff8787",
    "A": "#d787ff",
    "B": "#5fd7d7",
    "C": "#ff87d7",
    "D": "#d7d75f",
    "b": "#87d787",
    "k": "#87d787",
    "m": "#ff5f5f",
}
ANSI = {
    "t": "ansi_bright_cyan",
    "v": "ansi_yellow",
    "w": "ansi_bright_green",
    "x": "ansi_bright_red",
    "A": "ansi_bright_magenta",
    "B": "ansi_green",
    "C": "ansi_red",
    "D": "ansi_bright_blue",
    "b": "ansi_bright_green",
    "k": "ansi_green",
    "m": "ansi_bright_red",
}
FAINT = {"r": "t", "q": "v"}
"""The keys of faint points, and of the lines they belong to."""


def css(widget: str, classes: Mapping[str, str]) -> str:
    """Rules that give the component classes of a widget their colours.

    Args:
        widget: The name of the widget's class.
        classes: Component class of each key.
    """
    rules = []
    for theme, tones in (("light", LIGHT), ("dark", DARK), ("ansi", ANSI)):
        for key, name in classes.items():
            line = FAINT.get(key, key)
            if line not in tones:
                continue
            tone = tones[line]
            if key in FAINT:
                tone = tone.replace("bright_", "") + "; text-style: dim" * (theme == "ansi")
                tone += " 45%" * (theme != "ansi")
            rules.append(f"{widget}:{theme} > .{name} {{ color: {tone}; }}")
    return "\n".join(rules)
