"""The argument parser, the way to the commands, and what happens to their errors."""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from tui import __version__
from tui.config import Paths
from tui.errors import FileError, TunedeckError, UsageError

INTERRUPTED = 130
READER_GONE = 141
FAULT = 70

# Each module adds its own commands; none of them imports anything heavy until its handler runs.
FAMILIES = (
    "tui.cli.data",
    "tui.cli.files",
    "tui.cli.overlap",
    "tui.cli.select",
    "tui.cli.tokens",
    "tui.cli.launch",
    "tui.cli.jobs",
    "tui.cli.outcomes",
    "tui.cli.stored",
    "tui.cli.serve",
    "tui.cli.doctor",
)

EPILOG = """\
With no command it opens the terminal application on the files or folder named.

exit codes: 0 done, 1 the thing asked about is bad, 2 wrong usage or an unreadable file,
3 the provider refused or could not be reached, 4 refused for safety, 130 interrupted
"""

Handler = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are :class:`UsageError`, so that they look like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see '{self.prog} --help'")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command of the contract."""
    parser = _Parser(
        prog="tunedeck",
        description="Check, count, price, launch, watch and cancel fine-tuning, in a terminal.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tunedeck {__version__}")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", parser_class=_Parser
    )
    for family in FAMILIES:
        importlib.import_module(family).add_parsers(commands)
    return parser


def _app_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tunedeck", add_help=False, allow_abbrev=False)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--provider", metavar="NAME")
    parser.add_argument("--mouse", action=argparse.BooleanOptionalAction, default=None)
    return parser


def _command_names(parser: argparse.ArgumentParser) -> list[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action.choices)
    return []


def run_command(argv: Sequence[str]) -> int:
    """Parse, run, and turn whatever went wrong into one line and an exit code."""
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
    argv = _choose_drawing(argv)
    words = [word for word in argv if not word.startswith("-")]
    if argv and argv[0] in ("-h", "--help", "--version"):
        build_parser().parse_args(argv)
    parser = build_parser() if words and not _looks_like_path(words[0]) else None
    if parser is not None and words[0] in _command_names(parser):
        args = parser.parse_args(argv)
        handler: Handler = args.handler
        return handler(args)
    return _open_app(argv, parser)


def _looks_like_path(word: str) -> bool:
    return os.sep in word or "." in word


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


def _open_app(argv: list[str], parser: argparse.ArgumentParser | None) -> int:
    args = _app_parser().parse_args(argv)
    if parser is not None and args.paths and not Path(args.paths[0]).exists():
        import difflib

        close = difflib.get_close_matches(args.paths[0], _command_names(parser), n=1)
        hint = f"did you mean 'tunedeck {close[0]}'?" if close else "see 'tunedeck --help'"
        raise UsageError(f"{args.paths[0]!r} is neither a file nor a command", hint)
    # Loading Textual makes very many objects and no garbage, yet the collector would go through all
    # of them again and again, a tenth of the time to the first frame. The application turns it on.
    gc.disable()
    from tui.app import run_app

    return run_app(args.paths, provider=args.provider, mouse=args.mouse)
