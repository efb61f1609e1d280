"""The argument parsers: of the commands, and of the application itself."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from tui import __version__
from tui.errors import UsageError

USAGE = """\
tunedeck [PATH ...] [--provider NAME] [--mouse | --no-mouse]
       tunedeck COMMAND ...        ('tunedeck COMMAND --help' has the rest)"""
_CODES = """\
exit codes: 0 done, 1 the thing asked about is bad, 2 wrong usage or an unreadable file,
3 the provider refused or could not be reached, 4 refused for safety, 130 interrupted
"""
EPILOG = f"""\
With no command it opens the terminal application on the files or folder named; several files are
one dataset, - is standard input.

{_CODES}"""
_APP_OPTIONS = """\
--provider NAME      where new runs go, unless the form says otherwise
--mouse, --no-mouse  use the mouse (default: not over SSH)"""
_JOB = "a job's id, the beginning of it, or 'last'"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are :class:`UsageError`, so that they look like every other error."""

    def error(self, message: str) -> NoReturn:
        for said, meant in _MEANT.items():
            message = re.sub(said, meant, message)
        raise UsageError(message, f"see '{self.prog} --help'")


_MEANT = {
    r"invalid int value: (.*)": r"\1 is not a whole number",
    r"invalid float value: (.*)": r"\1 is not a number",
}
"""What argparse says in its own words, and what is meant."""


class _Commands(_Parser):
    """The parser of all commands, which names the one that was not understood."""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Return the arguments.

        Raises:
            UsageError: They are not understood.
        """
        found, left = self.parse_known_args(args, namespace)
        if left:
            command = found.command
            prog = f"{self.prog} {command}"
            if not left[0].startswith("-"):
                raise UsageError(f"{command} takes no further {left[0]!r}", f"see '{prog} --help'")
            option = left[0].partition("=")[0]
            close = difflib.get_close_matches(option, _options_of(self, command), 1, 0.7)
            hint = f"did you mean {close[0]}?" if close else f"see '{prog} --help'"
            raise UsageError(f"{command} has no option {option}", hint)
        return found


def _options_of(parser: argparse.ArgumentParser, command: str) -> list[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action.choices[command]._option_string_actions)
    return []


def build_parser(families: Iterable[str]) -> argparse.ArgumentParser:
    """Return the parser of some commands.

    Args:
        families: The modules that add the commands; all of them for a help that lists them.
    """
    parser = _Commands(
        prog="tunedeck",
        usage=USAGE,
        description="Check, count, price, launch, watch and cancel fine-tuning, in a terminal.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"tunedeck {__version__}",
        help="show the version and exit",
    )
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    parser.add_argument("--read-only", action="store_true", help="change nothing at any provider")
    # Only told of here: before a command they would be silently overruled by the command's own.
    parser.add_argument_group("options of the application", _APP_OPTIONS)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", prog="tunedeck", parser_class=_Parser
    )
    for family in families:
        importlib.import_module(family).add_parsers(commands)
    _complete(commands)
    return parser


def _complete(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Say in each command's help what every command has in common and did not say itself."""
    summaries = {action.dest: action.help for action in commands._choices_actions}
    for name, parser in commands.choices.items():
        summary = summaries.get(name) or ""
        if parser.description is None:
            parser.description = f"{summary[:1].upper()}{summary[1:]}."
        if parser.epilog is None:
            parser.epilog = " ".join(_CODES.split())
        for action in parser._actions:
            if action.metavar == "JOB" and action.help is None:
                action.help = _JOB


def app_parser() -> argparse.ArgumentParser:
    """Return the parser of what opens the application."""
    parser = _Parser(prog="tunedeck", add_help=False, allow_abbrev=False)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--provider", metavar="NAME")
    parser.add_argument("--mouse", action=argparse.BooleanOptionalAction, default=None)
    return parser
