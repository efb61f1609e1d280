"""The person's own editor on one text, in a private file that is gone afterwards."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tui.errors import TunedeckError
from widgets.json_lines import pretty_lines
from widgets.text import clean

USUAL = ("sensible-editor", "nano", "vim", "vi")
"""Tried in this order where neither VISUAL nor EDITOR says anything."""

EDIT_BYTES = 16 << 20
"""The longest record that is edited."""


class EditorError(TunedeckError):
    """The editor is missing or failed; the message says what to do."""


def editor_command(env: Mapping[str, str] | None = None) -> list[str]:
    """Return the editor to run: VISUAL, else EDITOR, else one of the usual ones.

    Raises:
        EditorError: There is none, or the one named is not there.
    """
    env = os.environ if env is None else env
    for name in ("VISUAL", "EDITOR"):
        said = env.get(name, "").strip()
        if not said:
            continue
        try:
            command = shlex.split(said)
        except ValueError:
            command = []
        if not command or shutil.which(command[0], path=env.get("PATH")) is None:
            raise EditorError(
                f"the editor {clean(said, 60)} is not there", f"set {name} to one that is"
            )
        return command
    for name in USUAL:
        if shutil.which(name, path=env.get("PATH")) is not None:
            return [name]
    raise EditorError("no editor was found", "set EDITOR to one: export EDITOR=nano")


def pretty(raw: str) -> str:
    """Return a record as it is edited: indented, not one character of its values changed."""
    lines = [f"{'  ' * depth}{raw[start:end]}" for depth, start, end in pretty_lines(raw)]
    return "\n".join(lines) + "\n"


def edit(text: str, command: list[str]) -> str:
    """Let a person edit a text; the terminal must be free for the editor.

    Args:
        text: What is in the editor at first.
        command: The editor, from `editor_command`.

    Returns:
        What was saved, perhaps the same.

    Raises:
        EditorError: The editor failed, or what it left cannot be used.
    """
    # A folder of its own, so that the editor's copies and swap files go with it.
    with tempfile.TemporaryDirectory(prefix="tunedeck-") as folder:
        file = Path(folder, "record.json")
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
        _run([*command, str(file)])
        try:
            with open(file, "rb") as stream:
                data = stream.read(2 * EDIT_BYTES + 1)
        except OSError as error:
            raise EditorError("the editor left no file", "save without another name") from error
    if len(data) > 2 * EDIT_BYTES:
        raise EditorError("what was saved is too long for a record", "make it shorter")
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _run(command: list[str]) -> None:
    name = clean(os.path.basename(command[0]), 40)
    try:
        with _keys_are_the_editors():
            code = subprocess.run(command, check=False).returncode
    except OSError as error:
        reason = clean(error.strerror or str(error), 80)
        raise EditorError(f"{name} does not start ({reason})", "set EDITOR to another") from error
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise EditorError(f"{name} {how}", "nothing was changed")


@contextmanager
def _keys_are_the_editors() -> Iterator[None]:
    """Ctrl+C in the editor is not for us; the editor starts with the usual meaning of it."""
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, lambda *_: None)
    except ValueError:  # not the main thread: then the signal does not come here either
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
