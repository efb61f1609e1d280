"""Hints of the check as the application gives them: keys in place of commands."""

from __future__ import annotations

import re

_CONVERT = re.compile(r"convert it: tunedeck convert FILE -o OUT(?: --from \w+)?")


def in_app(hint: str) -> str:
    """Return a hint with the key in place of the command that converts a file."""
    if "tunedeck convert" not in hint:
        return hint
    hint = _CONVERT.sub("press C to convert it into chat JSONL", hint)
    return hint.replace("tunedeck convert FILE -o OUT", "press C to convert it")
