"""The way to the commands and to the application, and what happens to their errors."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.config import Paths
from tui.errors import FileError, TunedeckError, UsageError

INTERRUPTED = 130
READER_GONE = 141
FAULT = 70

FAMILIES = {
    "tui.cli.data": ("check",),
    "tui.cli.files": ("fix", "split", "convert"),
    "tui.cli.overlap": ("overlap",),
    "tui.cli.select": ("select",),
    "tui.cli.tokens": ("stats", "cost"),
    "tui.cli.launch": ("launch",),
    "tui.cli.jobs": ("jobs",),
    "tui.cli.watch": ("watch",),
    "tui.cli.waiting": ("wait",),
    "tui.cli.cancels": ("cancel", "pause", "resume"),
    "tui.cli.outcomes": ("results", "checkpoints"),
    "tui.cli.compare": ("compare",),
    "tui.cli.sample": ("sample",),
    "tui.cli.stored": ("models", "files", "delete-model", "delete-file"),
    "tui.cli.serve": ("serve",),
    "tui.cli.doctor": ("doctor",),
    "tui.cli.completion": ("completion",),
}
"""The commands by the module that adds them, so that only the one that is asked for is imported."""
FAMILY_OF = {command: family for family, commands in FAMILIES.items() for command in commands}
_ASKED = frozenset({"-h", "--help", "--version"})

if TYPE_CHECKING:
    import argparse

    Handler = Callable[[argparse.Namespace], int]


def run_command(argv: Sequence[str]) -> int:
    """Parse, run, and turn whatever went wrong into one line and an exit code."""
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        # A shell asks what the Tab key may offer.
        from tui.cli.completing import complete

        complete()
    as_json = "--json" in argv
    try:
        return _dispatch(list(argv))
    except TunedeckError as error:
        return _fail(error, as_json)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (``| head``).
        from tui.cli.output import give_up

        give_up(sys.stdout)
        return READER_GONE
    except OSError as error:
        return _fail(_from_os_error(error), as_json)
    except MemoryError:
        return _fail(FileError("out of memory", "free some memory and try again"), as_json)
    except Exception as error:  # noqa: BLE001  a fault of ours is told in one line as well
        return _fail(_fault(error), as_json)


def _fail(error: TunedeckError, as_json: bool) -> int:
    from tui.cli.output import report_error

    return report_error(error, as_json=as_json)


def _fault(error: Exception) -> TunedeckError:
    """Keep the traceback in a file for a report, and say where."""
    log = Paths.resolve().state / "crash.log"
    text = "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
        hint = f"please report it with {log}"
    except OSError:
        hint = "please report it"
    fault = TunedeckError(f"a fault in tunedeck ({type(error).__name__}: {error})", hint)
    fault.code, fault.exit_code = "fault", FAULT
    return fault


def _from_os_error(error: OSError) -> FileError:
    """Name the failures of the machine that no command foresaw, such as a full disk."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FileError(f"{where}the disk is full", "free some space; nothing was lost")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FileError(f"{where}no permission", "check the owner and mode, or set TUNEDECK_HOME")
    return FileError(f"{where}{error.strerror or error}", "check the path and try again")


def _dispatch(argv: list[str]) -> int:
    argv = _choose_drawing(_choose_read_only(argv))
    words = [word for word in argv if not word.startswith("-")]
    family = FAMILY_OF.get(words[0]) if words else None
    asked = not _ASKED.isdisjoint(argv[:1] if family else argv)
    if asked or family:
        from tui.cli.parsing import build_parser

        parser = build_parser((family,) if family and not asked else FAMILIES)
        args = parser.parse_args(argv if family else [word for word in argv if word in _ASKED])
        handler: Handler = args.handler
        return handler(args)
    return _open_app(argv)


def _looks_like_path(word: str) -> bool:
    return word == "-" or os.sep in word or "." in word


def _choose_read_only(argv: list[str]) -> list[str]:
    """Take ``--read-only`` out, wherever it stands: it holds for everything that is started."""
    if "--read-only" in argv:
        os.environ["TUNEDECK_READ_ONLY"] = "1"
    return [word for word in argv if word != "--read-only"]


def _choose_drawing(argv: list[str]) -> list[str]:
    """Take ``--ascii`` out, wherever it stands, and draw so that this terminal can show it."""
    if "--ascii" in argv:
        os.environ["TUNEDECK_ASCII"] = "1"
    wanted = os.environ.get("TUNEDECK_ASCII", "") not in ("", "0")
    encoding = (sys.stdout.encoding or "utf-8").lower()
    if wanted or not encoding.startswith("utf"):
        from widgets.text import use_ascii

        use_ascii(True)
    return [word for word in argv if word != "--ascii"]


def _refuse_unknown(word: str) -> None:
    """Say that a word is no file, and what may have been meant."""
    if _looks_like_path(word) or Path(word).exists():
        return
    if word in FAMILY_OF:
        raise UsageError(f"options stand before the command {word}", f"write 'tunedeck {word} …'")
    import difflib

    close = difflib.get_close_matches(word, FAMILY_OF, n=1)
    hint = f"did you mean 'tunedeck {close[0]}'?" if close else "see 'tunedeck --help'"
    raise UsageError(f"{word!r} is neither a file nor a command", hint)


def _open_app(argv: list[str]) -> int:
    """Open the application on the paths named, which may be commands misspelt."""
    if argv and not argv[0].startswith("-"):
        # Before its options are called unknown.
        _refuse_unknown(argv[0])
    paths, options = argv, {}
    if any(word.startswith("-") and word != "-" for word in argv):
        from tui.cli.parsing import app_parser

        args = app_parser().parse_args(argv)
        paths, options = args.paths, {"provider": args.provider, "mouse": args.mouse}
        if paths:
            _refuse_unknown(paths[0])
    # Loading Textual makes very many objects and no garbage, yet the collector would go through all
    # of them again and again, a tenth of the time to the first frame. The application turns it on.
    gc.disable()
    from tui.app import run_app

    return run_app(paths, **options)
